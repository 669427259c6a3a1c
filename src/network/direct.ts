/**
 * Messages to one peer, each a frame on a stream that stays open. Nothing is promised: a message for somebody who is not
 * connected, or who reads too slowly, is dropped and counted. Order within one stream is kept.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { frame, onFrames } from './frames.ts';
import { MAX_DIRECT_BYTES } from './messages.ts';
import type { Session, Sessions } from './sessions.ts';

/** Waiting for one peer to read them, in our memory. */
const MAX_OUTBOUND_BYTES = 16 * 1024 * 1024;
const MAX_INBOUND_STREAMS = 2;
const OPEN_TIMEOUT_MS = 5_000;

interface Outbox {
  /** Null while it is being opened; what is sent meanwhile waits. */
  stream: Stream | null;
  waiting: Uint8Array[];
  waitingBytes: number;
}

export class Direct {
  readonly #libp2p: Libp2p;
  readonly #sessions: Sessions;
  readonly #protocol: string;
  readonly #onMessage: (bytes: Uint8Array, from: NodeId) => void;
  readonly #onOffence: (peer: NodeId, error: RuleError) => void;
  readonly #outboxes = new Map<NodeId, Outbox>();
  #dropped = 0;

  constructor(
    libp2p: Libp2p,
    sessions: Sessions,
    genesisHash: Hash,
    onMessage: (bytes: Uint8Array, from: NodeId) => void,
    onOffence: (peer: NodeId, error: RuleError) => void,
  ) {
    this.#libp2p = libp2p;
    this.#sessions = sessions;
    this.#protocol = `/synod/${genesisHash.slice(2, 10)}/direct/1`;
    this.#onMessage = onMessage;
    this.#onOffence = onOffence;
  }

  async start(): Promise<void> {
    const limits = { maxInboundStreams: MAX_INBOUND_STREAMS, maxOutboundStreams: MAX_INBOUND_STREAMS };
    await this.#libp2p.handle(this.#protocol, (stream, connection) => this.#receive(stream, connection), limits);
  }

  get outboxes(): number {
    return this.#outboxes.size;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Throws RuleError `network/too-large`; everything else that stands in the way is message loss. */
  send(to: NodeId, message: Uint8Array): void {
    if (message.length > MAX_DIRECT_BYTES) {
      throw new RuleError('network/too-large', `A message of ${message.length} bytes; at most ${MAX_DIRECT_BYTES} are allowed.`);
    }
    const session = this.#sessions.get(to);
    if (session === undefined) {
      this.#dropped += 1;
      return;
    }
    const outbox = this.#outboxes.get(to) ?? this.#open(session);
    const pendingBytes = outbox.stream?.writeBufferLength ?? outbox.waitingBytes;
    if (pendingBytes + message.length > MAX_OUTBOUND_BYTES) {
      this.#dropped += 1;
    } else if (outbox.stream === null) {
      outbox.waiting.push(message);
      outbox.waitingBytes += message.length;
    } else {
      this.#write(to, outbox.stream, message);
    }
  }

  forget(peer: NodeId): void {
    this.#outboxes.delete(peer);
  }

  #open(session: Session): Outbox {
    const outbox: Outbox = { stream: null, waiting: [], waitingBytes: 0 };
    this.#outboxes.set(session.id, outbox);
    void this.#connect(session, outbox);
    return outbox;
  }

  async #connect(session: Session, outbox: Outbox): Promise<void> {
    const forget = () => {
      if (this.#outboxes.get(session.id) === outbox) this.#outboxes.delete(session.id);
    };
    try {
      const [connection] = session.connections;
      if (connection === undefined) throw new RuleError('network/not-connected', `${session.id} is not connected.`);
      const stream = await connection.newStream(this.#protocol, { signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) });
      stream.addEventListener('close', forget);
      if (stream.status !== 'open') forget();
      outbox.stream = stream;
      for (const message of outbox.waiting) this.#write(session.id, stream, message);
    } catch {
      this.#dropped += outbox.waiting.length;
      forget();
    }
    outbox.waiting = [];
    outbox.waitingBytes = 0;
  }

  #write(to: NodeId, stream: Stream, message: Uint8Array): void {
    try {
      stream.send(frame(message));
    } catch {
      // It closed under us; the next message opens another.
      this.#dropped += 1;
      this.#outboxes.delete(to);
    }
  }

  async #receive(stream: Stream, connection: Connection): Promise<void> {
    const session = await this.#sessions.whenReady(connection);
    if (session === null) throw new RuleError('network/no-handshake', 'A message before the handshake.');
    onFrames(
      stream,
      MAX_DIRECT_BYTES,
      (message) => this.#onMessage(message, session.id),
      (error) => {
        if (error instanceof RuleError) this.#onOffence(session.id, error);
      },
    );
  }
}
