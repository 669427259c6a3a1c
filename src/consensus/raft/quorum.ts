/**
 * Quorum arithmetic of Raft, apart from everything else: what a set of voters has committed, and how it has voted. Source:
 * Ongaro's dissertation, sections 3.5, 3.6 and 4.3; the cases are etcd's (raft/quorum), whose tables are tested against.
 *
 * A joint configuration (section 4.3) has two sets of voters, and what it decides both of them decide. One set is the joint
 * configuration whose second set is empty: an empty set objects to nothing.
 */
import { majority } from '../votes.ts';

export interface Voters<Id> {
  readonly incoming: readonly Id[];
  /** Those of before, while a change of members is under way; else empty. */
  readonly outgoing: readonly Id[];
}

export type VoteResult = 'pending' | 'lost' | 'won';

/** The greatest index that a quorum has, of those that `indexOf` gives for each voter; infinite where there are no voters. */
export function committedIndex<Id>({ incoming, outgoing }: Voters<Id>, indexOf: (id: Id) => number): number {
  return Math.min(committedBy(incoming, indexOf), committedBy(outgoing, indexOf));
}

/** `voteOf` says what each voter has answered; undefined for one that has not. */
export function voteResult<Id>({ incoming, outgoing }: Voters<Id>, voteOf: (id: Id) => boolean | undefined): VoteResult {
  const results = [resultOf(incoming, voteOf), resultOf(outgoing, voteOf)];
  if (results.includes('lost')) return 'lost';
  return results.includes('pending') ? 'pending' : 'won';
}

/** The so-manieth greatest, where so many are a majority. */
function committedBy<Id>(ids: readonly Id[], indexOf: (id: Id) => number): number {
  const indexes = ids.map(indexOf).sort((a, b) => b - a);
  return indexes[majority(ids.length) - 1] ?? Number.POSITIVE_INFINITY;
}

function resultOf<Id>(ids: readonly Id[], voteOf: (id: Id) => boolean | undefined): VoteResult {
  const votes = ids.map(voteOf);
  const needed = majority(ids.length);
  const granted = votes.filter((vote) => vote === true).length;
  const open = votes.filter((vote) => vote === undefined).length;
  if (ids.length === 0 || granted >= needed) return 'won';
  return granted + open >= needed ? 'pending' : 'lost';
}
