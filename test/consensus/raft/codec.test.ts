/** Messages and records: one value, one encoding, and nothing else is read. */
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import { encodeRlp } from '../../../src/chain/rlp.ts';
import { MAX_RUN_BLOCKS } from '../../../src/consensus/members/runs.ts';
import { blocksIn, type RaftMessage } from '../../../src/consensus/raft/messages.ts';
import { decodeRecord, encodeRecord, type RaftRecord, RECORD_FORMAT } from '../../../src/consensus/raft/records.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blocksOf, C } from '../members/world.ts';
import { placeOf, World } from './world.ts';

const BLOCKS = blocksOf(GENESIS.block, [1, 2]);
const [FIRST] = BLOCKS;
const prev = placeOf(GENESIS.block);
const { engine } = new World();

const MESSAGES: readonly RaftMessage[] = [
  { type: 'requestVote', term: 7, campaign: 'preVote', last: { height: 3, term: 2 } },
  { type: 'requestVote', term: 7, campaign: 'transfer', last: { height: 0, term: 0 } },
  { type: 'vote', term: 9, isPre: true, granted: false },
  { type: 'append', term: 1, prev, block: FIRST ?? null, commit: 4, round: 2 },
  { type: 'append', term: 1, prev, block: null, commit: 0, round: 0 },
  { type: 'ack', term: 1, durable: 2, has: 3, round: 4 },
  { type: 'reject', term: 1, at: 5, hint: { height: 4, term: 1 }, stored: 3, round: 2 },
  { type: 'chunk', term: 2, blocks: BLOCKS, certificate: Uint8Array.of(1, 2) },
  { type: 'chunk', term: 2, blocks: BLOCKS, certificate: null },
  { type: 'timeoutNow', term: 3 },
  { type: 'read', read: { incarnation: 3, number: 4 } },
  { type: 'readAt', read: { incarnation: 3, number: 4 }, height: 5 },
  { type: 'certificate', certificate: Uint8Array.of(5) },
  { type: 'whoDecides' },
  { type: 'deciders', nodes: [B, C] },
];

describe('a message', () => {
  it.each(MESSAGES.map((message) => [message.type, message] as const))('%s is read as it was written', (_type, message) => {
    const bytes = engine.encode(message);
    expect(engine.decode(bytes)).toEqual(message);
    expect(engine.encode(engine.decode(bytes))).toEqual(bytes);
  });

  it('shows the blocks that it carries', () => {
    expect(MESSAGES.map((message) => blocksIn(message).length)).toEqual([0, 0, 0, 1, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0]);
  });

  it.each([
    ['no list', Uint8Array.of(5)],
    ['an empty list', encodeRlp([])],
    ['an unknown kind', encodeRlp([99, 1])],
    ['too few fields', encodeRlp([5, 1, 2, 3])],
    ['too many fields', encodeRlp([5, 1, 2, 3, 4, 5])],
    ['an unknown campaign', encodeRlp([2, 1, 3, 0, 0])],
    ['a boolean that is none', encodeRlp([3, 1, 2, 0])],
    ['a hash of another length', encodeRlp([4, 1, 0, new Uint8Array(31), 0, new Uint8Array(0), 0, 0])],
    ['a block that is none', encodeRlp([4, 1, 0, new Uint8Array(32), 0, Uint8Array.of(1), 0, 0])],
    ['a number with zeros before it', encodeRlp([8, Uint8Array.of(0, 1)])],
    ['a number that is too large', encodeRlp([8, 2n ** 60n])],
    ['no blocks', encodeRlp([7, 1, [], new Uint8Array(0)])],
    ['too many blocks', encodeRlp([7, 1, Array(MAX_RUN_BLOCKS + 1).fill(Uint8Array.of(1)), new Uint8Array(0)])],
    ['a list for a number', encodeRlp([8, [1]])],
    ['nobody who decides', encodeRlp([12, []])],
    ['a name that is none', encodeRlp([12, [Uint8Array.of(0xff)]])],
  ])('with %s is refused', (_what, bytes) => {
    expect(() => engine.decode(bytes)).toThrow(DecodeError);
  });
});

describe('a record', () => {
  const RECORDS: readonly RaftRecord[] = [
    { type: 'term', term: 4, vote: B, stored: 3 },
    { type: 'term', term: 5, vote: null, stored: 0 },
    ...BLOCKS.map((block) => ({ type: 'block', block }) as const),
  ];

  it.each(RECORDS)('$type is read as it was written', (record) => {
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  it.each([
    ['of another format', encodeRlp([RECORD_FORMAT + 1, 0, 1, new Uint8Array(0)]), 'raft/record-format'],
    ['of an unknown kind', encodeRlp([RECORD_FORMAT, 7]), 'raft/record'],
    ['that is cut short', encodeRlp([RECORD_FORMAT, 0, 1]), 'raft/record'],
    ['that is no list', Uint8Array.of(1, 2), 'raft/record'],
  ])('%s is refused', (_what, bytes, code) => {
    expect(() => decodeRecord(bytes)).toThrow(expect.objectContaining({ code }));
  });
});
