/**
 * The RPC server: HTTP and WebSocket on one port, over one table of methods. Start it with `RpcServer.start`, stop it
 * with `close`, which answers what is in work, waits a little for slow clients, and never hangs.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UsageError } from '../base/errors.ts';
import { type Backend, type RpcLogger, SILENT } from './backend.ts';
import { Dispatcher } from './dispatch.ts';
import { FeeOracle } from './fee-oracle.ts';
import { FilterStore } from './filters.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { HttpHandler } from './http.ts';
import { ByteBudget, DEFAULT_LIMITS, type RpcLimits } from './limits.ts';
import { LogReader } from './logs.ts';
import { DEFAULT_NAMESPACES, METHODS, NAMESPACES } from './methods.ts';
import { SubscriptionHub } from './subscriptions.ts';
import { WebSocketHandler } from './websocket.ts';

export interface RpcServerOptions {
  /** An address of this machine; by default only programs on this machine can connect. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Open to everybody who can connect (`--http.api`). */
  readonly namespaces?: readonly string[];
  /** Host names that are served (`--http.vhosts`); the address itself always is. */
  readonly virtualHosts?: readonly string[];
  /** Origins whose pages may read answers (`--http.corsdomain`); none by default. */
  readonly corsOrigins?: readonly string[];
  /** Whoever sends it as a bearer token may call every namespace; kept by the node in a file only its owner reads. */
  readonly operatorToken?: string | null;
  readonly logger?: RpcLogger;
  readonly limits?: Partial<RpcLimits>;
}

/** How often Node looks for connections that are over their time. */
const TIMEOUT_CHECK_MS = 1_000;
const SWEEP_INTERVAL_MS = 20;
const MAX_HEADER_BYTES = 16 * 1024;

export class RpcServer {
  readonly #http: Server;
  readonly #webSockets: WebSocketHandler;
  readonly #limits: RpcLimits;
  readonly #release: () => void;
  #closing: Promise<void> | undefined;

  private constructor(http: Server, webSockets: WebSocketHandler, limits: RpcLimits, release: () => void) {
    this.#http = http;
    this.#webSockets = webSockets;
    this.#limits = limits;
    this.#release = release;
  }

  /**
   * Throws UsageError: `rpc/port-in-use`, `rpc/port-denied`, `rpc/address` when it cannot listen there, and
   * `rpc/namespace` for a namespace that does not exist.
   */
  static async start(backend: Backend, options: RpcServerOptions): Promise<RpcServer> {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const logger = options.logger ?? SILENT;
    const namespaces = checkNamespaces(options.namespaces ?? DEFAULT_NAMESPACES);
    const logs = new LogReader(backend.chain, limits);
    const filters = new FilterStore(backend, logs, limits);
    const hub = new SubscriptionHub(logs, limits);
    const services = { backend, limits, logs, filters, fees: new FeeOracle(backend) };
    const dispatcher = new Dispatcher({ methods: METHODS, backend, services, namespaces, logger });
    const gatekeeper = new Gatekeeper({
      virtualHosts: options.virtualHosts ?? ['localhost', '127.0.0.1', '[::1]'],
      corsOrigins: options.corsOrigins ?? [],
      operatorToken: options.operatorToken ?? null,
    });
    const incoming = new ByteBudget(limits.maxIncomingBytes);
    const http = createHttpServer(limits);
    const handler = new HttpHandler(gatekeeper, dispatcher, limits, incoming);
    const webSockets = new WebSocketHandler({ gatekeeper, dispatcher, hub, limits, incoming, logger });
    http.on('request', (request, response) => void handler.handle(request, response));
    // With a listener Node asks before it lets a client send its body, so that a refused one is never sent.
    http.on('checkContinue', (request, response) => void handler.handle(request, response));
    http.on('upgrade', (request, socket, head) => webSockets.upgrade(request, socket, head));
    try {
      await listen(http, options.host ?? '127.0.0.1', options.port);
    } catch (error) {
      webSockets.close();
      throw error;
    }
    const release = listenToNode(backend, filters, hub);
    return new RpcServer(http, webSockets, limits, release);
  }

  /** Where it listens. */
  get address(): { readonly host: string; readonly port: number; readonly url: string } {
    const { address, port, family } = this.#http.address() as AddressInfo;
    return { host: address, port, url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}` };
  }

  /** Ends every connection; resolves when all are closed. Calling it again changes nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#release();
    const closed = new Promise<void>((resolve) => this.#http.close(() => resolve()));
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
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // Others, such as curl's offer of HTTP/2, are answered in HTTP/1.1.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = limits.maxConnections;
  // Nothing moved on the connection: a client that does not read its reply.
  server.timeout = limits.idleTimeoutMs;
  return server;
}

function listenToNode(backend: Backend, filters: FilterStore, hub: SubscriptionHub): () => void {
  const stopHeads = backend.onHead((change) => {
    filters.onHead(change);
    hub.onHead(change);
  });
  const stopTransactions = backend.onPendingTransaction((transaction) => {
    filters.onTransaction(transaction);
    hub.onTransaction(transaction);
  });
  return () => {
    stopHeads();
    stopTransactions();
  };
}

function checkNamespaces(wanted: readonly string[]): ReadonlySet<string> {
  const unknown = wanted.find((namespace) => !NAMESPACES.includes(namespace));
  if (unknown !== undefined) {
    throw new UsageError('rpc/namespace', `There is no RPC namespace "${unknown}"; choose from ${NAMESPACES.join(', ')}.`, { unknown });
  }
  return new Set(wanted);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onError = (error: NodeJS.ErrnoException) => reject(listenError(error, host, port));
  server.once('error', onError);
  server.listen({ host, port }, () => {
    server.off('error', onError);
    resolve();
  });
  return promise;
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): UsageError {
  const fields = { host, port };
  switch (error.code) {
    case 'EADDRINUSE':
      return new UsageError(
        'rpc/port-in-use',
        `Port ${port} on ${host} is in use, perhaps by another node; stop that program or choose another port with --http.port.`,
        fields,
      );
    case 'EACCES':
      return new UsageError('rpc/port-denied', `This user may not listen on port ${port}; choose one above 1023 with --http.port.`, fields);
    default:
      return new UsageError('rpc/address', `Cannot listen on ${host}:${port}; check --http.addr and --http.port`, fields, error);
  }
}
