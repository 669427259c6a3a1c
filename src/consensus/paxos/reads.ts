/**
 * Linearizable reads without a slot of their own: the leader notes the height that is decided, and answers once a majority
 * has said that it still follows its ballot (`../members/read-index.ts`); had a later leader decided anything before the question,
 * somebody of that majority would have promised a higher ballot. A leader that has not decided everything it took over does not
 * know yet what is decided, and reads wait.
 */
import type { NodeId } from '../../base/types.ts';
import { reachedBy } from '../members/reached.ts';
import { heardOf, type ReadId, type ReadPolicy } from '../members/reads.ts';
import { tell } from './persist.ts';
import { leadershipOf, type Turn } from './state.ts';

/** Of `suspicionMs`. */
const READ_PATIENCES = 8;

/** How reads of this node are asked. */
export function readPolicy(turn: Turn): ReadPolicy {
  const { suspicionMs } = turn.settings;
  return { engine: 'paxos', againMs: suspicionMs, giveUpMs: READ_PATIENCES * suspicionMs, ask: (read) => ask(turn, read) };
}

function ask(turn: Turn, read: ReadId): void {
  const { state, self } = turn;
  if (state.role.role === 'leader') receiveRead(turn, self, read);
  else if (state.leader !== null) tell(turn, state.leader, { type: 'read', read });
}

/** A member asks; this node may itself. One that does not lead says nothing: the asker will ask again. */
export function receiveRead({ state }: Turn, from: NodeId, read: ReadId): void {
  if (leadershipOf(state) !== null) state.readIndex.ask(from, read);
}

/** At the end of a step: whether a heartbeat is wanted for those that came. */
export function areReadsWaiting({ state }: Turn): boolean {
  const leadership = leadershipOf(state);
  if (leadership === null) {
    state.readIndex.clear();
    return false;
  }
  const { height } = state.commit;
  return height >= leadership.takenOver && state.readIndex.begins(leadership.round + 1, height);
}

/** A member has answered a heartbeat: perhaps a majority has now. */
export function answerReads(turn: Turn): void {
  const { state, self, council } = turn;
  const leadership = leadershipOf(state);
  if (leadership === null) return;
  const rounds = [...leadership.progress.values()].map(({ round }) => round);
  const confirmed = reachedBy(council.membership.quorum, [leadership.round, ...rounds]);
  for (const { from, read, height } of state.readIndex.answers(confirmed)) {
    if (from === self) readIsAt(turn, self, read, height);
    else tell(turn, from, { type: 'readAt', read, height });
  }
}

/** The leader's answer. */
export function readIsAt({ state }: Turn, from: NodeId, read: ReadId, height: number): void {
  heardOf(state.reads, read, from, height, 1);
}
