/** Reading fields and records: each that is not what was expected is refused with the engine's own code. */
import { describe, expect, it } from 'vitest';
import { Lsn } from '../../../src/base/types.ts';
import { encodeRlp, type RlpValue } from '../../../src/chain/rlp.ts';
import { encodedBlock, Fields, openMessage } from '../../../src/consensus/members/fields.ts';
import { checkLeap, MAX_LEAP } from '../../../src/consensus/members/leaps.ts';
import { readRecord, recordsOf } from '../../../src/consensus/members/records.ts';
import { GENESIS } from '../../simulator/support.ts';

const FORMAT = { name: 'Test', code: 'decode/test', maxFields: 4, maxNesting: 3 };
const fieldsOf = (...values: readonly RlpValue[]) => new Fields('decode/test', openMessage(encodeRlp([0, ...values]), FORMAT).rest);
const refused = expect.objectContaining({ code: 'decode/test' });
const text = (value: string) => new TextEncoder().encode(value);

describe('fields', () => {
  it('are read in order, to the last', () => {
    const fields = fieldsOf(7, text('node-1'), encodedBlock(GENESIS.block));
    expect([fields.number('a'), fields.node()]).toEqual([7, 'node-1']);
    expect(fields.block()).toEqual(GENESIS.block);
    fields.end();
  });

  const wrong: readonly (readonly [string, readonly RlpValue[], (fields: Fields) => unknown])[] = [
    ['a number above the most', [9], (fields) => fields.number('a', 8)],
    ['nothing where one or more is expected', [0], (fields) => fields.positive('a')],
    ['a choice that there is not', [2], (fields) => fields.flag('a')],
    ['a hash of another length', [new Uint8Array(31)], (fields) => fields.hash('a')],
    ['a node without a name', [new Uint8Array(0)], (fields) => fields.node()],
    ['a node whose name is no text', [Uint8Array.of(0xff, 0xfe)], (fields) => fields.node()],
    ['a name that is too long', [new Uint8Array(129).fill(97)], (fields) => fields.node()],
    ['no blocks', [[]], (fields) => fields.blocks(3)],
    ['a certificate that is too long', [new Uint8Array(70_000)], (fields) => fields.certificate()],
    ['too few fields', [], (fields) => fields.number('a')],
    ['too many fields', [1, 2], (fields) => [fields.number('a'), fields.end()]],
    ['an item with a field too many', [[[1, 2]]], (fields) => fields.list('a', 2, 2, (item) => item.number('b'))],
  ];
  it.each(wrong)('refuse %s', (_what, values, read) => {
    expect(() => read(fieldsOf(...values))).toThrow(refused);
  });

  it('of a message that is larger than any block are not looked at', () => {
    expect(() => openMessage(new Uint8Array(9_000_000), FORMAT)).toThrow(refused);
  });
});

describe('a record', () => {
  const format = { engine: 'test', name: 'Test', format: 2, maxFields: 4, advice: 'Do nothing.' };
  const read = (value: RlpValue) => readRecord(encodeRlp(value), format, (kind, fields) => [kind, fields.number('a')]);

  it('of this version is read, any other is not', () => {
    expect(read([2, 1, 5])).toEqual([1, 5]);
    expect(() => read([3, 1, 5])).toThrow(expect.objectContaining({ code: 'test/record-format' }));
    for (const value of [[2], [2, 1], [2, 1, 5, 5], 7]) expect(() => read(value)).toThrow(expect.objectContaining({ code: 'test/record' }));
  });

  it('has its place in the log, counted from the last', () => {
    const records = [Uint8Array.of(1), Uint8Array.of(2)];
    expect([...recordsOf({ records, lsn: Lsn(9) }, ([first]) => first)]).toEqual([
      [1, 8],
      [2, 9],
    ]);
  });
});

describe('a number that only ascends', () => {
  it('may be later by as much as a network can have gone, and by no more', () => {
    expect(() => checkLeap('test/leap', 'the term', 5, 5 + MAX_LEAP)).not.toThrow();
    expect(() => checkLeap('test/leap', 'the term', 5, 6 + MAX_LEAP)).toThrow(expect.objectContaining({ code: 'test/leap' }));
  });
});
