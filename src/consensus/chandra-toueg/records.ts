/**
 * What Chandra-Toueg keeps in the consensus log: of every instance that is not in the chain on disk yet, the round that was
 * entered, and the estimate with the round in which it was adopted (its timestamp). RLP: [format, kind, ...]. Of one height
 * the last record of each kind counts.
 */
import { EMPTY } from '../../base/bytes.ts';
import { DecodeError, StorageError } from '../../base/errors.ts';
import { type Block, decodeBlock } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import { encodedBlock } from './messages.ts';

export type ChandraTouegRecord =
  /** Before an estimate or a nack: nothing of an earlier round will be acknowledged. */
  | { readonly type: 'round'; readonly height: number; readonly round: number }
  /** Before an ack or a proposal: this block was adopted in this round. Without the block: the one of the record before. */
  | { readonly type: 'estimate'; readonly height: number; readonly timestamp: number; readonly block: Block | null };

/** Raised with every change of what follows. */
export const RECORD_FORMAT = 1;

const ROUND = 0;
const ESTIMATE = 1;
const FIELDS = { [ROUND]: 4, [ESTIMATE]: 5 } as const;
const MAX_FIELDS = 5;

export function encodeRecord(record: ChandraTouegRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...fieldsOf(record)]);
}

function fieldsOf(record: ChandraTouegRecord): RlpValue[] {
  if (record.type === 'round') return [ROUND, record.height, record.round];
  return [ESTIMATE, record.height, record.timestamp, record.block === null ? EMPTY : encodedBlock(record.block)];
}

/** Throws StorageError `chandra-toueg/record-format` for what another version of synod wrote, `chandra-toueg/record` for what none did. */
export function decodeRecord(bytes: Uint8Array): ChandraTouegRecord {
  try {
    const fields = listField(decodeRlp(bytes, 'record of Chandra-Toueg'), 'a record of Chandra-Toueg', MAX_FIELDS);
    const format = safeNumber(bytesField(fields[0], 'format'), 'format');
    if (format !== RECORD_FORMAT) throw otherFormat(format);
    return recordOf(safeNumber(bytesField(fields[1], 'kind'), 'kind'), fields);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new StorageError('chandra-toueg/record', `A record of the consensus log is not one of Chandra-Toueg. ${ADVICE}`, {}, cause);
  }
}

function recordOf(kind: number, fields: readonly unknown[]): ChandraTouegRecord {
  if ((kind !== ROUND && kind !== ESTIMATE) || fields.length !== FIELDS[kind]) {
    throw new DecodeError('decode/chandra-toueg', `There are no records of kind ${kind} with ${fields.length} fields.`);
  }
  const height = safeNumber(bytesField(fields[2], 'height'), 'height');
  const round = safeNumber(bytesField(fields[3], 'round'), 'round');
  if (kind === ROUND) return { type: 'round', height, round };
  const block = bytesField(fields[4], 'block');
  return { type: 'estimate', height, timestamp: round, block: block.length === 0 ? null : decodeBlock(block) };
}

const ADVICE =
  'A member that forgets what it has acknowledged may help to decide two blocks of one height: do not empty this datadir and start it with the same key while the network runs without having read consensus/chandra-toueg/README.md.';

function otherFormat(found: number): StorageError {
  const message = `The consensus log of this datadir was written by another version of synod: expected records of format ${RECORD_FORMAT}, found ${found}. ${ADVICE}`;
  return new StorageError('chandra-toueg/record-format', message, { expected: RECORD_FORMAT, found });
}
