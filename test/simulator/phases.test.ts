/**
 * Chains that change their engine or their members, in short runs with little else: each goes through at least one change while a node
 * is down, another is cut off, and clients pay. Many seeds of one: synod simulate --engine raft-to-pbft --seeds 1..50
 */
import { describe, expect, it } from 'vitest';
import { present } from '../../src/base/assert.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { run } from '../../src/simulator/run.ts';
import { knownSubject } from '../../src/simulator/subjects/registry.ts';

const FAULTS_MS = 90_000;
const QUICK = { faultsMs: FAULTS_MS, latencyMs: 2, jitterMs: 1, diskWriteMs: 2, executionMs: 2, transfersPerMinute: 120 };
const FAULTS: readonly Fault[] = [
  { fault: 'crash', node: 0, atMs: 10_000, forMs: 20_000 },
  { fault: 'partition', side: [1], direction: 'both', atMs: 35_000, forMs: 15_000 },
  { fault: 'noise', loss: 0.1, duplicate: 0.1, reorder: 0.1, atMs: 0, forMs: 80_000 },
];
/** Seeds whose changes come early. */
const SEEDS: readonly (readonly [engine: string, seed: string])[] = [
  ['raft-to-pbft', '1'],
  ['pbft-to-raft', '1'],
  ['pos-to-pbft', '2'],
  ['engines-in-turn', '1'],
  ['members-of-pbft', '1'],
  ['members-of-zab', '1'],
  ['members-of-paxos', '1'],
  ['members-of-chandra-toueg', '1'],
];

describe.each(SEEDS)('a chain that changes: %s', (engine, seed) => {
  it('keeps what holds for every chain, before and after', { timeout: 120_000 }, () => {
    const subject = present(knownSubject(engine), `the subject ${engine}`);
    const result = run({ subject, seed, options: { ...QUICK, nodes: subject.sizes?.[0] ?? 4 }, schedule: FAULTS });
    expect(result.violations).toEqual([]);
    expect(result.marks).toContain('a phase began');
  });
});
