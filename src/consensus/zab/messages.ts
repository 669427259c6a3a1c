/**
 * What members running Zab say to each other, besides what is said of decided blocks (`../members/attestations.ts`). The names
 * are those of the paper (CEPOCH, NEWEPOCH, ACK-E, NEWLEADER, ACK-LD, PROPOSE, ACK, COMMIT) and of ZooKeeper's election
 * (notification). The paper's channels lose and reorder nothing; these may, so every message says where it belongs and may
 * be repeated. RLP: [kind, ...]. One value has one encoding.
 */

import { utf8ToBytes } from '@noble/hashes/utils.js';
import { unreachable } from '../../base/assert.ts';
import { fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import { NodeId } from '../../base/types.ts';
import { type Block, decodeBlock, encodeBlock, MAX_BLOCK_BYTES, MAX_CERTIFICATE_BYTES } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { type DecisionMessage, decodeDecision, encodeDecision, FIRST_KIND, isDecisionKind } from '../members/attestations.ts';
import type { Council } from '../members/council.ts';
import type { Position, Zxid } from './history.ts';

/** Who should lead, and why: what that node has. */
export interface Vote {
  readonly leader: NodeId;
  /** The last epoch whose leader's history it took over. */
  readonly current: number;
  readonly last: Zxid;
}

/** 'established': it leads, and a quorum has its history. */
export type Status = 'looking' | 'following' | 'leading' | 'established';

/** Of a read, so that a late answer is not taken for that of another: the asker's life, and a number in it. */
export interface ReadId {
  readonly incarnation: number;
  readonly number: number;
}

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
  | { readonly type: 'readAt'; readonly read: ReadId; readonly height: number };

/** What only the leader of an epoch says. */
export type LeaderMessage = Extract<ZabMessage, { type: 'newLeader' | 'propose' | 'commit' | 'snapshot' }>;

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

const STATUSES: readonly Status[] = ['looking', 'following', 'leading', 'established'];

/** In one snapshot message: fewer where `MAX_SNAPSHOT_BYTES` are reached before. */
export const MAX_SNAPSHOT_BLOCKS = 256;
/** A single block may be larger. */
export const MAX_SNAPSHOT_BYTES = 2 * 1024 * 1024;
const MAX_FIELDS = 10;
const MAX_NODE_BYTES = 128;
/** Rounds and epochs above are no protocol's: there is room for as many again. */
const MAX_NUMBER = 2 ** 52;
/** The largest block, with what is around it. */
const MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + MAX_CERTIFICATE_BYTES;
/** Message, list of blocks: a block is a string of bytes in it. */
const MAX_NESTING = 2;

const encoded = new WeakMap<Block, Uint8Array>();

/** A block goes into a record and to every follower: it is encoded once. */
export function encodedBlock(block: Block): Uint8Array {
  const known = encoded.get(block);
  if (known !== undefined) return known;
  const bytes = encodeBlock(block);
  encoded.set(block, bytes);
  return bytes;
}

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
      return [NOTIFICATION, round, STATUSES.indexOf(status), utf8ToBytes(vote.leader), vote.current, ...zxidFields(vote.last)];
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
      return [SNAPSHOT, message.epoch, message.blocks.map(encodedBlock), message.certificate ?? new Uint8Array(0)];
    case 'read':
      return [READ, message.read.incarnation, message.read.number];
    case 'readAt':
      return [READ_AT, message.read.incarnation, message.read.number, message.height];
    default:
      return unreachable(message);
  }
}

function zxidFields({ epoch, height }: Zxid): RlpValue[] {
  return [epoch, height];
}

/** Throws DecodeError and nothing else. */
export function decodeMessage(council: Council, bytes: Uint8Array): ZabMessage {
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new DecodeError('decode/zab', `A message of ${bytes.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed.`);
  }
  const [first, ...rest] = listField(decodeRlp(bytes, 'message of Zab', MAX_NESTING), 'a message of Zab', MAX_FIELDS);
  const kind = safeNumber(bytesField(first, 'kind'), 'kind');
  if (isDecisionKind(kind)) return decodeDecision(council, kind, rest);
  const fields = new Fields(rest);
  const message = messageOf(kind, fields);
  fields.end();
  return message;
}

function messageOf(kind: number, fields: Fields): ZabMessage {
  switch (kind) {
    case NOTIFICATION: {
      const round = fields.number('round');
      const status = fields.choice('status', STATUSES);
      return { type: 'notification', round, status, vote: { leader: fields.node(), current: fields.number('epoch'), last: fields.zxid() } };
    }
    case FOLLOWER_INFO: {
      const accepted = fields.number('accepted epoch');
      return { type: 'followerInfo', accepted, current: fields.number('current epoch'), last: fields.zxid() };
    }
    case NEW_EPOCH:
      return { type: 'newEpoch', epoch: fields.number('epoch') };
    case ACK_EPOCH: {
      const epoch = fields.number('epoch');
      const isCounted = fields.choice('counted', [false, true]);
      const current = fields.number('current epoch');
      return { type: 'ackEpoch', epoch, isCounted, current, last: fields.position(), decided: fields.number('decided height') };
    }
    case NEW_LEADER: {
      const epoch = fields.number('epoch');
      return { type: 'newLeader', epoch, initial: fields.position(), round: fields.number('round') };
    }
    case PROPOSE: {
      const epoch = fields.number('epoch');
      const before = { height: fields.number('height before'), hash: fields.hash('hash before') };
      return { type: 'propose', epoch, before, block: decodeBlock(fields.bytes('block')) };
    }
    case ACK: {
      const epoch = fields.number('epoch');
      const isLed = fields.choice('led', [false, true]);
      return { type: 'ack', epoch, isLed, durable: fields.number('durable'), has: fields.number('has'), round: fields.number('round') };
    }
    case COMMIT:
      return { type: 'commit', epoch: fields.number('epoch'), height: fields.number('height'), round: fields.number('round') };
    case SNAPSHOT: {
      const epoch = fields.number('epoch');
      const blocks = fields.list('blocks', MAX_SNAPSHOT_BLOCKS, decodeBlock);
      const certificate = fields.bytes('certificate');
      return { type: 'snapshot', epoch, blocks, certificate: certificate.length === 0 ? null : certificate };
    }
    case READ:
      return { type: 'read', read: fields.read() };
    case READ_AT:
      return { type: 'readAt', read: fields.read(), height: fields.number('height') };
    default:
      throw new DecodeError('decode/zab', `Zab has messages of kind 0 to ${READ_AT}, and not ${kind}.`);
  }
}

/** The fields of a message, one after another. */
class Fields {
  readonly #values: readonly unknown[];
  #next = 0;

  constructor(values: readonly unknown[]) {
    this.#values = values;
  }

  bytes(what: string): Uint8Array {
    return bytesField(this.#values[this.#next++], what);
  }

  number(what: string): number {
    const value = safeNumber(this.bytes(what), what);
    if (value <= MAX_NUMBER) return value;
    throw new DecodeError('decode/zab', `Expected at most ${MAX_NUMBER} for ${what}, got ${value}.`);
  }

  choice<Choice>(what: string, choices: readonly Choice[]): Choice {
    const index = this.number(what);
    const choice = choices[index];
    if (choice === undefined) throw new DecodeError('decode/zab', `Expected 0 to ${choices.length - 1} for ${what}, got ${index}.`);
    return choice;
  }

  hash(what: string): Position['hash'] {
    const bytes = this.bytes(what);
    if (bytes.length === 32) return hashOf(bytes);
    throw new DecodeError('decode/zab', `Expected 32 bytes for ${what}, got ${bytes.length}.`);
  }

  /** Text has one encoding: what is not UTF-8 is refused. */
  node(): NodeId {
    const bytes = this.bytes('node');
    const text = new TextDecoder().decode(bytes);
    if (bytes.length > 0 && bytes.length <= MAX_NODE_BYTES && utf8ToBytes(text).length === bytes.length) return NodeId(text);
    throw new DecodeError('decode/zab', `Expected 1 to ${MAX_NODE_BYTES} bytes of UTF-8 for a node, got ${bytes.length} bytes.`);
  }

  zxid(): Zxid {
    return { epoch: this.number('epoch of a zxid'), height: this.number('height of a zxid') };
  }

  position(): Position {
    return { ...this.zxid(), hash: this.hash('hash') };
  }

  read(): ReadId {
    return { incarnation: this.number('incarnation'), number: this.number('number of a read') };
  }

  /** At least one. */
  list<Value>(what: string, maxItems: number, decode: (bytes: Uint8Array) => Value): Value[] {
    const items = listField(this.#values[this.#next++], what, maxItems);
    if (items.length === 0) throw new DecodeError('decode/zab', `Expected at least one of ${what}.`);
    return items.map((item) => decode(bytesField(item, what)));
  }

  end(): void {
    if (this.#next !== this.#values.length) {
      throw new DecodeError('decode/zab', `Expected ${this.#next} fields after the kind, got ${this.#values.length}.`);
    }
  }
}
