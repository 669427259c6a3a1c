import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { EMPTY } from '../../../src/base/bytes.ts';
import type { Hash } from '../../../src/base/types.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import { MAX_CANDIDATES, MAX_PLAN_BLOCKS, MAX_RESTART_BLOCKS } from '../../../src/consensus/pow/forkchoice.ts';
import { extend, Headers, testNet } from './support.ts';
import { kinds, MemoryChain, World } from './world.ts';

const net = testNet();
const view = new Headers(net.genesis);
const trunk = extend(net, view, net.genesis, [10, 10]);
const fork = trunk[1] as HeaderNode;
const short = extend(net, view, fork, [10, 10, 10], 'short');
const long = extend(net, view, fork, [10, 10, 10, 10], 'long');
const rival = extend(net, view, fork, [10, 10, 10], 'rival');
const at = (chain: readonly HeaderNode[], index: number): HeaderNode => present(chain.at(index), `block ${index}`);

function give(world: World, nodes: readonly HeaderNode[], from = 'peer'): void {
  for (const node of nodes) world.receive(node.header, from);
}

/** A world far enough in time for every block of these tests. */
function world(options: ConstructorParameters<typeof World>[1] = {}): World {
  const created = new World(net, options);
  created.wallMs += 10_000_000;
  return created;
}

describe('consensus/pow fork choice', () => {
  it('extends the head: insert, check, then setHead', () => {
    const w = world();
    give(w, trunk);
    expect(kinds(w.effects)).toEqual(['insert', 'check', 'setHead', 'insert', 'check', 'setHead']);
    expect(w.chain.head.hash).toBe(fork.hash);
  });

  it('stays with the first seen of two equal branches', () => {
    for (const [first, second] of [
      [short, rival],
      [rival, short],
    ] as const) {
      const w = world();
      give(w, [...trunk, ...first, ...second]);
      expect(at(short, -1).facts.weight).toBe(at(rival, -1).facts.weight);
      expect(w.chain.head.hash).toBe(at(first, -1).hash);
      expect(w.all('check').length).toBe(trunk.length + first.length);
    }
  });

  it('follows the heavier branch, not the longer one', () => {
    const slow = extend(net, view, fork, Array(8).fill(200), 'slow');
    const quick = extend(net, view, fork, Array(7).fill(1), 'quick');
    expect(at(quick, -1).facts.weight).toBeGreaterThan(at(slow, -1).facts.weight);
    for (const order of [
      [...slow, ...quick],
      [...quick, ...slow],
    ]) {
      const w = world();
      give(w, [...trunk, ...order]);
      expect(w.chain.head.hash).toBe(at(quick, -1).hash);
    }
  });

  it('looks at the heaviest first and, of equal ones, at the first seen, when several wait to be executed', () => {
    const w = world({ manual: true });
    give(w, trunk);
    w.deliver();
    give(w, [...short, ...rival]);
    w.deliver();
    expect(w.chain.head.hash).toBe(at(short, -1).hash);
    expect(w.chain.status(at(rival, 0).hash)).toBe('stored');

    const other = world({ manual: true });
    give(other, [...trunk, ...extend(net, view, fork, Array(8).fill(200), 'slow')]);
    give(other, extend(net, view, fork, Array(7).fill(1), 'quick'));
    other.deliver();
    expect(other.traces('reorg')).toEqual([]);
    expect(other.all('check').length).toBe(trunk.length + 7);
  });

  it('reorganises three blocks deep in one step, once the whole branch is executed', () => {
    const w = world();
    give(w, [...trunk, ...short]);
    w.effects.length = 0;
    give(w, long);
    expect(kinds(w.effects)).toEqual(['insert', 'insert', 'insert', 'insert', 'check', 'check', 'check', 'check', 'setHead']);
    expect(w.all('setHead')).toEqual([{ type: 'setHead', hash: at(long, -1).hash }]);
    expect(w.traces('reorg')).toEqual([{ depth: 3, from: at(short, -1).hash, to: at(long, -1).hash }]);
  });

  it('moves to a heavier branch that appears while another is being executed, and back when that one is invalid', () => {
    const w = world({ manual: true });
    give(w, trunk);
    w.deliver();
    give(w, short);
    expect(w.state.checking).toBe(at(short, 0).hash);
    give(w, long);
    w.deliver(1);
    expect(w.state.checking).toBe(at(long, 0).hash);
    w.bad.add(at(long, 2).hash);
    w.deliver();
    expect(w.chain.head.hash).toBe(at(short, -1).hash);
    // Once to the part of the long branch that was valid and heavier than what was executed of the short one, and back.
    expect(w.traces('reorg').map(({ depth }) => depth)).toEqual([1, 2]);
  });

  it('rejects an invalid block with its descendants, blames its sender and takes the next best branch', () => {
    const w = world();
    give(w, [...trunk, ...short]);
    w.bad.add(at(long, 1).hash);
    give(w, long, 'liar');
    expect(w.chain.head.hash).toBe(at(short, -1).hash);
    expect(w.offences()).toEqual(['liar block/stateRoot']);
    expect(w.all('check').filter(({ hash }) => hash === at(long, 2).hash)).toEqual([]);
    const before = w.all('insert').length;
    give(w, extend(net, view, at(long, -1), [10, 10], 'more'));
    expect(w.all('insert').length).toBe(before);
    expect(w.traces('ignored')[0]).toMatchObject({ code: 'pow/invalid-ancestor' });
    expect(w.state.candidates.size).toBe(0);
    expect([...w.state.invalid.keys()]).toContain(at(long, 1).hash);
  });

  it('executes nothing of a branch that stays lighter', () => {
    const w = world();
    give(w, [...trunk, ...long, ...short]);
    expect(w.chain.head.hash).toBe(at(long, -1).hash);
    for (const { hash } of short) expect(w.chain.status(hash)).toBe('stored');
  });

  it('makes progress while it imports: the head follows every executed block that is heavier', () => {
    const w = world({ manual: true });
    for (const node of [...trunk, ...long]) w.receive(node.header, 'peer', 'sync');
    w.deliver();
    expect(w.all('setHead').map(({ hash }) => hash)).toEqual([...trunk, ...long].map(({ hash }) => hash));
  });

  it('does not look at the whole waiting branch again for each block of a sync', () => {
    const branch = extend(net, view, fork, Array(200).fill(10), 'import');
    const w = world({ manual: true });
    give(w, trunk);
    w.deliver();
    for (const { header } of branch.slice(0, 100)) w.receive(header, 'peer', 'sync');
    const before = w.chain.statusReads;
    for (const { header } of branch.slice(100)) {
      w.receive(header, 'peer', 'sync');
      w.deliver(1);
    }
    w.deliver();
    expect(w.chain.head.hash).toBe(at(branch, -1).hash);
    expect(w.chain.statusReads - before).toBeLessThan(20 * branch.length);
  });

  it('never goes below what is final', () => {
    const w = world();
    give(w, [...trunk, ...short]);
    w.chain.finalized = at(short, 0);
    give(w, long);
    expect(w.chain.head.hash).toBe(at(short, -1).hash);
    expect(w.all('offence')).toEqual([]);
  });

  it('drops a branch that finality overtakes while it is being executed', () => {
    const w = world({ manual: true });
    give(w, [...trunk, ...short]);
    w.deliver();
    give(w, long);
    w.chain.finalized = at(short, 0);
    w.deliver();
    expect(w.chain.head.hash).toBe(at(short, -1).hash);
    expect(w.state.candidates.size).toBe(0);
  });

  it('counts a reply that it did not wait for and does nothing', () => {
    const w = world();
    give(w, trunk);
    const effects = w.step({ type: 'checked', hash: at(trunk, 0).hash, error: null });
    expect(effects).toEqual([]);
    expect(w.state.counts.stale).toBe(1);
  });
});

describe('consensus/pow restart', () => {
  it('finds a stored heavier branch again, executes it and moves to it', () => {
    const before = world({ manual: true });
    give(before, [...trunk, ...short]);
    before.deliver();
    give(before, long);
    const after = world({ chain: before.chain });
    expect(after.chain.head.hash).toBe(at(long, -1).hash);
    expect(after.traces('reorg')).toMatchObject([{ depth: 3 }]);
  });

  it('takes an executed heavier block without executing it again', () => {
    const before = world({ manual: true });
    give(before, trunk);
    before.chain.statuses.set(at(trunk, 0).hash, 'executed');
    before.chain.statuses.set(fork.hash, 'executed');
    const after = world({ chain: before.chain });
    expect(kinds(after.effects)).toEqual(['setHead']);
    expect(after.chain.head.hash).toBe(fork.hash);
    expect(after.traces('reorg')).toEqual([]);
  });

  it('leaves invalid branches alone', () => {
    const before = world();
    give(before, [...trunk, ...short]);
    before.bad.add(at(long, 0).hash);
    give(before, long);
    const after = world({ chain: before.chain });
    expect(after.chain.head.hash).toBe(at(short, -1).hash);
    expect(after.all('check')).toEqual([]);
  });

  it('executes a stored chain that is longer than one plan', () => {
    const chain = new MemoryChain(net.genesis);
    let tip = net.genesis;
    const length = 2 * MAX_PLAN_BLOCKS + 100;
    for (let number = 1; number <= length; number++) {
      tip = {
        header: { ...tip.header, number, parentHash: tip.hash },
        seal: EMPTY,
        hash: `0x${number.toString(16).padStart(64, '0')}` as Hash,
        facts: { weight: BigInt(number) * 8n + 8n, carried: 0n },
      };
      chain.insert(tip);
    }
    const w = new World(net, { chain, manual: true });
    expect(w.state.plan?.path.length).toBeLessThanOrEqual(MAX_PLAN_BLOCKS);
    w.deliver();
    expect(w.chain.head.header.number).toBe(length);
    expect(w.all('check').length).toBe(length);
  });

  it('looks at a bounded part of a long branch at each start', () => {
    let looked = 0;
    const chain = new (class extends MemoryChain {
      override atHeight(number: number, limit: number): readonly HeaderNode[] {
        const found = super.atHeight(number, limit);
        looked += found.length;
        return found;
      }
    })(net.genesis);
    const length = MAX_RESTART_BLOCKS + 500;
    let parent = net.genesis;
    for (let number = 1; number <= length; number++) {
      const header = { ...net.genesis.header, number, parentHash: parent.hash };
      const facts = { weight: net.genesis.facts.weight + BigInt(number), carried: 0n };
      parent = { header, seal: EMPTY, hash: `0x${number.toString(16).padStart(64, '0')}` as Hash, facts };
      chain.insert(parent);
    }
    const first = new World(net, { chain, manual: true });
    expect(looked).toBe(MAX_RESTART_BLOCKS);
    first.deliver();
    expect(chain.head.header.number).toBe(MAX_RESTART_BLOCKS);
    new World(net, { chain, manual: true }).deliver();
    expect(chain.head.header.number).toBe(length);
  });

  it('keeps a bounded number of candidates and among them the heaviest', () => {
    const chain = new MemoryChain(net.genesis);
    const many = MAX_CANDIDATES + 50;
    // 60 siblings at each height, since a restart reads at most 64.
    let parent = net.genesis;
    for (let i = 0; i < many; i++) {
      const number = Math.floor(i / 60) + 1;
      if (number > parent.header.number + 1) parent = present(chain.atHeight(number - 1, 1)[0], 'a parent');
      chain.insert({
        header: { ...net.genesis.header, number, parentHash: parent.hash },
        seal: EMPTY,
        hash: `0x${(i + 1).toString(16).padStart(64, '0')}` as Hash,
        facts: { weight: 1_000n + BigInt(number), carried: 0n },
      });
    }
    const w = new World(net, { chain, manual: true });
    expect(w.state.candidates.size).toBeLessThanOrEqual(MAX_CANDIDATES);
    w.deliver();
    expect(w.chain.head.facts.weight).toBe(1_000n + BigInt(Math.floor((many - 1) / 60) + 1));
  });
});
