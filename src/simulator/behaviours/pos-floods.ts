/**
 * Floods of votes, of which the finality losses of May 2023 and December 2025 came: clients computed a state for each old target that
 * a vote named. Each flood is larger than all that honest validators say.
 */
import type { Hash } from '../../base/types.ts';
import { firstSlot } from '../../consensus/pos/time.ts';
import type { AttestationData } from '../../consensus/pos/types.ts';
import { type BehaviourFactory, repeatedly, type Tools } from './behaviour.ts';
import { randomHash } from './mutation.ts';
import { type Ballot, Insider } from './pos-insider.ts';

const INTERVAL_MS = 1_000;
/** At once. */
const VOTES = 64;
const MAX_HEADS = 256;
/** Whoever contradicts itself is soon found out: it waits until there is something to be gained by it. */
const BEGINS_AFTER_MS = 120_000;

type Flood = (insider: Insider, ballot: Ballot, tools: Tools) => AttestationData | null;

/** Says so many different things a second, each signed with its own keys. */
const flooding =
  (flood: Flood): BehaviourFactory =>
  (tools) => {
    const insider = new Insider(tools);
    const burst = (): void => {
      const { turn } = insider;
      if (turn === null || tools.peers().length === 0) return;
      const [ballot] = ballotsSince(insider, turn.state.head.hash);
      if (ballot === undefined) return;
      for (let i = 0; i < VOTES; i++) {
        const said = flood(insider, ballot, tools);
        if (said !== null) insider.tell({ type: 'vote', vote: insider.vote(ballot, said) });
      }
    };
    return { engine: (honest) => insider.around(honest), begin: () => repeatedly(tools, INTERVAL_MS, burst) };
  };

/** Of this slot, or of the last one in which it had a voice. */
function ballotsSince(insider: Insider, head: Hash): readonly Ballot[] {
  const { slotsPerEpoch } = insider.rules.settings;
  for (let back = 0; back < slotsPerEpoch; back++) {
    const slot = Math.floor(insider.slot / slotsPerEpoch) * slotsPerEpoch + ((insider.slot - back + slotsPerEpoch) % slotsPerEpoch);
    const ballots = insider.ballots(slot, head);
    if (ballots.length > 0) return ballots;
  }
  return [];
}

/** Votes of slots long gone, for targets of then: one for each block of the chain, again and again. */
export const oldVotes: BehaviourFactory = flooding((insider, { data }, { random, chain }) => {
  const { slotsPerEpoch } = insider.rules.settings;
  const newest = data.target.epoch - 2;
  if (newest < 1) return null;
  const epoch = 1 + random.below(newest);
  const slot = firstSlot(insider.rules.settings, epoch) + random.below(slotsPerEpoch);
  const root = chain()?.canonical(1 + random.below(Math.max(1, chain()?.head.header.number ?? 1))) ?? data.target.root;
  const genesis = chain()?.genesis.hash ?? root;
  return { ...data, slot, head: root, source: { epoch: 0, root: genesis }, target: { epoch, root } };
});

/** Votes of slots to come. */
export const futureVotes: BehaviourFactory = flooding((insider, { data }, { random }) => {
  const epoch = data.target.epoch + 2 + random.below(1_000);
  const slot = firstSlot(insider.rules.settings, epoch);
  return { ...data, slot, target: { ...data.target, epoch } };
});

/**
 * Votes of now for all blocks that are still remembered, as if nothing had come after them: each is right in itself, asks for the state
 * of another branch, and takes the room of others where room is counted in votes.
 */
export const oldTargets: BehaviourFactory = (tools) => {
  const insider = new Insider(tools);
  const burst = (): void => {
    const blocks = [...(insider.turn?.state.store.blocks.keys() ?? [])];
    if (tools.peers().length === 0) return;
    for (const head of blocks.slice(-MAX_HEADS)) {
      for (const ballot of insider.ballots(insider.slot, head)) insider.tell({ type: 'vote', vote: insider.vote(ballot) });
    }
  };
  const begin = () => tools.after(BEGINS_AFTER_MS, () => repeatedly(tools, INTERVAL_MS, burst));
  return { engine: (honest) => insider.around(honest), begin };
};

/** Votes of now for blocks that do not exist. */
export const votesForNothing: BehaviourFactory = flooding((_insider, { data }, { random }) => ({ ...data, head: randomHash(random) }));
