/** Validators that are heard late: of blocks and votes that come too late, none is wrong and nobody is to blame. */
import { BoundedMap } from '../../base/bounded.ts';
import { decode } from '../../consensus/pos/messages.ts';
import type { PosEffect } from '../../consensus/pos/state.ts';
import type { Attestation } from '../../consensus/pos/types.ts';
import type { BehaviourFactory } from './behaviour.ts';
import { Insider } from './pos-insider.ts';
import { PrivateChain } from './private-chain.ts';

/** Of their own slot, the blocks of a late proposer come after the votes; or as many slots later. */
const MAX_LATE_SLOTS = 3;
const MAX_HELD_VOTES = 256;
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

/** Casts its votes in time, notes them as it must, and shows them up to an epoch later, some of them together. */
export const lateVoting: BehaviourFactory = (tools) => {
  const insider = new Insider(tools);
  const { slotSeconds, slotsPerEpoch } = insider.rules.settings;
  /** By slot and committee, so that everybody is told at once. */
  const delays = new BoundedMap<string, number>(MAX_HELD_VOTES);
  const delayOf = ({ data }: Attestation): number => {
    const key = `${data.slot}/${data.committee}`;
    const delayMs = delays.get(key) ?? (1 + tools.random.below(slotsPerEpoch)) * slotSeconds * MS_PER_SECOND;
    delays.set(key, delayMs);
    return delayMs;
  };
  return {
    engine: (honest) => insider.around(honest),
    outgoing: (to, packet) => {
      const message = packet.type === 'message' ? decode(packet.bytes) : null;
      if (message?.type !== 'vote' || !insider.isOwn(message.vote)) return [packet];
      tools.after(delayOf(message.vote), () => tools.send(to, packet));
      return [];
    },
  };
};
