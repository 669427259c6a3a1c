/**
 * The engine at work: events go to it as if it were alone, and what it answers is made fit for a chain with several phases. Its
 * records and messages get the phase's number, its requests and timers names of their own, and beyond the anchor nothing of it shows:
 * - blocks above an anchor (carriers) are empty: an engine may need them to decide the anchor (Raft's leader decides blocks of terms
 *   before only with one of its own; a finality gadget needs the votes in them). They are left behind;
 * - under instant finality no carrier becomes the head, and under none is it finalized: the anchor is, by the same certificate.
 */
import { Lsn } from '../../base/types.ts';
import type { Event } from '../engine.ts';
import { anchorUpTo } from './anchors.ts';
import { payloadFor } from './approvals.ts';
import { askSoonWhetherOver } from './asking.ts';
import { encodeDescent } from './descent.ts';
import { describe } from './describe.ts';
import { tagged } from './messages.ts';
import { type PhaseEffect, type Running, type Turn, trace } from './state.ts';
import { outerFacts } from './timeline.ts';

type InnerEffect = Extract<ReturnType<Running['engine']['step']>, readonly unknown[]>[number];
type Of<Type extends InnerEffect['type']> = Extract<InnerEffect, { readonly type: Type }>;

/** One step of the engine at work; none while there is no such engine. */
export function give(turn: Turn, event: Event<unknown>): void {
  const { running } = turn.state;
  if (running === null) return;
  const { self, nowMs, wallMs, random } = turn;
  const context = { self, nowMs, wallMs, random, chain: running.view };
  for (const effect of running.engine.step(running.state, event, context)) pass(turn, running, effect);
}

function pass(turn: Turn, running: Running, effect: InnerEffect): void {
  const { effects } = turn;
  const { number } = running.phase;
  switch (effect.type) {
    case 'persist':
      return persist(turn, running, effect);
    case 'send':
      effects.push({ ...effect, message: { type: 'inner', phase: number, message: effect.message } });
      return;
    case 'setTimer':
      running.timers.add(effect.id);
      effects.push({ ...effect, id: timerName(number, effect.id) });
      return;
    case 'cancelTimer':
      running.timers.delete(effect.id);
      effects.push({ ...effect, id: timerName(number, effect.id) });
      return;
    case 'build':
      return build(turn, running, effect);
    case 'insert':
      askSoonWhetherOver(turn, running.phase, effect.block);
      effects.push({ ...effect, facts: outerFacts(number, effect.facts) });
      return;
    case 'setHead':
      return setHead(turn, running, effect);
    case 'finalize':
      return finalize(turn, running, effect);
    case 'reply':
      return reply(turn, running, effect);
    default:
      effects.push(effect);
  }
}

export function timerName(phase: number, id: string): string {
  return phase === 0 ? id : `${phase}/${id}`;
}

/** What the phase before wrote is of no use once this one has written something. */
function persist({ state, effects }: Turn, { phase, sinceLsn }: Running, effect: Of<'persist'>): void {
  const { truncateBelow: wanted = Lsn(0), ...rest } = effect;
  state.lsn = effect.lsn;
  const records = effect.records.map((record) => tagged(phase.number, record));
  const below = state.isLogStale ? Lsn(Math.max(wanted, sinceLsn + 1)) : wanted;
  // Records of a phase to come stand before these.
  const isTruncated = state.kept.length === 0 && below > 0;
  effects.push({ ...rest, records, ...(isTruncated && { truncateBelow: below }) });
  state.isLogStale &&= !isTruncated;
}

function build(turn: Turn, { phase }: Running, { request, parent, fields }: Of<'build'>): void {
  const { state, effects } = turn;
  const outer = state.nextRequest++;
  state.build = { outer, inner: request };
  const isCarrier = anchorUpTo(turn, phase, parent) !== null;
  const payload = isCarrier || fields.payload.length > 0 ? null : payloadFor(turn, phase, parent);
  effects.push({
    type: 'build',
    request: outer,
    parent,
    fields: { ...fields, ...(isCarrier && { isEmpty: true }), ...(payload !== null && { payload }) },
  });
}

function setHead(turn: Turn, { phase }: Running, effect: Of<'setHead'>): void {
  const { chain, effects } = turn;
  const anchor = phase.engine.finality === 'instant' ? anchorUpTo(turn, phase, effect.hash) : null;
  if (anchor === null) effects.push(effect);
  else if (chain.head.hash !== anchor.hash) effects.push({ ...effect, hash: anchor.hash });
}

function finalize(turn: Turn, { phase }: Running, effect: Of<'finalize'>): void {
  const { chain, state, effects } = turn;
  const final = anchorUpTo(turn, phase, effect.hash) ?? chain.get(effect.hash);
  if (final === undefined || final.header.number <= state.finalHeight) return;
  state.finalHeight = final.header.number;
  const certificate = final.hash === effect.hash ? effect.certificate : encodeDescent(effect.hash, effect.certificate);
  effects.push({ ...effect, hash: final.hash, certificate });
  if (final.hash !== effect.hash) trace(turn, 'provenByCarrier', { height: final.header.number });
}

function reply({ network, state, effects }: Turn, running: Running, effect: Of<'reply'>): void {
  const { request, result } = effect;
  const isStatus = running.asked.get(request) === 'status';
  running.asked.delete(request);
  const isObject = typeof result === 'object' && result !== null && !(result instanceof Error) && !Array.isArray(result);
  const whole: Extract<PhaseEffect, { type: 'reply' }>['result'] =
    isStatus && isObject ? { ...result, ...describe(network, state) } : result;
  effects.push({ ...effect, result: whole });
}
