/**
 * Real processes for end-to-end tests: started, listened to, awaited with a bound, and never left behind. What a test
 * forgets or cannot end because it failed is killed by its process id after the file, nodes of a supervisor included.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, vi } from 'vitest';

export const MAIN = fileURLToPath(new URL('../../src/cli/bin.mjs', import.meta.url));

/** Generous: it only says how long a test that fails may take. */
export const PATIENCE_MS = 60_000;
const POLL_INTERVAL_MS = 100;
/** A process that is asked to stop after the tests has this long before it is killed. */
const FAREWELL_MS = 15_000;
const MAX_TEXT_CHARACTERS = 1024 * 1024;
const TAIL_CHARACTERS = 1_000;

/** Thrown by a question to which there will be no answer, such as one to a process that has ended. */
export class Hopeless extends Error {}

type Present<T> = Exclude<T, undefined | null | false>;

/**
 * Asks again and again until the answer is something, and answers it. A question that throws has no answer yet: nodes
 * come and go here. Throws with `what` and the last trouble when it takes too long.
 */
export async function until<T>(what: string, ask: () => T | Promise<T>, timeoutMs = PATIENCE_MS): Promise<Present<T>> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    let trouble = '';
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== null && answer !== false) return answer as Present<T>;
    } catch (error) {
      if (error instanceof Hopeless) throw error;
      trouble = ` (${error instanceof Error ? error.message : String(error)})`;
    }
    if (performance.now() >= deadlineMs) throw new Error(`Waited ${timeoutMs} ms in vain: ${what}${trouble}`);
    await delay(POLL_INTERVAL_MS);
  }
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Finished extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  /** Gives the process a channel over which a node says that it is ready, and whose end ends the node. */
  readonly channel?: boolean;
  /** Beside what this process has. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where it runs; by default where the tests do. */
  readonly directory?: string;
}

/** One process that a test started. */
export class TestProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** What came over the channel. */
  readonly messages: unknown[] = [];
  /** The JSON documents of the standard output, one on each line. */
  readonly documents: unknown[] = [];
  readonly #child: ChildProcess;
  readonly #text = { stdout: '', stderr: '' };
  #line = '';
  #exit: Exit | null = null;

  constructor(file: string, args: readonly string[], { channel = false, environment: more = {}, directory }: StartOptions = {}) {
    const { FORCE_COLOR: _, SYNOD_RPC: __, ...environment } = process.env;
    this.#child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe', ...(channel ? (['ipc'] as const) : [])],
      env: { ...environment, NO_COLOR: '1', ...more },
      ...(directory !== undefined && { cwd: directory }),
    });
    if (this.#child.pid === undefined) throw new Error(`${file} could not be started`);
    this.pid = this.#child.pid;
    this.exited = new Promise((resolve) => {
      // Not 'exit': what the process wrote last must have arrived.
      this.#child.once('close', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
    for (const name of ['stdout', 'stderr'] as const) {
      this.#child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
        this.#text[name] = (this.#text[name] + chunk).slice(-MAX_TEXT_CHARACTERS);
        if (name === 'stdout') this.#readDocuments(chunk);
      });
    }
    this.#child.on('message', (message) => this.messages.push(message));
    this.#child.on('error', () => {});
  }

  get running(): boolean {
    return this.#exit === null;
  }

  get stdout(): string {
    return this.#text.stdout;
  }

  get stderr(): string {
    return this.#text.stderr;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }

  /** Sends the signal and waits for the end. Throws when that does not come; the process is killed then. */
  async end(signal: NodeJS.Signals, timeoutMs = PATIENCE_MS): Promise<Exit> {
    this.signal(signal);
    return await this.ended(timeoutMs);
  }

  async ended(timeoutMs = PATIENCE_MS): Promise<Exit> {
    const exit = await Promise.race([this.exited, delay(timeoutMs, null, { ref: false })]);
    if (exit !== null) return exit;
    this.#child.kill('SIGKILL');
    throw new Error(`Process ${this.pid} did not end within ${timeoutMs} ms: ${this.tail()}`);
  }

  /** The end of what it wrote, for messages. */
  tail(): string {
    return `${this.stdout.slice(-TAIL_CHARACTERS)}\n${this.stderr.slice(-TAIL_CHARACTERS)}`;
  }

  #readDocuments(chunk: string): void {
    const lines = (this.#line + chunk).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{"')) this.documents.push(JSON.parse(line));
  }
}

export interface Processes {
  /** `synod ...args`, running. */
  synod(args: readonly string[], options?: StartOptions): TestProcess;
  /** A TypeScript file of the tests, running. */
  script(file: string, args: readonly string[], options?: StartOptions): TestProcess;
  /** A program to its end. */
  run(file: string, args: readonly string[], options?: StartOptions, timeoutMs?: number): Promise<Finished>;
  /** `synod ...args` to its end. */
  runSynod(...args: string[]): Promise<Finished>;
  /** Another process id, such as that of a supervisor's node, that must not outlive the tests. `mark` is in its command line. */
  watch(pid: number, mark: string): void;
}

/** To be called once in a test file, at its top. All processes have this environment beside that of the tests. */
export function useProcesses(environment: StartOptions['environment'] = {}): Processes {
  // What is awaited here has its own bound and says what it was; the runner's should not come first.
  vi.setConfig({ testTimeout: 2 * PATIENCE_MS, hookTimeout: 2 * PATIENCE_MS });
  const started: TestProcess[] = [];
  const watched = new Map<number, string>();
  const killAll = () => {
    for (const one of started) one.signal('SIGKILL');
    for (const [pid, mark] of watched) if (isRunning(pid, mark)) process.kill(pid, 'SIGKILL');
  };
  // Vitest may end this process before afterAll, when it is interrupted.
  process.once('exit', killAll);
  afterAll(async () => {
    for (const one of started) one.signal('SIGTERM');
    await Promise.race([Promise.all(started.map(({ exited }) => exited)), delay(FAREWELL_MS)]);
    killAll();
    await Promise.all(started.map(({ exited }) => exited));
    process.off('exit', killAll);
  }, 2 * FAREWELL_MS);

  const start = (file: string, args: readonly string[], options?: StartOptions) => {
    const one = new TestProcess(file, args, { ...options, environment: { ...environment, ...options?.environment } });
    started.push(one);
    return one;
  };
  const run = async (file: string, args: readonly string[], options?: StartOptions, timeoutMs?: number) => {
    const one = start(file, args, options);
    const exit = await one.ended(timeoutMs);
    return { ...exit, stdout: one.stdout, stderr: one.stderr };
  };
  return {
    synod: (args, options) => start(process.execPath, [MAIN, ...args], options),
    script: (file, args, options) => start(process.execPath, [file, ...args], options),
    run,
    runSynod: (...args) => run(process.execPath, [MAIN, ...args]),
    watch: (pid, mark) => watched.set(pid, mark),
  };
}

/** Whether this process id is still that of the process whose command line has `mark`: the system gives ids out again. */
export function isRunning(pid: number, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark);
  } catch {
    return false;
  }
}

/** The running processes whose command line has `mark`. */
export function processesOf(mark: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => pid !== process.pid && isRunning(pid, mark));
}
