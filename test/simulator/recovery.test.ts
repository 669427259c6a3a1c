/** Liveness mode: who is healed when the faults end, what is owed then, by when, and what a violation says. */
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/simulator/faults.ts';
import { recoveryOf } from '../../src/simulator/recovery.ts';
import { planRun, type Result, run } from '../../src/simulator/run.ts';
import { FOR_EVER_MS } from '../../src/simulator/schedule.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import type { TraceEntry } from '../../src/simulator/trace.ts';
import { type Bugs, sequencerModule } from './engines/sequencer.ts';
import { OPTIONS, optionsWith } from './support.ts';

const FAULTS_MS = 60_000;
const crashForEver = (node: number): Fault => ({ fault: 'crash', node, atMs: 10_000, forMs: FOR_EVER_MS });

/** Node 0 is the only one that is needed, whatever `quorum` says. */
function sequencerOf(quorum: number, bugs: Bugs = {}): Subject {
  return { ...subjectOf(sequencerModule(bugs), 'sequencer'), quorum: () => quorum };
}

function runWith(subject: Subject, survivors: readonly number[], schedule: readonly Fault[], entries: TraceEntry[] = []): Result {
  const options = { ...OPTIONS, faultsMs: FAULTS_MS, survivors };
  const { engine } = planRun({ subject, seed: '1', options: { nodes: OPTIONS.nodes } }).options;
  return run({ subject, seed: '1', options: { ...options, engine }, schedule, sink: (entry) => void entries.push(entry) });
}

const calmOf = (entries: readonly TraceEntry[]) => entries.find(({ kind }) => kind === 'phase');
const startsAfter = (entries: readonly TraceEntry[], atMs: number) =>
  entries.filter(({ kind, atUs }) => kind === 'start' && atUs > 1_000 * atMs).map(({ node }) => node);

describe('the bound on progress', () => {
  const healed = {
    options: OPTIONS,
    members: [0, 1],
    quorum: 2,
    progressMs: null,
    maxTimeoutMs: 32_000,
    longestBanMs: 0,
    missingBlocks: 0,
  };
  const bound = (changes: Partial<typeof healed>) => recoveryOf({ ...healed, ...changes }).boundMs;

  it('is ten of the longest time-outs and the time to catch up', () => {
    const catchUp = bound({ maxTimeoutMs: 0 });
    expect(bound({}) - catchUp).toBe(320_000);
    expect(recoveryOf(healed).reason).toBe(`10 time-outs of 32000 ms for 8 blocks and ${catchUp} ms to catch up`);
  });

  it("is the engine's own where it has one", () => {
    expect(recoveryOf({ ...healed, progressMs: 5_000 }).boundMs - bound({ maxTimeoutMs: 0 })).toBe(5_000);
  });

  it('grows with what has to be waited for: bans, missing blocks, slow links, peers that may be asked in vain', () => {
    expect(bound({ longestBanMs: 3_600_000 }) - bound({})).toBe(3_600_000);
    expect(bound({ missingBlocks: 1_000 })).toBeGreaterThan(bound({}) + 2_000);
    expect(bound({ options: optionsWith({ latencyMs: 300 }) })).toBeGreaterThan(bound({}) + 5_000);
    expect(bound({})).toBeGreaterThan(bound({ options: optionsWith({ survivors: [0] }) }) + 60_000);
  });

  it('is owed by a quorum of correct nodes, and by no fewer', () => {
    expect(recoveryOf(healed).isOwed).toBe(true);
    expect(recoveryOf({ ...healed, quorum: 3 }).isOwed).toBe(false);
  });
});

describe('when the faults end', () => {
  it('the quorum goes on without the others, who stay dead or cut off', () => {
    const entries: TraceEntry[] = [];
    const result = runWith(powSubject, [0, 2], [{ fault: 'crash', node: 0, atMs: 20_000, forMs: FOR_EVER_MS }, crashForEver(1)], entries);
    expect(result.violations).toEqual([]);
    expect(calmOf(entries)?.data).toMatchObject({ members: [0, 2], quorum: 1, isOwed: true });
    expect(startsAfter(entries, 30_000)).toEqual([0]);

    const cut: TraceEntry[] = [];
    expect(runWith(powSubject, [0, 2], [], cut).violations).toEqual([]);
    const later = cut.filter(({ kind, atUs }) => kind === 'receive' && atUs > 1_000 * FAULTS_MS);
    expect(later.length).toBeGreaterThan(0);
    expect(later.filter(({ node, peer }) => node === 1 || peer === 1)).toEqual([]);
  });

  it('a network that was cut and a disk that failed are mended among survivors', () => {
    const schedule: Fault[] = [
      { fault: 'partition', side: [0], direction: 'both', atMs: 5_000, forMs: FOR_EVER_MS },
      { fault: 'diskError', node: 2, atMs: 5_000, forMs: FOR_EVER_MS },
    ];
    expect(runWith(sequencerOf(3), [0, 1, 2], schedule).violations).toEqual([]);
  });

  it('a node that misbehaves is no member, though it is healed', () => {
    const entries: TraceEntry[] = [];
    const silent: Fault = { fault: 'byzantine', node: 1, behaviour: 'silent', atMs: 0, forMs: FOR_EVER_MS };
    runWith(powSubject, [0, 1, 2], [silent], entries);
    expect(calmOf(entries)?.data).toMatchObject({ members: [0, 2] });
  });

  it('nothing is required of fewer than a quorum', () => {
    const entries: TraceEntry[] = [];
    expect(runWith(sequencerOf(3), [1, 2], [crashForEver(0)], entries).violations).toEqual([]);
    expect(calmOf(entries)?.data).toMatchObject({ members: [1, 2], quorum: 3, isOwed: false });
  });

  it('an engine that stands still is found, with the bound and with what is missing', () => {
    const { violations } = runWith(sequencerOf(2, { stallsAt: 40 }), [0, 2], []);
    expect(violations).toHaveLength(1);
    expect(violations[0]?.checker).toBe('Termination');
    expect(violations[0]?.message).toMatch(
      /^no progress to height \d+ on node 0, 2 within \d+ ms after the last fault \(10 time-outs of 10000 ms for 8 blocks and \d+ ms to catch up\), with 2 correct nodes healed of the 2 that it takes \(node 0: 40, node 2: 40\)\.$/,
    );
    expect(violations[0]?.atMs).toBeGreaterThan(FAULTS_MS + 100_000);
  });

  it('an engine that needs more nodes than it says is found', () => {
    const { violations } = runWith(sequencerOf(2), [1, 2], []);
    expect(violations[0]).toMatchObject({ checker: 'Termination', message: expect.stringContaining('no progress') });
  });
});
