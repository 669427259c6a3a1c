/**
 * A 64-bit digest of 32-bit words, for traces and the light ledger's roots: cheap, and every later value depends on every
 * earlier one. No adversary of the simulator looks for collisions.
 */

const MIX_LOW = 0x85eb_ca6b;
const MIX_HIGH = 0xc2b2_ae35;

export class Digest {
  #low = 0x811c_9dc5 | 0;
  #high = 0x9e37_79b9 | 0;

  /** The low 32 bits of the word count. */
  add(word: number): void {
    // Two lanes that feed each other.
    let low = Math.imul(this.#low ^ word, MIX_LOW);
    low ^= low >>> 15;
    const high = (Math.imul(this.#high ^ low, MIX_HIGH) + 1) | 0;
    this.#low = low;
    this.#high = high ^ (high >>> 13);
  }

  /** 16 digits. */
  hex(): string {
    return hexOfWord(this.#high) + hexOfWord(this.#low);
  }
}

/** Several times faster than `toString(16)`, which leaves compiled code. */
const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Eight digits. */
export function hexOfWord(word: number): string {
  return `${HEX_OF_BYTE[word >>> 24]}${HEX_OF_BYTE[(word >>> 16) & 0xff]}${HEX_OF_BYTE[(word >>> 8) & 0xff]}${HEX_OF_BYTE[word & 0xff]}`;
}
