/**
 * What the messages and records of all permissioned engines are made of. RLP: [kind, field, ...]; one value has one encoding.
 * `Fields` reads them one after another and checks each, so that an engine's codec is a list of what it expects.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { EMPTY, equalBytes, hashOf } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import { type Hash, NodeId } from '../../base/types.ts';
import { type Block, decodeBlock, encodeBlock, MAX_BLOCK_BYTES, MAX_CERTIFICATE_BYTES } from '../../chain/block.ts';
import { bytesField, decodeRlp, listField, safeNumber } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { type DecisionMessage, decodeDecision, isDecisionKind } from './attestations.ts';
import type { Council } from './council.ts';

/** Of one engine. */
export interface MessageFormat {
  /** For people: "Zab". */
  readonly name: string;
  /** Of what is malformed: `decode/zab`. */
  readonly code: string;
  /** The kind counts. */
  readonly maxFields: number;
  /** Lists in lists; the message is one. */
  readonly maxNesting: number;
}

/** The largest block, with what is around it. */
const MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + MAX_CERTIFICATE_BYTES;
const MAX_NODE_BYTES = 128;

const encoded = new WeakMap<Block, Uint8Array>();

/** A block goes into one record and to several members: it is encoded once. */
export function encodedBlock(block: Block): Uint8Array {
  const known = encoded.get(block);
  if (known !== undefined) return known;
  const bytes = encodeBlock(block);
  encoded.set(block, bytes);
  return bytes;
}

/** A certificate, block or the like that may be missing: the empty string then. */
export function optionalField(bytes: Uint8Array | null): Uint8Array {
  return bytes ?? EMPTY;
}

/** A message's kind, and what comes after it. Throws DecodeError. */
export function openMessage(
  bytes: Uint8Array,
  { name, code, maxFields, maxNesting }: MessageFormat,
): { readonly kind: number; readonly rest: readonly unknown[] } {
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new DecodeError(code, `A message of ${bytes.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed.`);
  }
  const [first, ...rest] = listField(decodeRlp(bytes, `message of ${name}`, maxNesting), `a message of ${name}`, maxFields);
  return { kind: safeNumber(bytesField(first, 'kind'), 'kind'), rest };
}

/** A message of an engine whose members attest what is decided. Throws DecodeError and nothing else. */
export function readMessage<Message>(
  council: Council,
  bytes: Uint8Array,
  format: MessageFormat,
  messageOf: (kind: number, fields: Fields) => Message,
): Message | DecisionMessage {
  const { kind, rest } = openMessage(bytes, format);
  if (isDecisionKind(kind)) return decodeDecision(council, kind, rest);
  const fields = new Fields(format.code, rest);
  const message = messageOf(kind, fields);
  fields.end();
  return message;
}

export class Fields {
  readonly #code: string;
  readonly #values: readonly unknown[];
  #next = 0;

  /** `code`: of the DecodeError that everything here throws. */
  constructor(code: string, values: readonly unknown[]) {
    this.#code = code;
    this.#values = values;
  }

  /** How many there are, those that were read among them. */
  get count(): number {
    return this.#values.length;
  }

  bytes(what: string): Uint8Array {
    return bytesField(this.#take(), what);
  }

  number(what: string, most = Number.MAX_SAFE_INTEGER): number {
    const value = safeNumber(this.bytes(what), what);
    return value <= most ? value : this.refuse(`Expected at most ${most} for ${what}, got ${value}.`);
  }

  /** 1 or more. */
  positive(what: string): number {
    const value = this.number(what);
    return value > 0 ? value : this.refuse(`Expected 1 or more for ${what}, got 0.`);
  }

  /** One of these, by its place. */
  choice<Choice>(what: string, choices: readonly Choice[]): Choice {
    const index = this.number(what);
    return choices[index] ?? this.refuse(`Expected 0 to ${choices.length - 1} for ${what}, got ${index}.`);
  }

  flag(what: string): boolean {
    return this.choice(what, [false, true]);
  }

  hash(what: string): Hash {
    const bytes = this.bytes(what);
    return bytes.length === 32 ? hashOf(bytes) : this.refuse(`Expected 32 bytes for ${what}, got ${bytes.length}.`);
  }

  node(): NodeId {
    return this.optionalNode() ?? this.refuse('Expected the name of a node, got nothing.');
  }

  /** Null for the empty string. */
  optionalNode(): NodeId | null {
    const bytes = this.bytes('node');
    return bytes.length === 0 ? null : this.#nodeOf(bytes);
  }

  /** At least one. */
  nodes(what: string, maxItems: number): NodeId[] {
    const items = listField(this.#take(), what, maxItems);
    return items.length > 0
      ? items.map((item) => this.#nodeOf(bytesField(item, 'node')))
      : this.refuse(`Expected at least one of ${what}.`);
  }

  /** Text has one encoding: what is not UTF-8 is refused. */
  #nodeOf(bytes: Uint8Array): NodeId {
    const text = new TextDecoder().decode(bytes);
    const isText = equalBytes(utf8ToBytes(text), bytes);
    if (bytes.length > 0 && bytes.length <= MAX_NODE_BYTES && isText) return NodeId(text);
    return this.refuse(`Expected 1 to ${MAX_NODE_BYTES} bytes of UTF-8 for a node, got ${bytes.length} bytes.`);
  }

  block(): Block {
    return decodeBlock(this.bytes('block'));
  }

  optionalBlock(): Block | null {
    const bytes = this.bytes('block');
    return bytes.length === 0 ? null : decodeBlock(bytes);
  }

  /** At least one. */
  blocks(maxItems: number): Block[] {
    const items = listField(this.#take(), 'blocks', maxItems);
    return items.length > 0 ? items.map((item) => decodeBlock(bytesField(item, 'block'))) : this.refuse('Expected at least one block.');
  }

  certificate(what = 'certificate'): Certificate {
    const bytes = this.bytes(what);
    if (bytes.length <= MAX_CERTIFICATE_BYTES) return bytes;
    return this.refuse(`The ${what} has ${bytes.length} bytes; at most ${MAX_CERTIFICATE_BYTES} are allowed.`);
  }

  /** Null for the empty string. */
  optionalCertificate(): Certificate | null {
    const bytes = this.certificate();
    return bytes.length === 0 ? null : bytes;
  }

  /** Items that are lists of fields themselves. */
  list<Item>(what: string, maxItems: number, fieldsEach: number, itemOf: (fields: Fields) => Item): Item[] {
    return listField(this.#take(), what, maxItems).map((item) => {
      const fields = new Fields(this.#code, listField(item, what, fieldsEach));
      const read = itemOf(fields);
      fields.end();
      return read;
    });
  }

  /** Nothing may be left. */
  end(): void {
    if (this.#next === this.#values.length) return;
    this.refuse(`Expected ${this.#next} fields after the kind, got ${this.#values.length}.`);
  }

  refuse(message: string): never {
    throw new DecodeError(this.#code, message);
  }

  #take(): unknown {
    if (this.#next >= this.#values.length) this.refuse(`Expected more than ${this.#values.length} fields after the kind.`);
    return this.#values[this.#next++];
  }
}
