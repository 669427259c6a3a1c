/**
 * What Zab keeps in the consensus log: its epochs, and its history as it grows and is cut. RLP: [format, kind, ...]. Reading
 * the records in order gives the history that was: a block follows the one before it, a cut drops all above a height.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Block } from '../../chain/block.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { encodedBlock, type Fields } from '../members/fields.ts';
import { type RecordFormat, readRecord } from '../members/records.ts';
import type { Epochs } from './state.ts';

export type ZabRecord =
  /** `stored`: the height that the decided chain on disk had, at least, when this was written. */
  | { readonly type: 'epochs'; readonly epochs: Readonly<Epochs>; readonly stored: number }
  /** It takes the place of what is at its height and above. */
  | { readonly type: 'block'; readonly block: Block }
  /** Nothing above this height holds any more. */
  | { readonly type: 'cut'; readonly height: number };

export const RECORD_FORMAT = 1;

const EPOCHS = 0;
const BLOCK = 1;
const CUT = 2;
const FORMAT: RecordFormat = {
  engine: 'zab',
  name: 'Zab',
  format: RECORD_FORMAT,
  maxFields: 6,
  advice:
    'A member that forgets what it accepted may help two leaders of one epoch: do not empty this datadir and start it with the same key before having read consensus/zab/README.md.',
};

export function encodeRecord(record: ZabRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...fieldsOf(record)]);
}

function fieldsOf(record: ZabRecord): RlpValue[] {
  switch (record.type) {
    case 'epochs': {
      const { accepted, acceptedFrom, current } = record.epochs;
      return [EPOCHS, accepted, utf8ToBytes(acceptedFrom ?? ''), current, record.stored];
    }
    case 'block':
      return [BLOCK, encodedBlock(record.block)];
    case 'cut':
      return [CUT, record.height];
  }
}

/** Throws StorageError: see `readRecord`. */
export function decodeRecord(bytes: Uint8Array): ZabRecord {
  return readRecord(bytes, FORMAT, recordOf);
}

function recordOf(kind: number, fields: Fields): ZabRecord {
  switch (kind) {
    case EPOCHS: {
      const accepted = fields.number('accepted epoch');
      const acceptedFrom = fields.optionalNode();
      return {
        type: 'epochs',
        epochs: { accepted, acceptedFrom, current: fields.number('current epoch') },
        stored: fields.number('stored'),
      };
    }
    case BLOCK:
      return { type: 'block', block: fields.block() };
    case CUT:
      return { type: 'cut', height: fields.number('height') };
    default:
      return fields.refuse(`There are no records of kind ${kind}.`);
  }
}
