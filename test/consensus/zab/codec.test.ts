/** Messages, records and settings: what is written is read again, and what is malformed has its own error. */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../../src/chain/block.ts';
import { encodeRlp } from '../../../src/chain/rlp.ts';
import type { ZabMessage } from '../../../src/consensus/zab/messages.ts';
import { decodeRecord, encodeRecord, RECORD_FORMAT, type ZabRecord } from '../../../src/consensus/zab/records.ts';
import { parseSettings } from '../../../src/consensus/zab/settings.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, blocksOf } from '../members/world.ts';

import { paramsOf, placeOf, World } from './world.ts';

const { engine } = new World();
const [A1, A2] = blocksOf(GENESIS.block, [1, 1]) as [Block, Block];
const last = { epoch: 1, height: 2 };
const MESSAGES: readonly ZabMessage[] = [
  { type: 'notification', round: 3, status: 'established', vote: { leader: B, current: 1, last, isDesignated: true } },
  { type: 'followerInfo', accepted: 4, current: 3, last },
  { type: 'newEpoch', epoch: 5 },
  { type: 'ackEpoch', epoch: 5, isCounted: true, current: 3, last: placeOf(A2), decided: 1 },
  { type: 'newLeader', epoch: 5, initial: placeOf(A1), round: 6 },
  { type: 'propose', epoch: 5, before: { height: 1, hash: placeOf(A1).hash }, block: A2 },
  { type: 'ack', epoch: 5, isLed: false, durable: 1, has: 2, round: 7 },
  { type: 'commit', epoch: 5, height: 2, round: 0 },
  { type: 'snapshot', epoch: 5, blocks: [A1, A2], certificate: null },
  { type: 'read', read: { incarnation: 1, number: 2 } },
  { type: 'readAt', read: { incarnation: 1, number: 2 }, height: 9 },
  { type: 'handOver', epoch: 5, to: B },
];
const NEW_EPOCH = 4;

describe('a message', () => {
  it.each(MESSAGES.map((message) => [message.type, message] as const))('%s is read as it was written', (_type, message) => {
    expect(engine.decode(engine.encode(message))).toEqual(message);
  });

  it('is refused with fields too many or too few, of an unknown kind, and with numbers that no protocol has', () => {
    const refused = expect.objectContaining({ code: 'decode/zab' });
    const errorOf = (fields: (number | Uint8Array)[]): unknown => {
      try {
        return engine.decode(encodeRlp(fields));
      } catch (error) {
        return error;
      }
    };
    expect(engine.decode(encodeRlp([NEW_EPOCH, 1]))).toEqual({ type: 'newEpoch', epoch: 1 });
    expect(errorOf([NEW_EPOCH, 1, 1])).toEqual(refused);
    expect(errorOf([77])).toEqual(refused);
    expect(errorOf([NEW_EPOCH, 2 ** 53 - 1])).toEqual(refused);
    expect(errorOf([NEW_EPOCH])).toEqual(expect.objectContaining({ code: expect.stringMatching(/^decode\//) }));
  });
});

describe('a record', () => {
  const records: readonly ZabRecord[] = [
    { type: 'epochs', epochs: { accepted: 4, acceptedFrom: B, current: 3 }, stored: 8 },
    { type: 'epochs', epochs: { accepted: 4, acceptedFrom: null, current: 4 }, stored: 0 },
    { type: 'block', block: A1 },
    { type: 'cut', height: 7 },
  ];

  it.each(records)('of type $type is read as it was written', (record) => {
    expect(decodeRecord(encodeRecord(record))).toEqual(record);
  });

  it('of another format, or of none, has its own error', () => {
    expect(() => decodeRecord(encodeRlp([RECORD_FORMAT + 1, 2, 7]))).toThrow(expect.objectContaining({ code: 'zab/record-format' }));
    for (const bytes of [encodeRlp([RECORD_FORMAT, 2]), encodeRlp([RECORD_FORMAT, 9, 1]), Uint8Array.of(1, 2)]) {
      expect(() => decodeRecord(bytes)).toThrow(expect.objectContaining({ code: 'zab/record' }));
    }
  });
});

describe('settings', () => {
  const parse = (changes: { readonly [name: string]: number }) => parseSettings(paramsOf(changes).engine.settings, TAG_KEYS.signatures);

  it('are ticks, and limits in ticks', () => {
    expect(parse({ tickMs: 20, initLimit: 30, syncLimit: 3 })).toMatchObject({ tickMs: 20, initLimit: 30, syncLimit: 3 });
  });

  it.each([{ tickMs: 0 }, { syncLimit: 2 }, { initLimit: 1_001 }, { tick: 1 }])('%o is refused', (changes) => {
    expect(() => parse(changes)).toThrow(expect.objectContaining({ code: 'genesis/zab' }));
  });
});
