/**
 * What members running Multi-Paxos say to each other, besides what is said of decided blocks (`../members/attestations.ts`).
 * Source: Paxos Made Moderately Complex, figures 4, 6 and 7 (p1a, p1b, p2a, p2b, preempted, decision, which is `commit` here).
 * RLP: [kind, ...]. One value has one encoding.
 */
import { unreachable } from '../../base/assert.ts';
import { fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { type Block, decodeBlock, MAX_BLOCK_BYTES, MAX_CERTIFICATE_BYTES } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import { ELECTION_WORDS, type ElectionMessage } from '../election/elector.ts';
import { type DecisionMessage, decodeDecision, encodeDecision, FIRST_KIND, isDecisionKind } from '../members/attestations.ts';
import type { Council } from '../members/council.ts';
import { encodedBlock, MAX_ACCEPTED, type Position } from './log.ts';

/** Of a read, so that a late answer is never taken for that of another: the asker's life, and a number within it. */
export interface ReadId {
  readonly incarnation: number;
  readonly number: number;
}

export interface Vote {
  readonly ballot: number;
  readonly hash: Hash;
}

/** Phase 1b: what this acceptor has accepted, as one chain. */
export interface Promise1b {
  readonly type: 'promise';
  readonly ballot: number;
  /** The newest block that it knows to be decided. */
  readonly decided: Position;
  /** The block before the first vote. */
  readonly below: Position;
  /** Of one slot after another. */
  readonly votes: readonly Vote[];
}

export type PaxosMessage =
  | DecisionMessage
  /** Phase 1a, for all slots above `height`: up to it the asker knows what is decided. */
  | { readonly type: 'prepare'; readonly ballot: number; readonly height: number }
  | Promise1b
  /** Phase 2a. */
  | { readonly type: 'accept'; readonly ballot: number; readonly block: Block; readonly commit: Position }
  /** Phase 2b: everything up to this height is accepted under this ballot, or decided. `round`: the last heartbeat heard. */
  | { readonly type: 'accepted'; readonly ballot: number; readonly height: number; readonly round: number }
  /** What was asked or proposed under `ballot` is not done: a higher one is promised. */
  | { readonly type: 'preempted'; readonly ballot: number; readonly promised: number }
  /** The leader's heartbeat. */
  | { readonly type: 'lead'; readonly ballot: number; readonly commit: Position; readonly round: number }
  /** Of a member that does not lead: it is up, and has promised this. */
  | { readonly type: 'alive'; readonly promised: number }
  /** Wanted: the blocks after height `above` that lead to `tip`. */
  | { readonly type: 'ask'; readonly above: number; readonly tip: Hash }
  /** Each the child of the one before. Those up to height `decided` are decided. */
  | { readonly type: 'blocks'; readonly blocks: readonly Block[]; readonly decided: number }
  | ({ readonly type: 'elect' } & ElectionMessage)
  /** To the leader: which height shows everything that is decided now? */
  | { readonly type: 'read'; readonly read: ReadId }
  | { readonly type: 'readAt'; readonly read: ReadId; readonly height: number };

const PREPARE = FIRST_KIND;
const PROMISE = FIRST_KIND + 1;
const ACCEPT = FIRST_KIND + 2;
const ACCEPTED = FIRST_KIND + 3;
const PREEMPTED = FIRST_KIND + 4;
const LEAD = FIRST_KIND + 5;
const ALIVE = FIRST_KIND + 6;
const ASK = FIRST_KIND + 7;
const BLOCKS = FIRST_KIND + 8;
const ELECT = FIRST_KIND + 9;
const READ = FIRST_KIND + 10;
const READ_AT = FIRST_KIND + 11;

/** In one `blocks`: fewer where they are large. A single block may be larger than `MAX_SENT_BYTES`. */
export const MAX_SENT_BLOCKS = 256;
export const MAX_SENT_BYTES = 2 * 1024 * 1024;
const MAX_FIELDS = 8;
/** The largest block, with what is around it. */
const MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + MAX_CERTIFICATE_BYTES;
/** Message, list of votes, vote. */
const MAX_NESTING = 3;
const HASH_BYTES = 32;

export function blocksIn(message: PaxosMessage): readonly Block[] {
  if (message.type === 'blocks') return message.blocks;
  return message.type === 'accept' ? [message.block] : [];
}

export function encodeMessage(council: Council, message: PaxosMessage): Uint8Array {
  return encodeRlp(fieldsOf(council, message));
}

function fieldsOf(council: Council, message: PaxosMessage): RlpValue[] {
  switch (message.type) {
    case 'attestation':
    case 'certificate':
      return encodeDecision(council, message);
    case 'prepare':
      return [PREPARE, message.ballot, message.height];
    case 'promise': {
      const { ballot, decided, below, votes } = message;
      return [PROMISE, ballot, ...pair(decided), ...pair(below), votes.map((vote) => [vote.ballot, fromHex(vote.hash)])];
    }
    case 'accept':
      return [ACCEPT, message.ballot, encodedBlock(message.block), ...pair(message.commit)];
    case 'accepted':
      return [ACCEPTED, message.ballot, message.height, message.round];
    case 'preempted':
      return [PREEMPTED, message.ballot, message.promised];
    case 'lead':
      return [LEAD, message.ballot, ...pair(message.commit), message.round];
    case 'alive':
      return [ALIVE, message.promised];
    case 'ask':
      return [ASK, message.above, fromHex(message.tip)];
    case 'blocks':
      return [BLOCKS, message.blocks.map(encodedBlock), message.decided];
    case 'elect':
      return [ELECT, ELECTION_WORDS.indexOf(message.word), message.candidate];
    case 'read':
      return [READ, message.read.incarnation, message.read.number];
    case 'readAt':
      return [READ_AT, message.read.incarnation, message.read.number, message.height];
    default:
      return unreachable(message);
  }
}

function pair({ height, hash }: Position): [number, Uint8Array] {
  return [height, fromHex(hash)];
}

/** Throws DecodeError and nothing else. */
export function decodeMessage(council: Council, bytes: Uint8Array): PaxosMessage {
  if (bytes.length > MAX_MESSAGE_BYTES) throw malformed(`A message of ${bytes.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed.`);
  const [first, ...rest] = listField(decodeRlp(bytes, 'message of Paxos', MAX_NESTING), 'a message of Paxos', MAX_FIELDS);
  const kind = safeNumber(bytesField(first, 'kind'), 'kind');
  if (isDecisionKind(kind)) return decodeDecision(council, kind, rest);
  const cursor = new Cursor(rest);
  const message = messageOf(council, kind, cursor);
  cursor.end();
  return message;
}

function messageOf(council: Council, kind: number, cursor: Cursor): PaxosMessage {
  switch (kind) {
    case PREPARE:
      return { type: 'prepare', ballot: cursor.number('ballot'), height: cursor.number('height') };
    case PROMISE: {
      const ballot = cursor.number('ballot');
      const decided = cursor.position('decided block');
      return { type: 'promise', ballot, decided, below: cursor.position('block below'), votes: cursor.list('votes', MAX_ACCEPTED, voteOf) };
    }
    case ACCEPT:
      return { type: 'accept', ballot: cursor.number('ballot'), block: cursor.block(), commit: cursor.position('decided block') };
    case ACCEPTED:
      return { type: 'accepted', ballot: cursor.number('ballot'), height: cursor.number('height'), round: cursor.number('round') };
    case PREEMPTED:
      return { type: 'preempted', ballot: cursor.number('ballot'), promised: cursor.number('promised ballot') };
    case LEAD:
      return { type: 'lead', ballot: cursor.number('ballot'), commit: cursor.position('decided block'), round: cursor.number('round') };
    case ALIVE:
      return { type: 'alive', promised: cursor.number('promised ballot') };
    case ASK:
      return { type: 'ask', above: cursor.number('height'), tip: cursor.hash('wanted block') };
    case BLOCKS: {
      const blocks = cursor.list('blocks', MAX_SENT_BLOCKS, (item) => decodeBlock(bytesField(item, 'block')));
      if (blocks.length === 0) throw malformed('Expected at least one block.');
      return { type: 'blocks', blocks, decided: cursor.number('decided height') };
    }
    case ELECT:
      return { type: 'elect', ...electionOf(council, cursor) };
    case READ:
      return { type: 'read', read: cursor.read() };
    case READ_AT:
      return { type: 'readAt', read: cursor.read(), height: cursor.number('height') };
    default:
      throw malformed(`Multi-Paxos has messages of kind 0 to ${READ_AT}, and not ${kind}.`);
  }
}

function electionOf({ membership }: Council, cursor: Cursor): ElectionMessage {
  const index = cursor.number('word of an election');
  const word = ELECTION_WORDS[index];
  if (word === undefined) throw malformed(`Expected 0 to ${ELECTION_WORDS.length - 1} for the word of an election, got ${index}.`);
  const candidate = cursor.number('candidate');
  if (candidate < membership.size) return { word, candidate };
  throw malformed(`There are ${membership.size} members; the candidate ${candidate} is none of them.`);
}

function voteOf(item: unknown): Vote {
  const cursor = new Cursor(listField(item, 'a vote', 2));
  const vote = { ballot: cursor.number('ballot of a vote'), hash: cursor.hash('block of a vote') };
  cursor.end();
  return vote;
}

function malformed(message: string): DecodeError {
  return new DecodeError('decode/paxos', message);
}

/** Reads the fields of a message, one after another. */
class Cursor {
  readonly #fields: readonly unknown[];
  #at = 0;

  constructor(fields: readonly unknown[]) {
    this.#fields = fields;
  }

  number(what: string): number {
    return safeNumber(this.#bytes(what), what);
  }

  hash(what: string): Hash {
    const bytes = this.#bytes(what);
    if (bytes.length !== HASH_BYTES) throw malformed(`Expected ${HASH_BYTES} bytes for the hash of a ${what}, got ${bytes.length}.`);
    return hashOf(bytes);
  }

  position(what: string): Position {
    return { height: this.number(`height of the ${what}`), hash: this.hash(what) };
  }

  block(): Block {
    return decodeBlock(this.#bytes('block'));
  }

  read(): ReadId {
    return { incarnation: this.number('incarnation'), number: this.number('number of a read') };
  }

  list<Item>(what: string, maxItems: number, itemOf: (item: unknown) => Item): Item[] {
    return listField(this.#fields[this.#at++], what, maxItems).map(itemOf);
  }

  end(): void {
    if (this.#at !== this.#fields.length) throw malformed(`Expected ${this.#at} fields, got ${this.#fields.length}.`);
  }

  #bytes(what: string): Uint8Array {
    return bytesField(this.#fields[this.#at++], what);
  }
}
