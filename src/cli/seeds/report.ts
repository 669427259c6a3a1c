/** What a long run prints: a line now and then, and in the end what it all came to. */
import { missedMarks, type Tally } from '../../simulator/tally.ts';
import { style, table } from '../output.ts';
import { missedText } from '../simulate-report.ts';
import type { LongRun, Memory } from './long-run.ts';
import type { SeedReport } from './task.ts';

const MEBIBYTE = 2 ** 20;
const MS_PER_HOUR = 3_600_000;

export function progressLine(run: LongRun): string {
  const tallies = [...run.tallies.values()];
  const seeds = tallies.reduce((sum, { runs }) => sum + runs, 0);
  const hours = tallies.reduce((sum, { virtualMs }) => sum + virtualMs, 0) / MS_PER_HOUR;
  const { nowBytes } = run.memory();
  const parts = [
    durationText(run.elapsedMs),
    `${seeds} seeds`,
    `${millions(run.events)} events (${perSecond(run)}/s)`,
    `${hours.toFixed(1)} virtual hours`,
    `RSS ${mebibytes(nowBytes)} MB`,
    `${run.failed} failed`,
  ];
  return parts.join('  ');
}

export function longText(run: LongRun): string {
  const rows = [...run.tallies].map(([engine, { runs, events, virtualMs }]) => [
    engine,
    String(runs),
    String(events),
    (virtualMs / MS_PER_HOUR).toFixed(1),
  ]);
  return [
    ...[...run.tallies].map(marksText),
    table(['engine', 'seeds', 'events', 'virtual hours'], rows, [1, 2, 3]),
    '',
    ...run.failures.map(({ engine, seed, isStable, violations }) => {
      const found = violations.find(({ expected }) => !expected);
      const what = found === undefined ? 'not the same twice' : `${found.checker}: ${found.message}`;
      const verdict = `${style('red', 'failed')}  ${engine}, seed ${seed}${isStable === false ? ' (not the same twice)' : ''}: ${what}`;
      return `${verdict}\n        again: synod simulate --engine ${engine} --seed ${seed}${run.flags}`;
    }),
    `${durationText(run.elapsedMs)}, ${perSecond(run)} events/s on ${run.jobs} ${run.jobs === 1 ? 'thread' : 'threads'}`,
    memoryText(run.memory()),
    run.failed === 0 ? style('green', 'no seed failed') : style('red', `${run.failed} seeds failed`),
  ].join('\n');
}

export function longDocument(run: LongRun) {
  return {
    elapsedMs: Math.round(run.elapsedMs),
    threads: run.jobs,
    eventsPerSecond: perSecond(run),
    memory: run.memory(),
    engines: Object.fromEntries(
      [...run.tallies].map(([engine, { runs, events, virtualMs, marks }]) => [
        engine,
        { runs, events, virtualMs, marks: Object.fromEntries(marks) },
      ]),
    ),
    failed: run.failed,
    failures: run.failures.map(({ engine, seed, isStable, violations }: SeedReport) => ({ engine, seed, isStable, violations })),
  };
}

function marksText([engine, tally]: readonly [string, Tally]): string {
  const missed = missedMarks(tally);
  const marks = table(
    [`mark (${engine})`, 'seeds'],
    [...tally.marks].map(([name, count]) => [name, String(count)]),
    [1],
  );
  return `${marks}\n${missedText(missed)
    .map((line) => `${line}\n`)
    .join('')}`;
}

function memoryText({ startBytes, nowBytes, maxBytes, startHeapBytes, nowHeapBytes, maxHeapBytes, bytesPerHour }: Memory): string {
  const [start, now, max, startHeap, nowHeap, maxHeap] = [startBytes, nowBytes, maxBytes, startHeapBytes, nowHeapBytes, maxHeapBytes].map(
    mebibytes,
  );
  const trend = bytesPerHour === null ? 'not known after so short a time' : `${mebibytes(bytesPerHour)} MB an hour`;
  return [
    `memory (RSS): ${start} MB at the start, ${now} MB now, ${max} MB at most; trend ${trend}`,
    `heap of a thread: ${startHeap} MB after the first run, ${nowHeap} MB after the last, ${maxHeap} MB at most`,
  ].join('\n');
}

function perSecond(run: LongRun): number {
  return Math.round((1_000 * run.events) / Math.max(1, run.elapsedMs));
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(1)} M`;
}

function mebibytes(bytes: number): number {
  return Math.round(bytes / MEBIBYTE);
}

/** '1:02:03'. */
function durationText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}
