/**
 * The composition root: makes every part of a node, ties them together, and takes them apart again in order. Nothing is
 * decided here; each part is described in its own file.
 */
import { SynodError, UsageError } from '../base/errors.ts';
import type { NodeId } from '../base/types.ts';
import type { Header } from '../chain/header.ts';
import type { TrustedBlock } from '../consensus/engine.ts';
import { EvmPool } from '../execution/evm-pool.ts';
import { Executor } from '../execution/executor.ts';
import { RecentTries } from '../execution/trie.ts';
import { Mempool } from '../mempool/mempool.ts';
import type { NodeMetrics } from '../metrics/metrics.ts';
import type { MetricsSource } from '../metrics/source.ts';
import { Network } from '../network/host.ts';
import { nodeIdOf, openNodeKey } from '../network/node-key.ts';
import { RpcServer } from '../rpc/server.ts';
import type { HeadChange } from '../storage/chain-store.ts';
import { addressFile } from './address-file.ts';
import { type OpenChain, openChain } from './chain.ts';
import { systemClock } from './clock.ts';
import { watchClock } from './clock-watch.ts';
import type { NodeConfig } from './config.ts';
import { Driver } from './driver.ts';
import { EngineLog } from './engine-log.ts';
import { FaultBench } from './fault-bench.ts';
import { ImportLog } from './import-log.ts';
import { bodyMatches, Inbox } from './inbox.ts';
import { NodeLedger } from './ledger.ts';
import { Closers, Life } from './life.ts';
import { type Logger, openLogger } from './logger.ts';
import { metricsSource } from './metrics-source.ts';
import { forwardTransactions, networkHandlers, syncTransport, transportPort } from './network-link.ts';
import { OncePerTurn } from './once-per-turn.ts';
import { newOperatorToken, removeOperatorFile, writeOperatorFile } from './operator-file.ts';
import { PoolJournal } from './pool-journal.ts';
import type { LogPort, Ports } from './ports.ts';
import { TransactionRelay } from './relay.ts';
import { Reminder } from './reminder.ts';
import { type BackendParts, createBackend } from './rpc-backend.ts';
import { MinerSealer } from './sealer.ts';
import { SyncHost } from './sync-host.ts';
import { CLIENT_VERSION } from './version.ts';

export interface NodeEndpoints {
  /** HTTP and WebSocket; null when RPC is off. */
  readonly rpcUrl: string | null;
  readonly operatorToken: string;
  readonly peerId: NodeId;
  /** Multiaddrs that others can dial. */
  readonly addresses: readonly string[];
  /** Where Prometheus finds the metrics, at /metrics; null when they are off. */
  readonly metricsUrl: string | null;
}

export interface NodeHandle {
  readonly endpoints: NodeEndpoints;
  /** The exit code: 0 after `stop`, 1 after a failure. */
  readonly stopped: Promise<0 | 1>;
  stop(reason: string): void;
  /** Ends the node with exit code 1: for errors that nobody caught. */
  fail(error: unknown): void;
}

const BUILD_TIME_MS = 400;
/** Each may wait for seconds, and nobody waits longer than a request may take. */
const MAX_QUEUED_TRACES = 32;
/** No engine takes blocks from further ahead, and no genesis file of ours is. */
const MAX_AHEAD_MS = 60_000;

/** Resolves when the node serves. Throws UsageError or StorageError when it cannot be started; nothing is left running. */
export async function startNode(config: NodeConfig): Promise<NodeHandle> {
  const logger = openLogger(config.log);
  const closers = new Closers(logger);
  try {
    const chain = await openChain(config.datadir, config.genesis, {
      resync: config.resync,
      node: {
        beneficiary: config.mining.beneficiary,
        produce: config.mining.enabled || config.signers.length > 0,
        signers: config.signers,
        ...(config.checkpoint !== null && { checkpoint: config.checkpoint }),
      },
    });
    closers.add('chain', () => chain.close());
    if (config.checkpoint !== null) checkCheckpoint(chain, config.checkpoint);
    if (chain.engine.name === 'replay') checkImported(chain);
    return await assemble(config, chain, logger, closers);
  } catch (error) {
    await closers.run();
    throw error;
  }
}

/** Throws UsageError `node/not-imported`: nothing would ever come to such a chain. */
function checkImported({ store }: OpenChain): void {
  if (store.head.header.number > 0) return;
  throw new UsageError(
    'node/not-imported',
    'The chain of this genesis document is only replayed here, and has no blocks yet; load them with synod import.',
  );
}

/** Throws UsageError `node/checkpoint` where the engine has no use for one, and where what is final here contradicts it. */
function checkCheckpoint({ engine, store }: OpenChain, { number, hash }: TrustedBlock): void {
  if (engine.name !== 'pos') {
    throw new UsageError('node/checkpoint', `A checkpoint is for proof-of-stake; the engine of this network is ${engine.name}.`);
  }
  const ours = store.canonical(number);
  if (number > store.finalized.header.number || ours === hash) return;
  const advice = 'If the checkpoint comes from somebody whom you trust, start with --resync and other peers.';
  throw new UsageError('node/checkpoint', `Block ${number} is final in this datadir, and is ${ours}, not ${hash}. ${advice}`);
}

async function assemble(config: NodeConfig, chain: OpenChain, logger: Logger, closers: Closers): Promise<NodeHandle> {
  const { params, engine, store, datadir } = chain;
  const life = new Life(logger, closers);
  const fail = (error: unknown) => life.fail(error);
  const fatal = fail;
  const recovered = await datadir.openLog(fatal);
  const recent = new RecentTries();
  const pool = new Mempool({ params, chain: store, state: store.state, recent, now: () => systemClock.nowMs() });
  const executor = new Executor(params, store.state, engine, store.view, { recent });
  const later = { network: () => network, driver: () => driver };
  const faults = config.faults ? new FaultBench(chain, config.signers, systemClock, later) : null;
  const clock = faults?.clock ?? systemClock;
  const metrics = config.metrics === null ? null : await openMetrics();
  const importLog = new ImportLog(logger);
  const engineLog = new EngineLog(logger, clock);
  const onHead = (change: HeadChange) => {
    importLog.head(change, clock.nowMs());
    sync.headChanged();
    network.announceStatus();
    backend.headChanged(change);
  };
  const ledger = new NodeLedger({
    store,
    executor,
    pool,
    engine,
    gasLimit: config.mining.gasLimit ?? store.view.genesis.header.gasLimit,
    buildTimeMs: BUILD_TIME_MS,
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    onExecuted: (hash) => sync.settled(hash, 'executed'),
    onInvalid: (hash, error) => {
      logger.warn({ hash, code: error.code, reason: error.message }, 'Invalid block');
      sync.settled(hash, 'invalid');
    },
    onWork: (work, ms) => metrics?.blockTook(work, ms),
    onBuildFailed: (error) => logger.error({ code: error.code, reason: error.message }, 'Cannot build a block'),
    onHead,
    fatal,
  });
  closers.add('ledger', () => ledger.stop());
  const sealer = new MinerSealer(config.mining, (error) => {
    // A node that cannot hash any more is still a good node; one that lost a thread goes on with the others.
    logger.error({ reason: error.message }, 'Mining failed');
    const isOver = error instanceof SynodError && error.code !== 'mining/thread-lost';
    if (isOver) driver.admin({ name: 'miner_stop', arguments: {} }, () => undefined);
  });
  closers.add('miner', () => sealer.stop());

  const key = await openNodeKey(config.network.nodeKeyFile ?? datadir.paths.nodekey, config.network.nodeKeyFile === null);
  const ports: Ports = {
    clock,
    log: recovered.log satisfies LogPort,
    transport: transportPort(
      () => network,
      () => sync,
      (peer) => driver.believes(peer),
    ),
    ledger,
    sealer,
    observer: { trace: (name, data) => engineLog.trace(name, data), fatal },
    random: Math.random,
  };
  const driver = new Driver(faults?.engine ?? engine, ports, nodeIdOf(key));
  closers.add('driver', () => driver.stop());
  const inbox = new Inbox({
    engine,
    view: store.view,
    pool,
    clock,
    deliver: (block, from) => driver.receiveBlock({ block, origin: 'gossip', from }),
  });
  const sync = new SyncHost({
    engine,
    view: store.view,
    clock,
    transport: syncTransport(() => network, fatal),
    bodyMatches,
    deliver: (block, from, processed) => driver.receiveBlock({ block, certificate: block.certificate, origin: 'sync', from }, processed),
    // Under proof-of-stake weight is height: no branch is followed before its headers have shown that they lead to the checkpoint.
    settings: { minimumWeight: BigInt(config.checkpoint?.number ?? 0) },
    onProgress: (progress) => importLog.sync(progress, clock.nowMs()),
    fatal,
  });
  closers.add('sync', () => sync.stop());
  const leader = () => driver.leader();
  const relay = new TransactionRelay(clock, {
    leader,
    self: driver.self,
    forward: (to, batch) => forwardTransactions(network, driver, to, batch),
    publish: (message) => network.publishTransactions(message),
  });
  closers.add('relay', () => relay.stop());
  const reminder = new Reminder({
    clock,
    leader,
    isWaiting: (hash) => pool.has(hash),
    sendToLeader: (tx) => relay.add(tx.bytes),
    sendToAll: (transactions) => relay.publish(transactions.map(({ bytes }) => bytes)),
  });
  closers.add('reminder', () => reminder.stop());

  const bound = Promise.withResolvers<Network>();
  const wire = { params, networkHash: datadir.networkHash, engineName: engine.name, agent: CLIENT_VERSION, fatal };
  const handlers = networkHandlers({ ...wire, store, pool, inbox, driver, sync, relay, withheld: faults?.withheld ?? null }, bound.promise);
  const network: Network = await Network.start(
    {
      key,
      ...(engine.name === 'replay' ? ALONE : reachable(config)),
      local: isLocal(config.network.address),
      addressStore: addressFile(config.datadir, (message, reason) => logger.warn({ reason }, message)),
      log: (level, message, fields) => logger[level](fields, message),
    },
    handlers,
  );
  closers.add('network', () => network.stop());

  const { evm, tracers } = openEvm(config, chain, closers);
  const journal = new PoolJournal(datadir.paths.journal, {
    add: (bytes) => pool.add(bytes, 'local').hash,
    has: (hash) => pool.has(hash),
    warn: (message, fields) => logger.warn(fields, message),
  });
  closers.add('transaction journal', () => journal.close());
  const running = { network, driver, sync, sealer, importLog, startedMs: performance.now() };
  const parts: BackendParts = { config, chain, pool, journal, evm, tracers, faults, ...running };
  const backend = createBackend(parts);
  closers.add('history', () => backend.stop());
  const poolNews = new OncePerTurn(() => driver.mempoolChanged(pool.status().pending));
  pool.onAdded((tx, origin) => {
    // What came by gossip is passed on by gossip itself.
    if (origin === 'local') {
      relay.add(tx.bytes);
      reminder.watch(tx);
    }
    backend.transactionAdded(tx);
    poolNews.announce();
  });
  const remembered = journal.open();
  if (remembered > 0) logger.info({ transactions: remembered }, 'Remembered what clients had sent');
  driver.start(recovered);
  bound.resolve(network);
  const stopWatching = watchClock(clock, (jumpMs) =>
    logger.warn({ jumpMs }, 'The system clock jumped; blocks with a time too far from the others are refused'),
  );
  closers.add('clock watch', stopWatching);

  const operatorToken = newOperatorToken();
  const rpc = await startRpc(config, backend.backend, { operatorToken, metrics }, logger, closers);
  const rpcUrl = rpc?.address.url ?? null;
  if (rpcUrl !== null) {
    writeOperatorFile(config.datadir, { url: rpcUrl, token: operatorToken });
    closers.add('operator file', () => removeOperatorFile(config.datadir));
  }
  const source = metricsSource({ ...parts, ledger, relay, reminder, rpc, backend: backend.backend });
  const metricsUrl = await startMetrics(config, metrics, source, closers);
  const endpoints = { rpcUrl, operatorToken, peerId: network.self, addresses: network.addresses(), metricsUrl };
  announce(logger, config, chain, endpoints);
  return { endpoints, stopped: life.stopped, stop: (reason) => life.stop(reason), fail };
}

/** Workers for calls, and others for traces, which take many times as long. */
function openEvm(config: NodeConfig, { params, store, engine }: OpenChain, closers: Closers): Pick<BackendParts, 'evm' | 'tracers'> {
  const { evmWorkers: workers, evmTimeoutMs: timeoutMs, gasCap } = config.rpc;
  const randomness = (header: Header) => engine.randomness(header);
  const options = { params, state: store.state, headers: store.view, randomness, workers, timeoutMs, gasCap };
  const evm = new EvmPool(options);
  closers.add('evm workers', () => evm.close());
  const tracers = new EvmPool({ ...options, maxQueued: MAX_QUEUED_TRACES });
  closers.add('tracing workers', () => tracers.close());
  return { evm, tracers };
}

async function startRpc(
  config: NodeConfig,
  backend: Parameters<typeof RpcServer.start>[0],
  { operatorToken, metrics }: { readonly operatorToken: string; readonly metrics: NodeMetrics | null },
  logger: Logger,
  closers: Closers,
): Promise<RpcServer | null> {
  if (!config.rpc.enabled) return null;
  const server = await RpcServer.start(backend, {
    host: config.rpc.address,
    port: config.rpc.port,
    namespaces: config.rpc.apis,
    virtualHosts: config.rpc.vhosts,
    corsOrigins: config.rpc.corsDomains,
    operatorToken,
    pages: config.rpc.pages,
    ...(metrics !== null && { onRequest: (method, isSuccess, ms) => metrics.requestTook(method, isSuccess, ms) }),
    logger: {
      info: (message, fields) => logger.info(fields ?? {}, message),
      warn: (message, fields) => logger.warn(fields ?? {}, message),
      error: (message, fields) => logger.error(fields ?? {}, message),
    },
  });
  closers.add('RPC server', () => server.close());
  return server;
}

/** Loaded only where it is wanted: what it takes is a twentieth of all that a node loads. */
async function openMetrics(): Promise<NodeMetrics> {
  const { NodeMetrics } = await import('../metrics/metrics.ts');
  return new NodeMetrics();
}

async function startMetrics(
  config: NodeConfig,
  metrics: NodeMetrics | null,
  source: MetricsSource,
  closers: Closers,
): Promise<string | null> {
  if (metrics === null || config.metrics === null) return null;
  metrics.attach(source);
  const { MetricsServer } = await import('../metrics/server.ts');
  const server = await MetricsServer.start(metrics, source, { host: config.metrics.address, port: config.metrics.port });
  closers.add('metrics server', () => server.close());
  return server.url;
}

function announce(logger: Logger, config: NodeConfig, chain: OpenChain, endpoints: NodeEndpoints): void {
  const { head } = chain.store;
  const { recovery } = chain.store;
  if (recovery !== null) {
    const { from, to, reason } = recovery;
    logger.warn({ from, to, reason: reason.message }, 'The chain was set back to its last sound block');
  }
  logger.info(
    { datadir: config.datadir, engine: chain.engine.name, chainId: chain.params.chainId, genesis: chain.genesisHash },
    'Opened chain',
  );
  logger.info({ number: head.header.number, hash: head.hash }, 'Loaded head');
  const aheadMs = head.header.timestamp * 1_000 - systemClock.wallMs();
  if (aheadMs > MAX_AHEAD_MS)
    logger.warn({ aheadMs }, "The head is of a time that has not come yet by this machine's clock; which of them is wrong?");
  if (chain.engine.name === 'replay') logger.info('Serving a chain that was made elsewhere: read-only, without peers');
  else logger.info({ address: endpoints.addresses[0] ?? 'none' }, 'Listening for peers');
  if (config.signers.length > 0)
    logger.info({ keys: config.signers.length }, `Signing as ${chain.engine.name === 'pos' ? 'validator' : 'member'}`);
  if (endpoints.metricsUrl !== null) logger.info({ url: `${endpoints.metricsUrl}/metrics` }, 'Serving metrics');
  if (endpoints.rpcUrl !== null)
    logger.info({ url: endpoints.rpcUrl, api: config.rpc.apis.join(',') }, 'Serving RPC over HTTP and WebSocket');
  if (endpoints.rpcUrl !== null && config.rpc.pages !== null)
    logger.info({ url: `${endpoints.rpcUrl}${config.rpc.pages.prefix}/` }, 'Serving the dashboard');
}

/** A chain that was made elsewhere is served, not followed: nobody may add to it. */
const ALONE = { listen: [], bootnodes: [], maxPeers: 0, mdns: false } as const;

function reachable({ network: { address, port, bootnodes, maxPeers, mdns, externalAddress } }: NodeConfig) {
  const announce = externalAddress === undefined ? [] : [listenAddress(externalAddress, port)];
  return { listen: [listenAddress(address, port)], announce, bootnodes, maxPeers, mdns };
}

function listenAddress(address: string, port: number): string {
  return `/${address.includes(':') ? 'ip6' : 'ip4'}/${address}/tcp/${port}`;
}

function isLocal(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
