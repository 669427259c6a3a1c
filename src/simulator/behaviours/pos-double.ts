/**
 * Validators that sign what contradicts what they have signed: the offences of Casper FFG (arXiv 1710.09437, section 2) and double
 * proposals. Half of the peers hear one thing, half the other, as equivocators do who want to be believed for a while.
 */
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { PosEffect } from '../../consensus/pos/state.ts';
import { epochOf } from '../../consensus/pos/time.ts';
import type { Attestation, Epoch, Slot } from '../../consensus/pos/types.ts';
import type { BehaviourFactory, Tools } from './behaviour.ts';
import { Insider, ownVotes } from './pos-insider.ts';
import { resealed } from './pos-wrong-blocks.ts';

const SURROUND_CHANCE = 0.25;
/** The first epochs have no link yet that could be surrounded. */
const FIRST_SURROUNDING_EPOCH = 4;

/** Every other one of those it knows, and the rest. */
export function halves({ peers }: Pick<Tools, 'peers'>): readonly [number[], number[]] {
  const all = [...peers()].sort((a, b) => a - b);
  return [all.filter((_, index) => index % 2 === 0), all.filter((_, index) => index % 2 === 1)];
}

/** A second block for the same slot, as valid as the first; null if somebody else proposed it. */
export function secondBlock(insider: Insider, block: Block): Block | null {
  return resealed(insider, block, { gasLimit: block.header.gasLimit - 1n });
}

/** Two valid blocks for each of its slots. */
export const doubleProposing: BehaviourFactory = (tools) => {
  const insider = new Insider(tools);
  const proposeTwice = (first: Block): boolean => {
    const second = secondBlock(insider, first);
    if (second === null) return false;
    const [some, others] = halves(tools);
    for (const peer of some) tools.send(peer, { type: 'block', block: first });
    for (const peer of others) tools.send(peer, { type: 'block', block: second });
    return true;
  };
  const change = (effects: readonly PosEffect[]) => effects.filter((effect) => effect.type !== 'announce' || !proposeTwice(effect.block));
  return { engine: (honest) => insider.around(honest, change) };
};

/** For each of its votes a second one for the same target epoch, for the head's parent. */
export const doubleVoting: BehaviourFactory = (tools) => {
  const insider = new Insider(tools);
  let told: { readonly slot: Slot; readonly committees: Set<number> } = { slot: -1, committees: new Set() };

  const voteTwice = (vote: Attestation): void => {
    const { slot, committee, head } = vote.data;
    if (told.slot !== slot) told = { slot, committees: new Set() };
    // Its sums of nobody's votes but its own say nothing new.
    if (told.committees.has(committee)) return;
    told.committees.add(committee);
    const parent: Hash | undefined = tools.chain()?.get(head)?.header.parentHash;
    const ballot = parent && insider.ballots(slot, parent).find(({ data }) => data.committee === committee);
    const [some, others] = halves(tools);
    insider.tell({ type: 'vote', vote }, ballot ? some : undefined);
    if (ballot) insider.tell({ type: 'vote', vote: insider.vote(ballot) }, others);
  };
  const change = (effects: readonly PosEffect[]): readonly PosEffect[] => {
    const { own, rest } = ownVotes(insider, effects);
    for (const vote of own) voteTwice(vote);
    return rest;
  };
  return { engine: (honest) => insider.around(honest, change) };
};

/**
 * In some epochs it votes as if nothing had come after what is final: the link of such a vote begins before that of its last vote and
 * ends after it. Nothing about the vote itself is wrong, as a branch on which nobody builds has old checkpoints.
 */
export const surroundVoting: BehaviourFactory = (tools) => {
  const insider = new Insider(tools);
  /** The last epoch that it has thought about, and whether it surrounds in it. */
  let decided: { readonly epoch: Epoch; readonly surrounds: boolean } = { epoch: 0, surrounds: false };
  let slot: Slot = -1;

  const surrounds = (): boolean => {
    const epoch = epochOf(insider.rules.settings, insider.slot);
    if (epoch > decided.epoch) {
      decided = { epoch, surrounds: epoch >= FIRST_SURROUNDING_EPOCH && tools.random.chance(SURROUND_CHANCE) };
    }
    return decided.surrounds;
  };
  const surround = (): void => {
    const { turn } = insider;
    if (turn === null || slot === insider.slot) return;
    slot = insider.slot;
    for (const ballot of insider.ballots(slot, turn.state.store.root.root)) {
      const isAround = ballot.voters.some(
        ({ signer }) => (turn.state.history.get(signer.publicKey)?.source ?? 0) > ballot.data.source.epoch,
      );
      if (isAround) insider.tell({ type: 'vote', vote: insider.vote(ballot) });
    }
  };
  const change = (effects: readonly PosEffect[]): readonly PosEffect[] => {
    if (!surrounds()) return effects;
    surround();
    // A second vote for the same epoch would be another offence.
    return ownVotes(insider, effects).rest;
  };
  return { engine: (honest) => insider.around(honest, change) };
};
