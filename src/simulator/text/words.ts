/** The words of one command, read from left to right. Whatever does not fit is refused with file, line and usage. */
import { UsageError } from '../../base/errors.ts';
import { type Json, quote } from '../../base/types.ts';
import type { Command } from './script.ts';

const MS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
]);
/** A script may not run for longer than this at a time: a year. */
const MAX_DURATION_MS = 365 * 24 * 3_600_000;

export class Words {
  readonly #file: string;
  readonly #command: Command;
  readonly #words: readonly string[];
  #at = 0;
  /** Shown when something does not fit. */
  usage = '';

  constructor(file: string, command: Command) {
    this.#file = file;
    this.#command = command;
    // Signs are words of their own, whether or not there are spaces around them.
    this.#words = command.text
      .replace(/->|\|/g, ' $& ')
      .split(/\s+/)
      .filter((word) => word !== '');
  }

  get isAtEnd(): boolean {
    return this.#at === this.#words.length;
  }

  /** Throws UsageError `script/command`. */
  refuse(problem: string): never {
    const { line, text } = this.#command;
    const usage = this.usage === '' ? '' : ` Usage: ${this.usage}`;
    throw new UsageError('script/command', `${this.#file}:${line}: ${quote(text)}: ${problem}.${usage}`, { file: this.#file, line });
  }

  word(what: string): string {
    return this.#words[this.#at++] ?? this.refuse(`${what} is missing`);
  }

  /** Takes this word if it is the next one. */
  takes(word: string): boolean {
    if (this.#words[this.#at] !== word) return false;
    this.#at++;
    return true;
  }

  expect(word: string): void {
    const got = this.word(quote(word));
    if (got !== word) this.refuse(`got ${quote(got)} where ${quote(word)} was expected`);
  }

  oneOf<T extends string>(what: string, known: readonly T[]): T {
    const got = this.word(what);
    return known.find((word) => word === got) ?? this.refuse(`${what} is ${quote(got)}; expected one of ${known.join(', ')}`);
  }

  integer(what: string, low: number, high: number): number {
    return this.#number(what, this.word(what), low, high, /^\d{1,12}$/);
  }

  number(what: string, low: number, high: number): number {
    return this.#number(what, this.word(what), low, high, /^\d{1,12}(\.\d{1,12})?$/);
  }

  node(nodes: number): number {
    return this.integer('the node', 0, nodes - 1);
  }

  /** `1,2,3` */
  nodes(nodes: number): number[] {
    const word = this.word('a list of nodes');
    const places = word.split(',').map((place) => this.#number('the node', place, 0, nodes - 1, /^\d{1,3}$/));
    return [...new Set(places)];
  }

  /** `1 -> 2` */
  link(nodes: number): { readonly from: number; readonly to: number } {
    const from = this.node(nodes);
    this.expect('->');
    const to = this.node(nodes);
    if (from === to) this.refuse('a link joins two different nodes');
    return { from, to };
  }

  /** `250ms`, `10s`, `2m` or `1h`, with a sign where a clock may be wrong in two ways. Milliseconds. */
  duration(what: string, isSigned = false): number {
    const word = this.word(what);
    const match = /^([+-]?)(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(word);
    const ms = Number(match?.[2]) * (MS_PER_UNIT.get(match?.[3] ?? '') ?? Number.NaN);
    if (match === null || !(ms <= MAX_DURATION_MS) || (!isSigned && match[1] !== '')) {
      return this.refuse(`${what} is ${quote(word)}; expected a time such as ${isSigned ? '+30s or -250ms' : '250ms, 10s or 2m'}`);
    }
    return match[1] === '-' ? -ms : ms;
  }

  /** The rest of the line: `key=value`, each key once, and only of those that are known, if some are. */
  pairs(known: readonly string[] | null = null): Map<string, string> {
    const pairs = new Map<string, string>();
    while (!this.isAtEnd) {
      const word = this.word('a pair');
      const at = word.indexOf('=');
      const key = word.slice(0, Math.max(0, at));
      if (key === '') this.refuse(`${quote(word)} is not of the form key=value`);
      if (known?.includes(key) === false) this.refuse(`there is no ${quote(key)}; there are ${known.join(', ')}`);
      if (pairs.has(key)) this.refuse(`${quote(key)} is given twice`);
      pairs.set(key, word.slice(at + 1));
    }
    return pairs;
  }

  /** Words of its own for one value of a pair. */
  within(value: string): Words {
    const words = new Words(this.#file, { ...this.#command, text: value });
    words.usage = this.usage;
    return words;
  }

  end(): void {
    if (!this.isAtEnd) this.refuse(`${quote(this.word('more'))} is one word too many`);
  }

  #number(what: string, word: string, low: number, high: number, form: RegExp): number {
    const value = form.test(word) ? Number(word) : Number.NaN;
    if (!(value >= low && value <= high)) this.refuse(`${what} is ${quote(word)}; expected a number from ${low} to ${high}`);
    return value;
  }
}

/** A value as JSON if it is that, else as the text that it is. */
export function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
