/** `synod simulate --html`: reads what the page is made of, collects a run while it happens, and writes the page. */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import type { Plan, Result, RunLimits } from '../simulator/run.ts';
import type { TraceSink } from '../simulator/trace.ts';
import { argumentError, note } from './output.ts';
import { runnerOf } from './simulate-tier.ts';

export interface PictureFlags {
  readonly html?: string;
  /** Virtual seconds. */
  readonly htmlFrom?: number;
  readonly htmlTo?: number;
}

export interface OpenPicture {
  /** To be attached to the run. */
  readonly sink: TraceSink;
  /** Writes the page. `command` makes it again. */
  write(result: Result, command: string): void;
}

const CLIENT = new URL('../simulator/picture/client/', import.meta.url);
/** As long as any simulation. */
const MAX_SECONDS = 1e9;

/**
 * Of a command line, what says where output goes and what to do about failures: a picture is made again without it. The
 * value says whether an argument follows.
 */
const NOT_REPEATED: ReadonlyMap<string, boolean> = new Map([
  ['--seed', true],
  ['--seeds', true],
  ['--save', true],
  ['--trace', true],
  ['--until-failure', false],
  ['--shrink', false],
  ['--json', false],
]);

/** Throws UsageError `cli/unwritable-file` before the run begins. */
export async function openPicture(file: string, { htmlFrom, htmlTo }: PictureFlags, nodes: number): Promise<OpenPicture> {
  const { PictureCollector } = await import('../simulator/picture/collector.ts');
  const { buildPicture } = await import('../simulator/picture/build.ts');
  const { CLIENT_BODY, CLIENT_MODULES, CLIENT_STYLE, picturePage } = await import('../simulator/picture/page.ts');
  if (htmlFrom !== undefined && htmlTo !== undefined && htmlTo <= htmlFrom) {
    throw argumentError('html-to', `--html-to expects a time after --html-from (${htmlFrom} s), got ${htmlTo} s.`);
  }
  writeTo(file, (path) => closeSync(openSync(path, 'a')));
  const read = (name: string) => readFileSync(new URL(name, CLIENT), 'utf8');
  const sources = { modules: CLIENT_MODULES.map(read), style: read(CLIENT_STYLE), body: read(CLIENT_BODY) };
  const collector = new PictureCollector(nodes);
  const [fromUs, toUs] = [htmlFrom, htmlTo].map((seconds) => (seconds === undefined ? undefined : Math.round(seconds * 1e6)));
  return {
    sink: collector.sink,
    write(result, command) {
      const page = picturePage(buildPicture({ collector, result, command, fromUs, toUs }), sources);
      writeTo(file, (path) => writeFileSync(path, page));
      note(`drawn in ${file}`);
    },
  };
}

/** Carries out a run again, to draw it; nothing without `--html`. */
export async function drawAgain(flags: PictureFlags, plan: Plan, command: string, limits: Partial<RunLimits> = {}): Promise<void> {
  if (flags.html === undefined) return;
  const runner = await runnerOf(plan.tier);
  const picture = await openPicture(flags.html, flags, plan.options.nodes);
  picture.write(await runner.carryOut(plan, picture.sink, limits), command);
}

/** The command line of one run out of that of many, as somebody would type it. `seed` is null where a scenario says it. */
export function commandOf(argv: readonly string[], seed: string | null): string {
  const kept: string[] = [];
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? '';
    const [name = ''] = argument.split('=');
    const takesArgument = NOT_REPEATED.get(name);
    if (takesArgument === undefined) kept.push(shellQuoted(argument));
    else if (takesArgument && !argument.includes('=')) at++;
  }
  return ['synod', ...kept, ...(seed === null ? [] : ['--seed', shellQuoted(seed)])].join(' ');
}

/** A sink that feeds all of these; null for none. */
export function joinSinks(...sinks: readonly (TraceSink | null | undefined)[]): TraceSink | null {
  const wanted = sinks.filter((sink) => sink !== null && sink !== undefined);
  const [only] = wanted;
  if (only === undefined || wanted.length === 1) return only ?? null;
  const plain = wanted.filter(({ wantsStates }) => wantsStates !== true);
  return Object.assign(
    (entry: Parameters<TraceSink>[0]) => {
      for (const sink of wanted) if (entry.kind !== 'state' || !plain.includes(sink)) sink(entry);
    },
    { wantsStates: plain.length < wanted.length },
  );
}

/** A moment in virtual time. */
export function secondsOption(name: string): (text: string) => number {
  return (text) => {
    const value = /^\d{1,10}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value <= MAX_SECONDS)) throw argumentError(name, `--${name} expects virtual seconds such as 812.5, got ${quote(text)}.`);
    return value;
  };
}

function shellQuoted(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function writeTo(file: string, write: (path: string) => void): void {
  try {
    write(file);
  } catch (cause) {
    throw new UsageError('cli/unwritable-file', `Cannot write ${quote(file)}`, {}, cause);
  }
}
