/**
 * Who may be heard. Every connection begins with an exchange of statuses; until it has shown that both sides are in the
 * same network, nothing else of the peer is listened to (see `whenReady`), and a connection that does not get there in
 * time is closed. The side that dialled speaks first. Later the same exchange tells of new heads.
 *
 * A session is a peer with at least one connection that passed. A peer may hold two for a while, when both dialled at
 * once; it is one session.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface';
import { RuleError } from '../base/errors.ts';
import { NodeId } from '../base/types.ts';
import { readFrame, writeFrame } from './frames.ts';
import { decodeStatus, encodeStatus, incompatibility, MAX_STATUS_BYTES, type Status } from './messages.ts';
import { TokenBucket } from './token-bucket.ts';

/** Without the genesis hash in its name, so that nodes of two networks can still tell each other why they part. */
export const STATUS_PROTOCOL = '/synod/status/1';
const MAX_STATUS_STREAMS = 4;
/** A node announces its head at most this often: a stream of its own each time, dearer than the messages that decide a block. */
const ANNOUNCE_INTERVAL_MS = 1_000;
/** What a peer may ask of us: each request costs one token, and its answer costs more by its size. */
const REQUESTS_PER_SECOND = 50;
const REQUESTS_BURST = 200;
/** Statuses are counted apart: whoever downloads so fast that it is in debt must still be able to say how far it is. */
const STATUSES_PER_SECOND = 50;
const STATUSES_BURST = 200;

export interface Session {
  readonly id: NodeId;
  readonly peerId: PeerId;
  /** As the peer last told. */
  status: Status;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
  /** Round trip of the handshake, until the first ping is measured. */
  readonly handshakeMs: number;
  /** Open, handshake passed, oldest first. Never empty while the session lives. */
  readonly connections: Connection[];
  readonly requests: TokenBucket;
  readonly statuses: TokenBucket;
  announcing: boolean;
  announceAgain: boolean;
}

export interface SessionHandlers {
  ourStatus(): Status;
  onReady(session: Session): void;
  onStatus(session: Session): void;
  onGone(session: Session): void;
  /** The handshake failed: the peer is of another network, silent, or speaks something else. */
  onFailed(connection: Connection, error: RuleError): void;
}

interface Pending {
  readonly settled: Promise<Session | null>;
  readonly settle: (session: Session | null) => void;
  readonly timer: NodeJS.Timeout;
}

export class Sessions {
  readonly #libp2p: Libp2p;
  readonly #handlers: SessionHandlers;
  readonly #timeoutMs: number;
  /** By connection id. Bounded by the limit on connections. */
  readonly #pending = new Map<string, Pending>();
  readonly #sessions = new Map<NodeId, Session>();
  readonly #stopped = new AbortController();

  constructor(libp2p: Libp2p, handlers: SessionHandlers, timeoutMs: number) {
    this.#libp2p = libp2p;
    this.#handlers = handlers;
    this.#timeoutMs = timeoutMs;
    libp2p.addEventListener('connection:open', (event) => this.#opened(event.detail));
    libp2p.addEventListener('connection:close', (event) => this.#closed(event.detail));
  }

  async start(): Promise<void> {
    const limits = { maxInboundStreams: MAX_STATUS_STREAMS, maxOutboundStreams: MAX_STATUS_STREAMS };
    await this.#libp2p.handle(STATUS_PROTOCOL, (stream, connection) => this.#answer(stream, connection), limits);
  }

  stop(): void {
    this.#stopped.abort();
    for (const pending of this.#pending.values()) clearTimeout(pending.timer);
  }

  get size(): number {
    return this.#sessions.size;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  get(id: NodeId): Session | undefined {
    return this.#sessions.get(id);
  }

  all(): ReadonlyMap<NodeId, Session> {
    return this.#sessions;
  }

  /** The session of this connection once its handshake has passed; null when it failed or the connection is gone. */
  whenReady(connection: Connection): Promise<Session | null> {
    const pending = this.#pending.get(connection.id);
    if (pending !== undefined) return pending.settled;
    const session = this.#sessions.get(nodeId(connection.remotePeer));
    return Promise.resolve(session?.connections.includes(connection) === true ? session : null);
  }

  /** Tells every peer our status, and learns theirs. */
  announce(): void {
    for (const session of this.#sessions.values()) void this.#announceTo(session);
  }

  #opened(connection: Connection): void {
    const { promise, resolve } = Promise.withResolvers<Session | null>();
    const timer = setTimeout(() => this.#fail(connection, timedOut(this.#timeoutMs)), this.#timeoutMs);
    this.#pending.set(connection.id, { settled: promise, settle: resolve, timer });
    if (connection.direction === 'outbound') void this.#greet(connection);
  }

  async #greet(connection: Connection): Promise<void> {
    try {
      await this.#exchange(connection);
    } catch (error) {
      this.#fail(connection, handshakeError(error));
    }
  }

  async #exchange(connection: Connection): Promise<void> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const startMs = performance.now();
    const stream = await connection.newStream(STATUS_PROTOCOL, { signal });
    try {
      await writeFrame(stream, encodeStatus(this.#handlers.ourStatus()), signal);
      // Judged at once: whoever parts with us closes the connection right behind its answer.
      this.#judge(connection, decodeStatus(await readFrame(stream, MAX_STATUS_BYTES, signal)), performance.now() - startMs);
      await stream.close({ signal });
    } catch (error) {
      stream.abort(error as Error);
      throw error;
    }
  }

  async #answer(stream: Stream, connection: Connection): Promise<void> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const startMs = performance.now();
    try {
      const session = this.#sessions.get(nodeId(connection.remotePeer));
      if (session?.statuses.take(1, performance.now()) === false) throw new RuleError('network/flood', 'Too many status messages.');
      const theirs = decodeStatus(await readFrame(stream, MAX_STATUS_BYTES, signal));
      await writeFrame(stream, encodeStatus(this.#handlers.ourStatus()), signal);
      this.#judge(connection, theirs, performance.now() - startMs);
      await stream.close({ signal });
    } catch (error) {
      stream.abort(error as Error);
      this.#fail(connection, handshakeError(error));
    }
  }

  #judge(connection: Connection, theirs: Status, handshakeMs: number): void {
    const error = incompatibility(this.#handlers.ourStatus(), theirs);
    if (error !== null) return this.#fail(connection, error);
    const pending = this.#pending.get(connection.id);
    const session = this.#sessions.get(nodeId(connection.remotePeer));
    if (pending !== undefined) return this.#admit(connection, pending, theirs, handshakeMs);
    if (session === undefined) return;
    session.status = theirs;
    this.#handlers.onStatus(session);
  }

  #admit(connection: Connection, pending: Pending, status: Status, handshakeMs: number): void {
    clearTimeout(pending.timer);
    this.#pending.delete(connection.id);
    const id = nodeId(connection.remotePeer);
    const known = this.#sessions.get(id);
    if (known !== undefined) {
      const earlier = [...known.connections];
      known.connections.push(connection);
      known.status = status;
      pending.settle(known);
      this.#handlers.onStatus(known);
      for (const other of earlier) void this.#probe(other);
      return;
    }
    const session: Session = {
      id,
      peerId: connection.remotePeer,
      status,
      sinceMs: Date.now(),
      handshakeMs,
      connections: [connection],
      requests: new TokenBucket(REQUESTS_PER_SECOND, REQUESTS_BURST, performance.now()),
      statuses: new TokenBucket(STATUSES_PER_SECOND, STATUSES_BURST, performance.now()),
      announcing: false,
      announceAgain: false,
    };
    this.#sessions.set(id, session);
    this.#handlers.onReady(session);
    pending.settle(session);
  }

  /**
   * A peer that comes again may have lost its earlier connection without a word: its power failed, or it has another address now.
   * What is said on that one would be lost until pings find out, half a minute later.
   */
  async #probe(connection: Connection): Promise<void> {
    try {
      await this.#exchange(connection);
    } catch (error) {
      connection.abort(handshakeError(error));
    }
  }

  /** A connection that once passed is not ended by a later exchange that only came to nothing. */
  #fail(connection: Connection, error: RuleError): void {
    const wasPending = this.#settleNull(connection);
    if (!wasPending && !error.blame) return;
    this.#handlers.onFailed(connection, error);
    // Gracefully: our status is what tells the other side its reason.
    connection.close().catch((cause: Error) => connection.abort(cause));
  }

  #closed(connection: Connection): void {
    this.#settleNull(connection);
    const session = this.#sessions.get(nodeId(connection.remotePeer));
    const index = session?.connections.indexOf(connection) ?? -1;
    if (session === undefined || index < 0) return;
    session.connections.splice(index, 1);
    if (session.connections.length > 0) return;
    this.#sessions.delete(session.id);
    this.#handlers.onGone(session);
  }

  /** False when it was settled before. */
  #settleNull(connection: Connection): boolean {
    const pending = this.#pending.get(connection.id);
    if (pending === undefined) return false;
    clearTimeout(pending.timer);
    this.#pending.delete(connection.id);
    pending.settle(null);
    return true;
  }

  /** One exchange at a time for each peer; what is announced meanwhile is told in the next. */
  async #announceTo(session: Session): Promise<void> {
    session.announceAgain = session.announcing;
    if (session.announcing) return;
    session.announcing = true;
    try {
      const [connection] = session.connections;
      if (connection !== undefined) await this.#exchange(connection);
      await delay(ANNOUNCE_INTERVAL_MS, undefined, { signal: this.#stopped.signal, ref: false });
    } catch {
      // Lost like any message; the next announcement makes up for it.
    }
    session.announcing = false;
    if (session.announceAgain && this.#sessions.get(session.id) === session) void this.#announceTo(session);
  }
}

export function nodeId(peerId: PeerId): NodeId {
  return NodeId(peerId.toString());
}

function timedOut(timeoutMs: number): RuleError {
  return new RuleError(
    'network/handshake-timeout',
    `The peer did not tell its status within ${timeoutMs} ms.`,
    { timeoutMs },
    { blame: false },
  );
}

/** What the peer did wrong keeps its code; a stream that merely broke is nobody's fault. */
function handshakeError(error: unknown): RuleError {
  if (error instanceof RuleError) return error;
  return new RuleError(
    'network/handshake',
    'The peer ended the handshake or does not speak this protocol.',
    {},
    { blame: false, cause: error },
  );
}
