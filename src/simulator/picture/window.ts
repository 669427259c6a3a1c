/**
 * Which part of a run is shown message by message, when all of it is too much: what led to the first failure, else the
 * part in which most of interest happened.
 */
import type { Density } from './model.ts';

export interface Interest {
  readonly atUs: number;
  /** How much it is worth looking at. */
  readonly weight: number;
}

export interface TimeWindow {
  readonly fromUs: number;
  readonly toUs: number;
}

/** Of the messages before and after a failure that fit, this part comes before it. */
const BEFORE_FAILURE = 0.9;

/** The end of the window that begins at message `first` and has at most `most` messages; `sentUs` ascends. */
export function windowOf(sentUs: readonly number[], first: number, most: number, endUs: number): TimeWindow {
  const next = sentUs[first + most];
  return { fromUs: first === 0 ? 0 : (sentUs[first] ?? 0), toUs: next === undefined ? endUs : next - 1 };
}

export function windowBefore(sentUs: readonly number[], failureUs: number, most: number, endUs: number): TimeWindow {
  const at = firstAtOrAfter(sentUs, failureUs);
  const first = Math.max(0, Math.min(at - Math.floor(BEFORE_FAILURE * most), sentUs.length - most));
  return windowOf(sentUs, first, most, endUs);
}

/** Of all windows of at most `most` messages, the first with the greatest weight. Both lists ascend. */
export function windowOfInterest(sentUs: readonly number[], interests: readonly Interest[], most: number, endUs: number): TimeWindow {
  let best = windowOf(sentUs, 0, most, endUs);
  let bestWeight = 0;
  for (const { atUs } of interests) {
    // A window that begins a little before something happened shows where it came from.
    const first = Math.max(0, Math.min(firstAtOrAfter(sentUs, atUs) - Math.floor(most / 4), sentUs.length - most));
    const candidate = windowOf(sentUs, first, most, endUs);
    const weight = weightWithin(interests, candidate);
    if (weight > bestWeight) [best, bestWeight] = [candidate, weight];
  }
  return best;
}

/** Interests, at most so many: the heaviest of each bin of the run. */
export function thinned(interests: readonly Interest[], { binUs }: Pick<Density, 'binUs'>): Interest[] {
  const bins = new Map<number, { atUs: number; weight: number }>();
  for (const { atUs, weight } of interests) {
    const bin = Math.floor(atUs / binUs);
    const found = bins.get(bin);
    if (found === undefined) bins.set(bin, { atUs, weight });
    else found.weight += weight;
  }
  return [...bins.values()].sort((a, b) => a.atUs - b.atUs);
}

/** The place of the first value that is not below `value` in an ascending list. */
export function firstAtOrAfter(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? Number.POSITIVE_INFINITY) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function weightWithin(interests: readonly Interest[], { fromUs, toUs }: TimeWindow): number {
  let weight = 0;
  for (const interest of interests) if (interest.atUs >= fromUs && interest.atUs <= toUs) weight += interest.weight;
  return weight;
}
