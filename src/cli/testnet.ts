/** `synod testnet`: a network of real nodes on this machine, and the commands that act on a running one. */
import { renameSync, rmSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { ENGINE_NAMES } from '../consensus/registry.ts';
import { dashboardPage } from '../dashboard/serve.ts';
import { type Control, callControl, takeControl } from '../testnet/control.ts';
import { DEFAULT_HASH_RATE } from '../testnet/engines.ts';
import { callNode, completeOptions, DEFAULTS, SYNOD_COMMAND } from '../testnet/launch.ts';
import { createManifest, DEFAULT_DIRECTORY, loadManifest, type Manifest, type TestnetOptions } from '../testnet/manifest.ts';
import { controlMethods } from '../testnet/methods.ts';
import { finishRestore } from '../testnet/snapshots/restore.ts';
import { hasSnapshots } from '../testnet/snapshots/store.ts';
import { type NodeReport, Supervisor } from '../testnet/supervisor.ts';
import { nearest } from '../testnet/words.ts';
import { checkMnemonic, DEV_MNEMONIC } from '../wallet/mnemonic.ts';
import { builtInGenesis } from './genesis.ts';
import { NETWORK_LIMITS as LIMITS, MAX_POS_BLOCK_TIME_SECONDS } from './network-limits.ts';
import { absolutePath, integerOption, portOption } from './options.ts';
import { argumentError, note, print } from './output.ts';
import { type Display, openDisplay, outputColumns, reportText } from './testnet-display.ts';
import { registerFaults } from './testnet-faults.ts';
import { registerPlay } from './testnet-play.ts';
import { registerSnapshots } from './testnet-snapshot.ts';

/** Below the first node's RPC port, as far as nodes may go upwards from there. */
const DASHBOARD_PORT = 8540;
const METRICS_PORT = 6_060;
const REPORT_INTERVAL_MS = 1_000;
/** Signals that follow the first one so closely are the same keystroke. */
const SAME_SIGNAL_MS = 1_000;

interface TestnetFlags {
  readonly nodes?: number;
  readonly engine: string;
  readonly miners: number;
  readonly validators?: number;
  readonly blockTime?: number;
  readonly chainId: number;
  readonly accounts: number;
  readonly balance: number;
  readonly mnemonic: string;
  readonly hashrate: number;
  readonly dir?: string;
  readonly keep?: boolean;
  readonly rpcPort: number;
  readonly metrics?: boolean;
  readonly metricsPort: number;
  readonly dashboardPort: number;
  readonly json?: boolean;
}

export function registerTestnet(program: Command): void {
  const testnet = program
    .command('testnet')
    .description('start a network of real nodes on this machine')
    .option('--nodes <n>', 'how many nodes (default: 4; 3 with engines that bear crashes only)', integerOption('nodes', ...LIMITS.nodes))
    .option('--engine <name>', `how they agree: ${ENGINE_NAMES.join(', ')}`, DEFAULTS.engine)
    .option(
      '--validators <n>',
      'pos: validators of the whole network (default: two for each node, four at least)',
      integerOption('validators', ...LIMITS.validators),
    )
    .option('--miners <n>', 'pow: how many nodes mine', integerOption('miners', ...LIMITS.miners), DEFAULTS.miners)
    .option(
      '--block-time <seconds>',
      'mean time between blocks, or length of a slot (default: 2 with pow, 1 with pos)',
      integerOption('block-time', ...LIMITS.blockTimeSeconds),
    )
    .option('--chain-id <id>', 'chain id', integerOption('chain-id', ...LIMITS.chainId), DEFAULTS.chainId)
    .option('--accounts <n>', 'how many funded accounts', integerOption('accounts', ...LIMITS.accounts), DEFAULTS.accounts)
    .option('--balance <ether>', 'ether of each account', integerOption('balance', ...LIMITS.balance), DEFAULTS.balance)
    .option('--mnemonic <words>', 'the accounts and the miners are derived from it', DEV_MNEMONIC)
    .option(
      '--hashrate <limit>',
      'pow: most hashes a second of each miner (0: all that a core gives)',
      integerOption('hashrate', ...LIMITS.hashRateLimit),
      DEFAULT_HASH_RATE,
    )
    .addOption(directoryOption(`${DEFAULT_DIRECTORY}, removed at the end if this start made it`))
    .option('--keep', 'keep the directory at the end, to go on from there next time (implied by --dir)')
    .option('--rpc-port <port>', 'RPC port of node 0, the next one for node 1 and so on (0: free ones)', portOption('rpc-port'), 8545)
    .option('--metrics', 'every node serves its figures for Prometheus, and whether it is healthy and ready')
    .option('--metrics-port <port>', 'the same as --rpc-port for metrics', portOption('metrics-port'), METRICS_PORT)
    .option(
      '--dashboard-port <port>',
      'where the dashboard and the commands of this network are served, on this machine only (0, or one that is taken: a free one)',
      portOption('dashboard-port'),
      DASHBOARD_PORT,
    )
    .option('--json', 'one JSON document a line: ready, then status every second')
    .addHelpText(
      'after',
      `
Examples:
  synod testnet                              four nodes with two validators each
  synod testnet --engine pow                 four nodes, two of them mining
  synod testnet --dir ./net --block-time 1   kept in ./net: a second start goes on from there
  synod testnet partition 0,1 2,3            cut a running network in two (from another terminal)
  synod testnet delay 0,1 200ms              slow two nodes' messages to each other down
  synod testnet heal                         end every fault
  synod testnet kill 2                       end node 2 as if its power had failed
  synod testnet restart 2
  synod testnet reorg --depth 6              make node 0 leave six blocks for others
  synod testnet stall-finality --for 60s     let nothing become final for a minute
  synod testnet play scenario.txt            faults in time, and what must hold
  synod testnet status --json`,
    )
    .allowExcessArguments()
    .action(async (flags: TestnetFlags, command: Command) => {
      const [word] = command.args;
      if (word !== undefined) throw noSuchCommand(word, testnet);
      process.exitCode = await runTestnet(flags, given(command));
    });
  registerControls(testnet);
  registerFaults(testnet);
  registerPlay(testnet, wished);
  registerSnapshots(testnet);
}

/** commander prints no default for an option that has no value. */
function directoryOption(otherwise: string): Option {
  return new Option('--dir <directory>', `where the network is kept (default: ${otherwise})`).argParser(absolutePath);
}

function noSuchCommand(word: string, testnet: Command): UsageError {
  const names = testnet.commands.map((command) => command.name());
  const advice =
    word === 'faults'
      ? ' `status` says what is wrong with each node.'
      : nearest(word, names, ' Did you mean ', '?') || ' `synod testnet --help` lists them.';
  return argumentError('command', `synod testnet has no command ${quote(word)}.${advice}`);
}

/** The options that were set by hand, and not by default. */
function given(command: Command): ReadonlySet<string> {
  return new Set(command.options.map((option) => option.attributeName()).filter((name) => command.getOptionValueSource(name) === 'cli'));
}

// ---- Starting --------------------------------------------------------------------------------------------------

async function runTestnet(flags: TestnetFlags, explicit: ReadonlySet<string>): Promise<number> {
  checkPorts('rpc-port', flags.rpcPort, flags);
  checkPorts('metrics-port', flags.metricsPort, flags);
  const directory = flags.dir ?? absolutePath(DEFAULT_DIRECTORY);
  const hold = await takeControl(directory, { port: flags.dashboardPort, page: (path) => dashboardPage(path, 'loopback') });
  // Never a directory that was there before; nor one that was named, once there is a network in it.
  let isTemporary = hold.madeDirectory;
  try {
    finishRestore(directory);
    const resumed = loadManifest(directory) !== null;
    const manifest = await openManifest(directory, flags, explicit);
    const rpcPort = explicit.has('rpcPort') ? flags.rpcPort : (manifest.rpcPort ?? flags.rpcPort);
    isTemporary &&= flags.dir === undefined && flags.keep !== true;
    await runNetwork(directory, manifest, resumed, hold, { ...flags, rpcPort });
  } catch (error) {
    // The logs say why.
    if (error instanceof UsageError && error.code === 'testnet/nodes-ended') isTemporary = false;
    throw error;
  } finally {
    // Who takes a snapshot wants to come back to it.
    if (isTemporary && hasSnapshots(directory))
      note(`The network is kept, because it has snapshots: the next start goes on from there (${directory}).`);
    else if (isTemporary) removeDirectory(directory);
    await hold.release();
  }
  return 0;
}

/** Every node needs one, unless the system chooses. */
function checkPorts(name: string, first: number, flags: TestnetFlags): void {
  const last = first + optionsOf(flags).nodes - 1;
  if (first !== 0 && last > 65_535)
    throw argumentError(name, `--${name} ${first} leaves no port for every node; the last would have ${last}.`);
}

async function runNetwork(directory: string, manifest: Manifest, resumed: boolean, hold: Control, flags: TestnetFlags): Promise<void> {
  const display = openDisplay(flags.json === true, directory, manifest);
  const stop = stopSignal();
  const supervisor = new Supervisor({
    directory,
    manifest,
    command: SYNOD_COMMAND,
    rpcPort: flags.rpcPort,
    ...(flags.metrics === true && { metricsPort: flags.metricsPort }),
    call: callNode,
    onEvent: (event) => display.event(event),
  });
  hold.serve(controlMethods(supervisor, stop.ask));
  try {
    display.starting(resumed);
    display.serving(`${hold.url}#token=${hold.token}`, flags.dashboardPort === 0 ? null : flags.dashboardPort);
    await Promise.race([supervisor.start(), stop.asked]);
    if (!stop.isAsked()) {
      display.ready(await supervisor.report());
      await Promise.race([watch(supervisor, display, stop), supervisor.allEnded]);
    }
    display.stopping();
  } finally {
    stop.ask();
    await supervisor.stop();
    display.end();
  }
}

/** Moved out of the way first: another start may use the name before all is gone. */
function removeDirectory(directory: string): void {
  const ended = `${directory}.ended-${process.pid}`;
  renameSync(directory, ended);
  rmSync(ended, { recursive: true, force: true });
}

/** The network of this directory, or a new one. Options that a network was made with cannot be changed afterwards. */
async function openManifest(directory: string, flags: TestnetFlags, explicit: ReadonlySet<string>): Promise<Manifest> {
  const wanted = optionsOf(flags);
  const existing = loadManifest(directory);
  refuseUnused(existing?.options.engine ?? wanted.engine, explicit);
  if (existing === null) {
    // With fewer nodes than the default number of miners, every node mines.
    const miners = explicit.has('miners') ? wanted.miners : Math.min(wanted.miners, wanted.nodes);
    if (miners > wanted.nodes) throw argumentError('miners', `--miners ${miners} is more than --nodes ${wanted.nodes}.`);
    if (wanted.engine === 'pos' && wanted.blockTimeSeconds > MAX_POS_BLOCK_TIME_SECONDS)
      throw argumentError(
        'block-time',
        `--block-time ${wanted.blockTimeSeconds} is more than a slot may last, ${MAX_POS_BLOCK_TIME_SECONDS} s.`,
      );
    return await createManifest(directory, { ...wanted, miners }, builtInGenesis(wanted.engine), Date.now());
  }
  for (const [flag, key] of MADE_WITH) {
    if (explicit.has(flag) && wanted[key] !== existing.options[key]) {
      const advice = `Leave the option out, name another --dir, or remove ${directory} to begin anew.`;
      throw new UsageError(
        'testnet/made-otherwise',
        `The network in ${directory} was made with ${key} ${existing.options[key]}, not ${wanted[key]}. ${advice}`,
      );
    }
  }
  return existing;
}

/** Options that only one engine has a use for. */
const ENGINE_OF: readonly (readonly [flag: string, engine: string])[] = [
  ['validators', 'pos'],
  ['miners', 'pow'],
  ['hashrate', 'pow'],
];

/** Whoever sets one of them means a network with that engine. */
function refuseUnused(engine: string, explicit: ReadonlySet<string>): void {
  for (const [flag, its] of ENGINE_OF) {
    if (explicit.has(flag) && its !== engine)
      throw argumentError(flag, `--${flag} is for --engine ${its}, but the engine of this network is ${engine}.`);
  }
}

/** The network that the options of `synod testnet` describe, checked as for a start. */
function wished(testnet: Command): TestnetOptions {
  const options = optionsOf(testnet.opts<TestnetFlags>());
  refuseUnused(options.engine, given(testnet));
  return given(testnet).has('miners') ? options : { ...options, miners: Math.min(options.miners, options.nodes) };
}

const MADE_WITH: readonly (readonly [flag: string, key: keyof TestnetOptions])[] = [
  ['nodes', 'nodes'],
  ['miners', 'miners'],
  ['validators', 'validators'],
  ['engine', 'engine'],
  ['blockTime', 'blockTimeSeconds'],
  ['chainId', 'chainId'],
  ['accounts', 'accounts'],
  ['balance', 'balance'],
  ['mnemonic', 'mnemonic'],
  ['hashrate', 'hashRateLimit'],
];

function optionsOf(flags: TestnetFlags): TestnetOptions {
  const { nodes, engine, miners, validators, blockTime, chainId, accounts, balance, hashrate } = flags;
  return completeOptions({
    ...(nodes !== undefined && { nodes }),
    ...(validators !== undefined && { validators }),
    ...(blockTime !== undefined && { blockTimeSeconds: blockTime }),
    engine,
    miners,
    chainId,
    accounts,
    balance,
    mnemonic: checkMnemonic(flags.mnemonic),
    hashRateLimit: hashrate,
  });
}

interface StopSignal {
  readonly asked: Promise<void>;
  isAsked(): boolean;
  ask(): void;
}

/**
 * Ctrl-C, SIGTERM or `synod testnet stop`; a second signal ends the supervisor at once, and the nodes follow it. One
 * Ctrl-C may arrive twice: from the terminal, and from npm, which passes on what it got from the terminal itself.
 */
function stopSignal(): StopSignal {
  let resolve: () => void = () => undefined;
  let stopped = false;
  let firstSignalMs: number | null = null;
  const asked = new Promise<void>((done) => {
    resolve = done;
  });
  const ask = () => {
    stopped = true;
    resolve();
  };
  const onSignal = () => {
    const nowMs = performance.now();
    firstSignalMs ??= nowMs;
    if (nowMs - firstSignalMs >= SAME_SIGNAL_MS) process.exit(1);
    ask();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  return { asked, ask, isAsked: () => stopped };
}

async function watch(supervisor: Supervisor, display: Display, stop: StopSignal): Promise<void> {
  while (!stop.isAsked()) {
    display.status(await supervisor.report());
    await Promise.race([new Promise((resolve) => setTimeout(resolve, REPORT_INTERVAL_MS)), stop.asked]);
  }
}

// ---- Acting on a running network -------------------------------------------------------------------------------

interface ControlFlags {
  readonly dir?: string;
  readonly json?: boolean;
}

function registerControls(testnet: Command): void {
  const add = (
    usage: string,
    description: string,
    run: (directory: string, words: string[], json: boolean | undefined) => Promise<void>,
  ) => {
    testnet
      .command(usage)
      .description(description)
      .addOption(directoryOption(DEFAULT_DIRECTORY))
      .option('--json', 'print JSON')
      .action(async (...input: unknown[]) => {
        const command = input.at(-1) as Command;
        const flags = command.optsWithGlobals<ControlFlags>();
        await run(flags.dir ?? absolutePath(DEFAULT_DIRECTORY), command.args, flags.json);
      });
  };
  add('status', 'what each node is doing', async (directory, _words, json) => {
    const report = (await callControl(directory, 'testnet_status', [])) as unknown as NodeReport[];
    print(json, report, () => reportText(report, outputColumns()));
  });
  add('stop', 'stop the network cleanly, as Ctrl-C does', async (directory, _words, json) => {
    await callControl(directory, 'testnet_stop', []);
    print(json, { stopping: true }, () => 'Stopping.');
  });
}
