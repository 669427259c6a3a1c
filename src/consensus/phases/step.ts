/** The phases as a state machine: one event in, effects out. Nearly all events are for the engine at work. */
import { unreachable } from '../../base/assert.ts';
import { RuleError, UsageError } from '../../base/errors.ts';
import type { NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Facts } from '../../chain/tree.ts';
import type { Event } from '../engine.ts';
import { answerAdmin } from './admin.ts';
import { APPROVALS_TIMER, approvalsDue, checkCarried, receiveApproval } from './approvals.ts';
import { askWhetherOver, OVER_TIMER } from './asking.ts';
import { beginWhenReady, endWhenFinal, finishProven, proveBy } from './boundary.ts';
import { ancestorAt, decodeDescent, isDescent } from './descent.ts';
import { type PhaseMessage, untagged } from './messages.ts';
import { verifyHeader } from './rules.ts';
import { give, timerName } from './running.ts';
import { type PhaseEffect, type Turn, trace } from './state.ts';
import type { Phase } from './timeline.ts';

/** A peer is told once in so long that a phase has ended. */
const TELL_EVERY_MS = 500;
/** Blocks of a phase that has not begun here are kept up to so many above its anchor. */
const MAX_AHEAD = 2_048;

export function step(turn: Turn, event: Event<PhaseMessage>): readonly PhaseEffect[] {
  handle(turn, event);
  finishProven(turn);
  return turn.effects;
}

function handle(turn: Turn, event: Event<PhaseMessage>): void {
  const { state } = turn;
  switch (event.type) {
    case 'start':
      return start(turn, event);
    case 'message':
      return receive(turn, event.from, event.message);
    case 'timer':
      return timerFired(turn, event.id);
    case 'persisted':
      // What the phase before wrote is nothing that this one waits for.
      if (state.running !== null && event.lsn > state.running.sinceLsn) give(turn, event);
      return;
    case 'stored':
      endWhenFinal(turn, event.finalized);
      if (state.running === null) return beginWhenReady(turn);
      return give(turn, event);
    case 'built':
      if (state.build?.outer === event.request) give(turn, { ...event, request: state.build.inner });
      return;
    case 'block':
      return receiveBlock(turn, event);
    case 'mempool':
      state.pending = event.pending;
      return give(turn, event);
    case 'admin':
      return answerAdmin(turn, event.request, event.command);
    case 'checked':
      if (state.checking === event.hash) state.checking = null;
      return give(turn, event);
    case 'sealed':
      return give(turn, event);
    default:
      return unreachable(event);
  }
}

function start(turn: Turn, { incarnation, records, lsn }: Extract<Event<never>, { type: 'start' }>): void {
  const { state, network } = turn;
  const { number } = network.timeline.last;
  const read = records.map(untagged);
  state.incarnation = incarnation;
  state.lsn = lsn;
  state.kept = read.filter(({ phase }) => phase >= number);
  state.isLogStale = state.kept.length < read.length;
  beginWhenReady(turn, true);
}

function timerFired(turn: Turn, id: string): void {
  const { running } = turn.state;
  if (running === null) return;
  if (id === APPROVALS_TIMER) return approvalsDue(turn, running.phase);
  if (id === OVER_TIMER) return askWhetherOver(turn, running.phase);
  for (const own of running.timers) {
    if (timerName(running.phase.number, own) !== id) continue;
    running.timers.delete(own);
    return give(turn, { type: 'timer', id: own });
  }
}

/** What breaks a rule is held against who sent it, and changes nothing. */
function receive(turn: Turn, from: NodeId, message: PhaseMessage): void {
  try {
    take(turn, from, message);
  } catch (error) {
    if (error instanceof UsageError) return;
    if (!(error instanceof RuleError)) throw error;
    turn.effects.push({ type: 'offence', from, error });
  }
}

function take(turn: Turn, from: NodeId, message: PhaseMessage): void {
  const { running } = turn.state;
  if (running === null) return void turn.effects.push({ type: 'ignore' });
  const { phase } = running;
  if (message.phase > phase.number) {
    // Its chain is ahead of ours, as its status says: sync brings what is missing.
    turn.effects.push({ type: 'ignore' });
    return;
  }
  if (message.phase < phase.number) return tellEnded(turn, from, message);
  switch (message.type) {
    case 'unread':
      // It came before its phase was known here.
      return void turn.effects.push({ type: 'ignore' });
    case 'inner':
      for (const block of running.engine.carried?.(message.message) ?? []) checkCarried(turn, phase, block);
      return give(turn, { type: 'message', from, message: message.message });
    case 'ended':
      return believeEnd(turn, phase, from, message);
    case 'isOver':
      // Not that this node knew.
      return;
    case 'approval':
      if (receiveApproval(turn, phase, message)) give(turn, { type: 'mempool', pending: Math.max(1, turn.state.pending) });
      return;
    default:
      return unreachable(message);
  }
}

/** Somebody is in a phase that is over: the certificate of its anchor says so, and sync brings the rest. */
function tellEnded(turn: Turn, from: NodeId, { phase, type }: PhaseMessage): void {
  const { network, state, chain, nowMs, effects } = turn;
  effects.push({ type: 'ignore' });
  const anchor = network.timeline.at(phase + 1)?.anchor.hash ?? null;
  const certificate = anchor === null ? undefined : chain.certificate?.(anchor);
  const lastMs = state.toldMs.get(from);
  if (anchor === null || certificate === undefined || type === 'approval' || type === 'ended') return;
  if (lastMs !== undefined && nowMs - lastMs < TELL_EVERY_MS) return;
  state.toldMs.set(from, nowMs);
  effects.push({ type: 'send', to: from, message: { type: 'ended', phase, anchor, certificate } });
  trace(turn, 'toldEnd', { phase });
}

function believeEnd(turn: Turn, phase: Phase, from: NodeId, { anchor, certificate }: Extract<PhaseMessage, { type: 'ended' }>): void {
  const { chain, effects } = turn;
  const block = chain.block(anchor);
  if (block === undefined) return void effects.push({ type: 'fetch', hash: anchor, from });
  takeOwn(turn, phase, { type: 'block', block, origin: 'sync', from, certificate });
}

type Arrival = Extract<Event<never>, { type: 'block' }>;

function receiveBlock(turn: Turn, event: Arrival): void {
  const { network, state, chain, effects, wallMs } = turn;
  const { block, from } = event;
  if (state.running === null) return;
  const { phase } = state.running;
  const parent = chain.get(block.header.parentHash);
  try {
    // Without its parent nobody knows its phase: the engine asks for the parent, or waits for it.
    if (parent === undefined) return takeOwn(turn, phase, event);
    const known = network.timeline.along(parent, chain);
    const next = known && network.timeline.next(known, parent, chain);
    if (next === phase && known === phase) return takeOwn(turn, phase, event);
    const verified = verifyHeader(network.timeline, chain, { sealed: block, parent, ancestors: chain, wallMs });
    if (verified.phase.number === phase.number) return takeOwn(turn, phase, event);
    if (verified.phase.number > phase.number) keepAhead(turn, phase, event, verified.facts, verified.phase);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    if (from !== null) effects.push({ type: 'offence', from, error });
  }
}

/** A block of the phase at work, or one that nobody knows yet. */
function takeOwn(turn: Turn, phase: Phase, event: Arrival): void {
  const { network, chain } = turn;
  const { block, certificate } = event;
  checkCarried(turn, phase, block);
  checkCarrier(phase, network.timeline.endOf(phase), block);
  if (certificate === null || !isDescent(certificate)) return give(turn, event);
  give(turn, { ...event, certificate: null });
  const { descendant, certificate: own } = decodeDescent(certificate);
  const node = chain.get(descendant);
  const anchor = chain.get(hashHeader(block.header));
  if (node === undefined || anchor === undefined || !network.timeline.isAnchor(phase, anchor, chain)) return;
  if (ancestorAt(chain, node, anchor.header.number)?.hash !== anchor.hash) return;
  network.verifyCertificate(descendant, own, chain);
  proveBy(turn, anchor, descendant, own, true);
}

/** Under a finality gadget carriers become heads, so their emptiness is a rule: what they had would be undone. */
function checkCarrier({ engine }: Phase, end: number | null, { header: { number }, transactions }: Block): void {
  if (engine.finality === 'instant' || end === null || number <= end || transactions.length === 0) return;
  const message = `Block ${number} has ${transactions.length} transactions; above ${end} blocks of this phase have none.`;
  throw new RuleError('phases/carrier', message, { number });
}

/** A block of the next phase, which has not begun here: it waits in the chain, and its certificate proves the anchor below it. */
function keepAhead(turn: Turn, phase: Phase, { block, certificate, from }: Arrival, facts: Facts, next: Phase): void {
  const { network, chain, effects } = turn;
  const hash = hashHeader(block.header);
  const { height } = next.anchor;
  if (block.header.number > height + MAX_AHEAD) return;
  if (chain.get(hash) === undefined) effects.push({ type: 'insert', block, facts });
  if (certificate === null || isDescent(certificate) || next.number !== phase.number + 1) return;
  const parent = chain.get(block.header.parentHash);
  const anchor = ancestorAt(chain, parent, height);
  if (anchor === undefined) return;
  const node = { header: block.header, seal: block.seal, hash, facts };
  const view = { get: (of: typeof hash) => (of === hash ? node : chain.get(of)), block: chain.block.bind(chain) };
  try {
    network.verifyCertificate(hash, certificate, view);
    proveBy(turn, anchor, hash, certificate, false);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    if (from !== null) effects.push({ type: 'offence', from, error });
  }
}
