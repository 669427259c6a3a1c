/** The words of one command or one line of a scenario, read from left to right, with what was expected where they do not fit. */
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** What follows the verb, read from left to right. Throws UsageError `arguments/...`. */
export class Words {
  readonly #words: string[];
  readonly #options: ReadonlyMap<string, string>;

  constructor(words: readonly string[], options: ReadonlyMap<string, string> = new Map()) {
    this.#words = [...words];
    this.#options = options;
  }

  /** `--name value` pairs apart from the rest; only of these names. */
  static parse(text: readonly string[], known: readonly string[]): Words {
    const words: string[] = [];
    const options = new Map<string, string>();
    for (let at = 0; at < text.length; at++) {
      const word = text[at] ?? '';
      if (!word.startsWith('--')) {
        words.push(word);
        continue;
      }
      const name = word.slice(2);
      const value = text[++at];
      if (!known.includes(name))
        throw wrong('option', `there is no option ${quote(word)} here${nearest(name, known, ' (did you mean --', '?)')}`);
      if (value === undefined) throw wrong('option', `${word} has no value`);
      if (options.has(name)) throw wrong('option', `${word} is given twice`);
      options.set(name, value);
    }
    return new Words(words, options);
  }

  get left(): number {
    return this.#words.length;
  }

  word(what: string): string {
    const word = this.#words.shift();
    if (word === undefined) throw wrong(what.replaceAll(' ', '-'), `${what} is missing`);
    return word;
  }

  /** Takes this word if it is the next one. */
  takes(word: string): boolean {
    if (this.#words[0] !== word) return false;
    this.#words.shift();
    return true;
  }

  /** Whether a bare number comes next. */
  isCount(): boolean {
    return /^\d+$/.test(this.#words[0] ?? '');
  }

  refuse(what: string, word: string, known: readonly string[]): never {
    throw wrong('word', `${quote(word)} is not ${what}; there are: ${known.join(', ')}`);
  }

  end(): void {
    const [word] = this.#words;
    if (word !== undefined) throw wrong('words', `${quote(word)} is one word too many`);
  }

  node(what = 'a node'): number {
    return nodeOf(this.word(what));
  }

  nodes(what = 'nodes'): number[] {
    return this.word(what).split(',').map(nodeOf);
  }

  duration(what: string): number {
    return durationOf(this.word(what), what, /^()(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/, '500ms, 30s or 2m');
  }

  signedDuration(what: string): number {
    return durationOf(this.word(what), what, /^([+-]?)(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/, '+30s or -250ms');
  }

  /** `20%` as 0.2. */
  share(what: string): number {
    const word = this.word(what);
    const percent = /^\d{1,3}(\.\d{1,3})?%$/.test(word) ? Number(word.slice(0, -1)) : Number.NaN;
    if (!(percent <= 100)) throw wrong('share', `${what} is ${quote(word)}; expected a share from 0% to 100%, such as 20%`);
    return percent / 100;
  }

  count(what: string, low: number, high: number): number {
    return countOf(this.word(what), what, low, high);
  }

  oneOf<T extends string>(what: string, known: readonly T[]): T {
    const word = this.word(what);
    const found = known.find((each) => each === word);
    if (found !== undefined) return found;
    throw wrong('word', `${what} is ${quote(word)}; expected ${known.join(' or ')}`);
  }

  /** Milliseconds of `--for`, by its name for JSON-RPC. */
  forMs(): { readonly forMs?: number } {
    const text = this.#options.get('for');
    return text === undefined ? {} : { forMs: new Words([text]).duration('--for') };
  }

  option(name: string): string | undefined {
    return this.#options.get(name);
  }
}

export function nodeOf(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw wrong('node', `expected a node number such as 0, got ${quote(text)}`);
  return Number(text);
}

export function countOf(word: string, what: string, low: number, high: number): number {
  const value = /^\d{1,9}$/.test(word) ? Number(word) : Number.NaN;
  if (!(value >= low && value <= high)) throw wrong('number', `${what} is ${quote(word)}; expected a number from ${low} to ${high}`);
  return value;
}

function durationOf(word: string, what: string, form: RegExp, example: string): number {
  const [, sign, digits, unit] = form.exec(word) ?? [];
  if (digits === undefined) throw wrong('time', `${what} is ${quote(word)}; expected a time such as ${example}`);
  return Math.round(Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS]) * (sign === '-' ? -1 : 1);
}

/** A sentence of its own, or the end of one that says where. */
function wrong(name: string, what: string): UsageError {
  return new UsageError(`arguments/${name}`, `${what.charAt(0).toUpperCase()}${what.slice(1)}.`);
}

/** The known word that differs least, if it differs little; empty otherwise. */
export function nearest(word: string, known: readonly string[], before: string, after: string): string {
  const [best] = known.map((each) => ({ each, distance: distance(word, each) })).sort((a, b) => a.distance - b.distance);
  return best === undefined || best.distance > Math.max(2, word.length / 3) ? '' : `${before}${best.each}${after}`;
}

/** Levenshtein's: letters to add, drop or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
