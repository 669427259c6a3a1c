/**
 * What goes into the consensus log before it is said. RLP: [format, kind, field, ...]. At each checkpoint what still counts
 * is written once more, and all before it is dropped (`checkpoints.ts`).
 */
import { EMPTY } from '../../base/bytes.ts';
import { DecodeError, StorageError } from '../../base/errors.ts';
import { type Block, decodeBlock, encodeBlock } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import type { Ballots } from './ballots.ts';
import {
  changeFields,
  changeFrom,
  type Evidence,
  evidenceFields,
  evidenceFrom,
  type NewView,
  newViewFields,
  newViewFrom,
  type ViewChange,
} from './messages.ts';

export type LogRecord =
  /** Before a prepare, which the primary's proposal is too. `isVoted` false: kept because the chain on disk has it not yet. */
  | { readonly type: 'block'; readonly view: number; readonly block: Block; readonly isVoted: boolean }
  /** Before a commit: the prepared certificate, of a block that is in a record before. */
  | { readonly type: 'prepared'; readonly certificate: Uint8Array }
  /** When a block is committed. */
  | { readonly type: 'committed'; readonly certificate: Certificate }
  | { readonly type: 'viewChange'; readonly change: ViewChange }
  /** Before anything is said in a view. The block that it carries, on its primary. */
  | { readonly type: 'newView'; readonly newView: NewView; readonly block: Block | null }
  | { readonly type: 'evidence'; readonly evidence: Evidence };

export const RECORD_FORMAT = 1;

const BLOCK = 0;
const PREPARED = 1;
const COMMITTED = 2;
const CHANGE = 3;
const NEW = 4;
const EVIDENCE = 5;
const MAX_FIELDS = 5;

export function encodeRecord(ballots: Ballots, record: LogRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...recordFields(ballots, record)]);
}

function recordFields(ballots: Ballots, record: LogRecord): RlpValue[] {
  switch (record.type) {
    case 'block':
      return [BLOCK, record.view, encodeBlock(record.block), record.isVoted ? 1 : 0];
    case 'prepared':
      return [PREPARED, record.certificate];
    case 'committed':
      return [COMMITTED, record.certificate];
    case 'viewChange':
      return [CHANGE, ...changeFields(ballots, record.change)];
    case 'newView':
      return [NEW, record.block === null ? EMPTY : encodeBlock(record.block), ...newViewFields(ballots, record.newView)];
    case 'evidence':
      return [EVIDENCE, ...evidenceFields(ballots, record.evidence)];
  }
}

/** Throws StorageError `pbft/record-format` for what another version of synod wrote, `pbft/record` for what none did. */
export function decodeRecord(ballots: Ballots, bytes: Uint8Array): LogRecord {
  try {
    const [format, kind, ...fields] = listField(decodeRlp(bytes, 'record of PBFT'), 'a record of PBFT', MAX_FIELDS);
    const found = safeNumber(bytesField(format, 'format'), 'format of a record');
    if (found !== RECORD_FORMAT) throw otherFormat(found);
    return recordFrom(ballots, safeNumber(bytesField(kind, 'kind'), 'kind of record'), fields);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new StorageError('pbft/record', `A record of the consensus log is not one of PBFT. ${ADVICE}`, {}, cause);
  }
}

const ADVICE =
  'Start this node with the synod that wrote it, or with a new --datadir and a new key, which the other members have to admit.';

function otherFormat(found: number): StorageError {
  const message = `The consensus log of this datadir has records of format ${found}; expected ${RECORD_FORMAT}. ${ADVICE}`;
  return new StorageError('pbft/record-format', message, { expected: RECORD_FORMAT, found });
}

function recordFrom(ballots: Ballots, kind: number, fields: readonly unknown[]): LogRecord {
  const [first, ...rest] = fields;
  switch (kind) {
    case BLOCK: {
      const block = decodeBlock(bytesField(rest[0], 'block'));
      const isVoted = safeNumber(bytesField(rest[1], 'vote'), 'whether it was voted for') === 1;
      return { type: 'block', view: safeNumber(bytesField(first, 'view'), 'view'), block, isVoted };
    }
    case PREPARED:
      return { type: 'prepared', certificate: bytesField(first, 'certificate') };
    case COMMITTED:
      return { type: 'committed', certificate: bytesField(first, 'certificate') };
    case CHANGE:
      return { type: 'viewChange', change: changeFrom(ballots, fields) };
    case NEW: {
      const block = bytesField(first, 'block');
      return { type: 'newView', newView: newViewFrom(ballots, rest), block: block.length === 0 ? null : decodeBlock(block) };
    }
    case EVIDENCE:
      return { type: 'evidence', evidence: evidenceFrom(ballots, fields) };
    default:
      throw new DecodeError('pbft/record', `There are no records of kind ${kind}.`);
  }
}
