/** `synod simulate --conformance`, and what `--engine ./my-engine.ts` does when nothing else is asked: the suite for engines. */
import { type CaseResult, conformance } from '../simulator/conformance.ts';
import type { Subject } from '../simulator/subject.ts';
import type { TraceSink } from '../simulator/trace.ts';
import { argumentError, print, style } from './output.ts';

export interface ConformanceFlags {
  /** A case, or true for all of them. */
  readonly conformance?: string | true;
  readonly seed?: number;
  readonly json?: boolean;
}

const EXAMPLE = 'as in --conformance crashes --seed 7';

/** Throws UsageError `arguments/conformance` for flags that only one case, or one run, can have. */
export function checkConformanceFlags({ conformance: asked, seed, trace }: ConformanceFlags & { readonly trace?: string }): void {
  if (typeof asked !== 'string' && seed !== undefined)
    throw argumentError('conformance', `--seed needs the case that it is for, ${EXAMPLE}.`);
  if (trace !== undefined && seed === undefined) throw argumentError('conformance', `--trace needs a case and one seed of it, ${EXAMPLE}.`);
}

/** Prints a line for each case as it ends; sets exit code 1 when one failed. Returns the first of those. */
export function runConformance(
  subject: Subject,
  { conformance: asked = true, seed, json }: ConformanceFlags,
  sink: TraceSink | null = null,
): CaseResult | null {
  const only = asked === true ? null : asked;
  const startedMs = performance.now();
  const onCase = (result: CaseResult) => {
    if (json !== true) print(false, null, () => caseText(result, subject.name));
  };
  const results = conformance(subject, { only, seed: seed ?? null, sink, onCase });
  const tookMs = Math.round(performance.now() - startedMs);
  const failed = results.filter(({ problem }) => problem !== null);
  print(
    json,
    { engine: subject.name, ok: failed.length === 0, tookMs, cases: results.map((result) => caseDocument(result, subject.name)) },
    () => summary(results, failed, tookMs),
  );
  if (failed.length > 0) process.exitCode = 1;
  return failed[0] ?? null;
}

function caseText({ id, title, problem, skipped, seed, runs, events }: CaseResult, engine: string): string {
  if (skipped !== null) return `${style('yellow', 'skipped')}  ${title}: ${skipped}`;
  if (problem === null) return `${style('green', 'ok')}       ${title} (${runs} runs, ${events} events)`;
  return `${style('red', 'failed')}   ${title}\n         ${problem}\n         again: ${commandOf(id, seed, engine)}`;
}

function summary(results: readonly CaseResult[], failed: readonly CaseResult[], tookMs: number): string {
  const events = results.reduce((sum, result) => sum + result.events, 0);
  const verdict = failed.length === 0 ? style('green', 'passed') : style('red', `${failed.length} failed`);
  return `${results.length} cases, ${events} events in ${(tookMs / 1_000).toFixed(1)} s: ${verdict}`;
}

function caseDocument({ id, title, problem, skipped, seed, runs, events }: CaseResult, engine: string) {
  return {
    id,
    title,
    ok: problem === null,
    skipped,
    problem,
    seed,
    ...(problem !== null && { again: commandOf(id, seed, engine) }),
    runs,
    events,
  };
}

/** The command that makes what went wrong happen again. */
function commandOf(id: string, seed: number | null, engine: string): string {
  return `synod simulate --engine ${engine} --conformance ${id}${seed === null ? '' : ` --seed ${seed}`}`;
}
