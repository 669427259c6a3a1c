/** Checkers of what is executed and what clients see: each is silent when all is well, and objects to what is planted. */
import { describe, expect, it } from 'vitest';
import { RuleError } from '../../../src/base/errors.ts';
import type { Hash } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { Finality } from '../../../src/consensus/engine.ts';
import { linearizable } from '../../../src/simulator/checkers/linearizable.ts';
import { reads } from '../../../src/simulator/checkers/reads.ts';
import { ReferenceLedger } from '../../../src/simulator/checkers/reference.ts';
import { validity } from '../../../src/simulator/checkers/validity.ts';
import type { Observation } from '../../../src/simulator/observations.ts';
import {
  addressOfAccount,
  applyTransfer,
  type Balances,
  balanceOf,
  encodeTransfer,
  mint,
  nonceOf,
  type Transfer,
} from '../../../src/simulator/transfers.ts';
import { blockWith, chainOn, childOf, GENESIS, IDLE_ENGINE, nodeOf } from '../support.ts';
import { CheckerBench } from './bench.ts';

const hashOf = ({ header }: Block): Hash => hashHeader(header);
const GENESIS_HASH = hashOf(GENESIS.block);
const PAY: Transfer = { from: 0, to: 1, nonce: 0, amount: 10 };

function stateAfter(state: Balances, ...transfers: readonly Transfer[]): Balances {
  const after = state.slice();
  for (const transfer of transfers) applyTransfer(after, transfer);
  return after;
}

const PAID = stateAfter(GENESIS.state, PAY);
const paying = blockWith(GENESIS.block, [PAY], PAID);
/** What careless arithmetic would make of it. */
const OVERDRAWN = stateAfter(GENESIS.state, PAY);
OVERDRAWN[0] = balanceOf(GENESIS.state, 0) - 2_000_000;
OVERDRAWN[2] = balanceOf(GENESIS.state, 1) + 2_000_000;
const submitted = (node: number, transfer: Transfer): Observation => ({ type: 'submitted', node, transaction: encodeTransfer(transfer) });

describe('ReferenceLedger', () => {
  const reference = () => new ReferenceLedger(IDLE_ENGINE, GENESIS_HASH, GENESIS.state);

  it('has the state of a block after that of its parent', () => {
    const ledger = reference();
    const next = blockWith(paying, [{ ...PAY, nonce: 1 }], stateAfter(PAID, { ...PAY, nonce: 1 }));
    expect(ledger.replay(next)).toBeUndefined();
    expect(ledger.replay(paying)).toEqual({ state: PAID });
    expect(ledger.replay(next)).toEqual({ state: stateAfter(PAID, { ...PAY, nonce: 1 }) });
  });

  it('pays what the engine gives', () => {
    const after = GENESIS.state.slice();
    mint(after, 5, 7);
    const rewards = () => [{ to: addressOfAccount(5), amount: 7n }];
    const ledger = new ReferenceLedger({ ...IDLE_ENGINE, rewards }, GENESIS_HASH, GENESIS.state);
    expect(ledger.replay(blockWith(GENESIS.block, [], after))).toEqual({ state: after });
  });

  it.each<[string, Block]>([
    ['a nonce that is not the next', blockWith(GENESIS.block, [{ ...PAY, nonce: 1 }], PAID)],
    ['a transfer twice', blockWith(GENESIS.block, [PAY, PAY], PAID)],
    ['more than there is', blockWith(GENESIS.block, [{ ...PAY, amount: 2_000_000 }], OVERDRAWN)],
    ['an account that is none', blockWith(GENESIS.block, [{ ...PAY, to: 99 }], PAID)],
    ['another state', blockWith(GENESIS.block, [PAY], GENESIS.state)],
    ['another gas', blockWith(GENESIS.block, [PAY], PAID, { gasUsed: 7n })],
    ['receipts', blockWith(GENESIS.block, [PAY], PAID, { receiptsRoot: GENESIS_HASH })],
    ['another body', { ...paying, transactions: [] }],
    ['bytes that are no transfer', { ...paying, transactions: [new Uint8Array(14)] }],
  ])('holds a block with %s for invalid, and what is on top of it', (_what, bad) => {
    const ledger = reference();
    expect(ledger.replay(bad)).toHaveProperty('error');
    expect(ledger.replay(childOf(bad))).toHaveProperty('error');
  });
});

describe('Validity', () => {
  const bench = () => {
    const one: CheckerBench = new CheckerBench(validity({ genesis: GENESIS.state, of: (node) => one.chains[node] ?? null }));
    return one;
  };

  it('is silent while valid blocks are held for valid, with the states of a replay, and invalid ones for invalid', () => {
    const one = bench();
    one.observe(submitted(0, PAY));
    one.follow(0, [paying], PAID);
    const bad = blockWith(paying, [], GENESIS.state);
    one.insert(0, bad);
    one.observe({ type: 'checked', node: 0, hash: hashOf(bad), error: new RuleError('block/stateRoot', 'Another state.') });
    one.observe({
      type: 'read',
      node: 0,
      kind: 'latest',
      block: nodeOf(paying),
      account: 0,
      callMs: 0,
      seen: [balanceOf(PAID, 0), nonceOf(PAID, 0)],
    });
    expect(one.reports).toEqual([]);
  });

  it('objects when an invalid block is held for valid', () => {
    const one = bench();
    one.observe(submitted(0, PAY));
    one.follow(0, [blockWith(GENESIS.block, [PAY], GENESIS.state)]);
    expect(one.reports).toMatchObject([{ node: 0, message: expect.stringMatching(/^Holds block 1 .* for valid; it is invalid/) }]);
  });

  it('objects when a valid block is held for invalid', () => {
    const one = bench();
    one.insert(0, paying);
    one.observe({ type: 'checked', node: 0, hash: hashOf(paying), error: new RuleError('block/stateRoot', 'So it seems.') });
    expect(one.reports).toMatchObject([{ message: expect.stringMatching(/for invalid \(block\/stateRoot\); it is valid/) }]);
  });

  it('objects to a state that is not that of a replay', () => {
    const one = bench();
    one.observe(submitted(0, PAY));
    const forged = PAID.slice();
    mint(forged, 3, 1);
    one.follow(0, [paying], forged);
    expect(one.reports).toMatchObject([{ message: expect.stringContaining('is not that of a replay from genesis') }]);
  });

  it('objects to a transfer that nobody asked for', () => {
    const one = bench();
    one.observe(submitted(0, { ...PAY, amount: 11 }));
    one.follow(0, [paying], PAID);
    expect(one.reports).toMatchObject([{ message: expect.stringContaining('no client sent its transfer') }]);
  });

  it('objects to a block that was executed before its parent', () => {
    const one = bench();
    const next = childOf(paying);
    one.insert(0, paying);
    one.insert(0, next);
    one.observe({ type: 'checked', node: 0, hash: hashOf(next), error: null });
    expect(one.reports).toMatchObject([{ message: expect.stringContaining('whose parent nobody executed') }]);
  });

  it('objects when a client is shown what no replay has', () => {
    const one = bench();
    one.observe(submitted(0, PAY));
    one.follow(0, [paying], PAID);
    one.observe({
      type: 'read',
      node: 0,
      kind: 'latest',
      block: nodeOf(paying),
      account: 0,
      callMs: 0,
      seen: [balanceOf(GENESIS.state, 0), 1],
    });
    expect(one.reports).toMatchObject([{ message: expect.stringContaining('Shows account 0 with balance 1000000 and nonce 1') }]);
  });
});

describe('Linearizability', () => {
  const bench = (finality: Finality = 'instant') => {
    const states = { genesis: GENESIS.state, of: (node: number) => one.chains[node] ?? null };
    const one: CheckerBench = new CheckerBench(linearizable(states), { engine: { finality } });
    return one;
  };
  /** In a final block on disk. */
  const settle = (one: CheckerBench, node: number, block: Block, state: Balances) => {
    one.nowMs += 10;
    const kept = one.follow(node, [block], state);
    one.finalize(node, kept);
    one.sync(node);
  };
  const read = (one: CheckerBench, account: number, seen: readonly [number, number], callMs: number): Observation => ({
    type: 'read',
    node: 1,
    kind: 'linearizable',
    block: one.chain(1).head,
    account,
    callMs,
    seen,
  });

  it('is silent about transfers that return one after another, or never', () => {
    const one = bench();
    one.observe(submitted(0, PAY), submitted(1, PAY), submitted(0, { ...PAY, from: 2 }));
    settle(one, 0, paying, PAID);
    settle(one, 1, paying, PAID);
    one.end();
    expect(one.reports).toEqual([]);
  });

  it('objects when two nodes tell two clients of one nonce that each was served', () => {
    const one = bench();
    const other = { ...PAY, to: 3 };
    one.observe(submitted(0, PAY), submitted(1, other));
    settle(one, 0, paying, PAID);
    settle(one, 1, blockWith(GENESIS.block, [other], stateAfter(GENESIS.state, other)), stateAfter(GENESIS.state, other));
    one.end();
    expect(one.reports).toMatchObject([{ node: -1, message: expect.stringContaining('No order of the 2 transfers') }]);
  });

  it('objects to a read that goes back behind what had returned before it was asked for', () => {
    const observed = (callMs: number) => {
      const one = bench();
      one.observe(submitted(0, PAY));
      settle(one, 0, paying, PAID);
      one.nowMs = 100;
      one.observe(read(one, 0, [balanceOf(GENESIS.state, 0), 0], callMs));
      one.end();
      return one.reports;
    };
    // Asked for while the transfer was under way, it may be answered from before it.
    expect(observed(5)).toEqual([]);
    expect(observed(50)).toMatchObject([{ message: expect.stringContaining('No order of') }]);
  });

  it('counts a transfer from the first time that it was given, however often it is given again', () => {
    const one = bench();
    one.observe(submitted(0, PAY));
    settle(one, 0, paying, PAID);
    one.nowMs = 100;
    one.observe(read(one, 0, [balanceOf(GENESIS.state, 0), 0], 50));
    one.nowMs = 200;
    one.observe(submitted(1, PAY));
    one.end();
    expect(one.reports).toHaveLength(1);
  });

  it('claims nothing where nothing is ever final', () => {
    const one = bench('probabilistic');
    one.observe(submitted(0, PAY));
    one.observe(read(one, 0, [1, 1], 0));
    one.end();
    expect(one.reports).toEqual([]);
  });
});

describe('Reads', () => {
  const A = chainOn(GENESIS.block, 3).map((block) => nodeOf(block));
  const B = chainOn(GENESIS.block, 3, 1).map((block) => nodeOf(block));
  type Read = readonly [node: number, kind: 'latest' | 'finalized', block: ReturnType<typeof nodeOf> | undefined];

  const shown = (finality: Finality, ...list: readonly Read[]) => {
    const one = new CheckerBench(reads, { engine: { finality } });
    for (const [node, kind, block = A[0]] of list) {
      if (block !== undefined) one.observe({ type: 'read', node, kind, block, account: 0, callMs: 0, seen: [0, 0] });
    }
    return one.reports.map(({ message }) => message);
  };

  it('is silent while all nodes show one chain, each ever more of it', () => {
    expect(shown('instant', [0, 'latest', A[0]], [1, 'latest', A[2]], [0, 'latest', A[1]], [0, 'finalized', A[1]])).toEqual([]);
  });

  it('objects to two chains, and to going back, where the head is final', () => {
    expect(shown('instant', [0, 'latest', A[1]], [1, 'latest', B[1]])).toEqual([expect.stringContaining('node 0 has shown')]);
    expect(shown('instant', [0, 'latest', A[1]], [0, 'latest', A[0]])).toEqual([expect.stringContaining('after it has shown')]);
  });

  it('holds only final blocks to it where finality trails, and none where there is none', () => {
    const list: readonly Read[] = [
      [0, 'latest', A[1]],
      [1, 'latest', B[1]],
      [0, 'latest', A[0]],
    ];
    expect(shown('gadget', ...list)).toEqual([]);
    expect(shown('gadget', [0, 'finalized', A[1]], [1, 'finalized', B[1]])).toHaveLength(1);
    expect(shown('probabilistic', ...list, [0, 'finalized', A[1]], [1, 'finalized', B[1]])).toEqual([]);
  });
});
