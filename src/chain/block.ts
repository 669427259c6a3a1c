/**
 * A block: header, transactions, and two things that Ethereum's blocks do not have. `payload` is engine data that the
 * nodes must agree on (the header's extraData is its keccak, empty when there is none); `seal` proves the header and is
 * not part of its hash. The encoding is RLP: [[header fields], seal, [transactions], payload].
 */
import { toHex } from '../base/bytes.ts';
import { DecodeError, RuleError } from '../base/errors.ts';
import { keccak256 } from '../base/keccak.ts';
import type { Hex } from '../base/types.ts';
import { headerFields, headerFromFields, MAX_SEAL_BYTES, type SealedHeader } from './header.ts';
import { bytesField, decodeRlp, encodeRlp, listField } from './rlp.ts';

export interface Block extends SealedHeader {
  /** Each transaction in its EIP-2718 form (legacy ones as their RLP list). */
  readonly transactions: readonly Uint8Array[];
  readonly payload: Uint8Array;
}

/** What one node gives another that asks: a block, and the proof that it is final, where the giver has one. */
export interface ProvenBlock extends Block {
  readonly certificate: Uint8Array | null;
}

/** A whole encoded block; the same bound as EIP-7934 leaves for the execution payload. */
export const MAX_BLOCK_BYTES = 8 * 1024 * 1024;
/** 21,000 gas each: more cannot fit the largest gas limit that the rules let a block have in practice. */
export const MAX_BLOCK_TRANSACTIONS = 100_000;
/** What proof-of-stake's staking contract can say in a block, and its votes and evidence (`consensus/pos/codec.ts` adds them up). */
export const MAX_PAYLOAD_BYTES = 3 * 1024 * 1024;
/** Some hundred members' keys and signatures. */
export const MAX_CERTIFICATE_BYTES = 64 * 1024;
/** A block of any size with a certificate, and their framing. */
export const MAX_PROVEN_BLOCK_BYTES = MAX_BLOCK_BYTES + MAX_CERTIFICATE_BYTES + 64;

export function encodeBlock(block: Block): Uint8Array {
  return encodeRlp([headerFields(block.header), block.seal, block.transactions, block.payload]);
}

/** Checks the size before it decodes. Throws DecodeError. */
export function decodeBlock(bytes: Uint8Array): Block {
  if (bytes.length > MAX_BLOCK_BYTES) {
    throw new DecodeError('decode/block-size', `The block has ${bytes.length} bytes; at most ${MAX_BLOCK_BYTES} are allowed.`, {
      bytes: bytes.length,
    });
  }
  const parts = listField(decodeRlp(bytes, 'block'), 'block', 4);
  if (parts.length !== 4) throw new DecodeError('decode/block', `Expected 4 parts in a block, got ${parts.length}.`);
  return {
    ...decodeSealed(parts),
    transactions: listField(parts[2], 'transactions', MAX_BLOCK_TRANSACTIONS).map((tx) => bytesField(tx, 'a transaction')),
    payload: limited(bytesField(parts[3], 'payload'), MAX_PAYLOAD_BYTES, 'payload'),
  };
}

/** [block] or [block, certificate], the block as it is encoded alone. */
export function encodeProvenBlock({ certificate, ...block }: ProvenBlock): Uint8Array {
  return encodeRlp(certificate === null ? [encodeBlock(block)] : [encodeBlock(block), certificate]);
}

/** Throws DecodeError. Whether the certificate proves anything is for the engine to say. */
export function decodeProvenBlock(bytes: Uint8Array): ProvenBlock {
  const parts = listField(decodeRlp(bytes, 'proven block'), 'proven block', 2);
  const block = decodeBlock(bytesField(parts[0], 'block'));
  if (parts.length === 1) return { ...block, certificate: null };
  return { ...block, certificate: limited(bytesField(parts[1], 'certificate'), MAX_CERTIFICATE_BYTES, 'certificate') };
}

/** The encoding of a header with its seal: [[header fields], seal]. */
export function encodeSealedHeader(sealed: SealedHeader): Uint8Array {
  return encodeRlp([headerFields(sealed.header), sealed.seal]);
}

export function decodeSealedHeader(bytes: Uint8Array): SealedHeader {
  return decodeSealed(listField(decodeRlp(bytes, 'sealed header'), 'sealed header', 2));
}

function decodeSealed(parts: readonly unknown[]): SealedHeader {
  return { header: headerFromFields(parts[0]), seal: limited(bytesField(parts[1], 'seal'), MAX_SEAL_BYTES, 'seal') };
}

/** What the header's extraData must be for this payload. */
export function payloadCommitment(payload: Uint8Array): Hex {
  return payload.length === 0 ? '0x' : toHex(keccak256(payload));
}

export function checkPayload(block: Pick<Block, 'header' | 'payload'>): void {
  const expected = payloadCommitment(block.payload);
  if (block.header.extraData !== expected) {
    throw new RuleError('block/payload', `extraData ${block.header.extraData} is not the hash of the payload; expected ${expected}.`);
  }
}

function limited(bytes: Uint8Array, maxBytes: number, what: string): Uint8Array {
  if (bytes.length > maxBytes)
    throw new DecodeError('decode/length', `${what} has ${bytes.length} bytes; at most ${maxBytes} are allowed.`);
  return bytes;
}
