/**
 * The HTTP server with which a test network is looked at and acted on: POST / takes JSON-RPC 2.0, GET gives the pages of the
 * dashboard. It listens on loopback only, and a request must name this machine as its Host: a page of a stranger whose name
 * resolves to 127.0.0.1 (DNS rebinding) sends its own name. Other origins get no CORS headers, and their calls no answer.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UsageError } from '../base/errors.ts';
import { type Json, quote } from '../base/types.ts';
import { type Answer, type CallId, type CallParams, failure, parseCall, success } from './json-rpc.ts';

/** One method of the control server. Throws a SynodError to refuse; its code goes to who asked. */
export interface ControlMethod {
  /** Answered without a token: nothing that it says is a secret, and nothing changes by it. */
  readonly open?: boolean;
  run(params: CallParams): Promise<Json>;
}

export interface Page {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ControlServerOptions {
  /** 0 takes a free one; so does one that is taken. */
  readonly port: number;
  readonly token: string;
  /** What GET answers at a path such as `/` or `/app.js`; null for 404. Must not throw. */
  readonly page: (path: string) => Page | null;
  readonly method: (name: string) => ControlMethod | undefined;
}

export interface ControlServer {
  readonly port: number;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';
const LOCAL_HOSTS: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];
export const MAX_REQUEST_BYTES = 64 * 1024;
/** Calls in work at once, and sockets: more than a dashboard in every browser of a developer needs. */
export const MAX_CALLS = 32;
const MAX_CONNECTIONS = 128;
/** To send a request, not to have it answered. */
const REQUEST_TIMEOUT_MS = 10_000;
const HEADERS = { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' } as const;

export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const handler = new Handler(options);
  const server = createServer((request, response) => void handler.handle(request, response));
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, options.port).catch(async (error: NodeJS.ErrnoException) => {
    const isTaken = error.code === 'EADDRINUSE' || error.code === 'EACCES';
    if (!isTaken || options.port === 0) throw new UsageError('testnet/listen', `Cannot listen on ${LOOPBACK}`, {}, error);
    await listen(server, 0);
  });
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Something to answer with that is no result of a call. */
class Refusal {
  readonly status: number;
  readonly error: UsageError;

  constructor(status: number, code: string, message: string) {
    this.status = status;
    this.error = new UsageError(code, message);
  }
}

class Handler {
  readonly #options: ControlServerOptions;
  #inWork = 0;

  constructor(options: ControlServerOptions) {
    this.#options = options;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const refusal = vet(request);
      if (refusal !== null) sendAnswer(response, refusal.status, failure(null, refusal.error));
      else if (request.method === 'POST') await this.#post(request, response);
      else this.#get(request, response);
    } catch {
      // The client broke off in the middle of its request.
      response.destroy();
    }
  }

  #get(request: IncomingMessage, response: ServerResponse): void {
    const path = pathOf(request);
    const page = this.#options.page(path);
    const { contentType, body, headers = {} } = page ?? notFound(path);
    response.writeHead(page === null ? 404 : 200, { ...HEADERS, ...headers, 'content-type': contentType, 'content-length': body.length });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  async #post(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#inWork >= MAX_CALLS) {
      const busy = new UsageError('testnet/busy', `${MAX_CALLS} calls are under way already; wait until some are answered.`);
      return sendAnswer(response, 503, failure(null, busy));
    }
    this.#inWork += 1;
    try {
      const body = await readBody(request);
      if (body instanceof Refusal) return sendAnswer(response, body.status, failure(null, body.error));
      const { status, answer } = await this.#answer(body, request.headers.authorization);
      sendAnswer(response, status, answer);
    } finally {
      this.#inWork -= 1;
    }
  }

  async #answer(body: string, authorization: string | undefined): Promise<{ readonly status: number; readonly answer: Answer }> {
    const isOwner = isSame(authorization ?? '', `Bearer ${this.#options.token}`);
    let id: CallId = null;
    try {
      const call = parseCall(body);
      id = call.id;
      const method = this.#options.method(call.method);
      // Who has no token does not learn what there is.
      if (!isOwner && method?.open !== true) return { status: 401, answer: failure(id, wrongToken()) };
      if (method === undefined) throw noSuchMethod(call.method);
      return { status: 200, answer: success(id, await method.run(call.params)) };
    } catch (error) {
      return { status: 200, answer: failure(id, error) };
    }
  }
}

/** What is refused by its headers alone. */
function vet(request: IncomingMessage): Refusal | null {
  const { host = '', origin } = request.headers;
  if (!isLocal(host)) return new Refusal(403, 'testnet/host', `This server is for this machine only, not for the host ${quote(host)}.`);
  if (origin !== undefined && origin !== `http://${host}`)
    return new Refusal(403, 'testnet/origin', `Pages of ${quote(origin)} may not ask this server.`);
  if (request.method === 'GET' || request.method === 'HEAD') return null;
  if (request.method !== 'POST') return new Refusal(405, 'testnet/http-method', 'Send JSON-RPC with POST, or ask for a page with GET.');
  if (pathOf(request) !== '/') return new Refusal(404, 'testnet/path', 'JSON-RPC is served at /.');
  const [type = ''] = (request.headers['content-type'] ?? '').split(';');
  // A page of another origin could send a call as plain text without asking first.
  if (type.trim().toLowerCase() !== 'application/json')
    return new Refusal(415, 'testnet/content-type', 'Send JSON-RPC as application/json.');
  const announced = Number(request.headers['content-length'] ?? 0);
  return announced > MAX_REQUEST_BYTES ? tooLong() : null;
}

function isLocal(host: string): boolean {
  return LOCAL_HOSTS.includes(host.toLowerCase().replace(/:\d{1,5}$/, ''));
}

/** As it was sent, without the query: what is looked up by it is looked up whole. */
function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? '/';
}

async function readBody(request: IncomingMessage): Promise<string | Refusal> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // The request must outlive its iterator: destroying it would take the refusal along.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_REQUEST_BYTES) return tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The rest of what is refused is not read: the connection ends with the answer. */
function sendAnswer(response: ServerResponse, status: number, answer: Answer): void {
  if (response.destroyed) return;
  const body = Buffer.from(JSON.stringify(answer), 'utf8');
  const closing = status === 200 ? {} : { connection: 'close' };
  response.writeHead(status, { ...HEADERS, ...closing, 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
}

function tooLong(): Refusal {
  return new Refusal(413, 'testnet/too-long', `The request is longer than ${MAX_REQUEST_BYTES} bytes.`);
}

function wrongToken(): UsageError {
  return new UsageError('testnet/token', 'Wrong or missing token. It stands in control.json in the directory of the network.');
}

function noSuchMethod(name: string): UsageError {
  return new UsageError('testnet/no-such-method', `There is no method ${quote(name)}.`);
}

function notFound(path: string): Page {
  return { contentType: 'text/plain; charset=utf-8', body: Buffer.from(`There is no page ${quote(path)} here.\n`) };
}

/** Compares digests, whose lengths are equal, in constant time. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
