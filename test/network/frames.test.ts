import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { FrameReader, frame } from '../../src/network/frames.ts';
import { FrameWatch, MAX_WINDOW_BYTES } from '../../src/network/guarded-muxer.ts';

function inPieces(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[i % sizes.length] ?? 1);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const pieceSizes = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 8 });

describe('frames', () => {
  test('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 })), pieceSizes, (contents, sizes) => {
        const reader = new FrameReader(100);
        const read = inPieces(concatBytes(...contents.map(frame)), sizes).flatMap((piece) => reader.push(piece));
        expect(read).toEqual(contents);
        expect(reader.bufferedBytes).toBe(0);
      }),
    );
  });

  test('one that is too large is refused at its length, and nothing of it is kept', () => {
    const reader = new FrameReader(100);
    expect(reader.push(frame(new Uint8Array(100)))).toHaveLength(1);
    expect(() => reader.push(Uint8Array.of(0, 0, 0, 101))).toThrow(expect.objectContaining({ code: 'network/frame-too-large' }));
    expect(() => new FrameReader(100).push(new Uint8Array(4).fill(0xff))).toThrow(
      expect.objectContaining({ code: 'network/frame-too-large' }),
    );
    expect(reader.bufferedBytes).toBe(0);
  });
});

describe('the guard of the muxer', () => {
  const yamuxFrame = (type: number, length: number, payload = type === 0 ? length : 0): Uint8Array => {
    const bytes = new Uint8Array(12 + payload);
    bytes[1] = type;
    new DataView(bytes.buffer).setUint32(8, length);
    return bytes;
  };

  test('counts frames, however the stream is cut', () => {
    const frames = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 200 })), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(frames, pieceSizes, (list, sizes) => {
        const watch = new FrameWatch();
        const bytes = concatBytes(...list.map(([type, length]) => yamuxFrame(type, length)));
        expect(inPieces(bytes, sizes).reduce((sum, piece) => sum + watch.watch(piece), 0)).toBe(list.length);
      }),
    );
  });

  test('allows the largest window and nothing above it', () => {
    expect(new FrameWatch().watch(yamuxFrame(0, MAX_WINDOW_BYTES, 0))).toBe(1);
    expect(() => new FrameWatch().watch(yamuxFrame(0, MAX_WINDOW_BYTES + 1, 0))).toThrow(
      expect.objectContaining({ code: 'network/frame-too-large' }),
    );
    expect(() => new FrameWatch().watch(yamuxFrame(0, 2 ** 32 - 1, 0))).toThrow(
      expect.objectContaining({ code: 'network/frame-too-large' }),
    );
    // A window update carries a number there, not a length.
    expect(new FrameWatch().watch(yamuxFrame(1, 2 ** 32 - 1))).toBe(1);
  });
});
