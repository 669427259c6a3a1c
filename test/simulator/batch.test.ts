/** Many runs: what is counted, and that instability is found. */
import { describe, expect, it } from 'vitest';
import type { EngineFactory } from '../../src/consensus/engine.ts';
import { runBatch, seedRange } from '../../src/simulator/batch.ts';
import { COMMON_MARKS, sometimes } from '../../src/simulator/marks.ts';
import { type Result, run } from '../../src/simulator/run.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { pbftSubject } from '../../src/simulator/subjects/pbft.ts';
import { raftSubject } from '../../src/simulator/subjects/raft.ts';
import { missedMarks } from '../../src/simulator/tally.ts';
import { sequencer, sequencerModule } from './engines/sequencer.ts';

const OPTIONS = { nodes: 3, faultsMs: 5_000 };
const subject = subjectOf(sequencerModule(), 'sequencer.ts');
describe('runBatch', () => {
  it('runs each seed once and adds up what it took', () => {
    const results: Result[] = [];
    const onResult = (result: Result) => results.push(result) > 0;
    const batch = runBatch({ subject, seeds: seedRange(3, 6), options: OPTIONS, onResult });
    expect(results.map(({ plan }) => plan.seed)).toEqual(['3', '4', '5', '6']);
    expect(batch).toMatchObject({ runs: 4, failed: [], unstable: [] });
    expect(batch.events).toBe(results.reduce((sum, { stats }) => sum + stats.events, 0));
    expect(batch.virtualMs).toBe(results.reduce((sum, { stats }) => sum + stats.virtualMs, 0));
    expect(results[0]?.traceHash).toBe(run({ subject, seed: '3', options: OPTIONS }).traceHash);
  });

  it('keeps what failed, and ends when it is told to', () => {
    const broken = subjectOf(sequencerModule({ throws: { atStep: 5, how: 'throw' } }), 'x.ts');
    const batch = runBatch({ subject: broken, seeds: seedRange(1, 100), options: OPTIONS, onResult: ({ ok }) => ok });
    expect(batch.runs).toBe(1);
    expect(batch.failed.map(({ plan }) => plan.seed)).toEqual(['1']);
  });

  it('finds runs that are not the same twice', () => {
    let lives = 0;
    // Something outlives the run: each engine that is made waits a little longer.
    const createEngine: EngineFactory = (...values) => {
      const engine = sequencer()(...values);
      const extraMs = ++lives;
      return {
        ...engine,
        step: (state, event, context) => [...engine.step(state, event, context), { type: 'setTimer', id: 'extra', delayMs: 100 + extraMs }],
      };
    };
    const unstable = subjectOf({ ...sequencerModule(), createEngine }, 'unstable.ts');
    expect(runBatch({ subject: unstable, seeds: seedRange(1, 5), options: OPTIONS, twiceEvery: 2 }).unstable).toEqual(['1', '3', '5']);
    expect(runBatch({ subject: unstable, seeds: seedRange(1, 3), options: OPTIONS, twiceEvery: 1 }).unstable).toEqual(['1', '2', '3']);
    expect(runBatch({ subject: unstable, seeds: seedRange(1, 3), options: OPTIONS }).unstable).toEqual([]);
    expect(runBatch({ subject, seeds: seedRange(1, 3), options: OPTIONS, twiceEvery: 1 }).unstable).toEqual([]);
  });

  it('counts marks by run, and says which were missed', () => {
    const marks = [sometimes('always', () => true), sometimes('never', () => false)];
    const batch = runBatch({ subject: { ...subject, marks }, seeds: seedRange(1, 3), options: OPTIONS });
    expect(batch.marks.get('always')).toBe(3);
    expect(batch.marks.get('never')).toBe(0);
    expect([...batch.marks.keys()]).toEqual([...COMMON_MARKS.map(({ name }) => name), 'always', 'never']);
    expect(missedMarks(batch)).toContain('never');
    expect(missedMarks(batch)).not.toContain('always');
    expect(missedMarks({ ...batch, unreachable: ['never'] })).not.toContain('never');
    expect(missedMarks({ ...batch, unreachable: ['always'] })).toEqual(missedMarks(batch));
  });

  it('does not miss what the engine cannot reach', () => {
    const unreachable = ['a reorganisation'];
    const missed = (its: Partial<Subject>) =>
      missedMarks(runBatch({ subject: { ...subject, ...its }, seeds: seedRange(1, 1), options: OPTIONS }));
    expect(missed({})).toContain('a reorganisation');
    expect(missed({ unreachable })).toEqual(missed({}).filter((mark) => mark !== 'a reorganisation'));
    const names = COMMON_MARKS.map(({ name }) => name);
    for (const { unreachable: marks = [] } of [raftSubject, pbftSubject]) expect(names).toEqual(expect.arrayContaining([...marks]));
    expect(raftSubject.unreachable).toContain('a block was invalid');
    expect(pbftSubject.unreachable).not.toContain('a block was invalid');
  });
});
