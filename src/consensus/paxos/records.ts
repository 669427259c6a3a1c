/**
 * What an acceptor keeps in the consensus log (Paxos Made Simple, section 2.5: before it answers): what it has promised, and
 * what it has accepted. RLP: [format, kind, ...]. To accept a block under a ballot is to promise the ballot as well.
 */
import { fromHex } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { encodedBlock, type Fields } from '../members/fields.ts';
import { type RecordFormat, readRecord } from '../members/records.ts';

export type PaxosRecord =
  | { readonly type: 'promised'; readonly ballot: number }
  | { readonly type: 'accepted'; readonly ballot: number; readonly block: Block }
  /** A block that an earlier record has, under a higher ballot. */
  | { readonly type: 'again'; readonly ballot: number; readonly height: number; readonly hash: Hash };

export const RECORD_FORMAT = 1;

const PROMISED = 0;
const ACCEPTED = 1;
const AGAIN = 2;
const FORMAT: RecordFormat = {
  engine: 'paxos',
  name: 'Multi-Paxos',
  format: RECORD_FORMAT,
  maxFields: 5,
  advice:
    'An acceptor that forgets what it has promised may help to decide two blocks for one height: do not empty this datadir and start it with the same key while the network runs without having read consensus/paxos/README.md.',
};

export function encodeRecord(record: PaxosRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...fieldsOf(record)]);
}

function fieldsOf(record: PaxosRecord): RlpValue[] {
  if (record.type === 'promised') return [PROMISED, record.ballot];
  if (record.type === 'accepted') return [ACCEPTED, record.ballot, encodedBlock(record.block)];
  return [AGAIN, record.ballot, record.height, fromHex(record.hash)];
}

/** Throws StorageError: see `readRecord`. */
export function decodeRecord(bytes: Uint8Array): PaxosRecord {
  return readRecord(bytes, FORMAT, recordOf);
}

function recordOf(kind: number, fields: Fields): PaxosRecord {
  switch (kind) {
    case PROMISED:
      return { type: 'promised', ballot: fields.number('ballot') };
    case ACCEPTED:
      return { type: 'accepted', ballot: fields.number('ballot'), block: fields.block() };
    case AGAIN:
      return { type: 'again', ballot: fields.number('ballot'), height: fields.number('height'), hash: fields.hash('hash') };
    default:
      return fields.refuse(`There are no records of kind ${kind}.`);
  }
}
