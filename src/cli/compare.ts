/** `synod compare`: the same clients and the same faults for several engines, in the simulator and on real processes. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { explain, SynodError, UsageError } from '../base/errors.ts';
import { type Json, quote } from '../base/types.ts';
import type { CaseResult, Cases, EngineResult, Figures } from '../compare/figures.ts';
import { CASE_TITLES, CASES, type CaseName, networkSize } from '../compare/plan.ts';
import { readingOf, SHORT_COLUMNS, shortRowsOf } from '../compare/readings.ts';
import { ENGINE_NAMES } from '../consensus/registry.ts';
import type { Endpoints } from '../testnet/child.ts';
import { builtInGenesis } from './genesis.ts';
import { integerOption, listOption } from './options.ts';
import { argumentError, note, print, table } from './output.ts';
import { createRpcClient } from './rpc-client.ts';

interface CompareFlags {
  readonly engines: string[];
  readonly seconds: number;
  readonly nodes?: number;
  readonly clients: number;
  readonly seed: string;
  readonly only?: string;
  readonly html?: string;
  readonly json?: boolean;
}

const MIN_SECONDS = 5;
const MAX_SECONDS = 600;
/** Fewer bear no fault; with more, the machine is what is measured. */
const MIN_NODES = 3;
const MAX_NODES = 7;
const MAX_CLIENTS = 64;
const NODE_CALL_TIMEOUT_MS = 5_000;
const SYNOD = fileURLToPath(new URL('./bin.mjs', import.meta.url));
const NODE_FLAGS = ['--max-semi-space-size=4'];
const PARTS = ['simulator', 'processes'] as const;
type Part = (typeof PARTS)[number];
/** What ends a comparison from outside: shells say 128 + the signal's number. */
const EXIT_INTERRUPTED = 130;

export function registerCompare(program: Command): void {
  program
    .command('compare')
    .description('run engines one after another under the same load and faults, and compare them')
    .option('--engines <list>', `which, separated by commas (default: all of ${ENGINE_NAMES.join(', ')})`, listOption, [...ENGINE_NAMES])
    .option('--seconds <n>', 'length of each case', integerOption('seconds', MIN_SECONDS, MAX_SECONDS), 10)
    .option(
      '--nodes <n>',
      'nodes of each network; crash-fault engines take one less of an even number (default: 4)',
      integerOption('nodes', MIN_NODES, MAX_NODES),
    )
    .option('--clients <n>', 'clients, each with one transaction under way', integerOption('clients', 1, MAX_CLIENTS), 32)
    .option('--seed <text>', "the simulator's part is the same for the same seed", '1')
    .option('--only <part>', 'simulator (virtual time, deterministic) or processes (real nodes on this machine, with fsync)')
    .option('--html <file>', 'write a report with plots, in one file that asks nobody for anything')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Every engine goes through the same cases: no fault; one node that does not lead crashes and comes back; the leader does; the
leader is cut off with as many as leave the others able to go on; and, in the simulator, as many nodes lie as the engine
bears (one, where it bears none). Faults last from 30% to 70% of a case.

Examples:
  synod compare --engines raft,zab --html report.html
  synod compare --only simulator --seconds 30 --seed 7
  synod compare --engines pbft --nodes 7 --json`,
    )
    .action(async (flags: CompareFlags) => {
      await compare(flags);
    });
}

async function compare(flags: CompareFlags): Promise<void> {
  const parts = partsOf(flags.only);
  const engines = enginesOf(flags.engines, flags.nodes);
  if (flags.html !== undefined) writeReport(flags.html, '');
  const interruption = interrupted();
  const results: EngineResult[] = [];
  try {
    for (const engine of engines) results.push(await runEngine(engine, flags, parts, interruption.signal));
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    note('Interrupted: what was measured of whole engines follows.');
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    interruption.release();
  }
  if (flags.html !== undefined) {
    const { comparisonPage } = await import('../compare/page.ts');
    writeReport(flags.html, comparisonPage({ ...flags, results }));
    note(`report in ${flags.html}`);
  }
  const { seconds, clients, seed } = flags;
  print(flags.json, { seconds, clients, seed, engines: results }, () => textOf(results));
}

function partsOf(only: string | undefined): readonly Part[] {
  if (only === undefined) return PARTS;
  const part = PARTS.find((name) => name === only);
  if (part === undefined) throw argumentError('only', `--only expects simulator or processes, got ${quote(only)}.`);
  return [part];
}

function enginesOf(names: readonly string[], nodes: number | undefined): readonly string[] {
  if (names.length === 0) throw argumentError('engines', `--engines expects some of ${ENGINE_NAMES.join(', ')}.`);
  const unknown = names.find((name) => !ENGINE_NAMES.includes(name));
  if (unknown !== undefined) {
    throw argumentError('engines', `--engines names ${quote(unknown)}, which is no engine; choose from ${ENGINE_NAMES.join(', ')}.`);
  }
  if (nodes === MIN_NODES && names.includes('pbft')) {
    throw argumentError('nodes', '--nodes 3 is too few for pbft, which needs 4 to bear a fault; leave it out of --engines, or take more.');
  }
  return [...new Set(names)];
}

async function runEngine(engine: string, flags: CompareFlags, parts: readonly Part[], signal: AbortSignal): Promise<EngineResult> {
  const nodes = networkSize(engine, flags.nodes ?? null);
  const { seconds, clients, seed } = flags;
  const template = builtInGenesis(engine);
  const say = (part: Part) => (name: CaseName) => note(`${engine}, ${part}: ${CASE_TITLES[name]} ...`);
  const { behaviourOf, simulateCase } = await import('../compare/simulated.ts');
  const settings = (template as { config: { engine: { [key: string]: Json } } }).config.engine;
  const simulator: { [name in CaseName]?: CaseResult } = {};
  for (const name of parts.includes('simulator') ? CASES : []) {
    say('simulator')(name);
    // Signals are heard between cases: in one, virtual time leaves no room for them.
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
    simulator[name] = attempt(() => simulateCase({ engine, name, nodes, seconds, clients, seed, template: settings }));
  }
  let processes: Cases | null = null;
  if (parts.includes('processes')) {
    const { runProcesses } = await import('../compare/processes.ts');
    const command = [process.execPath, ...NODE_FLAGS, SYNOD];
    processes = await runProcesses({
      engine,
      nodes,
      seconds,
      clients,
      template,
      command,
      call: callNode,
      onCase: say('processes'),
      signal,
    });
  }
  return { engine, nodes, simulator: parts.includes('simulator') ? simulator : null, processes, behaviour: behaviourOf(engine) };
}

/** An engine that cannot be run is a row that says so. */
function attempt(run: () => Figures): CaseResult {
  try {
    return { figures: run(), reason: null };
  } catch (error) {
    if (!(error instanceof SynodError)) throw error;
    return { figures: null, reason: explain(error) };
  }
}

async function callNode(endpoints: Endpoints, method: string, params: readonly Json[]): Promise<Json> {
  const client = createRpcClient(endpoints.rpcUrl, { timeoutMs: NODE_CALL_TIMEOUT_MS, token: endpoints.operatorToken });
  return (await client.call(method, params)) as Json;
}

function textOf(results: readonly EngineResult[]): string {
  if (results.length === 0) return 'Nothing was measured.';
  const right = SHORT_COLUMNS.flatMap((name, column) => (name === 'engine' || name === 'where' ? [] : [column]));
  return [table(SHORT_COLUMNS, results.flatMap(shortRowsOf), right), '', ...results.map(readingOf)].join('\n');
}

function writeReport(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new UsageError('cli/unwritable-file', `Cannot write ${quote(file)}`, {}, cause);
  }
}

/** Ctrl-C and SIGTERM end the comparison in order; a second one at once. */
function interrupted(): { readonly signal: AbortSignal; release(): void } {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort();
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    release: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
