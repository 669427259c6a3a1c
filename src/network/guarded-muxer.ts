/**
 * yamux behind a guard that sees every byte of a connection first.
 *
 * The library's decoder collects a data frame until it is whole and only then compares its length with the window that
 * was granted, so a peer that announces 4 GiB and keeps sending fills the memory (yamux specification, "Flow control":
 * a sender must never exceed the window). The guard reads the 12-byte frame headers itself and ends the connection at
 * the first frame that no window of ours allows. It also slows a connection down that brings bytes or frames faster
 * than a node could use: the socket is left unread for a moment, so that the sender, not our memory, has to wait.
 */
import type { MessageStream, StreamMessageEvent, StreamMuxerFactory } from '@libp2p/interface';
import { yamux } from '@libp2p/yamux';
import { RuleError } from '../base/errors.ts';
import { TokenBucket } from './token-bucket.ts';

/** The most that a stream may have in flight towards us, so also the largest frame. */
export const MAX_WINDOW_BYTES = 1024 * 1024;
export const MAX_STREAMS = 32;
const HEADER_BYTES = 12;
const DATA_FRAME = 0;
/** More than the 15 MB/s that gossip was measured to carry, in bytes a second for each connection. */
const BYTES_PER_SECOND = 64 * 1024 * 1024;
/** What each frame costs in addition, so that floods of tiny ones are slowed down too: about 64,000 a second. */
const FRAME_COST_BYTES = 1024;

/** Follows yamux frames in a stream of bytes that comes in any pieces. */
export class FrameWatch {
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #payloadBytes = 0;

  /** Answers how many frames began. Throws RuleError `network/frame-too-large`. */
  watch(chunk: Uint8Array): number {
    let at = 0;
    let frames = 0;
    while (at < chunk.length) {
      if (this.#payloadBytes > 0) {
        const skipped = Math.min(this.#payloadBytes, chunk.length - at);
        this.#payloadBytes -= skipped;
        at += skipped;
        continue;
      }
      this.#header[this.#headerBytes] = chunk[at] ?? 0;
      this.#headerBytes += 1;
      at += 1;
      if (this.#headerBytes < HEADER_BYTES) continue;
      this.#headerBytes = 0;
      frames += 1;
      this.#payloadBytes = payloadOf(this.#header);
    }
    return frames;
  }
}

function payloadOf(header: Uint8Array): number {
  if (header[1] !== DATA_FRAME) return 0;
  const length = new DataView(header.buffer).getUint32(8);
  if (length > MAX_WINDOW_BYTES) {
    throw new RuleError(
      'network/frame-too-large',
      `A yamux frame of ${length} bytes; no stream was granted more than ${MAX_WINDOW_BYTES}.`,
      { length },
    );
  }
  return length;
}

export function guardedYamux(): () => StreamMuxerFactory {
  const factory = yamux({
    maxInboundStreams: MAX_STREAMS,
    maxOutboundStreams: 2 * MAX_STREAMS,
    streamOptions: { maxStreamWindowSize: MAX_WINDOW_BYTES },
  })();
  return () => ({
    protocol: factory.protocol,
    createStreamMuxer: (connection) => {
      guard(connection);
      return factory.createStreamMuxer(connection);
    },
  });
}

/** The listener stands before the muxer's own, so the muxer never sees more of a frame than the guard has judged. */
function guard(connection: MessageStream): void {
  const watch = new FrameWatch();
  const bucket = new TokenBucket(BYTES_PER_SECOND, BYTES_PER_SECOND, performance.now());
  connection.addEventListener('message', (event: StreamMessageEvent) => {
    if (connection.status !== 'open') return;
    try {
      let frames = 0;
      for (const chunk of event.data instanceof Uint8Array ? [event.data] : event.data) frames += watch.watch(chunk);
      const waitMs = bucket.borrow(event.data.byteLength + frames * FRAME_COST_BYTES, performance.now());
      if (waitMs > 0) pause(connection, waitMs);
    } catch (error) {
      event.stopImmediatePropagation();
      connection.abort(error as RuleError);
    }
  });
}

function pause(connection: MessageStream, waitMs: number): void {
  connection.pause();
  setTimeout(() => {
    if (connection.status === 'open') connection.resume();
  }, waitMs).unref();
}
