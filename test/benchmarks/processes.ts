/**
 * Processes that a benchmark measures: started, talked to over a channel, and never left behind. What is measured runs
 * in a process of its own, with cold caches, so that neither side of a ratio profits from what the other has warmed up.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoopDelay } from './loop-delay.ts';

const SYNOD = fileURLToPath(new URL('../../src/cli/bin.mjs', import.meta.url));
const PROBE = ['--import', new URL('./loop-delay.ts', import.meta.url).href];
/** Generous: it only says when a run that hangs is given up. */
const PATIENCE_MS = 120_000;
const FAREWELL_MS = 15_000;
const MAX_TEXT_CHARACTERS = 64 * 1024;

interface Message {
  readonly type: string;
}

/** What is to be measured cannot be measured on this machine. */
export class Unavailable extends Error {}

const running = new Set<ChildProcess>();
const directories = new Set<string>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** Removed with everything in it when this process ends. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'synod-bench-'));
  directories.add(directory);
  return directory;
}

/** Has a process killed when this one ends, whatever happens. */
export function track<T extends ChildProcess>(child: T): T {
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** Whether there is a program of this name on the PATH. */
export function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, name)));
}

/** Different ports of the loopback interface that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => server.listening || once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

export class Child {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #messages: Message[] = [];
  #output = '';
  #wake: () => void = () => undefined;

  constructor(file: string, args: readonly string[], execArgv: readonly string[] = []) {
    this.#child = track(fork(file, [...args], { execArgv: [...execArgv], stdio: ['ignore', 'pipe', 'pipe', 'ipc'] }));
    if (this.#child.pid === undefined) throw new Error(`${file} could not be started`);
    this.pid = this.#child.pid;
    this.#child.on('message', (message) => {
      this.#messages.push(message as Message);
      this.#wake();
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-MAX_TEXT_CHARACTERS);
      });
    }
    this.#exited = new Promise((resolve) => {
      this.#child.once('close', () => {
        resolve();
        this.#wake();
      });
    });
  }

  send<T extends Message>(message: T): void {
    this.#child.send(message);
  }

  /** The next message of this type. Throws with what the process wrote last when none comes. */
  async next<T extends Message>(type: T['type']): Promise<T> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    for (;;) {
      const at = this.#messages.findIndex((message) => message.type === type);
      const [found] = at < 0 ? [] : this.#messages.splice(at, 1);
      if (found !== undefined) return found as T;
      if (!running.has(this.#child)) throw new Error(`Process ${this.pid} ended without a word of '${type}':\n${this.#output}`);
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`Process ${this.pid} said nothing of '${type}' in ${PATIENCE_MS} ms:\n${this.#output}`);
      await this.#news(leftMs);
    }
  }

  /** How late the event loop of the process was since this was asked last; it must have been started with a probe. */
  async loopDelay(): Promise<LoopDelay> {
    this.send({ type: 'loop-delay' });
    return await this.next<LoopDelay>('loop-delay');
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), FAREWELL_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  #news(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A program of this folder, by its file name, with a probe for its event loop. */
export function startScript(name: string, ...args: string[]): Child {
  return new Child(fileURLToPath(new URL(name, import.meta.url)), args, PROBE);
}

export interface NodeOptions {
  readonly args?: readonly string[];
  /** Without it nothing is in the process that would not be there in life. */
  readonly probe: boolean;
  /** One that has its chain already; by default an empty one. */
  readonly datadir?: string;
}

/** `synod node ...args` on free ports, serving. */
export async function startNode(
  genesis: unknown,
  { args = [], probe, datadir }: NodeOptions,
): Promise<{ readonly child: Child; readonly url: string }> {
  const directory = temporaryDirectory();
  const file = join(directory, 'genesis.json');
  writeFileSync(file, JSON.stringify(genesis));
  const place = ['--datadir', datadir ?? join(directory, 'datadir'), '--genesis', file, '--port', '0', '--http.port', '0'];
  const child = new Child(SYNOD, ['node', ...place, ...args], probe ? PROBE : []);
  const { rpcUrl } = await child.next<Message & { readonly rpcUrl: string }>('ready');
  return { child, url: rpcUrl };
}

/** `synod testnet ...args`: its nodes are its own children, and end with it. */
export function startTestnet(...args: string[]): Child {
  return new Child(SYNOD, ['testnet', '--json', ...args]);
}

/** Resident memory of a process in MB, as the system counts it. */
export function residentMegabytes(pid: number): number {
  if (process.platform !== 'linux') throw new Unavailable('the memory of another process is read from /proc, which only Linux has');
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}
