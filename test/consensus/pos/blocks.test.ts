/** Blocks from gossip: which are kept, which wait, and what a stranger or a validator that misbehaves can make of that. */
import { describe, expect, it } from 'vitest';
import { assert, present } from '../../../src/base/assert.ts';
import type { Address } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { Output } from '../../../src/chain/tree.ts';
import { decodeSeal, encodeSeal } from '../../../src/consensus/pos/codec.ts';
import type { StakeBlock } from '../../../src/consensus/pos/transition.ts';
import type { Request } from '../../../src/consensus/pos/types.ts';
import { deposit } from '../../../src/simulator/subjects/pos-clients.ts';
import { StakeChain } from './stake-chain.ts';
import { blockOf, World } from './world.ts';

const SLOTS = 4;
/** So that its turn to propose comes soon. */
const MUCH_ETHER = 2_000;

/** The same chain so far. */
function branch(chain: StakeChain): StakeChain {
  const other = new StakeChain(chain.state.validators.length);
  other.state = chain.state;
  other.head = chain.head;
  other.waiting = chain.waiting;
  return other;
}

/** A chain up to this slot, known to the node in the world. */
function followed(slots: number): { stake: StakeChain; world: World } {
  const stake = new StakeChain(8);
  const world = new World(stake);
  for (let slot = 1; slot <= slots; slot++) {
    world.advanceTo(slot);
    world.receive(stake.extend(slot));
  }
  return { stake, world };
}

function addressOf(n: number): Address {
  return `0x${n.toString(16).padStart(40, '0')}` as Address;
}

/** Another block of the same proposer for the same slot. */
function variant(stake: StakeChain, block: StakeBlock, n: number): StakeBlock {
  return stake.seal(block.slot, block.payload, { beneficiary: addressOf(n) });
}

const hashOf = ({ header }: Pick<Block, 'header'>) => hashHeader(header);

describe('a block with a spoilt seal', () => {
  it('is held against its sender and neither shuts out the block nor what waits for it', () => {
    const { stake, world } = followed(SLOTS);
    const lost = blockOf(stake.extend());
    const next = stake.extend();
    world.advanceTo(next.slot);
    world.receive(next, 'alice');
    const { proposer } = decodeSeal(lost.seal);
    const spoilt = encodeSeal({ proposer, signature: new Uint8Array(96).fill(1) });
    world.receive({ ...lost, seal: spoilt }, 'mallory');
    const stranger = encodeSeal({ proposer: 1_000_000, signature: new Uint8Array(96) });
    world.receive({ ...lost, seal: stranger }, 'mallory');
    expect(world.offences()).toEqual(['mallory pos/signature', 'mallory pos/proposer']);
    // The block is still asked for, and what waits for it is there when it comes.
    world.advance(1_000);
    expect(world.all('fetch').at(-1)).toMatchObject({ hash: hashOf(lost), from: null });
    world.receive(lost, 'bob', 'sync');
    expect(world.chain.head.hash).toBe(hashOf(next));
  });
});

describe('validators that have the same place on two branches', () => {
  /** A branch on which this key is deposited, without votes, up to its first block. */
  function joined(stake: StakeChain, world: World, key: number, slot: number): StakeBlock[] {
    const chain = branch(stake);
    chain.waiting = [];
    const votes = (): boolean => false;
    const before = chain.extend(slot, { votes });
    const request = chain.deposit(key, MUCH_ETHER);
    world.chain.said.set(hashOf(before), [saidBy(request)]);
    const blocks = [before, chain.extend(slot + 2, { votes, said: [request] })];
    while (blocks.at(-1)?.seal.proposer !== stake.state.validators.length) blocks.push(chain.extend(chain.state.slot + 2, { votes }));
    return blocks;
  }

  function saidBy(request: Request): Output {
    assert(request.type === 'deposit', 'it is a deposit');
    return deposit(request.publicKey, request.depositor, request.signature, BigInt(MUCH_ETHER) * 10n ** 18n);
  }

  it('are told apart by the branch that a block is of', () => {
    const { stake, world } = followed(SLOTS);
    const ours = joined(stake, world, 20, SLOTS + 1);
    const theirs = joined(stake, world, 21, SLOTS + 2);
    for (const block of [...ours, ...theirs].sort((a, b) => a.slot - b.slot)) {
      world.advanceTo(Math.max(block.slot, world.state.slot));
      world.receive(block);
    }
    const [first, second] = [ours, theirs].map((blocks) => present(blocks.at(-1), 'its block'));
    expect(second?.seal.proposer).toBe(first?.seal.proposer);
    expect([first, second].map((block) => block && world.chain.status(hashOf(block)))).toEqual(['executed', 'executed']);
    expect(world.offences()).toEqual([]);
  });

  it('are not held against who passes on a block of a branch that is not here', () => {
    const { stake, world } = followed(SLOTS);
    const ours = joined(stake, world, 20, SLOTS + 1);
    const theirs = joined(stake, world, 21, SLOTS + 2);
    for (const block of ours) {
      world.advanceTo(block.slot);
      world.receive(block);
    }
    const other = present(theirs.at(-1), 'the block of the other branch');
    world.advanceTo(Math.max(other.slot, world.state.slot));
    world.receive(other);
    expect(world.offences()).toEqual([]);
    expect(world.all('fetch').at(-1)).toMatchObject({ hash: other.header.parentHash });
  });
});

describe('many blocks of one proposer for one slot', () => {
  it('are not kept beyond two, unless a later proposer builds on one', () => {
    const { stake, world } = followed(SLOTS);
    const beside = Array.from({ length: 50 }, () => branch(stake));
    const first = stake.extend();
    world.advanceTo(first.slot);
    world.receive(first, 'mallory');
    const others = beside.map((chain, n) => variant(chain, first, n + 1));
    for (const other of others) world.receive(other, 'mallory');
    expect(world.chain.atHeight(first.header.number, 100).length).toBe(2);
    expect(world.state.offences.size).toBe(1);
    // The next proposer has seen another of them first.
    const at = beside.length - 1;
    const chosen = present(others[at], 'a variant');
    const chain = present(beside[at], 'its chain');
    chain.state = chain.apply(chosen);
    chain.head = chosen.header;
    chain.waiting = [];
    const next = chain.extend(first.slot + 1);
    world.advanceTo(next.slot);
    world.receive(next, 'alice');
    expect(world.all('fetch').at(-1)).toMatchObject({ hash: hashOf(chosen) });
    world.receive(chosen, 'alice', 'sync');
    expect(world.chain.status(hashOf(next))).toBe('executed');
  });
});

describe('blocks without a parent', () => {
  it('are held only when a known validator has signed them', () => {
    const { stake, world } = followed(SLOTS);
    stake.extend();
    const next = blockOf(stake.extend());
    world.advanceTo(SLOTS + 2);
    for (let n = 0; n < 200; n++) {
      const seal = encodeSeal({ proposer: 1_000_000 + n, signature: new Uint8Array(96) });
      world.receive({ ...next, header: { ...next.header, beneficiary: addressOf(n) }, seal }, `mallory ${n % 10}`);
    }
    expect(world.state.orphans.size).toBe(0);
    world.receive(next, 'alice');
    expect(world.state.orphans.size).toBe(1);
    expect(world.state.fetches.get(next.header.parentHash)).toMatchObject({ isSigned: true });
  });
});

describe('a block that breaks a rule', () => {
  it('is looked at once, and nothing is built on it', () => {
    const { stake, world } = followed(SLOTS);
    const good = stake.draft(stake.state.slot + 1);
    const bad = stake.seal(good.slot, { ...good.payload, votersRoot: hashOf(good) }, {});
    world.advanceTo(bad.slot);
    world.receive(bad, 'mallory');
    world.receive(bad, 'bob');
    expect(world.offences()).toEqual(['mallory pos/voters']);
    const child: Block = { ...blockOf(bad), header: { ...bad.header, number: bad.header.number + 1, parentHash: hashOf(bad) } };
    const fetches = world.all('fetch').length;
    world.receive(child, 'bob');
    expect(world.all('fetch').length).toBe(fetches);
    expect(world.state.orphans.size).toBe(0);
  });
});

describe('children of a block that is executed late', () => {
  it('are all executed, however many there are', () => {
    const stake = new StakeChain(8);
    const world = new World(stake, { manual: ['checked'] });
    const parent = stake.extend(1);
    world.advanceTo(1);
    world.receive(parent);
    for (let slot = 2; slot < 80; slot++) {
      world.advanceTo(slot);
      world.receive(branch(stake).extend(slot));
    }
    expect(world.all('check').length).toBe(1);
    world.deliver('checked');
    expect(world.all('check').length).toBe(79);
  });
});

describe('the boost of a timely block', () => {
  it('is given although the block came before our own clock or timer said that its slot has begun', () => {
    for (const earlyMs of [300, 0]) {
      const { stake, world } = followed(SLOTS);
      const block = stake.extend();
      world.advanceTo(block.slot, -earlyMs - 1);
      // The clock goes on, and the timer is late.
      world.nowMs += 1;
      world.wallMs += 1;
      world.receive(block);
      world.advanceTo(block.slot, 1);
      expect(world.state.store.boosted).toBe(hashOf(block));
      world.advanceTo(block.slot + 1, 1);
      expect(world.state.store.boosted).toBeNull();
    }
  });

  it('is given to the first block after the clock went back', () => {
    const { stake, world } = followed(SLOTS);
    const block = stake.extend();
    world.advanceTo(block.slot + 4);
    world.jump(-4_000);
    world.receive(block);
    expect(world.state.store.boosted).toBe(hashOf(block));
  });
});
