/**
 * eth_call, eth_estimateGas and eth_createAccessList as functions of a state source. They run in a worker thread
 * (`evm-worker.ts`), because a call may take as long as its gas lasts.
 */
import { RuleError } from '../base/errors.ts';
import { type Hash, ZERO_HASH } from '../base/types.ts';
import { type ExecutionParams, isAtLeast } from '../chain/params.ts';
import { EMPTY_ACCOUNT } from './account.ts';
import type { AccessListResult, CallFailure, CallKind, CallRequest, CallResult, CallResults, EstimateResult } from './call-types.ts';
import { type BlockContext, type Environment, openEnvironment } from './environment.ts';
import { KeptBlock } from './kept-block.ts';
import { type Message, type MessageResult, runMessage } from './message.ts';
import { applyOverrides, movePrecompiles, type StateOverrides } from './overrides.ts';
import type { Pacer } from './pacer.ts';
import { WorldState } from './state.ts';
import type { AccessListEntry } from './transaction-codec.ts';
import { MAX_TRANSACTION_GAS, minimumGas } from './transaction-rules.ts';
import type { StateSource } from './types.ts';

export interface CallHost {
  readonly params: ExecutionParams;
  readonly source: StateSource;
  /** The most gas that a call may have. */
  readonly gasCap: bigint;
  /** PREVRANDAO of the request's block, unless overridden. */
  readonly randomness: Hash;
  readonly ancestorHash: (number: number) => Hash | undefined;
  readonly pacer: Pacer;
}

const TRANSFER_GAS = 21_000n;
/** What it costs to read the sender and the recipient, who are part of those. */
const ENDS_GAS = 5_200n;
/** geth stops its search when the answer is within this share of it: 15 of 1,000. */
const ESTIMATE_TOLERANCE_PERMILLE = 15n;
/** EIP-150: a call keeps back a 64th, and a value transfer lends 2,300. */
const CALL_STIPEND = 2_300n;
const MAX_ACCESS_LIST_ROUNDS = 16;

/** Throws RuleError when the call cannot start, as `runMessage` says. `kept`: of the calls before it. */
export function runCallJob<Kind extends CallKind>(
  kind: Kind,
  host: CallHost,
  request: CallRequest,
  kept?: KeptBlock,
): Promise<CallResults[Kind]>;
export async function runCallJob(
  kind: CallKind,
  host: CallHost,
  request: CallRequest,
  kept = new KeptBlock(),
): Promise<CallResults[CallKind]> {
  const isPlain = request.stateOverrides === undefined && request.blockOverrides === undefined;
  const key = isPlain ? keyOf(host, request) : '';
  const open = isPlain ? kept.take(key) : undefined;
  const environment = open ?? (await openBlock(host, request, new WorldState(host.source, request.header.stateRoot)));
  const call = new Call(environment, host, request);
  const result = await call.run(kind);
  if (isPlain) kept.keep(key, environment, call.gasUsed);
  return result;
}

/** Whatever a call can see of its block. */
function keyOf({ randomness }: CallHost, request: CallRequest): string {
  const context = Object.values(contextOf(request, isFree(request)));
  return [request.header.stateRoot, randomness, ...context].join();
}

class Call {
  readonly #environment: Environment;
  readonly #chainId: number;
  readonly #message: Message;
  /** What the cap and the sender's balance allow. */
  readonly #affordableGas: bigint;
  #gasUsed = 0n;

  constructor(environment: Environment, host: CallHost, request: CallRequest) {
    const { message, affordableGas } = messageOf(request, environment.state, host.gasCap);
    this.#environment = environment;
    this.#chainId = host.params.chainId;
    this.#message = message;
    this.#affordableGas = affordableGas;
  }

  /** By all attempts, for what they read and computed. */
  get gasUsed(): bigint {
    return this.#gasUsed;
  }

  run(kind: CallKind): Promise<CallResults[CallKind]> {
    if (kind === 'call') return this.#call();
    return kind === 'estimateGas' ? this.#estimate() : this.#accessList();
  }

  async #call(): Promise<CallResult> {
    const { returnData, gasUsed, failure } = await this.#attempt(this.#message);
    return { returnData, gasUsed, failure };
  }

  /** geth's binary search: from what the unlimited call used, up to a limit that is known to suffice. */
  async #estimate(): Promise<EstimateResult> {
    const { to, data } = this.#message;
    const high = this.#highestGas();
    const plain = to !== null && data.length === 0 && this.#environment.state.code(to).length === 0;
    if (plain && high >= TRANSFER_GAS) {
      const simple = await this.#tryGas(TRANSFER_GAS);
      if (simple !== null && simple.failure === null) return { gas: TRANSFER_GAS, returnData: simple.returnData, failure: null };
    }
    const first = await this.#tryGas(high);
    if (first === null || first.failure?.message === 'out of gas') return exceeded(high);
    if (first.failure !== null) return { gas: 0n, returnData: first.returnData, failure: first.failure };
    return { gas: await this.#search(first, high), returnData: first.returnData, failure: null };
  }

  /** The list that a second run with it does not change any more. */
  async #accessList(): Promise<AccessListResult> {
    let message = this.#message;
    for (let round = 1; ; round++) {
      const { accessList, gasUsed, failure } = await this.#attempt(message);
      if (sameList(accessList, message.accessList) || round === MAX_ACCESS_LIST_ROUNDS) return { accessList, gasUsed, failure };
      message = { ...message, accessList };
    }
  }

  async #search(first: MessageResult, highest: bigint): Promise<bigint> {
    let high = highest;
    let low = first.gasUsed - 1n;
    // What the call needed before refunds, and a 64th more for the calls that it made, usually suffices.
    const likely = ((first.gasUsed + first.gasRefunded + CALL_STIPEND) * 64n) / 63n;
    let next = likely < high ? likely : (high + low) / 2n;
    while (low + 1n < high && (high - low) * 1_000n >= high * ESTIMATE_TOLERANCE_PERMILLE) {
      const result = await this.#tryGas(next);
      if (result === null || result.failure !== null) low = next;
      else high = next;
      const middle = (high + low) / 2n;
      // Most calls need little more than the lower bound, so do not leap far above it.
      next = middle > low * 2n ? low * 2n : middle;
    }
    return high;
  }

  /** The gas limit that a transaction may have here at the most. */
  #highestGas(): bigint {
    const { fork, context } = this.#environment;
    let high = lesser(lesser(this.#message.gas, this.#affordableGas), context.gasLimit);
    if (isAtLeast(fork, 'osaka')) high = lesser(high, MAX_TRANSACTION_GAS);
    return high;
  }

  /** Null when that is less than the intrinsic gas. */
  async #tryGas(gas: bigint): Promise<MessageResult | null> {
    if (gas < minimumGas(this.#message, this.#environment.fork)) return null;
    return this.#attempt({ ...this.#message, gas });
  }

  async #attempt(message: Message): Promise<MessageResult> {
    const { state, vm } = this.#environment;
    state.checkpoint();
    try {
      const result = await runMessage(this.#environment, this.#chainId, message);
      this.#gasUsed += result.peakGas - TRANSFER_GAS + ENDS_GAS;
      await vm.evm.journal.cleanup();
      vm.evm.stateManager.originalStorageCache.clear();
      return result;
    } finally {
      state.revert();
    }
  }
}

type Fees = Pick<CallRequest, 'gasPrice' | 'maxFeePerGas' | 'maxPriorityFeePerGas'>;

export interface OpenCall {
  readonly environment: Environment;
  readonly message: Message;
  /** What the cap and the sender's balance allow. */
  readonly affordableGas: bigint;
}

/** The block that a call runs in, with its overrides, over this state, and the call as a message. */
export async function openCall(host: CallHost, request: CallRequest, state: WorldState): Promise<OpenCall> {
  const environment = await openBlock(host, request, state);
  return { environment, ...messageOf(request, state, host.gasCap) };
}

async function openBlock(host: CallHost, request: CallRequest, state: WorldState): Promise<Environment> {
  const overrides: StateOverrides = request.stateOverrides ?? new Map();
  applyOverrides(state, overrides);
  const blobPrice = request.blockOverrides?.blobBaseFee;
  const environment = await openEnvironment({
    params: host.params,
    context: contextOf(request, isFree(request)),
    randomness: request.blockOverrides?.prevRandao ?? host.randomness,
    state,
    ancestorHash: host.ancestorHash,
    pacer: host.pacer,
    ...(blobPrice !== undefined && { blobPrice }),
  });
  movePrecompiles(environment.vm.evm.precompiles, overrides);
  return environment;
}

function messageOf(request: CallRequest, state: WorldState, gasCap: bigint): Omit<OpenCall, 'environment'> {
  const fees = pricesOf(request);
  const { from, to, data, value } = request;
  const unlimited = {
    from,
    to,
    data,
    value,
    ...fees,
    accessList: request.accessList ?? [],
    authorizationList: request.authorizationList ?? [],
    // Their price is not asked for where the call names none, as with gas.
    ...(request.blobs !== undefined && { blobs: request.blobs, isFree: fees.maxPrice === 0n }),
  };
  const affordable = affordableGas(state, unlimited, gasCap);
  const gas = request.gas === undefined ? affordable : lesser(request.gas, gasCap);
  return { message: { ...unlimited, gas }, affordableGas: affordable };
}

function pricesOf(request: CallRequest): Pick<Message, 'price' | 'maxPrice'> {
  return feesOf(request, contextOf(request, false).baseFeePerGas ?? 0n);
}

/** Without a price the base fee counts as zero. */
function isFree(request: CallRequest): boolean {
  return pricesOf(request).maxPrice === 0n;
}

function contextOf({ header, blockOverrides = {} }: CallRequest, free: boolean): BlockContext {
  const { number, time, gasLimit, feeRecipient, baseFeePerGas } = blockOverrides;
  const baseFee = header.baseFeePerGas === undefined ? undefined : (baseFeePerGas ?? (free ? 0n : header.baseFeePerGas));
  return {
    parentHash: header.parentHash,
    number: number === undefined ? header.number : bounded(number, 'number'),
    timestamp: time === undefined ? header.timestamp : bounded(time, 'time'),
    beneficiary: feeRecipient ?? header.beneficiary,
    gasLimit: gasLimit ?? header.gasLimit,
    difficulty: header.difficulty,
    parentBeaconBlockRoot: header.parentBeaconBlockRoot ?? ZERO_HASH,
    ...(header.excessBlobGas !== undefined && { excessBlobGas: header.excessBlobGas }),
    ...(baseFee !== undefined && { baseFeePerGas: baseFee }),
  };
}

function bounded(value: bigint, field: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new RuleError('call/override', `The block override ${field} ${value} is above 2^53 - 1.`);
  return Number(value);
}

/** Throws RuleError tx/tip-above-fee. */
export function feesOf({ gasPrice, maxFeePerGas, maxPriorityFeePerGas }: Fees, baseFee: bigint): Pick<Message, 'price' | 'maxPrice'> {
  if (gasPrice !== undefined) return { price: gasPrice, maxPrice: gasPrice };
  const tip = maxPriorityFeePerGas ?? 0n;
  const maxPrice = maxFeePerGas ?? (tip === 0n ? 0n : baseFee + tip);
  if (tip > maxPrice) {
    const fees = `maxPriorityFeePerGas: ${tip}, maxFeePerGas: ${maxPrice}`;
    throw new RuleError('tx/tip-above-fee', `max priority fee per gas higher than max fee per gas: ${fees}`);
  }
  return { price: maxPrice === 0n ? 0n : lesser(maxPrice, baseFee + tip), maxPrice };
}

/** As much gas as the sender can pay for, up to the cap. */
function affordableGas(state: WorldState, { from, value, maxPrice }: Omit<Message, 'gas'>, cap: bigint): bigint {
  if (maxPrice === 0n) return cap;
  const { balance } = state.account(from) ?? EMPTY_ACCOUNT;
  if (balance < value) {
    throw new RuleError('tx/insufficient-funds', `insufficient funds for transfer: address ${from} have ${balance} want ${value}`);
  }
  return lesser((balance - value) / maxPrice, cap);
}

function exceeded(gas: bigint): EstimateResult {
  const failure: CallFailure = { reverted: false, message: `gas required exceeds allowance (${gas})` };
  return { gas: 0n, returnData: new Uint8Array(0), failure };
}

function sameList(a: readonly AccessListEntry[], b: readonly AccessListEntry[]): boolean {
  const flat = (list: readonly AccessListEntry[]) =>
    new Set(list.flatMap(({ address, storageKeys }) => [address, ...storageKeys.map((key) => `${address}${key}`)]));
  const left = flat(a);
  const right = flat(b);
  return left.size === right.size && [...left].every((item) => right.has(item));
}

export function lesser(a: bigint, b: bigint): bigint {
  if (b < a) return b;
  return a;
}
