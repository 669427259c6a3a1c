import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/rpc/json-text.ts';

const bounds = { maxJsonDepth: 4, maxBatchItems: 3 };
const parse = (text: string) => parseJson(Buffer.from(text), bounds);

describe('parseJson', () => {
  it('parses what is within the bounds', async () => {
    expect(await parse('[[[["x"]]],{"a":[1,2,3,4,5]},3]')).toEqual([[[['x']]], { a: [1, 2, 3, 4, 5] }, 3]);
    expect(await parse(' "just text" ')).toBe('just text');
  });

  it('refuses what nests deeper, brackets and braces alike', async () => {
    const deeper = /^parse error: the request nests deeper than 4 levels$/;
    await expect(parse('[[[[[]]]]]')).rejects.toThrow(deeper);
    await expect(parse('{"a":{"a":{"a":{"a":{}}}}}')).rejects.toThrow(deeper);
    await expect(parse('['.repeat(1_000_000))).rejects.toThrow(deeper);
  });

  it('does not count brackets and commas in strings', async () => {
    expect(await parse('"[[[[[[[["')).toBe('[[[[[[[[');
    expect(await parse('["a,b,c,d,e,f"]')).toEqual(['a,b,c,d,e,f']);
    expect(await parse(String.raw`["\"[[[[[[[[", "\\"]`)).toEqual(['"[[[[[[[[', '\\']);
    await expect(parse(String.raw`["\\",[[[[1]]]]]`)).rejects.toThrow('deeper');
  });

  it('counts the items of a batch, and only those', async () => {
    expect(await parse('[1,2,3]')).toEqual([1, 2, 3]);
    await expect(parse('[1,2,3,4]')).rejects.toThrow('batch too large: at most 3 requests are allowed');
    expect(await parse('{"a":1,"b":2,"c":3,"d":4}')).toMatchObject({ d: 4 });
  });

  it('refuses millions of values, wherever they stand', async () => {
    await expect(parse(`{"a":[${'1,'.repeat(500_000)}1]}`)).rejects.toThrow('more than 500000 values');
    expect(await parse(`{"a":"${'1,'.repeat(500_000)}"}`)).toHaveProperty('a');
  });

  it('calls everything else a parse error', async () => {
    for (const text of ['', '{', '"', '"\\', '[1,]', 'nonsense', '{"a":}', ']', '\u0000']) {
      await expect(parse(text), text).rejects.toThrow(expect.objectContaining({ rpcCode: -32700, code: 'rpc/parse' }));
    }
  });
});
