/**
 * What Raft keeps in the consensus log (figure 3.1, "persistent state on all servers"): term and vote, and the blocks of its
 * log. RLP: [format, kind, ...]. A block takes the place of what was at its height, and of all above: a log that is
 * truncated is always written to at once.
 */

import { utf8ToBytes } from '@noble/hashes/utils.js';
import { DecodeError, StorageError } from '../../base/errors.ts';
import { NodeId } from '../../base/types.ts';
import { type Block, decodeBlock } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import { encodedBlock } from './messages.ts';

export type RaftRecord =
  /** `stored`: the height that the decided chain on disk had, at least, when this was written. */
  | { readonly type: 'term'; readonly term: number; readonly vote: NodeId | null; readonly stored: number }
  | { readonly type: 'block'; readonly block: Block };

/** Raised with every change of what follows. */
export const RECORD_FORMAT = 1;

const TERM = 0;
const BLOCK = 1;
const FIELDS = { [TERM]: 5, [BLOCK]: 3 } as const;
const MAX_FIELDS = 5;

export function encodeRecord(record: RaftRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...fieldsOf(record)]);
}

function fieldsOf(record: RaftRecord): RlpValue[] {
  return record.type === 'term' ? [TERM, record.term, utf8ToBytes(record.vote ?? ''), record.stored] : [BLOCK, encodedBlock(record.block)];
}

/** Throws StorageError `raft/record-format` for what another version of synod wrote, `raft/record` for what none did. */
export function decodeRecord(bytes: Uint8Array): RaftRecord {
  try {
    const fields = listField(decodeRlp(bytes, 'record of Raft', 1), 'a record of Raft', MAX_FIELDS);
    const format = safeNumber(bytesField(fields[0], 'format'), 'format');
    if (format !== RECORD_FORMAT) throw otherFormat(format);
    return recordOf(safeNumber(bytesField(fields[1], 'kind'), 'kind'), fields);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new StorageError('raft/record', `A record of the consensus log is not one of Raft. ${ADVICE}`, {}, cause);
  }
}

function recordOf(kind: number, fields: readonly unknown[]): RaftRecord {
  if ((kind !== TERM && kind !== BLOCK) || fields.length !== FIELDS[kind]) {
    throw new DecodeError('raft/record', `There are no records of kind ${kind} with ${fields.length} fields.`);
  }
  if (kind === BLOCK) return { type: 'block', block: decodeBlock(bytesField(fields[2], 'block')) };
  const vote = new TextDecoder().decode(bytesField(fields[3], 'vote'));
  const [term, stored] = [safeNumber(bytesField(fields[2], 'term'), 'term'), safeNumber(bytesField(fields[4], 'stored'), 'stored')];
  return { type: 'term', term, vote: vote === '' ? null : NodeId(vote), stored };
}

const ADVICE =
  'Start the synod that wrote it. Without its log a member may help to elect a leader that lacks what was decided: see the end of consensus/raft/README.md before it is started with an empty --datadir.';

function otherFormat(found: number): StorageError {
  const message = `The consensus log of this datadir was written by another version of synod: expected records of format ${RECORD_FORMAT}, found ${found}. ${ADVICE}`;
  return new StorageError('raft/record-format', message, { expected: RECORD_FORMAT, found });
}
