/**
 * From "this block is decided" to the head, and to finality. How members come to decide is the engine's; this is what all of
 * them do then: a decided block becomes the head as soon as it, and all before it, are executed, and final as soon as a
 * certificate is here that proves it. Certificates prove ancestors too, so not every height needs its own.
 *
 * Where the certificate comes from is the engine's too: from the protocol's own signed messages (PBFT's commits), or from
 * what members sign of decided blocks afterwards (`attestations.ts`).
 */
import { present } from '../../base/assert.ts';
import { BoundedMap } from '../../base/bounded.ts';
import { InternalError, RuleError } from '../../base/errors.ts';
import type { Hash, Lsn, NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Certificate, Context, Effect, Event } from '../engine.ts';
import { intake, nextChecks } from '../intake.ts';
import { type Council, type Decision, factsOf } from './council.ts';

/** A timer that asks for nothing but `settle`. */
export const SETTLE_TIMER = 'settle';

/** Certificates that are kept for blocks on their way. The newest push out the oldest. */
const MAX_PROOFS = 64;
/** Unchecked ones: so many blocks sync delivers ahead of their execution. */
const MAX_CLAIMS = 64;

export interface Proof extends Decision {
  readonly certificate: Certificate;
}

export interface Decisions {
  /** A block above the head that the protocol decided: the newest that is here, or else the newest; null when there is none. */
  goal: Decision | null;
  /** Blocks from the head (excluded) to the goal, oldest first, as far as they are here. */
  path: Hash[];
  /** Being executed. */
  readonly checking: Set<Hash>;
  /** Certificates for blocks that are not final here yet, by height. The highest one may be of a block that is not here. */
  readonly proofs: BoundedMap<number, Proof>;
  /** The one for what is final here, to show to others; null after a start. */
  shown: Proof | null;
  /** Certificates that came with blocks of sync and were not looked at yet: see `weigh`. */
  readonly claims: Claim[];
}

/** That this block is proven by the certificate with which it came. */
interface Claim extends Decision {
  readonly certificate: Certificate;
  readonly from: NodeId | null;
}

/** What is to be done; engines whose messages are others as well give their own list. */
export interface EffectSink<Message> {
  push(...effects: Effect<Message>[]): unknown;
}

export interface DecisionTurn extends Context {
  readonly council: Council;
  readonly decisions: Decisions;
  readonly effects: EffectSink<never>;
}

export function initDecisions(): Decisions {
  return { goal: null, path: [], checking: new Set(), proofs: new BoundedMap(MAX_PROOFS), shown: null, claims: [] };
}

/**
 * The protocol has decided this block. It may not be here yet. Call `settle` at the end of the step. A goal that is here is
 * not given up for one that is not: where blocks are made more quickly than they arrive, the newest never is.
 */
export function decide({ decisions, chain }: DecisionTurn, decision: Decision): void {
  const { goal } = decisions;
  if (decision.height <= chain.head.header.number) return;
  const isHere = nodeOf(chain, decision) !== undefined;
  const isGoalHere = goal !== null && nodeOf(chain, goal) !== undefined;
  const isBetter = isHere === isGoalHere ? decision.height > (goal?.height ?? 0) : isHere;
  if (goal === null || isBetter) decisions.goal = decision;
}

/** Above all that is stored nothing is looked up: every step asks, and where blocks come late each answer would be a read of the disk. */
function nodeOf(chain: DecisionTurn['chain'], { height, hash }: Decision): HeaderNode | undefined {
  return height > chain.maxHeight ? undefined : chain.get(hash);
}

/**
 * At the end of every step: what is decided and executed becomes the head, what is proven becomes final. No record has to
 * be durable first: a decision that a crash makes this node forget, the others remember. Returns the head after this step.
 */
export function settle(turn: DecisionTurn): HeaderNode {
  const { decisions, chain } = turn;
  const best = bestProof(turn);
  if (best !== null) decide(turn, best);
  extendPath(turn);
  let head = chain.head;
  for (let [next] = decisions.path; next !== undefined; [next] = decisions.path) {
    const status = chain.status(next);
    if (status === 'invalid') {
      throw new InternalError(
        'members/decided-invalid',
        `Block ${next} was decided, and is not valid here: this node computes differently.`,
      );
    }
    if (status !== 'executed') {
      execute(turn, next);
      break;
    }
    head = present(chain.get(next), 'a block on the path to the goal');
    decisions.path.shift();
  }
  if (head !== chain.head) turn.effects.push({ type: 'setHead', hash: head.hash });
  if (decisions.goal !== null && head.header.number >= decisions.goal.height) decisions.goal = null;
  finalizeProven(turn, head.header.number);
  return head;
}

/** As `decide` would choose among them all; the newest come last, so that mostly one look is enough. */
function bestProof({ decisions, chain }: DecisionTurn): Proof | null {
  let here: Proof | null = null;
  let away: Proof | null = null;
  for (const proof of [...decisions.proofs.values()].reverse()) {
    const { height } = proof;
    if (height <= Math.max(chain.head.header.number, here?.height ?? 0)) continue;
    if (nodeOf(chain, proof) !== undefined) here = proof;
    else if (height > (away?.height ?? 0)) away = proof;
  }
  return here ?? away;
}

/**
 * Executes a block that was inserted, unless that is under way: two answers would each ask for its children, and blocks in a
 * row would be executed ever more often.
 */
export function execute({ decisions, effects }: Pick<DecisionTurn, 'decisions' | 'effects'>, hash: Hash): void {
  if (decisions.checking.has(hash)) return;
  decisions.checking.add(hash);
  effects.push({ type: 'check', hash });
}

function extendPath({ decisions, chain }: DecisionTurn): void {
  const { goal, path } = decisions;
  if (goal === null || path.at(-1) === goal.hash) return;
  const tip = path.at(-1) ?? chain.head.hash;
  const more: Hash[] = [];
  for (let at = nodeOf(chain, goal); at?.hash !== tip; at = chain.get(at.header.parentHash)) {
    // Not here yet, or (what cannot be while the engine is right and no more than `faulty` members lie) on another branch.
    if (at === undefined) return;
    if (at.header.number <= chain.head.header.number) throw conflict(goal, chain.head.hash);
    more.push(at.hash);
  }
  path.push(...more.reverse());
}

function conflict({ height, hash }: Decision, head: Hash): InternalError {
  const message = `Block ${hash} (${height}) was decided, and does not descend from the decided block ${head}: more members are faulty than the engine bears.`;
  return new InternalError('members/conflict', message, { height, hash });
}

/** `head`: the height that the head has after this step. */
function finalizeProven({ decisions, chain, effects }: DecisionTurn, head: number): void {
  const [proof] = [...decisions.proofs.values()].filter(({ height }) => height <= head).sort((a, b) => b.height - a.height);
  if (proof === undefined) return;
  for (const height of [...decisions.proofs.keys()]) if (height <= proof.height) decisions.proofs.delete(height);
  if (proof.height > (decisions.shown?.height ?? 0)) decisions.shown = proof;
  if (proof.height > chain.finalized.header.number) effects.push({ type: 'finalize', hash: proof.hash, certificate: proof.certificate });
}

/**
 * A block that sync brings. It is kept; what comes with a certificate is decided, and so is what comes before it. Gossip
 * is not for blocks here: they come as proposals, and are proven by certificates.
 */
export function receiveBlock(turn: DecisionTurn, { block, origin, from, certificate }: Extract<Event<never>, { type: 'block' }>): void {
  if (origin === 'gossip') return;
  if (!isAdmitted(turn, block, from)) return;
  keep(turn, block, from);
  if (certificate === null) return;
  if (turn.council.membership.faults === 'crash') learn(turn, certificate, from);
  else claim(turn, { height: block.header.number, hash: hashHeader(block.header), certificate, from });
}

/** Every block has a certificate where members may lie, and to check one takes longer than to execute a block. */
function claim(turn: DecisionTurn, claimed: Claim): void {
  const { decisions, effects } = turn;
  if (decisions.claims.length >= MAX_CLAIMS) weigh(turn);
  decisions.claims.push(claimed);
  if (decisions.claims.length === 1) effects.push({ type: 'setTimer', id: SETTLE_TIMER, delayMs: 0 });
}

/** At every event but blocks: what is proven is executed, or the last of it about to be, and more may be. */
export function weighClaims(turn: DecisionTurn): void {
  if (turn.decisions.path.length <= 1 && turn.decisions.claims.length > 0) weigh(turn);
}

/**
 * The highest certificate proves all blocks before its own: none of the others is looked at then. Unless it is a bad one, for which
 * its sender is blamed, or one of another block than it came with: then the next is tried, in a step of its own, since each takes long.
 */
function weigh(turn: DecisionTurn): void {
  const { chain, decisions, effects } = turn;
  const { claims, proofs } = decisions;
  claims.sort((a, b) => a.height - b.height);
  for (let last = claims.pop(); last !== undefined; last = claims.pop()) {
    try {
      if (!take(turn, last.certificate, last.from)) continue;
      if (proofs.get(last.height)?.hash === last.hash && nodeOf(chain, last) !== undefined) claims.length = 0;
    } catch (error) {
      blame(turn, last.from, error);
    }
    if (claims.length > 0) effects.push({ type: 'setTimer', id: SETTLE_TIMER, delayMs: 0 });
    return;
  }
}

/** Whether those decide on this block who may, as far as its parent is here to tell; else its sender is blamed. */
function isAdmitted(turn: DecisionTurn, block: Block, from: NodeId | null): boolean {
  const { chain, council } = turn;
  const parent = chain.get(block.header.parentHash);
  try {
    if (parent !== undefined) council.admit(block, parent, chain);
    return true;
  } catch (error) {
    blame(turn, from, error);
    return false;
  }
}

/** A block whose header is good is kept and, where members only crash, executed as soon as its parent is. */
export function keep(turn: DecisionTurn, block: Block, from: NodeId | null): void {
  const { chain, council, effects } = turn;
  const isTrusted = council.membership.faults === 'crash';
  for (const effect of intake(chain, block, from, factsOf(block.header))) {
    if (effect.type !== 'check') effects.push(effect);
    // Where members may lie, only what is proven is worth the work.
    else if (isTrusted) execute(turn, effect.hash);
    // The chain shows it from the next step on.
    if (effect.type === 'insert' && !isTrusted) effects.push({ type: 'setTimer', id: SETTLE_TIMER, delayMs: 0 });
  }
}

/** After `checked`. A decided block that is not valid ends the node (`settle`). */
export function blockChecked(turn: DecisionTurn, hash: Hash): void {
  const { decisions, chain, council } = turn;
  decisions.checking.delete(hash);
  if (council.membership.faults === 'byzantine') return;
  for (const effect of nextChecks(chain, hash)) if (effect.type === 'check') execute(turn, effect.hash);
}

/** Sends to every other member, and to those who learn. */
export function toOthers<Message>(
  turn: Pick<DecisionTurn, 'self' | 'council'> & { readonly effects: EffectSink<Message> },
  message: Message,
  after?: Lsn,
): void {
  const { self, council, effects } = turn;
  for (const to of council.membership.audience(self)) effects.push({ type: 'send', to, message, ...(after !== undefined && { after }) });
}

/** A certificate from somebody else. The block that it proves is asked for where it is not here. False: it is no news here, or is not good. */
export function learn(turn: DecisionTurn, certificate: Certificate, from: NodeId | null): boolean {
  try {
    return take(turn, certificate, from);
  } catch (error) {
    blame(turn, from, error);
    return false;
  }
}

/** The same, but throws RuleError for one that is not good. False: it was not checked, because it is no news here. */
function take(turn: DecisionTurn, certificate: Certificate, from: NodeId | null): boolean {
  const { chain } = turn;
  // Of members that this node does not know yet: the blocks that name them come first, and other certificates later.
  const council = turn.council.whoseCertificate(certificate);
  // What it says before what it proves: what is no news is not worth a millisecond.
  if (council === undefined || council.claimed(certificate).height <= chain.finalized.header.number) return false;
  const decision = council.proven(certificate);
  const block = chain.get(decision.hash);
  // Who has left may not speak for blocks that came after.
  const deciders = block && council.at(block, chain);
  if (deciders !== undefined && deciders.membership.id !== council.membership.id) throw otherCouncil(decision);
  prove(turn, { ...decision, certificate });
  if (block === undefined) turn.effects.push({ type: 'fetch', hash: decision.hash, from });
  return true;
}

function otherCouncil({ height, hash }: Decision): RuleError {
  const message = `The certificate for block ${hash} (${height}) is not by those who decide on it.`;
  return new RuleError('members/certificate', message, { height });
}

/** This certificate, which was verified or made here, proves this decision. Call `settle` at the end of the step. */
export function prove({ decisions }: Pick<DecisionTurn, 'decisions'>, proof: Proof): void {
  if (proof.height > (decisions.shown?.height ?? 0)) decisions.proofs.set(proof.height, proof);
}

/** Holds what broke a rule against who sent it; any other error is thrown on. */
export function blame({ effects }: Pick<DecisionTurn, 'effects'>, from: NodeId | null, error: unknown): void {
  if (!(error instanceof RuleError)) throw error;
  if (from !== null && error.blame) effects.push({ type: 'offence', from, error });
}
