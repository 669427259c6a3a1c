/**
 * Whether a transaction may enter a block at this point: nonce, funds, fee and room (Yellow Paper 6.2, EIP-1559,
 * EIP-3607). Run before anything is written, so that a refusal leaves no trace. The sentences begin as geth's do.
 */
import { RuleError } from '../base/errors.ts';
import { type BlobRules, blobBaseFee, GAS_PER_BLOB } from '../chain/blobs.ts';
import { type Fork, isAtLeast } from '../chain/params.ts';
import { EMPTY_ACCOUNT, hasCode } from './account.ts';
import type { BlockContext } from './environment.ts';
import type { WorldState } from './state.ts';
import type { Tx } from './transaction.ts';

/** EIP-7702: what an account's code is when it delegates, followed by the address. */
export const DELEGATION_PREFIX = [0xef, 0x01, 0x00];
const DELEGATION_BYTES = 23;

export interface Admission {
  readonly state: WorldState;
  readonly context: BlockContext;
  readonly fork: Fork;
  /** Undefined where blocks have no blobs. */
  readonly blobs?: BlobRules | undefined;
  /** Gas that the block's transactions so far used. */
  readonly gasUsed: bigint;
}

/** Throws RuleError with a code `tx/...`. */
export function admit(tx: Tx, { state, context, fork, gasUsed, blobs }: Admission): void {
  const left = context.gasLimit - gasUsed;
  if (tx.gasLimit > left)
    throw refuse('block-gas', `gas limit reached: the transaction may use ${tx.gasLimit}, the block has ${left} left.`);
  const baseFee = context.baseFeePerGas ?? 0n;
  if (tx.maxFeePerGas < baseFee) {
    const fees = `address ${tx.sender}, maxFeePerGas: ${tx.maxFeePerGas}, baseFee: ${baseFee}`;
    throw refuse('fee-below-base', `max fee per gas less than block base fee: ${fees}.`);
  }
  const account = state.account(tx.sender) ?? EMPTY_ACCOUNT;
  if (tx.nonce !== account.nonce) {
    const order = tx.nonce < account.nonce ? 'low' : 'high';
    throw refuse(`nonce-too-${order}`, `nonce too ${order}: address ${tx.sender}, tx: ${tx.nonce} state: ${account.nonce}.`);
  }
  if (hasCode(account) && !(isAtLeast(fork, 'prague') && isDelegation(state.code(tx.sender)))) {
    throw refuse('sender-has-code', `sender not an eoa: address ${tx.sender} has code, and code cannot sign (EIP-3607).`);
  }
  const cost = tx.gasLimit * tx.maxFeePerGas + tx.value + blobCost(tx, context, blobs);
  if (account.balance < cost) {
    const funds = `address ${tx.sender} have ${account.balance} want ${cost}`;
    throw refuse('insufficient-funds', `insufficient funds for gas * price + value: ${funds}.`);
  }
}

/** What the blobs may cost at most. */
function blobCost(tx: Tx, context: BlockContext, rules: BlobRules | undefined): bigint {
  if (tx.blobs === undefined || rules === undefined) return 0n;
  const { maxFeePerBlobGas, versionedHashes } = tx.blobs;
  const price = blobBaseFee(context.excessBlobGas ?? 0n, rules);
  if (maxFeePerBlobGas < price) {
    const fees = `address ${tx.sender} blobGasFeeCap: ${maxFeePerBlobGas}, blobBaseFee: ${price}`;
    throw refuse('blob-fee-below-base', `max fee per blob gas less than block blob gas fee: ${fees}.`);
  }
  return BigInt(versionedHashes.length) * GAS_PER_BLOB * maxFeePerBlobGas;
}

export function isDelegation(code: Uint8Array): boolean {
  return code.length === DELEGATION_BYTES && DELEGATION_PREFIX.every((byte, index) => code[index] === byte);
}

function refuse(code: string, message: string): RuleError {
  return new RuleError(`tx/${code}`, message);
}
