/** Validators that are heard late: of blocks and votes that come too late, none is wrong and nobody is to blame. */
import type { PosEffect } from '../../consensus/pos/state.ts';
import type { BehaviourFactory } from './behaviour.ts';
import { Insider, ownVotes } from './pos-insider.ts';
import { PrivateChain } from './private-chain.ts';

/** Of their own slot, the blocks of a late proposer come after the votes; or as many slots later. */
const MAX_LATE_SLOTS = 3;
const MS_PER_SECOND = 1_000;

/** Keeps each of its blocks until after the votes of its slot, or for some slots more; then everybody is told at once. */
export const lateProposing: BehaviourFactory = (tools) => {
  const insider = new Insider(tools);
  const hidden = new PrivateChain(tools);
  const { slotSeconds } = insider.rules.settings;
  const change = (effects: readonly PosEffect[]): readonly PosEffect[] =>
    effects.filter((effect) => {
      if (effect.type !== 'announce') return true;
      const { block } = effect;
      hidden.hide(block);
      const lateSlots = 0.5 + tools.random.float() * MAX_LATE_SLOTS;
      tools.after(lateSlots * slotSeconds * MS_PER_SECOND, () => hidden.publish(block.header.number));
      return false;
    });
  return {
    engine: (honest) => insider.around(honest, change),
    outgoing: (_to, packet) => hidden.censor(packet),
    status: (honest) => hidden.publicStatus(honest),
  };
};

/** Casts its votes in time and shows them up to an epoch later, some of them together. */
export const lateVoting: BehaviourFactory = (tools) => {
  const insider = new Insider(tools);
  const { slotSeconds, slotsPerEpoch } = insider.rules.settings;
  const change = (effects: readonly PosEffect[]): readonly PosEffect[] => {
    const { own, rest } = ownVotes(insider, effects);
    for (const vote of own) {
      const lateSlots = 1 + tools.random.below(slotsPerEpoch);
      tools.after(lateSlots * slotSeconds * MS_PER_SECOND, () => insider.tell({ type: 'vote', vote }));
    }
    return rest;
  };
  return { engine: (honest) => insider.around(honest, change) };
};
