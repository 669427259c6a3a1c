/** What a genesis file may say of Chandra-Toueg, and what messages and records look like. */
import { describe, expect, it } from 'vitest';
import { SynodError } from '../../../src/base/errors.ts';
import type { Json } from '../../../src/base/types.ts';
import { encodeRlp } from '../../../src/chain/rlp.ts';
import { createChandraToueg } from '../../../src/consensus/chandra-toueg/engine.ts';
import type { ChandraTouegMessage } from '../../../src/consensus/chandra-toueg/messages.ts';
import { type ChandraTouegRecord, decodeRecord, encodeRecord } from '../../../src/consensus/chandra-toueg/records.ts';
import { parseSettings } from '../../../src/consensus/chandra-toueg/settings.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { GENESIS } from '../../simulator/support.ts';
import { blockOf, hashOfBlock, NODES } from '../members/world.ts';
import { paramsOf } from './world.ts';

function codeOf(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return error instanceof SynodError ? error.code : String(error);
  }
}

const settingsOf = (changes: { readonly [name: string]: Json }) =>
  parseSettings({ members: membersOf(NODES, TAG_KEYS), ...changes }, TAG_KEYS.signatures);

describe('settings', () => {
  it('have the times of the literature where nothing is said', () => {
    expect(settingsOf({})).toMatchObject({ heartbeatMs: 100, suspicionMs: 500, maxSuspicionMs: 5_000 });
    expect(settingsOf({ heartbeatMs: 1_000 })).toMatchObject({ suspicionMs: 2_000 });
  });

  it.each([
    [{ heartbeatMs: 0 }, 'genesis/chandra-toueg'],
    [{ heartbeatMs: 300, suspicionMs: 500 }, 'genesis/chandra-toueg'],
    [{ suspicionMs: 900, maxSuspicionMs: 800 }, 'genesis/chandra-toueg'],
    [{ suspicionMs: '500' }, 'genesis/chandra-toueg'],
    [{ electionMinMs: 500 }, 'genesis/chandra-toueg'],
    [{ members: membersOf(NODES.slice(0, 4), TAG_KEYS) }, 'members/even'],
    [{ members: membersOf(NODES.slice(0, 1), TAG_KEYS) }, 'members/too-few'],
  ])('%j are refused: %s', (changes, code) => {
    expect(codeOf(() => settingsOf(changes))).toBe(code);
  });
});

const A = blockOf(GENESIS.block, 1);
const node = { beneficiary: GENESIS.block.header.beneficiary, produce: true, signers: [TAG_KEYS.signer(0, 0)] };
const engine = createChandraToueg(paramsOf(NODES), node, TAG_KEYS.signatures);

describe('messages', () => {
  const value = { hash: hashOfBlock(A), block: A };
  const messages: ChandraTouegMessage[] = [
    { type: 'heartbeat', decided: 7 },
    { type: 'newRound', height: 1, round: 2 },
    { type: 'estimate', height: 1, round: 2, timestamp: 1, value },
    { type: 'estimate', height: 1, round: 2, timestamp: 0, value: null },
    { type: 'proposal', height: 1, round: 1, value: { ...value, block: null } },
    { type: 'ack', height: 1, round: 1 },
    { type: 'nack', height: 1, round: 1, reached: 3 },
    { type: 'decide', height: 1, value },
    { type: 'ask', height: 4 },
    { type: 'query', read: { incarnation: 1, number: 2 } },
    { type: 'answer', read: { incarnation: 1, number: 2 }, height: 3 },
  ];

  it.each(messages)('$type is the same after encoding and decoding', (message) => {
    expect(engine.decode(engine.encode(message))).toEqual(message);
  });

  it.each([
    ['nothing', []],
    ['an unknown kind', [99]],
    ['round 0', [6, 1, 0]],
    ['too many fields', [6, 1, 1, 1]],
    ['too few', [6, 1]],
    ['a proposal of nothing', [5, 1, 1, new Uint8Array(0), new Uint8Array(0)]],
    ['a hash that is short', [5, 1, 1, new Uint8Array(31), new Uint8Array(0)]],
    ['a block that is none', [5, 1, 1, new Uint8Array(32), Uint8Array.of(1, 2)]],
  ])('%s is refused', (_what, fields) => {
    expect(codeOf(() => engine.decode(encodeRlp(fields)))).toMatch(/^(decode|chain|rlp)\//);
  });
});

describe('records', () => {
  const records: ChandraTouegRecord[] = [
    { type: 'round', height: 3, round: 2 },
    { type: 'estimate', height: 1, timestamp: 4, block: A },
    { type: 'estimate', height: 1, timestamp: 5, block: null },
  ];

  it.each(records)('$type is the same after encoding and decoding', (record) => {
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  it('of another version, or of no version, are refused', () => {
    expect(codeOf(() => decodeRecord(encodeRlp([2, 0, 1, 1])))).toBe('chandra-toueg/record-format');
    expect(codeOf(() => decodeRecord(encodeRlp([1, 7, 1, 1])))).toBe('chandra-toueg/record');
    expect(codeOf(() => decodeRecord(Uint8Array.of(1)))).toBe('chandra-toueg/record');
  });
});
