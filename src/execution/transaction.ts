/**
 * Transactions as the node handles them: decoded, with their hash and sender, and checked for everything that needs no
 * state. Recovering a sender is by far the dearest step, so senders are remembered by transaction hash.
 */

import { BoundedMap } from '../base/bounded.ts';
import { bigToFixed, concatBytes, toHex } from '../base/bytes.ts';
import { DecodeError, RuleError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import { type ChainParams, type ExecutionParams, FORKS, type Fork } from '../chain/params.ts';
import { keccak256, keccakHash } from './keccak.ts';
import { recovery } from './recovery.ts';
import { BLOB, type DecodedTransaction, decodeFields, malformed, type TransactionFields, unsupported } from './transaction-codec.ts';
import { checkTransaction } from './transaction-rules.ts';

export interface Tx extends TransactionFields {
  /** keccak of `bytes`. */
  readonly hash: Hash;
  readonly sender: Address;
  /** The canonical EIP-2718 encoding. */
  readonly bytes: Uint8Array;
}

/** Candidates for a block, best first; `candidates` of the mempool makes one. */
export interface TransactionSource {
  /** The best candidate left, or undefined when there is none. The same one again until `take` or `drop`. */
  peek(): Tx | undefined;
  /** It went into the block: the next nonce of its sender may follow. */
  take(): void;
  /**
   * It did not go in, so nothing more of its sender can, unless its nonce is used already (`tx/nonce-too-low`). The error says
   * what is wrong with it; null: it did not fit.
   */
  drop(error: RuleError | null): void;
}

/** geth's limit for its pool; here a rule of the chain, so that whatever a pool may hold a block may hold, and no more. */
export const MAX_TRANSACTION_BYTES = 128 * 1024;
const MAX_REMEMBERED_SENDERS = 32_768;
const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;

/** A node reads a transaction when it comes, and again in a block, soon after. Of small ones: some 10 MB. */
const MAX_REMEMBERED_DECODINGS = 8_192;
const MAX_REMEMBERED_BYTES = 512;

const senders = new BoundedMap<Hash, Address>(MAX_REMEMBERED_SENDERS);
const decodings = new BoundedMap<Hash, DecodedTransaction>(MAX_REMEMBERED_DECODINGS);

/**
 * Decodes and checks all that needs no state. `fork` is the one in force where the transaction is to be executed; by
 * default the network's newest. Throws RuleError with a code `tx/...`.
 */
export function decodeTransaction(bytes: Uint8Array, params: ExecutionParams, fork: Fork = newestFork(params)): Tx {
  if (bytes.length > MAX_TRANSACTION_BYTES) {
    throw new RuleError('tx/too-large', `oversized data: transaction size ${bytes.length}, limit ${MAX_TRANSACTION_BYTES}.`);
  }
  if (bytes[0] === BLOB && params.blobs === undefined) {
    throw unsupported(BLOB, 'blob transactions (type 3) carry sidecars that this network does not have');
  }
  const hash = keccakHash(bytes);
  const known = decodings.get(hash);
  const decoded = known ?? decode(bytes);
  const { fields } = decoded;
  if (known === undefined && bytes.length <= MAX_REMEMBERED_BYTES) decodings.set(hash, decoded);
  if (fields.chainId !== null && fields.chainId !== BigInt(params.chainId)) {
    throw new RuleError('tx/wrong-chain', `invalid chain id for signer: have ${fields.chainId} want ${params.chainId}.`);
  }
  checkTransaction(fields, fork);
  return { ...fields, hash, sender: senders.get(hash) ?? remember(hash, recoverSender(decoded)), bytes };
}

/**
 * Senders that were recovered elsewhere (another thread, a node whose word is taken), so that decoding need not. The caller
 * vouches for them: they must come from `recoverSenders` or `knownSender` over the same bytes.
 */
export function rememberSenders(known: Iterable<readonly [Hash, Address]>): void {
  for (const [hash, sender] of known) remember(hash, sender);
}

/** Of a transaction that was decoded lately: its hash and sender. */
export function knownSender(bytes: Uint8Array): readonly [Hash, Address] | null {
  const hash = keccakHash(bytes);
  const sender = senders.get(hash);
  return sender === undefined ? null : [hash, sender];
}

/** For a worker thread: the hash and sender of each transaction, null where it has none. Never throws. */
export function recoverSenders(transactions: readonly Uint8Array[]): (readonly [Hash, Address] | null)[] {
  return transactions.map((bytes) => {
    try {
      const decoded = decode(bytes);
      return [keccakHash(bytes), recoverSender(decoded)] as const;
    } catch {
      return null;
    }
  });
}

/** Wei per gas that the sender pays in a block with this base fee (EIP-1559). */
export function effectiveGasPrice(tx: Pick<Tx, 'maxFeePerGas' | 'maxPriorityFeePerGas'>, baseFee: bigint): bigint {
  const wanted = baseFee + tx.maxPriorityFeePerGas;
  if (wanted > tx.maxFeePerGas) return tx.maxFeePerGas;
  return wanted;
}

/** The fork that is in force once every activation of the network has passed. */
export function newestFork(params: Pick<ChainParams, 'forks'>): Fork {
  return params.forks.at(-1)?.fork ?? FORKS[0];
}

function decode(bytes: Uint8Array): DecodedTransaction {
  try {
    return decodeFields(bytes);
  } catch (error) {
    if (error instanceof DecodeError) throw malformed(error.message.replace(/\.$/, ''));
    throw error;
  }
}

function remember(hash: Hash, sender: Address): Address {
  senders.set(hash, sender);
  return sender;
}

/**
 * EIP-2: s in the lower half of the order, or every signature would have a twin with another hash. That holds from
 * homestead on, and nothing older than that is run here.
 */
function recoverSender({ fields, signingHash }: DecodedTransaction): Address {
  const { r, s, yParity } = fields;
  const inRange = r > 0n && r < CURVE_ORDER && s > 0n && s <= CURVE_ORDER / 2n;
  const signature = inRange ? concatBytes(bigToFixed(r, 32), bigToFixed(s, 32)) : null;
  const key = signature === null ? null : recovery.recover(signature, yParity, signingHash);
  if (key === null) throw new RuleError('tx/bad-signature', 'invalid sender: the signature belongs to no key (r, s and v are checked).');
  return toHex(keccak256(key).subarray(12)) as Address;
}
