/** PBFT as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Context, Event } from '../engine.ts';
import { blame, blockChecked, receiveBlock } from '../members/decisions.ts';
import type { Votes } from '../votes.ts';
import { answerAdmin } from './admin.ts';
import { countOwnCommit, decideProven, learnCommitted, receiveProposal, receiveVote, voteWhenReady } from './agreement.ts';
import type { Phase } from './ballots.ts';
import { chainStored } from './checkpoints.ts';
import { receiveEvidence } from './evidence.ts';
import { defer, takeDeferred } from './future.ts';
import type { PbftMessage } from './messages.ts';
import { BUILD_TIMER, buildAgain, proposeWhenDue } from './proposing.ts';
import { answerAsk, finishReads, repeatReads, takeAnswer } from './reads.ts';
import { start } from './restart.ts';
import type { PbftEffect, PbftRules, PbftState, Turn } from './state.ts';
import { armViewTimer, takeBuilt, VIEW_TIMER, viewTimedOut } from './timing.ts';
import { answerStatus, armTick, TICK_TIMER, tick } from './transfer.ts';
import { followViewChanges, receiveNewView, receiveViewChange } from './views.ts';

export function step(rules: PbftRules, state: PbftState, event: Event<PbftMessage>, context: Context): readonly PbftEffect[] {
  const turn: Turn = { ...context, rules, council: rules.council, state, decisions: state.decisions, effects: [] };
  handle(turn, event);
  const head = decideProven(turn);
  followViewChanges(turn);
  replay(turn);
  voteWhenReady(turn);
  proposeWhenDue(turn, head);
  voteWhenReady(turn);
  finishReads(turn);
  armViewTimer(turn);
  armTick(turn);
  return turn.effects;
}

function handle(turn: Turn, event: Event<PbftMessage>): void {
  switch (event.type) {
    case 'start':
      return start(turn, event);
    case 'message':
      return receive(turn, event.from, event.message);
    case 'timer':
      return timerFired(turn, event.id);
    case 'block':
      return receiveBlock(turn, event);
    case 'checked':
      return blockChecked(turn, event.hash);
    case 'persisted':
      return countOwnCommit(turn, event.lsn);
    case 'stored':
      return chainStored(turn, event);
    case 'built':
      return takeBuilt(turn, event.request, event.block);
    case 'mempool':
      turn.state.hasWork = event.pending > 0;
      return;
    case 'admin':
      return answerAdmin(turn, event.request, event.command);
    case 'sealed':
      // This engine asks for no proof of work.
      return;
    default:
      return unreachable(event);
  }
}

/** What breaks a rule is held against who sent it, and changes nothing. */
function receive(turn: Turn, from: NodeId, message: PbftMessage): void {
  try {
    if (turn.council.membership.placeOf(from) === undefined) {
      throw new RuleError('members/stranger', `A message of PBFT from ${from}, which is no member.`, { from });
    }
    take(turn, from, message);
  } catch (error) {
    blame(turn, from, error);
  }
}

function take(turn: Turn, from: NodeId, message: PbftMessage): void {
  if (turn.state.place === null && message.type !== 'certificate') return;
  switch (message.type) {
    case 'preprepare':
      return isOfFuture(turn, 'prepare', message.vote) ? defer(turn, from, message) : receiveProposal(turn, message);
    case 'vote':
      return isOfFuture(turn, message.phase, message.vote) ? defer(turn, from, message) : receiveVote(turn, message.phase, message.vote);
    case 'viewChange':
      return receiveViewChange(turn, message.change, message.block);
    case 'newView':
      return receiveNewView(turn, message.newView);
    case 'status':
      return answerStatus(turn, from, message.status);
    case 'certificate':
      return learnCommitted(turn, { ...turn.council.proven(message.certificate), certificate: message.certificate });
    case 'evidence':
      return receiveEvidence(turn, message.evidence);
    case 'ask':
      return answerAsk(turn, from, message);
    case 'answer':
      return takeAnswer(turn, from, message);
    default:
      return unreachable(message);
  }
}

function isOfFuture({ state, rules }: Turn, phase: Phase, vote: Votes): boolean {
  return rules.ballots.ballotOf(phase, vote).view > state.entered.view;
}

/** When a view has begun, what came for it before. */
function replay(turn: Turn): void {
  const { state } = turn;
  if (state.isChanging || state.replayedFor === state.entered.view) return;
  state.replayedFor = state.entered.view;
  for (const { from, message } of takeDeferred(turn)) receive(turn, from, message);
}

function timerFired(turn: Turn, id: string): void {
  switch (id) {
    case VIEW_TIMER:
      return viewTimedOut(turn);
    case BUILD_TIMER:
      return buildAgain(turn);
    case TICK_TIMER:
      tick(turn);
      return repeatReads(turn);
    default:
      // Settling, and reads that may have waited for too long: both are looked at after every event.
      return;
  }
}
