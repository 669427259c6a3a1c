/** PBFT as a state machine: one event in, effects out. What each does is in the file that is named for it. */
import { unreachable } from '../../base/assert.ts';
import type { NodeId } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { answerAdmin } from '../members/admin.ts';
import { blame } from '../members/decisions.ts';
import { dispatch, type Handlers } from '../members/dispatch.ts';
import { BUILD_TIMER, draftIsDue } from '../members/drafting.ts';
import { finishReads, READ_TIMER, retryReads } from '../members/reads.ts';
import type { Votes } from '../votes.ts';
import { commandsOf } from './admin.ts';
import { countOwnCommit, decideProven, learnCommitted, receiveProposal, receiveVote, voteWhenReady } from './agreement.ts';
import type { Phase } from './ballots.ts';
import { chainStored } from './checkpoints.ts';
import { receiveEvidence } from './evidence.ts';
import { defer, takeDeferred } from './future.ts';
import type { PbftMessage } from './messages.ts';
import { proposeWhenDue } from './proposing.ts';
import { answerAsk, readPolicy, takeAnswer } from './reads.ts';
import { start } from './restart.ts';
import type { PbftEffect, Turn } from './state.ts';
import { armViewTimer, takeBuilt, VIEW_TIMER, viewTimedOut } from './timing.ts';
import { answerStatus, armTick, TICK_TIMER, tick } from './transfer.ts';
import { followViewChanges, receiveNewView, receiveViewChange } from './views.ts';

export function step(turn: Turn, event: Event<PbftMessage>): readonly PbftEffect[] {
  dispatch(turn, event, HANDLERS);
  const head = decideProven(turn);
  followViewChanges(turn);
  replay(turn);
  voteWhenReady(turn);
  proposeWhenDue(turn, head);
  voteWhenReady(turn);
  finishReads(turn, turn.state.reads, turn.state.storedHeight);
  armViewTimer(turn);
  armTick(turn);
  return turn.effects;
}

const HANDLERS: Handlers<Turn, PbftMessage> = {
  start,
  message: take,
  timers: {
    [VIEW_TIMER]: viewTimedOut,
    [TICK_TIMER]: tick,
    [BUILD_TIMER]: ({ state }) => draftIsDue(state.drafts),
    [READ_TIMER]: (turn) => retryReads(turn, turn.state.reads, readPolicy(turn)),
  },
  persisted: countOwnCommit,
  stored: chainStored,
  built: takeBuilt,
  mempool({ state }, pending) {
    state.hasWork = pending > 0;
  },
  admin: (turn, event) => answerAdmin(turn, event, commandsOf(turn)),
};

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
  for (const { from, message } of takeDeferred(turn)) {
    try {
      take(turn, from, message);
    } catch (error) {
      blame(turn, from, error);
    }
  }
}
