/** Reads the member that an operator's command names: { node, publicKey, proofOfPossession? }. */
import { fromHex } from '../../base/bytes.ts';
import { UsageError } from '../../base/errors.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type Signatures } from '../../base/signatures.ts';
import { type Hex, type Json, NodeId, quote, quoteJson } from '../../base/types.ts';
import { MAX_NODE_CHARACTERS } from './changes.ts';
import type { Faults, Member } from './membership.ts';
import { possessionMessage } from './possession.ts';

/** Throws UsageError `members/argument`, `members/key` or `members/possession`. */
export function readCandidate(given: { readonly [key: string]: Json }, faults: Faults, signatures: Signatures): Member {
  const node = readNode(given.node);
  const publicKey = hexOf(given.publicKey, PUBLIC_KEY_BYTES);
  if (publicKey === null || !signatures.isPublicKey(publicKey)) {
    const message = `The public key of ${quote(node)} is ${quoteJson(given.publicKey)}; expected a BLS public key: 0x and ${2 * PUBLIC_KEY_BYTES} hex digits.`;
    throw new UsageError('members/key', message);
  }
  const proof = given.proofOfPossession ?? null;
  if (proof === null && faults === 'crash') return { node, publicKey };
  const signature = hexOf(proof, SIGNATURE_BYTES);
  if (
    signature !== null &&
    signatures.verify({ publicKeys: [publicKey], message: possessionMessage(publicKey), signature: fromHex(signature) })
  ) {
    return { node, publicKey };
  }
  throw new UsageError('members/possession', `The proof of possession of ${quote(node)} is not one for its key ${publicKey}.`);
}

/** Throws UsageError `members/argument`. */
export function readNode(node: Json | undefined): NodeId {
  if (typeof node === 'string' && node.length > 0 && node.length <= MAX_NODE_CHARACTERS) return NodeId(node);
  throw new UsageError('members/argument', `The node is ${quoteJson(node)}; expected its id, of 1 to ${MAX_NODE_CHARACTERS} characters.`);
}

function hexOf(value: Json | undefined, bytes: number): Hex | null {
  const isHex = typeof value === 'string' && value.length === 2 + 2 * bytes && /^0x[0-9a-fA-F]+$/.test(value);
  return isHex ? (value.toLowerCase() as Hex) : null;
}
