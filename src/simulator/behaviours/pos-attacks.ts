/**
 * Attacks on the fork choice that need no luck: on LMD-GHOST without proposer boost ("balancing" and "ex-ante reorganisation":
 * Schwarz-Schilling et al., "Three Attacks on Proof-of-Stake Ethereum", 2021, arXiv 2110.10086), on what is justified ("bouncing":
 * Nakamura, "Analysis of bouncing attack on FFG", 2019), and the network of May 2022, half of whose nodes knew no boost.
 */
import { present } from '../../base/assert.ts';
import { equalBytes } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import { ancestorAt, type ForkChoice, weightsOf } from '../../consensus/pos/forkchoice.ts';
import type { PosEffect, PosState, Turn } from '../../consensus/pos/state.ts';
import { justifiedBalances } from '../../consensus/pos/states.ts';
import { epochOf, firstSlot, slotStartMs } from '../../consensus/pos/time.ts';
import type { Attestation, AttestationData, Epoch, Gwei, Slot, ValidatorIndex } from '../../consensus/pos/types.ts';
import { type BehaviourFactory, withStep } from './behaviour.ts';
import { halves, secondBlock } from './pos-double.ts';
import { type Ballot, Insider, ownVotes } from './pos-insider.ts';
import { PrivateChain } from './private-chain.ts';

/** What is sent so long before a slot arrives when its proposer has just decided what to build on, and nobody has voted yet. */
const LEAD_MS = 6;

/** Follows the protocol but for proposer boost: as clients did that had not been upgraded. */
export const boostless: BehaviourFactory = () => {
  const stripped = new WeakSet<ForkChoice>();
  const strip = ({ store }: PosState): void => {
    if (stripped.has(store)) return;
    stripped.add(store);
    Object.defineProperty(store, 'boosted', { get: () => null, set: () => undefined });
  };
  return {
    engine: (honest) =>
      withStep(honest, (state, event, context) => {
        strip(state);
        const effects = honest.step(state, event, context);
        // A start, or a trusted block that has come, makes another store.
        strip(state);
        return effects;
      }),
  };
};

/** What was hidden, and how much its maker's own validators had voted for it when it came out. */
export interface Release {
  readonly slot: Slot;
  readonly block: Hash;
  readonly weight: Gwei;
}

/**
 * Keeps each of its blocks, and its own votes for it, until the next proposer has built beside it: the votes are to outweigh the
 * other block, for which nobody has voted yet. With proposer boost they do not, unless they are more than the boost.
 */
export function reorganisingExAnte(released: (release: Release) => void = () => undefined): BehaviourFactory {
  return (tools) => {
    const insider = new Insider(tools);
    const hidden = new PrivateChain(tools);
    let votes: Attestation[] = [];
    let weight: Gwei = 0n;

    const release = (slot: Slot, block: Hash): void => {
      hidden.publish();
      for (const vote of votes) insider.tell({ type: 'vote', vote });
      released({ slot, block, weight });
      votes = [];
      weight = 0n;
    };
    const change = (effects: readonly PosEffect[]): readonly PosEffect[] =>
      effects.filter((effect) => {
        if (effect.type === 'announce') {
          const { turn, slot } = insider;
          const hash = hidden.hide(effect.block);
          const genesis = present(turn, 'the state of a node that proposes').context.chain.genesis.header.timestamp;
          const dueMs = slotStartMs(insider.rules.settings, genesis, slot + 1) - LEAD_MS;
          tools.after(Math.max(0, dueMs - tools.wallMs()), () => release(slot, hash));
          return false;
        }
        if (effect.type !== 'send' || effect.message.type !== 'vote' || !hidden.has(effect.message.vote.data.head)) return true;
        const { vote } = effect.message;
        if (votes.some(({ data }) => data.committee === vote.data.committee)) return false;
        votes.push(vote);
        weight += weightOf(insider.ballots(vote.data.slot, vote.data.head), vote.data.committee);
        return false;
      });
    return {
      engine: (honest) => insider.around(honest, change),
      outgoing: (_to, packet) => hidden.censor(packet),
      status: (honest) => hidden.publicStatus(honest),
    };
  };
}

function weightOf(ballots: readonly Ballot[], committee: number): Gwei {
  const ballot = ballots.find(({ data }) => data.committee === committee);
  return (ballot?.voters ?? []).reduce((sum, { index }) => sum + (ballot?.judge.validators[index]?.effectiveBalance ?? 0n), 0n);
}

/**
 * Proposes two blocks for a slot, one to each half of its peers, and from then on votes for the lighter of the two branches, so that
 * neither half sees reason to give up its own; until one of them is gone.
 */
export const balancing: BehaviourFactory = (tools) => {
  const insider = new Insider(tools);
  let sides: readonly [Hash, Hash] | null = null;
  let voted: { readonly epoch: Epoch; readonly committees: Set<string> } = { epoch: -1, committees: new Set() };

  const proposeTwice = (effect: Extract<PosEffect, { type: 'announce' }>): boolean => {
    const second = secondBlock(insider, effect.block);
    if (second === null) return false;
    const [left, right] = halves(tools);
    for (const peer of left) tools.send(peer, { type: 'block', block: effect.block });
    for (const peer of right) tools.send(peer, { type: 'block', block: second });
    sides = [hashHeader(effect.block.header), hashHeader(second.header)];
    return true;
  };
  const sway = (vote: Attestation): void => {
    const { turn } = insider;
    const { slot, committee, target } = vote.data;
    if (turn === null || sides === null) return;
    if (target.epoch !== voted.epoch) voted = { epoch: target.epoch, committees: new Set() };
    if (voted.committees.has(`${slot}/${committee}`)) return;
    voted.committees.add(`${slot}/${committee}`);
    const tip = lighterTip(turn, sides);
    if (tip === null) sides = null;
    // The same validators as ever: nobody votes twice in an epoch, whatever the committees of that branch are.
    const ballot = tip && insider.ballots(slot, tip).find(({ data }) => data.committee === committee);
    const isSame = ballot && equalBytes(insider.vote(ballot).bits, vote.bits);
    insider.tell({ type: 'vote', vote: isSame ? insider.vote(ballot) : vote });
  };
  const change = (effects: readonly PosEffect[]): readonly PosEffect[] => {
    const told = effects.filter((effect) => effect.type !== 'announce' || sides !== null || !proposeTwice(effect));
    if (sides === null) return told;
    const { own, rest } = ownVotes(insider, told);
    for (const vote of own) sway(vote);
    return rest;
  };
  return { engine: (honest) => insider.around(honest, change) };
};

/** The newest block of the branch with less weight; null when one of the two is gone. */
function lighterTip(turn: Turn, [left, right]: readonly [Hash, Hash]): Hash | null {
  const { store } = turn.state;
  const [a, b] = [store.blocks.get(left), store.blocks.get(right)];
  if (a === undefined || b === undefined) return null;
  const weights = weightsOf(store, justifiedBalances(turn));
  const lighter = (weights.get(left) ?? 0n) <= (weights.get(right) ?? 0n) ? a : b;
  return newest(store, (hash) => ancestorAt(store, hash, lighter.slot) === lighter.hash);
}

/**
 * Votes for the branch that is not the head's, as long as there is one, and shows these votes only when the next epoch has begun: what
 * was all but justified there is to become so at once, when the others have just made up their minds.
 */
export const bouncing: BehaviourFactory = (tools) => {
  const insider = new Insider(tools);
  const { settings } = insider.rules;
  /** By validator. What it shows does not contradict; what its engine has put into sums and blocks besides may give it away. */
  const last = new Map<ValidatorIndex, { readonly source: Epoch; readonly target: Epoch }>();
  const lawful = (ballot: Ballot): Ballot => {
    const { source, target } = ballot.data;
    const voters = ballot.voters.filter(({ index }) => {
      const before = last.get(index);
      return before === undefined || (before.target < target.epoch && before.source <= source.epoch);
    });
    for (const { index } of voters) last.set(index, { source: source.epoch, target: target.epoch });
    return { ...ballot, voters };
  };

  const vote = (turn: Turn, { slot, head }: AttestationData): void => {
    const rival = newest(turn.state.store, (hash) => !isOneBranch(turn.state.store, hash, head));
    const genesis = turn.context.chain.genesis.header.timestamp;
    const dueMs = slotStartMs(settings, genesis, firstSlot(settings, epochOf(settings, slot) + 1) + 1);
    const waitMs = rival === null ? 0 : Math.max(0, dueMs - tools.wallMs());
    for (const ballot of insider.ballots(slot, rival ?? head).map(lawful)) {
      if (ballot.voters.length === 0) continue;
      const held = insider.vote(ballot);
      tools.after(waitMs, () => insider.tell({ type: 'vote', vote: held }));
    }
  };
  const change = (effects: readonly PosEffect[]): readonly PosEffect[] => {
    const { turn } = insider;
    const { own, rest } = ownVotes(insider, effects);
    const [first] = own;
    if (turn !== null && first !== undefined) vote(turn, first.data);
    return rest;
  };
  return { engine: (honest) => insider.around(honest, change) };
};

/** Whether one of the two blocks descends from the other. */
function isOneBranch(store: ForkChoice, one: Hash, other: Hash): boolean {
  const [a, b] = [store.blocks.get(one), store.blocks.get(other)];
  if (a === undefined || b === undefined) return false;
  return ancestorAt(store, one, b.slot) === other || ancestorAt(store, other, a.slot) === one;
}

function newest({ blocks }: ForkChoice, isWanted: (hash: Hash) => boolean): Hash | null {
  let found: { readonly hash: Hash; readonly slot: Slot } | null = null;
  for (const { hash, slot, isExecuted } of blocks.values()) {
    if (isExecuted && (found === null || slot > found.slot) && isWanted(hash)) found = { hash, slot };
  }
  return found?.hash ?? null;
}
