/** The fork choice against the attacks that shaped it; the names of the specs' functions are in `forkchoice.ts`. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Hash } from '../../../src/base/types.ts';
import {
  addBlock,
  addVote,
  ancestorAt,
  atSlot,
  checkpointOf,
  descendsFrom,
  discount,
  executed,
  type ForkBlock,
  type ForkChoice,
  headOf,
  MAX_RECENT_BLOCKS,
  MAX_UNFINALIZED_BLOCKS,
  newForkChoice,
  prune,
  removeInvalid,
  weightsOf,
} from '../../../src/consensus/pos/forkchoice.ts';
import type { Checkpoint } from '../../../src/consensus/pos/types.ts';

const SLOTS = 4;
const STAKE = 32_000_000_000n;
const hash = (name: string): Hash => `0x${Buffer.from(name).toString('hex').padStart(64, '0')}` as Hash;
const GENESIS = hash('g');
const zero: Checkpoint = { epoch: 0, root: GENESIS };
const genesis: ForkBlock = {
  hash: GENESIS,
  parent: hash(''),
  slot: 0,
  justified: zero,
  finalized: zero,
  unrealizedJustified: zero,
  unrealizedFinalized: zero,
};
/** Ten validators of 32 ether. */
const balances = Array.from({ length: 10 }, () => STAKE);

let store: ForkChoice;

function add(name: string, parent: string, slot: number, given: Partial<ForkBlock> & { timely?: boolean; run?: boolean } = {}): boolean {
  const { timely = false, run = true, ...rest } = given;
  const above = store.blocks.get(hash(parent)) ?? genesis;
  const { justified, finalized, unrealizedJustified, unrealizedFinalized } = above;
  const block = { hash: hash(name), parent: hash(parent), slot, justified, finalized, unrealizedJustified, unrealizedFinalized, ...rest };
  const isKept = addBlock(store, block, timely);
  if (run) executed(store, hash(name));
  return isKept;
}
const vote = (validators: number[], name: string, epoch = 0) => addVote(store, validators, epoch, hash(name));
const head = () => Buffer.from(headOf(store, balances).replace(/^0x(00)+/, ''), 'hex').toString();

beforeEach(() => {
  store = newForkChoice(GENESIS, 0, 0, SLOTS);
});

describe('the head', () => {
  it('is the heaviest branch by votes, and the higher hash among equals', () => {
    atSlot(store, 2);
    add('a', 'g', 1);
    add('b', 'g', 1);
    expect(head()).toBe('b');
    vote([0, 1], 'a');
    vote([2], 'b');
    expect(head()).toBe('a');
  });

  it('counts votes for descendants: the heaviest subtree, not the longest chain', () => {
    atSlot(store, 4);
    add('a', 'g', 1);
    add('b', 'a', 2);
    add('c', 'b', 3);
    add('d', 'g', 1);
    add('e', 'd', 2);
    add('f', 'd', 3);
    vote([0, 1], 'c');
    vote([2, 3], 'e');
    vote([4], 'f');
    expect(head()).toBe('e');
  });

  it('moves a vote only for a later epoch', () => {
    atSlot(store, 5);
    add('a', 'g', 1);
    add('b', 'g', 1);
    vote([0], 'a', 1);
    vote([0], 'b', 1);
    vote([0], 'b', 0);
    expect(head()).toBe('a');
    vote([0], 'b', 2);
    expect(head()).toBe('b');
  });

  it('is an executed block; votes for what is not executed yet count for its ancestors', () => {
    atSlot(store, 3);
    add('a', 'g', 1);
    add('b', 'g', 1);
    add('c', 'a', 2, { run: false });
    vote([0], 'c');
    expect(head()).toBe('a');
    executed(store, hash('c'));
    expect(head()).toBe('c');
  });

  it('leaves an invalid block and its descendants, and their votes', () => {
    atSlot(store, 4);
    add('a', 'g', 1);
    add('b', 'g', 1);
    add('c', 'a', 2);
    vote([0, 1, 2], 'c');
    vote([3], 'b');
    expect(head()).toBe('c');
    removeInvalid(store, hash('a'));
    expect(head()).toBe('b');
    expect(store.blocks.has(hash('c'))).toBe(false);
  });
});

describe('proposer boost', () => {
  it('is 40% of the weight of a committee', () => {
    atSlot(store, 1);
    add('a', 'g', 1, { timely: true });
    const committee = (10n * STAKE) / BigInt(SLOTS);
    expect(weightsOf(store, balances).get(hash('a'))).toBe((committee * 40n) / 100n);
    atSlot(store, 2);
    expect(weightsOf(store, balances).get(hash('a'))).toBeUndefined();
  });

  it('goes to the first timely block of a slot only: the second of two equivocating blocks has none', () => {
    atSlot(store, 1);
    add('a', 'g', 1, { timely: true });
    add('z', 'g', 1, { timely: true });
    expect(store.boosted).toBe(hash('a'));
    expect(head()).toBe('a');
  });

  it('is for blocks of the current slot that came in time', () => {
    atSlot(store, 2);
    add('a', 'g', 1, { timely: true });
    add('b', 'g', 2, { timely: false });
    expect(store.boosted).toBeNull();
  });

  it('keeps an honest timely block from an ex-ante reorganisation by a few withheld votes', () => {
    // The adversary hides block b of slot 1 with one vote for it; slot 2's honest proposer builds on a.
    add('a', 'g', 1);
    atSlot(store, 2);
    add('c', 'a', 2, { timely: true });
    add('b', 'a', 1 + 0.5, {});
    vote([0], 'b');
    // One vote is 1 of 2.5 in a committee: less than the boost, which is 1 of 2.5.
    expect(head()).toBe('c');
  });
});

describe('equivocation', () => {
  it('takes the weight of a validator away, for ever', () => {
    atSlot(store, 2);
    add('a', 'g', 1);
    add('b', 'g', 1);
    vote([0, 1], 'a');
    vote([2], 'b');
    discount(store, [0, 1]);
    expect(head()).toBe('b');
    vote([0, 1], 'a', 5);
    expect(head()).toBe('b');
  });
});

describe('checkpoints', () => {
  const justifiedAt = (epoch: number, name: string): Checkpoint => ({ epoch, root: hash(name) });

  it('are taken over from blocks at once, and what they would justify when the epoch is over', () => {
    atSlot(store, 5);
    add('a', 'g', 4);
    add('b', 'a', 5, { unrealizedJustified: justifiedAt(1, 'a') });
    expect(store.justified.epoch).toBe(0);
    atSlot(store, 8);
    expect(store.justified).toEqual(justifiedAt(1, 'a'));
    add('c', 'b', 8, { justified: justifiedAt(1, 'a'), finalized: zero });
    expect(head()).toBe('c');
  });

  it('of a block that comes a little before its epoch wait until that epoch is over', () => {
    atSlot(store, 7);
    add('a', 'g', 4);
    add('b', 'a', 8, { unrealizedJustified: justifiedAt(1, 'a') });
    atSlot(store, 8);
    expect(store.justified.epoch).toBe(0);
    atSlot(store, 12);
    expect(store.justified).toEqual(justifiedAt(1, 'a'));
  });

  it('are taken over at once from a block of an earlier epoch', () => {
    atSlot(store, 9);
    add('a', 'g', 4);
    add('b', 'a', 5, { unrealizedJustified: justifiedAt(1, 'a') });
    expect(store.justified).toEqual(justifiedAt(1, 'a'));
  });

  it('make branches unfit that have another justified checkpoint for long', () => {
    atSlot(store, 5);
    add('a', 'g', 4);
    add('x', 'g', 4);
    vote([0, 1, 2, 3, 4, 5], 'x');
    add('b', 'a', 5, { unrealizedJustified: justifiedAt(1, 'a') });
    atSlot(store, 8);
    // The justified block is the root now, whatever the votes for another branch weigh.
    expect(head()).toBe('b');
  });

  it('do not bounce: a branch whose justification only shows later is as good as one that shows it', () => {
    atSlot(store, 5);
    add('a', 'g', 4);
    add('b', 'a', 6, { unrealizedJustified: justifiedAt(1, 'a') });
    add('c', 'a', 7);
    atSlot(store, 12);
    expect(store.justified.epoch).toBe(1);
    vote([0, 1, 2], 'b', 1);
    vote([3], 'c', 1);
    // c's own state justifies nothing; two epochs later it is out.
    expect(head()).toBe('b');
  });

  it('pin everything to the finalized block, and forget the rest', () => {
    atSlot(store, 5);
    add('a', 'g', 4);
    add('x', 'g', 3);
    add('y', 'x', 5);
    add('b', 'a', 5, { justified: justifiedAt(1, 'a'), finalized: justifiedAt(1, 'a') });
    vote([0, 1, 2, 3], 'y');
    expect(head()).toBe('b');
    expect(prune(store, store.finalized).sort()).toEqual([GENESIS, hash('x'), hash('y')].sort());
    expect([...store.blocks.keys()]).toEqual([hash('a'), hash('b')]);
    expect(head()).toBe('b');
    // What does not descend from it is not taken.
    expect(add('z', 'x', 6)).toBe(false);
  });

  it('name the block at or before the first slot of an epoch', () => {
    atSlot(store, 9);
    add('a', 'g', 3);
    add('b', 'a', 5);
    expect(checkpointOf(store, hash('b'), 1)).toBe(hash('a'));
    expect(checkpointOf(store, hash('b'), 2)).toBe(hash('b'));
    expect(ancestorAt(store, hash('b'), 2)).toBe(GENESIS);
    expect(descendsFrom(store, hash('b'), hash('a'))).toBe(true);
    expect(descendsFrom(store, hash('a'), hash('b'))).toBe(false);
  });
});

describe('bounds', () => {
  it('refuse blocks beyond a number, and those whose parent is unknown', () => {
    expect(add('a', 'nowhere', 1)).toBe(false);
    const fill = (most: number): void => {
      for (let i = store.blocks.size; i < most; i++)
        store.blocks.set(hash(`b${i}`), { ...genesis, hash: hash(`b${i}`), isExecuted: false });
    };
    atSlot(store, 100);
    fill(MAX_UNFINALIZED_BLOCKS);
    expect(add('old', 'g', 100 - SLOTS - 1)).toBe(false);
    // Somebody may have filled the slots of a long pause: the network must go on.
    expect(add('new', 'g', 100 - SLOTS)).toBe(true);
    fill(MAX_UNFINALIZED_BLOCKS + MAX_RECENT_BLOCKS);
    expect(add('a', 'g', 100)).toBe(false);
  });
});

describe('the work', () => {
  it('of finding the head grows with the blocks, not with the branches times their length', () => {
    const LENGTH = 300;
    atSlot(store, 4 * LENGTH);
    const final: Checkpoint = { epoch: 1, root: hash('b1') };
    const decided = { justified: final, finalized: final, unrealizedJustified: final, unrealizedFinalized: final };
    for (let i = 1; i <= LENGTH; i++) add(`b${i}`, i === 1 ? 'g' : `b${i - 1}`, i + SLOTS - 1, decided);
    for (let i = 1; i <= LENGTH; i++) add(`leaf${i}`, `b${LENGTH}`, LENGTH + SLOTS + i, decided);
    vote([1], 'leaf7', 2);
    const reads = vi.spyOn(store.blocks, 'get');
    expect(head()).toBe('leaf7');
    expect(reads.mock.calls.length).toBeLessThan(10 * LENGTH);
  });
});

describe('against a plain reading of the specs', () => {
  it('chooses the same head on random trees with random votes', () => {
    const tree = fc.array(fc.record({ parent: fc.nat(20), gap: fc.integer({ min: 1, max: 3 }), run: fc.boolean() }), { maxLength: 20 });
    const votes = fc.array(fc.record({ who: fc.nat(9), to: fc.nat(20), epoch: fc.nat(3) }), { maxLength: 30 });
    fc.assert(
      fc.property(tree, votes, (blocks, cast) => {
        store = newForkChoice(GENESIS, 0, 0, SLOTS);
        atSlot(store, 3);
        const known: { hash: Hash; parent: Hash; slot: number; run: boolean }[] = [{ hash: GENESIS, parent: hash(''), slot: 0, run: true }];
        for (const [i, { parent, gap, run }] of blocks.entries()) {
          const above = known[parent % known.length] ?? known[0];
          if (above === undefined) continue;
          const block = { hash: hash(`n${i}`), parent: above.hash, slot: above.slot + gap, run: run && above.run };
          known.push(block);
          addBlock(store, { ...genesis, ...block }, false);
          if (block.run) executed(store, block.hash);
        }
        const latest = new Map<number, { epoch: number; to: Hash }>();
        for (const { who, to, epoch } of cast) {
          const target = known[to % known.length]?.hash ?? GENESIS;
          addVote(store, [who], epoch, target);
          if (epoch > (latest.get(who)?.epoch ?? -1)) latest.set(who, { epoch, to: target });
        }
        const isAncestor = (ancestor: Hash, of: Hash): boolean => {
          const block = known.find((each) => each.hash === of);
          return block !== undefined && (block.hash === ancestor || isAncestor(ancestor, block.parent));
        };
        const weight = (block: Hash) => [...latest.values()].filter(({ to }) => isAncestor(block, to)).length;
        let expected: Hash = GENESIS;
        for (;;) {
          const children = known.filter((each) => each.parent === expected && each.run);
          const [best] = children.sort((a, b) => weight(b.hash) - weight(a.hash) || (a.hash > b.hash ? -1 : 1));
          if (best === undefined) break;
          expected = best.hash;
        }
        expect(headOf(store, balances)).toBe(expected);
      }),
    );
  });
});
