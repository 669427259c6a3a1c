import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/rpc/json-text.ts';

const bounds = { maxJsonDepth: 4, maxBatchItems: 3 };
const parse = (text: string) => parseJson(text, bounds);

describe('parseJson', () => {
  it('parses what is within the bounds', () => {
    expect(parse('[[[["x"]]],{"a":[1,2,3,4,5]},3]')).toEqual([[[['x']]], { a: [1, 2, 3, 4, 5] }, 3]);
    expect(parse(' "just text" ')).toBe('just text');
  });

  it('refuses what nests deeper, brackets and braces alike', () => {
    const deeper = /^parse error: the request nests deeper than 4 levels$/;
    expect(() => parse('[[[[[]]]]]')).toThrow(deeper);
    expect(() => parse('{"a":{"a":{"a":{"a":{}}}}}')).toThrow(deeper);
    expect(() => parse('['.repeat(1_000_000))).toThrow(deeper);
  });

  it('does not count brackets and commas in strings', () => {
    expect(parse('"[[[[[[[["')).toBe('[[[[[[[[');
    expect(parse('["a,b,c,d,e,f"]')).toEqual(['a,b,c,d,e,f']);
    expect(parse(String.raw`["\"[[[[[[[[", "\\"]`)).toEqual(['"[[[[[[[[', '\\']);
    expect(() => parse(String.raw`["\\",[[[[1]]]]]`)).toThrow('deeper');
  });

  it('counts the items of a batch, and only those', () => {
    expect(parse('[1,2,3]')).toEqual([1, 2, 3]);
    expect(() => parse('[1,2,3,4]')).toThrow('batch too large: at most 3 requests are allowed');
    expect(parse('{"a":1,"b":2,"c":3,"d":4}')).toMatchObject({ d: 4 });
  });

  it('refuses millions of values, wherever they stand', () => {
    expect(() => parse(`{"a":[${'1,'.repeat(250_000)}1]}`)).toThrow('more than 250000 values');
    expect(parse(`{"a":"${'1,'.repeat(250_000)}"}`)).toHaveProperty('a');
  });

  it('calls everything else a parse error', () => {
    for (const text of ['', '{', '"', '"\\', '[1,]', 'nonsense', '{"a":}', ']', '\u0000']) {
      expect(() => parse(text), text).toThrow(expect.objectContaining({ rpcCode: -32700, code: 'rpc/parse' }));
    }
  });
});
