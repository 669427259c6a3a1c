/** What every benchmark shares: rows to print, the median, and taking turns so that both sides meet the same noise. */

export interface BenchRow {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Against another row of the same run, in words: '2.6 x wasm scalar'. */
  readonly ratio?: string;
  readonly note?: string;
}

/** Of at least one value; the mean of the middle two of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [below, above] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((below ?? Number.NaN) + (above ?? Number.NaN)) / 2;
}

/** Of ascending values, the nearest rank; NaN of none. `part` is 0.5 for the median, 0.99 for the 99th percentile. */
export function percentile(ascending: readonly number[], part: number): number {
  return ascending[Math.max(0, Math.ceil(part * ascending.length) - 1)] ?? Number.NaN;
}

/**
 * Measures all sides in turn, round after round, and answers the median of each. A side answers its own measure
 * (a rate, a time); its first one is for warming up and not counted.
 */
export async function interleave<Side extends string>(
  sides: Readonly<Record<Side, () => number | Promise<number>>>,
  rounds = 5,
): Promise<Record<Side, number>> {
  const names = Object.keys(sides) as Side[];
  const measured = new Map<Side, number[]>(names.map((name) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const name of names) {
      const value = await sides[name]();
      if (round > 0) measured.get(name)?.push(value);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(measured.get(name) ?? [])])) as Record<Side, number>;
}

/** How often `work` ran to its end in a second, counting `count` for each run. */
export function perSecond(count: number, work: () => void): number {
  const began = performance.now();
  work();
  return (count * 1000) / (performance.now() - began);
}

/** '2.61 x wasm scalar'. */
export function ratioOf(value: number, reference: number, name: string): string {
  return `${(value / reference).toFixed(2)} x ${name}`;
}

export function printRows(title: string, rows: readonly BenchRow[]): void {
  const cells = rows.map(({ name, value, unit, ratio, note }) => [name, significant(value), unit, ratio ?? '', note ?? '']);
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ');
  console.log(`\n${title}`);
  for (const row of cells) console.log(`  ${line(row).trimEnd()}`);
}

/** Three digits that count, with separators for thousands. */
function significant(value: number): string {
  return value.toLocaleString('en-US', value >= 100 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 3 });
}
