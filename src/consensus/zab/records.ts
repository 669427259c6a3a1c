/**
 * What Zab keeps in the consensus log: its epochs, and its history as it grows and is cut. RLP: [format, kind, ...]. Reading
 * the records in order gives the history that was: a block follows the one before it, a cut drops all above a height.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { DecodeError, StorageError } from '../../base/errors.ts';
import { NodeId } from '../../base/types.ts';
import { type Block, decodeBlock } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import { encodedBlock } from './messages.ts';
import type { Epochs } from './state.ts';

export type ZabRecord =
  /** `stored`: the height that the decided chain on disk had, at least, when this was written. */
  | { readonly type: 'epochs'; readonly epochs: Readonly<Epochs>; readonly stored: number }
  /** It takes the place of what is at its height and above. */
  | { readonly type: 'block'; readonly block: Block }
  /** Nothing above this height holds any more. */
  | { readonly type: 'cut'; readonly height: number };

/** Raised with every change of what follows. */
export const RECORD_FORMAT = 1;

const EPOCHS = 0;
const BLOCK = 1;
const CUT = 2;
/** After format and kind. */
const FIELDS: readonly number[] = [4, 1, 1];
const MAX_FIELDS = 6;

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

/** Throws StorageError `zab/record-format` for what another version of synod wrote, `zab/record` for what none did. */
export function decodeRecord(bytes: Uint8Array): ZabRecord {
  try {
    const [format, kind, ...fields] = listField(decodeRlp(bytes, 'record of Zab', 1), 'a record of Zab', MAX_FIELDS);
    const found = safeNumber(bytesField(format, 'format'), 'format');
    if (found !== RECORD_FORMAT) throw otherFormat(found);
    return recordOf(safeNumber(bytesField(kind, 'kind'), 'kind'), fields);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new StorageError('zab/record', `A record of the consensus log is not one of Zab. ${ADVICE}`, {}, cause);
  }
}

function recordOf(kind: number, fields: readonly unknown[]): ZabRecord {
  if (fields.length !== FIELDS[kind]) {
    throw new DecodeError('zab/record', `There are no records of kind ${kind} with ${fields.length} fields.`);
  }
  if (kind === BLOCK) return { type: 'block', block: decodeBlock(bytesField(fields[0], 'block')) };
  const first = safeNumber(bytesField(fields[0], 'number'), 'number');
  if (kind === CUT) return { type: 'cut', height: first };
  const from = new TextDecoder().decode(bytesField(fields[1], 'node'));
  const current = safeNumber(bytesField(fields[2], 'current epoch'), 'current epoch');
  const stored = safeNumber(bytesField(fields[3], 'stored'), 'stored');
  return { type: 'epochs', epochs: { accepted: first, acceptedFrom: from === '' ? null : NodeId(from), current }, stored };
}

const ADVICE =
  'A member that forgets what it accepted may help two leaders of one epoch: do not empty this datadir and start it with the same key before having read consensus/zab/README.md.';

function otherFormat(found: number): StorageError {
  const message = `The consensus log of this datadir was written by another version of synod: expected records of format ${RECORD_FORMAT}, found ${found}. ${ADVICE}`;
  return new StorageError('zab/record-format', message, { expected: RECORD_FORMAT, found });
}
