/**
 * Certificates for engines whose own messages prove nothing to those who were not there: once a decided block is on disk,
 * each member signs its height, its hash and the membership, and a quorum of equal attestations is the certificate.
 * (Acknowledgements of the protocol alone would not do: in Raft a majority may hold an entry that is never committed, figure 8.)
 */
import { assert, present } from '../../base/assert.ts';
import { BoundedMap } from '../../base/bounded.ts';
import { DecodeError } from '../../base/errors.ts';
import type { Hash, NodeId } from '../../base/types.ts';
import { bytesField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { interruptedChecks } from '../intake.ts';
import type { Votes } from '../votes.ts';
import type { Council, Decision } from './council.ts';
import { blame, type DecisionTurn, type EffectSink, execute, learn, prove, toOthers } from './decisions.ts';

/** What members tell each other about decided blocks, whatever the engine. */
export type DecisionMessage =
  /** `again`: whoever knows better is asked to say so. */
  | { readonly type: 'attestation'; readonly votes: Votes; readonly again: boolean }
  | { readonly type: 'certificate'; readonly certificate: Certificate };

/** Timer of this part. */
export const ATTEST_TIMER = 'attest';
/** While blocks follow each other quickly, only every so many is attested: a signature costs as much as many transactions. */
const ATTEST_EVERY = 8;
/** A head that stays for so long is attested whatever its height: longer than a block takes where the processors are busy. */
const ATTEST_IDLE_MS = 100;
/** Until then it should be final; if not, attestations were lost. */
const ATTEST_AGAIN_MS = 1_000;
/** Heights above the final one for which attestations are kept. */
const MAX_HEIGHTS = 64;

export interface Attestations {
  /** By height: of each member. */
  readonly votes: BoundedMap<number, Map<number, Votes>>;
  /** The highest height that this node has attested since it started. */
  highest: number;
}

export interface AttestationTurn extends DecisionTurn {
  readonly attestations: Attestations;
  /** This node's place among the members; null for one that follows. */
  readonly place: number | null;
  readonly effects: EffectSink<DecisionMessage>;
}

export function initAttestations(): Attestations {
  return { votes: new BoundedMap(MAX_HEIGHTS), highest: 0 };
}

/** On `start`, before anything else. */
export function startDecisions(turn: AttestationTurn): void {
  if (turn.council.membership.faults === 'crash') {
    for (const effect of interruptedChecks(turn.chain)) if (effect.type === 'check') execute(turn, effect.hash);
  }
  attestSoon(turn);
}

/** After `stored`: what is on disk may be attested. */
export function blockStored(turn: AttestationTurn, { head }: { readonly head: Hash }): void {
  const number = turn.chain.get(head)?.header.number ?? 0;
  if (number % ATTEST_EVERY === 0) attest(turn, { height: number, hash: head }, false);
  else attestSoon(turn);
}

/** The timer `ATTEST_TIMER`. */
export function attestHead(turn: AttestationTurn): void {
  const { head, finalized } = turn.chain;
  const { number } = head.header;
  if (number > finalized.header.number) attest(turn, { height: number, hash: head.hash }, number <= turn.attestations.highest);
}

function attestSoon({ place, chain, effects }: AttestationTurn): void {
  if (place === null || chain.head.header.number <= chain.finalized.header.number) return;
  effects.push({ type: 'setTimer', id: ATTEST_TIMER, delayMs: ATTEST_IDLE_MS });
}

function attest(turn: AttestationTurn, decision: Decision, again: boolean): void {
  const { self, chain, attestations, effects } = turn;
  if (decision.height <= chain.finalized.header.number) return;
  const council = councilOf(turn, decision.hash);
  const place = council?.seatOf(self) ?? null;
  if (council === undefined || place === null) return;
  const votes = council.electorate.vote(place, present(council.signer, 'the key of a member'), council.statement(decision));
  attestations.highest = Math.max(attestations.highest, decision.height);
  toOthers(turn, { type: 'attestation', votes, again });
  count(turn, council, votes, decision);
  effects.push({ type: 'setTimer', id: ATTEST_TIMER, delayMs: ATTEST_AGAIN_MS });
}

/** An attestation or a certificate that a peer sent. */
export function receiveDecision(turn: AttestationTurn, from: NodeId, message: DecisionMessage): void {
  const { decisions, chain, effects } = turn;
  if (message.type === 'certificate') {
    learn(turn, message.certificate, from);
    return;
  }
  try {
    // Of members that this node does not know yet: the blocks that name them come first.
    const council = turn.council.whose(message.votes);
    if (council === undefined) return;
    const decision = council.decisionOf(message.votes);
    const isNews = decision.height > chain.finalized.header.number;
    // The last ones come when a quorum is complete, and a signature takes a millisecond to check.
    if (!isNews && !message.again) return;
    council.electorate.checkVote(message.votes);
    if (isNews) return count(turn, council, message.votes, decision);
    const { shown } = decisions;
    if (shown !== null) {
      effects.push({ type: 'send', to: from, message: { type: 'certificate', certificate: shown.certificate } });
    }
  } catch (error) {
    blame(turn, from, error);
  }
}

/** Of a block that the chain has. */
function councilOf({ council, chain }: AttestationTurn, hash: Hash): Council | undefined {
  const node = chain.get(hash);
  return node && council.at(node, chain);
}

function count(turn: AttestationTurn, { electorate }: Council, votes: Votes, decision: Decision): void {
  const { attestations } = turn;
  const sameHeight = attestations.votes.get(decision.height) ?? new Map<number, Votes>();
  attestations.votes.set(decision.height, sameHeight);
  const certificate = electorate.count(sameHeight, votes);
  if (certificate !== null) prove(turn, { ...decision, certificate: electorate.encode(certificate) });
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

/** `fields` come after the kind. Whether what is said is signed, `receiveDecision` sees. Throws DecodeError. */
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
  return { type: 'attestation', votes: council.electorate.decode(bytes), again: again === 1 };
}
