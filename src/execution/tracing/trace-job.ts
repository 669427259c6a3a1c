/** Tracing as a function of a state source. Runs in a worker (`evm-worker.ts`), since it takes longer than plain execution. */
import { RuleError } from '../../base/errors.ts';
import type { Address } from '../../base/types.ts';
import { forkAt } from '../../chain/params.ts';
import { EMPTY_ACCOUNT } from '../account.ts';
import { applyAuthorizations } from '../authorizations.ts';
import { BlockRun, type Watcher } from '../block-run.ts';
import type { CallRequest } from '../call-types.ts';
import { type CallHost, openCall } from '../calls.ts';
import type { Environment } from '../environment.ts';
import { type Message, runMessage } from '../message.ts';
import { WorldState } from '../state.ts';
import { decodeTransaction, type Tx } from '../transaction.ts';
import { Allowance } from './allowance.ts';
import { Recorder } from './recorder.ts';
import { storageRange } from './storage-range.ts';
import type { BlockShape, StorageRange, TracedBlock, TraceRequest } from './trace-request.ts';
import type { Tracer, TransactionPlace, TransactionStart } from './tracer.ts';
import { createTracer } from './tracers.ts';

/** JSON text. Throws RuleError `trace/timeout`, `trace/too-large`, and for calls what `runMessage` says. */
export function runTraceJob(host: CallHost, request: TraceRequest): Promise<string> {
  const { target } = request;
  if (target.kind === 'call') return traceCall(host, request, target.request, target.after);
  if (target.kind === 'storage') return rangeOf(host, target.block, target.range);
  return target.kind === 'transaction' ? traceLast(host, request, target.block) : traceAll(host, request, target.block, target.shape);
}

async function traceLast(host: CallHost, request: TraceRequest, block: TracedBlock): Promise<string> {
  const run = await openBlock(host, block);
  let logs = 0;
  for (const [index, tx] of transactionsOf(host, block)) {
    if (index < block.transactions.length - 1) logs += (await run.apply(tx)).logs.length;
    else {
      const watch = new TransactionWatch(host, request, tx, placeOf(block, tx, index), logs, request.maxBytes);
      await run.apply(tx, watch);
      return watch.tracer.result();
    }
  }
  throw new RuleError('trace/no-transaction', 'transaction not found');
}

async function traceAll(host: CallHost, request: TraceRequest, block: TracedBlock, shape: BlockShape): Promise<string> {
  const run = await openBlock(host, block);
  const results: string[] = [];
  let logs = 0;
  let leftBytes = request.maxBytes;
  for (const [index, tx] of transactionsOf(host, block)) {
    const watch = new TransactionWatch(host, request, tx, placeOf(block, tx, index), logs, leftBytes);
    logs += (await run.apply(tx, watch)).logs.length;
    const result = watch.tracer.result();
    leftBytes -= result.length;
    results.push(shape === 'named' ? `{"txHash":"${tx.hash}","result":${result}}` : result);
  }
  if (shape === 'flat')
    return `[${results
      .map((list) => list.slice(1, -1))
      .filter((items) => items !== '')
      .join(',')}]`;
  return `[${results.join(',')}]`;
}

async function traceCall(host: CallHost, request: TraceRequest, call: CallRequest, after: TracedBlock | null): Promise<string> {
  const base = after === null ? new WorldState(host.source, request.stateRoot) : await stateAfter(host, after);
  const { environment, message } = await openCall(host, call, base);
  const allowance = new Allowance(request);
  const tracer = createTracer(request.tracer, allowance);
  new Recorder(environment, tracer, allowance, 0);
  tracer.begin?.(startOf(environment, host.params.chainId, { ...message, sender: message.from, gasLimit: message.gas }, null));
  const { gasUsed } = await runMessage(environment, host.params.chainId, message);
  settleFees(environment, message, gasUsed);
  tracer.end?.(gasUsed);
  return tracer.result();
}

async function rangeOf(host: CallHost, block: TracedBlock, range: StorageRange): Promise<string> {
  return storageRange(host.source, await stateAfter(host, block), range);
}

async function stateAfter(host: CallHost, block: TracedBlock): Promise<WorldState> {
  const run = await openBlock(host, block);
  for (const [, tx] of transactionsOf(host, block)) await run.apply(tx);
  return run.state;
}

/** The rest of what a transaction does: what was not used goes back, and the tip to the beneficiary. */
function settleFees({ state, context }: Environment, { from, gas, price }: Message, gasUsed: bigint): void {
  credit(state, from, (gas - gasUsed) * price);
  const tip = price - (context.baseFeePerGas ?? 0n);
  if (tip > 0n) credit(state, context.beneficiary, gasUsed * tip);
}

function credit(state: WorldState, address: Address, wei: bigint): void {
  const account = state.account(address) ?? EMPTY_ACCOUNT;
  if (wei > 0n) state.setAccount(address, { ...account, balance: account.balance + wei });
}

function openBlock(
  { params, source, randomness, ancestorHash, pacer }: CallHost,
  { header, parentStateRoot }: TracedBlock,
): Promise<BlockRun> {
  const state = new WorldState(source, parentStateRoot);
  return BlockRun.open({ params, source, context: header, randomness, state, ancestorHash, pacer });
}

function* transactionsOf({ params }: CallHost, { header, transactions }: TracedBlock): Generator<[index: number, tx: Tx]> {
  const fork = forkAt(params.forks, header.number, header.timestamp);
  for (const [index, bytes] of transactions.entries()) yield [index, decodeTransaction(bytes, params, fork)];
}

function placeOf({ header, hash }: TracedBlock, tx: Tx, index: number): TransactionPlace {
  return { blockHash: hash, blockNumber: header.number, transactionHash: tx.hash, index };
}

/** Traces one transaction of a block. */
class TransactionWatch implements Watcher {
  readonly tracer: Tracer;
  readonly #allowance: Allowance;
  readonly #chainId: number;
  readonly #tx: Tx;
  readonly #place: TransactionPlace;
  readonly #logs: number;
  #recorder: Recorder | null = null;

  constructor(host: CallHost, request: TraceRequest, tx: Tx, place: TransactionPlace, logs: number, maxBytes: number) {
    this.#allowance = new Allowance({ timeoutMs: request.timeoutMs, maxBytes });
    this.tracer = createTracer(request.tracer, this.#allowance);
    this.#chainId = host.params.chainId;
    this.#tx = tx;
    this.#place = place;
    this.#logs = logs;
  }

  before(environment: Environment): void {
    this.#recorder = new Recorder(environment, this.tracer, this.#allowance, this.#logs);
    this.tracer.begin?.(startOf(environment, this.#chainId, this.#tx, this.#place));
  }

  after(gasUsed: bigint): void {
    this.tracer.end?.(gasUsed);
    this.#recorder?.detach();
  }
}

type Started = Pick<Tx, 'sender' | 'to' | 'gasLimit' | 'authorizationList'>;

function startOf(environment: Environment, chainId: number, tx: Started, place: TransactionPlace | null): TransactionStart {
  const { vm, state, fork, context } = environment;
  const { sender: from, to, gasLimit, authorizationList } = tx;
  return {
    from,
    to,
    gasLimit,
    authorizationList,
    beneficiary: context.beneficiary,
    fork,
    state,
    refund: refundOf(state, chainId, tx),
    precompiles: new Set([...vm.evm.precompiles.keys()].map((address) => `0x${address}` as Address)),
    ...(place !== null && { place }),
  };
}

/** Tried out and taken back, since the library does not tell. */
function refundOf(state: WorldState, chainId: number, { sender, authorizationList }: Started): bigint {
  if (authorizationList.length === 0) return 0n;
  state.checkpoint();
  const account = state.account(sender) ?? EMPTY_ACCOUNT;
  state.setAccount(sender, { ...account, nonce: account.nonce + 1n });
  const { refund } = applyAuthorizations(state, chainId, authorizationList);
  state.revert();
  return refund;
}
