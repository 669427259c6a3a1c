/**
 * Names of blocks that a person can follow: the height, and a letter in the order in which the blocks of that height became
 * known. `3b` is the second block of height 3. Hashes would say less, and change with every field of a header.
 */
import type { Hash, Json } from '../../base/types.ts';

const HEX = /^0x[0-9a-f]*$/;
/** Longer hex is cut in the middle: keys and addresses of the simulator differ at their ends, hashes everywhere. */
const WHOLE_CHARACTERS = 18;
const END_CHARACTERS = 6;
const MAX_ITEMS = 12;

export class Names {
  readonly #names = new Map<string, string>();
  readonly #perHeight = new Map<number, number>();

  constructor(genesis: Hash) {
    this.#names.set(genesis, 'genesis');
  }

  learn(hash: Hash, height: number): void {
    if (this.#names.has(hash)) return;
    const before = this.#perHeight.get(height) ?? 0;
    this.#perHeight.set(height, before + 1);
    this.#names.set(hash, `${height}${letters(before)}`);
  }

  isKnown(hash: string): boolean {
    return this.#names.has(hash);
  }

  of(hash: string): string {
    return this.#names.get(hash) ?? shortened(hash);
  }

  /** A text with names for the hashes in it, whole or shortened. */
  inText(text: string): string {
    return text.replace(/0x[0-9a-f]{8,64}/g, (found) => {
      const known = [...this.#names].filter(([hash]) => hash.startsWith(found));
      return known.length === 1 && known[0] !== undefined ? known[0][1] : this.of(found);
    });
  }

  /** `key=value` for each field that says something, with names instead of hashes. */
  fields(data: { readonly [key: string]: Json } | null): string {
    const shown = Object.entries(data ?? {}).filter(([, value]) => value !== null);
    return shown.map(([key, value]) => `${key}=${this.value(value)}`).join(' ');
  }

  value(value: Json): string {
    if (typeof value === 'string') return HEX.test(value) ? this.of(value) : value;
    if (typeof value !== 'object' || value === null) return String(value);
    const items = Array.isArray(value)
      ? value.map((item: Json) => this.value(item))
      : Object.entries(value).map(([key, item]) => `${key}:${this.value(item)}`);
    const more = items.length > MAX_ITEMS ? [`... ${items.length}`] : [];
    const [open, close] = Array.isArray(value) ? '[]' : '{}';
    return `${open}${[...items.slice(0, MAX_ITEMS), ...more].join(' ')}${close}`;
  }
}

function shortened(hex: string): string {
  return hex.length <= WHOLE_CHARACTERS ? hex : `${hex.slice(0, END_CHARACTERS)}..${hex.slice(-END_CHARACTERS)}`;
}

/** a, b ... z, aa, ab ... */
function letters(index: number): string {
  const last = String.fromCharCode('a'.charCodeAt(0) + (index % 26));
  return index < 26 ? last : letters(Math.floor(index / 26) - 1) + last;
}
