/** The figures of the charts, from the blocks of the main chain and from what was sampled while the page was open. */
import type { Block } from './block.ts';

/** As uPlot takes them: the times or heights first, then one row for each line. */
export type Columns = readonly (readonly (number | null)[])[];

/** Time from parent to block, in seconds. */
export function blockTimes(blocks: readonly Block[]): Columns {
  return columns(blocks, (block, parent) => block.time - parent.time);
}

/** Expected hashes a second over a window of blocks, and what each block asked for. */
export function difficulties(blocks: readonly Block[]): Columns {
  return columns(blocks, ({ difficulty }) => difficulty);
}

const RATE_WINDOW_BLOCKS = 16;

/** The mean of a window, because one block's time says little. */
export function hashRates(blocks: readonly Block[]): Columns {
  return rates(blocks, ({ difficulty }) => difficulty);
}

export function transactionRates(blocks: readonly Block[]): Columns {
  return rates(blocks, ({ transactions }) => transactions);
}

export function gasRates(blocks: readonly Block[]): Columns {
  return rates(blocks, ({ gasUsed }) => gasUsed);
}

/** In wei. */
export function baseFees(blocks: readonly Block[]): Columns {
  return columns(blocks, ({ baseFee }) => baseFee);
}

function columns(blocks: readonly Block[], read: (block: Block, parent: Block) => number | null): Columns {
  const heights: number[] = [];
  const values: (number | null)[] = [];
  for (const [place, block] of blocks.entries()) {
    const parent = blocks[place - 1];
    if (parent === undefined) continue;
    heights.push(block.number);
    // Genesis is as old as whoever wrote it wanted.
    values.push(parent.number === 0 || parent.number !== block.number - 1 ? null : read(block, parent));
  }
  return [heights, values];
}

/** What came in the last blocks of a window, by the seconds that they took. One sum slides along: linear in the blocks. */
function rates(blocks: readonly Block[], read: (block: Block) => number | null): Columns {
  const heights: number[] = [];
  const values: (number | null)[] = [];
  let sum = 0;
  let unknown = 0;
  const take = (block: Block, sign: 1 | -1) => {
    const value = read(block);
    if (value === null) unknown += sign;
    else sum += sign * value;
  };
  for (const [place, block] of blocks.entries()) {
    if (place === 0) continue;
    take(block, 1);
    const before = Math.max(0, place - RATE_WINDOW_BLOCKS);
    const first = blocks[before];
    if (place > RATE_WINDOW_BLOCKS && first !== undefined) take(first, -1);
    const seconds = first === undefined || first.number === 0 ? 0 : block.time - first.time;
    heights.push(block.number);
    values.push(seconds <= 0 || unknown > 0 ? null : sum / seconds);
  }
  return [heights, values];
}

/** Mean seconds between the last blocks; 0 when too few are known. */
export function meanBlockTime(blocks: readonly Block[]): number {
  const first = blocks.find(({ number }) => number > 0);
  const last = blocks.at(-1);
  if (first === undefined || last === undefined || last.number <= first.number) return 0;
  return (last.time - first.time) / (last.number - first.number);
}

export const MAX_SAMPLES = 3_600;

/** Values by time, bounded: every second one goes when there are too many. */
export class Samples {
  #times: number[] = [];
  readonly #lines: (number | null)[][];

  constructor(lines: number) {
    this.#lines = Array.from({ length: lines }, () => []);
  }

  /** Seconds since 1970, and a value for each line. */
  add(time: number, values: readonly (number | null)[]): void {
    if (time <= (this.#times.at(-1) ?? 0)) return;
    this.#times.push(time);
    for (const [place, line] of this.#lines.entries()) line.push(values[place] ?? null);
    this.#thin();
  }

  /** In place of what there is of this time: others were there when this page was not, or not looked at. Rows begin with the time, ascending. */
  fill(rows: readonly (readonly [time: number, ...values: (number | null)[]])[]): void {
    const [from, to] = [rows[0]?.[0] ?? 0, rows.at(-1)?.[0] ?? 0];
    const own = this.#times.map((time, at) => [time, ...this.#lines.map((line) => line[at] ?? null)] as const);
    const all = [...own.filter(([time]) => time < from), ...rows, ...own.filter(([time]) => time > to)];
    this.#times = all.map(([time]) => time);
    for (const place of this.#lines.keys()) this.#lines[place] = all.map(([, ...values]) => values[place] ?? null);
    this.#thin();
  }

  #thin(): void {
    if (this.#times.length <= MAX_SAMPLES) return;
    this.#times = this.#times.filter((_, place) => place % 2 === 0);
    for (const [place, line] of this.#lines.entries()) this.#lines[place] = line.filter((_, at) => at % 2 === 0);
  }

  columns(): Columns {
    return [[...this.#times], ...this.#lines.map((line) => [...line])];
  }

  get size(): number {
    return this.#times.length;
  }

  /** The time of the first one; 0 before there is any. */
  get oldest(): number {
    return this.#times[0] ?? 0;
  }

  /** The time of the last one; 0 before there is any. */
  get newest(): number {
    return this.#times.at(-1) ?? 0;
  }
}
