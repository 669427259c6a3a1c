/**
 * A chain without network, miner or RPC: the same driver, engine, ledger and store as in a node, fed by the caller.
 * `synod import` and `export` stand on it, so a file's blocks are judged exactly as a peer's would be.
 */
import { RuleError } from '../base/errors.ts';
import { type Hash, NodeId, ZERO_ADDRESS } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import { Executor } from '../execution/executor.ts';
import { Mempool } from '../mempool/mempool.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import { openChain } from './chain.ts';
import { systemClock } from './clock.ts';
import { Driver } from './driver.ts';
import { checkBody } from './inbox.ts';
import { NodeLedger } from './ledger.ts';
import type { Ports } from './ports.ts';

export interface OfflineChain {
  readonly store: ChainStore;
  readonly genesisHash: Hash;
  /**
   * Resolves when the block is stored and, where it extends the heaviest chain, executed; false when it was known.
   * Throws RuleError when it breaks a rule or its parent is unknown.
   */
  add(block: Block): Promise<boolean>;
  /** Waits until everything is durable. */
  close(): Promise<void>;
}

/** Nobody is there to blame. */
const NOBODY = NodeId('offline');

export async function openOffline(datadir: string, document: unknown): Promise<OfflineChain> {
  const chain = await openChain(datadir, document, { node: { beneficiary: ZERO_ADDRESS, produce: false } });
  const { store, engine, params } = chain;
  const waiting = new Map<Hash, (error: RuleError | null) => void>();
  let failure: unknown = null;
  const fatal = (error: unknown) => {
    failure ??= error;
    for (const settle of waiting.values()) settle(null);
  };
  const recovered = await chain.datadir.openLog(fatal);
  const settle = (hash: Hash, error: RuleError | null) => waiting.get(hash)?.(error);
  const ledger = new NodeLedger({
    store,
    executor: new Executor(params, store.state, engine, store.view),
    pool: new Mempool({ params, chain: store, state: store.state, now: systemClock.nowMs }),
    engine,
    gasLimit: store.view.genesis.header.gasLimit,
    buildTimeMs: 0,
    onExecuted: (hash) => settle(hash, null),
    onInvalid: settle,
    onBuildFailed: () => undefined,
    onHead: () => undefined,
    fatal,
  });
  let refused: RuleError | null = null;
  const ports: Ports = {
    clock: systemClock,
    log: recovered.log,
    transport: {
      send: () => undefined,
      announce: () => undefined,
      fetch: () => undefined,
      offence: (_from, error) => {
        refused = error;
      },
    },
    ledger,
    sealer: { seal: () => undefined, unseal: () => undefined },
    observer: { trace: () => undefined, fatal },
    random: () => 0,
  };
  const driver = new Driver(engine, ports, NOBODY);
  driver.start(recovered);

  const add = async (block: Block): Promise<boolean> => {
    const hash = hashHeader(block.header);
    const { number, parentHash } = block.header;
    if (store.view.status(hash) !== undefined) return false;
    checkBody(block);
    if (store.view.get(parentHash) === undefined) {
      throw new RuleError('block/unknown-parent', `The parent ${parentHash} of block ${number} is not in the chain.`, { number });
    }
    refused = null;
    const settled = new Promise<RuleError | null>((resolve) => waiting.set(hash, resolve));
    driver.receiveBlock(block, 'sync', NOBODY);
    const status = store.view.status(hash);
    // A lighter branch is kept without being executed; then nothing more will be heard of it.
    const isCandidate = status === 'stored' && (store.view.get(hash)?.facts.weight ?? 0n) > store.view.head.facts.weight;
    const error = isCandidate ? await settled : null;
    waiting.delete(hash);
    if (failure !== null) throw failure;
    if (error !== null) throw error;
    if (status === undefined) throw refused ?? new RuleError('block/refused', `Block ${number} (${hash}) was not accepted.`, { number });
    return true;
  };
  const close = async () => {
    driver.stop();
    await ledger.stop();
    await chain.close();
    if (failure !== null) throw failure;
  };
  return { store, genesisHash: chain.genesisHash, add, close };
}
