/** `synod testnet snapshot|restore|fork|snapshots|rolling-restart`: whole networks that are kept, brought back, copied, and renewed. */
import { type Command, Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { Json } from '../base/types.ts';
import { callControl, takeControl } from '../testnet/control.ts';
import { DEFAULT_DIRECTORY, loadManifest, type Manifest } from '../testnet/manifest.ts';
import type { RestartedNode } from '../testnet/rolling-restart.ts';
import { checkName } from '../testnet/snapshots/document.ts';
import { freePorts } from '../testnet/snapshots/free-ports.ts';
import { forkSnapshot } from '../testnet/snapshots/restore.ts';
import type { Restored, Taken } from '../testnet/snapshots/running.ts';
import { restoreStopped, takeStopped } from '../testnet/snapshots/stopped.ts';
import { listSnapshots, removeSnapshot, type SnapshotListing, type SnapshotSummary } from '../testnet/snapshots/store.ts';
import { absolutePath } from './options.ts';
import { argumentError, print, table } from './output.ts';

interface SnapshotFlags {
  readonly dir?: string;
  readonly json?: boolean;
  readonly remove?: boolean;
  readonly from?: string;
  readonly rpcPort?: number;
}

/** A large network is read to its last byte first. */
const RESTORE_TIMEOUT_MS = 600_000;
/** Nodes come back one after the other. */
const ROLLING_TIMEOUT_MS = 3_600_000;

export function registerSnapshots(testnet: Command): void {
  add(testnet, 'snapshot <name>', 'keep the whole network as it is now: keys, chains, settings', registerSnapshot);
  add(testnet, 'restore <name>', 'bring the network back to a snapshot', (command) =>
    command
      .addHelpText('after', '\nExamples:\n  synod testnet restore before-upgrade\n  synod testnet restore before-upgrade --dir ./net')
      .action(action(restore)),
  );
  add(testnet, 'snapshots', 'list the snapshots of a network', (command) =>
    command.action(
      action(async (directory, _words, flags) => {
        const listing = listSnapshots(directory);
        print(flags.json, listing, () => listingText(listing, Date.now()));
      }),
    ),
  );
  add(testnet, 'rolling-restart', 'start every node again, one after the other, while the others go on', (command) =>
    command.action(
      action(async (directory, _words, flags) => {
        const restarted = (await callControl(directory, 'testnet_rollingRestart', [], ROLLING_TIMEOUT_MS)) as unknown as RestartedNode[];
        print(flags.json, restarted, () => restarted.map(restartText).join('\n'));
      }),
    ),
  );
  testnet
    .command('fork <name>')
    .description('make a second network of a snapshot, which can run beside the first')
    .addOption(new Option('--dir <directory>', 'where the second network is made').argParser(absolutePath))
    .option('--from <directory>', `the network that has the snapshot (default: ${DEFAULT_DIRECTORY})`, absolutePath)
    .option('--rpc-port <port>', 'RPC port of its node 0 (default: the first of 8645, 8745 ... that is free)')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  synod testnet fork before-upgrade --dir ./second\n  synod testnet --dir ./second')
    .action(async (name: string, _flags: unknown, command: Command) => await fork(checkName(name), command));
}

type Run = (directory: string, words: readonly string[], flags: SnapshotFlags) => Promise<void>;

function add(testnet: Command, usage: string, description: string, define: (command: Command) => void): void {
  const directory = new Option('--dir <directory>', `where the network is kept (default: ${DEFAULT_DIRECTORY})`).argParser(absolutePath);
  define(testnet.command(usage).description(description).addOption(directory).option('--json', 'print JSON'));
}

function action(run: Run) {
  return async (...input: unknown[]) => {
    const command = input.at(-1) as Command;
    const flags = command.optsWithGlobals<SnapshotFlags>();
    await run(flags.dir ?? absolutePath(DEFAULT_DIRECTORY), command.args, flags);
  };
}

function registerSnapshot(command: Command): void {
  command
    .option('--remove', 'remove the snapshot of this name instead')
    .addHelpText('after', '\nExamples:\n  synod testnet snapshot before-upgrade\n  synod testnet snapshot --remove before-upgrade')
    .action(
      action(async (directory, [name = ''], flags) => {
        checkName(name);
        if (flags.remove === true) return await remove(directory, name, flags.json);
        const taken = (await running(directory, 'testnet_snapshot', name)) as Taken | null;
        const summary = taken ?? (await held(directory, (manifest) => takeStopped(directory, manifest, name)));
        print(flags.json, summary, () => `Snapshot ${describe(summary)}.${pauseText(taken)}`);
      }),
    );
}

async function restore(directory: string, [name = '']: readonly string[], flags: SnapshotFlags): Promise<void> {
  checkName(name);
  const restored = (await running(directory, 'testnet_restore', name)) as Restored | null;
  const summary = restored ?? (await held(directory, (manifest) => restoreStopped(directory, manifest, name)));
  print(flags.json, { ...summary, running: restored !== null }, () =>
    restored === null
      ? `Restored ${describe(summary)}. The network goes on from there when it is started.${clocksText(summary)}`
      : `Restored ${describe(summary)}. The files were there after ${seconds(restored.filesMs)}, and all nodes up ${seconds(restored.startMs)} later.`,
  );
}

async function remove(directory: string, name: string, json: boolean | undefined): Promise<void> {
  const removed = await running(directory, 'testnet_removeSnapshot', name, true);
  if (removed === null) await held(directory, async () => removeSnapshot(directory, name));
  print(json, { removed: name }, () => `Snapshot ${name} is removed.`);
}

async function fork(name: string, command: Command): Promise<void> {
  const flags = command.optsWithGlobals<SnapshotFlags>();
  if (flags.dir === undefined) throw argumentError('dir', 'Name the directory of the second network with --dir.');
  const from = flags.from ?? absolutePath(DEFAULT_DIRECTORY);
  const manifest = manifestOf(from, '--from');
  // `synod testnet` itself has this option, with a default that is the first network's.
  const isNamed = [command, command.parent].some((each) => each?.getOptionValueSource('rpcPort') === 'cli');
  const rpcPort = isNamed ? Number(flags.rpcPort) : await freePorts(manifest.nodes.length);
  const summary = await forkSnapshot(from, name, flags.dir, rpcPort);
  const { dir: directory } = flags;
  print(flags.json, { ...summary, directory, rpcPort }, () => {
    const start = `synod testnet --dir ${directory}`;
    return `Forked ${describe(summary)} into ${directory}. Start it with \`${start}\`; its RPC begins at port ${rpcPort}.${clocksText(summary)}`;
  });
}

/** Asks the supervisor, or answers null when none runs. */
async function running(directory: string, method: string, name: string, otherwise: Json = null): Promise<Json> {
  try {
    return (await callControl(directory, method, [name], RESTORE_TIMEOUT_MS)) ?? otherwise;
  } catch (error) {
    if (error instanceof UsageError && error.code === 'testnet/not-running') return null;
    throw error;
  }
}

/** While no supervisor can be started there. */
async function held<T>(directory: string, work: (manifest: Manifest) => Promise<T>): Promise<T> {
  const manifest = manifestOf(directory);
  const hold = await takeControl(directory);
  try {
    return await work(manifest);
  } finally {
    await hold.release();
  }
}

/** `option`: the one that names the directory. */
function manifestOf(directory: string, option = '--dir'): Manifest {
  const manifest = loadManifest(directory);
  if (manifest !== null) return manifest;
  throw new UsageError('testnet/no-network', `There is no test network in ${directory}. Name the directory of one with ${option}.`);
}

// ---- Text ------------------------------------------------------------------------------------------------------

function describe({ name, height, nodes, bytes }: SnapshotSummary): string {
  return `${name}: ${nodes} ${nodes === 1 ? 'node' : 'nodes'}${height === null ? '' : ` at block ${height}`}, ${sizeText(bytes)}`;
}

function restartText({ node, startMs, backMs, handedTo }: RestartedNode): string {
  const handed = handedTo === null ? '' : ` It led, and handed over to node ${handedTo}.`;
  return `Node ${node} served after ${seconds(startMs)}, and took part again ${seconds(backMs)} later.${handed}`;
}

/** Whoever starts the network sets them again. */
function clocksText({ clocksMs }: SnapshotSummary): string {
  const wrong = clocksMs.flatMap((offsetMs, node) => (offsetMs === 0 ? [] : [`${node} by ${offsetMs / 1_000} s`]));
  return wrong.length === 0 ? '' : ` Clocks were set wrong (node ${wrong.join(', node ')}): set them again with synod testnet clock.`;
}

function pauseText(taken: Taken | null): string {
  return taken === null ? '' : ` The nodes stood still for ${taken.pausedMs} ms.`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

export function listingText(listing: readonly SnapshotListing[], nowMs: number): string {
  if (listing.length === 0) return 'There are no snapshots; `synod testnet snapshot NAME` takes one.';
  const rows = listing.map((each) =>
    'damaged' in each
      ? [each.name, 'damaged', '', '', '']
      : [each.name, each.engine, String(each.height ?? '?'), sizeText(each.bytes), ageText(nowMs - each.createdMs)],
  );
  return table(['name', 'engine', 'height', 'size', 'age'], rows, [2, 3, 4]);
}

export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${(bytes / 1_000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}
