/**
 * The RPC server: HTTP and WebSocket on one port, over one table of methods. Start it with `RpcServer.start`, stop it
 * with `close`, which never hangs.
 */
import { explain, UsageError } from '../base/errors.ts';
import { type Backend, type HeadChange, type RpcLogger, SILENT, type TransactionView } from './backend.ts';
import { Dispatcher, type RequestObserver } from './dispatch.ts';
import { Endpoint } from './endpoint.ts';
import { FeeOracle } from './fee-oracle.ts';
import { FilterStore } from './filters.ts';
import { Gatekeeper } from './gatekeeper.ts';
import type { PageSource } from './http.ts';
import { ByteBudget, DEFAULT_LIMITS, type RpcLimits } from './limits.ts';
import { LogReader } from './logs.ts';
import { DEFAULT_NAMESPACES, METHODS, NAMESPACES } from './methods.ts';
import { SubscriptionHub } from './subscriptions.ts';
import { receiptsIn } from './transactions.ts';

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
  /** Served beside JSON-RPC, on the same port. */
  readonly pages?: PageSource | null;
  /** Told how long each call took. */
  readonly onRequest?: RequestObserver;
}

export interface RpcSizes {
  readonly subscriptions: number;
  readonly filters: number;
}

export const DEFAULT_HOST = '127.0.0.1';
/** What a port says about itself. */
const ALWAYS_OPEN: readonly string[] = ['rpc'];
const DEFAULT_VIRTUAL_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

export class RpcServer {
  readonly address: { readonly host: string; readonly port: number; readonly url: string };
  readonly #endpoint: Endpoint;
  readonly #release: () => void;
  readonly #sizes: () => RpcSizes;
  #closing: Promise<void> | undefined;

  private constructor(host: string, endpoint: Endpoint, release: () => void, sizes: () => RpcSizes) {
    const { port } = endpoint;
    this.address = { host, port, url: `http://${host.includes(':') ? `[${host}]` : host}:${port}` };
    this.#endpoint = endpoint;
    this.#release = release;
    this.#sizes = sizes;
  }

  /**
   * Throws UsageError: `rpc/port-in-use`, `rpc/port-denied`, `rpc/address` when it cannot listen there, and
   * `rpc/namespace` for a namespace that does not exist.
   */
  static async start(backend: Backend, options: RpcServerOptions): Promise<RpcServer> {
    const { port, host = DEFAULT_HOST, logger = SILENT, pages = null } = options;
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const namespaces = checkNamespaces(options.namespaces ?? DEFAULT_NAMESPACES);
    const logs = new LogReader(backend.chain, limits);
    const filters = new FilterStore(backend, logs, limits);
    const hub = new SubscriptionHub(logs, (node, wanted) => receiptsIn(backend, node, wanted), limits);
    const services = { backend, limits, logs, filters, fees: new FeeOracle(backend) };
    const dispatcher = new Dispatcher({ methods: METHODS, services, namespaces, logger, onRequest: options.onRequest });
    const incoming = new ByteBudget(limits.maxIncomingBytes);
    const endpoint = new Endpoint({ gatekeeper: gatekeeperOf(options), dispatcher, hub, limits, incoming, logger, pages });
    try {
      await endpoint.listen({ host, port });
    } catch (error) {
      await endpoint.close();
      throw error;
    }
    const sizes = () => ({ subscriptions: hub.size, filters: filters.size });
    return new RpcServer(host, endpoint, listenToNode(backend, logger, [filters, hub]), sizes);
  }

  /** How much it holds for clients. */
  sizes(): RpcSizes {
    return this.#sizes();
  }

  /** Ends every connection; resolves when all are closed. Calling it again changes nothing. */
  close(): Promise<void> {
    this.#release();
    this.#closing ??= this.#endpoint.close();
    return this.#closing;
  }
}

function gatekeeperOf(options: RpcServerOptions): Gatekeeper {
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
  return new Set([...wanted, ...ALWAYS_OPEN]);
}

/** What filters and subscriptions hear. */
interface Audience {
  onHead(change: HeadChange): void;
  onTransaction(transaction: TransactionView): void;
}

/** The node that tells them must not suffer when they cannot follow (a block that storage cannot read, say). */
function listenToNode(backend: Backend, logger: RpcLogger, audiences: readonly Audience[]): () => void {
  const tell = (news: (audience: Audience) => void) => {
    for (const audience of audiences) {
      try {
        news(audience);
      } catch (error) {
        logger.error('RPC clients could not be told of a change', { error: explain(error) });
      }
    }
  };
  const stopHeads = backend.onHead((change) => tell((audience) => audience.onHead(change)));
  const stopTransactions = backend.onPendingTransaction((transaction) => tell((audience) => audience.onTransaction(transaction)));
  return () => {
    stopHeads();
    stopTransactions();
  };
}
