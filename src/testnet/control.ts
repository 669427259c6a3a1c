/**
 * How `synod testnet partition|heal|kill|restart|status|stop` in another terminal reaches the supervisor: a JSON server
 * on loopback, whose port and token stand in control.json (mode 0600), so that only its owner can use it.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { explain, SynodError, UsageError } from '../base/errors.ts';
import type { Json } from '../base/types.ts';
import { paths } from './manifest.ts';

/** Answers a command; a SynodError is passed on to who asked. */
export type ControlHandler = (command: string, parameters: readonly Json[]) => Promise<Json>;

const MAX_REQUEST_BYTES = 64 * 1024;
/** Longer than a node may take to start. */
const CALL_TIMEOUT_MS = 90_000;
const PROBE_TIMEOUT_MS = 2_000;

interface ControlFile {
  readonly pid: number;
  readonly port: number;
  readonly token: string;
}

/** Serves until the returned function is called. Throws UsageError when another supervisor runs this directory. */
export async function serveControl(directory: string, handler: ControlHandler): Promise<() => Promise<void>> {
  const running = readControlFile(directory);
  if (running !== null && (await isServing(running))) {
    throw new UsageError(
      'testnet/already-running',
      `A test network already runs in ${directory} (process ${running.pid}). Stop it, or name another --dir.`,
    );
  }
  const token = randomBytes(24).toString('hex');
  const server = createServer((request, response) => {
    answer(request, token, handler).then(({ status, body }) => {
      response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify(body));
    });
  });
  server.requestTimeout = CALL_TIMEOUT_MS;
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const file = paths.control(directory);
  const content: ControlFile = { pid: process.pid, port: (server.address() as AddressInfo).port, token };
  // Written whole and then moved, so that a reader never sees half of it.
  writeFileSync(`${file}.new`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${file}.new`, file);
  return () => closeServer(server, file);
}

function closeServer(server: Server, file: string): Promise<void> {
  rmSync(file, { force: true });
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

interface Answer {
  readonly status: number;
  readonly body: Json;
}

async function answer(request: IncomingMessage, token: string, handler: ControlHandler): Promise<Answer> {
  try {
    const given = Buffer.from(request.headers.authorization ?? '');
    const expected = Buffer.from(`Bearer ${token}`);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      return { status: 401, body: failure('testnet/token', 'Wrong or missing token.') };
    }
    const { command, parameters } = JSON.parse(await readBody(request)) as { command?: unknown; parameters?: unknown };
    if (typeof command !== 'string' || !Array.isArray(parameters)) {
      return { status: 400, body: failure('testnet/request', 'Expected {command, parameters}.') };
    }
    return { status: 200, body: { result: await handler(command, parameters as Json[]) } };
  } catch (error) {
    return { status: 200, body: failure(error instanceof SynodError ? error.code : 'testnet/failed', explain(error)) };
  }
}

function failure(code: string, message: string): Json {
  return { error: { code, message } };
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > MAX_REQUEST_BYTES) throw new UsageError('testnet/request', 'The request is too long.');
  }
  return text;
}

/** Asks the supervisor of this directory. Throws UsageError when none runs, or with what it answered. */
export async function callControl(directory: string, command: string, parameters: readonly Json[]): Promise<Json> {
  const file = readControlFile(directory);
  if (file === null || !(await isServing(file))) {
    throw new UsageError(
      'testnet/not-running',
      `No test network runs in ${directory}. Start one with \`synod testnet\`, or name its --dir.`,
    );
  }
  const response = await fetch(`http://127.0.0.1:${file.port}/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${file.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ command, parameters }),
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw new UsageError('testnet/not-running', `The supervisor of ${directory} (process ${file.pid}) does not answer`, {}, cause);
  });
  const { result, error } = (await response.json()) as { result?: Json; error?: { code: string; message: string } };
  if (error !== undefined) throw new UsageError(error.code, error.message);
  return result ?? null;
}

function readControlFile(directory: string): ControlFile | null {
  const file = paths.control(directory);
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ControlFile;
  } catch {
    // Left behind by a supervisor that was killed; a new one replaces it.
    return null;
  }
}

/** Asks the port itself: a process id in a file that a killed supervisor left may belong to anybody by now. */
async function isServing({ port }: ControlFile): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return response.status === 401;
  } catch {
    return false;
  }
}
