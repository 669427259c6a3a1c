/**
 * What a member lacks (TM-590, section 5.2: status messages). Messages get lost, and nodes restart. Whoever waits for
 * something says from time to time where it stands, and the others send what it lacks, each its own part. Blocks that were
 * decided come by sync, for which a certificate is enough to begin.
 */
import type { NodeId } from '../../base/types.ts';
import { toOthers } from '../members/decisions.ts';
import { isMissing } from './agreement.ts';
import { PHASES } from './ballots.ts';
import type { PbftMessage, Status } from './messages.ts';
import { activeHeight, primaryOf, type Turn } from './state.ts';
import { isUnderWay } from './timing.ts';

export const TICK_TIMER = 'tick';
/** Of a view time-out: two chances to be heard before a view is given up. */
const TICKS_PER_TIMEOUT = 2;

function tickMs({ rules }: Turn): number {
  return Math.ceil(rules.settings.viewTimeoutMs / TICKS_PER_TIMEOUT);
}

/** At the end of every step. */
export function armTick(turn: Turn): void {
  const { state, effects } = turn;
  if (state.tickFor !== null || !isWaiting(turn)) return;
  state.tickFor = standing(turn);
  effects.push({ type: 'setTimer', id: TICK_TIMER, delayMs: tickMs(turn) });
}

function isWaiting(turn: Turn): boolean {
  const { state } = turn;
  if (state.place === null) return false;
  return state.isChanging || state.isCurious || isUnderWay(turn) || isMissing(turn);
}

function standing(turn: Turn): string {
  return JSON.stringify([statusOf(turn), turn.state.best?.height ?? 0]);
}

/** The timer: asks, unless there was progress. */
export function tick(turn: Turn): void {
  const { state, chain, effects } = turn;
  const before = state.tickFor;
  state.tickFor = null;
  const isStill = before === standing(turn) || state.isCurious;
  if (!isWaiting(turn) || !isStill) return;
  state.isCurious = false;
  toOthers<PbftMessage>(turn, { type: 'status', status: statusOf(turn) });
  const { best } = state;
  if (best !== null && best.height >= activeHeight(state) && chain.get(best.hash) === undefined) {
    effects.push({ type: 'fetch', hash: best.hash, from: null });
  }
}

/** At a start: whatever happened meanwhile, others know. */
export function tellStatus(turn: Turn): void {
  if (turn.state.place !== null) toOthers<PbftMessage>(turn, { type: 'status', status: statusOf(turn) });
}

function statusOf({ state }: Turn): Status {
  const height = activeHeight(state) - 1;
  const round = state.rounds.get(height + 1);
  const progress = !round?.proposal ? 'nothing' : round.certificate === null ? 'proposal' : 'prepared';
  return { view: state.view, isChanging: state.isChanging, height, progress };
}

/** Sends what this member has and the other lacks. Each is answered now and then only, whatever it asks. */
export function answerStatus(turn: Turn, from: NodeId, status: Status): void {
  const { state, effects, nowMs } = turn;
  const { entered, place } = state;
  const last = state.answeredMs.get(from);
  if (place === null || (last !== undefined && nowMs - last < tickMs(turn) / 2)) return;
  state.answeredMs.set(from, nowMs);
  const send = (message: PbftMessage) => void effects.push({ type: 'send', to: from, message, after: state.lsn });
  const height = state.best?.height ?? state.base;
  if (status.height > height || status.view > Math.max(state.view, knownView(turn, from))) state.isCurious = true;
  if (status.height < height && state.best !== null) send({ type: 'certificate', certificate: state.best.certificate });
  const lacksView = status.view < entered.view || (status.view === entered.view && status.isChanging);
  if (lacksView && entered.newView !== null) send({ type: 'newView', newView: entered.newView });
  const own = state.changes.get(place);
  if (state.isChanging && own !== undefined && status.view <= state.view)
    send({ type: 'viewChange', change: own.change, block: own.block });
  if (!status.isChanging && status.view === entered.view && status.height === height) sendRound(turn, status, send);
}

function knownView({ state, council }: Turn, from: NodeId): number {
  return state.changes.get(council.membership.placeOf(from) ?? -1)?.view ?? 0;
}

function sendRound(turn: Turn, { progress }: Status, send: (message: PbftMessage) => void): void {
  const { state } = turn;
  const { place, entered } = state;
  const round = state.rounds.get(activeHeight(state));
  if (place === null || round === undefined) {
    if (progress !== 'nothing') state.isCurious = true;
    return;
  }
  const { proposal } = round;
  const isPrimary = primaryOf(turn, entered.view) === place;
  if (progress === 'nothing' && isPrimary && proposal !== null && proposal.vote !== null) {
    send({ type: 'preprepare', block: proposal.block, vote: proposal.vote });
  }
  for (const phase of PHASES) {
    const vote = round.votes[phase].get(place);
    if (vote !== undefined && !(phase === 'prepare' && progress === 'prepared')) send({ type: 'vote', phase, vote });
  }
}
