/** Records of the consensus log: what is written is read again, and what another version of synod wrote is refused with its format. */
import { describe, expect, it } from 'vitest';
import { StorageError } from '../../../src/base/errors.ts';
import { ZERO_HASH } from '../../../src/base/types.ts';
import { decodeRlp, encodeRlp, type RlpValue } from '../../../src/chain/rlp.ts';
import type { History } from '../../../src/consensus/pos/protection.ts';
import { decodeRecord, encodeRecord, type LogRecord, noteRecord, RECORD_FORMAT } from '../../../src/consensus/pos/records.ts';
import { StakeChain, signerAt, someHash } from './stake-chain.ts';

const [FIRST, SECOND] = [signerAt(0).publicKey, signerAt(1).publicKey];
const VOTE = {
  data: { slot: 21, committee: 0, head: someHash(1), source: { epoch: 3, root: someHash(2) }, target: { epoch: 5, root: someHash(3) } },
  bits: Uint8Array.of(1),
  signature: new Uint8Array(96).fill(7),
};
const { state } = new StakeChain(2);
const RECORDS: readonly LogRecord[] = [
  { type: 'proposal', key: FIRST, slot: 20, block: ZERO_HASH },
  { type: 'vote', keys: [FIRST, SECOND], vote: VOTE },
  { type: 'signed', key: SECOND, signed: { slot: -1, source: 4, target: 6 } },
  {
    type: 'snapshot',
    snapshot: { epoch: 2, state, history: new Map([[FIRST, { slot: 25, source: -1, target: -1 }]]), lastVotes: [VOTE], offences: [] },
  },
];
const itemsOf = (record: LogRecord) => decodeRlp(encodeRecord(record), 'a record') as RlpValue[];
const refusal = (bytes: Uint8Array): StorageError => {
  try {
    decodeRecord(bytes);
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error('The record was read');
};

describe('a record', () => {
  it.each(RECORDS)('is read as it was written: $type', (record) => expect(decodeRecord(encodeRecord(record))).toEqual(record));

  it('says what must not be signed any more', () => {
    const history: History = new Map();
    for (const record of RECORDS) noteRecord(history, record);
    expect(history.get(FIRST)).toEqual({ slot: 25, source: 3, target: 5 });
    expect(history.get(SECOND)).toEqual({ slot: -1, source: 4, target: 6 });
  });

  it.each(RECORDS)('of a synod from before formats is refused with what to do: $type', (record) => {
    const error = refusal(encodeRlp(itemsOf(record).slice(1)));
    expect(error.code).toBe('pos/record-format');
    expect(error.message).toContain(`expected records of format ${RECORD_FORMAT}, found one below 4`);
    expect(error.message).toContain('slashing-protection export');
  });

  it('of a newer synod is refused with its format', () => {
    const [, ...rest] = itemsOf(RECORDS[0] as LogRecord);
    const error = refusal(encodeRlp([RECORD_FORMAT + 1, ...rest]));
    expect(error).toMatchObject({ code: 'pos/record-format', fields: { expected: RECORD_FORMAT, found: RECORD_FORMAT + 1 } });
    expect(error.message).toContain('a newer synod');
  });

  it.each([
    ['a field too many', encodeRlp([...itemsOf(RECORDS[0] as LogRecord), 1])],
    ['an unknown kind', encodeRlp([RECORD_FORMAT, 9])],
    ['no kind', encodeRlp([RECORD_FORMAT])],
    ['nothing', encodeRlp([])],
    ['no list', encodeRlp(7)],
    ['no RLP', Uint8Array.of(0xff)],
  ])('that has %s is refused', (_, bytes) => expect(refusal(bytes).code).toBe('pos/record'));
});
