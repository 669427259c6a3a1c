/**
 * How a change comes about: an operator gives a member the command, the member signs its approval and tells the others; once there
 * are enough, whoever's turn it is puts the change into the next block. All of it is in memory: what is lost in a crash is approved
 * of once more by the operator, who was not told that it has come about.
 */
import { toHex } from '../../base/bytes.ts';
import { DecodeError, RuleError, UsageError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { EngineSettings } from '../../chain/params.ts';
import type { RequestId } from '../engine.ts';
import type { Membership } from '../members/membership.ts';
import type { Electorate, Votes } from '../votes.ts';
import { anchorUpTo } from './anchors.ts';
import {
  type ApprovedChange,
  approversOf,
  decodeChange,
  encodeChange,
  isChange,
  membershipOf,
  notApproved,
  statementOf,
} from './change.ts';
import type { PhaseMessage } from './messages.ts';
import { type Network, type OpenChange, type Turn, trace } from './state.ts';
import type { Phase } from './timeline.ts';

export const APPROVALS_TIMER = 'phases/approvals';
/** What may have been lost is said again. */
const AGAIN_MS = 1_000;
/** An operator waits so long for the change to come about. */
const WAIT_MS = 20_000;

interface Approvers {
  readonly membership: Membership;
  readonly electorate: Electorate;
}

const known = new WeakMap<Phase, Approvers>();

/** Those who may change the engine of this phase. Throws UsageError `phases/not-permissioned` where nobody may. */
export function approvers({ params, signatures }: Pick<Network, 'params' | 'signatures'>, phase: Phase): Approvers {
  const { engine, settings } = phase;
  if (engine.finality !== 'instant' || !('members' in settings.settings)) {
    const message = `Nobody is asked for leave under ${settings.name}; give its end as a transition in the genesis file, the same on all nodes.`;
    throw new UsageError('phases/not-permissioned', message);
  }
  const found = known.get(phase);
  if (found !== undefined) return found;
  const membership = membershipOf(settings, engine.faults, signatures);
  const made = { membership, electorate: approversOf(params, membership, signatures) };
  known.set(phase, made);
  return made;
}

/** What a block of this phase carries. Throws RuleError: `phases/change-encoding`, `-phase`, `-unapproved`, `-settings`. */
export function checkChange(network: Network, phase: Phase, payload: Uint8Array): ApprovedChange {
  const { electorate, membership } = approvers(network, phase);
  const change = decodeChange(electorate, payload);
  if (change.phase !== phase.number) {
    const message = `A block carries a change that ends phase ${change.phase}; this is phase ${phase.number}.`;
    throw new RuleError('phases/change-phase', message);
  }
  const needed = membership.faults === 'crash' ? 1 : membership.quorum;
  if (toHex(change.votes.statement) !== toHex(statementOf(change))) throw notApproved('the approvals are for something else');
  if (change.votes.members.length < needed || !electorate.isSigned(change.votes)) throw notApproved(`${needed} have to sign it`);
  try {
    checkNext(network, phase, change.engine);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new RuleError(
      'phases/change-settings',
      `A block carries a change to settings that make no sense: ${error.message}`,
      {},
      { cause: error },
    );
  }
  return change;
}

/** Throws UsageError for settings with which the chain cannot go on. Answers who will decide. */
export function checkNext(
  { timeline, signatures }: Pick<Network, 'timeline' | 'signatures'>,
  phase: Phase,
  engine: EngineSettings,
): Membership {
  const next = timeline.trial(phase.number + 1, engine);
  if (next.finality === 'instant' && 'members' in engine.settings) return membershipOf(engine, next.faults, signatures);
  const message = `Members can agree on engines with members; ${engine.name} has none, and is for the genesis file.`;
  throw new UsageError('phases/engine', message);
}

/** Throws RuleError for a block that may not carry what it carries. */
export function checkCarried(turn: Turn, phase: Phase, { header, payload }: Block): void {
  const { network, chain } = turn;
  // Members show each other blocks of the phases before, too.
  if (!isChange(payload) || header.number <= phase.anchor.height) return;
  const change = network.readChange(phase, payload);
  if (change instanceof RuleError) throw change;
  const { number, parentHash } = header;
  const isAbove = chain.get(parentHash) !== undefined && anchorUpTo(turn, phase, parentHash) !== null;
  if (!isAbove && number !== network.timeline.endOf(phase)) return;
  const message = `Block ${number} carries a change of engine, and the phase ends at it or before it anyway.`;
  throw new RuleError('phases/second-change', message, { number });
}

/** What a block on this parent should carry; null for nothing. */
export function payloadFor({ network, state, chain }: Turn, phase: Phase, parent: Hash): Uint8Array | null {
  const ready = [...state.approvals.open.values()].find(({ approved }) => approved !== null);
  const number = (chain.get(parent)?.header.number ?? 0) + 1;
  // The block at a transition's height ends the phase by itself.
  if (ready === undefined || ready.approved === null || number === network.timeline.endOf(phase)) return null;
  const { engine, approved: votes } = ready;
  return encodeChange(approvers(network, phase).electorate, { phase: phase.number, engine, votes });
}

/** This node's own approval, counted here and told to the others. Throws UsageError. */
export function approve(turn: Turn, phase: Phase, engine: EngineSettings): OpenChange {
  const { network, self } = turn;
  const { membership, electorate } = approvers(network, phase);
  const place = membership.placeOf(self) ?? Number.NaN;
  const signer = network.node.signers.find(({ publicKey }) => publicKey === membership.members[place]?.publicKey);
  if (signer === undefined) {
    throw new UsageError('phases/not-a-member', 'This node is no member; give the command to one that is.');
  }
  const statement = statementOf({ phase: phase.number, engine });
  const vote = electorate.vote(place, signer, statement);
  const change = count(turn, electorate, engine, vote);
  tell(turn, membership, approvalOf(phase, engine, electorate.encode(vote)));
  remind(turn);
  return change;
}

function count({ state }: Pick<Turn, 'state'>, electorate: Electorate, engine: EngineSettings, vote: Votes): OpenChange {
  const { open } = state.approvals;
  const statement = toHex(vote.statement);
  // A member approves of one change at a time.
  for (const [other, { votes }] of open.entries()) if (other !== statement) for (const place of vote.members) votes.delete(place);
  const change = open.get(statement) ?? { engine, votes: new Map<number, Votes>(), approved: null };
  open.set(statement, change);
  change.approved ??= vote.members.length > 1 ? vote : electorate.count(change.votes, vote);
  return change;
}

/** An approval from another member, or several of them added up. Throws RuleError. Answers whether a change is approved by now. */
export function receiveApproval(turn: Turn, phase: Phase, message: Extract<PhaseMessage, { type: 'approval' }>): boolean {
  const { network, state } = turn;
  const { electorate } = approvers(network, phase);
  const { engine } = message;
  const votes = electorate.decode(message.vote);
  const statement = toHex(votes.statement);
  if (statement !== toHex(statementOf({ phase: phase.number, engine }))) throw notApproved('the approvals are for something else');
  const before = state.approvals.open.get(statement);
  if (before?.approved || votes.members.every((place) => before?.votes.has(place))) return false;
  if (!electorate.isSigned(votes)) throw new DecodeError('phases/approval', 'An approval that its member did not sign.');
  checkNext(network, phase, engine);
  if (votes.members.length > 1 && electorate.certificate(message.vote) === null) return false;
  const change = count(turn, electorate, engine, votes);
  trace(turn, 'approval', { engine: engine.name, isApproved: change.approved !== null });
  remind(turn);
  return change.approved !== null;
}

/** The timer: says again what may have been lost, and ends the waiting of operators. */
export function approvalsDue(turn: Turn, phase: Phase): void {
  const { network, state, nowMs, effects } = turn;
  const { approvals } = state;
  approvals.isTimed = false;
  const late = approvals.waiting.filter(({ untilMs }) => untilMs <= nowMs);
  approvals.waiting = approvals.waiting.filter(({ untilMs }) => untilMs > nowMs);
  for (const { request } of late) {
    const message = `The change is approved, and not final after ${WAIT_MS} ms; it goes on. See the status for when it comes about.`;
    effects.push({ type: 'reply', request, result: new UsageError('phases/not-yet', message) });
  }
  if (approvals.open.size === 0) return;
  const { membership, electorate } = approvers(network, phase);
  const place = membership.placeOf(turn.self) ?? Number.NaN;
  for (const { engine, votes, approved } of approvals.open.values()) {
    const vote = approved ?? votes.get(place);
    if (vote !== undefined) tell(turn, membership, approvalOf(phase, engine, electorate.encode(vote)));
  }
  remind(turn);
}

/** The operator is told when a phase begins that this change may have brought about. */
export function waitFor({ state, nowMs }: Turn, request: RequestId): void {
  state.approvals.waiting = [...state.approvals.waiting, { request, untilMs: nowMs + WAIT_MS }];
}

/** A phase is over, by whatever: approvals of it mean nothing any more. */
export function forgetApprovals({ state, effects }: Turn, next: Phase): void {
  const { approvals } = state;
  const result = { phase: next.number, engine: next.settings.name, above: next.anchor.height };
  for (const { request } of approvals.waiting) effects.push({ type: 'reply', request, result });
  approvals.waiting = [];
  approvals.open.clear();
}

function approvalOf(phase: Phase, engine: EngineSettings, vote: Uint8Array): PhaseMessage {
  return { type: 'approval', phase: phase.number, engine, vote };
}

function tell({ self, effects }: Turn, membership: Membership, message: PhaseMessage): void {
  for (const to of membership.others(self)) effects.push({ type: 'send', to, message });
}

function remind({ state, effects }: Turn): void {
  if (state.approvals.isTimed) return;
  state.approvals.isTimed = true;
  effects.push({ type: 'setTimer', id: APPROVALS_TIMER, delayMs: AGAIN_MS });
}
