/** Raft as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import type { NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { ATTEST_TIMER, attestHead, blockStored, receiveDecision } from '../members/attestations.ts';
import { learn, settle } from '../members/decisions.ts';
import { dispatch, type Handlers } from '../members/dispatch.ts';
import { checkLeap } from '../members/leaps.ts';
import { finishReads, READ_TIMER, retryReads } from '../members/reads.ts';
import { answerAdmin } from './admin.ts';
import { answerCandidate, countVote, isUndisturbed, stand, suspectLeader } from './election.ts';
import { acknowledgeProgress, receiveAppend, receiveChunk, refuseOldTerm } from './follow.ts';
import { followMembers } from './members.ts';
import type { RaftMessage } from './messages.ts';
import { adoptHead, restore } from './persist.ts';
import { blockBuilt, buildIsDue, propose } from './propose.ts';
import { areReadsWaiting, readIsAt, readPolicy, receiveRead } from './reads.ts';
import { advanceCommit, checkQuorum, heartbeat, receiveAck, receiveReject, replicate } from './replication.ts';
import { BUILD_TIMER, becomeFollower, ELECTION_TIMER, HEARTBEAT_TIMER, QUORUM_TIMER, setElectionTimer } from './roles.ts';
import { isMute, leadershipOf, type RaftEffect, type Turn } from './state.ts';
import { isHeard, learnDeciders, tellDeciders } from './strangers.ts';
import { giveUpTransfer, TRANSFER_TIMER } from './transfer.ts';

type Termed = Extract<RaftMessage, { readonly term: number }>;

export function step(turn: Turn, event: Event<RaftMessage>): readonly RaftEffect[] {
  followChain(turn);
  dispatch(turn, event, HANDLERS);
  followMembers(turn);
  propose(turn);
  replicate(turn);
  if (areReadsWaiting(turn)) heartbeat(turn);
  finishReads(turn, turn.state.reads, turn.state.stored);
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

const HANDLERS: Handlers<Turn, RaftMessage> = {
  start(turn, event) {
    restore(turn, event);
    setElectionTimer(turn);
  },
  hearsStrangers: true,
  message: receiveMessage,
  timers: {
    [ELECTION_TIMER]: suspectLeader,
    [HEARTBEAT_TIMER]: heartbeat,
    [QUORUM_TIMER]: checkQuorum,
    [BUILD_TIMER]: buildIsDue,
    [READ_TIMER]: (turn) => retryReads(turn, turn.state.reads, readPolicy(turn)),
    [TRANSFER_TIMER]: giveUpTransfer,
    [ATTEST_TIMER]: attestHead,
  },
  persisted(turn, lsn) {
    turn.state.persisted = lsn;
    advanceCommit(turn);
    acknowledgeProgress(turn);
  },
  stored: headStored,
  built: blockBuilt,
  mempool({ state }, pending) {
    state.hasWork ||= pending > 0;
  },
  admin: (turn, { request, command }) => answerAdmin(turn, request, command),
};

function headStored(turn: Turn, event: Extract<Event<never>, { type: 'stored' }>): void {
  const { state, chain } = turn;
  state.stored = Math.max(state.stored, chain.get(event.head)?.header.number ?? 0);
  state.log.trim(state.stored);
  blockStored(turn, event);
  advanceCommit(turn);
  acknowledgeProgress(turn);
}

function receiveMessage(turn: Turn, from: NodeId, message: RaftMessage): void {
  // It proves itself, whoever sends it.
  if (message.type === 'certificate' && learn(turn, message.certificate, from)) return;
  // All else is for this node alone: of what is gossiped, nobody knows the author.
  turn.effects.push({ type: 'ignore' });
  if (!isHeard(turn, from) || isMute(turn)) return;
  switch (message.type) {
    case 'certificate':
      return;
    case 'attestation':
      return receiveDecision(turn, from, message);
    case 'read':
      return receiveRead(turn, from, message.read);
    case 'readAt':
      return readIsAt(turn, from, message.read, message.height);
    case 'whoDecides':
      return tellDeciders(turn, from);
    case 'deciders':
      return learnDeciders(turn, message.nodes);
    default:
      return compareTerms(turn, from, message);
  }
}

/** Figure 3.1, "rules for all servers", and etcd's exceptions for pre-votes. Throws RuleError `raft/term-leap`. */
function compareTerms(turn: Turn, from: NodeId, message: Termed): void {
  const { state } = turn;
  const { term, type } = message;
  checkLeap('raft/term-leap', 'the term', state.term, term);
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
