/**
 * Questions between two peers: one stream each, one frame there, one frame back. Sizes are bounded before reading, every
 * request ends within its time, what a peer may ask is limited by a token bucket, and an answer that would grow too
 * large ends early: whoever asked goes on from there.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { explain, RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { MAX_PROVEN_BLOCK_BYTES } from '../chain/block.ts';
import { readFrame, writeFrame } from './frames.ts';
import type { LinkFaults } from './link-faults.ts';
import {
  decodeHashes,
  decodeHeadersRequest,
  decodeResponse,
  encodeHashes,
  encodeHeadersRequest,
  encodeRefusal,
  encodeResponse,
  type HeadersRequest,
  MAX_ADDRESS_BYTES,
  MAX_ADDRESSES,
  MAX_BLOCK_HASHES,
  MAX_HEADER_BYTES,
  MAX_HEADERS,
  MAX_REQUEST_BYTES,
  MAX_RESPONSE_BYTES,
  MAX_TRANSACTIONS,
  MAX_TRANSACTIONS_BYTES,
  TARGET_RESPONSE_BYTES,
} from './messages.ts';
import type { Session, Sessions } from './sessions.ts';

/** Of one kind, with one peer, in each direction. */
export const MAX_CONCURRENT_REQUESTS = 4;
/** An answer of this many bytes costs the asking peer as much as another request. */
const BYTES_PER_TOKEN = 256 * 1024;

export interface Served {
  serveHeaders(request: HeadersRequest): readonly Uint8Array[];
  /** One block at a time, so that an answer can end early. Unknown ones are left out. */
  serveBlocks(hashes: readonly Hash[]): readonly Uint8Array[];
  serveTransactions(): readonly Uint8Array[];
  /** For the peer of this session. */
  serveAddresses(session: Session): readonly string[];
}

type Kind = 'headers' | 'blocks' | 'transactions' | 'addresses';
const KINDS: readonly Kind[] = ['headers', 'blocks', 'transactions', 'addresses'];

export class Requests {
  readonly #libp2p: Libp2p;
  readonly #sessions: Sessions;
  readonly #served: Served;
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #onOffence: (peer: NodeId, error: RuleError) => void;
  readonly #links: LinkFaults;
  readonly #active = new Map<string, number>();

  constructor(
    libp2p: Libp2p,
    sessions: Sessions,
    served: Served,
    genesisHash: Hash,
    timeoutMs: number,
    onOffence: (peer: NodeId, error: RuleError) => void,
    links: LinkFaults,
  ) {
    this.#libp2p = libp2p;
    this.#sessions = sessions;
    this.#served = served;
    this.#prefix = `/synod/${genesisHash.slice(2, 10)}`;
    this.#timeoutMs = timeoutMs;
    this.#onOffence = onOffence;
    this.#links = links;
  }

  async start(): Promise<void> {
    const limits = { maxInboundStreams: MAX_CONCURRENT_REQUESTS, maxOutboundStreams: MAX_CONCURRENT_REQUESTS };
    for (const kind of KINDS) {
      await this.#libp2p.handle(this.#protocol(kind), (stream, connection) => this.#serve(kind, stream, connection), limits);
    }
  }

  get active(): number {
    return this.#active.size;
  }

  /** Encoded sealed headers, ascending. */
  async headers(peer: NodeId, request: HeadersRequest): Promise<readonly Uint8Array[]> {
    const limit = Math.min(request.limit, MAX_HEADERS);
    return this.#ask(peer, 'headers', encodeHeadersRequest({ ...request, limit }), limit, MAX_HEADER_BYTES);
  }

  /** Encoded blocks in the order asked for, without those the peer does not have or that exceed one response. */
  async blocks(peer: NodeId, hashes: readonly Hash[]): Promise<readonly Uint8Array[]> {
    const asked = hashes.slice(0, MAX_BLOCK_HASHES);
    return this.#ask(peer, 'blocks', encodeHashes(asked), asked.length, MAX_PROVEN_BLOCK_BYTES);
  }

  /** Some of the transactions that are pending there. */
  async transactions(peer: NodeId): Promise<readonly Uint8Array[]> {
    return this.#ask(peer, 'transactions', new Uint8Array(0), MAX_TRANSACTIONS, MAX_TRANSACTIONS_BYTES);
  }

  /** Multiaddrs of some of its peers. Nothing is promised of them. */
  async addresses(peer: NodeId): Promise<readonly string[]> {
    const answer = await this.#ask(peer, 'addresses', new Uint8Array(0), MAX_ADDRESSES, MAX_ADDRESS_BYTES);
    return answer.map((bytes) => new TextDecoder().decode(bytes));
  }

  #protocol(kind: Kind): string {
    return `${this.#prefix}/${kind}/1`;
  }

  /**
   * Throws RuleError: `network/not-connected`, `network/busy`, `network/timeout`, `network/refused`, `network/closed`
   * (all without blame), or what is wrong with the answer, which is also counted against the peer.
   */
  async #ask(peer: NodeId, kind: Kind, request: Uint8Array, maxItems: number, maxItemBytes: number): Promise<readonly Uint8Array[]> {
    const [connection] = this.#sessions.get(peer)?.connections ?? [];
    if (connection === undefined) throw quiet('network/not-connected', `${peer} is not connected.`);
    const key = `${kind} ${peer}`;
    const active = this.#active.get(key) ?? 0;
    if (active >= MAX_CONCURRENT_REQUESTS) throw quiet('network/busy', `${active} requests for ${kind} to ${peer} are already under way.`);
    this.#active.set(key, active + 1);
    try {
      return await this.#exchange(peer, connection, kind, request, maxItems, maxItemBytes);
    } catch (error) {
      const reason = this.#reason(error, kind, peer);
      if (reason.blame) this.#onOffence(peer, reason);
      throw reason;
    } finally {
      const left = (this.#active.get(key) ?? 1) - 1;
      if (left === 0) this.#active.delete(key);
      else this.#active.set(key, left);
    }
  }

  async #exchange(
    peer: NodeId,
    connection: Connection,
    kind: Kind,
    request: Uint8Array,
    maxItems: number,
    maxItemBytes: number,
  ): Promise<readonly Uint8Array[]> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const stream = await connection.newStream(this.#protocol(kind), { signal });
    try {
      await writeFrame(stream, request, signal);
      const bytes = await readFrame(stream, MAX_RESPONSE_BYTES, signal);
      await this.#arrival(peer, bytes.length, signal);
      const answer = decodeResponse(bytes, kind, maxItems, maxItemBytes);
      await stream.close({ signal });
      return answer;
    } catch (error) {
      stream.abort(error as Error);
      throw error;
    }
  }

  /** Resolves when what was read has come over a link that may be slow. What is lost on it never does: rejects when time is up. */
  #arrival(from: NodeId, bytes: number, signal: AbortSignal): Promise<void> {
    if (!this.#links.has(from)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#links.pass(from, bytes, resolve);
    });
  }

  #reason(error: unknown, kind: Kind, peer: NodeId): RuleError {
    if (error instanceof RuleError) return error;
    if (error instanceof DOMException && error.name === 'TimeoutError') {
      return quiet('network/timeout', `${peer} did not answer a request for ${kind} within ${this.#timeoutMs} ms.`, error);
    }
    return quiet('network/closed', `The request for ${kind} to ${peer} broke off: ${explain(error)}.`, error);
  }

  async #serve(kind: Kind, stream: Stream, connection: Connection): Promise<void> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    try {
      const session = await this.#sessions.whenReady(connection);
      if (session === null) throw quiet('network/no-handshake', 'A request before the handshake.');
      const request = await readFrame(stream, MAX_REQUEST_BYTES, signal);
      await this.#arrival(session.id, request.length, signal);
      await writeFrame(stream, this.#answer(kind, session, request), signal);
      await stream.close({ signal });
    } catch (error) {
      stream.abort(error as Error);
      const session = await this.#sessions.whenReady(connection);
      if (session !== null && error instanceof RuleError && error.blame) this.#onOffence(session.id, error);
    }
  }

  #answer(kind: Kind, session: Session, request: Uint8Array): Uint8Array {
    if (!session.requests.take(1, performance.now())) return encodeRefusal('network/flood');
    const items = this.#lookUp(kind, session, request);
    const bytes = items.reduce((sum, item) => sum + item.length, 0);
    session.requests.borrow(Math.floor(bytes / BYTES_PER_TOKEN), performance.now());
    return encodeResponse(items);
  }

  #lookUp(kind: Kind, session: Session, request: Uint8Array): Uint8Array[] {
    switch (kind) {
      case 'headers': {
        const asked = decodeHeadersRequest(request);
        return upTo(asked.limit, TARGET_RESPONSE_BYTES, this.#served.serveHeaders(asked));
      }
      case 'blocks':
        return upTo(MAX_BLOCK_HASHES, TARGET_RESPONSE_BYTES, this.#blocks(decodeHashes(request)));
      case 'transactions':
        return upTo(MAX_TRANSACTIONS, TARGET_RESPONSE_BYTES, this.#served.serveTransactions());
      case 'addresses':
        return this.#served
          .serveAddresses(session)
          .slice(0, MAX_ADDRESSES)
          .map((address) => new TextEncoder().encode(address));
    }
  }

  /** Loaded one by one, as far as the answer goes. */
  *#blocks(hashes: readonly Hash[]): Generator<Uint8Array> {
    for (const hash of hashes) yield* this.#served.serveBlocks([hash]);
  }
}

/** As many as fit, and the first in any case. */
function upTo(maxItems: number, targetBytes: number, items: Iterable<Uint8Array>): Uint8Array[] {
  const taken: Uint8Array[] = [];
  let bytes = 0;
  for (const item of items) {
    if (taken.length > 0 && bytes + item.length > targetBytes) break;
    taken.push(item);
    bytes += item.length;
    if (taken.length === maxItems) break;
  }
  return taken;
}

function quiet(code: string, message: string, cause?: unknown): RuleError {
  return new RuleError(code, message, {}, { blame: false, cause });
}
