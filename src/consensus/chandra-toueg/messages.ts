/**
 * What members running Chandra-Toueg say to each other, besides what is said of decided blocks (`../members/attestations.ts`).
 * Source: Chandra and Toueg, JACM 43(2) 1996, figure 6 (estimate, proposal, ack, nack, decide); `newRound` is from the
 * crash-recovery algorithm of Aguilera, Chen and Toueg (DISC 1998). RLP: [kind, ...]. One value has one encoding.
 */
import { unreachable } from '../../base/assert.ts';
import { EMPTY, fromHex, hashOf } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import { type DecisionMessage, encodeDecision, FIRST_KIND } from '../members/attestations.ts';
import type { Council } from '../members/council.ts';
import { encodedBlock, type Fields, type MessageFormat, readMessage } from '../members/fields.ts';
import { type ReadId, readIdFields, readIdOf } from '../members/reads.ts';

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
  /** For a linearizable read: how far have you come? */
  | { readonly type: 'query'; readonly read: ReadId }
  /** Nothing above this height was decided with the sender's help. */
  | { readonly type: 'answer'; readonly read: ReadId; readonly height: number };

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

const FORMAT: MessageFormat = { name: 'Chandra-Toueg', code: 'decode/chandra-toueg', maxFields: 6, maxNesting: 1 };

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
      return [QUERY, ...readIdFields(message.read)];
    case 'answer':
      return [ANSWER, ...readIdFields(message.read), message.height];
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
  return readMessage(council, bytes, FORMAT, messageOf);
}

function messageOf(kind: number, fields: Fields): ChandraTouegMessage {
  switch (kind) {
    case HEARTBEAT:
      return { type: 'heartbeat', decided: fields.number('decided height') };
    case NEW_ROUND:
      return { type: 'newRound', ...placeOf(fields) };
    case ESTIMATE:
      return { type: 'estimate', ...placeOf(fields), timestamp: fields.number('timestamp'), value: optionalValue(fields) };
    case PROPOSAL:
      return { type: 'proposal', ...placeOf(fields), value: givenValue(fields) };
    case ACK:
      return { type: 'ack', ...placeOf(fields) };
    case NACK:
      return { type: 'nack', ...placeOf(fields), reached: fields.positive('the round reached') };
    case DECIDE:
      return { type: 'decide', height: fields.number('height'), value: givenValue(fields) };
    case ASK:
      return { type: 'ask', height: fields.number('height') };
    case QUERY:
      return { type: 'query', read: readIdOf(fields) };
    case ANSWER:
      return { type: 'answer', read: readIdOf(fields), height: fields.number('height') };
    default:
      return fields.refuse(`Chandra-Toueg has messages of kind 0 to ${ANSWER}, and not ${kind}.`);
  }
}

function placeOf(fields: Fields): { readonly height: number; readonly round: number } {
  return { height: fields.number('height'), round: fields.positive('round') };
}

function givenValue(fields: Fields): Value {
  return optionalValue(fields) ?? fields.refuse('Expected the hash of a block, got nothing.');
}

function optionalValue(fields: Fields): Value | null {
  const hash = fields.bytes('hash');
  const block = fields.optionalBlock();
  if (hash.length === 0 && block === null) return null;
  return hash.length === 32 ? { hash: hashOf(hash), block } : fields.refuse(`Expected 32 bytes for a hash, got ${hash.length}.`);
}
