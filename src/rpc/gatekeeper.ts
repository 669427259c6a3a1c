/**
 * Who may talk to the server at all, decided from the request's headers before anything else is read.
 *
 * Host: a page of a stranger whose name resolves to this machine (DNS rebinding) sends its own name as Host, so only
 * names that the operator listed are served, and the address on which the connection came in, which cannot be rebound.
 * Origin: no other site may read answers (CORS) or open a WebSocket unless it is listed.
 * Token: shows that the caller is the operator, for whom every namespace is open.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

export interface GatekeeperOptions {
  /** Host names without port; `*` for any. */
  readonly virtualHosts: readonly string[];
  /** Origins such as `https://app.example`; `*` for any. */
  readonly corsOrigins: readonly string[];
  /** What an operator's bearer token is compared with; null when there are no tokens. */
  readonly operatorToken: string | null;
}

/** A page that was loaded from this machine may open a WebSocket, as with geth: dapps in development. */
const LOCAL_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '::1'];

/** Of 16 bits each. */
const IPV6_GROUPS = 8;

export class Gatekeeper {
  readonly #options: GatekeeperOptions;
  readonly #hosts: ReadonlySet<string>;
  /** The last that was asked for. */
  #host: { readonly given: string; readonly name: string | undefined } = { given: '', name: undefined };

  constructor(options: GatekeeperOptions) {
    this.#options = options;
    this.#hosts = new Set(options.virtualHosts.map((host) => bareHost(host.toLowerCase())));
  }

  /** A request without Host (HTTP/1.0) cannot come from a browser and is served. */
  allowsHost(request: IncomingMessage): boolean {
    const { host } = request.headers;
    if (host === undefined || this.#hosts.has('*')) return true;
    // Clients repeat themselves, and a URL takes longer to take apart than many a request to answer.
    if (host !== this.#host.given) this.#host = { given: host, name: hostOf(`http://${host}`) };
    const { name } = this.#host;
    return name !== undefined && (this.#hosts.has(name) || name === plainAddress(request.socket.localAddress));
  }

  /** Whether a page of this origin may read answers over HTTP. */
  allowsCors(origin: string): boolean {
    const { corsOrigins } = this.#options;
    return corsOrigins.includes('*') || corsOrigins.includes(origin);
  }

  /** Browsers send WebSockets without asking first, so the origin is checked here; programs send none. */
  allowsWebSocket(request: IncomingMessage): boolean {
    const { origin, host } = request.headers;
    if (origin === undefined || this.allowsCors(origin)) return true;
    const name = hostOf(origin);
    return name !== undefined && (LOCAL_HOSTS.includes(name) || new URL(origin).host === host);
  }

  /** 'wrong' for a token that is not the operator's, so that a typing error is not taken for a missing method. */
  role(request: IncomingMessage): 'operator' | 'anyone' | 'wrong' {
    const { operatorToken } = this.#options;
    const { authorization } = request.headers;
    if (authorization === undefined || operatorToken === null) return 'anyone';
    return sameText(authorization, `Bearer ${operatorToken}`) ? 'operator' : 'wrong';
  }
}

/**
 * Whom a request counts for where clients take turns: its address, as the connection has it (headers can be made up); with IPv6 the
 * first 64 bits, since whoever has one address mostly has all that begin so (RFC 4291 2.5.4). Programs on this machine, and whoever
 * comes through a proxy on it, are told apart by their connections.
 */
export function clientOf({ remoteAddress = '', remotePort }: Socket): string {
  const address = plainAddress(remoteAddress) ?? '';
  const isLocal = address === '::1' || address.startsWith('127.');
  if (isLocal) return `${address} ${remotePort}`;
  return address.includes(':') ? subnetOf(address) : address;
}

/** `2001:db8:0:7::/64` of `2001:db8::7:0:0:0:1`: the text leaves out zeros at one place (RFC 5952). */
function subnetOf(address: string): string {
  const [left = [], right = []] = address.split('::').map((part) => part.split(':'));
  const zeros = Array<string>(Math.max(0, IPV6_GROUPS - left.length - right.length)).fill('0');
  const prefix = [...left, ...zeros, ...right].slice(0, IPV6_GROUPS / 2).map((group) => group || '0');
  return `${prefix.join(':')}::/64`;
}

/** The host of an origin without port and brackets; undefined for what is no origin (RFC 6454). */
function hostOf(origin: string): string | undefined {
  const url = URL.parse(origin);
  const isBare = url !== null && url.pathname === '/' && url.username === '' && url.hostname !== '';
  return isBare ? bareHost(url.hostname) : undefined;
}

function bareHost(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

/** IPv4 addresses arrive as `::ffff:127.0.0.1` on a socket that serves both families. */
function plainAddress(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:/, '');
}

/** Compares digests, whose lengths are equal, in constant time. */
function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
