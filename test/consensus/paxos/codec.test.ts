/** Messages and records: one value, one encoding, and nothing else is read. */
import { describe, expect, it } from 'vitest';
import { bigToFixed, toHex } from '../../../src/base/bytes.ts';
import { DecodeError } from '../../../src/base/errors.ts';
import { ZERO_ADDRESS } from '../../../src/base/types.ts';
import { encodeRlp } from '../../../src/chain/rlp.ts';
import { MAX_RUN_BLOCKS } from '../../../src/consensus/members/runs.ts';
import { createPaxos } from '../../../src/consensus/paxos/engine.ts';
import { MAX_ACCEPTED, positionOf } from '../../../src/consensus/paxos/log.ts';
import { blocksIn, type PaxosMessage } from '../../../src/consensus/paxos/messages.ts';
import { decodeRecord, encodeRecord, type PaxosRecord, RECORD_FORMAT } from '../../../src/consensus/paxos/records.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS } from '../../simulator/support.ts';

const settings = { members: membersOf([0, 1, 2].map(placeId), TAG_KEYS) };
const params = { ...GENESIS.params, engine: { name: 'paxos', settings } };
const engine = createPaxos(params, { beneficiary: ZERO_ADDRESS, produce: true, signers: [] }, TAG_KEYS.signatures);
const A1 = childOf(GENESIS.block, 0, { nonce: toHex(bigToFixed(256n, 8)) });
const A2 = childOf(A1, 0, { nonce: toHex(bigToFixed(256n, 8)) });
const genesis = positionOf(GENESIS.block);
const first = positionOf(A1);
const HASH = new Uint8Array(32);

const MESSAGES: readonly PaxosMessage[] = [
  { type: 'prepare', ballot: 256, height: 7 },
  { type: 'promise', ballot: 256, decided: genesis, below: genesis, votes: [] },
  { type: 'promise', ballot: 513, decided: genesis, below: genesis, votes: [{ ballot: 256, hash: first.hash }] },
  { type: 'accept', ballot: 256, block: A1, commit: genesis },
  { type: 'accepted', ballot: 256, height: 1, round: 9 },
  { type: 'preempted', ballot: 256, promised: 513 },
  { type: 'lead', ballot: 256, commit: first, round: 3 },
  { type: 'alive', promised: 256 },
  { type: 'ask', above: 3, tip: first.hash },
  { type: 'blocks', blocks: [A1, A2], decided: 1 },
  { type: 'elect', word: 'coordinator', candidate: 2 },
  { type: 'read', read: { incarnation: 3, number: 4 } },
  { type: 'readAt', read: { incarnation: 3, number: 4 }, height: 5 },
  { type: 'stand', ballot: 256 },
  { type: 'certificate', certificate: Uint8Array.of(5) },
];

describe('a message', () => {
  it.each(MESSAGES.map((message) => [message.type, message] as const))('%s is read as it was written', (_type, message) => {
    const bytes = engine.encode(message);
    expect(engine.decode(bytes)).toEqual(message);
    expect(engine.encode(engine.decode(bytes))).toEqual(bytes);
  });

  it('shows the blocks that it carries', () => {
    expect(MESSAGES.flatMap((message) => blocksIn(message))).toEqual([A1, A1, A2]);
  });

  it.each([
    ['no list', Uint8Array.of(5)],
    ['an empty list', encodeRlp([])],
    ['an unknown kind', encodeRlp([99, 1])],
    ['too few fields', encodeRlp([2, 1])],
    ['too many fields', encodeRlp([2, 1, 2, 3])],
    ['a vote of one field', encodeRlp([3, 1, 0, HASH, 0, HASH, [[1]]])],
    ['a vote that is none', encodeRlp([3, 1, 0, HASH, 0, HASH, [1]])],
    ['too many votes', encodeRlp([3, 1, 0, HASH, 0, HASH, Array(MAX_ACCEPTED + 1).fill([1, HASH])])],
    ['a hash of another length', encodeRlp([10, 1, new Uint8Array(31)])],
    ['a block that is none', encodeRlp([4, 1, Uint8Array.of(1), 0, HASH])],
    ['no blocks', encodeRlp([10, [], 0])],
    ['too many blocks', encodeRlp([10, Array(MAX_RUN_BLOCKS + 1).fill(Uint8Array.of(1)), 0])],
    ['an unknown word of an election', encodeRlp([11, 3, 0])],
    ['a candidate who is no member', encodeRlp([11, 0, 3])],
    ['a number with zeros before it', encodeRlp([8, Uint8Array.of(0, 1)])],
    ['a number that is too large', encodeRlp([8, 2n ** 60n])],
    ['a list for a number', encodeRlp([8, [1]])],
  ])('with %s is refused', (_what, bytes) => {
    expect(() => engine.decode(bytes)).toThrow(DecodeError);
  });
});

describe('a record', () => {
  const RECORDS: readonly PaxosRecord[] = [
    { type: 'promised', ballot: 513 },
    { type: 'accepted', ballot: 256, block: A1 },
    { type: 'again', ballot: 513, ...first },
  ];

  it.each(RECORDS.map((record) => [record.type, record] as const))('%s is read as it was written', (_type, record) => {
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  it.each([
    ['of another format', encodeRlp([RECORD_FORMAT + 1, 0, 1]), 'paxos/record-format'],
    ['of an unknown kind', encodeRlp([RECORD_FORMAT, 9, 1]), 'paxos/record'],
    ['with too many fields', encodeRlp([RECORD_FORMAT, 0, 1, 2]), 'paxos/record'],
    ['with a short hash', encodeRlp([RECORD_FORMAT, 2, 1, 2, Uint8Array.of(1)]), 'paxos/record'],
    ['that is no list', Uint8Array.of(1), 'paxos/record'],
  ])('%s ends the start', (_what, bytes, code) => {
    expect(() => decodeRecord(bytes)).toThrow(expect.objectContaining({ code }));
  });
});
