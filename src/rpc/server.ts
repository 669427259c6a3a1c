/**
 * The RPC server: HTTP and WebSocket on one public port, and the operator's private socket beside it, over one table of
 * methods. Start it with `RpcServer.start`, stop it with `close`, which never hangs.
 */
import { UsageError } from '../base/errors.ts';
import { type Backend, type RpcLogger, SILENT } from './backend.ts';
import { Dispatcher } from './dispatch.ts';
import { Endpoint, type EndpointOptions } from './endpoint.ts';
import { FeeOracle } from './fee-oracle.ts';
import { FilterStore } from './filters.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { ByteBudget, DEFAULT_LIMITS, type RpcLimits } from './limits.ts';
import { LogReader } from './logs.ts';
import { DEFAULT_NAMESPACES, METHODS, NAMESPACES } from './methods.ts';
import { SubscriptionHub } from './subscriptions.ts';

export interface RpcServerOptions {
  /** An address of this machine; by default only programs on this machine can connect. */
  readonly host?: string;
  /** 0 takes a free one; null for no public port. */
  readonly port: number | null;
  /** Open to everybody who can connect (`--http.api`). */
  readonly namespaces?: readonly string[];
  /** Host names that are served (`--http.vhosts`); the address itself always is. */
  readonly virtualHosts?: readonly string[];
  /** Origins whose pages may read answers (`--http.corsdomain`); none by default. */
  readonly corsOrigins?: readonly string[];
  /** Whoever sends it as a bearer token may call every namespace; kept by the node in a file only its owner reads. */
  readonly operatorToken?: string | null;
  /** A Unix socket that serves every namespace, with mode 0600; null for none. */
  readonly socketPath?: string | null;
  readonly logger?: RpcLogger;
  readonly limits?: Partial<RpcLimits>;
}

export const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_VIRTUAL_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

export class RpcServer {
  /** Where the public port is; null when there is none. */
  readonly address: { readonly host: string; readonly port: number; readonly url: string } | null;
  readonly #endpoints: readonly Endpoint[];
  readonly #release: () => void;
  #closing: Promise<void> | undefined;

  private constructor(address: RpcServer['address'], endpoints: readonly Endpoint[], release: () => void) {
    this.address = address;
    this.#endpoints = endpoints;
    this.#release = release;
  }

  /**
   * Throws UsageError: `rpc/port-in-use`, `rpc/port-denied`, `rpc/address` when it cannot listen there, and
   * `rpc/namespace` for a namespace that does not exist.
   */
  static async start(backend: Backend, options: RpcServerOptions): Promise<RpcServer> {
    const { port, socketPath = null, host = DEFAULT_HOST } = options;
    const parts = assemble(backend, options);
    const open = new Endpoint({ ...parts, gatekeeper: publicGatekeeper(options) });
    const owner = new Endpoint({ ...parts, gatekeeper: Gatekeeper.forOperator() });
    try {
      if (port !== null) await open.listen({ host, port });
      if (socketPath !== null) await owner.listen({ path: socketPath });
    } catch (error) {
      await Promise.all([open.close(), owner.close()]);
      throw error;
    }
    const address = port === null ? null : addressOf(host, open.port);
    return new RpcServer(address, [open, owner], listenToNode(backend, parts.filters, parts.hub));
  }

  /** Ends every connection; resolves when all are closed. Calling it again changes nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#release();
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.close()));
  }
}

/** What all endpoints share. */
function assemble(backend: Backend, options: RpcServerOptions): Omit<EndpointOptions, 'gatekeeper'> & { readonly filters: FilterStore } {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const logger = options.logger ?? SILENT;
  const namespaces = checkNamespaces(options.namespaces ?? DEFAULT_NAMESPACES);
  const logs = new LogReader(backend.chain, limits);
  const filters = new FilterStore(backend, logs, limits);
  const services = { backend, limits, logs, filters, fees: new FeeOracle(backend) };
  return {
    limits,
    logger,
    filters,
    hub: new SubscriptionHub(logs, limits),
    incoming: new ByteBudget(limits.maxIncomingBytes),
    dispatcher: new Dispatcher({ methods: METHODS, services, namespaces, logger }),
  };
}

function publicGatekeeper(options: RpcServerOptions): Gatekeeper {
  return new Gatekeeper({
    virtualHosts: options.virtualHosts ?? DEFAULT_VIRTUAL_HOSTS,
    corsOrigins: options.corsOrigins ?? [],
    operatorToken: options.operatorToken ?? null,
  });
}

function checkNamespaces(wanted: readonly string[]): ReadonlySet<string> {
  const unknown = wanted.find((namespace) => !NAMESPACES.includes(namespace));
  if (unknown !== undefined) {
    throw new UsageError('rpc/namespace', `There is no RPC namespace "${unknown}"; choose from ${NAMESPACES.join(', ')}.`, { unknown });
  }
  return new Set(wanted);
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

function addressOf(host: string, port: number): { host: string; port: number; url: string } {
  return { host, port, url: `http://${host.includes(':') ? `[${host}]` : host}:${port}` };
}
