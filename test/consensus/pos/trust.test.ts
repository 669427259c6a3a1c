/** Histories that a node has not seen: which it believes after a long sleep, and what a block that its operator trusts changes. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { branchOf, checkpointOf, headOf, newForkChoice } from '../../../src/consensus/pos/forkchoice.ts';
import type { StakeBlock } from '../../../src/consensus/pos/transition.ts';
import { PRESENT_EPOCHS } from '../../../src/consensus/pos/trust.ts';
import { StakeChain } from './stake-chain.ts';
import { World } from './world.ts';

const SLOTS = 4;
const PERIOD = 10;
/** Long after the period, and longer than what counts as the present. */
const LATER = (PRESENT_EPOCHS + PERIOD + 10) * SLOTS;

function newStake(): StakeChain {
  return new StakeChain(8, { weakSubjectivityEpochs: PERIOD });
}

/** A block in every slot. */
function history(stake: StakeChain, slots: number): StakeBlock[] {
  return Array.from({ length: slots }, () => stake.extend());
}

function feed(world: World, blocks: readonly StakeBlock[]): void {
  for (const block of blocks) world.receive(block, 'peer', 'sync');
}

function refusals(world: World): unknown[] {
  return world.traces('refused').map(({ code }) => code);
}

/** The branches of two networks with the same beginning. */
function fork(shared: number, length: number): { ours: StakeBlock[]; theirs: StakeBlock[]; stake: StakeChain } {
  const stake = newStake();
  const other = newStake();
  const ours = history(stake, shared + length);
  history(other, shared);
  const theirs = Array.from({ length }, () => other.extend(undefined, { votes: (index) => index % 2 === 0 }));
  return { stake, ours, theirs };
}

function trusted(block: StakeBlock): { hash: ReturnType<typeof hashHeader>; number: number } {
  return { hash: hashHeader(block.header), number: block.header.number };
}

describe('consensus/pos trust: a node that slept for longer than the period', () => {
  it('says so when it starts', () => {
    const world = new World(newStake(), { slot: LATER });
    expect(world.traces('sleptTooLong')).toEqual([{ finalEpoch: 0, epoch: LATER / SLOTS, periodEpochs: PERIOD }]);
    expect(new World(newStake(), { slot: PERIOD * SLOTS }).traces('sleptTooLong')).toEqual([]);
  });

  it('refuses the history of that time, and blames nobody', () => {
    const stake = newStake();
    const world = new World(stake, { slot: LATER });
    feed(world, history(stake, 3));
    expect(refusals(world)[0]).toBe('pos/weak-subjectivity');
    expect(world.chain.maxHeight).toBe(0);
    expect(world.offences()).toEqual([]);
  });

  it('holds no block of that time until its parent comes, and asks nobody for that', () => {
    const world = new World(newStake(), { slot: LATER });
    for (const block of history(newStake(), 4).slice(1)) world.receive(block);
    expect(refusals(world)).toEqual(Array(3).fill('pos/weak-subjectivity'));
    expect([world.state.orphans.size, world.all('fetch').length]).toEqual([0, 0]);
  });

  it('goes on with those who were asleep like itself', () => {
    const stake = newStake();
    const world = new World(stake, { slot: LATER });
    world.advanceTo(LATER + 1, 100);
    world.receive(stake.extend(LATER + 1));
    // This one was made by somebody who woke up a little earlier.
    const early = new World(newStake(), { slot: LATER });
    const other = newStake();
    early.receive(other.extend(LATER - PRESENT_EPOCHS * SLOTS), 'peer', 'sync');
    expect([world.chain.head.header.number, early.chain.head.header.number]).toEqual([1, 1]);
    early.receive(newStake().extend(LATER - PRESENT_EPOCHS * SLOTS - 1), 'peer', 'sync');
    expect(refusals(early)).toEqual(['pos/weak-subjectivity']);
  });

  it('believes its own chain, however old', () => {
    const stake = newStake();
    const first = new World(stake);
    first.advanceTo(6, 100);
    feed(first, history(stake, 6));
    const again = new World(stake, { slot: LATER, chain: first.chain, records: first.records });
    expect(again.state.store.blocks.size).toBe(7);
    expect(again.chain.head.header.number).toBe(6);
  });

  it('counts from the newest block that it holds final', () => {
    const stake = newStake();
    const world = new World(stake, { slot: LATER });
    world.advanceTo(LATER + 6 * SLOTS, 100);
    while (stake.state.slot < LATER + 6 * SLOTS) world.receive(stake.extend(Math.max(LATER, stake.state.slot + 1)), 'peer', 'sync');
    expect(world.chain.finalized.header.number).toBeGreaterThan(0);
    // Now it knows what is final in its own time: an old branch is of no interest, and no secret.
    world.receive(newStake().extend(1), 'peer', 'sync');
    expect(refusals(world)).toEqual([]);
  });

  it('has slept as well when its clock has jumped ahead', () => {
    const stake = newStake();
    const world = new World(stake);
    world.jump(LATER * 1_000);
    world.advance(1);
    feed(world, history(stake, 1));
    expect(world.traces('sleptTooLong')).toHaveLength(1);
    expect(refusals(world)).toEqual(['pos/weak-subjectivity']);
    // And it was awake all the time when that was a mistake.
    world.jump(-LATER * 1_000);
    world.advance(2_000);
    world.receive(stake.extend(2), 'peer', 'sync');
    expect(world.state.awakeSince).toBeLessThan(SLOTS);
  });
});

describe('consensus/pos trust: a node that has slept not so long', () => {
  it('takes what it has missed', () => {
    const stake = newStake();
    const world = new World(stake, { slot: PERIOD * SLOTS });
    feed(world, history(stake, PERIOD * SLOTS - 1));
    expect(refusals(world)).toEqual([]);
    expect(world.chain.head.header.number).toBe(PERIOD * SLOTS - 1);
  });

  it('never had a reason to doubt in the dev network, whose period is years', () => {
    const stake = new StakeChain(8, { weakSubjectivityEpochs: 2 ** 24 });
    const world = new World(stake, { slot: 2 ** 24 * SLOTS });
    feed(world, history(stake, 3));
    expect(world.chain.head.header.number).toBe(3);
  });
});

describe('consensus/pos trust: a block that the operator trusts', () => {
  const SHARED = 2;
  const { stake, ours, theirs } = fork(SHARED, SLOTS * 3);
  const goal = trusted(present(ours[SLOTS * 2], 'a block'));
  const begin = (slot = LATER) => new World(stake, { slot, checkpoint: goal });

  it('makes up for the sleep: what leads to it is believed, and what follows as far as it is recent', () => {
    const world = begin();
    feed(world, ours.slice(0, goal.number));
    expect(world.chain.head.hash).toBe(goal.hash);
    expect(world.traces('sleptTooLong')).toHaveLength(1);
    feed(world, ours.slice(goal.number, goal.number + 1));
    // The block itself is older than the period.
    expect(refusals(world)).toEqual(['pos/weak-subjectivity']);
    const inTime = begin((PERIOD + 1) * SLOTS);
    feed(inTime, ours);
    expect(refusals(inTime)).toEqual([]);
    expect(inTime.chain.head.header.number).toBe(ours.length);
  });

  it('is the only one of its number that is taken', () => {
    const world = begin();
    feed(world, [...ours.slice(0, SHARED), ...theirs]);
    expect(refusals(world)[0]).toBe('pos/checkpoint');
    expect(world.chain.maxHeight).toBe(goal.number - 1);
    expect(world.offences()).toEqual([]);
  });

  it('is looked for by sync alone: neither gossip nor votes bring anything until then', () => {
    const world = begin(ours.length);
    world.receive(present(ours[0], 'a block'));
    for (const vote of stake.waiting) world.vote(vote);
    expect(world.chain.maxHeight).toBe(0);
    expect(world.all('fetch')).toEqual([]);
    expect(world.traces('ignored')).toMatchObject([{ code: 'pos/searching' }]);
    world.advanceTo(ours.length + 1, 1);
    expect(world.traces('searching')).toEqual([goal]);
    feed(world, ours.slice(0, goal.number));
    world.receive(present(ours[goal.number], 'the next'));
    expect(world.chain.head.header.number).toBe(goal.number + 1);
  });

  it('keeps validators silent until it is found', () => {
    const silent = new World(stake, { slot: ours.length, checkpoint: goal, keys: [0, 1, 2, 3, 4, 5, 6, 7] });
    silent.advanceTo(ours.length + SLOTS * 2);
    expect(silent.all('build')).toEqual([]);
    expect(silent.sentVotes()).toEqual([]);
    feed(silent, ours);
    silent.advanceTo(ours.length + SLOTS * 3);
    expect(silent.all('build').length).toBeGreaterThan(0);
  });

  it('drops what lies on another branch once it is here', () => {
    const world = begin((PERIOD + 1) * SLOTS);
    const short = theirs.slice(0, goal.number - SHARED - 1);
    feed(world, [...ours.slice(0, SHARED), ...short]);
    expect(world.chain.head.header.number).toBe(goal.number - 1);
    feed(world, ours.slice(SHARED, goal.number));
    expect(world.chain.head.hash).toBe(goal.hash);
    expect(world.state.store.blocks.size).toBe(goal.number + 1);
  });

  it('is found again after a restart, with the other branch in the store', () => {
    const before = new World(stake, { slot: ours.length });
    feed(before, [...ours.slice(0, SHARED), ...theirs]);
    expect(before.chain.head.header.number).toBe(SHARED + theirs.length);
    const { chain, records } = before;
    const world = new World(stake, { slot: ours.length, checkpoint: goal, chain, records });
    expect(world.state.store.blocks.size).toBe(goal.number);
    feed(world, ours);
    expect(world.chain.head.header.number).toBe(ours.length);
    expect(world.chain.canonical(goal.number)).toBe(goal.hash);
    const again = new World(stake, { slot: ours.length, checkpoint: goal, chain, records: world.records });
    expect(again.chain.head.header.number).toBe(ours.length);
  });

  it('must have the number that it was given with', () => {
    const world = new World(stake, { slot: LATER, checkpoint: { ...goal, number: goal.number + 1 } });
    feed(world, ours.slice(0, goal.number));
    expect(refusals(world)).toEqual(['pos/checkpoint']);
  });
});

describe('consensus/pos fork choice: one branch of it', () => {
  it('begins where the whole begins, and follows what is left', () => {
    const store = newForkChoice(trusted(present(fork(1, 1).ours[0], 'a block')).hash, 0, 0, SLOTS);
    const [root] = store.blocks.keys();
    const branch = branchOf(store, present(root, 'the root'));
    expect([...branch.blocks.keys()]).toEqual([root]);
    expect(headOf(branch, [])).toBe(root);
    expect(checkpointOf(branch, present(root, 'the root'), 0)).toBe(root);
  });
});
