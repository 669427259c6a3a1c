/**
 * JSON-RPC over HTTP: POST / with a JSON body (also the WebSocket's upgrade comes through here to be vetted). An RPC
 * error is an HTTP 200, as wallets expect; other statuses say that the request was none, or was too much.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { explain } from '../base/errors.ts';
import type { RpcLogger } from './backend.ts';
import type { Dispatcher } from './dispatch.ts';
import { clientOf, type Gatekeeper } from './gatekeeper.ts';
import { ByteBudget, type RpcLimits } from './limits.ts';

const JSON_TYPES: readonly string[] = ['application/json', 'application/json-rpc', 'application/jsonrequest'];
const CORS_MAX_AGE_SECONDS = 600;
/** How many times the limit of a body is still read of a refused one. */
const DISCARD_FACTOR = 4;

/** A request that is answered with this status and sentence. */
interface Refusal {
  readonly status: number;
  readonly sentence: string;
}

export interface HttpOptions {
  readonly gatekeeper: Gatekeeper;
  readonly dispatcher: Dispatcher;
  readonly limits: RpcLimits;
  /** Shared with WebSocket. */
  readonly incoming: ByteBudget;
  readonly logger: RpcLogger;
  readonly pages: PageSource | null;
}

/** Pages for browsers, beside JSON-RPC: what a GET of a path below `prefix` answers. */
export interface PageSource {
  /** Such as `/dashboard`, without a slash at its end. */
  readonly prefix: string;
  /** By the path after the prefix, from its slash on; null for 404. Must not throw. */
  readonly page: (path: string) => Page | null;
}

export interface Page {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

interface Connection {
  readonly client: string;
  /** Its requests in work: HTTP pipelining would let one client queue without end. */
  inWork: number;
}

export class HttpHandler {
  readonly #gatekeeper: Gatekeeper;
  readonly #dispatcher: Dispatcher;
  readonly #limits: RpcLimits;
  readonly #incoming: ByteBudget;
  readonly #logger: RpcLogger;
  readonly #pages: PageSource | null;
  readonly #outgoing: ByteBudget;
  readonly #connections = new WeakMap<Socket, Connection>();

  constructor({ gatekeeper, dispatcher, limits, incoming, logger, pages }: HttpOptions) {
    this.#gatekeeper = gatekeeper;
    this.#dispatcher = dispatcher;
    this.#limits = limits;
    this.#incoming = incoming;
    this.#logger = logger;
    this.#pages = pages;
    this.#outgoing = new ByteBudget(limits.maxOutgoingBytes);
  }

  /** Never rejects. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connectionOf(request.socket);
    connection.inWork++;
    try {
      await this.#answer(request, response, connection);
    } catch (error) {
      // Mostly the client broke off in the middle of its request; then nothing is wrong here.
      if (!request.destroyed) this.#logger.error('RPC request failed', { error: explain(error) });
      response.destroy();
    } finally {
      connection.inWork--;
    }
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const connection = { client: clientOf(socket), inWork: 0 };
    this.#connections.set(socket, connection);
    return connection;
  }

  async #answer(request: IncomingMessage, response: ServerResponse, { client, inWork }: Connection): Promise<void> {
    const origin = request.headers.origin;
    const isCors = origin !== undefined && this.#gatekeeper.allowsCors(origin);
    if (isCors) allowOrigin(response, origin);
    const isTooMany = inWork > this.#limits.maxConcurrentRequests;
    if (!isTooMany && this.#sendPage(request, response)) return;
    const refusal = isTooMany ? TOO_MANY : this.#vet(request);
    if (refusal !== undefined) return this.#refuse(request, response, refusal);
    if (request.method === 'OPTIONS') return isCors ? allowPost(response) : this.#refuse(request, response, FOREIGN_ORIGIN);
    // Load balancers look whether somebody is there; geth answers them the same way.
    if (request.method !== 'POST') return void response.writeHead(200).end();

    if (request.headers.expect !== undefined) response.writeContinue();
    const body = await this.#read(request);
    if (!Buffer.isBuffer(body)) return this.#refuse(request, response, body);
    const operator = this.#gatekeeper.role(request) === 'operator';
    const reply = await this.#dispatcher.handle(body, { client, operator, subscriptions: null });
    if (reply.text === undefined) return void response.writeHead(204).end();
    this.#send(request, response, reply.text);
    reply.sent();
  }

  /** False for what is no request for a page: it is judged as JSON-RPC. */
  #sendPage(request: IncomingMessage, response: ServerResponse): boolean {
    const isGet = request.method === 'GET' || request.method === 'HEAD';
    if (this.#pages === null || !isGet || !this.#gatekeeper.allowsHost(request)) return false;
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const { prefix, page } = this.#pages;
    if (path === prefix) {
      // Relative names on the page need the slash.
      response.writeHead(308, { location: `${prefix}/` }).end();
      return true;
    }
    const found = path.startsWith(`${prefix}/`) ? page(path.slice(prefix.length)) : null;
    if (found === null) return false;
    const { contentType, body, headers } = found;
    const isKnown = request.headers['if-none-match'] === headers.etag;
    response.writeHead(isKnown ? 304 : 200, {
      ...headers,
      'content-type': contentType,
      ...(isKnown ? {} : { 'content-length': body.length }),
    });
    response.end(isKnown || request.method === 'HEAD' ? undefined : body);
    return true;
  }

  #vet(request: IncomingMessage): Refusal | undefined {
    if (!this.#gatekeeper.allowsHost(request)) return FOREIGN_HOST;
    if (this.#gatekeeper.role(request) === 'wrong') return WRONG_TOKEN;
    if (request.url !== '/' && URL.parse(request.url ?? '/', 'http://host')?.pathname !== '/') return WRONG_PATH;
    if (request.method === 'OPTIONS') return undefined;
    const isEmpty = request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined;
    if ((request.method === 'GET' || request.method === 'HEAD') && isEmpty) return undefined;
    if (request.method !== 'POST') return WRONG_METHOD;
    const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
    if (type === undefined || !JSON_TYPES.includes(type)) return WRONG_TYPE;
    const announced = Number(request.headers['content-length'] ?? 0);
    return announced > this.#limits.maxBodyBytes ? this.#tooLarge() : undefined;
  }

  /** The body, never holding more of it than the limit, whatever length was announced. */
  #read(request: IncomingMessage): Promise<Buffer | Refusal> {
    const { promise, resolve } = Promise.withResolvers<Buffer | Refusal>();
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (body: Buffer | Refusal) => {
      request.off('data', take);
      this.#incoming.give(bytes);
      bytes = 0;
      resolve(body);
    };
    const take = (chunk: Buffer) => {
      if (bytes + chunk.length > this.#limits.maxBodyBytes) return settle(this.#tooLarge());
      if (!this.#incoming.take(chunk.length)) return settle(BUSY);
      bytes += chunk.length;
      chunks.push(chunk);
    };
    request.on('data', take);
    request.on('end', () => settle(whole(chunks)));
    // Comes after the end as well, when it changes nothing, and after every error.
    request.on('close', () => settle(BROKEN_OFF));
    return promise;
  }

  #send(request: IncomingMessage, response: ServerResponse, text: string): void {
    if (response.destroyed) return;
    const bytes = Buffer.byteLength(text);
    if (!this.#outgoing.take(bytes)) return this.#refuse(request, response, BUSY);
    response.once('close', () => this.#outgoing.give(bytes));
    // As a string it leaves in one piece with the head. Where every character is a byte nothing need be encoded.
    const encoding = bytes === text.length ? 'latin1' : 'utf8';
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes }).end(text, encoding);
  }

  /**
   * What the client still sends is read and thrown away, up to a bound: closing at once would reset the connection, and
   * the client would not see why.
   */
  #refuse(request: IncomingMessage, response: ServerResponse, { status, sentence }: Refusal): void {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    if (status === 405) response.setHeader('allow', 'POST');
    response.writeHead(status).end(`${sentence}\n`);
    let leftBytes = DISCARD_FACTOR * this.#limits.maxBodyBytes;
    request.on('data', (chunk: Buffer) => {
      leftBytes -= chunk.length;
      if (leftBytes < 0) request.destroy();
    });
  }

  #tooLarge(): Refusal {
    return { status: 413, sentence: `content length too large: at most ${this.#limits.maxBodyBytes} bytes are allowed` };
  }
}

export const FOREIGN_HOST: Refusal = { status: 403, sentence: 'invalid host specified: list the name with --http.vhosts to serve it' };
export const FOREIGN_ORIGIN: Refusal = { status: 403, sentence: 'origin not allowed: list it with --http.corsdomain to serve it' };
export const WRONG_TOKEN: Refusal = { status: 401, sentence: 'the bearer token is not the one of this node' };
const WRONG_PATH: Refusal = { status: 404, sentence: 'not found: JSON-RPC is served at /' };
const WRONG_METHOD: Refusal = { status: 405, sentence: 'method not allowed: send JSON-RPC with POST' };
const WRONG_TYPE: Refusal = { status: 415, sentence: 'invalid content type: only application/json is supported' };
const TOO_MANY: Refusal = { status: 429, sentence: 'too many requests in work on this connection' };
const BUSY: Refusal = { status: 503, sentence: 'the server is busy: try again later' };

/** Nobody is there to read it. */
const BROKEN_OFF: Refusal = { status: 400, sentence: 'the request was broken off' };

/** Most bodies come in one piece. */
function whole(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}

/** Answers to other origins differ, so caches must keep them apart. */
function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('vary', 'Origin');
}

/** The answer to a preflight. The Authorization header is not among those allowed: tokens are not for web pages. */
function allowPost(response: ServerResponse): void {
  response
    .writeHead(204, {
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'content-type',
      'access-control-max-age': String(CORS_MAX_AGE_SECONDS),
    })
    .end();
}
