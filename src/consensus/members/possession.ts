/** What a member signs to show that the key is its own, so that keys can be added up (draft-irtf-cfrg-bls-signature 3.3). */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { fromHex } from '../../base/bytes.ts';
import type { PublicKey } from '../../base/signatures.ts';

export function possessionMessage(publicKey: PublicKey): Uint8Array {
  return keccak_256(concatBytes(utf8ToBytes('synod/member/'), fromHex(publicKey)));
}
