/** After a start: whatever the log and the chain hold, and however they disagree. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { StakeChain } from './stake-chain.ts';
import { MemoryChain, World } from './world.ts';

const ALL = [0, 1, 2, 3, 4, 5, 6, 7];
const SLOTS = 4;

/** What is left of a chain after it was set back to this height. */
function setBack(chain: MemoryChain, height: number): MemoryChain {
  const left = new MemoryChain(chain.genesis);
  for (let number = 1; number <= height; number++) {
    const node = present(chain.get(present(chain.canonical(number), 'a hash')), 'a node');
    left.insert(present(chain.block(node.hash), 'a block'), node.facts);
    left.mark(node.hash, 'executed');
    left.setHead(node.hash);
  }
  const final = chain.finalized.header.number;
  if (final > 0 && final <= height) left.finalize(chain.finalized.hash);
  return left;
}

function blockAt(chain: MemoryChain, number: number): Block {
  return present(chain.block(present(chain.canonical(number), 'a hash')), 'a block');
}

/** All validators in one node, which has run for some epochs. */
function grown(epochs: number): World {
  const world = new World(new StakeChain(8), { keys: ALL });
  world.advanceTo(epochs * SLOTS, 900);
  return world;
}

function restarted(world: World, chain: MemoryChain, ms = 0): World {
  const slot = (world.wallMs - world.stake.genesis.timestamp * 1_000 + ms) / 1_000;
  return new World(world.stake, { keys: ALL, chain, records: world.records, slot });
}

describe('consensus/pos restart', () => {
  it('bears the loss of any part of the chain above a snapshot, down to all of it, and goes on when others bring it back', () => {
    const world = grown(6);
    const { number } = world.chain.finalized.header;
    const top = world.chain.head.header.number;
    expect(number).toBeGreaterThan(2 * SLOTS);
    for (let height = number; height <= top; height++) {
      const again = restarted(world, setBack(world.chain, height));
      again.advance(1_000);
      expect(again.chain.head.header.number).toBeGreaterThanOrEqual(number);
      for (let at = height + 1; at <= top; at++) again.receive(blockAt(world.chain, at), 'alice', 'sync');
      again.advance(8 * SLOTS * 1_000);
      expect(again.chain.get(world.chain.head.hash)?.header.number).toBe(top);
      expect(again.chain.canonical(top)).toBe(world.chain.head.hash);
      expect(again.chain.finalized.header.number).toBeGreaterThan(top);
      expect(again.offences()).toEqual([]);
    }
  });

  it('goes on although what justified its blocks was taken back as invalid', () => {
    const world = grown(6);
    const { number } = world.chain.finalized.header;
    const chain = setBack(world.chain, number + 1);
    for (let at = number + 2; at <= world.chain.head.header.number; at++) {
      const block = blockAt(world.chain, at);
      chain.insert(block, present(world.chain.get(hashHeader(block.header)), 'a node').facts);
    }
    const again = new World(world.stake, { keys: ALL, chain, records: world.records, slot: 6 * SLOTS + 1, manual: ['checked'] });
    const [check] = again.all('check');
    again.bad.add(present(check, 'a check').hash);
    again.waiting.splice(0, again.waiting.length);
    again.step({ type: 'checked', hash: present(check, 'a check').hash, error: again.invalid });
    expect(again.state.store.blocks.size).toBe(2);
    // Where nothing agrees with what is justified, the justified block is the head.
    expect(again.chain.head.header.number).toBe(number);
  });

  it('takes back nothing that the chain holds final, although its clock is behind', () => {
    const world = grown(6);
    // The finalized block is on disk and the snapshot is not.
    const records = world.records.slice(0, 0);
    for (const backMs of [0, 4 * SLOTS * 1_000]) {
      const again = new World(world.stake, {
        chain: setBack(world.chain, world.chain.head.header.number),
        records,
        slot: 6 * SLOTS - backMs / 1_000,
      });
      again.advance(1_000);
      expect(again.chain.finalized.header.number).toBeGreaterThanOrEqual(world.chain.finalized.header.number);
      expect(hashHeader(again.chain.head.header)).toBe(world.chain.head.hash);
    }
  });

  it('has its own votes again for blocks and sums', () => {
    const world = new World(new StakeChain(1), { keys: [0] });
    // Its only validator votes once in an epoch.
    while (world.sentVotes().length < 20) world.advance(200);
    const vote = present(world.sentVotes().at(-1), 'a vote');
    const again = restarted(world, setBack(world.chain, world.chain.head.header.number));
    const times = () => again.sentVotes().filter(({ data }) => data.slot === vote.data.slot);
    expect(times()).toEqual([vote]);
    // Nobody listens at a start; some slots later somebody does, and has heard it.
    again.advance(2_000);
    expect(times()).toEqual([vote, vote, vote]);
    again.advance(2_000);
    expect(times().length).toBe(3);
    expect(again.chain.head.header.number).toBeGreaterThan(world.chain.head.header.number);
    expect(JSON.stringify(again.admin('getParticipation'))).toContain('"share":1');
  });
});
