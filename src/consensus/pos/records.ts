/**
 * What goes into the consensus log: signatures before they leave, and from time to time the state at the finalized block with
 * everything that records before it said, so that those can be dropped. RLP: [format, kind, ...].
 */
import { unreachable } from '../../base/assert.ts';
import { fromHex } from '../../base/bytes.ts';
import { DecodeError, StorageError } from '../../base/errors.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import { bytesField, encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { attestationFields, attestationFrom, decode, fields, hash, list, number, offenceFields, offenceFrom, publicKey } from './codec.ts';
import { type History, noteProposal, noteSigned, noteVote, type Signed } from './protection.ts';
import { decodeState, encodeState } from './state-codec.ts';
import type { Attestation, Epoch, Offence, Slot, StakeState } from './types.ts';

export type LogRecord =
  | { readonly type: 'proposal'; readonly key: PublicKey; readonly slot: Slot; readonly block: Hash }
  /** The whole vote, so that it can be sent again. */
  | { readonly type: 'vote'; readonly keys: readonly PublicKey[]; readonly vote: Attestation }
  /** What a key is known to have signed, here or elsewhere (EIP-3076 import). */
  | { readonly type: 'signed'; readonly key: PublicKey; readonly signed: Signed }
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot };

/** Replaces all records before it. */
export interface Snapshot {
  /** Of the finalized checkpoint: its block alone does not tell, if it was the last before its epoch. */
  readonly epoch: Epoch;
  /** After the finalized block. */
  readonly state: StakeState;
  readonly history: ReadonlyMap<PublicKey, Signed>;
  readonly lastVotes: readonly Attestation[];
  readonly offences: readonly Offence[];
}

/** Raised with every change of what follows, states included. Below 4 records had no format, and began with their kind, 0 to 3. */
export const RECORD_FORMAT = 4;

const PROPOSAL = 0;
const VOTE = 1;
const SIGNED = 2;
const SNAPSHOT = 3;

/** Our own log, whose entries carry checksums: only what is absurd is refused. */
const MAX_RECORD_BYTES = 256 * 1024 * 1024;
const MAX_KEYS = 1_000_000;
const MAX_KEPT = 4_096;

export function encodeRecord(record: LogRecord): Uint8Array {
  return encodeRlp([RECORD_FORMAT, ...recordFields(record)]);
}

/** Throws StorageError `pos/record-format` for what another version of synod wrote, `pos/record` for what none did. */
export function decodeRecord(bytes: Uint8Array): LogRecord {
  try {
    const [format, ...rest] = list(decode(bytes, 'a record of proof-of-stake', MAX_RECORD_BYTES), 'a record', 9, (value) => value);
    const found = number(format, 'format of a record');
    if (found !== RECORD_FORMAT) throw otherFormat(found);
    return recordFrom(rest);
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    const message = `A record of the consensus log is not of format ${RECORD_FORMAT}, although it says so. ${ADVICE}`;
    throw new StorageError('pos/record', message, {}, cause);
  }
}

const ADVICE =
  'To keep what its validators have signed, run `synod validator slashing-protection export` with the synod that wrote it, and import that into a new --datadir; the chain comes from peers. A test network is begun anew by removing its directory.';

function otherFormat(found: number): StorageError {
  const [who, what] = found < RECORD_FORMAT ? ['an older', found < 4 ? 'one below 4' : found] : ['a newer', found];
  const message = `The consensus log of this datadir was written by ${who} synod: expected records of format ${RECORD_FORMAT}, found ${what}. ${ADVICE}`;
  return new StorageError('pos/record-format', message, { expected: RECORD_FORMAT, found });
}

function recordFrom([kind, ...rest]: readonly unknown[]): LogRecord {
  switch (number(kind, 'kind of record')) {
    case PROPOSAL: {
      const [key, slot, block] = fields(rest, 'a proposal record', 3);
      return { type: 'proposal', key: publicKey(key), slot: number(slot, 'slot'), block: hash(block, 'block') };
    }
    case VOTE: {
      const [keys, vote] = fields(rest, 'a vote record', 2);
      return { type: 'vote', keys: list(keys, 'keys', MAX_KEYS, publicKey), vote: attestationFrom(vote) };
    }
    case SIGNED: {
      const [entry] = fields(rest, 'a record of what was signed', 1);
      const [key, signed] = signedFrom(entry);
      return { type: 'signed', key, signed };
    }
    case SNAPSHOT:
      return { type: 'snapshot', snapshot: snapshotFrom(rest) };
    default:
      throw new DecodeError('pos/record', `There are no records of kind ${number(kind, 'kind')}.`);
  }
}

/** Takes what a record says was signed into a history. */
export function noteRecord(history: History, record: LogRecord): void {
  switch (record.type) {
    case 'proposal':
      return noteProposal(history, record.key, record.slot);
    case 'vote':
      for (const key of record.keys) noteVote(history, key, record.vote.data.source.epoch, record.vote.data.target.epoch);
      return;
    case 'signed':
      return noteSigned(history, record.key, record.signed);
    case 'snapshot':
      for (const [key, signed] of record.snapshot.history) noteSigned(history, key, signed);
      return;
    default:
      return unreachable(record);
  }
}

function recordFields(record: LogRecord): RlpValue[] {
  switch (record.type) {
    case 'proposal':
      return [PROPOSAL, fromHex(record.key), record.slot, fromHex(record.block)];
    case 'vote':
      return [VOTE, record.keys.map((key) => fromHex(key)), attestationFields(record.vote)];
    case 'signed':
      return [SIGNED, signedFields(record.key, record.signed)];
    case 'snapshot': {
      const { epoch, state, history, lastVotes, offences } = record.snapshot;
      const signed = [...history].map(([key, each]) => signedFields(key, each));
      return [SNAPSHOT, epoch, encodeState(state), signed, lastVotes.map(attestationFields), offences.map(offenceFields)];
    }
  }
}

function snapshotFrom(rest: readonly unknown[]): Snapshot {
  const [epoch, state, signed, votes, offences] = fields(rest, 'a snapshot record', 5);
  return {
    epoch: number(epoch, 'epoch'),
    state: decodeState(bytesField(state, 'a state')),
    history: new Map(list(signed, 'what was signed', MAX_KEYS, signedFrom)),
    lastVotes: list(votes, 'votes', MAX_KEPT, attestationFrom),
    offences: list(offences, 'offences', MAX_KEPT, offenceFrom),
  };
}

/** RLP has no negative integers, and -1 stands for nothing. */
function signedFields(key: PublicKey, { slot, source, target }: Signed): RlpValue[] {
  return [fromHex(key), slot + 1, source + 1, target + 1];
}

function signedFrom(value: unknown): [PublicKey, Signed] {
  const [key, slot, source, target] = fields(value, 'what a key has signed', 4);
  return [publicKey(key), { slot: number(slot, 'slot') - 1, source: number(source, 'source') - 1, target: number(target, 'target') - 1 }];
}
