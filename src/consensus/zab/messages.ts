/**
 * What members running Zab say to each other, besides what is said of decided blocks (`../members/attestations.ts`). The names
 * are those of the paper (CEPOCH, NEWEPOCH, ACK-E, NEWLEADER, ACK-LD, PROPOSE, ACK, COMMIT) and of ZooKeeper's election
 * (notification). The paper's channels lose and reorder nothing; these may, so every message says where it belongs and may
 * be repeated. RLP: [kind, ...]. One value has one encoding.
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
import type { Position, Zxid } from './history.ts';

/** Who should lead, and why: what that node has. */
export interface Vote {
  readonly leader: NodeId;
  /** The last epoch whose leader's history it took over. */
  readonly current: number;
  readonly last: Zxid;
  /** The last leader has handed over to it: among equals it wins, wherever its place is. */
  readonly isDesignated: boolean;
}

/** 'established': it leads, and a quorum has its history. */
export type Status = 'looking' | 'following' | 'leading' | 'established';

export type ZabMessage =
  | DecisionMessage
  | { readonly type: 'notification'; readonly round: number; readonly status: Status; readonly vote: Vote }
  /** CEPOCH: to the leader of one's choice. What has been accepted, and what there is. */
  | { readonly type: 'followerInfo'; readonly accepted: number; readonly current: number; readonly last: Zxid }
  | { readonly type: 'newEpoch'; readonly epoch: number }
  /** ACK-E. `isCounted`: this leader's epoch was accepted, and not one of the same number that another proposed. */
  | {
      readonly type: 'ackEpoch';
      readonly epoch: number;
      readonly isCounted: boolean;
      readonly current: number;
      readonly last: Position;
      readonly decided: number;
    }
  /** The end of the history with which this epoch begins. It comes after what is missing up to there. */
  | { readonly type: 'newLeader'; readonly epoch: number; readonly initial: Position; readonly round: number }
  /** The block after the one that is named. */
  | { readonly type: 'propose'; readonly epoch: number; readonly before: Pick<Position, 'height' | 'hash'>; readonly block: Block }
  /**
   * Up to `has` the sender's history is the leader's, up to `durable` it is on disk. `isLed`: so is the epoch, which makes it
   * the ACK of NEWLEADER and of every proposal up to there.
   */
  | {
      readonly type: 'ack';
      readonly epoch: number;
      readonly isLed: boolean;
      readonly durable: number;
      readonly has: number;
      readonly round: number;
    }
  /** COMMIT of everything up to this height. The first to a follower is its UPTODATE; one in each tick is the heartbeat. */
  | { readonly type: 'commit'; readonly epoch: number; readonly height: number; readonly round: number }
  /** SNAP: decided blocks, each the child of the one before, and a certificate for one of them or an earlier one, if there is one. */
  | { readonly type: 'snapshot'; readonly epoch: number; readonly blocks: readonly Block[]; readonly certificate: Certificate | null }
  /** To the leader: which height shows all that is decided now? */
  | { readonly type: 'read'; readonly read: ReadId }
  | { readonly type: 'readAt'; readonly read: ReadId; readonly height: number }
  /** The leader gives up its leadership: this follower, who has its whole history, is to be elected. */
  | { readonly type: 'handOver'; readonly epoch: number; readonly to: NodeId };

export type Notification = Extract<ZabMessage, { type: 'notification' }>;

/** What only the leader of an epoch says. */
export type LeaderMessage = Extract<ZabMessage, { type: 'newLeader' | 'propose' | 'commit' | 'snapshot' | 'handOver' }>;

const NOTIFICATION = FIRST_KIND;
const FOLLOWER_INFO = FIRST_KIND + 1;
const NEW_EPOCH = FIRST_KIND + 2;
const ACK_EPOCH = FIRST_KIND + 3;
const NEW_LEADER = FIRST_KIND + 4;
const PROPOSE = FIRST_KIND + 5;
const ACK = FIRST_KIND + 6;
const COMMIT = FIRST_KIND + 7;
const SNAPSHOT = FIRST_KIND + 8;
const READ = FIRST_KIND + 9;
const READ_AT = FIRST_KIND + 10;
const HAND_OVER = FIRST_KIND + 11;

const STATUSES: readonly Status[] = ['looking', 'following', 'leading', 'established'];

/** Rounds and epochs above are no protocol's: there is room for as many again. */
const MAX_NUMBER = 2 ** 52;
/** Message, list of blocks: a block is a string of bytes in it. */
const FORMAT: MessageFormat = { name: 'Zab', code: 'decode/zab', maxFields: 10, maxNesting: 2 };

export function blocksIn(message: ZabMessage): readonly Block[] {
  if (message.type === 'snapshot') return message.blocks;
  return message.type === 'propose' ? [message.block] : [];
}

export function encodeMessage(council: Council, message: ZabMessage): Uint8Array {
  return encodeRlp(fieldsOfMessage(council, message));
}

function fieldsOfMessage(council: Council, message: ZabMessage): RlpValue[] {
  switch (message.type) {
    case 'attestation':
    case 'certificate':
      return encodeDecision(council, message);
    case 'notification': {
      const { round, status, vote } = message;
      return [NOTIFICATION, round, STATUSES.indexOf(status), ...voteFields(vote)];
    }
    case 'followerInfo':
      return [FOLLOWER_INFO, message.accepted, message.current, ...zxidFields(message.last)];
    case 'newEpoch':
      return [NEW_EPOCH, message.epoch];
    case 'ackEpoch': {
      const { epoch, isCounted, current, last, decided } = message;
      return [ACK_EPOCH, epoch, isCounted ? 1 : 0, current, ...zxidFields(last), fromHex(last.hash), decided];
    }
    case 'newLeader':
      return [NEW_LEADER, message.epoch, ...zxidFields(message.initial), fromHex(message.initial.hash), message.round];
    case 'propose':
      return [PROPOSE, message.epoch, message.before.height, fromHex(message.before.hash), encodedBlock(message.block)];
    case 'ack':
      return [ACK, message.epoch, message.isLed ? 1 : 0, message.durable, message.has, message.round];
    case 'commit':
      return [COMMIT, message.epoch, message.height, message.round];
    case 'snapshot':
      return [SNAPSHOT, message.epoch, message.blocks.map(encodedBlock), optionalField(message.certificate)];
    case 'read':
      return [READ, ...readIdFields(message.read)];
    case 'readAt':
      return [READ_AT, ...readIdFields(message.read), message.height];
    case 'handOver':
      return [HAND_OVER, message.epoch, utf8ToBytes(message.to)];
    default:
      return unreachable(message);
  }
}

function voteFields({ leader, current, last, isDesignated }: Vote): RlpValue[] {
  return [utf8ToBytes(leader), current, ...zxidFields(last), isDesignated ? 1 : 0];
}

function zxidFields({ epoch, height }: Zxid): RlpValue[] {
  return [epoch, height];
}

/** Throws DecodeError and nothing else. */
export function decodeMessage(council: Council, bytes: Uint8Array): ZabMessage {
  return readMessage(council, bytes, FORMAT, messageOf);
}

function messageOf(kind: number, fields: Fields): ZabMessage {
  switch (kind) {
    case NOTIFICATION: {
      const round = numberOf(fields, 'round');
      return { type: 'notification', round, status: fields.choice('status', STATUSES), vote: voteOf(fields) };
    }
    case FOLLOWER_INFO: {
      const accepted = numberOf(fields, 'accepted epoch');
      return { type: 'followerInfo', accepted, current: numberOf(fields, 'current epoch'), last: zxidOf(fields) };
    }
    case NEW_EPOCH:
      return { type: 'newEpoch', epoch: numberOf(fields, 'epoch') };
    case ACK_EPOCH: {
      const epoch = numberOf(fields, 'epoch');
      const isCounted = fields.flag('whether it counts');
      const current = numberOf(fields, 'current epoch');
      return { type: 'ackEpoch', epoch, isCounted, current, last: positionOf(fields), decided: numberOf(fields, 'decided height') };
    }
    case NEW_LEADER: {
      const epoch = numberOf(fields, 'epoch');
      return { type: 'newLeader', epoch, initial: positionOf(fields), round: numberOf(fields, 'round') };
    }
    case PROPOSE: {
      const epoch = numberOf(fields, 'epoch');
      const before = { height: numberOf(fields, 'height before'), hash: fields.hash('hash before') };
      return { type: 'propose', epoch, before, block: fields.block() };
    }
    case ACK: {
      const epoch = numberOf(fields, 'epoch');
      const isLed = fields.flag('whether it is led');
      const durable = numberOf(fields, 'durable');
      return { type: 'ack', epoch, isLed, durable, has: numberOf(fields, 'has'), round: numberOf(fields, 'round') };
    }
    default:
      return laterKinds(kind, fields);
  }
}

function laterKinds(kind: number, fields: Fields): ZabMessage {
  switch (kind) {
    case COMMIT: {
      const epoch = numberOf(fields, 'epoch');
      return { type: 'commit', epoch, height: numberOf(fields, 'height'), round: numberOf(fields, 'round') };
    }
    case SNAPSHOT: {
      const epoch = numberOf(fields, 'epoch');
      return { type: 'snapshot', epoch, blocks: fields.blocks(MAX_RUN_BLOCKS), certificate: fields.optionalCertificate() };
    }
    case READ:
      return { type: 'read', read: readIdOf(fields) };
    case READ_AT:
      return { type: 'readAt', read: readIdOf(fields), height: numberOf(fields, 'height') };
    case HAND_OVER:
      return { type: 'handOver', epoch: numberOf(fields, 'epoch'), to: fields.node() };
    default:
      return fields.refuse(`Zab has messages of kind 0 to ${HAND_OVER}, and not ${kind}.`);
  }
}

function numberOf(fields: Fields, what: string): number {
  return fields.number(what, MAX_NUMBER);
}

function voteOf(fields: Fields): Vote {
  const leader = fields.node();
  return { leader, current: numberOf(fields, 'current epoch'), last: zxidOf(fields), isDesignated: fields.flag('designated') };
}

function zxidOf(fields: Fields): Zxid {
  return { epoch: numberOf(fields, 'epoch of a zxid'), height: numberOf(fields, 'height of a zxid') };
}

function positionOf(fields: Fields): Position {
  return { ...zxidOf(fields), hash: fields.hash('hash') };
}
