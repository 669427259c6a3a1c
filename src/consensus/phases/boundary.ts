/** Where a phase ends and the next begins. */
import { present } from '../../base/assert.ts';
import { UsageError } from '../../base/errors.ts';
import { type Hash, Lsn } from '../../base/types.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { forgetApprovals } from './approvals.ts';
import { askSoon } from './asking.ts';
import { encodeDescent } from './descent.ts';
import { tagged } from './messages.ts';
import { give, timerName } from './running.ts';
import { type Running, type Turn, trace } from './state.ts';
import { type Phase, phaseOf } from './timeline.ts';
import { PhaseView, seenBy } from './view.ts';

/** After `stored`: the phase is over once its anchor is final on disk. */
export function endWhenFinal(turn: Turn, finalized: Hash): void {
  const { network, state, chain } = turn;
  const { timeline } = network;
  const { running } = state;
  const node = chain.get(finalized);
  if (running === null || node === undefined || !timeline.isAnchor(running.phase, node, chain)) return;
  const next = timeline.settle(node, chain);
  stop(turn, running, next);
}

function stop(turn: Turn, { phase, timers, asked }: Running, next: Phase): void {
  const { state, effects } = turn;
  for (const id of timers) effects.push({ type: 'cancelTimer', id: timerName(phase.number, id) });
  for (const request of asked.keys()) {
    const message = `The chain went on from ${phase.settings.name} to ${next.settings.name} before this was answered; ask again.`;
    effects.push({ type: 'reply', request, result: new UsageError('phases/changed', message) });
  }
  state.running = null;
  state.build = null;
  state.checking = null;
  state.isLogStale = true;
  forgetApprovals(turn, next);
  trace(turn, 'phase', { phase: next.number, engine: next.settings.name, height: next.anchor.height });
}

/** Starts the newest phase once the head is at its anchor, or above it already (after a restart). */
export function beginWhenReady(turn: Turn, isBoot = false): void {
  const { network, state, chain, effects } = turn;
  if (state.running !== null) return;
  const phase = network.timeline.last;
  const anchor = present(phase.anchor.hash, 'a settled anchor');
  const isThere = chain.head.hash === anchor || phaseOf(chain.head) === phase.number;
  if (!isThere) {
    effects.push({ type: 'setHead', hash: anchor });
    return;
  }
  begin(turn, phase, isBoot);
}

function begin(turn: Turn, phase: Phase, isBoot: boolean): void {
  const { state, chain } = turn;
  const records = takeKept(turn, phase, isBoot);
  const view = phase.number === 0 ? chain : new PhaseView(chain, phase, seenBy(phase));
  const { engine, inner } = initialized(turn, phase, view);
  state.running = { phase, engine, state: inner, view, sinceLsn: state.lsn, timers: new Set(), asked: new Map() };
  give(turn, { type: 'start', incarnation: state.incarnation, records, lsn: state.lsn });
  const { proof, pending } = state;
  state.proof = null;
  const beyond = proof?.beyond ?? null;
  const block = beyond && chain.block(beyond.hash);
  if (beyond && block) give(turn, { type: 'block', block, origin: 'sync', from: null, certificate: beyond.certificate });
  if (pending > 0) give(turn, { type: 'mempool', pending });
  // What came while the phase before was at work may end this one already.
  if (chain.maxHeight > phase.anchor.height) askSoon(turn);
}

/**
 * What the log has of this phase. It is written again where the phase is not the one that the log ends with: the engine counts its
 * records up to the last that was written.
 */
function takeKept({ state, effects }: Turn, { number }: Phase, isBoot: boolean): readonly Uint8Array[] {
  const own = state.kept.filter(({ phase }) => phase === number).map(({ body }) => body);
  state.kept = state.kept.filter(({ phase }) => phase > number);
  if (isBoot || own.length === 0) return own;
  const first = Lsn(state.lsn + 1);
  state.lsn = Lsn(state.lsn + own.length);
  const records = own.map((body) => tagged(number, body));
  effects.push({ type: 'persist', lsn: state.lsn, records, ...(state.kept.length === 0 && { truncateBelow: first }) });
  state.isLogStale = state.kept.length > 0;
  return own;
}

/** A node whose log is of a later phase has lost its chain: it has had its say in this one, and only follows. */
function initialized(turn: Turn, phase: Phase, view: Running['view']): { readonly engine: Running['engine']; readonly inner: unknown } {
  const { network, state, self, nowMs, wallMs, random } = turn;
  const context = { self, nowMs, wallMs, random, chain: view };
  const follow = () => {
    const engine = network.timeline.follower(phase);
    return { engine, inner: engine.init(context) };
  };
  if (state.kept.length > 0) return follow();
  try {
    return { engine: phase.engine, inner: phase.engine.init(context) };
  } catch (error) {
    // Its key is another's. When it was started that was a mistake to be told at once; now the chain goes on without its vote.
    if (!(error instanceof UsageError) || phase.number === 0) throw error;
    trace(turn, 'refused', { code: error.code });
    return follow();
  }
}

/** The anchor is proven by what comes after it. Once it is executed, it is made final: then its phase is over. */
export function finishProven(turn: Turn): void {
  const { state, chain, effects } = turn;
  const { proof } = state;
  const anchor = proof && chain.get(proof.anchor);
  if (state.running === null || !proof || !anchor || anchor.header.number <= state.finalHeight) return;
  if (chain.status(anchor.hash) !== 'executed') return execute(turn, anchor);
  state.finalHeight = anchor.header.number;
  if (chain.canonical(anchor.header.number) !== anchor.hash) effects.push({ type: 'setHead', hash: anchor.hash });
  effects.push({ type: 'finalize', hash: anchor.hash, certificate: proof.certificate });
  trace(turn, 'provenBeyond', { height: anchor.header.number, isCarrier: proof.beyond === null });
}

function execute({ state, chain, effects }: Turn, anchor: HeaderNode): void {
  let lowest = anchor;
  for (
    let at: HeaderNode | undefined = anchor;
    at !== undefined && chain.status(at.hash) !== 'executed';
    at = chain.get(at.header.parentHash)
  ) {
    if (chain.status(at.hash) === 'invalid') return;
    lowest = at;
  }
  if (state.checking === lowest.hash) return;
  state.checking = lowest.hash;
  effects.push({ type: 'check', hash: lowest.hash });
}

/** A certificate of a block above: whose ancestor at the end of the phase is the anchor. */
export function proveBy(turn: Turn, anchor: HeaderNode, hash: Hash, certificate: Uint8Array, isCarrier: boolean): void {
  if (turn.state.proof !== null || anchor.header.number <= turn.state.finalHeight) return;
  turn.state.proof = {
    anchor: anchor.hash,
    certificate: encodeDescent(hash, certificate),
    beyond: isCarrier ? null : { hash, certificate },
  };
}

/** Throws UsageError `phases/past` where the chain went on without a transition that the genesis file has by now. */
export function checkNotPast({ network, chain }: Pick<Turn, 'network' | 'chain'>): void {
  const { last } = network.timeline;
  const end = network.timeline.endOf(last);
  const { number } = chain.finalized.header;
  if (end === null || number <= end) return;
  const message = `The genesis file changes the engine above block ${end}, and block ${number} is final in this datadir under ${last.settings.name}. Take a height that has not come yet, the same on all nodes.`;
  throw new UsageError('phases/past', message, { height: end, finalized: number });
}
