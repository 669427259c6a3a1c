/** What `synod simulate` prints: what was drawn, before the run; what came of it, after. */
import { type Batch, missedMarks } from '../simulator/batch.ts';
import { FAULT_KINDS } from '../simulator/faults.ts';
import { type Options, RANGES } from '../simulator/options.ts';
import type { Plan, Result } from '../simulator/run.ts';
import { style, table } from './output.ts';

/** Everything that a run depends on, so that it can be made again by hand if need be. */
export function planText({ subject, seed, options, schedule }: Plan): string {
  const rows = Object.entries(options).map(([name, value]) => [name, shown(value), rangeOf(name as keyof Options)]);
  const kinds = FAULT_KINDS.map((kind) => [kind, schedule.filter(({ fault }) => fault === kind).length] as const);
  const faults = kinds.flatMap(([kind, count]) => (count === 0 ? [] : `${count} ${kind}`)).join(', ');
  return `seed ${seed}, engine ${subject.name}\n${table(['option', 'value', 'range'], rows)}\nfaults: ${faults === '' ? 'none' : faults}`;
}

/** `tookMs` of real time, where it is known for this run alone. */
export function resultText({ ok, plan, violations, traceHash, stats }: Result, tookMs: number | null = null): string {
  const { events, virtualMs, messages, lost } = stats;
  const lines = violations.map(({ checker, atMs, node, message, expected }) => {
    const where = `${(atMs / 1_000).toFixed(3)} s${node < 0 ? '' : `, node ${node}`}`;
    return `${expected ? style('yellow', 'expected') : style('red', 'violated')}  ${checker} at ${where}: ${message}`;
  });
  const speed = tookMs === null ? '' : ` in ${(tookMs / 1_000).toFixed(1)} s (${Math.round((1_000 * events) / tookMs)}/s)`;
  const verdict = ok ? style('green', 'ok') : style('red', 'failed');
  const again = ok ? '' : `\nagain: synod simulate --engine ${plan.subject.name} --seed ${plan.seed}`;
  return [
    ...lines,
    `${verdict}  seed ${plan.seed}, trace ${traceHash}: ${events} events${speed}, ${(virtualMs / 60_000).toFixed(1)} virtual minutes, ${messages} messages (${lost} lost)${again}`,
  ].join('\n');
}

export function batchText(batch: Batch, tookMs: number): string {
  const { runs, events, virtualMs, failed, unstable, marks } = batch;
  const rows = [...marks].map(([name, count]) => [name, String(count)]);
  const perSecond = Math.round((1_000 * events) / tookMs);
  const lines = [
    `${runs} seeds, ${events} events (${perSecond}/s), ${(virtualMs / 3_600_000).toFixed(1)} virtual hours`,
    `failed: ${failed.length === 0 ? 'none' : failed.map(({ plan }) => plan.seed).join(', ')}`,
    ...(unstable.length === 0 ? [] : [`not the same twice: ${unstable.join(', ')}`]),
    ...(missedMarks(batch).length === 0 ? [] : [`marks that no seed reached: ${missedMarks(batch).join('; ')}`]),
  ];
  return `${table(['mark', 'seeds'], rows, [1])}\n\n${lines.join('\n')}`;
}

/** For --json. */
export function resultDocument({ plan, ok, violations, traceHash, marks, stats }: Result, tookMs: number) {
  const { subject, seed, options, schedule } = plan;
  return {
    engine: subject.name,
    seed,
    ok,
    violations,
    traceHash,
    marks,
    stats: { ...stats, tookMs: Math.round(tookMs) },
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

function rangeOf(name: keyof Options): string {
  const range = name === 'hashRates' ? RANGES.hashRate : name in RANGES ? RANGES[name as keyof typeof RANGES] : undefined;
  return range === undefined ? '' : `${range.low} to ${range.high}`;
}

function shown(value: Options[keyof Options]): string {
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}
