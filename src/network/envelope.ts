/**
 * Broadcast consensus messages travel through third nodes, so each names its author and carries the author's signature:
 * an engine is promised that `from` is who said it. The sequence number makes a message that is said again a new one;
 * gossip would otherwise swallow a retransmission as a duplicate for minutes.
 *
 * RLP: [author's Ed25519 key, sequence, message, signature of keccak256("synod-envelope" ‖ genesis ‖ sequence ‖ message)].
 */

import { publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PublicKey } from '@libp2p/interface';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import { bigToFixed, concatBytes, fromHex } from '../base/bytes.ts';
import { RuleError } from '../base/errors.ts';
import { keccak256 } from '../base/keccak.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { encodeRlp } from '../chain/rlp.ts';
import { MAX_GOSSIP_BYTES } from './gossip.ts';
import { decodeList } from './messages.ts';
import type { NodeKey } from './node-key.ts';
import { nodeId } from './sessions.ts';

const DOMAIN = new TextEncoder().encode('synod-envelope');
const SEQUENCE_BYTES = 8;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** What an envelope adds to its message, at most. */
export const ENVELOPE_BYTES = 128;

export class Sealer {
  readonly #key: NodeKey;
  readonly #genesisHash: Hash;
  /** Starts at the wall clock in microseconds, so that a restarted node does not repeat itself. */
  #sequence = BigInt(Date.now()) * 1000n;

  constructor(key: NodeKey, genesisHash: Hash) {
    this.#key = key;
    this.#genesisHash = genesisHash;
  }

  async seal(message: Uint8Array): Promise<Uint8Array> {
    this.#sequence += 1n;
    const sequence = bigToFixed(this.#sequence, SEQUENCE_BYTES);
    const signature = await this.#key.sign(digest(this.#genesisHash, sequence, message));
    return encodeRlp([this.#key.publicKey.raw, sequence, message, signature]);
  }
}

/** Throws DecodeError for what is no envelope, RuleError `network/bad-signature` for one that its author did not sign. */
export async function openEnvelope(
  bytes: Uint8Array,
  genesisHash: Hash,
): Promise<{ readonly author: NodeId; readonly message: Uint8Array }> {
  const [key, sequence, message, signature] = decodeList(bytes, 'envelope', MAX_GOSSIP_BYTES, 4);
  if (key?.length !== KEY_BYTES || sequence?.length !== SEQUENCE_BYTES || message === undefined || signature?.length !== SIGNATURE_BYTES) {
    throw new RuleError('network/envelope', 'A broadcast message has no author, sequence number or signature of the right length.');
  }
  const author = publicKeyFromRaw(key);
  if (!(await isSigned(author, digest(genesisHash, sequence, message), signature))) {
    throw new RuleError('network/bad-signature', 'A broadcast message is not signed by the author it names.');
  }
  return { author: nodeId(peerIdFromPublicKey(author)), message };
}

/** The library throws for keys that are no point of the curve. */
async function isSigned(author: PublicKey, digest: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    return await author.verify(digest, signature);
  } catch {
    return false;
  }
}

function digest(genesisHash: Hash, sequence: Uint8Array, message: Uint8Array): Uint8Array {
  return keccak256(concatBytes(DOMAIN, fromHex(genesisHash), sequence, message));
}
