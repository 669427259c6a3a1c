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
  return { ...data, slot, head: root, target: { epoch, root } };
});

/** Votes of slots to come. */
export const futureVotes: BehaviourFactory = flooding((insider, { data }, { random }) => {
  const epoch = data.target.epoch + 2 + random.below(1_000);
  const slot = firstSlot(insider.rules.settings, epoch);
  return { ...data, slot, target: { ...data.target, epoch } };
});

/** Votes of now whose head and target is any old block that is still remembered: each asks for the state of another branch. */
export const oldTargets: BehaviourFactory = flooding((insider, { data }, { random }) => {
  const blocks = [...(insider.turn?.state.store.blocks.keys() ?? [])];
  const root = random.pick(blocks);
  return { ...data, head: root, target: { ...data.target, root } };
});

/** Votes of now for blocks that do not exist. */
export const votesForNothing: BehaviourFactory = flooding((_insider, { data }, { random }) => ({ ...data, head: randomHash(random) }));
