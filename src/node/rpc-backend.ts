/** The node as RPC sees it (`rpc/backend.ts`), over the chain store, the pool, the network and the EVM workers. */
import { RuleError, SynodError } from '../base/errors.ts';
import { type Address, type Hash, type Json, NodeId } from '../base/types.ts';
import type { Header } from '../chain/header.ts';
import { nextBaseFee } from '../chain/rules.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { EvmPool } from '../execution/evm-pool.ts';
import { withoutSidecar } from '../execution/sidecar.ts';
import { StateReader } from '../execution/state-reader.ts';
import { decodeTransaction, type Tx } from '../execution/transaction.ts';
import { decodeFields } from '../execution/transaction-codec.ts';
import type { Mempool } from '../mempool/mempool.ts';
import type { Network } from '../network/host.ts';
import type {
  Backend,
  ChainAccess,
  EvmAccess,
  HeadChange,
  MinerControl,
  NetworkAccess,
  PoolAccess,
  SyncProgress,
  TransactionView,
} from '../rpc/backend.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import type { OpenChain } from './chain.ts';
import { systemClock } from './clock.ts';
import type { NodeConfig } from './config.ts';
import type { Driver } from './driver.ts';
import type { FaultBench } from './fault-bench.ts';
import { HistoryKeeper, type Sights } from './history.ts';
import type { ImportLog } from './import-log.ts';
import type { PoolJournal } from './pool-journal.ts';
import type { MinerSealer } from './sealer.ts';
import type { BlockSummary, MiningStatus, NodeStatus } from './status.ts';
import type { SyncHost } from './sync-host.ts';
import { CLIENT_VERSION } from './version.ts';

export interface BackendParts {
  readonly config: NodeConfig;
  readonly chain: OpenChain;
  readonly pool: Mempool;
  readonly journal: PoolJournal;
  readonly network: Network;
  readonly driver: Driver;
  readonly sync: SyncHost;
  readonly sealer: MinerSealer;
  readonly evm: EvmPool;
  /** Threads of its own: a trace takes many times as long as a call. */
  readonly tracers: EvmPool;
  readonly faults: FaultBench | null;
  readonly importLog: ImportLog;
  readonly startedMs: number;
}

export interface NodeBackend {
  readonly backend: Backend;
  /** After the durable change, and after the pool has followed it. */
  headChanged(change: HeadChange): void;
  transactionAdded(transaction: Tx): void;
  stop(): void;
}

export function createBackend(parts: BackendParts): NodeBackend {
  const { chain } = parts;
  const heads = new Listeners<HeadChange>();
  const transactions = new Listeners<TransactionView>();
  const miner = chain.engine.name === 'pow' ? minerControl(parts) : null;
  const access = chainAccess(parts);
  const history = new HistoryKeeper(systemClock, sightsOf(parts, access));
  const backend: Backend = {
    clientVersion: CLIENT_VERSION,
    chainId: chain.params.chainId,
    params: chain.params,
    chain: access,
    state: new StateReader(chain.store.state),
    evm: evmAccess(parts),
    pool: poolAccess(parts),
    network: networkAccess(parts.network),
    miner,
    faults: parts.faults,
    syncing: () => syncProgress(parts.sync),
    status: () => statusOf(parts, access, miner) as unknown as Json,
    history,
    get engineName() {
      return parts.driver.present().name;
    },
    askEngine: (name, values) => askEngine(parts.driver, name, values),
    onHead: (listener) => heads.add(listener),
    onPendingTransaction: (listener) => transactions.add(listener),
  };
  return {
    backend,
    headChanged: (change) => heads.tell(change),
    transactionAdded: (transaction) => transactions.tell(transaction),
    stop: () => history.stop(),
  };
}

function evmAccess({ evm, tracers }: BackendParts): EvmAccess {
  return {
    call: (request, client) => evm.call(request, client),
    estimateGas: (request, client) => evm.estimateGas(request, client),
    createAccessList: (request, client) => evm.createAccessList(request, client),
    simulate: (request, client) => evm.simulate(request, client),
    buildTestBlock: (request, client) => evm.buildTestBlock(request, client),
    trace: (request, client) => tracers.trace(request, client),
  };
}

class Listeners<T> {
  readonly #all = new Set<(value: T) => void>();

  add(listener: (value: T) => void): () => void {
    this.#all.add(listener);
    return () => void this.#all.delete(listener);
  }

  tell(value: T): void {
    for (const listener of this.#all) listener(value);
  }
}

// ---- Chain and state -------------------------------------------------------------------------------------------

function chainAccess({ chain, config, driver }: BackendParts): ChainAccess {
  const { store, params } = chain;
  const { safeDepth, finalizedDepth } = config.finality;
  // Under an engine without proofs of finality both are a policy: so many blocks below the head.
  const isProven = () => driver.present().finality !== 'probabilistic';
  return {
    get genesis() {
      return store.view.genesis;
    },
    get head() {
      return store.head;
    },
    get safe() {
      return isProven() ? safeBlock(store, driver.safe()) : below(store, safeDepth);
    },
    get finalized() {
      return isProven() ? store.finalized : below(store, finalizedDepth);
    },
    // What was only stored, or found invalid, is nobody's block yet.
    header: (hash) => (store.view.status(hash) === 'executed' ? store.header(hash) : undefined),
    canonical: (number) => store.canonical(number),
    block: (hash) => store.block(hash),
    blocksAt: (number, limit) =>
      store.view.atHeight(number, limit).map((node) => ({ node, status: store.view.status(node.hash) ?? 'stored' })),
    get highest() {
      return store.view.maxHeight;
    },
    blooms: (from, to) => store.canonicalRange(from, to),
    certificate: (hash) => store.certificate(hash),
    receipts: (hash) => store.receipts(hash),
    transaction: (hash) => store.transaction(hash),
    decode: (bytes) => decodeTransaction(bytes, params),
    fees: (bytes) => decodeFields(bytes).fields,
    rewards: (block) => chain.engine.rewards(block),
    nextBaseFee: (parent) => (parent.baseFeePerGas === undefined ? undefined : nextBaseFee(parent)),
  };
}

/** What the engine holds safe, if it is part of the chain on disk already. */
function safeBlock(store: ChainStore, hash: Hash | null): HeaderNode {
  const node = hash === null ? undefined : store.header(hash);
  const isCanonical = node !== undefined && store.canonical(node.header.number) === node.hash;
  return isCanonical && node.header.number > store.finalized.header.number ? node : store.finalized;
}

function below(store: ChainStore, depth: number): HeaderNode {
  const hash = store.canonical(Math.max(0, store.head.header.number - depth));
  return (hash === undefined ? undefined : store.header(hash)) ?? store.view.genesis;
}

function poolAccess({ pool, journal, chain: { params } }: BackendParts): PoolAccess {
  return {
    minTip: pool.minTip,
    add: (given): Hash => {
      const bytes = withoutSidecar(given);
      // geth's rule for RPC: such a transaction could be repeated on any other chain on which its sender has funds.
      if (decodeTransaction(bytes, params).chainId === null) {
        throw new RuleError('tx/unprotected', 'only replay-protected (EIP-155) transactions allowed over RPC');
      }
      const { hash } = pool.add(bytes, 'local');
      journal.append(hash, bytes);
      return hash;
    },
    get: (hash) => pool.get(hash),
    pendingNonce: (address) => pool.pendingNonce(address),
    status: () => pool.status(),
    content: (sender) => pool.content(sender),
  };
}

// ---- Network, sync ---------------------------------------------------------------------------------------------

function networkAccess(network: Network): NetworkAccess {
  return {
    listening: true,
    self: { id: network.self, addresses: network.addresses() },
    peers: () =>
      network.peers().map(({ id, agent, address, direction, status }) => ({
        id,
        agent,
        remoteAddress: address,
        inbound: direction === 'inbound',
        head: { number: status.height, hash: status.head },
      })),
    addPeer: async (address) => {
      await network.dial(address);
    },
    removePeer: (peer) => {
      const id = NodeId(peer);
      const connected = network.peers().some((other) => other.id === id);
      network.disconnect(id);
      return connected;
    },
  };
}

function syncProgress(sync: SyncHost): SyncProgress | null {
  const { phase, from, current, target } = sync.progress();
  return phase === 'blocks' && current < target ? { startingBlock: from, currentBlock: current, highestBlock: target } : null;
}

// ---- Mining ----------------------------------------------------------------------------------------------------

interface EngineMiner {
  readonly producing: boolean;
  readonly beneficiary: Address;
  readonly mined: number;
  readonly abandoned: number;
}

function askEngine(driver: Driver, name: string, values: { readonly [key: string]: Json } = {}): Promise<Json> {
  return new Promise((resolve, reject) => {
    driver.admin({ name, arguments: values }, (result) => {
      if (result instanceof SynodError) reject(asRuleError(result));
      else resolve(result);
    });
  });
}

function minerControl({ driver, sealer }: BackendParts): MinerControl {
  const command = async (name: string, values: { readonly [key: string]: Json } = {}) => void (await askEngine(driver, name, values));
  return {
    status: () => {
      const { producing, beneficiary } = engineMiner(driver);
      const { threads, hashesPerSecond } = sealer.stats();
      return { mining: producing, threads, hashrate: hashesPerSecond, beneficiary };
    },
    start: async (threads) => {
      if (threads !== undefined) sealer.setThreads(threads);
      await command('miner_start');
    },
    stop: () => command('miner_stop'),
    setBeneficiary: (address) => command('miner_setBeneficiary', { beneficiary: address }),
  };
}

/** What the operator did wrong is the caller's fault over RPC as well, and shown to him. */
function asRuleError(error: SynodError): RuleError {
  return error instanceof RuleError ? error : new RuleError(error.code, error.message, error.fields, { cause: error });
}

function engineMiner(driver: Driver): EngineMiner {
  const { mining } = driver.inspect() as unknown as { readonly mining: EngineMiner };
  return mining;
}

// ---- History ---------------------------------------------------------------------------------------------------

function sightsOf({ driver, sealer }: BackendParts, access: ChainAccess): Sights {
  return {
    now: () => ({
      head: access.head.header.number,
      finalized: access.finalized.header.number,
      hashesPerSecond: sealer.stats().hashesPerSecond,
    }),
    async participation() {
      if (driver.present().name !== 'pos') return null;
      const { previous } = (await askEngine(driver, 'getParticipation')) as { readonly previous: { readonly share: number } };
      return previous.share;
    },
  };
}

// ---- Status ----------------------------------------------------------------------------------------------------

function statusOf(parts: BackendParts, access: ChainAccess, miner: MinerControl | null): NodeStatus {
  const { chain, network, pool, sync, driver, importLog, config } = parts;
  const { phase, current, target } = sync.progress();
  return {
    version: CLIENT_VERSION,
    engine: driver.present().name,
    chainId: chain.params.chainId,
    genesis: chain.genesisHash,
    peerId: network.self,
    uptimeSeconds: Math.floor((performance.now() - parts.startedMs) / 1000),
    head: summary(access.head),
    safe: summary(access.safe),
    finalized: summary(access.finalized),
    weight: access.head.facts.weight.toString(),
    peers: network.peers().length,
    sync: { state: phase, current, target },
    pool: pool.status(),
    reorgs: importLog.reorgs,
    mining: miner === null ? null : miningStatus(parts, config),
    partition: network.partition,
    faults: parts.faults?.status() ?? null,
    consensus: driver.inspect(),
  };
}

function summary({ hash, header }: HeaderNode): BlockSummary {
  const { number, stateRoot, timestamp }: Header = header;
  return { number, hash, stateRoot, timestamp };
}

function miningStatus({ driver, sealer }: BackendParts, config: NodeConfig): MiningStatus {
  const { producing, beneficiary, mined } = engineMiner(driver);
  const { threads, kernel, hashesPerSecond, abandoned } = sealer.stats();
  return {
    enabled: producing,
    threads,
    kernel,
    hashesPerSecond,
    hashRateLimit: config.mining.hashRateLimit,
    sealed: mined,
    abandoned,
    beneficiary,
  };
}
