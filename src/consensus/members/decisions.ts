/**
 * From "this block is decided" to the head, and to a certificate that convinces those who were not there. How members come
 * to decide is the engine's; this is what all of them do then.
 *
 * A decided block becomes the head as soon as it, and all before it, are executed. Once that is on disk this node attests
 * it: it signs height, hash and membership. A quorum of equal attestations is the certificate that makes it final here and
 * anywhere. (Acknowledgements of the protocol alone would prove nothing: in Raft a majority may hold an entry that is
 * never committed, figure 8.) Certificates prove ancestors too, so not every height needs its own.
 */
import { assert, present } from '../../base/assert.ts';
import { BoundedMap } from '../../base/bounded.ts';
import { DecodeError, InternalError, RuleError } from '../../base/errors.ts';
import type { Hash, Lsn, NodeId } from '../../base/types.ts';
import { bytesField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import type { Certificate, Context, Effect, Event } from '../engine.ts';
import { intake, interruptedChecks, nextChecks } from '../intake.ts';
import type { Votes } from '../votes.ts';
import { type Council, type Decision, factsOf } from './council.ts';

/** What members tell each other about decided blocks, whatever the engine. */
export type DecisionMessage =
  /** `again`: whoever knows better is asked to say so. */
  | { readonly type: 'attestation'; readonly votes: Votes; readonly again: boolean }
  | { readonly type: 'certificate'; readonly certificate: Certificate };

/** Timer of this part. */
export const ATTEST_TIMER = 'attest';
/** While blocks follow each other quickly, only every so many is attested: a signature costs as much as many transactions. */
const ATTEST_EVERY = 8;
/** A head that stays for so long is attested whatever its height. */
const ATTEST_IDLE_MS = 20;
/** Until then it should be final; if not, attestations were lost. */
const ATTEST_AGAIN_MS = 1_000;
/** Heights above the final one for which attestations are kept. */
const MAX_HEIGHTS = 64;

interface Proof extends Decision {
  readonly certificate: Certificate;
}

export interface Decisions {
  /** The newest block that the protocol decided, as far as this node knows; null when that is the head. */
  goal: Decision | null;
  /** Blocks from the head (excluded) to the goal, oldest first, as far as they are here. */
  path: Hash[];
  /** Being executed because they are decided. */
  readonly checking: Set<Hash>;
  /** A certificate for a block that is not final here yet: the one for the highest. */
  proof: Proof | null;
  /** The one for what is final here, to show to others; null after a start. */
  shown: Proof | null;
  /** By height: of each member. */
  readonly votes: BoundedMap<number, Map<number, Votes>>;
  /** The highest height that this node has attested since it started. */
  attested: number;
}

export interface DecisionTurn extends Context {
  readonly council: Council;
  readonly decisions: Decisions;
  /** This node's place among the members; null for one that follows. */
  readonly place: number | null;
  readonly effects: Effect<DecisionMessage>[];
}

export function initDecisions(): Decisions {
  return { goal: null, path: [], checking: new Set(), proof: null, shown: null, votes: new BoundedMap(MAX_HEIGHTS), attested: 0 };
}

/** On `start`, before anything else. */
export function startDecisions(turn: DecisionTurn): void {
  if (turn.council.membership.faults === 'crash') turn.effects.push(...interruptedChecks(turn.chain));
  attestSoon(turn);
}

/** The protocol has decided this block. It may not be here yet. Call `settle` at the end of the step. */
export function decide({ decisions, chain }: DecisionTurn, decision: Decision): void {
  if (decision.height > Math.max(decisions.goal?.height ?? 0, chain.head.header.number)) decisions.goal = decision;
}

/**
 * At the end of every step: what is decided and executed becomes the head, what is proven becomes final. No record has to
 * be durable first: a decision that a crash makes this node forget, the others remember.
 */
export function settle(turn: DecisionTurn): void {
  const { decisions, chain } = turn;
  if (decisions.proof !== null) decide(turn, decisions.proof);
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
}

/** Blocks that only the decision makes worth executing; others are executed as they come. */
function execute({ decisions, effects }: DecisionTurn, hash: Hash): void {
  if (decisions.checking.has(hash)) return;
  decisions.checking.add(hash);
  effects.push({ type: 'check', hash });
}

function extendPath({ decisions, chain }: DecisionTurn): void {
  const { goal, path } = decisions;
  if (goal === null || path.at(-1) === goal.hash) return;
  const tip = path.at(-1) ?? chain.head.hash;
  const more: Hash[] = [];
  for (let at = chain.get(goal.hash); at?.hash !== tip; at = chain.get(at.header.parentHash)) {
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
  const { proof } = decisions;
  if (proof === null || proof.height > head) return;
  decisions.proof = null;
  if (proof.height <= chain.finalized.header.number) return;
  decisions.shown = proof;
  effects.push({ type: 'finalize', hash: proof.hash, certificate: proof.certificate });
}

/**
 * A block that sync brings. It is kept; what comes with a certificate is decided, and so is what comes before it. Gossip
 * is not for blocks here: they come as proposals, and are proven by certificates.
 */
export function receiveBlock(turn: DecisionTurn, { block, origin, from, certificate }: Extract<Event<never>, { type: 'block' }>): void {
  if (origin === 'gossip') return;
  const { chain, council, effects } = turn;
  const isTrusted = council.membership.faults === 'crash';
  for (const effect of intake(chain, block, from, factsOf(block.header))) {
    // Where members may lie, only what is proven is worth the work.
    if (effect.type !== 'check' || isTrusted) effects.push(effect);
  }
  if (certificate !== null) learn(turn, certificate, from);
}

/** After `checked`. A decided block that is not valid ends the node (`settle`). */
export function blockChecked({ decisions, chain, council, effects }: DecisionTurn, hash: Hash): void {
  decisions.checking.delete(hash);
  if (council.membership.faults === 'crash') effects.push(...nextChecks(chain, hash));
}

/** After `stored`: what is on disk may be attested. */
export function blockStored(turn: DecisionTurn, { head }: { readonly head: Hash }): void {
  const number = turn.chain.get(head)?.header.number ?? 0;
  if (number % ATTEST_EVERY === 0) attest(turn, { height: number, hash: head }, false);
  else attestSoon(turn);
}

/** The timer `ATTEST_TIMER`. */
export function attestHead(turn: DecisionTurn): void {
  const { head, finalized } = turn.chain;
  const { number } = head.header;
  if (number > finalized.header.number) attest(turn, { height: number, hash: head.hash }, number <= turn.decisions.attested);
}

function attestSoon({ place, chain, effects }: DecisionTurn): void {
  if (place === null || chain.head.header.number <= chain.finalized.header.number) return;
  effects.push({ type: 'setTimer', id: ATTEST_TIMER, delayMs: ATTEST_IDLE_MS });
}

function attest(turn: DecisionTurn, decision: Decision, again: boolean): void {
  const { council, place, decisions, effects } = turn;
  if (place === null || council.signer === null || decision.height <= turn.chain.finalized.header.number) return;
  const votes = council.electorate.vote(place, council.signer, council.statement(decision));
  decisions.attested = Math.max(decisions.attested, decision.height);
  toOthers(turn, { type: 'attestation', votes, again });
  count(turn, votes, decision);
  effects.push({ type: 'setTimer', id: ATTEST_TIMER, delayMs: ATTEST_AGAIN_MS });
}

/** Sends to every other member. */
export function toOthers<Message>(
  turn: Pick<DecisionTurn, 'self' | 'council'> & { readonly effects: Effect<Message>[] },
  message: Message,
  after?: Lsn,
): void {
  const { self, council, effects } = turn;
  for (const to of council.membership.others(self)) effects.push({ type: 'send', to, message, ...(after !== undefined && { after }) });
}

/** An attestation or a certificate that a peer sent. */
export function receiveDecision(turn: DecisionTurn, from: NodeId, message: DecisionMessage): void {
  const { council, decisions, chain, effects } = turn;
  if (message.type === 'certificate') return learn(turn, message.certificate, from);
  try {
    const decision = council.decisionOf(message.votes);
    if (decision.height > chain.finalized.header.number) return count(turn, message.votes, decision);
    const { shown } = decisions;
    if (message.again && shown !== null) {
      effects.push({ type: 'send', to: from, message: { type: 'certificate', certificate: shown.certificate } });
    }
  } catch (error) {
    blame(turn, from, error);
  }
}

function count(turn: DecisionTurn, votes: Votes, decision: Decision): void {
  const { council, decisions } = turn;
  const { electorate } = council;
  const sameHeight = decisions.votes.get(decision.height) ?? new Map<number, Votes>();
  decisions.votes.set(decision.height, sameHeight);
  const certificate = electorate.count(sameHeight, votes);
  if (certificate !== null) prove(turn, { ...decision, certificate: electorate.encode(certificate) });
}

/** A certificate from somebody else. */
function learn(turn: DecisionTurn, certificate: Certificate, from: NodeId | null): void {
  const { council, chain } = turn;
  try {
    const decision = council.proven(certificate);
    if (decision.height <= chain.finalized.header.number) return;
    prove(turn, { ...decision, certificate });
    if (chain.get(decision.hash) === undefined) turn.effects.push({ type: 'fetch', hash: decision.hash, from });
  } catch (error) {
    blame(turn, from, error);
  }
}

function prove({ decisions }: DecisionTurn, proof: Proof): void {
  if (proof.height > (decisions.proof?.height ?? 0)) decisions.proof = proof;
}

function blame({ effects }: DecisionTurn, from: NodeId | null, error: unknown): void {
  if (!(error instanceof RuleError)) throw error;
  if (from !== null) effects.push({ type: 'offence', from, error });
}

/** Kinds of these messages on the wire; an engine counts its own from `FIRST_KIND` on. */
const ATTESTATION = 0;
const CERTIFICATE = 1;
export const FIRST_KIND = 2;

/** The fields after the kind. */
export function encodeDecision(council: Council, message: DecisionMessage): RlpValue[] {
  return message.type === 'attestation'
    ? [ATTESTATION, council.electorate.encode(message.votes), message.again ? 1 : 0]
    : [CERTIFICATE, message.certificate];
}

export function isDecisionKind(kind: number): boolean {
  return kind < FIRST_KIND;
}

/** `fields` come after the kind. Throws DecodeError. */
export function decodeDecision(council: Council, kind: number, fields: readonly unknown[]): DecisionMessage {
  assert(isDecisionKind(kind), 'a kind that this part knows');
  const expected = kind === ATTESTATION ? 2 : 1;
  if (fields.length !== expected) {
    throw new DecodeError('decode/decision', `Expected ${expected} fields in a message of kind ${kind}, got ${fields.length}.`);
  }
  const bytes = bytesField(fields[0], 'votes');
  if (kind === CERTIFICATE) return { type: 'certificate', certificate: bytes };
  const again = safeNumber(bytesField(fields[1], 'again'), 'again');
  if (again > 1) throw new DecodeError('decode/decision', `Expected 0 or 1 for whether an attestation is sent again, got ${again}.`);
  return { type: 'attestation', votes: council.electorate.decodeVote(bytes), again: again === 1 };
}
