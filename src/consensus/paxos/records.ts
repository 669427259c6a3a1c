/**
 * What an acceptor keeps in the consensus log (Paxos Made Simple, section 2.5: before it answers): what it has promised, and
 * what it has accepted. RLP: [format, kind, ...]. To accept a block under a ballot is to promise the ballot as well.
 */

import { fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError, StorageError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { type Block, decodeBlock } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import { encodedBlock } from './log.ts';

export type PaxosRecord =
  | { readonly type: 'promised'; readonly ballot: number }
  | { readonly type: 'accepted'; readonly ballot: number; readonly block: Block }
  /** A block that an earlier record has, under a higher ballot. */
  | { readonly type: 'again'; readonly ballot: number; readonly height: number; readonly hash: Hash };

/** Raised with every change of what follows. */
export const RECORD_FORMAT = 1;

const PROMISED = 0;
const ACCEPTED = 1;
const AGAIN = 2;
const MAX_FIELDS = 5;
const HASH_BYTES = 32;

export function encodeRecord(record: PaxosRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...fieldsOf(record)]);
}

function fieldsOf(record: PaxosRecord): RlpValue[] {
  if (record.type === 'promised') return [PROMISED, record.ballot];
  if (record.type === 'accepted') return [ACCEPTED, record.ballot, encodedBlock(record.block)];
  return [AGAIN, record.ballot, record.height, fromHex(record.hash)];
}

/** Throws StorageError `paxos/record-format` for what another version of synod wrote, `paxos/record` for what none did. */
export function decodeRecord(bytes: Uint8Array): PaxosRecord {
  try {
    const [format, kind, ...fields] = listField(decodeRlp(bytes, 'record of Paxos', 1), 'a record of Paxos', MAX_FIELDS);
    const found = safeNumber(bytesField(format, 'format'), 'format');
    if (found !== RECORD_FORMAT) throw otherFormat(found);
    return recordOf(safeNumber(bytesField(kind, 'kind'), 'kind'), fields);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new StorageError('paxos/record', `A record of the consensus log is not one of Multi-Paxos. ${ADVICE}`, {}, cause);
  }
}

function recordOf(kind: number, fields: readonly unknown[]): PaxosRecord {
  const ballot = safeNumber(bytesField(fields[0], 'ballot'), 'ballot');
  if (kind === PROMISED && fields.length === 1) return { type: 'promised', ballot };
  if (kind === ACCEPTED && fields.length === 2) {
    return { type: 'accepted', ballot, block: decodeBlock(bytesField(fields[1], 'block')) };
  }
  const hash = bytesField(fields[2], 'hash');
  if (kind === AGAIN && fields.length === 3 && hash.length === HASH_BYTES) {
    return { type: 'again', ballot, height: safeNumber(bytesField(fields[1], 'height'), 'height'), hash: hashOf(hash) };
  }
  throw new DecodeError('paxos/record', `There are no records of kind ${kind} with ${fields.length} fields.`);
}

const ADVICE =
  'An acceptor that forgets what it has promised may help to decide two blocks for one height: do not empty this datadir and start it with the same key while the network runs without having read consensus/paxos/README.md.';

function otherFormat(found: number): StorageError {
  const message = `The consensus log of this datadir was written by another version of synod: expected records of format ${RECORD_FORMAT}, found ${found}. ${ADVICE}`;
  return new StorageError('paxos/record-format', message, { expected: RECORD_FORMAT, found });
}
