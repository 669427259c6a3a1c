/**
 * The test of the suite: engines that are wrong in one way each, and the cases that must find it. Every bug shows in a tenth
 * of a case's seeds or more (measured: 6 of 60 for the rarest, in `crashPoints`, which has 200), so that none slips through
 * when anything that draws from a seed changes.
 */
import { describe, expect, it } from 'vitest';
import type { EngineFactory } from '../../src/consensus/engine.ts';
import { type CaseResult, casesFor, conformance } from '../../src/simulator/conformance.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { createEngine } from '../../src/simulator/tutorial/engine.ts';
import { BROKEN } from './engines/broken-tutorials.ts';

const HANG_LIMIT_MS = 500;

const subjectWith = (engine: EngineFactory) => subjectOf({ createEngine: engine }, 'broken.ts');
const only = (subject: Subject, id: string, options = {}): CaseResult | undefined => conformance(subject, { only: id, ...options })[0];

describe('the conformance suite', () => {
  it.each(BROKEN.flatMap(({ name, createEngine: engine, foundBy }) => foundBy.map((id) => [name, id, engine] as const)))(
    'finds an engine that %s, in case %s',
    { timeout: 60_000 },
    (_name, id, engine) => {
      const result = only(subjectWith(engine), id);
      expect(result?.problem).toEqual(expect.any(String));
      expect(result?.seed).toEqual(expect.any(Number));
    },
  );

  it('finds a failure again from the case and the seed', () => {
    const subject = subjectWith(BROKEN.find(({ name }) => name.includes('dead leader'))?.createEngine ?? createEngine);
    const failed = only(subject, 'deaths');
    const again = only(subject, 'deaths', { seed: failed?.seed });
    expect(failed?.problem).toEqual(expect.any(String));
    expect(again).toMatchObject({ problem: failed?.problem, runs: 1 });
    expect(again?.result?.traceHash).toBe(failed?.result?.traceHash);
  });

  it('goes no further with an engine that hangs', () => {
    const hanging: EngineFactory = (...values) => ({
      ...createEngine(...values),
      step: () => {
        for (;;);
      },
    });
    const results = conformance(subjectWith(hanging), { sliceLimitMs: HANG_LIMIT_MS });
    expect(results[0]?.problem).toContain('a loop without end');
    expect(results.slice(1).every(({ skipped, problem }) => skipped === 'the engine hangs' && problem === null)).toBe(true);
  });

  it('says what it does not ask: of an engine that writes nothing, where it crashes after a write', () => {
    expect(only(powSubject, 'crashPoints', { seed: 1 })).toMatchObject({ problem: null, skipped: 'the engine writes no records' });
  });

  it('has a case for each way to misbehave, and less to ask of engines that bear crashes alone', () => {
    const titles = (subject: Subject) => casesFor(subject).filter(({ id }) => id.startsWith('role-'));
    expect(titles(powSubject).map(({ id }) => id)).toEqual([...powSubject.behaviours.keys()].map((name) => `role-${name}`));
    expect(titles(powSubject).find(({ id }) => id === 'role-mutating')?.title).toBe('a node is mutating');
    const crashTolerant = titles(subjectWith(createEngine));
    expect(crashTolerant.find(({ id }) => id === 'role-mutating')?.title).toBe('nothing that a mutating node sends stops the others');
    expect(crashTolerant.find(({ id }) => id === 'role-silent')?.title).toBe('a node is silent');
  });

  it('refuses to run a case that is not there, and names those that are', () => {
    expect(() => only(powSubject, 'nosuch')).toThrowError(
      expect.objectContaining({ code: 'simulator/no-such-case', message: expect.stringContaining('crashPoints') }),
    );
  });
});
