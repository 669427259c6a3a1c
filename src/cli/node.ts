/** `synod node`: the daemon. Flags have geth's names where geth has them. */
import { flushCompileCache } from 'node:module';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { type Address, Hash, quote, ZERO_ADDRESS } from '../base/types.ts';
import type { TrustedBlock } from '../consensus/engine.ts';
import { dashboardPage } from '../dashboard/serve.ts';
import { parseGenesis } from '../execution/genesis-document.ts';
import { MAX_HASH_RATE_LIMIT, MAX_THREADS } from '../mining/limits.ts';
import { DEFAULTS, type NodeConfig } from '../node/config.ts';
import { engineAccountsAdvice } from '../node/genesis-accounts.ts';
import type { LogFormat } from '../node/logger.ts';
import type { NodeHandle } from '../node/node.ts';
import { MAX_PEERS } from '../sync/limits.ts';
import { engineOption, genesisFor } from './genesis.ts';
import { absolutePath, addressOption, choiceOption, defaultDatadir, integerOption, listOption, portOption } from './options.ts';
import { argumentError, note, warn } from './output.ts';
import type { StakeFlags } from './validator-stake.ts';

interface NodeFlags extends StakeFlags {
  readonly datadir: string;
  readonly genesis?: string;
  readonly engine?: string;
  readonly resync?: boolean;
  readonly networkid?: number;
  readonly addr: string;
  readonly port: number;
  readonly nat?: string;
  readonly bootnodes: string[];
  readonly nodekey?: string;
  readonly maxpeers: number;
  readonly mdns?: boolean;
  readonly http: boolean;
  readonly 'http.addr': string;
  readonly 'http.port': number;
  readonly 'http.api': string[];
  readonly 'http.corsdomain': string[];
  readonly 'http.vhosts': string[];
  readonly dashboard?: boolean;
  readonly 'rpc.gascap': number;
  readonly 'rpc.evmtimeout': number;
  readonly mine?: boolean;
  readonly 'miner.etherbase'?: Address;
  readonly 'miner.threads': number;
  readonly 'miner.hashrate': number;
  readonly 'miner.kernel': NodeConfig['mining']['kernel'];
  readonly 'miner.gaslimit'?: number;
  readonly checkpoint?: TrustedBlock;
  readonly 'finality.safe': number;
  readonly 'finality.finalized': number;
  readonly faults?: boolean;
  readonly verbosity: number;
  readonly 'log.format': LogFormat;
  readonly 'log.file'?: string;
  readonly metrics?: boolean;
  readonly 'metrics.addr': string;
  readonly 'metrics.port': number;
}

export function registerNode(program: Command): void {
  const { network, rpc, mining, finality, metrics } = DEFAULTS;
  program
    .command('node')
    .description('run a node until it is told to stop')
    .option('--datadir <dir>', 'where the chain and the keys are kept', absolutePath, defaultDatadir())
    .option('--genesis <file>', 'genesis document for a new datadir (default: a built-in development network)')
    .addOption(engineOption())
    .option('--resync', 'set a damaged chain aside (as chaindata.old) and fetch it again from peers')
    .option('--networkid <id>', 'refuse to start unless this is the chain id of the network', integerOption('networkid', 1, 2 ** 53 - 1))
    .option('--addr <address>', 'address to listen on for peers', network.address)
    .option('--port <port>', 'TCP port to listen on for peers (0 takes a free one)', portOption('port'), network.port)
    .option('--nat <extip:address>', 'tell peers this address and --port, behind a router or in a container that passes them on', natOption)
    .option('--bootnodes <list>', 'peers to connect to, as comma-separated multiaddrs', listOption, [])
    .option('--nodekey <file>', "this node's network key (default: one in the datadir, made when absent)", absolutePath)
    .option('--maxpeers <n>', 'most connections to peers', integerOption('maxpeers', 1, MAX_PEERS), network.maxPeers)
    .option('--mdns', 'find peers in the local network by multicast DNS')
    .option('--no-http', 'serve no RPC')
    .option('--http', 'serve RPC over HTTP and WebSocket on one port (the default)', true)
    .option('--http.addr <address>', 'address of the RPC server', rpc.address)
    .option('--http.port <port>', 'port of the RPC server (0 takes a free one)', portOption('http.port'), rpc.port)
    .option('--http.api <list>', 'namespaces that RPC answers', listOption, DEFAULT_APIS)
    .option('--http.corsdomain <list>', "origins that browsers may call from ('*' for all)", listOption, [])
    .option('--http.vhosts <list>', "host names that requests may be addressed to ('*' for all)", listOption, [...rpc.vhosts])
    .option('--dashboard', 'serve the dashboard and explorer for browsers at /dashboard/ on the port of RPC')
    .option('--rpc.gascap <gas>', 'most gas of one eth_call', integerOption('rpc.gascap', 21_000, 2 ** 40), Number(rpc.gasCap))
    .option('--rpc.evmtimeout <ms>', 'time after which an eth_call is ended', integerOption('rpc.evmtimeout', 1, 600_000), rpc.evmTimeoutMs)
    .option('--mine', 'make blocks')
    .option('--miner.etherbase <address>', 'account that receives the fees of mined blocks', addressOption('miner.etherbase'))
    .option('--miner.threads <n>', 'threads that hash', integerOption('miner.threads', 1, MAX_THREADS), mining.threads)
    .option(
      '--miner.hashrate <limit>',
      'most hashes a second (0: as many as the threads can)',
      integerOption('miner.hashrate', 0, MAX_HASH_RATE_LIMIT),
      0,
    )
    .option(
      '--miner.kernel <name>',
      'hash kernel: auto, wasm-simd, wasm or js',
      choiceOption('miner.kernel', ['auto', 'wasm-simd', 'wasm', 'js']),
      'auto',
    )
    .option('--miner.gaslimit <gas>', 'gas limit to move mined blocks to', integerOption('miner.gaslimit', 5_000, 1e10))
    .option('--stake', 'propose and vote with the validators whose keys are here (proof-of-stake)')
    .option('--member', "decide with the other members, with this node's key (permissioned engines)")
    .option('--validators.dir <dir>', 'where their key files are (default: validators in the datadir)', absolutePath)
    .option('--validators.password <file>', 'take the password of the key files from the first line of a file instead of asking for it')
    .option(
      '--checkpoint <hash:number>',
      'a final block, from somebody whom you trust: other histories are refused (proof-of-stake)',
      checkpointOption,
    )
    .option(
      '--finality.safe <depth>',
      'blocks below the head that count as safe (a policy, not a proof)',
      depth('finality.safe'),
      finality.safeDepth,
    )
    .option('--finality.finalized <depth>', 'the same for finalized', depth('finality.finalized'), finality.finalizedDepth)
    .option('--faults', 'offer fault methods over RPC: only for a network that is started for tests')
    .option('--verbosity <level>', '0 silent, 1 error, 2 warn, 3 info, 4 debug, 5 trace', integerOption('verbosity', 0, 5), 3)
    .option('--log.format <format>', 'terminal or json', choiceOption('log.format', ['terminal', 'json']), 'terminal')
    .option('--log.file <file>', 'log to this file instead of the terminal', absolutePath)
    .option('--metrics', 'serve /metrics for Prometheus, /healthz and /readyz')
    .option('--metrics.addr <address>', 'address of the metrics server', metrics.address)
    .option('--metrics.port <port>', 'port of the metrics server (0 takes a free one)', portOption('metrics.port'), metrics.port)
    .addHelpText(
      'after',
      `
Examples:
  synod node --mine --miner.etherbase 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266
  synod node --datadir ./second --port 30304 --http.port 8546 --bootnodes /ip4/127.0.0.1/tcp/30303/p2p/12D3KooW...
  synod node --engine pos --stake --validators.password password.txt --miner.etherbase 0xf39F...2266
  synod node --genesis my-network.json --datadir ./mine --http.api eth,net,web3,txpool,miner,admin,synod`,
    )
    .action(async (flags: NodeFlags) => {
      // Loaded only here: the other commands need neither libp2p nor the EVM, and start in a third of the time.
      const { startNode } = await import('../node/node.ts');
      const { openStaking } = await import('./validator-stake.ts');
      const config = nodeConfig(flags);
      const { signers, release } = await openStaking(flags, config.datadir, config.genesis);
      try {
        const handle = await startNode({ ...config, signers });
        tellSupervisor(handle);
        process.exitCode = await untilStopped(handle);
      } finally {
        release();
      }
    });
}

/** By identity: what was asked for by name is left as it is. */
const DEFAULT_APIS: readonly string[] = [...DEFAULTS.rpc.apis];
/** Where nothing can be changed, developers may ask for everything. */
const REPLAY_APIS = ['debug', 'testing', 'trace', 'ots', 'erigon'];

/** The form of other clients, with the block's number for its epoch. */
function checkpointOption(text: string): TrustedBlock {
  const [, hash, number] = /^(0x[0-9a-fA-F]{64}):([1-9]\d{0,14})$/.exec(text) ?? [];
  if (hash !== undefined && number !== undefined) return { hash: Hash(hash), number: Number(number) };
  throw argumentError('checkpoint', `--checkpoint expects a block's hash and number, such as 0x4e3a...:1234, got ${quote(text)}.`);
}

/** geth's form for an address that is known: a node does not ask routers to open ports. */
function natOption(text: string): string {
  const [, address = ''] = /^extip:(.*)$/.exec(text) ?? [];
  if (isIP(address) !== 0) return address;
  throw argumentError('nat', `--nat expects an address as others reach it, such as extip:203.0.113.7, got ${quote(text)}.`);
}

const depth = (name: string) => integerOption(name, 0, 1_000_000);

export function nodeConfig(flags: NodeFlags): NodeConfig {
  if (flags['finality.safe'] > flags['finality.finalized']) {
    throw new UsageError('arguments/finality', '--finality.safe must not be deeper than --finality.finalized.');
  }
  if (flags['miner.threads'] > 4 * availableParallelism()) {
    note(`${flags['miner.threads']} mining threads on ${availableParallelism()} processors will compete with each other.`);
  }
  if ((flags.mine === true || flags.stake === true || flags.member === true) && flags['miner.etherbase'] === undefined) {
    warn('No --miner.etherbase was given: the rewards and fees of blocks made here go to the zero address, and are lost.');
  }
  if (flags.nat !== undefined && flags.port === 0) {
    throw new UsageError('arguments/nat', '--nat needs a --port: nobody can pass on a port that is not known yet.');
  }
  const genesis = genesisFor(flags.datadir, { ...flags, networkId: flags.networkid });
  const parsed = parseGenesis(genesis);
  if (flags.dashboard === true && !flags.http) {
    throw new UsageError('arguments/dashboard', '--dashboard needs the RPC server, which --no-http leaves out; drop one of the two.');
  }
  const advice = engineAccountsAdvice(parsed);
  if (advice !== null) warn(advice);
  const engine = parsed.engine.name;
  if (flags.mine === true && engine !== 'pow') {
    const who = engine === 'pos' ? 'validators: --stake' : 'members: --member';
    throw new UsageError('arguments/mine', `--mine is for proof-of-work; under ${engine} blocks are made by ${who}.`);
  }
  return {
    datadir: flags.datadir,
    genesis,
    resync: flags.resync === true,
    network: {
      address: flags.addr,
      port: flags.port,
      bootnodes: flags.bootnodes,
      nodeKeyFile: flags.nodekey ?? null,
      maxPeers: flags.maxpeers,
      mdns: flags.mdns === true,
      ...(flags.nat !== undefined && { externalAddress: flags.nat }),
    },
    rpc: {
      enabled: flags.http,
      address: flags['http.addr'],
      port: flags['http.port'],
      apis: engine === 'replay' && flags['http.api'] === DEFAULT_APIS ? [...DEFAULT_APIS, ...REPLAY_APIS] : flags['http.api'],
      corsDomains: flags['http.corsdomain'],
      vhosts: flags['http.vhosts'],
      gasCap: BigInt(flags['rpc.gascap']),
      evmTimeoutMs: flags['rpc.evmtimeout'],
      evmWorkers: DEFAULTS.rpc.evmWorkers,
      pages: flags.dashboard === true ? { prefix: '/dashboard', page: (path) => dashboardPage(path) } : null,
    },
    mining: {
      enabled: flags.mine === true,
      threads: flags['miner.threads'],
      hashRateLimit: flags['miner.hashrate'],
      kernel: flags['miner.kernel'],
      beneficiary: flags['miner.etherbase'] ?? ZERO_ADDRESS,
      gasLimit: flags['miner.gaslimit'] === undefined ? null : BigInt(flags['miner.gaslimit']),
    },
    signers: [],
    checkpoint: flags.checkpoint ?? null,
    finality: { safeDepth: flags['finality.safe'], finalizedDepth: flags['finality.finalized'] },
    faults: flags.faults === true,
    log: { format: flags['log.format'], verbosity: flags.verbosity, file: flags['log.file'] ?? null },
    metrics: flags.metrics === true ? { address: flags['metrics.addr'], port: flags['metrics.port'] } : null,
  };
}

/** A supervisor that started this process with an IPC channel learns where the node listens; when it dies, so do we. */
function tellSupervisor(handle: NodeHandle): void {
  // Now rather than at exit: the nodes that are started next need not compile all of it again.
  flushCompileCache();
  if (process.send === undefined) return;
  process.send({ type: 'ready', ...handle.endpoints });
  process.once('disconnect', () => handle.stop('the supervisor is gone'));
}

/** SIGINT and SIGTERM stop cleanly; a second one, or an end that takes too long, ends the process at once. */
function untilStopped(handle: NodeHandle): Promise<0 | 1> {
  let asked = false;
  const stop = (signal: NodeJS.Signals) => {
    if (asked) process.exit(1);
    asked = true;
    handle.stop(signal);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // A bug; but the databases are closed before the process ends.
  process.on('uncaughtException', handle.fail);
  process.on('unhandledRejection', handle.fail);
  return handle.stopped.finally(() => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
    // The channel to a supervisor would keep the process alive.
    if (process.connected) process.disconnect();
  });
}
