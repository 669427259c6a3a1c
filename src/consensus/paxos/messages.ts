/**
 * What members running Multi-Paxos say to each other, besides what is said of decided blocks (`../members/attestations.ts`).
 * Source: Paxos Made Moderately Complex, figures 4, 6 and 7 (p1a, p1b, p2a, p2b, preempted, decision, which is `commit` here).
 * RLP: [kind, ...]. One value has one encoding.
 */
import { unreachable } from '../../base/assert.ts';
import { fromHex } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { ELECTION_WORDS, type ElectionMessage } from '../election/elector.ts';
import { type DecisionMessage, encodeDecision, FIRST_KIND } from '../members/attestations.ts';
import type { Council } from '../members/council.ts';
import { encodedBlock, type Fields, type MessageFormat, readMessage } from '../members/fields.ts';
import { type ReadId, readIdFields, readIdOf } from '../members/reads.ts';
import { MAX_RUN_BLOCKS } from '../members/runs.ts';
import { MAX_ACCEPTED, type Position } from './log.ts';

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
  | { readonly type: 'readAt'; readonly read: ReadId; readonly height: number }
  /** The leader of this ballot makes way: the receiver, who has accepted everything, is to begin a ballot of its own. */
  | { readonly type: 'stand'; readonly ballot: number };

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
const STAND = FIRST_KIND + 12;

/** Message, list of votes, vote. */
const FORMAT: MessageFormat = { name: 'Paxos', code: 'decode/paxos', maxFields: 8, maxNesting: 3 };

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
      return [READ, ...readIdFields(message.read)];
    case 'readAt':
      return [READ_AT, ...readIdFields(message.read), message.height];
    case 'stand':
      return [STAND, message.ballot];
    default:
      return unreachable(message);
  }
}

function pair({ height, hash }: Position): [number, Uint8Array] {
  return [height, fromHex(hash)];
}

/** Throws DecodeError and nothing else. */
export function decodeMessage(council: Council, bytes: Uint8Array): PaxosMessage {
  return readMessage(council, bytes, FORMAT, (kind, fields) => messageOf(council, kind, fields));
}

function messageOf(council: Council, kind: number, fields: Fields): PaxosMessage {
  switch (kind) {
    case PREPARE:
      return { type: 'prepare', ballot: fields.number('ballot'), height: fields.number('height') };
    case PROMISE: {
      const ballot = fields.number('ballot');
      const decided = positionOf(fields, 'decided block');
      const below = positionOf(fields, 'block below');
      return { type: 'promise', ballot, decided, below, votes: fields.list('votes', MAX_ACCEPTED, 2, voteOf) };
    }
    case ACCEPT:
      return { type: 'accept', ballot: fields.number('ballot'), block: fields.block(), commit: positionOf(fields, 'decided block') };
    case ACCEPTED:
      return { type: 'accepted', ballot: fields.number('ballot'), height: fields.number('height'), round: fields.number('round') };
    case PREEMPTED:
      return { type: 'preempted', ballot: fields.number('ballot'), promised: fields.number('promised ballot') };
    case LEAD:
      return { type: 'lead', ballot: fields.number('ballot'), commit: positionOf(fields, 'decided block'), round: fields.number('round') };
    case ALIVE:
      return { type: 'alive', promised: fields.number('promised ballot') };
    case ASK:
      return { type: 'ask', above: fields.number('height'), tip: fields.hash('wanted block') };
    case BLOCKS:
      return { type: 'blocks', blocks: fields.blocks(MAX_RUN_BLOCKS), decided: fields.number('decided height') };
    case ELECT:
      return { type: 'elect', ...electionOf(council, fields) };
    case READ:
      return { type: 'read', read: readIdOf(fields) };
    case READ_AT:
      return { type: 'readAt', read: readIdOf(fields), height: fields.number('height') };
    case STAND:
      return { type: 'stand', ballot: fields.number('ballot') };
    default:
      return fields.refuse(`Multi-Paxos has messages of kind 0 to ${STAND}, and not ${kind}.`);
  }
}

function electionOf({ membership }: Council, fields: Fields): ElectionMessage {
  const word = fields.choice('the word of an election', ELECTION_WORDS);
  return { word, candidate: fields.number('candidate', membership.size - 1) };
}

function voteOf(fields: Fields): Vote {
  return { ballot: fields.number('ballot of a vote'), hash: fields.hash('block of a vote') };
}

function positionOf(fields: Fields, what: string): Position {
  return { height: fields.number(`height of the ${what}`), hash: fields.hash(`hash of the ${what}`) };
}
