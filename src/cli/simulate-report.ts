/** What `synod simulate` prints: what was drawn, before the run; what came of it, after. */
import type { Batch } from '../simulator/batch.ts';
import { FAULT_KINDS, type Fault } from '../simulator/faults.ts';
import type { Figures } from '../simulator/meters/meter.ts';
import { type Options, RANGES, type Range } from '../simulator/options.ts';
import { REAL_RANGES } from '../simulator/real/ranges.ts';
import type { Plan, Result } from '../simulator/run.ts';
import { FOR_EVER_MS } from '../simulator/schedule.ts';
import { missedMarks } from '../simulator/tally.ts';
import type { TierName } from '../simulator/tier.ts';
import { style, table } from './output.ts';

const MAX_FAULTS_SHOWN = 24;

/** Everything that a run depends on, so that it can be made again by hand if need be; of a long schedule the beginning. */
export function planText({ tier = 'light', subject, seed, options, schedule }: Plan): string {
  // Values last: those of an engine's settings may be long.
  const rows = Object.entries(options).map(([name, value]) => [name, rangeOf(name as keyof Options, tier), shown(value)]);
  const kinds = FAULT_KINDS.map((kind) => [kind, schedule.filter(({ fault }) => fault === kind).length] as const);
  const faults = kinds.flatMap(([kind, count]) => (count === 0 ? [] : `${count} ${kind}`)).join(', ');
  const more = schedule.length - MAX_FAULTS_SHOWN;
  return [
    `seed ${seed}, engine ${subject.name}, ${tier} tier`,
    table(['option', 'range', 'value'], rows),
    `faults: ${faults === '' ? 'none' : faults}`,
    ...schedule.slice(0, MAX_FAULTS_SHOWN).map(faultText),
    ...(more > 0 ? [`  ... and ${more} more; --save <file> writes them all`] : []),
  ].join('\n');
}

function faultText({ fault, atMs, forMs, ...fields }: Fault): string {
  const duration = forMs >= FOR_EVER_MS ? 'to the end' : `for ${(forMs / 1_000).toFixed(3)} s`;
  const what = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
  return `  ${(atMs / 1_000).toFixed(3).padStart(8)} s  ${duration.padEnd(14)}  ${[fault, ...what].join(' ')}`;
}

/** `again` is the command that gives the same run, `tookMs` real time, where it is known for this run alone. */
export function resultText(result: Result, again: string, tookMs: number | null = null): string {
  const { ok, plan, violations, traceHash, stats, figures } = result;
  const { events, virtualMs, messages, lost } = stats;
  const lines = violations.map(({ checker, atMs, node, message, expected }) => {
    const where = `${(atMs / 1_000).toFixed(3)} s${node < 0 ? '' : `, node ${node}`}`;
    return `${expected ? style('yellow', 'expected') : style('red', 'violated')}  ${checker} at ${where}: ${message}`;
  });
  const speed = tookMs === null ? '' : ` in ${(tookMs / 1_000).toFixed(1)} s (${Math.round((1_000 * events) / tookMs)}/s)`;
  const verdict = ok ? style('green', 'ok') : style('red', 'failed');
  return [
    ...lines,
    ...figuresText(figures),
    `${verdict}  seed ${plan.seed}, trace ${traceHash}: ${events} events${speed}, ${(virtualMs / 60_000).toFixed(1)} virtual minutes, ${messages} messages (${lost} lost)`,
    ...(ok ? [] : [`again: ${again}`]),
  ].join('\n');
}

export function batchText(batch: Batch, tookMs: number): string {
  const { runs, events, virtualMs, failed, unstable, marks } = batch;
  const rows = [...marks].map(([name, count]) => [name, String(count)]);
  const perSecond = Math.round((1_000 * events) / tookMs);
  const lines = [
    `${runs} seeds, ${events} events (${perSecond}/s), ${(virtualMs / 3_600_000).toFixed(1)} virtual hours`,
    `seeds that failed: ${failed.length === 0 ? 'none' : failed.map(({ plan }) => plan.seed).join(', ')}`,
    ...(unstable.length === 0 ? [] : [`not the same twice: ${unstable.join(', ')}`]),
    ...missedText(missedMarks(batch)),
  ];
  return `${table(['mark', 'seeds'], rows, [1])}\n\n${lines.join('\n')}`;
}

/** What the seeds should have reached and did not; few seeds may well miss some. */
export function missedText(missed: readonly string[]): string[] {
  return missed.length === 0 ? [] : [`marks that no seed reached (rare things, of which nothing was tested): ${missed.join('; ')}`];
}

/** For --json. */
export function resultDocument({ plan, ok, violations, traceHash, marks, stats, figures }: Result, tookMs: number) {
  const { tier = 'light', subject, seed, options, schedule } = plan;
  return {
    engine: subject.name,
    tier,
    seed,
    ok,
    violations,
    traceHash,
    marks,
    stats: { ...stats, tookMs: Math.round(tookMs) },
    figures,
    options,
    schedule,
  };
}

export function batchDocument(batch: Batch, tookMs: number) {
  const { runs, events, virtualMs, failed, unstable, marks } = batch;
  return {
    runs,
    events,
    virtualMs,
    tookMs: Math.round(tookMs),
    failed: failed.map((result) => ({ seed: result.plan.seed, violations: result.violations })),
    unstable,
    marks: Object.fromEntries(marks),
  };
}

/** One line, of what was there to be measured. */
function figuresText(figures: Figures): string[] {
  const parts = Object.entries(figures).flatMap(([name, value]) =>
    Number.isFinite(value) ? `${name} ${Number(value.toPrecision(3))}` : [],
  );
  return parts.length === 0 ? [] : [`figures: ${parts.join(', ')}`];
}

function rangeOf(name: keyof Options, tier: TierName): string {
  const ranges: { readonly [name: string]: Range } = { ...RANGES, ...(tier === 'real' && REAL_RANGES), hashRates: RANGES.hashRate };
  const range = ranges[name];
  return range === undefined ? '' : `${range.low} to ${range.high}`;
}

function shown(value: Options[keyof Options]): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}
