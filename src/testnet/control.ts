/**
 * How `synod testnet partition|heal|kill|...` in another terminal, the dashboard and scripts reach the supervisor: a server on
 * loopback (control-server.ts), whose port and token stand in control.json (mode 0600), so that only its owner can use it.
 *
 * The file is also what makes a directory belong to one supervisor. It appears whole or not at all (a hard link to a
 * finished file), and only where there was none. One that a killed supervisor left is moved aside and looked at before
 * it goes, because another start may have done the same a moment earlier and put its own in the place.
 */
import { createHash, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { UsageError } from '../base/errors.ts';
import type { Json } from '../base/types.ts';
import { type ControlMethod, type Page, startControlServer } from './control-server.ts';
import type { Answer, CallParams } from './json-rpc.ts';
import { paths } from './manifest.ts';

/** Every method by its name, such as `testnet_status`. */
export type ControlMethods = ReadonlyMap<string, ControlMethod>;

export interface ControlOptions {
  /** Where the server listens; 0, and one that is taken, for any that is free. */
  readonly port?: number;
  /** What GET answers at a path; null for 404. Must not throw. */
  readonly page?: (path: string) => Page | null;
}

/** Longer than a node may take to start. */
const CALL_TIMEOUT_MS = 90_000;
const PROBE_TIMEOUT_MS = 2_000;
/** Each further attempt means that yet another start came in between. */
const MAX_CLAIM_ATTEMPTS = 5;
/** Asked by a start that finds our file. The answer shows that we know its token, which no other server does. */
const PING = 'testnet_ping';

interface ControlFile {
  readonly pid: number;
  readonly port: number;
  readonly token: string;
}

/** The hold that a supervisor has on its directory. */
export interface Control {
  /** Whether the directory was not there before. */
  readonly madeDirectory: boolean;
  /** http://127.0.0.1:<port>/ */
  readonly url: string;
  readonly port: number;
  /** What a call must bring as `Authorization: Bearer <token>`. */
  readonly token: string;
  /** From now on calls are answered by these. */
  serve(methods: ControlMethods): void;
  /** Answers nobody any more and gives the directory up. Removes no file but its own. */
  release(): Promise<void>;
}

/**
 * Makes the directory and takes it for this process, before anything else in it is touched. Throws UsageError
 * `testnet/already-running` when another supervisor has it, and `testnet/directory` where there can be none.
 */
export async function takeControl(directory: string, { port = 0, page = () => null }: ControlOptions = {}): Promise<Control> {
  const madeDirectory = makeDirectory(directory);
  const token = randomBytes(24).toString('hex');
  const ping: ControlMethod = { run: async () => proofOf(token) };
  let methods: ControlMethods | null = null;
  const method = (name: string) => (name === PING ? ping : methods === null ? TOO_EARLY : methods.get(name));
  const server = await startControlServer({ port, token, page, method });
  const content: ControlFile = { pid: process.pid, port: server.port, token };
  const text = JSON.stringify(content);
  try {
    await claim(directory, text, token);
  } catch (error) {
    await server.close();
    throw error;
  }
  return {
    madeDirectory,
    url: `http://127.0.0.1:${server.port}/`,
    port: server.port,
    token,
    serve(given) {
      methods = given;
    },
    async release() {
      const file = paths.control(directory);
      if (readText(file) === text) rmSync(file, { force: true });
      await server.close();
    },
  };
}

/** Whether it was not there before. */
function makeDirectory(directory: string): boolean {
  try {
    return mkdirSync(directory, { recursive: true, mode: 0o700 }) !== undefined;
  } catch (cause) {
    const isFile = (cause as NodeJS.ErrnoException).code === 'EEXIST';
    const message = isFile ? `${directory} is a file; expected a directory` : `Cannot make the directory ${directory}`;
    throw new UsageError('testnet/directory', `${message}. Name another --dir${isFile ? '.' : ''}`, {}, isFile ? undefined : cause);
  }
}

const TOO_EARLY: ControlMethod = {
  run: async () => {
    throw new UsageError('testnet/starting', 'The supervisor has only just begun; ask again in a moment.');
  },
};

async function claim(directory: string, text: string, token: string): Promise<void> {
  const file = paths.control(directory);
  const own = `${file}.${token.slice(0, 8)}`;
  writeFileSync(own, text, { mode: 0o600 });
  try {
    for (let attempt = 1; !linkUnlessThere(own, file); attempt++) {
      const found = readText(file);
      const other = parseControlFile(found);
      const state = other === null ? 'gone' : await probe(other);
      if (state !== 'gone' || attempt === MAX_CLAIM_ATTEMPTS) throw alreadyRunning(directory, other, state);
      removeStale(file, `${own}.stale`, found);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

function alreadyRunning(directory: string, other: ControlFile | null, state: string): UsageError {
  const which = other === null ? '' : ` (process ${other.pid}${state === 'silent' ? ', which does not answer' : ''})`;
  return new UsageError(
    'testnet/already-running',
    `A test network runs in ${directory}, or is being stopped there${which}. Stop it, wait until it has ended, or name another --dir.`,
  );
}

/** False when there is a file of this name already. */
function linkUnlessThere(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new UsageError('testnet/directory', `Cannot write ${to}; name another --dir`, {}, cause);
  }
}

/** Removes the file if it is still the one that was found stale; puts it back otherwise. */
function removeStale(file: string, aside: string, found: string | null): void {
  try {
    renameSync(file, aside);
  } catch (error) {
    // Another start has removed it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readText(aside) !== found) linkUnlessThere(aside, file);
  rmSync(aside, { force: true });
}

/** Calls a method of the supervisor of this directory. Throws UsageError when none runs, or with what it answered. */
export async function callControl(
  directory: string,
  method: string,
  params: CallParams,
  timeoutMs: number = CALL_TIMEOUT_MS,
): Promise<Json> {
  const file = parseControlFile(readText(paths.control(directory)));
  if (file === null || (await probe(file)) === 'gone') {
    throw new UsageError(
      'testnet/not-running',
      `No test network runs in ${directory}. Start one with \`synod testnet\`, or name its --dir.`,
    );
  }
  const { result, error } = await post(file, method, params, timeoutMs).catch((cause: unknown) => {
    throw new UsageError('testnet/not-running', `The supervisor of ${directory} (process ${file.pid}) does not answer`, {}, cause);
  });
  if (error !== undefined) throw new UsageError(error.data.code, error.message);
  return result ?? null;
}

/** Not `fetch`, which gives up after five minutes: a deep reorganisation takes longer. */
function post({ port, token }: ControlFile, method: string, params: CallParams, timeoutMs: number): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, method: 'POST', headers, signal: AbortSignal.timeout(timeoutMs) };
    const sent = request(options, (response) => {
      text(response)
        .then((body) => resolve(JSON.parse(body) as Answer))
        .catch(reject);
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  });
}

/**
 * Whether the supervisor of this file is there. Its port may have gone to another server by now, and its process id to
 * another process: only the answer to a ping shows that it is. One that is suspended does not answer, but is there.
 */
async function probe(file: ControlFile): Promise<'answers' | 'silent' | 'gone'> {
  try {
    const { result } = await post(file, PING, [], PROBE_TIMEOUT_MS);
    return result === proofOf(file.token) ? 'answers' : 'gone';
  } catch (error) {
    const timedOut = error instanceof Error && 'code' in error && error.code === 'ABORT_ERR';
    return timedOut && isAlive(file.pid) ? 'silent' : 'gone';
  }
}

/** Not the token itself, which a server that only echoes would know. */
function proofOf(token: string): string {
  return createHash('sha256').update(`control ${token}`).digest('hex');
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Null for text that no supervisor wrote. */
function parseControlFile(text: string | null): ControlFile | null {
  try {
    const { pid, port, token } = JSON.parse(text ?? '') as Partial<ControlFile>;
    return isCount(pid) && isCount(port) && typeof token === 'string' ? { pid, port, token } : null;
  } catch {
    return null;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0;
}
