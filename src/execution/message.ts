/**
 * One message to the EVM as a transaction would send it, without being one: no signature, no nonce to match, and the
 * sender may be a contract. Used for calls and estimates; in blocks it is always runTx.
 */
import type { ExecResult } from '@ethereumjs/evm';
import { createAddressFromString } from '@ethereumjs/util';
import { RuleError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import { GAS_PER_BLOB } from '../chain/blobs.ts';
import { type Fork, isAtLeast } from '../chain/params.ts';
import { EMPTY_ACCOUNT } from './account.ts';
import { applyAuthorizations } from './authorizations.ts';
import { logsFrom } from './block-run.ts';
import type { CallFailure } from './call-types.ts';
import type { Environment } from './environment.ts';
import { earlyFault } from './tracing/faults.ts';
import { opName } from './tracing/opcodes.ts';
import type { AccessListEntry, Authorization, BlobFields } from './transaction-codec.ts';
import { floorGas, intrinsicGas, MAX_INITCODE_BYTES, minimumGas } from './transaction-rules.ts';
import type { Log } from './types.ts';

export interface Message {
  readonly from: Address;
  readonly to: Address | null;
  readonly data: Uint8Array;
  readonly value: bigint;
  readonly gas: bigint;
  /** Wei per gas that is charged, and the most that the sender must be able to pay. */
  readonly price: bigint;
  readonly maxPrice: bigint;
  readonly accessList: readonly AccessListEntry[];
  readonly authorizationList: readonly Authorization[];
  readonly blobs?: BlobFields;
  /** A message without a price in a block that has one, as simulations let it be: only there does it go unnoticed. */
  readonly isFree?: boolean;
}

export interface MessageResult {
  readonly returnData: Uint8Array;
  /** After refunds. */
  readonly gasUsed: bigint;
  readonly gasRefunded: bigint;
  /** Before refunds, and never less than the floor. */
  readonly peakGas: bigint;
  readonly failure: CallFailure | null;
  readonly logs: readonly Log[];
  /** Contracts that destroyed themselves. */
  readonly destroyed: readonly Address[];
  /** What was touched beyond the sender, the recipient or what was created, the beneficiary and precompiles. */
  readonly accessList: readonly AccessListEntry[];
}

/** EIP-3529; half before london. */
const REFUND_DIVISOR = 5n;
const REFUND_DIVISOR_BEFORE_LONDON = 2n;

/** Throws RuleError when the message cannot even start: funds, intrinsic gas, initcode size. */
export async function runMessage(environment: Environment, chainId: number, message: Message): Promise<MessageResult> {
  const { vm, block, state, fork } = environment;
  checkMessage(message, environment);
  const sender = state.account(message.from) ?? EMPTY_ACCOUNT;
  state.setAccount(message.from, { ...sender, balance: sender.balance - message.gas * message.price });
  await vm.evm.journal.cleanup();
  vm.evm.journal.startReportingAccessList();
  warmUp(environment, message);
  const { warm, refund } = applyAuthorizations(state, chainId, message.authorizationList);
  for (const authority of warm) vm.evm.journal.addAlwaysWarmAddress(authority);

  const intrinsic = intrinsicGas(message, fork);
  const { execResult, createdAddress } = await vm.evm.runCall({
    block,
    caller: createAddressFromString(message.from),
    ...(message.to !== null && { to: createAddressFromString(message.to) }),
    data: message.data,
    value: message.value,
    gasPrice: message.price,
    gasLimit: message.gas - intrinsic,
    ...(message.blobs !== undefined && { blobVersionedHashes: [...message.blobs.versionedHashes] }),
  });

  const spent = intrinsic + execResult.executionGasUsed;
  const gasRefunded = smaller(refund + (execResult.gasRefund ?? 0n), spent / refundDivisor(fork));
  const floor = floorGas(message, fork);
  return {
    returnData: execResult.returnValue,
    gasUsed: larger(spent - gasRefunded, floor),
    gasRefunded,
    peakGas: larger(spent, floor),
    logs: logsFrom(execResult.logs),
    destroyed: destroyed(execResult, fork),
    failure: failureOf(execResult, fork),
    accessList: reportedAccessList(vm.evm.journal.accessList ?? new Map(), createdAddress?.toString().slice(2)),
  };
}

/** EIP-6780: since cancun only what was made in the same transaction. */
function destroyed({ selfdestruct, createdAddresses }: ExecResult, fork: Fork): Address[] {
  const all = [...(selfdestruct?.keys() ?? [])] as Address[];
  return isAtLeast(fork, 'cancun') ? all.filter((address) => createdAddresses?.has(address)) : all;
}

function checkMessage(message: Message, { state, fork, context, blobPrice }: Environment): void {
  const baseFee = context.baseFeePerGas ?? 0n;
  if (message.maxPrice < baseFee && message.isFree !== true) {
    const fees = `address ${message.from}, maxFeePerGas: ${message.maxPrice}, baseFee: ${baseFee}`;
    throw new RuleError('tx/fee-below-base', `max fee per gas less than block base fee: ${fees}`);
  }
  const { balance } = state.account(message.from) ?? EMPTY_ACCOUNT;
  const cost = message.gas * message.maxPrice + message.value + blobCost(message, blobPrice);
  if (balance < cost) {
    const funds = `address ${message.from} have ${balance} want ${cost}`;
    throw new RuleError('tx/insufficient-funds', `insufficient funds for gas * price + value: ${funds}`);
  }
  const minimum = minimumGas(message, fork);
  if (message.gas < minimum) {
    throw new RuleError('tx/intrinsic-gas', `intrinsic gas too low: have ${message.gas}, want ${minimum}`);
  }
  if (message.to === null && isAtLeast(fork, 'shanghai') && message.data.length > MAX_INITCODE_BYTES) {
    const sizes = `code size ${message.data.length}, limit ${MAX_INITCODE_BYTES}`;
    throw new RuleError('tx/initcode-too-large', `max initcode size exceeded: ${sizes}`);
  }
}

/** Wei that the blobs may cost at most. */
function blobCost({ blobs, isFree }: Message, price: bigint): bigint {
  if (blobs === undefined) return 0n;
  if (blobs.maxFeePerBlobGas < price && !(isFree === true && blobs.maxFeePerBlobGas === 0n)) {
    const fees = `blobGasFeeCap: ${blobs.maxFeePerBlobGas}, blobBaseFee: ${price}`;
    throw new RuleError('tx/blob-fee-below-base', `max fee per blob gas less than block blob gas fee: ${fees}`);
  }
  return BigInt(blobs.versionedHashes.length) * GAS_PER_BLOB * blobs.maxFeePerBlobGas;
}

/** EIP-2929, EIP-2930, EIP-3651. Only what the message itself lists is reported. */
function warmUp({ vm, fork, context, precompiles }: Environment, { from, to, accessList }: Message): void {
  if (!isAtLeast(fork, 'berlin')) return;
  const { journal } = vm.evm;
  for (const { address, storageKeys } of accessList) {
    journal.addAlwaysWarmAddress(address.slice(2), true);
    for (const key of storageKeys) journal.addAlwaysWarmSlot(address.slice(2), key.slice(2), true);
  }
  for (const precompile of precompiles) journal.addAlwaysWarmAddress(precompile);
  journal.addAlwaysWarmAddress(from);
  if (to !== null) journal.addAlwaysWarmAddress(to);
  if (isAtLeast(fork, 'shanghai')) journal.addAlwaysWarmAddress(context.beneficiary);
}

/** `created`: what is called counts as warm anyhow, so it is listed for its slots only. */
function reportedAccessList(reported: ReadonlyMap<string, ReadonlySet<string>>, created: string | undefined): AccessListEntry[] {
  const worthwhile = [...reported].filter(([address, slots]) => address !== created || slots.size > 0);
  return worthwhile.map(([address, slots]) => ({
    address: `0x${address}` as Address,
    storageKeys: [...slots].map((slot) => `0x${slot}` as Hash),
  }));
}

/** The library's words in geth's, which tools look for. */
const FAILURES = new Map([
  ['create collision', 'contract address collision'],
  ['code store out of gas', 'contract creation code storage out of gas'],
  ['code size to deposit exceeds maximum code size', 'max code size exceeded'],
  ['initcode exceeds max initcode size', 'max initcode size exceeded'],
  ['static state change', 'write protection'],
  ['insufficient balance', 'insufficient balance for transfer'],
  ['invalid bytecode deployed', 'invalid code: must not begin with 0xef'],
]);

/** Null where it succeeded. */
function failureOf({ exceptionError, runState }: ExecResult, fork: Fork): CallFailure | null {
  if (exceptionError === undefined) return null;
  const { error } = exceptionError;
  if (error === 'revert') return { reverted: true, message: 'execution reverted' };
  // Absent where a precompile failed.
  const told = runState === undefined ? undefined : stepFailure(error, runState, fork);
  return { reverted: false, message: told ?? FAILURES.get(error) ?? error };
}

/** Of failures whose sentence names what was about to be done. */
function stepFailure(error: string, { opCode: op, stack, gasLeft }: NonNullable<ExecResult['runState']>, fork: Fork): string | undefined {
  // The library says where, in words of its own.
  if (error.startsWith('invalid JUMP')) return 'invalid jump destination';
  if (error === 'invalid opcode') return `invalid opcode: ${opName(op)}`;
  if (error !== 'stack underflow' && error !== 'stack overflow') return undefined;
  const attempt = { op, undefined: false, fork, stackSize: stack.length, gas: gasLeft, fee: 0n, peek: () => 0n };
  return earlyFault(attempt) ?? undefined;
}

function refundDivisor(fork: Fork): bigint {
  return isAtLeast(fork, 'london') ? REFUND_DIVISOR : REFUND_DIVISOR_BEFORE_LONDON;
}

function smaller(a: bigint, b: bigint): bigint {
  if (b < a) return b;
  return a;
}

function larger(a: bigint, b: bigint): bigint {
  if (b > a) return b;
  return a;
}
