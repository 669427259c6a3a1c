/**
 * What Chandra-Toueg keeps in the consensus log: of every instance that is not in the chain on disk yet, the round that was
 * entered, and the estimate with the round in which it was adopted (its timestamp). RLP: [format, kind, ...]. Of one height
 * the last record of each kind counts.
 */
import { EMPTY } from '../../base/bytes.ts';
import type { Block } from '../../chain/block.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { encodedBlock, type Fields } from '../members/fields.ts';
import { type RecordFormat, readRecord } from '../members/records.ts';

export type ChandraTouegRecord =
  /** Before an estimate or a nack: nothing of an earlier round will be acknowledged. */
  | { readonly type: 'round'; readonly height: number; readonly round: number }
  /** Before an ack or a proposal: this block was adopted in this round. Without the block: the one of the record before. */
  | { readonly type: 'estimate'; readonly height: number; readonly timestamp: number; readonly block: Block | null };

export const RECORD_FORMAT = 1;

const ROUND = 0;
const ESTIMATE = 1;
const FORMAT: RecordFormat = {
  engine: 'chandra-toueg',
  name: 'Chandra-Toueg',
  format: RECORD_FORMAT,
  maxFields: 5,
  advice:
    'A member that forgets what it has acknowledged may help to decide two blocks of one height: do not empty this datadir and start it with the same key while the network runs without having read consensus/chandra-toueg/README.md.',
};

export function encodeRecord(record: ChandraTouegRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...fieldsOf(record)]);
}

function fieldsOf(record: ChandraTouegRecord): RlpValue[] {
  if (record.type === 'round') return [ROUND, record.height, record.round];
  return [ESTIMATE, record.height, record.timestamp, record.block === null ? EMPTY : encodedBlock(record.block)];
}

/** Throws StorageError: see `readRecord`. */
export function decodeRecord(bytes: Uint8Array): ChandraTouegRecord {
  return readRecord(bytes, FORMAT, recordOf);
}

function recordOf(kind: number, fields: Fields): ChandraTouegRecord {
  switch (kind) {
    case ROUND:
      return { type: 'round', height: fields.number('height'), round: fields.number('round') };
    case ESTIMATE:
      return { type: 'estimate', height: fields.number('height'), timestamp: fields.number('timestamp'), block: fields.optionalBlock() };
    default:
      return fields.refuse(`There are no records of kind ${kind}.`);
  }
}
