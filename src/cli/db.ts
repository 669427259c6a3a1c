/** `synod db stats|verify|repair|prune|backup|restore`: the databases of a node that does not run; a backup of one that does. */
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { Repaired, RepairPlan } from '../node/maintenance/repair.ts';
import type { Verification } from '../node/maintenance/verify.ts';
import { absolutePath, defaultDatadir, integerOption } from './options.ts';
import { openProgress, type Progress, print, table } from './output.ts';
import { sizeText } from './testnet-snapshot.ts';

interface DatabaseFlags {
  readonly datadir: string;
  readonly json?: boolean;
}

interface PruneFlags extends DatabaseFlags {
  readonly branches: number;
  readonly states?: number;
}

/** Of a problem's row. */
const MAX_SHOWN_PROBLEMS = 20;
const DEFAULT_BRANCH_BLOCKS = 1_024;
/** Less would not bear the reorganisations that happen. */
const MIN_KEPT_BLOCKS = 128;
const MAX_KEPT_BLOCKS = 1_000_000_000;

export function registerDatabase(program: Command): void {
  const db = program.command('db').description('look after the databases of a node, which must not run but for a backup');
  const add = (usage: string, description: string) =>
    db
      .command(usage)
      .description(description)
      .option('--datadir <dir>', 'datadir of the node', absolutePath, defaultDatadir())
      .option('--json', 'print JSON');

  add('stats', 'what the databases hold, by kind of row').action(stats);
  add('verify', 'read everything, and say what is not what was written (exit code 1)').action(verify);
  add('repair', 'cut a damaged chain back to its last good block, after making a copy')
    .option('--yes', 'do it; without it only what would be done is said')
    .addHelpText('after', '\nExamples:\n  synod db repair --datadir ./mine\n  synod db repair --datadir ./mine --yes')
    .action(repair);
  add('prune', 'give up branches that lost and, if asked, states of old blocks')
    .option(
      '--branches <blocks>',
      'keep side branches so many blocks below the head',
      integerOption('branches', MIN_KEPT_BLOCKS, MAX_KEPT_BLOCKS),
      DEFAULT_BRANCH_BLOCKS,
    )
    .option(
      '--states <blocks>',
      'keep the states of so many blocks below the head (default: all)',
      integerOption('states', MIN_KEPT_BLOCKS, MAX_KEPT_BLOCKS),
    )
    .addHelpText('after', '\nExamples:\n  synod db prune\n  synod db prune --states 10000 --datadir ./mine')
    .action(prune);
  add('backup <directory>', 'copy the chain, without what the node has signed; one that runs stands still for some hundredths of a second')
    .addHelpText('after', '\nExample:\n  synod db backup /backups/monday --datadir ./mine')
    .action(backup);
  add('restore <directory>', 'put a backup in the place of the chain, which is kept as chaindata.old; in a new datadir, begin from it')
    .addHelpText('after', '\nExample:\n  synod db restore /backups/monday --datadir ./mine')
    .action(restore);
}

const PHASES = {
  rows: 'Verifying rows',
  blocks: 'Verifying blocks',
  state: 'Verifying the state of the head',
  branches: 'Looking for side branches',
  marking: 'Marking states to keep',
  sweeping: 'Sweeping the others',
} as const;

/** A line of progress for each phase, since they are not equally fast. */
function openPhases(): { readonly update: (phase: keyof typeof PHASES, done: number) => void; end(): void } {
  let current: { readonly phase: string; readonly progress: Progress } | null = null;
  return {
    update(phase, done) {
      if (current?.phase !== phase) {
        current?.progress.end();
        current = { phase, progress: openProgress(PHASES[phase]) };
      }
      current.progress.update(done);
    },
    end() {
      current?.progress.end();
      current = null;
    },
  };
}

async function stats({ datadir, json }: DatabaseFlags): Promise<void> {
  const { openStopped } = await import('../node/maintenance/stopped.ts');
  const { databaseStats } = await import('../node/maintenance/stats.ts');
  const node = await whileStopped(openStopped(datadir));
  const progress = openProgress('Reading rows');
  try {
    const kinds = await databaseStats(node, (rows) => progress.update(rows));
    const { formatVersion, genesisHash, chainId, engine } = node.identity;
    print(json, { datadir, formatVersion, genesisHash, chainId, engine, kinds }, () => {
      const rows = kinds.map(({ database, kind, rows: count, bytes }) => [database, kind, String(count), sizeText(bytes)]);
      const head = `Chain ${chainId} (engine ${engine}) in ${datadir}, format ${formatVersion}`;
      return `${head}\n${table(['database', 'kind', 'rows', 'size'], rows, [2, 3])}`;
    });
  } finally {
    progress.end();
    await node.close();
  }
}

async function verify({ datadir, json }: DatabaseFlags): Promise<void> {
  const { openStopped } = await import('../node/maintenance/stopped.ts');
  const { verifyDatabases } = await import('../node/maintenance/verify.ts');
  const node = await whileStopped(openStopped(datadir));
  const progress = openPhases();
  try {
    const result = await verifyDatabases(node, progress.update);
    progress.end();
    print(json, result, () => verificationText(result));
    if (result.problemCount > 0) process.exitCode = 1;
  } finally {
    await node.close();
  }
}

export function verificationText({ rows, head, stateParts, problems, problemCount }: Verification): string {
  const read = `${rows} rows, ${head === null ? 'no chain' : `the chain up to block ${head.number}`} and ${stateParts} parts of its state`;
  if (problemCount === 0) return `Everything is as it was written: ${read}.`;
  const shown = problems.slice(0, MAX_SHOWN_PROBLEMS).map(({ database, code, message }) => `  ${database}: ${message} [${code}]`);
  const more = problemCount > shown.length ? [`  and ${problemCount - shown.length} more (--json shows up to ${problems.length})`] : [];
  return [`${problemCount} problems in ${read}:`, ...shown, ...more, '`synod db repair` says what can be kept.'].join('\n');
}

async function repair({ datadir, json, yes }: DatabaseFlags & { readonly yes?: boolean }): Promise<void> {
  const { isSound, planRepair, repairChain } = await import('../node/maintenance/repair.ts');
  const plan = await whileStopped(planRepair(datadir));
  if (isSound(plan)) return print(json, { ...plan, repaired: false }, () => `Nothing is damaged: the chain ends in block ${plan.head}.`);
  if (yes !== true) {
    print(
      json,
      { ...plan, repaired: false },
      () => `${planText(plan)}\nNothing was changed. With --yes it is done, after a copy was made.`,
    );
    process.exitCode = 1;
    return;
  }
  const done = await repairChain(datadir);
  print(json, { ...done, repaired: true }, () => repairedText(done));
}

function planText({ files, head, keeps, reason, damagedRows }: RepairPlan): string {
  if (files !== null)
    return `Files are damaged: ${files}\nLevelDB would make a new database of what it can read, and the chain be cut back to its last good block.`;
  const lost = (head ?? 0) - (keeps ?? 0);
  const what = reason === null ? '' : ` First: ${reason}`;
  return `${damagedRows} rows cannot be read.${what}\nBlocks 0 to ${keeps} would be kept, and ${lost} above them be lost here until peers send them again.`;
}

function repairedText({ head, keeps, damagedRows, copy }: Repaired): string {
  const lost = (head ?? keeps) - keeps;
  const rows = damagedRows === 0 ? '' : ` ${damagedRows} rows that could not be read are gone.`;
  return `Kept blocks 0 to ${keeps}; ${lost} above them are lost here, and peers will send them again.${rows}\nWhat was there before is in ${copy}.`;
}

async function prune({ datadir, json, branches, states }: PruneFlags): Promise<void> {
  const { pruneDatabases } = await import('../node/maintenance/prune.ts');
  const progress = openPhases();
  try {
    const options = { branchBlocks: branches, stateBlocks: states ?? null, onProgress: progress.update };
    const pruned = await whileStopped(pruneDatabases(datadir, options));
    progress.end();
    print(
      json,
      pruned,
      () => `Gave up ${pruned.blocks} blocks of side branches, and ${pruned.states} states with ${pruned.stateParts} parts of their own.`,
    );
  } catch (error) {
    progress.end();
    throw error;
  }
}

async function backup(directory: string, { datadir, json }: DatabaseFlags): Promise<void> {
  const { backupChain, backupRunning } = await import('../node/maintenance/backup.ts');
  const target = absolutePath(directory);
  let pausedMs = 0;
  const document = await whileStopped(
    backupChain(datadir, target, Date.now()).catch(async (error: unknown) => {
      const quietly = isLocked(error) ? await pauseOf(datadir) : null;
      if (quietly === null) throw error;
      return await backupRunning(datadir, target, Date.now(), async (copy) => {
        pausedMs = Math.round(await quietly(copy));
      });
    }),
  );
  const bytes = document.files.reduce((sum, file) => sum + file.bytes, 0);
  const { files: _files, ...about } = document;
  print(
    json,
    { ...about, directory, bytes, pausedMs },
    () =>
      `Backup of the chain up to block ${document.height ?? '?'} in ${directory}: ${sizeText(bytes)}.${pausedMs > 0 ? ` The node stood still for ${pausedMs} ms.` : ''} Keys, and what they signed, have commands of their own (synod wallet, synod validator).`,
  );
}

async function restore(directory: string, { datadir, json }: DatabaseFlags): Promise<void> {
  const { restoreBackup } = await import('../node/maintenance/backup.ts');
  const { height, setAside } = await whileStopped(restoreBackup(datadir, absolutePath(directory)));
  print(
    json,
    { datadir, height, setAside },
    () =>
      `The chain in ${datadir} is that of the backup, up to block ${height ?? '?'}${setAside === null ? '' : `; the one from before is in ${setAside}`}.`,
  );
}

/** How to hold the node of this data directory still, by SIGSTOP; null where its process is not ours to hold. */
async function pauseOf(datadir: string): Promise<((work: () => void) => Promise<number>) | null> {
  const { holderOf } = await import('../node/maintenance/holder.ts');
  if (holderOf(datadir) === null) return null;
  const { whilePaused } = await import('../testnet/snapshots/pause.ts');
  const pids = () => [holderOf(datadir) ?? []].flat();
  return async (work) => await whilePaused({ pids, isHeld: () => false }, work);
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'storage/locked';
}

/** LevelDB has no reader beside the one that writes. */
async function whileStopped<T>(work: Promise<T>): Promise<T> {
  return await work.catch((error: unknown) => {
    if (!isLocked(error)) throw error;
    const message = 'The node runs, and its databases have one user at a time. Stop it first; what it misses meanwhile its peers send it.';
    throw new UsageError('db/running', message);
  });
}
