/** The primary's part (section 4.2): when it makes a block, and which. */
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { buildDelayMs, fieldsOf } from '../members/building.ts';
import { isMissing } from './agreement.ts';
import { activeHeight, highWaterMark, primaryOf, roundAt, type Turn, trace } from './state.ts';

export const BUILD_TIMER = 'build';
/** Where the ledger could not build, it is asked again after so long. */
const BUILD_AGAIN_MS = 500;
/** Instead of a request that is open. */
const FAILED = 0;

/** At the end of every step. */
export function proposeWhenDue(turn: Turn, head: HeaderNode): void {
  const { state, chain } = turn;
  const { entered } = state;
  const height = activeHeight(state);
  if (state.place === null || state.isChanging || primaryOf(turn, entered.view) !== state.place || isMissing(turn)) return;
  // Its own head may be newer than what it can prove; the others will tell.
  if (head.header.number >= height || height > highWaterMark(turn) || state.rounds.get(height)?.proposal) return;
  const { prepare } = state.signed;
  if (prepare?.view === entered.view && prepare.height >= height) return;
  if (entered.carried !== null && height === entered.base + 1) {
    const block = entered.block ?? chain.block(entered.carried);
    if (block !== undefined) propose(turn, block);
    return;
  }
  if (state.building?.view === entered.view && state.building.height === height) return;
  const delayMs = proposalDelayMs(turn);
  if (delayMs === 0) return build(turn, head, false);
  const wanted = `${entered.view}/${height}/${state.hasWork}`;
  if (delayMs === null || state.buildFor === wanted) return;
  state.buildFor = wanted;
  turn.effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs });
}

/** Until the next block is due; null when nothing calls for one. A new view shows at once that it works: a null request. */
export function proposalDelayMs({ state, rules, nowMs }: Turn): number | null {
  if (state.isOwed) return 0;
  const delayMs = buildDelayMs(rules.settings, { hasWork: state.hasWork, sinceMs: Math.max(0, nowMs - state.lastBlockMs) });
  return delayMs === null ? null : Math.ceil(delayMs);
}

/** `isProbe`: to see whether there is anything that a block could be made of. */
export function build(turn: Turn, parent: HeaderNode, isProbe: boolean): void {
  const { state, council, effects, wallMs } = turn;
  const { view } = state.entered;
  const request = state.nextRequest++;
  state.building = { request, view, height: parent.header.number + 1, isProbe };
  const { beneficiary } = state.node;
  const fields = fieldsOf({ parent, wallMs, beneficiary, membership: council.membership, round: BigInt(view), payload: new Uint8Array(0) });
  effects.push({ type: 'build', request, parent: parent.hash, fields });
}

/** The timer: what was not due, or could not be built. */
export function buildAgain({ state }: Turn): void {
  state.buildFor = null;
  if (state.building?.request === FAILED) state.building = null;
}

/** The reply. True when this was a probe that found work which the primary leaves undone. */
export function blockBuilt(turn: Turn, request: number, block: Block | null): boolean {
  const { state, rules, nowMs, effects } = turn;
  const { building } = state;
  if (building?.request !== request) return false;
  if (block === null) {
    state.building = { ...building, request: FAILED };
    effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs: BUILD_AGAIN_MS });
    return false;
  }
  state.building = null;
  const isEmpty = block.transactions.length === 0;
  if (isEmpty) state.hasWork = false;
  if (state.isChanging || building.view !== state.entered.view || building.height !== activeHeight(state)) return false;
  const round = state.rounds.get(building.height);
  if (building.isProbe) return !isEmpty && !round?.proposal;
  const { emptyBlockMs } = rules.settings;
  const isEmptyWanted = state.isOwed || (emptyBlockMs > 0 && nowMs - state.lastBlockMs >= emptyBlockMs);
  if (isEmpty && !isEmptyWanted) return false;
  if (isEmpty && state.isOwed) trace(turn, 'nullRequest', { view: building.view, height: building.height });
  propose(turn, block);
  return false;
}

/** It is voted for, and sent, once it is executed (`agreement.ts`). */
function propose({ state }: Turn, block: Block): void {
  const { number } = block.header;
  roundAt(state, number).proposal ??= { block, hash: hashHeader(block.header), vote: null };
}
