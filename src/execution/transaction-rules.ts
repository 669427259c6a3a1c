/**
 * What a transaction must satisfy under a fork whatever the state is, and what it costs before the EVM runs.
 * Sources: Yellow Paper 6.2; EIP-2028, 2930, 3860, 7623, 7702, 7825, 2681. Sentences begin as geth's do, because wallets
 * and libraries match them.
 */
import { RuleError } from '../base/errors.ts';
import { type Fork, isAtLeast } from '../chain/params.ts';
import { ACCESS_LIST, BLOB, type BlobFields, DYNAMIC_FEE, SET_CODE, type TransactionFields } from './transaction-codec.ts';

const BASE_GAS = 21_000n;
const CREATE_GAS = 32_000n;
const ZERO_BYTE_GAS = 4n;
const NON_ZERO_BYTE_GAS = 16n;
const NON_ZERO_BYTE_GAS_BEFORE_ISTANBUL = 68n;
const ACCESS_ADDRESS_GAS = 2_400n;
const ACCESS_KEY_GAS = 1_900n;
const INITCODE_WORD_GAS = 2n;
const WORD_BYTES = 32;
/** EIP-7702: charged for each authorization as if its account were new; part comes back when it is not. */
const AUTHORIZATION_GAS = 25_000n;
const FLOOR_GAS_PER_TOKEN = 10n;
const TOKENS_PER_NON_ZERO_BYTE = 4n;

/** EIP-4844: the first byte of a blob's versioned hash. */
const KZG_VERSION = '0x01';
export const MAX_INITCODE_BYTES = 49_152;
/** EIP-7825. */
export const MAX_TRANSACTION_GAS = 16_777_216n;
const UINT64_MAX = 2n ** 64n - 1n;
const UINT256_MAX = 2n ** 256n - 1n;

const FORK_OF_TYPE = new Map<number, Fork>([
  [ACCESS_LIST, 'berlin'],
  [DYNAMIC_FEE, 'london'],
  [BLOB, 'cancun'],
  [SET_CODE, 'prague'],
]);

type Costed = Pick<TransactionFields, 'to' | 'data' | 'accessList' | 'authorizationList'>;

/** What the transaction pays before a single instruction runs. */
export function intrinsicGas(tx: Costed, fork: Fork): bigint {
  const { zeros, others } = countBytes(tx.data);
  const perByte = isAtLeast(fork, 'istanbul') ? NON_ZERO_BYTE_GAS : NON_ZERO_BYTE_GAS_BEFORE_ISTANBUL;
  let gas = BASE_GAS + zeros * ZERO_BYTE_GAS + others * perByte;
  if (tx.to === null) {
    if (isAtLeast(fork, 'homestead')) gas += CREATE_GAS;
    if (isAtLeast(fork, 'shanghai')) gas += BigInt(Math.ceil(tx.data.length / WORD_BYTES)) * INITCODE_WORD_GAS;
  }
  for (const { storageKeys } of tx.accessList) gas += ACCESS_ADDRESS_GAS + BigInt(storageKeys.length) * ACCESS_KEY_GAS;
  return gas + BigInt(tx.authorizationList.length) * AUTHORIZATION_GAS;
}

/** EIP-7623: the least that a transaction with this calldata pays in the end; 0 before prague. */
export function floorGas(tx: Pick<Costed, 'data'>, fork: Fork): bigint {
  if (!isAtLeast(fork, 'prague')) return 0n;
  const { zeros, others } = countBytes(tx.data);
  return BASE_GAS + (zeros + others * TOKENS_PER_NON_ZERO_BYTE) * FLOOR_GAS_PER_TOKEN;
}

/** The least gas limit that a transaction may have. */
export function minimumGas(tx: Costed, fork: Fork): bigint {
  const intrinsic = intrinsicGas(tx, fork);
  const floor = floorGas(tx, fork);
  if (floor > intrinsic) return floor;
  return intrinsic;
}

/** Throws RuleError with a code `tx/<rule>`. */
export function checkTransaction(tx: TransactionFields, fork: Fork): void {
  checkType(tx, fork);
  if (tx.nonce >= UINT64_MAX) throw rule('nonce-max', `nonce has max value: ${tx.nonce} (EIP-2681).`);
  if (tx.maxPriorityFeePerGas > tx.maxFeePerGas) {
    const fees = `maxPriorityFeePerGas: ${tx.maxPriorityFeePerGas}, maxFeePerGas: ${tx.maxFeePerGas}`;
    throw rule('tip-above-fee', `max priority fee per gas higher than max fee per gas: ${fees}.`);
  }
  if (tx.gasLimit * tx.maxFeePerGas + tx.value > UINT256_MAX) {
    throw rule('overflow', 'gas * price + value does not fit 256 bits; nobody can have such a balance.');
  }
  if (tx.to === null && isAtLeast(fork, 'shanghai') && tx.data.length > MAX_INITCODE_BYTES) {
    throw rule('initcode-too-large', `max initcode size exceeded: code size ${tx.data.length}, limit ${MAX_INITCODE_BYTES}.`);
  }
  if (isAtLeast(fork, 'osaka') && tx.gasLimit > MAX_TRANSACTION_GAS) {
    throw rule('gas-above-cap', `transaction gas limit too high (cap: ${MAX_TRANSACTION_GAS}, tx: ${tx.gasLimit}; EIP-7825).`);
  }
  const minimum = minimumGas(tx, fork);
  if (tx.gasLimit < minimum) {
    throw rule('intrinsic-gas', `intrinsic gas too low: gas ${tx.gasLimit}, minimum needed ${minimum}.`);
  }
}

function checkType(tx: TransactionFields, fork: Fork): void {
  const since = FORK_OF_TYPE.get(tx.type);
  if (since !== undefined && !isAtLeast(fork, since)) {
    throw rule('type-unsupported', `transaction type not supported: type ${tx.type} needs ${since}, the chain is at ${fork}.`);
  }
  if (tx.blobs !== undefined) checkBlobs(tx.blobs);
  if (tx.type !== SET_CODE) return;
  if (tx.to === null) throw rule('set-code-create', 'EIP-7702 transaction cannot be used to create contract: give it a recipient.');
  if (tx.authorizationList.length === 0) throw rule('no-authorization', 'EIP-7702 transaction with empty auth list: add one.');
}

function checkBlobs({ versionedHashes }: BlobFields): void {
  if (versionedHashes.length === 0) throw rule('no-blobs', 'blob transaction missing blob hashes: it brings at least one.');
  const wrong = versionedHashes.find((hash) => !hash.startsWith(KZG_VERSION));
  if (wrong !== undefined)
    throw rule('blob-version', `blob hash ${wrong} has another version than ${KZG_VERSION}, that of KZG commitments.`);
}

function countBytes(data: Uint8Array): { zeros: bigint; others: bigint } {
  let zeros = 0;
  for (const byte of data) if (byte === 0) zeros++;
  return { zeros: BigInt(zeros), others: BigInt(data.length - zeros) };
}

function rule(code: string, message: string): RuleError {
  return new RuleError(`tx/${code}`, message);
}
