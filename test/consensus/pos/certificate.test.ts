/** Certificates: made of whatever blocks carried, and worth what they prove. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import type { Hash } from '../../../src/base/types.ts';
import { decodeRlp, encodeRlp, type RlpValue } from '../../../src/chain/rlp.ts';
import { committeeOf, dutiesOf } from '../../../src/consensus/pos/committees.ts';
import { codeOf, StakeChain } from './stake-chain.ts';
import { World } from './world.ts';

const SLOTS = 4;
const MAX_NESTING = 8;

/** The same chain so far. */
function branch(chain: StakeChain): StakeChain {
  const other = new StakeChain(chain.state.validators.length);
  other.state = chain.state;
  other.head = chain.head;
  other.waiting = chain.waiting;
  return other;
}

function receive(world: World, block: ReturnType<StakeChain['extend']>): void {
  world.advanceTo(block.slot);
  world.receive(block);
}

/** Follows a chain that has a block in each slot. */
function followed(slots: number, count = 8): World {
  const stake = new StakeChain(count);
  const world = new World(stake);
  for (let slot = 1; slot <= slots; slot++) receive(world, stake.extend(slot));
  return world;
}

/** In each epoch one voter has not seen the first block, and the next proposer builds beside it, with that vote. */
function disturbed(epochs: number): World {
  const stake = new StakeChain(8);
  const world = new World(stake);
  for (let slot = 1; slot <= epochs * SLOTS; slot++) {
    if (slot % SLOTS !== 0) {
      receive(world, stake.extend(slot));
      continue;
    }
    const { settings } = stake.rules;
    const stray = present(committeeOf(settings, dutiesOf(settings, stake.at(slot), slot / SLOTS), slot, 0)[0], 'a voter');
    const beside = branch(stake);
    beside.skip(slot, (index) => index === stray);
    receive(world, stake.extend(slot, { votes: (index) => index !== stray }));
    receive(world, beside.extend(slot + 1));
    stake.skip(++slot, () => true);
  }
  return world;
}

/** Links of [votes, voters, hash, hash, witness, payload]. */
type Value = RlpValue[] & { readonly [index: number]: Value };

function certificateOf(world: World): { hash: Hash; links: Value } {
  const { hash, certificate } = present(world.all('finalize').at(-1), 'a finalized block');
  return { hash, links: decodeRlp(certificate, 'certificate', MAX_NESTING) as Value };
}

describe('consensus/pos certificate', () => {
  it('is of one link where each epoch is justified by the one before', () => {
    const world = followed(6 * SLOTS);
    expect(world.traces('finalized').map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(certificateOf(world).links.length).toBe(1);
  });

  it('is found although a vote for another target was in a block first, in every epoch; of two links where one spans an epoch', () => {
    const world = disturbed(8);
    expect(world.offences()).toEqual([]);
    expect(world.traces('finalized').map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4]);
    expect(certificateOf(world).links.length).toBe(2);
  });

  it('proves one block and nothing else, and nothing when anything in it is changed', () => {
    for (const world of [followed(6 * SLOTS), disturbed(8)]) {
      const { hash, links } = certificateOf(world);
      const verdict = (changed: RlpValue, block = hash) =>
        codeOf(() => world.engine.verifyCertificate(block, encodeRlp(changed), world.chain));
      expect(verdict(links)).toBeUndefined();
      const { parentHash } = present(world.chain.get(hash), 'the block').header;
      expect(verdict(links, parentHash)).toBe('pos/certificate');
      expect(verdict(links, world.chain.head.hash)).toBe('pos/certificate');
      expect(verdict([])).toBe('pos/certificate');
      for (const at of links.keys()) {
        const [votes, voters, previous, current, witness, payload] = present(links[at], 'a link') as unknown as Value[];
        const changed = (link: RlpValue) => verdict(links.with(at, link) as Value);
        const [vote] = present(votes, 'votes');
        // One vote many times is still one.
        expect(changed([[...new Array(8)].map(() => vote), voters, previous, current, witness, payload] as Value)).toBe('pos/certificate');
        expect(changed([[], voters, previous, current, witness, payload] as Value)).toBe('pos/certificate');
        // Fewer voters, so that the rest would be enough: not those to whom the witness commits.
        const [epoch, list] = present(voters, 'voters');
        expect(changed([votes, [epoch, (list as Value).slice(0, 1)], previous, current, witness, payload] as Value)).toBe(
          'pos/certificate',
        );
        expect(changed([votes, voters, current, previous, witness, payload] as Value)).toBe('pos/certificate');
        expect(changed([votes, voters, previous, current, new Uint8Array(32), payload] as Value)).toBe('pos/certificate');
        expect(changed([votes, voters, previous, current, witness, new Uint8Array(3)] as Value)).toBe('pos/certificate');
        const [data, indices] = present(vote, 'a vote') as unknown as Value[];
        const forged = [data, indices, new Uint8Array(96)];
        expect(changed([[forged, ...(votes ?? []).slice(1)], voters, previous, current, witness, payload] as Value)).toBe(
          'pos/certificate',
        );
      }
      if (links.length === 2) expect(verdict(links.slice(0, 1) as Value)).toBe('pos/certificate');
      expect(codeOf(() => world.engine.verifyCertificate(hash, new Uint8Array(5), world.chain))).toMatch(/^decode\//);
    }
  });
});
