/**
 * What members running Raft say to each other, besides what is said of decided blocks (`../members/attestations.ts`). Source:
 * Ongaro's dissertation, figure 3.1 (RequestVote, AppendEntries), 3.10 (TimeoutNow), 5.3 (InstallSnapshot, here `chunk`), 6.4
 * (read index), 9.6 (pre-vote). RLP: [kind, ...]. One value has one encoding.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { unreachable } from '../../base/assert.ts';
import { fromHex } from '../../base/bytes.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { type DecisionMessage, encodeDecision, FIRST_KIND } from '../members/attestations.ts';
import type { Council } from '../members/council.ts';
import { encodedBlock, type Fields, type MessageFormat, optionalField, readMessage } from '../members/fields.ts';
import { type ReadId, readIdFields, readIdOf } from '../members/reads.ts';
import { MAX_RUN_BLOCKS } from '../members/runs.ts';
import { MAX_MEMBERS } from '../votes.ts';
import type { Position } from './log.ts';

/** 'transfer': the leader wants it so, and nobody needs to have missed it. */
export type Campaign = 'preVote' | 'vote' | 'transfer';

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

/** Message, list of blocks: a block is a string of bytes in it. */
const FORMAT: MessageFormat = { name: 'Raft', code: 'decode/raft', maxFields: 10, maxNesting: 2 };

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
      return [APPEND, term, prev.height, fromHex(prev.hash), prev.term, optionalField(block && encodedBlock(block)), commit, round];
    }
    case 'ack':
      return [ACK, message.term, message.durable, message.has, message.round];
    case 'reject':
      return [REJECT, message.term, message.at, message.hint.height, message.hint.term, message.stored, message.round];
    case 'chunk':
      return [CHUNK, message.term, message.blocks.map(encodedBlock), optionalField(message.certificate)];
    case 'timeoutNow':
      return [TIMEOUT_NOW, message.term];
    case 'read':
      return [READ, ...readIdFields(message.read)];
    case 'readAt':
      return [READ_AT, ...readIdFields(message.read), message.height];
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
  return readMessage(council, bytes, FORMAT, messageOf);
}

function messageOf(kind: number, fields: Fields): RaftMessage {
  switch (kind) {
    case REQUEST_VOTE: {
      const term = fields.number('term');
      return { type: 'requestVote', term, campaign: fields.choice('campaign', CAMPAIGNS), last: logEndOf(fields, 'last block') };
    }
    case VOTE:
      return { type: 'vote', term: fields.number('term'), isPre: fields.flag('pre-vote'), granted: fields.flag('granted') };
    case APPEND: {
      const term = fields.number('term');
      const prev = {
        height: fields.number('height before'),
        hash: fields.hash('hash before'),
        term: fields.number('term before'),
      };
      const block = fields.optionalBlock();
      return { type: 'append', term, prev, block, commit: fields.number('commit'), round: fields.number('round') };
    }
    case ACK: {
      const term = fields.number('term');
      return { type: 'ack', term, durable: fields.number('durable'), has: fields.number('has'), round: fields.number('round') };
    }
    case REJECT: {
      const term = fields.number('term');
      const at = fields.number('height');
      return { type: 'reject', term, at, hint: logEndOf(fields, 'hint'), stored: fields.number('stored'), round: fields.number('round') };
    }
    case CHUNK: {
      const term = fields.number('term');
      return { type: 'chunk', term, blocks: fields.blocks(MAX_RUN_BLOCKS), certificate: fields.optionalCertificate() };
    }
    case TIMEOUT_NOW:
      return { type: 'timeoutNow', term: fields.number('term') };
    case READ:
      return { type: 'read', read: readIdOf(fields) };
    case READ_AT:
      return { type: 'readAt', read: readIdOf(fields), height: fields.number('height') };
    case WHO_DECIDES:
      return { type: 'whoDecides' };
    case DECIDERS:
      return { type: 'deciders', nodes: fields.nodes('nodes', MAX_MEMBERS) };
    default:
      return fields.refuse(`Raft has messages of kind 0 to ${DECIDERS}, and not ${kind}.`);
  }
}

function logEndOf(fields: Fields, what: string): LogEnd {
  return { height: fields.number(`height of the ${what}`), term: fields.number(`term of the ${what}`) };
}
