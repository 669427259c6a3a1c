/** Messages and records: what is written is read again, and what is not their form is refused by its own code. */
import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../../src/base/bytes.ts';
import type { Hash } from '../../../src/base/types.ts';
import { encodeRlp } from '../../../src/chain/rlp.ts';
import { NEW_VIEW, VIEW_CHANGE } from '../../../src/consensus/pbft/ballots.ts';
import { changeDigest, decode, encode, newViewDigest, type PbftMessage } from '../../../src/consensus/pbft/messages.ts';
import { decodeRecord, encodeRecord, type LogRecord, RECORD_FORMAT } from '../../../src/consensus/pbft/records.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS } from '../../simulator/support.ts';
import { BALLOTS, certificateOf, voteOf } from './world.ts';

const hash = `0x${'ab'.repeat(32)}` as Hash;
const ballot = { view: 3, height: 7, hash };
const block = childOf(GENESIS.block);
const prepared = certificateOf([0, 1, 3], 'prepare', ballot);
const committed = certificateOf([0, 1, 3], 'commit', ballot);
const turn = (statement: Uint8Array) => BALLOTS.turns.vote(2, TAG_KEYS.signer(2, 0), statement);
const said = { checkpoint: committed, prepared };
const change = { ...said, vote: turn(BALLOTS.turnStatement(VIEW_CHANGE, 4, changeDigest(said))) };
const changes = [change, change, change];
const newView = { changes, vote: turn(BALLOTS.turnStatement(NEW_VIEW, 4, newViewDigest(BALLOTS, changes))) };
const evidence = {
  phase: 'commit',
  votes: [voteOf(1, 'commit', ballot), voteOf(1, 'commit', { ...ballot, hash: `0x${'cd'.repeat(32)}` as Hash })],
} as const;

const MESSAGES: readonly PbftMessage[] = [
  { type: 'preprepare', block, vote: voteOf(0, 'prepare', ballot) },
  { type: 'vote', phase: 'prepare', vote: voteOf(1, 'prepare', ballot) },
  { type: 'vote', phase: 'commit', vote: voteOf(1, 'commit', ballot) },
  { type: 'viewChange', change, block: null },
  { type: 'viewChange', change, block },
  { type: 'newView', newView },
  { type: 'status', status: { view: 5, isChanging: true, height: 9, progress: 'proposal' } },
  { type: 'certificate', certificate: committed },
  { type: 'evidence', evidence },
  { type: 'ask', read: { incarnation: 1, number: 4 }, height: 2 },
  { type: 'answer', read: { incarnation: 1, number: 4 }, committed, prepared: EMPTY },
];

const RECORDS: readonly LogRecord[] = [
  { type: 'block', view: 3, block, isVoted: true },
  { type: 'block', view: 0, block, isVoted: false },
  { type: 'prepared', certificate: prepared },
  { type: 'committed', certificate: committed },
  { type: 'viewChange', change },
  { type: 'newView', newView, block },
  { type: 'newView', newView, block: null },
  { type: 'evidence', evidence },
];

describe('messages', () => {
  it.each(MESSAGES.map((message) => [message.type, message] as const))('of type %s are read as they were written', (_, message) => {
    expect(decode(BALLOTS, encode(BALLOTS, message))).toEqual(message);
  });

  it('are refused where they are none', () => {
    const code = (value: Parameters<typeof encodeRlp>[0]) => {
      try {
        decode(BALLOTS, encodeRlp(value));
        return null;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    expect(code([9])).toBe('decode/pbft');
    expect(code([5])).toBe('decode/pbft');
    expect(code([4, 1, 2, 3, 0])).toBe('decode/pbft');
    expect(code([4, 1, 1, 3, 3])).toBe('decode/pbft');
    expect(code([5, new Uint8Array(70_000)])).toBe('decode/pbft');
    expect(code([1, 2, EMPTY])).toBe('decode/pbft');
    expect(code([1, 0, prepared])).toBe('decode/pbft');
    expect(code([1, 0, committed])).toBe('decode/votes');
    expect(code(EMPTY)).toBe('decode/rlp');
    expect(() => decode(BALLOTS, new Uint8Array(9_000_000))).toThrow(expect.objectContaining({ code: 'decode/pbft' }));
  });
});

describe('records', () => {
  it.each(RECORDS.map((record) => [record.type, record] as const))('of type %s are read as they were written', (_, record) => {
    expect(decodeRecord(BALLOTS, encodeRecord(BALLOTS, record))).toEqual(record);
  });

  it('of another format, or of nobody, are told apart', () => {
    expect(() => decodeRecord(BALLOTS, encodeRlp([RECORD_FORMAT + 1, 2, committed]))).toThrow(
      expect.objectContaining({ code: 'pbft/record-format' }),
    );
    expect(() => decodeRecord(BALLOTS, encodeRlp([RECORD_FORMAT, 77, committed]))).toThrow(
      expect.objectContaining({ code: 'pbft/record' }),
    );
    expect(() => decodeRecord(BALLOTS, Uint8Array.of(1, 2, 3))).toThrow(expect.objectContaining({ code: 'pbft/record' }));
  });
});
