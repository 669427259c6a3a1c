/**
 * Who leads. Source: Ongaro's dissertation, section 3.4 (election), 3.6.1 (who may win), 4.2.3 and 9.6 (nobody disturbs a
 * leader that works: pre-vote, and votes are refused by those who hear one), 6.2 (a leader that hears no quorum steps down);
 * etcd for what pre-vote needs in order not to deadlock: a refusal always names the term of who refuses, and so does the
 * answer to a leader of an old term. Else a node that is ahead in terms and behind in blocks could neither win nor be led.
 */
import type { NodeId } from '../../base/types.ts';
import type { Campaign, LogEnd, RaftMessage } from './messages.ts';
import { isIncomplete, persistTerm, tell, tellAll } from './persist.ts';
import { voteResult } from './quorum.ts';
import { becomeLeader } from './replication.ts';
import { becomeFollower, changeRole, enterTerm, hasLeader, setElectionTimer } from './roles.ts';
import { isVoter, type Turn, votersOf } from './state.ts';

type RequestVote = Extract<RaftMessage, { type: 'requestVote' }>;
type Vote = Extract<RaftMessage, { type: 'vote' }>;

/** The election timer ran out: no leader was heard. First it is asked whether others hear none either. */
export function suspectLeader(turn: Turn): void {
  const { state, chain, self } = turn;
  setElectionTimer(turn);
  // Nobody can build on a block that this node computes differently.
  if (!isVoter(turn) || chain.status(state.log.last.hash) === 'invalid' || isIncomplete(state)) return;
  state.leader = null;
  changeRole(turn, { role: 'preCandidate', votes: new Map([[self, true]]) });
  askForVotes(turn, 'preVote', state.term + 1);
  countVotes(turn);
}

/** A new term, with a vote for itself. */
export function stand(turn: Turn, campaign: Exclude<Campaign, 'preVote'>): void {
  const { state, self } = turn;
  enterTerm(turn, state.term + 1, self);
  changeRole(turn, { role: 'candidate', votes: new Map([[self, true]]) });
  setElectionTimer(turn);
  askForVotes(turn, campaign, state.term);
  countVotes(turn);
}

function askForVotes(turn: Turn, campaign: Campaign, term: number): void {
  const { height, term: lastTerm } = turn.state.log.last;
  tellAll(turn, { type: 'requestVote', term, campaign, last: { height, term: lastTerm } });
}

/** Called before terms are compared: who hears a leader does not even listen. */
export function isUndisturbed({ state, nowMs, settings }: Turn, { term, campaign }: RequestVote): boolean {
  return term > state.term && campaign !== 'transfer' && hasLeader(state, nowMs, settings.electionMinMs);
}

/** `term` is this node's; of a pre-vote it may be a later one. */
export function answerCandidate(turn: Turn, from: NodeId, { term, campaign, last }: RequestVote): void {
  const { state, effects } = turn;
  const isPre = campaign === 'preVote';
  const isFree = isPre ? term > state.term : term === state.term && (state.vote === null || state.vote === from) && state.leader === null;
  const granted = isFree && !isMoreUpToDate(state.log.last, last) && !isIncomplete(state);
  if (isFree && !granted) effects.push({ type: 'trace', name: 'lessUpToDate', data: { candidate: from, term } });
  if (granted && !isPre) {
    if (state.vote === null) {
      state.vote = from;
      persistTerm(turn);
    }
    setElectionTimer(turn);
  }
  tell(turn, from, { type: 'vote', term: granted ? term : state.term, isPre, granted });
}

/** Section 3.6.1: the later term of the last block counts, and in one term the longer log. */
export function isMoreUpToDate(a: LogEnd, b: LogEnd): boolean {
  return a.term > b.term || (a.term === b.term && a.height > b.height);
}

/** An answer in this term (to a pre-vote: about the next one). */
export function countVote(turn: Turn, from: NodeId, { isPre, granted }: Vote): void {
  const { role } = turn.state;
  if (role.role !== (isPre ? 'preCandidate' : 'candidate') || !('votes' in role)) return;
  role.votes.set(from, granted);
  countVotes(turn);
}

/** The own vote may be enough, where this node is the only one that votes. */
function countVotes(turn: Turn): void {
  const { state } = turn;
  const { role } = state;
  if (!('votes' in role)) return;
  const result = voteResult(votersOf(turn), (node) => role.votes.get(node));
  if (result === 'lost') return becomeFollower(turn, state.term, null);
  if (result === 'pending') return;
  if (role.role === 'preCandidate') stand(turn, 'vote');
  else becomeLeader(turn);
}
