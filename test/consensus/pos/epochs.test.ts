/** Gaps: skipping empty epochs gives the same state as their definition, one by one; a network that stood still goes on at once. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Hash } from '../../../src/base/types.ts';
import { processEpoch, processSlots } from '../../../src/consensus/pos/epochs.ts';
import { checkpointOf, hasBlocks } from '../../../src/consensus/pos/history.ts';
import { correlationEpoch, slash } from '../../../src/consensus/pos/offences.ts';
import { SLASHING_EPOCHS } from '../../../src/consensus/pos/settings.ts';
import { stateRoot } from '../../../src/consensus/pos/state-codec.ts';
import { epochOf, firstSlot } from '../../../src/consensus/pos/time.ts';
import type { Slot, StakeState } from '../../../src/consensus/pos/types.ts';
import { ETHER, StakeChain, someHash } from './stake-chain.ts';

const DAY_SLOTS = 86_400;

/** The definition: slot by slot, epoch by epoch. */
function slotBySlot({ rules: { settings } }: StakeChain, state: StakeState, to: Slot): StakeState {
  let next = state;
  while (next.slot < to) {
    const isLast = epochOf(settings, next.slot + 1) !== epochOf(settings, next.slot);
    next = isLast ? processEpoch(settings, next) : processSlots(settings, next, next.slot + 1);
  }
  return next;
}

function withBlock(state: StakeState, block: Hash): StakeState {
  return { ...state, block, blockRoots: state.blockRoots.with(state.slot % state.blockRoots.length, block) };
}

function slashedAt(chain: StakeChain, index: number): StakeState {
  return slash(chain.rules.settings, chain.state, index, 0, false).state;
}

describe('consensus/pos epochs', () => {
  it('skips a gap to the state that each of its slots and epochs would lead to', () => {
    fc.assert(
      fc.property(
        fc.record({
          blocks: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 12 }),
          slashings: fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { maxLength: 4 }),
          gap: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 400 })),
        }),
        ({ blocks, slashings, gap }) => {
          const chain = new StakeChain();
          for (const [i, step] of blocks.entries()) {
            const victim = slashings[i];
            if (victim !== undefined) chain.state = slashedAt(chain, victim);
            chain.state = withBlock(processSlots(chain.rules.settings, chain.state, chain.state.slot + step), someHash(i + 1));
          }
          const to = chain.state.slot + gap;
          const skipped = processSlots(chain.rules.settings, chain.state, to);
          const walked = slotBySlot(chain, chain.state, to);
          expect(skipped).toEqual(walked);
          expect(stateRoot(skipped)).toBe(stateRoot(walked));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('comes to the same state in one stride and in several', () => {
    const chain = new StakeChain();
    chain.run(9);
    const state = slashedAt(chain, 3);
    const { settings } = chain.rules;
    const direct = processSlots(settings, state, 500);
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 10, max: 499 }), { maxLength: 6 }), (stops) => {
        const strides = [...stops.sort((a, b) => a - b), 500];
        expect(strides.reduce((now, slot) => processSlots(settings, now, slot), state)).toEqual(direct);
      }),
      { numRuns: 30 },
    );
  });

  it('does not change a state that is there already', () => {
    const chain = new StakeChain();
    chain.run(5);
    expect(chain.at(5)).toEqual(chain.state);
  });

  it('costs nothing to sleep for a century, and nobody anything', () => {
    const chain = new StakeChain();
    chain.run(11);
    const { balances } = chain.state;
    const woken = chain.at(100 * 365 * DAY_SLOTS);
    // The epoch that was interrupted is settled; its votes never are.
    const settled = chain.at(12);
    expect(woken.balances).toEqual(settled.balances);
    expect(woken.epochsSinceFinality).toBe(settled.epochsSinceFinality);
    expect(balances.every((balance) => balance >= 32n * ETHER)).toBe(true);
  });

  it('returns to finality within two epochs after a day of silence', () => {
    const chain = new StakeChain();
    chain.run(21);
    const before = chain.state.finalized.epoch;
    const wake = firstSlot(chain.rules.settings, chain.epoch + DAY_SLOTS / 4);
    const first = epochOf(chain.rules.settings, wake);
    chain.waiting = [];
    chain.extend(wake);
    chain.run(wake + 4);
    expect([chain.state.currentJustified.epoch, chain.state.finalized.epoch]).toEqual([first, before]);
    chain.run(wake + 8);
    expect(chain.state.finalized.epoch).toBe(first);
    expect(chain.state.balances.every((balance) => balance >= 32n * ETHER)).toBe(true);
  });

  it('counts towards the leak only epochs that had blocks', () => {
    const chain = new StakeChain();
    const nobody = { votes: () => false };
    chain.run(16, nobody);
    expect(chain.state.epochsSinceFinality).toBe(3);
    chain.extend(16 + 4 * 1_000, nobody);
    expect(chain.state.epochsSinceFinality).toBe(4);
    chain.run(16 + 4 * 1_000 + 4, nobody);
    expect(chain.state.epochsSinceFinality).toBe(5);
  });

  it('counts the epochs after the finalized one anew when finality advances', () => {
    const chain = new StakeChain();
    chain.run(24, { votes: () => false });
    expect([chain.state.finalized.epoch, chain.state.epochsSinceFinality]).toEqual([0, 5]);
    chain.run(36);
    // Epochs 7 and 8 are justified; of those after 7 none has ended before 8.
    expect([chain.state.finalized.epoch, chain.state.epochsSinceFinality]).toEqual([7, 1]);
  });

  it('knows which of the last epochs had blocks, and the checkpoints of those that had none', () => {
    const chain = new StakeChain();
    const { settings } = chain.rules;
    chain.run(6);
    chain.extend(13);
    expect([0, 1, 2, 3].map((epoch) => hasBlocks(settings, chain.state, epoch))).toEqual([true, true, false, true]);
    const { root } = checkpointOf(settings, chain.state, 2);
    expect(checkpointOf(settings, chain.state, 3)).toEqual({ epoch: 3, root });
    expect(chain.state.blockRoots).toContain(root);
  });

  it('charges the correlation in the middle of the window, in a gap as well, and once', () => {
    const chain = new StakeChain(4);
    chain.run(9);
    chain.state = slashedAt(chain, 2);
    const { settings } = chain.rules;
    const due = correlationEpoch(settings, chain.state.validators[2] as never);
    expect(due).toBe(chain.epoch + SLASHING_EPOCHS / 2);
    const balanceIn = (epoch: number): bigint => processSlots(settings, chain.state, firstSlot(settings, epoch)).balances[2] ?? 0n;
    // A quarter of the stake was slashed: three quarters of the 30 ether that still weigh, in whole ether.
    expect(balanceIn(due) - balanceIn(due + 1)).toBe(22n * ETHER);
    expect(balanceIn(due + 1_000)).toBe(balanceIn(due + 1));
  });

  it('turns its rings: slashings of 64 epochs ago are forgotten, the mix goes on', () => {
    const chain = new StakeChain();
    chain.run(9);
    chain.state = slashedAt(chain, 2);
    const { settings } = chain.rules;
    const sumIn = (epochs: number): bigint =>
      processSlots(settings, chain.state, firstSlot(settings, chain.epoch + epochs)).slashings.reduce((sum, each) => sum + each, 0n);
    expect([sumIn(1), sumIn(SLASHING_EPOCHS - 1), sumIn(SLASHING_EPOCHS), sumIn(10 * SLASHING_EPOCHS)]).toEqual([
      32n * ETHER,
      32n * ETHER,
      0n,
      0n,
    ]);
    const mix = chain.state.randaoMixes[chain.epoch % 8];
    expect(new Set(chain.at(9 + 4 * 20).randaoMixes)).toEqual(new Set([mix]));
  });
});
