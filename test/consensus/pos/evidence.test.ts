/** Evidence that waits for a block: how it comes, and how it goes. */
import { describe, expect, it } from 'vitest';
import { assert, present } from '../../../src/base/assert.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { proposerOf } from '../../../src/consensus/pos/committees.ts';
import { MAX_UNSETTLED_EVIDENCE } from '../../../src/consensus/pos/evidence.ts';
import type { Offence } from '../../../src/consensus/pos/types.ts';
import { deposit } from '../../../src/simulator/subjects/pos-clients.ts';
import { followed } from './followed.ts';
import { StakeChain, someHash } from './stake-chain.ts';
import { World } from './world.ts';

const SLOTS = 4;
const UNBONDING = 64;
const GUILTY = 3;

function doubleProposal(stake: StakeChain, slot: number): Offence {
  return { type: 'proposals', first: stake.proposal(GUILTY, slot, someHash(1)), second: stake.proposal(GUILTY, slot, someHash(2)) };
}

function isSlashed(stake: StakeChain, slot: number): boolean {
  const at = stake.at(slot);
  const proposer = proposerOf(stake.rules.settings, at, slot);
  return proposer !== undefined && at.validators[proposer]?.slashed === true;
}

describe('consensus/pos evidence', () => {
  it('is forgotten once the final chain has punished, or cannot punish any more', () => {
    for (const isCarried of [true, false]) {
      const stake = new StakeChain(8, { unbondingEpochs: UNBONDING });
      const world = new World(stake);
      let slot = 0;
      const live = (to: number, offences: readonly Offence[] = []) => {
        while (slot < to) {
          slot++;
          // Slots of a proposer that was slashed stay empty.
          if (isSlashed(stake, slot)) stake.skip(slot, (index) => index !== GUILTY);
          else {
            world.advanceTo(slot);
            world.receive(stake.extend(slot, { offences, votes: (index) => index !== GUILTY }));
          }
        }
      };
      live(2 * SLOTS);
      const offence = doubleProposal(stake, 2);
      world.evidence(offence);
      live(2 * SLOTS + 1, isCarried ? [offence] : []);
      live(6 * SLOTS);
      expect(world.state.offences.size).toBe(isCarried ? 0 : 1);
      if (isCarried) continue;
      live((UNBONDING + 4) * SLOTS);
      expect(world.state.offences.size).toBe(0);
    }
  });

  it('is forgotten once the place of who signed it is for good that of another', () => {
    const stake = new StakeChain(8);
    const world = followed(stake, 2 * SLOTS);
    const [first, second] = [someHash(1), someHash(2)].map((block) => ({ ...stake.proposal(GUILTY + 1, 2, block), proposer: GUILTY }));
    const foreign: Offence = { type: 'proposals', first: present(first, 'a proposal'), second: present(second, 'a proposal') };
    // As if it had come while the head was of a branch where that key has the place.
    world.state.offences.set(String(GUILTY), foreign);
    followed(stake, 6 * SLOTS, world);
    expect(world.chain.finalized.header.number).toBeGreaterThan(2 * SLOTS);
    expect(world.state.offences.size).toBe(0);
  });

  it('that is false is held against nobody while only a branch knows whom it accuses, but a flood of it is', () => {
    const stake = new StakeChain(8);
    const world = followed(stake, SLOTS);
    const request = stake.deposit(20, 32);
    assert(request.type === 'deposit', 'it is a deposit');
    const said = deposit(request.publicKey, request.depositor, request.signature, 32n * 10n ** 18n);
    // Nobody votes, so nothing of this becomes final, and the newcomer is active all the same.
    const votes = (): boolean => false;
    stake.waiting = [];
    const before = stake.extend(stake.state.slot + 1, { votes });
    world.chain.said.set(hashHeader(before.header), [said]);
    const blocks = [before, stake.extend(before.slot + 1, { votes, said: [request] })];
    while (stake.state.slot < 6 * SLOTS) blocks.push(stake.extend(stake.state.slot + 1, { votes }));
    for (const block of blocks) {
      world.advanceTo(block.slot);
      world.receive(block);
    }
    expect(world.chain.head.hash).toBe(stake.state.block);
    const newcomer = stake.state.validators.length - 1;
    const accuse = (n: number): Offence => {
      const [first, second] = [someHash(n), someHash(n + 1)].map((block) => ({ ...stake.proposal(GUILTY, 2, block), proposer: newcomer }));
      return { type: 'proposals', first: present(first, 'a proposal'), second: present(second, 'a proposal') };
    };
    world.evidence(accuse(1), 'alice');
    for (let n = 1; n <= MAX_UNSETTLED_EVIDENCE; n++) world.evidence(accuse(1), 'mallory');
    expect(world.traces('refusedEvidence').at(-1)).toEqual({ code: 'pos/offence-signature' });
    expect(world.offences()).toEqual([]);
    world.evidence(accuse(1), 'mallory');
    expect(world.offences()).toEqual(['mallory pos/offence-signature']);
  });
});
