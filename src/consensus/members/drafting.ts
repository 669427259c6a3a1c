/**
 * A block that this member makes, from the wish to the reply: when it is due (a timer), that it is asked for once, and that it is
 * asked for again where the ledger could not build it. What becomes of it is the engine's.
 */
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Context, Event, RequestId } from '../engine.ts';
import { fieldsOf } from './building.ts';
import type { DecisionTurn } from './decisions.ts';

export const BUILD_TIMER = 'build';
/** Asked for again at once, what could not be built could not be built again. */
const BUILD_AGAIN_MS = 100;

/** Why it is made. 'work': there may be transactions, and without any it is dropped. 'due': even without. 'probe': only to see. */
export type Reason = 'work' | 'due' | 'probe';

export interface Draft {
  readonly parent: Hash;
  /** The engine's number for the proposal. */
  readonly round: number;
  readonly reason: Reason;
}

export interface Drafts {
  nextRequest: RequestId;
  /** Asked for. `hasFailed`: it could not be built, and will be asked for again when the timer runs out. */
  open: (Draft & { readonly request: RequestId; hasFailed: boolean }) | null;
  /** When the timer will run out for a block that is not due yet; null while it is not set. Monotonic. */
  dueMs: number | null;
}

export interface DraftTurn extends Context, Pick<DecisionTurn, 'council' | 'effects'> {
  readonly beneficiary: Parameters<typeof fieldsOf>[0]['beneficiary'];
}

export function initDrafts(): Drafts {
  return { nextRequest: 1, open: null, dueMs: null };
}

/** Whether a block on this parent, of this round, is asked for already. */
export function isDrafting({ open }: Drafts, { hash }: Pick<HeaderNode, 'hash'>, round: number): boolean {
  return open !== null && open.parent === hash && open.round === round;
}

/** Asks for a block on an executed parent, now or when it is due; `delayMs` null: nothing calls for one. */
export function draftWhenDue(
  turn: DraftTurn,
  drafts: Drafts,
  parent: HeaderNode,
  delayMs: number | null,
  draft: Omit<Draft, 'parent'>,
): void {
  if (delayMs === null || isDrafting(drafts, parent, draft.round)) return;
  if (delayMs > 0) return waitFor(turn, drafts, delayMs);
  drafts.dueMs = null;
  draftNow(turn, drafts, parent, draft);
}

function waitFor({ effects, nowMs }: DraftTurn, drafts: Drafts, delayMs: number): void {
  // Whole milliseconds: a fraction that a timer rounds down would be asked for again without end.
  const wholeMs = Math.ceil(delayMs);
  const dueMs = nowMs + wholeMs;
  if (drafts.dueMs !== null && Math.abs(drafts.dueMs - dueMs) < 1) return;
  drafts.dueMs = dueMs;
  effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs: wholeMs });
}

/** In place of one that is under way. */
export function draftNow(turn: DraftTurn, drafts: Drafts, parent: HeaderNode, { round, reason }: Omit<Draft, 'parent'>): void {
  const { council, beneficiary, wallMs, effects } = turn;
  const request = drafts.nextRequest++;
  drafts.open = { request, parent: parent.hash, round, reason, hasFailed: false };
  const { membership } = council;
  const fields = fieldsOf({ parent, wallMs, beneficiary, membership, round: BigInt(round), payload: new Uint8Array(0) });
  effects.push({ type: 'build', request, parent: parent.hash, fields });
}

/** The build timer: the end of the step looks at the clock. */
export function draftIsDue(drafts: Drafts): void {
  drafts.dueMs = null;
  if (drafts.open?.hasFailed === true) drafts.open = null;
}

/** The reply, if it is wanted still. */
export function takeDraft(
  { effects }: Pick<DraftTurn, 'effects'>,
  drafts: Drafts,
  { request, block }: Pick<Extract<Event<never>, { type: 'built' }>, 'request' | 'block'>,
): { readonly draft: Draft; readonly block: Block } | null {
  const { open } = drafts;
  if (open === null || open.request !== request) return null;
  if (block !== null) {
    drafts.open = null;
    return { draft: open, block };
  }
  open.hasFailed = true;
  drafts.dueMs = null;
  effects.push({ type: 'setTimer', id: BUILD_TIMER, delayMs: BUILD_AGAIN_MS });
  return null;
}

/** It is somebody else's turn now. */
export function dropDraft({ effects }: Pick<DraftTurn, 'effects'>, drafts: Drafts): void {
  drafts.open = null;
  drafts.dueMs = null;
  effects.push({ type: 'cancelTimer', id: BUILD_TIMER });
}
