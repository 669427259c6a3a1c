/**
 * Linearizable reads. ZooKeeper's own reads are local and may show the past; a client that cares calls `sync` first. This is
 * that sync, made safe: the established leader answers once a quorum of followers has said that it still leads
 * (`../members/read-index.ts`). ZooKeeper's sync trusts the leader to be one.
 */
import type { NodeId } from '../../base/types.ts';
import { reachedBy } from '../members/reached.ts';
import { heardOf, type ReadId, type ReadPolicy } from '../members/reads.ts';
import { tell } from './persist.ts';
import { leaderOf } from './roles.ts';
import { establishedOf, type Leading, type Turn } from './state.ts';

/** How reads of this node are asked. */
export function readPolicy(turn: Turn): ReadPolicy {
  const { tickMs, initLimit, syncLimit } = turn.settings;
  return { engine: 'zab', againMs: syncLimit * tickMs, giveUpMs: (initLimit + syncLimit) * tickMs, ask: (read) => ask(turn, read) };
}

function ask(turn: Turn, read: ReadId): void {
  const leader = leaderOf(turn);
  if (leader === turn.self) receiveRead(turn, turn.self, read);
  else if (leader !== null) tell(turn, leader, { type: 'read', read });
}

/** A member asks; this node may itself. One that does not lead says nothing: the asker will ask again. */
export function receiveRead({ state }: Turn, from: NodeId, read: ReadId): void {
  if (establishedOf(state) !== null) state.readIndex.ask(from, read);
}

/** At the end of a step: the leader, when the next round is to answer reads that have come. */
export function leadingReads({ state }: Turn): Leading | null {
  const leading = establishedOf(state);
  if (leading === null) state.readIndex.clear();
  return leading !== null && state.readIndex.begins(leading.round + 1, state.commit) ? leading : null;
}

/** A follower has answered: perhaps a quorum has now. */
export function answerReads(turn: Turn): void {
  const { state, self, council } = turn;
  const leading = establishedOf(state);
  if (leading === null) return;
  const rounds = [...leading.followers.values()].map(({ isLed, round }) => (isLed ? round : 0));
  const confirmed = reachedBy(council.membership.quorum, [leading.round, ...rounds]);
  for (const { from, read, height } of state.readIndex.answers(confirmed)) {
    if (from === self) readIsAt(turn, self, read, height);
    else tell(turn, from, { type: 'readAt', read, height });
  }
}

/** The leader's answer. */
export function readIsAt({ state }: Turn, from: NodeId, read: ReadId, height: number): void {
  heardOf(state.reads, read, from, height, 1);
}
