/**
 * The execution of one block, transaction by transaction: the part that checking a block and building one share.
 * `open`, then `apply` for each transaction, then `close`. A transaction that is refused leaves everything as it was.
 */

import type { Log as LibraryLog } from '@ethereumjs/evm';
import { RLP } from '@ethereumjs/rlp';
import { createTxFromRLP } from '@ethereumjs/tx';
import { createAddressFromString } from '@ethereumjs/util';
import { runTx } from '@ethereumjs/vm';
import { bigToBytes, fromHex, toHex } from '../base/bytes.ts';
import { InternalError, RuleError, StorageError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import { isAtLeast } from '../chain/params.ts';
import type { Reward } from '../consensus/engine.ts';
import { EMPTY_ACCOUNT } from './account.ts';
import { admit } from './admission.ts';
import { type Environment, type EnvironmentOptions, type Frame, frameOf, openEnvironment } from './environment.ts';
import { keccak256 } from './keccak.ts';
import { type StateChange, WorldState } from './state.ts';
import { callAfterTransactions, callBeforeTransactions, requestsHashOf } from './system-calls.ts';
import type { Tx } from './transaction.ts';
import { executeTransfer, isPlainTransfer } from './transfer.ts';
import type { Log, Receipt, StateSource } from './types.ts';

export interface RunResult extends StateChange {
  readonly receipts: readonly Receipt[];
  readonly gasUsed: bigint;
  /** Both undefined before prague. */
  readonly requests: readonly Uint8Array[] | undefined;
  readonly requestsHash: Hash | undefined;
}

/** What running a transaction gave, however it was run. */
interface Outcome {
  readonly success: boolean;
  readonly gasUsed: bigint;
  readonly logs: readonly Log[];
}

export interface BlockRunOptions extends EnvironmentOptions {
  /** What `state` reads from. */
  readonly source: StateSource;
}

/** Looks on while a transaction is executed. */
export interface Watcher {
  before(environment: Environment): void;
  after(gasUsed: bigint): void;
}

export class BlockRun {
  readonly #options: BlockRunOptions;
  readonly #receipts: Receipt[] = [];
  /** Written by the block's earlier transactions where each has a root of its own; else empty. */
  readonly #written: { nodes: Map<Hash, Uint8Array>; codes: Map<Hash, Uint8Array> } = { nodes: new Map(), codes: new Map() };
  #frame: Frame;
  /** Undefined until something has to run in it: most blocks need none. */
  #environment: Promise<Environment> | undefined;
  #gasUsed = 0n;

  private constructor(options: BlockRunOptions) {
    this.#frame = frameOf(options);
    this.#options = options;
  }

  static async open(options: BlockRunOptions): Promise<BlockRun> {
    const run = new BlockRun(options);
    await callBeforeTransactions(run.#frame, () => run.#evm());
    return run;
  }

  get fork(): Frame['fork'] {
    return this.#frame.fork;
  }

  get gasUsed(): bigint {
    return this.#gasUsed;
  }

  /** As the transactions so far left it. */
  get state(): WorldState {
    return this.#frame.state;
  }

  /** Throws RuleError tx/... when the transaction cannot come next in this block. A watched one always goes through the EVM. */
  async apply(tx: Tx, watcher: Watcher | null = null): Promise<Receipt> {
    const { state, context, fork, blobs } = this.#frame;
    const { pacer } = this.#options;
    if (pacer.due) await pacer.rest();
    admit(tx, { state, context, fork, blobs, gasUsed: this.#gasUsed });
    const isModern = isAtLeast(fork, 'byzantium');
    watcher?.before(await this.#evm());
    const outcome =
      isModern && watcher === null && isPlainTransfer(tx, state)
        ? { success: true, gasUsed: executeTransfer(tx, state, context, fork), logs: [] }
        : await runInEvm(tx, await this.#evm(), this.#gasUsed);
    watcher?.after(outcome.gasUsed);
    this.#gasUsed += outcome.gasUsed;
    const receipt: Receipt = {
      type: tx.type,
      ...outcome,
      ...(!isModern && { success: true, postState: await this.#settle() }),
      cumulativeGasUsed: this.#gasUsed,
      contractAddress: tx.to === null ? createdAddress(tx.sender, tx.nonce) : null,
    };
    this.#receipts.push(receipt);
    return receipt;
  }

  /** Ends the block. Throws RuleError block/requests when its closing calls make it invalid. */
  async close(rewards: readonly Reward[]): Promise<RunResult> {
    const { state } = this.#frame;
    for (const { to, amount } of rewards) {
      const account = state.account(to) ?? EMPTY_ACCOUNT;
      state.setAccount(to, { ...account, balance: account.balance + amount });
    }
    const requests = await callAfterTransactions(this.#frame, this.#receipts, () => this.#evm());
    const requestsHash = requests && requestsHashOf(requests);
    const change = await state.finish(this.#options.pacer);
    for (const [hash, bytes] of change.nodes) this.#written.nodes.set(hash, bytes);
    for (const [hash, bytes] of change.codes) this.#written.codes.set(hash, bytes);
    return { root: change.root, ...this.#written, receipts: this.#receipts, gasUsed: this.#gasUsed, requests, requestsHash };
  }

  /** Hashes the state, whose root is in each receipt before byzantium, and goes on from there. */
  async #settle(): Promise<Hash> {
    const { source, pacer } = this.#options;
    const { nodes, codes } = this.#written;
    const change = await this.#frame.state.finish(pacer);
    for (const [hash, bytes] of change.nodes) nodes.set(hash, bytes);
    for (const [hash, bytes] of change.codes) codes.set(hash, bytes);
    const layered = {
      node: (hash: Hash) => nodes.get(hash) ?? source.node(hash),
      code: (hash: Hash) => codes.get(hash) ?? source.code(hash),
    };
    this.#frame = { ...this.#frame, state: new WorldState(layered, change.root) };
    this.#environment = undefined;
    return change.root;
  }

  #evm(): Promise<Environment> {
    this.#environment ??= openEnvironment({ ...this.#options, state: this.#frame.state });
    return this.#environment;
  }
}

/** A transaction of any kind, by @ethereumjs' runTx. */
export async function runInEvm(tx: Tx, { vm, block }: Environment, blockGasUsed: bigint): Promise<Outcome> {
  try {
    const libraryTx = createTxFromRLP(tx.bytes, { common: vm.common, freeze: false });
    const sender = createAddressFromString(tx.sender);
    // Recovered already; the library would do it again, and in JavaScript.
    libraryTx.getSenderAddress = () => sender;
    const result = await runTx(vm, { tx: libraryTx, block, blockGasUsed });
    return {
      success: result.execResult.exceptionError === undefined,
      gasUsed: result.totalGasSpent,
      logs: logsFrom(result.execResult.logs),
    };
  } catch (cause) {
    // A RuleError is a watcher's: the library knows none.
    if (cause instanceof StorageError || cause instanceof InternalError || cause instanceof RuleError) throw cause;
    // Memory or stack ran out: this machine's trouble, which must not be taken for the block's.
    if (cause instanceof RangeError)
      throw new InternalError('execution/resources', `Executing ${tx.hash} exhausted this process.`, {}, cause);
    // Our own checks have passed, so this is one that only the library makes. The block or the sender bears it, not the node.
    throw new RuleError('tx/not-executable', `Transaction ${tx.hash} cannot be executed.`, { hash: tx.hash }, { cause });
  }
}

export function logsFrom(logs: readonly LibraryLog[] = []): Log[] {
  return logs.map(([address, topics, data]) => ({
    address: toHex(address) as Address,
    topics: topics.map((topic) => toHex(topic) as Hash),
    data: toHex(data),
  }));
}

/** Where a contract goes that this sender creates with this nonce (Yellow Paper 7). */
export function createdAddress(sender: Address, nonce: bigint): Address {
  return toHex(keccak256(RLP.encode([fromHex(sender), bigToBytes(nonce)])).subarray(12)) as Address;
}
