/**
 * eth_simulateV1 as a function of a state source: calls in blocks that follow one another, each block with its own
 * overrides and a header that commits to what happened (ethereum/execution-apis; the order of things is geth's). Runs in a
 * worker (`evm-worker.ts`).
 */
import { EMPTY } from '../base/bytes.ts';
import { RuleError } from '../base/errors.ts';
import { type Address, type Hash, ZERO_HASH } from '../base/types.ts';
import { excessBlobGasAfter, GAS_PER_BLOB } from '../chain/blobs.ts';
import { encodeForeignBody } from '../chain/foreign-body.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../chain/header.ts';
import { forkAt, isAtLeast } from '../chain/params.ts';
import { nextBaseFee } from '../chain/rules.ts';
import { EMPTY_ACCOUNT } from './account.ts';
import { createdAddress } from './block-run.ts';
import type { BlockOverrides } from './call-types.ts';
import { type CallHost, feesOf, lesser } from './calls.ts';
import { type Environment, openEnvironment } from './environment.ts';
import { type Message, type MessageResult, runMessage } from './message.ts';
import { applyOverrides, movePrecompiles } from './overrides.ts';
import { logsBloom, receiptsRoot, transactionsRoot, withdrawalsRoot } from './roots.ts';
import type { BlockPlan, CallOutcome, SimulatedBlock, SimulatedCall, SimulationRequest } from './simulation-types.ts';
import { WorldState } from './state.ts';
import { callAfterTransactions, callBeforeTransactions, requestsHashOf } from './system-calls.ts';
import { Allowance } from './tracing/allowance.ts';
import { Recorder } from './tracing/recorder.ts';
import type { Tx } from './transaction.ts';
import { TransferLogs } from './transfer-logs.ts';
import type { Receipt } from './types.ts';
import { asTransaction } from './unsigned-transaction.ts';

/** geth's: as many as BLOCKHASH can look back on, those that fill gaps included. */
const MAX_BLOCKS = 256;
const BLOCK_SECONDS = 12;
const GWEI = 10n ** 9n;
const MAX_NONCE = 2n ** 64n - 1n;
/** What logs of transfers may need at the most; the worker's own time limit ends it in any case. */
const TRACE_LIMITS = { timeoutMs: 60_000, maxBytes: 64 * 1024 * 1024 };

/** Throws RuleError `simulate/...` for blocks that cannot follow, and `tx/...` for a call that cannot start. */
export async function runSimulation(host: CallHost, request: SimulationRequest): Promise<readonly SimulatedBlock[]> {
  const plans = inOrder(request.header, request.blocks);
  const simulation = new Simulation(host, request);
  const blocks: SimulatedBlock[] = [];
  for (const plan of plans) blocks.push(await simulation.run(plan));
  return blocks;
}

type Plan = BlockPlan & { readonly number: number; readonly timestamp: number };

/** Gives each block its height and time, and fills gaps between heights with empty blocks. */
function inOrder(base: Header, blocks: readonly BlockPlan[]): readonly Plan[] {
  if (blocks.length > MAX_BLOCKS) throw tooMany();
  const plans: Plan[] = [];
  let { number, timestamp } = base;
  for (const block of blocks) {
    const at = integer(block.overrides.number, number + 1);
    if (at <= number) throw new RuleError('simulate/block-number', `block numbers must be in order: ${at} <= ${number}`);
    if (at - base.number > MAX_BLOCKS) throw tooMany();
    while (++number < at) {
      timestamp += BLOCK_SECONDS;
      plans.push({ overrides: {}, accounts: new Map(), calls: [], number, timestamp });
    }
    const time = integer(block.overrides.time, timestamp + BLOCK_SECONDS);
    if (time <= timestamp) throw new RuleError('simulate/timestamp', `block timestamps must be in order: ${time} <= ${timestamp}`);
    timestamp = time;
    plans.push({ ...block, number, timestamp });
  }
  return plans;
}

function integer(wanted: bigint | undefined, otherwise: number): number {
  if (wanted !== undefined && wanted > BigInt(Number.MAX_SAFE_INTEGER)) throw tooMany();
  return wanted === undefined ? otherwise : Number(wanted);
}

function tooMany(): RuleError {
  return new RuleError('simulate/limit', `too many blocks: at most ${MAX_BLOCKS} above the one that they stand on`);
}

/** What a block's calls have come to so far. */
interface Progress {
  readonly environment: Environment;
  readonly transactions: Tx[];
  readonly calls: CallOutcome[];
  readonly receipts: Receipt[];
  gasUsed: bigint;
  nextLog: number;
}

interface Executed {
  readonly result: MessageResult;
  readonly logs: CallOutcome['logs'];
  /** The index that the next log of the block gets. */
  readonly nextLog: number;
}

class Simulation {
  readonly #host: CallHost;
  readonly #request: SimulationRequest;
  readonly #hashes = new Map<number, Hash>();
  readonly #nodes = new Map<Hash, Uint8Array>();
  readonly #codes = new Map<Hash, Uint8Array>();
  #parent: Header;
  /** Of the whole simulation. */
  #gasLeft: bigint;

  constructor(host: CallHost, request: SimulationRequest) {
    this.#host = host;
    this.#request = request;
    this.#parent = request.header;
    this.#gasLeft = host.gasCap;
    this.#hashes.set(request.header.number, hashHeader(request.header));
  }

  async run(plan: Plan): Promise<SimulatedBlock> {
    const draft = this.#draft(plan);
    const environment = await this.#open(draft, plan);
    await callBeforeTransactions(environment, async () => environment);
    const progress: Progress = { environment, transactions: [], calls: [], receipts: [], gasUsed: 0n, nextLog: 0 };
    for (const call of plan.calls) await this.#call(progress, call);
    const requests = await callAfterTransactions(environment, progress.receipts, async () => environment);
    const closed = await this.#close(draft, plan, progress);
    const header = { ...closed, ...(requests !== undefined && { requestsHash: requestsHashOf(requests) }) };
    this.#hashes.set(header.number, hashHeader(header));
    this.#parent = header;
    const payload = encodeForeignBody({ uncles: [], withdrawals: plan.overrides.withdrawals ?? [] });
    const { transactions, calls } = progress;
    return { block: { header, seal: EMPTY, payload, transactions: transactions.map(({ bytes }) => bytes) }, transactions, calls };
  }

  /** The header before anything has happened. What is not overridden comes from the parent, or from nowhere. */
  #draft({ number, timestamp, overrides }: Plan): Header {
    const parent = this.#parent;
    const { params } = this.#host;
    const fork = forkAt(params.forks, number, timestamp);
    const excess = excessBlobGasAfter(parent, params.blobs, timestamp, isAtLeast(fork, 'osaka'));
    return {
      parentHash: hashHeader(parent),
      unclesHash: EMPTY_UNCLES_HASH,
      beneficiary: overrides.feeRecipient ?? parent.beneficiary,
      stateRoot: parent.stateRoot,
      transactionsRoot: EMPTY_TRIE_ROOT,
      receiptsRoot: EMPTY_TRIE_ROOT,
      logsBloom: EMPTY_BLOOM,
      difficulty: isAtLeast(fork, 'paris') ? 0n : parent.difficulty,
      number,
      gasLimit: overrides.gasLimit ?? parent.gasLimit,
      gasUsed: 0n,
      timestamp,
      extraData: '0x',
      mixHash: overrides.prevRandao ?? ZERO_HASH,
      nonce: EMPTY_NONCE,
      ...(isAtLeast(fork, 'london') && { baseFeePerGas: this.#baseFee(overrides) }),
      ...(isAtLeast(fork, 'shanghai') && { withdrawalsRoot: withdrawalsRoot(overrides.withdrawals ?? []) }),
      ...(isAtLeast(fork, 'cancun') && {
        blobGasUsed: 0n,
        excessBlobGas: excess,
        parentBeaconBlockRoot: overrides.beaconRoot ?? ZERO_HASH,
      }),
    };
  }

  /** Without validation it is zero, so that calls without a price are not below it. */
  #baseFee({ baseFeePerGas }: BlockOverrides): bigint {
    return baseFeePerGas ?? (this.#request.validation ? nextBaseFee(this.#parent) : 0n);
  }

  async #open(draft: Header, { accounts, overrides }: Plan): Promise<Environment> {
    const { params, source, ancestorHash } = this.#host;
    const layered = {
      node: (hash: Hash) => this.#nodes.get(hash) ?? source.node(hash),
      code: (hash: Hash) => this.#codes.get(hash) ?? source.code(hash),
    };
    const state = new WorldState(layered, draft.stateRoot);
    applyOverrides(state, accounts);
    const environment = await openEnvironment({
      params,
      context: draft,
      randomness: draft.mixHash,
      state,
      ancestorHash: (number) => this.#hashes.get(number) ?? ancestorHash(number),
      pacer: this.#host.pacer,
      ...(overrides.blobBaseFee !== undefined && { blobPrice: overrides.blobBaseFee }),
    });
    movePrecompiles(environment.vm.evm.precompiles, accounts);
    return environment;
  }

  async #call(progress: Progress, call: SimulatedCall): Promise<void> {
    const { environment } = progress;
    const { state, context } = environment;
    const left = context.gasLimit - progress.gasUsed;
    const wanted = call.gas ?? left;
    if (wanted > left) {
      throw new RuleError('simulate/block-gas', `block gas limit reached: ${progress.gasUsed + wanted} >= ${context.gasLimit}`);
    }
    const nonce = call.nonce ?? state.account(call.from)?.nonce ?? 0n;
    if (this.#request.validation) checkNonce(nonce, call.from, state);
    const gas = lesser(wanted, this.#gasLeft);
    const tx = asTransaction(this.#unsigned(call, nonce, gas), call.from);
    const { result, logs, nextLog } = await this.#execute(environment, call, gas, progress.nextLog);
    progress.nextLog = nextLog;
    settle(environment, messageOf(call, gas, context.baseFeePerGas ?? 0n), result, environment.blobPrice);
    this.#gasLeft -= result.gasUsed;
    progress.gasUsed += result.gasUsed;
    progress.transactions.push(tx);
    progress.receipts.push({
      type: tx.type,
      success: result.failure === null,
      gasUsed: result.gasUsed,
      cumulativeGasUsed: progress.gasUsed,
      logs: result.logs,
      contractAddress: call.to === null ? createdAddress(call.from, nonce) : null,
    });
    const { returnData, gasUsed, peakGas, failure } = result;
    progress.calls.push({ returnData, gasUsed, peakGas, failure, logs });
  }

  async #execute(environment: Environment, call: SimulatedCall, gas: bigint, firstLog: number): Promise<Executed> {
    const { vm, state, context } = environment;
    const transfers = this.#request.traceTransfers ? new TransferLogs(firstLog) : null;
    const recorder = transfers && new Recorder(environment, transfers, new Allowance(TRACE_LIMITS), 0);
    const before = state.account(call.from)?.nonce ?? 0n;
    const isFree = !this.#request.validation && isWithoutPrice(call);
    const result = await runMessage(environment, this.#host.params.chainId, {
      ...messageOf(call, gas, context.baseFeePerGas ?? 0n),
      isFree,
    });
    recorder?.detach();
    // A nonce without validation may be the greatest there is; the next one is then 0, as in geth.
    const sender = state.account(call.from);
    if (before === MAX_NONCE && sender !== null) state.setAccount(call.from, { ...sender, nonce: 0n });
    for (const address of result.destroyed) state.removeAccount(address);
    await vm.evm.journal.cleanup();
    vm.evm.stateManager.originalStorageCache.clear();
    const logs = transfers?.logs ?? result.logs.map((log, index) => ({ ...log, index: firstLog + index }));
    return { result, logs, nextLog: transfers?.next ?? firstLog + logs.length };
  }

  #unsigned(call: SimulatedCall, nonce: bigint, gasLimit: bigint) {
    const { to, value, data, accessList = [], authorizationList = [], blobs } = call;
    const fee = call.gasPrice ?? call.maxFeePerGas ?? 0n;
    return {
      chainId: call.gasPrice === undefined ? BigInt(this.#host.params.chainId) : null,
      nonce,
      gasLimit,
      maxFeePerGas: fee,
      maxPriorityFeePerGas: call.gasPrice ?? call.maxPriorityFeePerGas ?? 0n,
      gasPrice: call.gasPrice ?? null,
      to,
      value,
      data,
      accessList,
      authorizationList,
      ...(blobs !== undefined && { blobs }),
    };
  }

  async #close(draft: Header, { overrides }: Plan, { environment, transactions, receipts, gasUsed }: Progress): Promise<Header> {
    const { state } = environment;
    if (draft.difficulty > 0n) credit(state, draft.beneficiary, this.#request.blockReward);
    for (const { address, amountGwei } of overrides.withdrawals ?? []) if (amountGwei > 0n) credit(state, address, amountGwei * GWEI);
    const change = await state.finish();
    for (const [hash, bytes] of change.nodes) this.#nodes.set(hash, bytes);
    for (const [hash, bytes] of change.codes) this.#codes.set(hash, bytes);
    const blobs = transactions.reduce((sum, { blobs: some }) => sum + (some?.versionedHashes.length ?? 0), 0);
    return {
      ...draft,
      stateRoot: change.root,
      transactionsRoot: transactionsRoot(transactions.map(({ bytes }) => bytes)),
      receiptsRoot: receiptsRoot(receipts),
      logsBloom: logsBloom(receipts),
      gasUsed,
      ...(draft.blobGasUsed !== undefined && { blobGasUsed: BigInt(blobs) * GAS_PER_BLOB }),
    };
  }
}

function messageOf(call: SimulatedCall, gas: bigint, baseFee: bigint): Message {
  const { from, to, data, value, accessList = [], authorizationList = [], blobs } = call;
  return { from, to, data, value, gas, ...feesOf(call, baseFee), accessList, authorizationList, ...(blobs !== undefined && { blobs }) };
}

function isWithoutPrice({ gasPrice = 0n, maxFeePerGas = 0n, maxPriorityFeePerGas = 0n }: SimulatedCall): boolean {
  return gasPrice === 0n && maxFeePerGas === 0n && maxPriorityFeePerGas === 0n;
}

function checkNonce(nonce: bigint, from: Address, state: WorldState): void {
  const expected = state.account(from)?.nonce ?? 0n;
  if (nonce === MAX_NONCE) throw new RuleError('tx/nonce-max', `nonce has max value: address ${from}, nonce: ${nonce}`);
  if (nonce === expected) return;
  const order = nonce < expected ? 'low' : 'high';
  throw new RuleError(`tx/nonce-too-${order}`, `nonce too ${order}: address ${from}, tx: ${nonce} state: ${expected}`);
}

/** The rest of what a transaction does: what was not used goes back, the tip to the beneficiary, and blobs are paid for. */
function settle({ state, context }: Environment, message: Message, { gasUsed }: MessageResult, blobPrice: bigint): void {
  const { from, gas, price, maxPrice, blobs } = message;
  const blobCost = BigInt(blobs?.versionedHashes.length ?? 0) * GAS_PER_BLOB * blobPrice;
  credit(state, from, (gas - gasUsed) * price - blobCost);
  const tip = price - (context.baseFeePerGas ?? 0n);
  if (maxPrice > 0n && tip > 0n) credit(state, context.beneficiary, gasUsed * tip);
}

function credit(state: WorldState, address: Address, wei: bigint): void {
  const account = state.account(address) ?? EMPTY_ACCOUNT;
  if (wei !== 0n) state.setAccount(address, { ...account, balance: account.balance + wei });
}
