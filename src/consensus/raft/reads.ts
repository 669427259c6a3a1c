/**
 * Linearizable reads without a write (Ongaro's dissertation, section 6.4, `../members/read-index.ts`): whoever shows the height
 * that the leader answers shows every write that was acknowledged before the read began. A node that follows asks its leader.
 * Before a leader has decided a block of its own term it does not know what is decided, and reads wait.
 */
import type { NodeId } from '../../base/types.ts';
import type { RequestId } from '../engine.ts';
import * as common from '../members/reads.ts';
import { tell } from './persist.ts';
import { committedIndex } from './quorum.ts';
import { isVoter, leadershipOf, type RaftState, type Turn, votersOf } from './state.ts';

type ReadId = common.ReadId;

/** The operator's command: also of a learner, whose leader tells it. Throws UsageError `raft/read`. */
export function beginRead(turn: Turn, request: RequestId): void {
  const { state, nowMs, effects, council, self } = turn;
  const isMember = isVoter(turn) || council.isLearner(self);
  common.beginRead({ nowMs, effects, place: isMember ? (turn.place ?? 0) : null }, state.reads, readPolicy(turn), request);
}

/** How reads of this node are asked. */
export function readPolicy(turn: Turn): common.ReadPolicy {
  const { electionMinMs, electionMaxMs } = turn.settings;
  return { engine: 'raft', againMs: electionMinMs, giveUpMs: 2 * electionMaxMs, ask: (read) => ask(turn, read) };
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
  if (leadership === null) state.readIndex.clear();
  return leadership !== null && hasDecidedOwn(state) && state.readIndex.begins(leadership.round + 1, state.commit);
}

/** A new leader knows what is decided only when a block of its own term is (section 6.4, step 1). */
function hasDecidedOwn({ role, commit }: RaftState): boolean {
  return role.role === 'leader' && role.first !== null && commit >= role.first;
}

/** A member has answered a heartbeat: perhaps a quorum has now. */
export function answerReads(turn: Turn): void {
  const { state, self } = turn;
  const leadership = leadershipOf(state);
  if (leadership === null) return;
  const { round, progress } = leadership;
  const confirmed = committedIndex(votersOf(turn), (node) => (node === self ? round : (progress.get(node)?.round ?? 0)));
  for (const { from, read, height } of state.readIndex.answers(confirmed)) {
    if (from === self) readIsAt(turn, self, read, height);
    else tell(turn, from, { type: 'readAt', read, height });
  }
}

/** The leader's answer. */
export function readIsAt({ state }: Turn, from: NodeId, read: ReadId, height: number): void {
  common.heardOf(state.reads, read, from, height, 1);
}
