/** One node process of a test network: started, awaited, killed, restarted. Talks to it over IPC and JSON-RPC. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { UsageError } from '../base/errors.ts';
import { letGoWhenWeEnd } from './let-go.ts';

export interface Endpoints {
  /** http://127.0.0.1:8545, and the same port for WebSocket. */
  readonly rpcUrl: string;
  /** Opens every namespace of the node's RPC; not to be shown to anybody else. */
  readonly operatorToken: string;
  readonly peerId: string;
  readonly addresses: readonly string[];
  /** Null when it serves none. */
  readonly metricsUrl: string | null;
}

/** 'paused': the process stands still (SIGSTOP), and its connections stay. */
export type ChildState = 'starting' | 'up' | 'paused' | 'down';

const START_TIMEOUT_MS = 60_000;
/** A node that was asked to stop has this long before it is killed. */
const STOP_TIMEOUT_MS = 10_000;
const LOG_TAIL_BYTES = 2_048;

export interface ChildOptions {
  readonly index: number;
  /** The interpreter and its arguments up to the command's own. */
  readonly command: readonly string[];
  readonly logFile: string;
  /** The arguments of the next start; bootnodes may have changed since the last. */
  readonly arguments: () => readonly string[];
  readonly onExit: (index: number, reason: string, expected: boolean) => void;
}

export class NodeChild {
  readonly index: number;
  readonly #options: ChildOptions;
  #process: ChildProcess | null = null;
  #endpoints: Endpoints | null = null;
  #exited: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Ends the watch over it while it stands still; null otherwise. */
  #unwatch: (() => void) | null = null;

  constructor(options: ChildOptions) {
    this.index = options.index;
    this.#options = options;
  }

  get state(): ChildState {
    if (this.#process === null) return 'down';
    if (this.#endpoints === null) return 'starting';
    return this.#unwatch === null ? 'up' : 'paused';
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** Of the running process; null while it is not up. */
  get endpoints(): Endpoints | null {
    return this.#endpoints;
  }

  /** Resolves when the node serves RPC. Throws UsageError with the end of its log when it does not come up. */
  async start(): Promise<Endpoints> {
    if (this.#process !== null) throw new UsageError('testnet/running', `Node ${this.index} is already running.`);
    const [file = process.execPath, ...rest] = this.#options.command;
    const log = openSync(this.#options.logFile, 'a', 0o600);
    // A process group of its own: Ctrl-C reaches the supervisor alone, which then stops the nodes in order.
    const child = spawn(file, [...rest, ...this.#options.arguments()], { stdio: ['ignore', log, log, 'ipc'], detached: true });
    closeSync(log);
    this.#process = child;
    this.#stopping = false;
    const ready = this.#awaitReady(child);
    this.#exited = new Promise((resolve) => {
      const ended = (reason: string) => {
        this.#onExit(child, reason);
        resolve();
      };
      child.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`));
      // Without a process id it never ran; otherwise the error is about a signal or a message, and it still does.
      child.on('error', () => child.pid === undefined && ended('could not be started'));
    });
    const endpoints = await ready;
    // It may have ended between its last words and now.
    if (this.#process !== child) throw this.#failure('ended as soon as it was ready');
    this.#endpoints = endpoints;
    return endpoints;
  }

  #awaitReady(child: ChildProcess): Promise<Endpoints> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        clearTimeout(timer);
        reject(this.#failure(why));
      };
      const timer = setTimeout(() => {
        child.kill('SIGKILL');
        fail(`was not ready within ${START_TIMEOUT_MS / 1000} s`);
      }, START_TIMEOUT_MS);
      child.once('exit', (code, signal) => fail(`ended before it was ready (${signal ?? `exit code ${code}`})`));
      child.once('error', (error) => fail(`could not be started (${error.message})`));
      child.on('message', (message) => {
        if (!isReady(message)) return;
        clearTimeout(timer);
        const { rpcUrl, operatorToken, peerId, addresses, metricsUrl = null } = message;
        resolve({ rpcUrl, operatorToken, peerId, addresses, metricsUrl });
      });
    });
  }

  #failure(why: string): UsageError {
    const tail = this.logTail();
    // The node advises a flag of its own, which a test network does not have.
    const flag = tail.includes('[rpc/port-in-use]') ? '--rpc-port' : tail.includes('[metrics/listen]') ? '--metrics-port' : null;
    const advice = flag === null ? '' : `\nOf a test network it is ${flag} that takes other ports.`;
    return new UsageError('testnet/node-failed', `Node ${this.index} ${why}. The end of ${this.#options.logFile}:\n${tail}${advice}`);
  }

  #onExit(child: ChildProcess, reason: string): void {
    if (this.#process !== child) return;
    this.#process = null;
    this.#endpoints = null;
    this.#endWatch();
    this.#options.onExit(this.index, reason, this.#stopping);
  }

  /** SIGSTOP: it does nothing any more, and does not know. */
  pause(): void {
    const child = this.#process;
    if (child?.pid === undefined || this.#unwatch !== null) return;
    this.#unwatch = letGoWhenWeEnd([child.pid]);
    child.kill('SIGSTOP');
  }

  resume(): void {
    this.#endWatch();
    this.#process?.kill('SIGCONT');
  }

  #endWatch(): void {
    this.#unwatch?.();
    this.#unwatch = null;
  }

  /** SIGKILL: as if the power had failed for this process. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#process?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM, and SIGKILL when it takes too long. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    this.#stopping = true;
    this.resume();
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  /** The last error that the node logged, if it stands near the end of its log. */
  lastError(): string | null {
    return (
      this.logTail()
        .split('\n')
        .findLast((line) => /^(ERROR|Fatal)\b/.test(line)) ?? null
    );
  }

  /** The last lines that the node logged. */
  logTail(): string {
    const { logFile } = this.#options;
    const { size } = statSync(logFile);
    const buffer = Buffer.alloc(Math.min(size, LOG_TAIL_BYTES));
    const file = openSync(logFile, 'r');
    try {
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
    } finally {
      closeSync(file);
    }
    return buffer.toString('utf8').trimEnd();
  }
}

function isReady(message: unknown): message is Endpoints & { type: 'ready' } {
  return typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'ready';
}
