/** One listening port that serves HTTP and WebSocket to the same dispatcher. */
import type { Server } from 'node:http';
import { UsageError } from '../base/errors.ts';
import type { RpcLogger } from './backend.ts';
import type { Dispatcher } from './dispatch.ts';
import type { Gatekeeper } from './gatekeeper.ts';
import { HttpHandler, type PageSource } from './http.ts';
import type { ByteBudget, RpcLimits } from './limits.ts';
import type { SubscriptionHub } from './subscriptions.ts';
import { WebSocketHandler } from './websocket.ts';

// Importing it would evaluate all that it exports, which loads a client for HTTP that a node has no use for: 40 ms and 6 MB (measured).
const { createServer } = process.getBuiltinModule('node:http');

/** How often Node looks for connections that are over their time. */
const TIMEOUT_CHECK_MS = 1_000;
const SWEEP_INTERVAL_MS = 20;
const MAX_HEADER_BYTES = 16 * 1024;

export interface EndpointOptions {
  readonly gatekeeper: Gatekeeper;
  readonly dispatcher: Dispatcher;
  readonly hub: SubscriptionHub;
  readonly limits: RpcLimits;
  readonly incoming: ByteBudget;
  readonly logger: RpcLogger;
  readonly pages: PageSource | null;
}

export interface ListenAddress {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

export class Endpoint {
  readonly #http: Server;
  readonly #webSockets: WebSocketHandler;
  readonly #limits: RpcLimits;

  constructor(options: EndpointOptions) {
    const { limits } = options;
    this.#limits = limits;
    this.#http = createHttpServer(limits);
    this.#webSockets = new WebSocketHandler(options);
    const handler = new HttpHandler(options);
    this.#http.on('request', (request, response) => void handler.handle(request, response));
    // With a listener Node asks before it lets a client send its body, so that a refused one is never sent.
    this.#http.on('checkContinue', (request, response) => void handler.handle(request, response));
    this.#http.on('upgrade', (request, socket, head) => this.#webSockets.upgrade(request, socket, head));
  }

  /** Throws UsageError: `rpc/port-in-use`, `rpc/port-denied`, `rpc/address`. Whether it does or not, `close` it. */
  async listen(address: ListenAddress): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#http.once('error', reject);
    this.#http.listen(address, () => {
      this.#http.off('error', reject);
      resolve();
    });
    await promise.catch((error: unknown) => {
      throw listenError(error, address);
    });
  }

  /** The port that was taken; 0 before `listen`. */
  get port(): number {
    const address = this.#http.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  /** Answers what is in work, waits a little for slow clients, and then ends every connection. Also if it never listened. */
  async close(): Promise<void> {
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.#http.close(() => resolve());
    this.#webSockets.close();
    // A connection becomes idle, and can be closed, once its last reply is out.
    const sweep = setInterval(() => this.#http.closeIdleConnections(), SWEEP_INTERVAL_MS);
    const force = setTimeout(() => {
      this.#webSockets.terminate();
      this.#http.closeAllConnections();
    }, this.#limits.closeGraceMs);
    await closed;
    clearInterval(sweep);
    clearTimeout(force);
  }
}

function createHttpServer(limits: RpcLimits): Server {
  const server = createServer({
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.receiveTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, limits.headersTimeoutMs),
    maxHeaderSize: MAX_HEADER_BYTES,
    // Others, such as curl's offer of HTTP/2, are answered in HTTP/1.1.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = limits.maxConnections;
  // Nothing moved on the connection: a client that does not read its reply.
  server.timeout = limits.idleTimeoutMs;
  return server;
}

function listenError(cause: unknown, { host, port }: ListenAddress): UsageError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const fields = { host, port };
  if (code === 'EADDRINUSE') {
    return new UsageError(
      'rpc/port-in-use',
      `Port ${port} on ${host} is in use, perhaps by another node; stop that program or choose another port with --http.port.`,
      fields,
    );
  }
  if (code === 'EACCES') {
    return new UsageError('rpc/port-denied', `This user may not listen on port ${port}; choose one above 1023 with --http.port.`, fields);
  }
  return new UsageError('rpc/address', `Cannot listen on ${host}:${port}; check --http.addr and --http.port`, fields, cause);
}
