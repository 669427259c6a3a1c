/** A picture of a member's state: what `synod consensus status` prints, and what checkers look up. */
import type { Json } from '../../base/types.ts';
import { sharedSizes } from '../members/sizes.ts';
import { activeHeight, type PbftRules, type PbftState, primaryOf } from './state.ts';

export function inspect({ council, settings, ballots }: PbftRules, state: PbftState): Json {
  const { place, view, isChanging, entered, committed, best, stable, prepared, rounds, changes, evidence, future } = state;
  const { members, quorum, faulty } = council.membership;
  const primary = primaryOf({ council }, entered.view);
  return {
    role: place === null ? 'follower' : primary === place ? 'primary' : 'backup',
    view,
    isChanging,
    leader: isChanging ? null : (members[primary]?.node ?? null),
    members: members.map(({ node }) => node),
    quorum,
    faulty,
    committed: committed && { height: committed.height, hash: committed.hash },
    proven: best?.height ?? state.base,
    active: activeHeight(state),
    prepared: prepared && { view: prepared.view, height: prepared.height, hash: prepared.hash },
    waterMarks: { low: stable, high: stable + settings.windowBlocks },
    followers: members.map(({ node }, member) => ({ node, ...progressOf(state, member) })),
    rounds: rounds.size,
    waiting: waitingIn(future),
    viewChanges: [...changes.values()].map((change) => change.view),
    reads: state.reads.open.size,
    evidence: [...evidence.values()].map(({ phase, votes }) => {
      const { view: at, height } = ballots.ballotOf(phase, votes[0]);
      return { member: votes[0].members[0] ?? null, phase, view: at, height };
    }),
  };
}

/** Of `inspect`, for metrics. */
export function sizes(state: PbftState): Readonly<Record<string, number>> {
  const { rounds, changes, evidence, future } = state;
  const own = { rounds: rounds.size, waiting: waitingIn(future), viewChanges: changes.size, evidence: evidence.size };
  return { ...own, ...sharedSizes(state) };
}

/** Messages of views to come. */
function waitingIn(future: PbftState['future']): number {
  return [...future.values()].reduce((sum, messages) => sum + messages.length, 0);
}

/** What was heard of a member in the current view. */
function progressOf(
  { rounds, changes }: PbftState,
  member: number,
): { readonly prepared: number; readonly committed: number; readonly wants: number | null } {
  const heights = (phase: 'prepare' | 'commit') =>
    [...rounds].filter(([, { votes }]) => votes[phase].has(member)).map(([height]) => height);
  return {
    prepared: Math.max(0, ...heights('prepare')),
    committed: Math.max(0, ...heights('commit')),
    wants: changes.get(member)?.view ?? null,
  };
}
