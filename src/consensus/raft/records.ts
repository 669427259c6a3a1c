/**
 * What Raft keeps in the consensus log (figure 3.1, "persistent state on all servers"): term and vote, and the blocks of its
 * log. RLP: [format, kind, ...]. A block takes the place of what was at its height, and of all above: a log that is
 * truncated is always written to at once.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { encodedBlock, type Fields } from '../members/fields.ts';
import { type RecordFormat, readRecord } from '../members/records.ts';

export type RaftRecord =
  /** `stored`: the height that the decided chain on disk had, at least, when this was written. */
  | { readonly type: 'term'; readonly term: number; readonly vote: NodeId | null; readonly stored: number }
  | { readonly type: 'block'; readonly block: Block };

export const RECORD_FORMAT = 1;

const TERM = 0;
const BLOCK = 1;
const FORMAT: RecordFormat = {
  engine: 'raft',
  name: 'Raft',
  format: RECORD_FORMAT,
  maxFields: 5,
  advice:
    'Start the synod that wrote it. Without its log a member may help to elect a leader that lacks what was decided: see the end of consensus/raft/README.md before it is started with an empty --datadir.',
};

export function encodeRecord(record: RaftRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...fieldsOf(record)]);
}

function fieldsOf(record: RaftRecord): RlpValue[] {
  return record.type === 'term' ? [TERM, record.term, utf8ToBytes(record.vote ?? ''), record.stored] : [BLOCK, encodedBlock(record.block)];
}

/** Throws StorageError: see `readRecord`. */
export function decodeRecord(bytes: Uint8Array): RaftRecord {
  return readRecord(bytes, FORMAT, recordOf);
}

function recordOf(kind: number, fields: Fields): RaftRecord {
  switch (kind) {
    case TERM:
      return { type: 'term', term: fields.number('term'), vote: fields.optionalNode(), stored: fields.number('stored') };
    case BLOCK:
      return { type: 'block', block: fields.block() };
    default:
      return fields.refuse(`There are no records of kind ${kind}.`);
  }
}
