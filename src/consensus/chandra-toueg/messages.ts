/**
 * What members running Chandra-Toueg say to each other, besides what is said of decided blocks (`../members/attestations.ts`).
 * Source: Chandra and Toueg, JACM 43(2) 1996, figure 6 (estimate, proposal, ack, nack, decide); `newRound` is from the
 * crash-recovery algorithm of Aguilera, Chen and Toueg (DISC 1998). RLP: [kind, ...]. One value has one encoding.
 */
import { unreachable } from '../../base/assert.ts';
import { EMPTY, fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { type Block, decodeBlock, encodeBlock, MAX_BLOCK_BYTES } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import { type DecisionMessage, decodeDecision, encodeDecision, FIRST_KIND, isDecisionKind } from '../members/attestations.ts';
import type { Council } from '../members/council.ts';

/** A block, whole or only by its hash: who lacks it asks for it. */
export interface Value {
  readonly hash: Hash;
  readonly block: Block | null;
}

/** `height` names the instance. Rounds count from 1. */
export type ChandraTouegMessage =
  | DecisionMessage
  /** "I am alive", and have heard of this decision: whoever has not asks for it. */
  | { readonly type: 'heartbeat'; readonly decided: number }
  /** The coordinator of this round asks for estimates. */
  | { readonly type: 'newRound'; readonly height: number; readonly round: number }
  /** Phase 1, to the coordinator. `timestamp`: the round in which the value was adopted; 0 for one's own first value, or none. */
  | {
      readonly type: 'estimate';
      readonly height: number;
      readonly round: number;
      readonly timestamp: number;
      readonly value: Value | null;
    }
  /** Phase 2, from the coordinator. */
  | { readonly type: 'proposal'; readonly height: number; readonly round: number; readonly value: Value }
  /** Phase 3: the proposal of this round is the sender's estimate now, on its disk. */
  | { readonly type: 'ack'; readonly height: number; readonly round: number }
  /** Phase 3: the sender will never acknowledge this round, as it has reached a later one. */
  | { readonly type: 'nack'; readonly height: number; readonly round: number; readonly reached: number }
  | { readonly type: 'decide'; readonly height: number; readonly value: Value }
  /** What was decided from this height on? */
  | { readonly type: 'ask'; readonly height: number }
  /** For a linearizable read: how far have you come? The number is the asker's. */
  | { readonly type: 'query'; readonly incarnation: number; readonly number: number }
  /** Nothing above this height was decided with the sender's help. */
  | { readonly type: 'answer'; readonly incarnation: number; readonly number: number; readonly height: number };

/** Messages of one instance. */
export type RoundMessage = Extract<ChandraTouegMessage, { readonly round: number }>;

const HEARTBEAT = FIRST_KIND;
const NEW_ROUND = FIRST_KIND + 1;
const ESTIMATE = FIRST_KIND + 2;
const PROPOSAL = FIRST_KIND + 3;
const ACK = FIRST_KIND + 4;
const NACK = FIRST_KIND + 5;
const DECIDE = FIRST_KIND + 6;
const ASK = FIRST_KIND + 7;
const QUERY = FIRST_KIND + 8;
const ANSWER = FIRST_KIND + 9;

const MAX_FIELDS = 6;
/** The largest block, with the few numbers around it. */
const MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + 1_024;

const encoded = new WeakMap<Block, Uint8Array>();

/** A block goes into one record and to several members: it is encoded once. */
export function encodedBlock(block: Block): Uint8Array {
  const known = encoded.get(block);
  if (known !== undefined) return known;
  const bytes = encodeBlock(block);
  encoded.set(block, bytes);
  return bytes;
}

export function blocksIn(message: ChandraTouegMessage): readonly Block[] {
  return 'value' in message && message.value !== null && message.value.block !== null ? [message.value.block] : [];
}

export function encodeMessage(council: Council, message: ChandraTouegMessage): Uint8Array {
  return encodeRlp(fieldsOf(council, message));
}

function fieldsOf(council: Council, message: ChandraTouegMessage): RlpValue[] {
  switch (message.type) {
    case 'attestation':
    case 'certificate':
      return encodeDecision(council, message);
    case 'heartbeat':
      return [HEARTBEAT, message.decided];
    case 'newRound':
      return [NEW_ROUND, message.height, message.round];
    case 'estimate':
      return [ESTIMATE, message.height, message.round, message.timestamp, ...valueFields(message.value)];
    case 'proposal':
      return [PROPOSAL, message.height, message.round, ...valueFields(message.value)];
    case 'ack':
      return [ACK, message.height, message.round];
    case 'nack':
      return [NACK, message.height, message.round, message.reached];
    case 'decide':
      return [DECIDE, message.height, ...valueFields(message.value)];
    case 'ask':
      return [ASK, message.height];
    case 'query':
      return [QUERY, message.incarnation, message.number];
    case 'answer':
      return [ANSWER, message.incarnation, message.number, message.height];
    default:
      return unreachable(message);
  }
}

/** Two empty strings for none. */
function valueFields(value: Value | null): RlpValue[] {
  if (value === null) return [EMPTY, EMPTY];
  return [fromHex(value.hash), value.block === null ? EMPTY : encodedBlock(value.block)];
}

/** Throws DecodeError and nothing else. Whether a block has the hash that it comes with is for the receiver. */
export function decodeMessage(council: Council, bytes: Uint8Array): ChandraTouegMessage {
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new DecodeError('decode/chandra-toueg', `A message of ${bytes.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed.`);
  }
  const [first, ...rest] = listField(decodeRlp(bytes, 'message of Chandra-Toueg'), 'a message of Chandra-Toueg', MAX_FIELDS);
  const kind = safeNumber(bytesField(first, 'kind'), 'kind');
  if (isDecisionKind(kind)) return decodeDecision(council, kind, rest);
  const fields = new Fields(rest);
  const message = messageOf(kind, fields);
  fields.end();
  return message;
}

function messageOf(kind: number, fields: Fields): ChandraTouegMessage {
  switch (kind) {
    case HEARTBEAT:
      return { type: 'heartbeat', decided: fields.number('decided height') };
    case NEW_ROUND:
      return { type: 'newRound', ...fields.place() };
    case ESTIMATE:
      return { type: 'estimate', ...fields.place(), timestamp: fields.number('timestamp'), value: fields.optionalValue() };
    case PROPOSAL:
      return { type: 'proposal', ...fields.place(), value: fields.value() };
    case ACK:
      return { type: 'ack', ...fields.place() };
    case NACK:
      return { type: 'nack', ...fields.place(), reached: fields.round('round reached') };
    case DECIDE:
      return { type: 'decide', height: fields.number('height'), value: fields.value() };
    case ASK:
      return { type: 'ask', height: fields.number('height') };
    case QUERY:
      return { type: 'query', incarnation: fields.number('incarnation'), number: fields.number('number of a read') };
    case ANSWER: {
      const incarnation = fields.number('incarnation');
      return { type: 'answer', incarnation, number: fields.number('number of a read'), height: fields.number('height') };
    }
    default:
      throw new DecodeError('decode/chandra-toueg', `Chandra-Toueg has messages of kind 0 to ${ANSWER}, and not ${kind}.`);
  }
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

  round(what: string): number {
    const round = this.number(what);
    if (round > 0) return round;
    throw new DecodeError('decode/chandra-toueg', `Expected 1 or more for ${what}, got 0.`);
  }

  place(): { readonly height: number; readonly round: number } {
    return { height: this.number('height'), round: this.round('round') };
  }

  value(): Value {
    const value = this.optionalValue();
    if (value !== null) return value;
    throw new DecodeError('decode/chandra-toueg', 'Expected the hash of a block, got nothing.');
  }

  optionalValue(): Value | null {
    const hash = this.#bytes('hash');
    const block = this.#bytes('block');
    if (hash.length === 0 && block.length === 0) return null;
    if (hash.length !== 32) throw new DecodeError('decode/chandra-toueg', `Expected 32 bytes for a hash, got ${hash.length}.`);
    return { hash: hashOf(hash), block: block.length === 0 ? null : decodeBlock(block) };
  }

  end(): void {
    if (this.#next !== this.#values.length) {
      throw new DecodeError('decode/chandra-toueg', `Expected ${this.#next} fields after the kind, got ${this.#values.length}.`);
    }
  }

  #bytes(what: string): Uint8Array {
    return bytesField(this.#values[this.#next++], what);
  }
}
