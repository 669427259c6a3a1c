/** What clients do and see, and the checkers of it: by hand, and under an engine that keeps its promises or breaks one. */
import { describe, expect, it } from 'vitest';
import { Lsn } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { hashHeader } from '../../src/chain/header.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import type { AnyEngine, Finality } from '../../src/consensus/engine.ts';
import type { CheckerFactory, Setting } from '../../src/simulator/checkers/checker.ts';
import { acknowledgedWrites } from '../../src/simulator/checkers/durability.ts';
import { ledgerModel, type Seen } from '../../src/simulator/checkers/linearizable.ts';
import { reads } from '../../src/simulator/checkers/reads.ts';
import { validity } from '../../src/simulator/checkers/validity.ts';
import type { Fault } from '../../src/simulator/faults.ts';
import { checkLinearizable, type Operation } from '../../src/simulator/linearizability.ts';
import type { Observation } from '../../src/simulator/observations.ts';
import { run } from '../../src/simulator/run.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { type Balances, encodeTransfer } from '../../src/simulator/transfers.ts';
import { type Bugs, sequencerModule } from './engines/sequencer.ts';
import { childOf, GENESIS, IDLE_ENGINE, nodeOf, OPTIONS } from './support.ts';

const TRANSFER = encodeTransfer({ from: 0, to: 1, nonce: 0, amount: 5 });
const A1: Block = { ...childOf(GENESIS.block), transactions: [TRANSFER] };
const A2 = childOf(A1);
const B1 = childOf(GENESIS.block, 1);

/** A chain of these blocks on genesis, the last of them final. */
function chainOf(...blocks: Block[]) {
  const all = [GENESIS.block, ...blocks];
  const nodes = all.map((block) => nodeOf(block));
  return {
    head: nodes.at(-1) as HeaderNode,
    finalized: nodes.at(-1) as HeaderNode,
    canonical: (number: number) => nodes[number]?.hash,
    block: (hash: string) => all.find(({ header }) => hashHeader(header) === hash),
  };
}

/** What the checker says of these observations; `chains` are those of the nodes. */
function told(
  factory: CheckerFactory,
  finality: Finality,
  chains: readonly (ReturnType<typeof chainOf> | null)[],
  seen: Observation[],
): string[] {
  const messages: string[] = [];
  const setting = {
    engine: { ...IDLE_ENGINE, finality } as AnyEngine,
    nodes: chains.length,
    genesis: nodeOf(GENESIS.block),
    isCorrect: () => true,
    chainOf: (node: number) => chains[node] ?? null,
    report: ({ message }: { readonly message: string }) => void messages.push(message),
  } as unknown as Setting;
  const checker = factory(setting);
  for (const observation of seen) checker.observe(observation);
  checker.end?.();
  return messages;
}

const read = (node: number, block: Block, kind: 'latest' | 'finalized' | 'linearizable' = 'finalized'): Observation => ({
  type: 'read',
  node,
  kind,
  block: nodeOf(block),
  account: 0,
  callMs: 0,
  seen: [0, 0],
});

describe('reads', () => {
  it('of final blocks show one chain, whoever answers', () => {
    expect(told(reads, 'instant', [], [read(0, A1), read(1, A1), read(0, A2), read(1, A1)])).toEqual([]);
    expect(told(reads, 'instant', [], [read(0, A1), read(1, B1)])).toEqual([expect.stringContaining('node 0 has shown 1 (')]);
  });

  it('of final blocks do not go back on one node, and may on two', () => {
    expect(told(reads, 'gadget', [], [read(0, A2), read(1, A1)])).toEqual([]);
    expect(told(reads, 'gadget', [], [read(0, A2), read(0, A1)])).toEqual([expect.stringContaining('after it has shown 2 (')]);
  });

  it('of the head are held to it only where the head is final', () => {
    const forked = [read(0, A2, 'latest'), read(1, B1, 'latest'), read(0, A1, 'latest')];
    expect(told(reads, 'instant', [], forked)).not.toEqual([]);
    expect(told(reads, 'gadget', [], forked)).toEqual([]);
    expect(told(reads, 'probabilistic', [], [...forked, read(0, B1), read(0, A1)])).toEqual([]);
  });
});

describe('what nodes have and show', () => {
  const wrong = GENESIS.state.map((value) => value + 1);
  const statesOf = (state: Balances) => ({ genesis: GENESIS.state, of: () => ({ state: () => state }) });
  const shown = (seen: readonly [number, number]) => ({ ...read(0, GENESIS.block), seen }) as Observation;

  it('is the state of a replay, at every start and in the end', () => {
    const started = { type: 'started', node: 0, incarnation: 1, chain: chainOf(), lsn: Lsn(0) } as unknown as Observation;
    expect(told(validity(statesOf(GENESIS.state)), 'instant', [chainOf()], [started])).toEqual([]);
    expect(told(validity(statesOf(wrong)), 'instant', [chainOf()], [started])).toEqual(
      Array(2).fill(expect.stringContaining('is not that of a replay')),
    );
  });

  it('is what clients are told', () => {
    const balance = GENESIS.state[0] ?? 0;
    expect(told(validity(statesOf(GENESIS.state)), 'probabilistic', [chainOf()], [shown([balance, 0])])).toEqual([]);
    const lies = [shown([balance + 1, 0]), shown([balance, 1])];
    expect(told(validity(statesOf(GENESIS.state)), 'probabilistic', [chainOf()], lies)).toEqual(
      Array(2).fill(expect.stringContaining('a replay has')),
    );
  });
});

describe('acknowledged writes', () => {
  const submitted: Observation = { type: 'submitted', node: 0, transaction: TRANSFER };
  const final = (node: number, block: Block): Observation => ({ type: 'finalDurable', node, block: nodeOf(block) });

  it('are those of a final block, on a node that was given them', () => {
    expect(told(acknowledgedWrites, 'instant', [chainOf(A1), chainOf(A1)], [submitted, final(0, A1), final(1, A1)])).toEqual([]);
    expect(told(acknowledgedWrites, 'instant', [null, chainOf(B1)], [submitted])).toEqual([]);
  });

  it('are lost when another node that has come so far has another block there', () => {
    const [message] = told(acknowledgedWrites, 'instant', [chainOf(A1), chainOf(B1)], [submitted, final(0, A1)]);
    expect(message).toContain('Has lost 1 transactions of block 1');
    expect(message).toContain('which node 0 told a client were done');
  });

  it('are not asked of a node that has not come so far, and under proof-of-work of nobody', () => {
    expect(told(acknowledgedWrites, 'instant', [chainOf(A1), chainOf()], [submitted, final(0, A1)])).toEqual([]);
    expect(told(acknowledgedWrites, 'probabilistic', [chainOf(A1), chainOf(B1)], [submitted, final(0, A1)])).toEqual([]);
  });

  it('have to be there after a restart', () => {
    const started = { type: 'started', node: 0, incarnation: 2, chain: chainOf(B1), lsn: Lsn(0) } as unknown as Observation;
    expect(told(acknowledgedWrites, 'gadget', [chainOf(A1)], [submitted, final(0, A1), started])).toHaveLength(1);
  });
});

describe('the ledger, as clients see it', () => {
  const accounts = [100, 0, 100, 0];
  const pay = (amount: number, callMs: number, returnMs: number, seen: Seen | undefined): Operation<never, Seen> =>
    ({ client: 0, input: { type: 'transfer', transfer: { from: 0, to: 1, nonce: 0, amount } }, output: seen, callMs, returnMs }) as never;
  const look = (callMs: number, returnMs: number, seen: Seen): Operation<never, Seen> =>
    ({ client: 1, input: { type: 'read', account: 0 }, output: seen, callMs, returnMs }) as never;
  const verdict = (...history: Operation<never, Seen>[]) => checkLinearizable(ledgerModel(accounts) as never, history).result;

  it('shows a transfer to every read that begins after it returned, and to any that runs beside it', () => {
    expect(verdict(pay(30, 0, 10, [70, 130]), look(20, 21, [70, 1]))).toBe('linearizable');
    expect(verdict(pay(30, 0, 10, [70, 130]), look(20, 21, [100, 0]))).toBe('illegal');
    expect(verdict(pay(30, 0, 10, [70, 130]), look(5, 6, [100, 0]))).toBe('linearizable');
    expect(verdict(pay(30, 0, 10, [70, 130]), look(5, 6, [70, 1]))).toBe('linearizable');
    expect(verdict(pay(30, 0, 10, [70, 130]), look(3, 4, [70, 1]), look(5, 6, [100, 0]))).toBe('illegal');
  });

  it('does not do what is impossible, and need not do what never returned', () => {
    expect(verdict(pay(130, 0, 10, [-30, 230]))).toBe('illegal');
    expect(verdict(pay(130, 0, Number.POSITIVE_INFINITY, undefined), look(20, 21, [100, 0]))).toBe('linearizable');
  });
});

describe('clients of a simulation', () => {
  const SLOW = { nodes: 3, diskWriteMs: 50, executionMs: 5, latencyMs: 5, transfersPerMinute: 30 };
  /** The sequencer crashes again and again, each time a little later after it has begun a block. */
  const schedule = Array.from({ length: 11 }, (_, i): Fault => ({ fault: 'crash', node: 0, atMs: 10_015 * (i + 1), forMs: 1_000 }));
  /** The first violation that one of some seeds finds. */
  const firstOf = (bugs: Bugs) => {
    const subject = subjectOf(sequencerModule(bugs), 'sequencer');
    for (let seed = 1; seed <= 30; seed++) {
      const { violations } = run({ subject, seed: String(seed), options: { ...SLOW, faultsMs: 120_000 }, schedule });
      if (violations.length > 0) return violations[0];
    }
    return undefined;
  };

  it('read every kind that the engine offers, from every node, and find nothing wrong with an engine that keeps its promises', () => {
    const kinds = new Set<string>();
    const nodes = new Set<number>();
    const { plan, violations } = run({
      subject: subjectOf(sequencerModule(), 'sequencer'),
      seed: '3',
      options: { transfersPerMinute: 30, faultsMs: 600_000 },
      sink: ({ kind, what, node }) => {
        if (kind !== 'client' || what === '') return;
        kinds.add(what);
        nodes.add(node);
      },
    });
    expect(violations).toEqual([]);
    expect([...kinds].sort()).toEqual(['finalized', 'latest', 'linearizable']);
    expect(nodes.size).toBe(plan.options.nodes);
  });

  it('are offered no linearizable read under proof-of-work', () => {
    const kinds = new Set<string>();
    const options = { ...OPTIONS, transfersPerMinute: 60 };
    const { ok } = run({
      subject: powSubject,
      seed: '1',
      options,
      schedule: [],
      sink: ({ kind, what }) => void (kind === 'client' && kinds.add(what)),
    });
    expect(ok).toBe(true);
    expect([...kinds].sort()).toEqual(['', 'finalized', 'latest']);
  });

  it('find an engine that calls stale reads linearizable', () => {
    const violation = firstOf({ staleReads: true });
    expect(violation?.checker).toBe('Linearizability');
    expect(violation?.message).toMatch(/No order of the \d+ transfers and \d+ reads explains .* and not the (read|transfer) /);
  });

  it('find an engine that takes back what was done', () => {
    expect(firstOf({ forgets: true })?.checker).toBe('Agreement');
  });
});
