/**
 * What nodes send straight to each other: a message of the engine, or transactions of clients for the node that makes the next
 * block. RLP: [kind, content, senders].
 *
 * Recovering who signed a transaction costs as much as all else that is done with it. Where a node's word is taken
 * (`Engine.believes`), whoever sends a transaction on says who signed it: hash and address of each that it knows, 52 bytes. So
 * in a network whose members only crash a transaction is recovered once, by the member that a client gave it to. From
 * anybody else the same bytes count for nothing.
 */
import { addressOf, concatBytes, EMPTY, fromHex, hashOf } from '../base/bytes.ts';
import { DecodeError } from '../base/errors.ts';
import type { Block } from '../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, safeNumber } from '../chain/rlp.ts';
import { knownSender, rememberSenders } from '../execution/transaction.ts';
import { MAX_DIRECT_BYTES } from '../network/messages.ts';

const KINDS = ['message', 'transactions'] as const;
const FIELDS = 3;
const HASH_BYTES = 32;
const PAIR_BYTES = HASH_BYTES + 20;
/** Of what RLP puts around content and senders, at most. */
const FRAMING_BYTES = 16;

export interface DirectWord {
  readonly kind: (typeof KINDS)[number];
  readonly content: Uint8Array;
  /** Hash and sender of transactions in it, one after another; empty where nothing is said. */
  readonly senders: Uint8Array;
}

/** Senders for which there is no room are left out: the other side finds them out itself. */
export function encodeDirectWord({ kind, content, senders }: DirectWord): Uint8Array {
  const isRoom = content.length + senders.length + FRAMING_BYTES <= MAX_DIRECT_BYTES;
  return encodeRlp([KINDS.indexOf(kind), content, isRoom ? senders : EMPTY]);
}

/** Throws DecodeError `decode/direct`. */
export function decodeDirectWord(bytes: Uint8Array): DirectWord {
  const fields = listField(decodeRlp(bytes, 'direct message'), 'a direct message', FIELDS);
  const kind = KINDS[safeNumber(bytesField(fields[0], 'kind'), 'kind')];
  const content = bytesField(fields[1], 'content');
  const senders = bytesField(fields[2], 'senders');
  if (kind === undefined || senders.length % PAIR_BYTES !== 0) {
    throw new DecodeError('decode/direct', `Expected a message or transactions, and ${PAIR_BYTES} bytes for each sender.`);
  }
  return { kind, content, senders };
}

export function sendersOf(transactions: readonly Uint8Array[]): Uint8Array {
  const pairs = transactions.flatMap((bytes) => knownSender(bytes)?.map(fromHex) ?? []);
  return concatBytes(...pairs);
}

const ofBlocks = new WeakMap<Block, Uint8Array>();

/** A block goes to several members. */
export function sendersIn(blocks: readonly Block[]): Uint8Array {
  const all = blocks.map((block) => {
    const senders = ofBlocks.get(block) ?? sendersOf(block.transactions);
    ofBlocks.set(block, senders);
    return senders;
  });
  return concatBytes(...all);
}

/** Takes another node's word for them. */
export function believeSenders(senders: Uint8Array): void {
  for (let at = 0; at < senders.length; at += PAIR_BYTES) {
    const hash = hashOf(senders.subarray(at, at + HASH_BYTES));
    rememberSenders([[hash, addressOf(senders.subarray(at + HASH_BYTES, at + PAIR_BYTES))]]);
  }
}
