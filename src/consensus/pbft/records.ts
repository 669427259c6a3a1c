/**
 * What goes into the consensus log before it is said. RLP: [format, kind, field, ...]. At each checkpoint what still counts
 * is written once more, and all before it is dropped (`checkpoints.ts`).
 */
import { EMPTY } from '../../base/bytes.ts';
import type { Block } from '../../chain/block.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { encodedBlock, type Fields } from '../members/fields.ts';
import { type RecordFormat, readRecord } from '../members/records.ts';
import type { Ballots } from './ballots.ts';
import {
  changeFields,
  changeOf,
  type Evidence,
  evidenceFields,
  evidenceOf,
  type NewView,
  newViewFields,
  newViewOf,
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
const FORMAT: RecordFormat = {
  engine: 'pbft',
  name: 'PBFT',
  format: RECORD_FORMAT,
  maxFields: 5,
  advice: 'Start this node with the synod that wrote it, or with a new --datadir and a new key, which the other members have to admit.',
};

export function encodeRecord(ballots: Ballots, record: LogRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...recordFields(ballots, record)]);
}

function recordFields(ballots: Ballots, record: LogRecord): RlpValue[] {
  switch (record.type) {
    case 'block':
      return [BLOCK, record.view, encodedBlock(record.block), record.isVoted ? 1 : 0];
    case 'prepared':
      return [PREPARED, record.certificate];
    case 'committed':
      return [COMMITTED, record.certificate];
    case 'viewChange':
      return [CHANGE, ...changeFields(ballots, record.change)];
    case 'newView':
      return [NEW, record.block === null ? EMPTY : encodedBlock(record.block), ...newViewFields(ballots, record.newView)];
    case 'evidence':
      return [EVIDENCE, ...evidenceFields(ballots, record.evidence)];
  }
}

/** Throws StorageError: see `readRecord`. */
export function decodeRecord(ballots: Ballots, bytes: Uint8Array): LogRecord {
  return readRecord(bytes, FORMAT, (kind, fields) => recordOf(ballots, kind, fields));
}

function recordOf(ballots: Ballots, kind: number, fields: Fields): LogRecord {
  switch (kind) {
    case BLOCK:
      return { type: 'block', view: fields.number('view'), block: fields.block(), isVoted: fields.flag('whether it was voted for') };
    case PREPARED:
      return { type: 'prepared', certificate: fields.bytes('certificate') };
    case COMMITTED:
      return { type: 'committed', certificate: fields.bytes('certificate') };
    case CHANGE:
      return { type: 'viewChange', change: changeOf(ballots, fields) };
    case NEW: {
      const block = fields.optionalBlock();
      return { type: 'newView', newView: newViewOf(ballots, fields), block };
    }
    case EVIDENCE:
      return { type: 'evidence', evidence: evidenceOf(ballots, fields) };
    default:
      return fields.refuse(`There are no records of kind ${kind}.`);
  }
}
