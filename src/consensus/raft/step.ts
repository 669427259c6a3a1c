/** Raft as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { ATTEST_TIMER, attestHead, blockStored, receiveDecision } from '../members/attestations.ts';
import { blockChecked, learn, receiveBlock, settle } from '../members/decisions.ts';
import { answerAdmin } from './admin.ts';
import { answerCandidate, countVote, isUndisturbed, stand, suspectLeader } from './election.ts';
import { acknowledgeProgress, receiveAppend, receiveChunk, refuseOldTerm } from './follow.ts';
import { followMembers } from './members.ts';
import type { RaftMessage } from './messages.ts';
import { adoptHead, restore } from './persist.ts';
import { blockBuilt, buildIsDue, propose } from './propose.ts';
import { finishReads, noteReads, READ_TIMER, readIsAt, receiveRead, retryReads } from './reads.ts';
import { advanceCommit, checkQuorum, heartbeat, receiveAck, receiveReject, replicate } from './replication.ts';
import { BUILD_TIMER, becomeFollower, ELECTION_TIMER, HEARTBEAT_TIMER, QUORUM_TIMER, setElectionTimer } from './roles.ts';
import { isMute, leadershipOf, type RaftEffect, type Turn } from './state.ts';
import { isHeard, learnDeciders, tellDeciders } from './strangers.ts';
import { giveUpTransfer, TRANSFER_TIMER } from './transfer.ts';

/** No honest network has so many elections while one node is away; a term that leaps further would use up all terms. */
const MAX_TERM_LEAP = 2 ** 32;

type Termed = Extract<RaftMessage, { readonly term: number }>;

export function step(turn: Turn, event: Event<RaftMessage>): readonly RaftEffect[] {
  followChain(turn);
  handle(turn, event);
  followMembers(turn);
  propose(turn);
  replicate(turn);
  if (noteReads(turn)) heartbeat(turn);
  settle(turn);
  tellWhatIsFinal(turn);
  return turn.effects;
}

/** By gossip: those who only follow are told nothing else, and need it to know what is decided. */
function tellWhatIsFinal({ state, effects }: Turn): void {
  const final = effects.find((effect) => effect.type === 'finalize');
  if (final === undefined || leadershipOf(state) === null) return;
  effects.push({ type: 'send', to: '*', message: { type: 'certificate', certificate: final.certificate } });
}

/** The head may have gone further than the log, with blocks that sync or a chunk has brought. */
function followChain(turn: Turn): void {
  const head = adoptHead(turn);
  if (head !== null && head.term > turn.state.term) becomeFollower(turn, head.term, null);
}

function handle(turn: Turn, event: Event<RaftMessage>): void {
  const { state } = turn;
  switch (event.type) {
    case 'start':
      restore(turn, event);
      return setElectionTimer(turn);
    case 'message':
      return receiveMessage(turn, event.from, event.message);
    case 'timer':
      return timerFired(turn, event.id);
    case 'persisted':
      state.persisted = event.lsn;
      advanceCommit(turn);
      return acknowledgeProgress(turn);
    case 'stored':
      return headStored(turn, event);
    case 'built':
      return blockBuilt(turn, event);
    case 'checked':
      return blockChecked(turn, event.hash);
    case 'block':
      return receiveBlock(turn, event);
    case 'mempool':
      state.hasWork ||= event.pending > 0;
      return;
    case 'admin':
      return answerAdmin(turn, event.request, event.command);
    case 'sealed':
      // Nothing is mined here.
      return;
    default:
      return unreachable(event);
  }
}

function headStored(turn: Turn, event: Extract<Event<RaftMessage>, { type: 'stored' }>): void {
  const { state, chain } = turn;
  state.stored = Math.max(state.stored, chain.get(event.head)?.header.number ?? 0);
  state.log.trim(state.stored);
  blockStored(turn, event);
  finishReads(turn);
  advanceCommit(turn);
  acknowledgeProgress(turn);
}

function timerFired(turn: Turn, id: string): void {
  switch (id) {
    case ELECTION_TIMER:
      return suspectLeader(turn);
    case HEARTBEAT_TIMER:
      return heartbeat(turn);
    case QUORUM_TIMER:
      return checkQuorum(turn);
    case BUILD_TIMER:
      return buildIsDue(turn);
    case READ_TIMER:
      return retryReads(turn);
    case TRANSFER_TIMER:
      return giveUpTransfer(turn);
    case ATTEST_TIMER:
      return attestHead(turn);
  }
}

function receiveMessage(turn: Turn, from: NodeId, message: RaftMessage): void {
  // It proves itself, whoever sends it.
  if (message.type === 'certificate' && learn(turn, message.certificate, from)) return;
  // All else is for this node alone: of what is gossiped, nobody knows the author.
  turn.effects.push({ type: 'ignore' });
  if (!isHeard(turn, from, message) || isMute(turn)) return;
  switch (message.type) {
    case 'certificate':
      return;
    case 'attestation':
      return receiveDecision(turn, from, message);
    case 'read':
      return receiveRead(turn, from, message.read);
    case 'readAt':
      return readIsAt(turn, message.read, message.height);
    case 'whoDecides':
      return tellDeciders(turn, from);
    case 'deciders':
      return learnDeciders(turn, from, message.nodes);
    default:
      return compareTerms(turn, from, message);
  }
}

/** Figure 3.1, "rules for all servers", and etcd's exceptions for pre-votes. */
function compareTerms(turn: Turn, from: NodeId, message: Termed): void {
  const { state, effects } = turn;
  const { term, type } = message;
  if (term > state.term + MAX_TERM_LEAP) {
    const error = new RuleError(
      'raft/term-leap',
      `A message of term ${term}, and this is term ${state.term}; expected one that is not ${MAX_TERM_LEAP} later.`,
    );
    effects.push({ type: 'offence', from, error });
    return;
  }
  if (type === 'requestVote' && isUndisturbed(turn, message)) return;
  // A pre-vote asks about a term that may never begin.
  const isAboutNext = (type === 'requestVote' && message.campaign === 'preVote') || (type === 'vote' && message.isPre && message.granted);
  if (term > state.term && !isAboutNext) becomeFollower(turn, term, null);
  if (term < state.term && !isAboutNext) {
    if (type === 'append' || type === 'chunk') refuseOldTerm(turn, from);
    if (type === 'requestVote') answerCandidate(turn, from, message);
    return;
  }
  receiveTermed(turn, from, message);
}

function receiveTermed(turn: Turn, from: NodeId, message: Termed): void {
  const { state } = turn;
  switch (message.type) {
    case 'requestVote':
      return answerCandidate(turn, from, message);
    case 'vote':
      // Of a pre-vote that was granted: about the term that this node would begin.
      if (message.term === state.term + (message.isPre && message.granted ? 1 : 0)) countVote(turn, from, message);
      return;
    case 'append':
      return receiveAppend(turn, from, message);
    case 'chunk':
      return receiveChunk(turn, from, message);
    case 'ack':
      return receiveAck(turn, from, message);
    case 'reject':
      return receiveReject(turn, from, message);
    case 'timeoutNow':
      if (state.leader === from) stand(turn, 'transfer');
      return;
    default:
      return unreachable(message);
  }
}
