/**
 * Frames on a libp2p stream: a 4-byte big-endian length, then that many bytes. The length is checked against its bound
 * before a byte of the content is kept, and memory follows what has arrived, never what was announced.
 *
 * Time limits here and in the callers are plain AbortSignal.timeout. Joined by AbortSignal.any to a signal that lives as
 * long as the node, each would leave some 50 bytes behind for ever (measured, Node 24.21); when a node stops, the end of
 * its connections ends the exchanges too.
 */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { concatBytes } from '../base/bytes.ts';
import { DecodeError, RuleError } from '../base/errors.ts';

const LENGTH_BYTES = 4;

export function frame(content: Uint8Array): Uint8Array {
  const out = new Uint8Array(LENGTH_BYTES + content.length);
  new DataView(out.buffer).setUint32(0, content.length);
  out.set(content, LENGTH_BYTES);
  return out;
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  /** Of the frame that is being read; null until its length has arrived. */
  #length: number | null = null;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bufferedBytes(): number {
    return this.#buffered;
  }

  /** The frames that this chunk completes. Throws DecodeError `network/frame-too-large`. */
  push(chunk: Uint8Array): Uint8Array[] {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    const frames: Uint8Array[] = [];
    for (;;) {
      if (this.#length === null) {
        if (this.#buffered < LENGTH_BYTES) return frames;
        const head = this.#take(LENGTH_BYTES);
        this.#length = new DataView(head.buffer, head.byteOffset).getUint32(0);
        if (this.#length > this.#maxBytes) throw tooLarge(this.#length, this.#maxBytes);
      }
      if (this.#buffered < this.#length) return frames;
      frames.push(this.#take(this.#length));
      this.#length = null;
    }
  }

  #take(count: number): Uint8Array {
    const all = this.#chunks.length === 1 ? (this.#chunks[0] ?? new Uint8Array(0)) : concatBytes(...this.#chunks);
    this.#chunks = all.length === count ? [] : [all.subarray(count)];
    this.#buffered -= count;
    return owned(all.subarray(0, count));
  }
}

/**
 * A copy that is a plain Uint8Array. What libp2p hands out are views into the buffers of its sockets: whoever keeps ten
 * bytes of one keeps all 64 KiB, and a Buffer's `slice` does not copy, which code that expects a Uint8Array relies on.
 */
export function owned(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** Calls back for each frame until the stream ends. A frame that is too large resets the stream and calls `onError`. */
export function onFrames(
  stream: Stream,
  maxBytes: number,
  onFrame: (content: Uint8Array) => void,
  onError: (error: unknown) => void,
): void {
  const reader = new FrameReader(maxBytes);
  stream.addEventListener('message', (event: StreamMessageEvent) => {
    if (stream.status !== 'open') return;
    try {
      for (const content of reader.push(event.data.subarray())) onFrame(content);
    } catch (error) {
      // First, since aborting ends the stream, and that would look like the reason.
      onError(error);
      stream.abort(error instanceof Error ? error : new DecodeError('network/frame', 'A frame could not be read.'));
    }
  });
}

/**
 * The next and only frame of a stream. Throws DecodeError `network/frame-too-large`, RuleError `network/closed` when the
 * stream ends before it, and the signal's reason.
 */
export function readFrame(stream: Stream, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const closed = (event?: StreamCloseEvent) => {
    reject(
      new RuleError(
        'network/closed',
        'The peer closed the stream before it sent a whole frame.',
        {},
        { blame: false, cause: event?.error },
      ),
    );
  };
  const aborted = () => reject(signal.reason);
  const ended = () => closed();
  signal.addEventListener('abort', aborted);
  stream.addEventListener('close', closed);
  stream.addEventListener('end', ended);
  onFrames(stream, maxBytes, resolve, reject);
  if (signal.aborted) aborted();
  if (stream.readableEnded) closed();
  return promise.finally(() => {
    signal.removeEventListener('abort', aborted);
    stream.removeEventListener('close', closed);
    stream.removeEventListener('end', ended);
  });
}

/** Sends one frame and waits until the stream has taken it, so that a slow reader slows the writer down. */
export async function writeFrame(stream: Stream, content: Uint8Array, signal: AbortSignal): Promise<void> {
  if (!stream.send(frame(content))) await stream.onDrain({ signal });
}

function tooLarge(bytes: number, maxBytes: number): DecodeError {
  return new DecodeError('network/frame-too-large', `A frame of ${bytes} bytes was announced; at most ${maxBytes} are allowed.`, {
    bytes,
    maxBytes,
  });
}
