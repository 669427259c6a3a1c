/** What nodes remember of the last hour (`synod_getHistory`), put together to what a page would have seen that had been open all the time. */
import { fieldsOf, listOf, numberOf, textOf } from './decode.ts';

/** As `Samples` takes them: seconds since 1970, then a value for each line. */
export type Rows = readonly (readonly [time: number, ...values: number[]])[];

export interface Past {
  /** Lag of finality in blocks, and its age in seconds. */
  readonly finality: Rows;
  /** In percent. */
  readonly participation: Rows;
  readonly hashing: Rows;
  /** The highest block that was final at the end, and since when as far as they know (milliseconds since 1970). */
  readonly final: { readonly number: number; readonly sinceMs: number } | null;
}

/** Nodes look every five seconds, each at times of its own. */
const BUCKET_MS = 5_000;
/** Of one node. It keeps fewer. */
const MAX_MOMENTS = 2_000;

interface Bucket {
  head: number;
  final: number;
  hashes: number;
  share: number | null;
}

/** `answers` are whatever nodes said. What lies after `nowMs` is left out. */
export function pastOf(answers: readonly unknown[], nowMs: number): Past {
  const buckets = new Map<number, Bucket>();
  for (const answer of answers) addNode(buckets, answer, nowMs);
  const finality: [number, number, number][] = [];
  const participation: [number, number][] = [];
  const hashing: [number, number][] = [];
  let final: { number: number; sinceMs: number } | null = null;
  for (const [at, bucket] of [...buckets].sort(([a], [b]) => a - b)) {
    const timeMs = at * BUCKET_MS;
    // Who had more final may not be there any more; it stays final.
    if (final === null || bucket.final > final.number) final = { number: bucket.final, sinceMs: timeMs };
    finality.push([timeMs / 1_000, Math.max(0, bucket.head - final.number), (timeMs - final.sinceMs) / 1_000]);
    if (bucket.share !== null) participation.push([timeMs / 1_000, 100 * bucket.share]);
    if (bucket.hashes > 0) hashing.push([timeMs / 1_000, bucket.hashes]);
  }
  return { finality, participation, hashing, final };
}

function addNode(buckets: Map<number, Bucket>, answer: unknown, nowMs: number): void {
  const { fields, moments } = fieldsOf(answer);
  const names = listOf(fields).map(textOf);
  const seen = new Set<number>();
  for (const moment of listOf(moments).slice(-MAX_MOMENTS)) {
    const values = listOf(moment);
    const value = (name: string) => values[names.indexOf(name)];
    const at = Math.floor(numberOf(value('timeMs')) / BUCKET_MS);
    // Each node once in each: what miners do is added up.
    if (at <= 0 || at * BUCKET_MS > nowMs || seen.has(at)) continue;
    seen.add(at);
    const bucket = buckets.get(at) ?? { head: 0, final: 0, hashes: 0, share: null };
    const share = value('participation');
    bucket.head = Math.max(bucket.head, numberOf(value('head')));
    bucket.final = Math.max(bucket.final, numberOf(value('finalized')));
    bucket.hashes += Math.max(0, numberOf(value('hashesPerSecond')));
    if (typeof share === 'number' && share >= 0 && share <= 1) bucket.share = Math.max(bucket.share ?? 0, share);
    buckets.set(at, bucket);
  }
}
