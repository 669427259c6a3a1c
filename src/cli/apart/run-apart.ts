/**
 * Runs a command of the simulator once more in a process of its own, where it is about an engine that a user wrote: such a
 * module may use up all memory, crash in native code, be killed, or never give the thread back, and no program can report its
 * own end. This process stays outside, waits, and says how that one ended and what it was at (`notebook.ts`).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { quote } from '../../base/types.ts';
import { print, style } from '../output.ts';
import { Notebook } from './notebook.ts';

/** Names the descriptor of the notebook, in the environment of the process that is apart. Empty where nobody reads one. */
export const APART = 'SYNOD_SIMULATE_APART';
const DESCRIPTOR = 3;
/** Of its heap: some ten times what runs take. Each thread of a long run may have as much. */
const MAX_HEAP_MEBIBYTES = 1_024;
/** Of the whole process and of each thread, buffers included. */
const MAX_MEBIBYTES = 3 * MAX_HEAP_MEBIBYTES;
const MEBIBYTE = 2 ** 20;
const LOOK_INTERVAL_MS = 250;
/** In looks. A loop inside a run is ended by the run itself, long before (`simulator/watchdog.ts`). */
const MAX_IDLE_LOOKS = 60_000 / LOOK_INTERVAL_MS;
const PAGE_BYTES = 4_096;

export interface ApartInput {
  /** As it was named. */
  readonly engine: string;
  readonly json: boolean | undefined;
  /** Threads that run seeds. */
  readonly threads: number;
  readonly maxMebibytes?: number;
  /** The command of a run, given its seed; of nothing in particular, given null. */
  again(seed: string | null): string;
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why this process has ended it; null where it has not. */
  readonly why: string | null;
}

/** Whether it is a path: no engine has such a name. */
export function isModuleFile(engine: string): boolean {
  return /[./\\]/.test(engine);
}

/** Whether this is the process that is apart already. */
export function isApart(): boolean {
  return process.env[APART] !== undefined;
}

/** What this process, which is apart, writes into; null where nobody reads it. */
export function notebookHere(): Notebook | null {
  const descriptor = process.env[APART] ?? '';
  return descriptor === '' ? null : new Notebook(Number(descriptor));
}

/** Does what this process is there for; where it is apart, says so at the end, and leaves. */
export async function toItsEnd(work: () => Promise<void>): Promise<void> {
  const notebook = notebookHere();
  try {
    await work();
  } finally {
    notebook?.ended();
    // Whatever timers an engine's module has left behind. By now the exit code is set.
    if (notebook !== null) setImmediate(() => process.stdout.write('', () => process.exit()));
  }
}

/** Takes over the exit code; 1, with a report, where the other process did not come to its end. */
export async function runApart(input: ApartInput): Promise<void> {
  const descriptor = openNameless();
  const notebook = new Notebook(descriptor);
  const [, script = '', ...words] = process.argv;
  const heap = `--max-old-space-size=${MAX_HEAP_MEBIBYTES}`;
  const child = spawn(process.execPath, [...process.execArgv, heap, script, ...words], {
    stdio: ['inherit', 'inherit', 'inherit', descriptor],
    env: { ...process.env, [APART]: String(DESCRIPTOR) },
  });
  const end = await endOf(child, input, notebook);
  const { ended } = notebook.read();
  const isAsked = end.signal !== null && ASKED.includes(end.signal) && end.why === null;
  if (ended === '' && !isAsked) return report(input, notebook, end);
  process.exitCode = end.code ?? 128 + constants.signals[end.signal ?? 'SIGTERM'];
}

const ASKED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

function openNameless(): number {
  const directory = mkdtempSync(join(tmpdir(), 'synod-apart-'));
  try {
    return openSync(join(directory, 'notebook'), 'w+');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Passes signals on, and ends the child when it takes too much or stands still. */
function endOf(child: ChildProcess, input: ApartInput, notebook: Notebook): Promise<End> {
  const { promise, resolve, reject } = Promise.withResolvers<End>();
  let why: string | null = null;
  const kill = (reason: string) => {
    why ??= reason;
    child.kill('SIGKILL');
  };
  // A terminal sends these to every process of its own; to pass them on as well would look like a second Ctrl-C.
  const isAtTerminal = process.stdin.isTTY === true || process.stdout.isTTY === true || process.stderr.isTTY === true;
  const pass = (signal: NodeJS.Signals) => void ((isAtTerminal && signal !== 'SIGTERM') || child.kill(signal));
  for (const signal of ASKED) process.on(signal, pass);
  const looks = setInterval(lookAt(child, input, notebook, kill), LOOK_INTERVAL_MS);
  child.once('error', reject);
  child.once('exit', (code, signal) => resolve({ code, signal, why }));
  return promise.finally(() => {
    clearInterval(looks);
    for (const signal of ASKED) process.off(signal, pass);
  });
}

function lookAt(
  { pid }: ChildProcess,
  { threads, maxMebibytes = MAX_MEBIBYTES }: ApartInput,
  notebook: Notebook,
  kill: (why: string) => void,
) {
  const limit = maxMebibytes * threads;
  let before = '';
  let idle = 0;
  return () => {
    const used = Math.round(residentBytes(pid) / MEBIBYTE);
    if (used > limit) kill(`it used ${used} MB of memory; ${limit} are allowed`);
    const { call } = notebook.read();
    idle = call === before ? idle + 1 : 0;
    before = call;
    if (idle > MAX_IDLE_LOOKS) kill('it stood still for a minute');
  };
}

/** 0 where it cannot be known: on systems without /proc, or when the process is gone. */
function residentBytes(pid: number | undefined): number {
  try {
    return PAGE_BYTES * Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]);
  } catch {
    return 0;
  }
}

function report({ engine, json, again }: ApartInput, notebook: Notebook, end: End): void {
  const { call, run } = notebook.read();
  const seed = run === '' ? null : run;
  const where = call.replace(/^\d+ ?/, '');
  const message = `${where === '' ? '' : `${where}: `}the process that ran the engine ended before its time: ${causeOf(end)}.`;
  const command = again(seed);
  process.exitCode = 1;
  print(json, { engine, seed, ok: false, violations: [{ checker: 'Engine', message, expected: false }], again: command }, () =>
    [
      `${style('red', 'violated')}  Engine: ${message}`,
      `${style('red', 'failed')}  engine ${quote(engine)}, ${seed === null ? 'no seed is known' : `seed ${seed}`}`,
      `again: ${command}`,
    ].join('\n'),
  );
}

function causeOf({ code, signal, why }: End): string {
  if (why !== null) return why;
  if (signal === 'SIGABRT') return `it was aborted (SIGABRT), as V8 does when a heap of ${MAX_HEAP_MEBIBYTES} MB is full`;
  if (signal === 'SIGKILL') return 'somebody killed it (SIGKILL), as systems do that run out of memory';
  return signal === null ? `it left with exit code ${code}` : `${signal}`;
}
