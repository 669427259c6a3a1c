/**
 * What members running Raft say to each other, besides what is said of decided blocks (`../members/attestations.ts`). Source:
 * Ongaro's dissertation, figure 3.1 (RequestVote, AppendEntries), 3.10 (TimeoutNow), 5.3 (InstallSnapshot, here `chunk`), 6.4
 * (read index), 9.6 (pre-vote). RLP: [kind, ...]. One value has one encoding.
 */

import { utf8ToBytes } from '@noble/hashes/utils.js';
import { unreachable } from '../../base/assert.ts';
import { equalBytes, fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import { NodeId } from '../../base/types.ts';
import { type Block, decodeBlock, encodeBlock, MAX_BLOCK_BYTES, MAX_CERTIFICATE_BYTES } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { type DecisionMessage, decodeDecision, encodeDecision, FIRST_KIND, isDecisionKind } from '../members/attestations.ts';
import { MAX_NODE_CHARACTERS } from '../members/changes.ts';
import type { Council } from '../members/council.ts';
import { MAX_MEMBERS } from '../votes.ts';
import type { Position } from './log.ts';

/** 'transfer': the leader wants it so, and nobody needs to have missed it. */
export type Campaign = 'preVote' | 'vote' | 'transfer';

/** Of a read, so that a late answer is never taken for that of another: the asker's life, and a number within it. */
export interface ReadId {
  readonly incarnation: number;
  readonly number: number;
}

/** The end of a log, for comparing which of two is more up to date. */
export type LogEnd = Pick<Position, 'height' | 'term'>;

export type RaftMessage =
  | DecisionMessage
  /** Of a pre-vote, `term` is the one that the candidate would begin. */
  | { readonly type: 'requestVote'; readonly term: number; readonly campaign: Campaign; readonly last: LogEnd }
  /** `isPre`: answers a pre-vote; granted with the term that it was about, refused with the own one. */
  | { readonly type: 'vote'; readonly term: number; readonly isPre: boolean; readonly granted: boolean }
  /** The block after `prev`, or a heartbeat without one. `round` comes back with the answer: it is what a read waits for. */
  | {
      readonly type: 'append';
      readonly term: number;
      readonly prev: Position;
      readonly block: Block | null;
      readonly commit: number;
      readonly round: number;
    }
  /** Up to `has` the log is the leader's; up to `durable` it is on disk as well. */
  | { readonly type: 'ack'; readonly term: number; readonly durable: number; readonly has: number; readonly round: number }
  /**
   * `prev` (at height `at`) is not in the log, or the term is over. `hint` is the last place that may be in both logs, and
   * `stored` the height of the decided chain on disk.
   */
  | {
      readonly type: 'reject';
      readonly term: number;
      readonly at: number;
      readonly hint: LogEnd;
      readonly stored: number;
      readonly round: number;
    }
  /** Decided blocks, each the child of the one before, and a certificate for one of them or an earlier one, if there is one. */
  | { readonly type: 'chunk'; readonly term: number; readonly blocks: readonly Block[]; readonly certificate: Certificate | null }
  /** Become the leader, now. */
  | { readonly type: 'timeoutNow'; readonly term: number }
  /** To the leader: which height shows everything that is decided now? */
  | { readonly type: 'read'; readonly read: ReadId }
  | { readonly type: 'readAt'; readonly read: ReadId; readonly height: number }
  /** A stranger speaks to this member: who decides, as far as that one knows? */
  | { readonly type: 'whoDecides' }
  | { readonly type: 'deciders'; readonly nodes: readonly NodeId[] };

const REQUEST_VOTE = FIRST_KIND;
const VOTE = FIRST_KIND + 1;
const APPEND = FIRST_KIND + 2;
const ACK = FIRST_KIND + 3;
const REJECT = FIRST_KIND + 4;
const CHUNK = FIRST_KIND + 5;
const TIMEOUT_NOW = FIRST_KIND + 6;
const READ = FIRST_KIND + 7;
const READ_AT = FIRST_KIND + 8;
const WHO_DECIDES = FIRST_KIND + 9;
const DECIDERS = FIRST_KIND + 10;

const CAMPAIGNS: readonly Campaign[] = ['preVote', 'vote', 'transfer'];

/** In one `chunk`: fewer than `MAX_CHUNK_BYTES` allow, where blocks are small. */
export const MAX_CHUNK_BLOCKS = 256;
/** A single block may be larger. */
export const MAX_CHUNK_BYTES = 2 * 1024 * 1024;
const MAX_FIELDS = 10;
/** The largest block, with what is around it. */
const MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + MAX_CERTIFICATE_BYTES;
/** Message, list of blocks: a block is a string of bytes in it. */
const MAX_NESTING = 2;

const encoded = new WeakMap<Block, Uint8Array>();

/** A block goes into one record and to several followers: it is encoded once. */
export function encodedBlock(block: Block): Uint8Array {
  const known = encoded.get(block);
  if (known !== undefined) return known;
  const bytes = encodeBlock(block);
  encoded.set(block, bytes);
  return bytes;
}

export function blocksIn(message: RaftMessage): readonly Block[] {
  if (message.type === 'chunk') return message.blocks;
  return message.type === 'append' && message.block !== null ? [message.block] : [];
}

export function encodeMessage(council: Council, message: RaftMessage): Uint8Array {
  return encodeRlp(fieldsOfMessage(council, message));
}

function fieldsOfMessage(council: Council, message: RaftMessage): RlpValue[] {
  switch (message.type) {
    case 'attestation':
    case 'certificate':
      return encodeDecision(council, message);
    case 'requestVote':
      return [REQUEST_VOTE, message.term, CAMPAIGNS.indexOf(message.campaign), message.last.height, message.last.term];
    case 'vote':
      return [VOTE, message.term, message.isPre ? 1 : 0, message.granted ? 1 : 0];
    case 'append': {
      const { term, prev, block, commit, round } = message;
      return [APPEND, term, prev.height, fromHex(prev.hash), prev.term, optional(block && encodedBlock(block)), commit, round];
    }
    case 'ack':
      return [ACK, message.term, message.durable, message.has, message.round];
    case 'reject':
      return [REJECT, message.term, message.at, message.hint.height, message.hint.term, message.stored, message.round];
    case 'chunk':
      return [CHUNK, message.term, message.blocks.map(encodedBlock), optional(message.certificate)];
    case 'timeoutNow':
      return [TIMEOUT_NOW, message.term];
    case 'read':
      return [READ, message.read.incarnation, message.read.number];
    case 'readAt':
      return [READ_AT, message.read.incarnation, message.read.number, message.height];
    case 'whoDecides':
      return [WHO_DECIDES];
    case 'deciders':
      return [DECIDERS, message.nodes.map((node) => utf8ToBytes(node))];
    default:
      return unreachable(message);
  }
}

/** Throws DecodeError and nothing else. */
export function decodeMessage(council: Council, bytes: Uint8Array): RaftMessage {
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new DecodeError('decode/raft', `A message of ${bytes.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed.`);
  }
  const [first, ...rest] = listField(decodeRlp(bytes, 'message of Raft', MAX_NESTING), 'a message of Raft', MAX_FIELDS);
  const kind = safeNumber(bytesField(first, 'kind'), 'kind');
  if (isDecisionKind(kind)) return decodeDecision(council, kind, rest);
  const fields = new Fields(rest);
  const message = messageOf(kind, fields);
  fields.end();
  return message;
}

function messageOf(kind: number, fields: Fields): RaftMessage {
  switch (kind) {
    case REQUEST_VOTE: {
      const term = fields.number('term');
      return { type: 'requestVote', term, campaign: fields.choice('campaign', CAMPAIGNS), last: fields.logEnd('last block') };
    }
    case VOTE:
      return { type: 'vote', term: fields.number('term'), isPre: fields.boolean('pre-vote'), granted: fields.boolean('granted') };
    case APPEND: {
      const term = fields.number('term');
      const prev = {
        height: fields.number('height before'),
        hash: hashOf(fields.fixed('hash before', 32)),
        term: fields.number('term before'),
      };
      const block = fields.optional('block', decodeBlock);
      return { type: 'append', term, prev, block, commit: fields.number('commit'), round: fields.number('round') };
    }
    case ACK: {
      const term = fields.number('term');
      return { type: 'ack', term, durable: fields.number('durable'), has: fields.number('has'), round: fields.number('round') };
    }
    case REJECT: {
      const term = fields.number('term');
      const at = fields.number('height');
      return { type: 'reject', term, at, hint: fields.logEnd('hint'), stored: fields.number('stored'), round: fields.number('round') };
    }
    case CHUNK: {
      const term = fields.number('term');
      const blocks = fields.list('blocks', MAX_CHUNK_BLOCKS, decodeBlock);
      return { type: 'chunk', term, blocks, certificate: fields.optional('certificate', (bytes) => bytes) };
    }
    case TIMEOUT_NOW:
      return { type: 'timeoutNow', term: fields.number('term') };
    case READ:
      return { type: 'read', read: fields.read() };
    case READ_AT:
      return { type: 'readAt', read: fields.read(), height: fields.number('height') };
    case WHO_DECIDES:
      return { type: 'whoDecides' };
    case DECIDERS:
      return { type: 'deciders', nodes: fields.list('nodes', MAX_MEMBERS, nodeOf) };
    default:
      throw new DecodeError('decode/raft', `Raft has messages of kind 0 to ${DECIDERS}, and not ${kind}.`);
  }
}

function nodeOf(bytes: Uint8Array): NodeId {
  const node = new TextDecoder().decode(bytes);
  if (node.length > 0 && node.length <= MAX_NODE_CHARACTERS && equalBytes(utf8ToBytes(node), bytes)) return NodeId(node);
  throw new DecodeError('decode/raft', `Expected the id of a node, of 1 to ${MAX_NODE_CHARACTERS} characters; got ${bytes.length} bytes.`);
}

/** Nothing is an empty string. */
function optional(bytes: Uint8Array | null): Uint8Array {
  return bytes ?? new Uint8Array(0);
}

/** The fields of a message, one after another. */
class Fields {
  readonly #values: readonly unknown[];
  #next = 0;

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  number(what: string): number {
    return safeNumber(this.#bytes(what), what);
  }

  boolean(what: string): boolean {
    return this.choice(what, [false, true]);
  }

  choice<Choice>(what: string, choices: readonly Choice[]): Choice {
    const index = this.number(what);
    const choice = choices[index];
    if (choice === undefined) throw new DecodeError('decode/raft', `Expected 0 to ${choices.length - 1} for ${what}, got ${index}.`);
    return choice;
  }

  fixed(what: string, length: number): Uint8Array {
    const bytes = this.#bytes(what);
    if (bytes.length === length) return bytes;
    throw new DecodeError('decode/raft', `Expected ${length} bytes for ${what}, got ${bytes.length}.`);
  }

  logEnd(what: string): LogEnd {
    return { height: this.number(`height of the ${what}`), term: this.number(`term of the ${what}`) };
  }

  read(): ReadId {
    return { incarnation: this.number('incarnation'), number: this.number('number of a read') };
  }

  optional<Value>(what: string, decode: (bytes: Uint8Array) => Value): Value | null {
    const bytes = this.#bytes(what);
    return bytes.length === 0 ? null : decode(bytes);
  }

  /** At least one. */
  list<Value>(what: string, maxItems: number, decode: (bytes: Uint8Array) => Value): Value[] {
    const items = listField(this.#values[this.#next++], what, maxItems);
    if (items.length === 0) throw new DecodeError('decode/raft', `Expected at least one of ${what}.`);
    return items.map((item) => decode(bytesField(item, what)));
  }

  end(): void {
    if (this.#next !== this.#values.length) {
      throw new DecodeError('decode/raft', `Expected ${this.#next} fields after the kind, got ${this.#values.length}.`);
    }
  }

  #bytes(what: string): Uint8Array {
    return bytesField(this.#values[this.#next++], what);
  }
}
