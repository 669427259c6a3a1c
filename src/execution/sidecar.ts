/**
 * The form in which blob transactions are handed in: the transaction with its blobs, commitments and proofs (EIP-4844's
 * network form, and EIP-7594's with cell proofs). synod keeps no blobs: what remains is the transaction, once it is seen
 * that the commitments are those that it names. The proofs are not checked.
 */
import { RLP } from '@ethereumjs/rlp';
import { concatBytes, equalBytes, fromHex } from '../base/bytes.ts';
import { bytesField, decodeRlp, listField } from '../chain/rlp.ts';
import { sha256 } from './common.ts';
import { BLOB, decodeFields, malformed } from './transaction-codec.ts';

const MAX_PARTS = 5;
const MAX_BLOBS = 64;
const MAX_RLP_DEPTH = 5;
const KZG_VERSION = 1;

/** Anything but the network form of a blob transaction is answered as it is. Throws RuleError tx/malformed, tx/sidecar. */
export function withoutSidecar(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== BLOB) return bytes;
  const parts = listField(decodeRlp(bytes.subarray(1), 'transaction', MAX_RLP_DEPTH), 'the transaction', 32);
  const [fields] = parts;
  if (!Array.isArray(fields) || parts.length > MAX_PARTS) return bytes;
  const transaction = concatBytes(Uint8Array.of(BLOB), RLP.encode(fields));
  // With cell proofs there is a version before the blobs.
  const commitments = listField(parts.at(-2), 'commitments', MAX_BLOBS).map((item) => bytesField(item, 'a commitment'));
  const hashes = decodeFields(transaction).fields.blobs?.versionedHashes ?? [];
  const fits = hashes.length === commitments.length && hashes.every((hash, index) => commits(commitments[index], fromHex(hash)));
  if (!fits) throw malformed('the commitments of its sidecar are not those that it names');
  return transaction;
}

function commits(commitment: Uint8Array | undefined, hash: Uint8Array): boolean {
  if (commitment === undefined) return false;
  const digest = sha256(commitment);
  digest[0] = KZG_VERSION;
  return equalBytes(digest, hash);
}
