/** Trie paths: one half-byte in each element; `compact` is their hex-prefix form (Yellow Paper, appendix C). */

export function toNibbles(key: Uint8Array): Uint8Array {
  const nibbles = new Uint8Array(key.length * 2);
  for (let i = 0; i < key.length; i++) {
    const byte = key[i] ?? 0;
    nibbles[2 * i] = byte >> 4;
    nibbles[2 * i + 1] = byte & 15;
  }
  return nibbles;
}

/** Of an even number. */
export function fromNibbles(nibbles: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: nibbles.length / 2 }, (_, at) => ((nibbles[2 * at] ?? 0) << 4) | (nibbles[2 * at + 1] ?? 0));
}

/** How many nibbles `prefix` has in common with `path` from `at` on. */
export function sharedPrefix(prefix: Uint8Array, path: Uint8Array, at: number): number {
  let shared = 0;
  while (shared < prefix.length && prefix[shared] === path[at + shared]) shared++;
  return shared;
}

/** Whether `rest` is what remains of `path` from `at` on. */
export function equalsNibbles(rest: Uint8Array, path: Uint8Array, at: number): boolean {
  return rest.length === path.length - at && sharedPrefix(rest, path, at) === rest.length;
}

const ODD = 0x10;
const LEAF = 0x20;

export function toCompact(path: Uint8Array, leaf: boolean): Uint8Array {
  const odd = path.length % 2;
  const out = new Uint8Array(1 + (path.length - odd) / 2);
  out[0] = (leaf ? LEAF : 0) | (odd === 1 ? ODD | (path[0] ?? 0) : 0);
  for (let i = 1; i < out.length; i++) {
    const at = odd + 2 * (i - 1);
    out[i] = ((path[at] ?? 0) << 4) | (path[at + 1] ?? 0);
  }
  return out;
}

export function fromCompact(compact: Uint8Array): { path: Uint8Array; leaf: boolean } {
  const first = compact[0] ?? 0;
  const nibbles = toNibbles(compact);
  return { path: nibbles.subarray((first & ODD) === 0 ? 2 : 1), leaf: (first & LEAF) !== 0 };
}
