/**
 * What members of a PBFT network send each other, each to one node. RLP: [kind, field, ...]. Decoding checks the form;
 * signatures are checked where it is known that a message matters (`step.ts` and what it calls), since they cost most.
 */
import { EMPTY } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import { keccak256 } from '../../base/keccak.ts';
import { type Block, decodeBlock, encodeBlock, MAX_BLOCK_BYTES, MAX_CERTIFICATE_BYTES } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { type Electorate, MAX_MEMBERS, type Votes } from '../votes.ts';
import { type Ballots, PHASES, type Phase, viewOf } from './ballots.ts';

/** <VIEW-CHANGE, v+1, n, C, P, i> of section 4.4. At most one block is prepared above the one that C proves. */
export interface ViewChange {
  /** The newest block that this member knows to be committed, proven; empty for genesis. */
  readonly checkpoint: Certificate;
  /** A prepared certificate for the block above; empty where there is none. */
  readonly prepared: Uint8Array;
  readonly vote: Votes;
}

/** <NEW-VIEW, v+1, V, O> of section 4.4. O follows from V: see `views.ts`. */
export interface NewView {
  /** Of a quorum. */
  readonly changes: readonly ViewChange[];
  /** Of the view's primary. */
  readonly vote: Votes;
}

/** Two votes of one member in one phase, view and height, for two blocks. */
export interface Evidence {
  readonly phase: Phase;
  readonly votes: readonly [Votes, Votes];
}

/** Where a member stands, for others to send what it lacks. */
export interface Status {
  readonly view: number;
  /** It has left the views before, and has not heard of the beginning of this one. */
  readonly isChanging: boolean;
  /** Of its last committed block. */
  readonly height: number;
  /** What it has of the next one. */
  readonly progress: 'nothing' | 'proposal' | 'prepared';
}

export type PbftMessage =
  /** The vote is the primary's prepare. */
  | { readonly type: 'preprepare'; readonly block: Block; readonly vote: Votes }
  | { readonly type: 'vote'; readonly phase: Phase; readonly vote: Votes }
  /** With the block that was prepared. It is not signed, as its hash is. */
  | { readonly type: 'viewChange'; readonly change: ViewChange; readonly block: Block | null }
  | { readonly type: 'newView'; readonly newView: NewView }
  | { readonly type: 'status'; readonly status: Status }
  | { readonly type: 'certificate'; readonly certificate: Certificate }
  | { readonly type: 'evidence'; readonly evidence: Evidence }
  /** What has been, or may have been, decided above this height? For reads. */
  | { readonly type: 'ask'; readonly request: number; readonly height: number }
  /** Both empty: nothing. */
  | { readonly type: 'answer'; readonly request: number; readonly committed: Certificate; readonly prepared: Uint8Array };

const PREPREPARE = 0;
const VOTE = 1;
const CHANGE = 2;
const NEW = 3;
const STATUS = 4;
const CERTIFICATE = 5;
const EVIDENCE = 6;
const ASK = 7;
const ANSWER = 8;
const FIELDS = [2, 2, 4, 2, 4, 1, 3, 2, 3];
const MAX_FIELDS = 4;

/** A block, with certificates and framing beside it: what the network carries in one message. */
const MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + MAX_CERTIFICATE_BYTES;
const PROGRESS: readonly Status['progress'][] = ['nothing', 'proposal', 'prepared'];

/** What the signature of a view change is over, besides the view. */
export function changeDigest({ checkpoint, prepared }: Omit<ViewChange, 'vote'>): Uint8Array {
  return keccak256(encodeRlp([checkpoint, prepared]));
}

export function newViewDigest(ballots: Ballots, changes: readonly ViewChange[]): Uint8Array {
  return keccak256(encodeRlp(changes.map((change) => changeFields(ballots, change))));
}

export function encode(ballots: Ballots, message: PbftMessage): Uint8Array {
  return encodeRlp(messageFields(ballots, message));
}

function messageFields(ballots: Ballots, message: PbftMessage): RlpValue[] {
  switch (message.type) {
    case 'preprepare':
      return [PREPREPARE, encodeBlock(message.block), ballots.electorate('prepare').encode(message.vote)];
    case 'vote':
      return [VOTE, PHASES.indexOf(message.phase), ballots.electorate(message.phase).encode(message.vote)];
    case 'viewChange':
      return [CHANGE, ...changeFields(ballots, message.change), message.block === null ? EMPTY : encodeBlock(message.block)];
    case 'newView':
      return [NEW, ...newViewFields(ballots, message.newView)];
    case 'status': {
      const { view, isChanging, height, progress } = message.status;
      return [STATUS, view, isChanging ? 1 : 0, height, PROGRESS.indexOf(progress)];
    }
    case 'certificate':
      return [CERTIFICATE, message.certificate];
    case 'evidence':
      return [EVIDENCE, ...evidenceFields(ballots, message.evidence)];
    case 'ask':
      return [ASK, message.request, message.height];
    case 'answer':
      return [ANSWER, message.request, message.committed, message.prepared];
  }
}

/** Throws DecodeError. */
export function decode(ballots: Ballots, bytes: Uint8Array): PbftMessage {
  if (bytes.length > MAX_MESSAGE_BYTES) {
    throw new DecodeError('decode/message', `A message of PBFT has ${bytes.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed.`);
  }
  const [kindField, ...fields] = listField(decodeRlp(bytes, 'message of PBFT'), 'a message of PBFT', 1 + MAX_FIELDS);
  const kind = numberField(kindField, 'kind');
  if (fields.length !== FIELDS[kind]) {
    throw new DecodeError(
      'decode/message',
      `A message of kind ${kind} with ${fields.length} fields; expected ${FIELDS[kind] ?? 'a kind below 9'}.`,
    );
  }
  return fromFields(ballots, kind, fields);
}

function fromFields(ballots: Ballots, kind: number, fields: readonly unknown[]): PbftMessage {
  const [first, second, third, fourth] = fields;
  switch (kind) {
    case PREPREPARE:
      return { type: 'preprepare', block: decodeBlock(bytesField(first, 'block')), vote: oneVote(ballots.electorate('prepare'), second) };
    case VOTE: {
      const phase = choice(first, PHASES, 'phase');
      return { type: 'vote', phase, vote: oneVote(ballots.electorate(phase), second) };
    }
    case CHANGE: {
      const block = bytesField(fourth, 'block');
      const change = changeFrom(ballots, [first, second, third]);
      return { type: 'viewChange', change, block: block.length === 0 ? null : decodeBlock(block) };
    }
    case NEW:
      return { type: 'newView', newView: newViewFrom(ballots, fields) };
    case STATUS: {
      const isChanging = choice(second, [false, true], 'whether the view changes');
      const [view, height] = [numberField(first, 'view'), numberField(third, 'height')];
      return { type: 'status', status: { view, isChanging, height, progress: choice(fourth, PROGRESS, 'progress') } };
    }
    case CERTIFICATE:
      return { type: 'certificate', certificate: certificateField(first, 'certificate') };
    case EVIDENCE:
      return { type: 'evidence', evidence: evidenceFrom(ballots, fields) };
    case ASK:
      return { type: 'ask', request: numberField(first, 'request'), height: numberField(second, 'height') };
    default: {
      const committed = certificateField(second, 'certificate');
      return { type: 'answer', request: numberField(first, 'request'), committed, prepared: certificateField(third, 'prepared') };
    }
  }
}

/** Also of records (`records.ts`). */
export function changeFields(ballots: Ballots, { checkpoint, prepared, vote }: ViewChange): RlpValue[] {
  return [checkpoint, prepared, ballots.turns.encode(vote)];
}

export function changeFrom(ballots: Ballots, value: unknown): ViewChange {
  const [checkpoint, prepared, vote] = exactly(value, 3, 'a view change');
  return {
    checkpoint: certificateField(checkpoint, 'checkpoint'),
    prepared: certificateField(prepared, 'prepared'),
    vote: turnVote(ballots, vote),
  };
}

/** Also of records (`records.ts`). */
export function newViewFields(ballots: Ballots, { changes, vote }: NewView): RlpValue[] {
  return [changes.map((change) => changeFields(ballots, change)), ballots.turns.encode(vote)];
}

export function newViewFrom(ballots: Ballots, value: unknown): NewView {
  const [changes, vote] = exactly(value, 2, 'a new view');
  return {
    changes: listField(changes, 'view changes', MAX_MEMBERS).map((change) => changeFrom(ballots, change)),
    vote: turnVote(ballots, vote),
  };
}

export function evidenceFields(ballots: Ballots, { phase, votes }: Evidence): RlpValue[] {
  const electorate = ballots.electorate(phase);
  return [PHASES.indexOf(phase), electorate.encode(votes[0]), electorate.encode(votes[1])];
}

export function evidenceFrom(ballots: Ballots, value: unknown): Evidence {
  const [phaseField, first, second] = exactly(value, 3, 'evidence');
  const phase = choice(phaseField, PHASES, 'phase');
  const electorate = ballots.electorate(phase);
  return { phase, votes: [oneVote(electorate, first), oneVote(electorate, second)] };
}

function oneVote(electorate: Electorate, value: unknown): Votes {
  const votes = electorate.decode(bytesField(value, 'vote'));
  if (votes.members.length === 1) return votes;
  throw new DecodeError('decode/vote', `A vote of ${votes.members.length} members; expected that of one.`);
}

function turnVote(ballots: Ballots, value: unknown): Votes {
  const vote = oneVote(ballots.turns, value);
  if (Number.isSafeInteger(viewOf(vote))) return vote;
  throw new DecodeError('decode/view', `There is no view ${viewOf(vote)}; expected one below 2^53.`);
}

function exactly(value: unknown, count: number, what: string): readonly unknown[] {
  const fields = listField(value, what, count);
  if (fields.length === count) return fields;
  throw new DecodeError('decode/message', `Expected ${count} fields in ${what}, got ${fields.length}.`);
}

function certificateField(value: unknown, what: string): Uint8Array {
  const bytes = bytesField(value, what);
  if (bytes.length <= MAX_CERTIFICATE_BYTES) return bytes;
  throw new DecodeError('decode/length', `${what} has ${bytes.length} bytes; at most ${MAX_CERTIFICATE_BYTES} are allowed.`);
}

function numberField(value: unknown, what: string): number {
  return safeNumber(bytesField(value, what), what);
}

/** One of these, by its place. */
function choice<Choice>(value: unknown, choices: readonly Choice[], what: string): Choice {
  const index = numberField(value, what);
  const chosen = choices[index];
  if (chosen !== undefined) return chosen;
  throw new DecodeError('decode/choice', `Expected 0 to ${choices.length - 1} for ${what}, got ${index}.`);
}
