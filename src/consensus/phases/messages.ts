/**
 * What travels between nodes: the engines' own messages with the number of their phase, and what the phases themselves have to say.
 * Messages of the first phase are as its engine writes them, so a network without transitions pays nothing.
 *   later phases:  0xff, number of the phase (4 bytes), digest of its settings (4 bytes), the engine's message
 *   of this layer: 0xfe, RLP: [0, phase, anchor, certificate], [1, phase, engine, vote] or [2, phase]
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes, EMPTY, equalBytes, fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import type { EngineSettings } from '../../chain/params.ts';
import { bytesField, decodeRlp, encodeRlp, listField, safeNumber } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { decodeEngine, engineBytes, MARK } from './change.ts';
import type { Phase, Timeline } from './timeline.ts';

export type PhaseMessage =
  /** An engine's. */
  | { readonly type: 'inner'; readonly phase: number; readonly message: unknown }
  /** An engine's, of a phase that is another one here, or unknown: this node cannot read it. `bytes` is all of it. */
  | { readonly type: 'unread'; readonly phase: number; readonly bytes: Uint8Array }
  /** The phase has ended with this block, which is final by this certificate. An answer to whoever is still in it. */
  | { readonly type: 'ended'; readonly phase: number; readonly anchor: Hash; readonly certificate: Certificate }
  /** Is this phase over? What would be its last block is here, and not known to be final. */
  | { readonly type: 'isOver'; readonly phase: number }
  /** A member approves of a change. `vote` is encoded: only who knows the members of that phase can read it. */
  | { readonly type: 'approval'; readonly phase: number; readonly engine: EngineSettings; readonly vote: Uint8Array };

const OWN_MARK = 0xfe;
const PHASE_BYTES = 4;
const DIGEST_BYTES = 4;
const BODY_AT = 1 + PHASE_BYTES;
const ENDED = 0;
const APPROVAL = 1;
const IS_OVER = 2;
/** By kind. */
const FIELDS = [4, 4, 2];
const MAX_FIELDS = 4;
/** No certificate that travels is larger, nor are settings. */
const MAX_OWN_BYTES = 512 * 1024;

export function tagged(phase: number, bytes: Uint8Array): Uint8Array {
  if (phase === 0) return bytes;
  const tag = new Uint8Array(BODY_AT);
  tag[0] = MARK;
  new DataView(tag.buffer).setUint32(1, phase);
  return concatBytes(tag, bytes);
}

/** The phase of what `tagged` wrote, and the rest. Throws DecodeError. */
export function untagged(bytes: Uint8Array): { readonly phase: number; readonly body: Uint8Array } {
  if (bytes[0] !== MARK) return { phase: 0, body: bytes };
  if (bytes.length < BODY_AT) throw new DecodeError('decode/phase', `${bytes.length} bytes are too few for the number of a phase.`);
  const phase = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  if (phase === 0) throw new DecodeError('decode/phase', 'What belongs to the first phase has no number.');
  return { phase, body: bytes.subarray(BODY_AT) };
}

export function encodeMessage(timeline: Timeline, message: PhaseMessage): Uint8Array {
  switch (message.type) {
    case 'inner': {
      const { phase } = message;
      const known = timeline.at(phase);
      const bytes = known?.engine.encode(message.message) ?? EMPTY;
      return known === undefined || phase === 0 ? bytes : tagged(phase, concatBytes(digestOf(known), bytes));
    }
    case 'unread':
      return message.bytes;
    case 'ended':
      return own([ENDED, message.phase, fromHex(message.anchor), message.certificate]);
    case 'isOver':
      return own([IS_OVER, message.phase]);
    case 'approval':
      return own([APPROVAL, message.phase, engineBytes(message.engine), message.vote]);
  }
}

/** Throws DecodeError. Messages of a phase that is another one here, as far as is known by now, are not read: members may agree on one before it. */
export function decodeMessage(timeline: Timeline, bytes: Uint8Array): PhaseMessage {
  if (bytes[0] === OWN_MARK) return decodeOwn(bytes);
  const { phase, body } = untagged(bytes);
  const known = timeline.at(phase);
  if (phase === 0) return { type: 'inner', phase, message: known?.engine.decode(body) };
  const isReadable = known !== undefined && equalBytes(body.subarray(0, DIGEST_BYTES), digestOf(known));
  return isReadable
    ? { type: 'inner', phase, message: known.engine.decode(body.subarray(DIGEST_BYTES)) }
    : { type: 'unread', phase, bytes };
}

const digests = new WeakMap<Phase, Uint8Array>();

function digestOf(phase: Phase): Uint8Array {
  const digest = digests.get(phase) ?? keccak_256(engineBytes(phase.settings)).slice(0, DIGEST_BYTES);
  digests.set(phase, digest);
  return digest;
}

function own(fields: Parameters<typeof encodeRlp>[0]): Uint8Array {
  return concatBytes(Uint8Array.of(OWN_MARK), encodeRlp(fields));
}

function decodeOwn(bytes: Uint8Array): PhaseMessage {
  if (bytes.length > MAX_OWN_BYTES) {
    throw new DecodeError('decode/phase-message', `${bytes.length} bytes; expected at most ${MAX_OWN_BYTES}.`);
  }
  const fields = listField(decodeRlp(bytes.subarray(1), 'a message about phases', 1), 'a message about phases', MAX_FIELDS);
  const kind = safeNumber(bytesField(fields[0], 'kind'), 'kind');
  if (fields.length !== FIELDS[kind]) {
    throw new DecodeError('decode/phase-message', `There are no messages about phases of kind ${kind} with ${fields.length} fields.`);
  }
  const phase = safeNumber(bytesField(fields[1], 'phase'), 'phase');
  if (kind === IS_OVER) return { type: 'isOver', phase };
  const [third, fourth] = [bytesField(fields[2], 'third field'), bytesField(fields[3], 'fourth field')];
  return kind === ENDED
    ? { type: 'ended', phase, anchor: hashOf(third), certificate: fourth }
    : { type: 'approval', phase, engine: decodeEngine(third), vote: fourth };
}
