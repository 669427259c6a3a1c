/**
 * The suite that every engine passes, synod's own and a user's (`synod simulate --engine ./my-engine.ts`): one case for
 * what each kind of trouble must not do, and a few for what the contract (`consensus/engine.ts`) asks whatever happens.
 * A case is a word, what holds, and what was found; a run that went wrong is made again from the word and a seed.
 *
 * Source of the idea: one compliance suite for all implementations of an interface, as js-libp2p has.
 */
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { Bench, type BenchOptions, type Case, type Finding } from './conformance/bench.ts';
import { CODEC, COMMANDS, DETERMINISM, QUIET } from './conformance/still-cases.ts';
import { CRASH_POINTS, roleCases, TROUBLE_CASES } from './conformance/world-cases.ts';
import type { Subject } from './subject.ts';

export interface CaseResult extends Finding {
  readonly id: string;
  readonly title: string;
}

export interface ConformanceOptions extends BenchOptions {
  /** Only this case. Throws UsageError `simulator/no-such-case` for one that is not there. */
  readonly only?: string | null;
  readonly onCase?: (result: CaseResult) => void;
}

/** After one of these the engine is at work for ever in all other cases as well. */
const HANGS = 'a loop without end';

export function casesFor(subject: Subject): Case[] {
  const still = [CODEC, COMMANDS, DETERMINISM, QUIET];
  return [...TROUBLE_CASES.slice(0, 1), ...still, ...TROUBLE_CASES.slice(1), CRASH_POINTS, ...roleCases(subject)];
}

/** Runs the cases one after another. Those after an engine that does not come back are not tried. */
export function conformance(
  subject: Subject,
  { only = null, onCase = () => undefined, ...options }: ConformanceOptions = {},
): CaseResult[] {
  const cases = casesFor(subject);
  const chosen = only === null ? cases : cases.filter(({ id }) => id === only);
  if (chosen.length === 0) {
    const known = cases.map(({ id }) => id).join(', ');
    throw new UsageError('simulator/no-such-case', `There is no case ${quote(only ?? '')} for engine ${subject.name}; known are ${known}.`);
  }
  const results: CaseResult[] = [];
  for (const { id, title, check } of chosen) {
    const bench = new Bench(subject, options);
    const hangs = results.some(({ problem }) => problem?.includes(HANGS) === true);
    const result = { id, title, ...(hangs ? bench.skip('the engine hangs') : check(bench)) };
    results.push(result);
    onCase(result);
  }
  return results;
}
