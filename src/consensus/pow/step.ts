/** The engine's dispatch: one event in, the effects out. What each event does is in the file that it is handed to. */
import { unreachable } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { Context, Event } from '../engine.ts';
import { answerAdmin } from './admin.ts';
import { EARLY_TIMER, FETCH_TIMER, receiveBlock, retryEarly, retryFetches } from './arrivals.ts';
import { blockChecked, chooseHead, recoverCandidates } from './forkchoice.ts';
import type { PowMessage } from './messages.ts';
import { keepMining, proofFound, REFRESH_TIMER, refreshTemplate, templateBuilt, transactionsArrived } from './mining.ts';
import type { PowRules } from './rules.ts';
import { beginTurn, type PowEffect, type PowState, type Turn } from './state.ts';

export function step(rules: PowRules, state: PowState, event: Event<PowMessage>, context: Context): readonly PowEffect[] {
  const turn = beginTurn(rules, state, context);
  dispatch(turn, event);
  keepMining(turn);
  return turn.effects;
}

function dispatch(turn: Turn, event: Event<PowMessage>): void {
  switch (event.type) {
    case 'start':
      recoverCandidates(turn);
      return chooseHead(turn);
    case 'block':
      if (event.certificate !== null && event.from !== null) {
        turn.effects.push({ type: 'offence', from: event.from, error: noCertificates() });
      }
      return receiveBlock(turn, event.block, event.origin, event.from);
    case 'checked':
      return blockChecked(turn, event.hash, event.error);
    case 'built':
      return templateBuilt(turn, event.request, event.block);
    case 'sealed':
      return proofFound(turn, event.request, event.header);
    case 'mempool':
      return transactionsArrived(turn);
    case 'timer':
      return timerFired(turn, event.id);
    case 'admin':
      return answerAdmin(turn, event.request, event.command);
    case 'message':
    case 'persisted':
    case 'stored':
      // This engine decodes no message and writes no record.
      return;
    default:
      return unreachable(event);
  }
}

function timerFired(turn: Turn, id: string): void {
  switch (id) {
    case FETCH_TIMER:
      return retryFetches(turn);
    case EARLY_TIMER:
      return retryEarly(turn);
    case REFRESH_TIMER:
      return refreshTemplate(turn);
  }
}

export function noCertificates(): RuleError {
  return new RuleError('pow/certificate', 'Proof-of-work has no finality certificates; its head is final only with some probability.');
}
