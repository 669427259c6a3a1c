/** Reads an engine's settings out of a genesis file. Whatever is wrong is a UsageError `genesis/<engine>` that names the field. */
import { fromHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { type Json, quoteJson } from '../base/types.ts';

type Settings = { readonly [key: string]: Json };

/** Longer ones are of no number that anybody means. */
const MAX_DIGITS = 80;

export class SettingsReader {
  readonly #engine: string;
  readonly #settings: Settings;
  /** Of the object that is read, for messages: '' or 'members[2].'. */
  readonly #at: string;

  /** A name that is not among the known ones is refused: it is a slip of the pen, or of another version. */
  constructor(engine: string, settings: Settings, known: readonly string[], at = '') {
    this.#engine = engine;
    this.#settings = settings;
    this.#at = at;
    for (const key of Object.keys(settings)) {
      if (!known.includes(key)) this.refuse(key, `one of ${known.join(', ')} as the name of a setting`);
    }
  }

  integer(field: string, otherwise: number, low: number, high: number): number {
    const value = this.#settings[field] ?? otherwise;
    if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
    return this.refuse(field, `an integer of ${low} to ${high}`);
  }

  /** A number, or a string in decimal or 0x form, since JSON's numbers end at 2^53. */
  bigInteger(field: string, otherwise: bigint, low: bigint, high: bigint): bigint {
    const value = this.#settings[field] ?? null;
    const parsed = value === null ? otherwise : bigOf(value);
    if (parsed !== null && parsed >= low && parsed <= high) return parsed;
    return this.refuse(field, `an integer of ${low} to ${high} (a number, or a string in decimal or 0x form)`);
  }

  boolean(field: string, otherwise: boolean): boolean {
    const value = this.#settings[field] ?? otherwise;
    return typeof value === 'boolean' ? value : this.refuse(field, 'true or false');
  }

  choice<Choice extends string>(field: string, otherwise: Choice, choices: readonly Choice[]): Choice {
    const value = this.#settings[field] ?? otherwise;
    return choices.find((choice) => choice === value) ?? this.refuse(field, `one of ${choices.join(', ')}`);
  }

  text(field: string, maxCharacters: number): string {
    const value = this.#settings[field];
    if (typeof value === 'string' && value.length > 0 && value.length <= maxCharacters) return value;
    return this.refuse(field, `a text of 1 to ${maxCharacters} characters`);
  }

  /** 0x and exactly so many bytes. */
  bytes(field: string, length: number): Uint8Array {
    const value = this.#settings[field];
    if (typeof value === 'string' && value.length === 2 + 2 * length && /^0x[0-9a-fA-F]+$/.test(value)) return fromHex(value);
    return this.refuse(field, `0x and ${2 * length} hex digits`);
  }

  has(field: string): boolean {
    return (this.#settings[field] ?? null) !== null;
  }

  /** A reader for each object of a list. */
  list(field: string, maxItems: number, known: readonly string[]): SettingsReader[] {
    const value = this.#settings[field];
    if (!Array.isArray(value) || value.length > maxItems) return this.refuse(field, `a list of at most ${maxItems}`);
    return value.map((item: Json, i) => {
      const at = `${this.#at}${field}[${i}]`;
      if (typeof item !== 'object' || item === null || Array.isArray(item)) return this.refuse(`${field}[${i}]`, 'an object');
      return new SettingsReader(this.#engine, item as Settings, known, `${at}.`);
    });
  }

  /** For rules that only the engine knows. */
  refuse(field: string, expected: string): never {
    const shown = quoteJson(this.#settings[field]);
    const name = `${this.#at}${field}`;
    throw new UsageError(`genesis/${this.#engine}`, `The ${this.#engine} setting '${name}' is ${shown}; expected ${expected}.`, {
      field: name,
    });
  }
}

function bigOf(value: Json): bigint | null {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : null;
  if (typeof value !== 'string' || value.length > MAX_DIGITS) return null;
  return /^(0x[0-9a-fA-F]+|\d+)$/.test(value) ? BigInt(value) : null;
}
