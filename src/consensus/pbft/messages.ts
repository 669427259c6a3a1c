/**
 * What members of a PBFT network send each other, each to one node. RLP: [kind, field, ...]. Decoding checks the form;
 * signatures are checked where it is known that a message matters (`step.ts` and what it calls), since they cost most.
 */
import { EMPTY } from '../../base/bytes.ts';
import { keccak256 } from '../../base/keccak.ts';
import type { Block } from '../../chain/block.ts';
import { encodeRlp, type RlpValue } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { encodedBlock, Fields, type MessageFormat, openMessage } from '../members/fields.ts';
import { type ReadId, readIdFields, readIdOf } from '../members/reads.ts';
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
  | { readonly type: 'ask'; readonly read: ReadId; readonly height: number }
  /** Both empty: nothing. */
  | { readonly type: 'answer'; readonly read: ReadId; readonly committed: Certificate; readonly prepared: Uint8Array };

const PREPREPARE = 0;
const VOTE = 1;
const CHANGE = 2;
const NEW = 3;
const STATUS = 4;
const CERTIFICATE = 5;
const EVIDENCE = 6;
const ASK = 7;
const ANSWER = 8;
/** Message, view changes, view change. */
const FORMAT: MessageFormat = { name: 'PBFT', code: 'decode/pbft', maxFields: 5, maxNesting: 3 };
/** Of a view change: checkpoint, prepared, vote. */
const CHANGE_FIELDS = 3;
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
      return [PREPREPARE, encodedBlock(message.block), ballots.electorate('prepare').encode(message.vote)];
    case 'vote':
      return [VOTE, PHASES.indexOf(message.phase), ballots.electorate(message.phase).encode(message.vote)];
    case 'viewChange':
      return [CHANGE, ...changeFields(ballots, message.change), message.block === null ? EMPTY : encodedBlock(message.block)];
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
      return [ASK, ...readIdFields(message.read), message.height];
    case 'answer':
      return [ANSWER, ...readIdFields(message.read), message.committed, message.prepared];
  }
}

/** Throws DecodeError and nothing else. */
export function decode(ballots: Ballots, bytes: Uint8Array): PbftMessage {
  const { kind, rest } = openMessage(bytes, FORMAT);
  const fields = new Fields(FORMAT.code, rest);
  const message = messageOf(ballots, kind, fields);
  fields.end();
  return message;
}

function messageOf(ballots: Ballots, kind: number, fields: Fields): PbftMessage {
  switch (kind) {
    case PREPREPARE:
      return { type: 'preprepare', block: fields.block(), vote: oneVote(ballots.electorate('prepare'), fields) };
    case VOTE: {
      const phase = fields.choice('phase', PHASES);
      return { type: 'vote', phase, vote: oneVote(ballots.electorate(phase), fields) };
    }
    case CHANGE:
      return { type: 'viewChange', change: changeOf(ballots, fields), block: fields.optionalBlock() };
    case NEW:
      return { type: 'newView', newView: newViewOf(ballots, fields) };
    case STATUS: {
      const view = fields.number('view');
      const isChanging = fields.flag('whether the view changes');
      return {
        type: 'status',
        status: { view, isChanging, height: fields.number('height'), progress: fields.choice('progress', PROGRESS) },
      };
    }
    case CERTIFICATE:
      return { type: 'certificate', certificate: fields.certificate() };
    case EVIDENCE:
      return { type: 'evidence', evidence: evidenceOf(ballots, fields) };
    case ASK:
      return { type: 'ask', read: readIdOf(fields), height: fields.number('height') };
    case ANSWER:
      return {
        type: 'answer',
        read: readIdOf(fields),
        committed: fields.certificate(),
        prepared: fields.certificate('prepared certificate'),
      };
    default:
      return fields.refuse(`PBFT has messages of kind 0 to ${ANSWER}, and not ${kind}.`);
  }
}

/** Also of records (`records.ts`). */
export function changeFields(ballots: Ballots, { checkpoint, prepared, vote }: ViewChange): RlpValue[] {
  return [checkpoint, prepared, ballots.turns.encode(vote)];
}

export function changeOf(ballots: Ballots, fields: Fields): ViewChange {
  const checkpoint = fields.certificate('checkpoint');
  return { checkpoint, prepared: fields.certificate('prepared certificate'), vote: turnVote(ballots, fields) };
}

/** Also of records (`records.ts`). */
export function newViewFields(ballots: Ballots, { changes, vote }: NewView): RlpValue[] {
  return [changes.map((change) => changeFields(ballots, change)), ballots.turns.encode(vote)];
}

export function newViewOf(ballots: Ballots, fields: Fields): NewView {
  const changes = fields.list('view changes', MAX_MEMBERS, CHANGE_FIELDS, (each) => changeOf(ballots, each));
  return { changes, vote: turnVote(ballots, fields) };
}

export function evidenceFields(ballots: Ballots, { phase, votes }: Evidence): RlpValue[] {
  const electorate = ballots.electorate(phase);
  return [PHASES.indexOf(phase), electorate.encode(votes[0]), electorate.encode(votes[1])];
}

export function evidenceOf(ballots: Ballots, fields: Fields): Evidence {
  const phase = fields.choice('phase', PHASES);
  const electorate = ballots.electorate(phase);
  return { phase, votes: [oneVote(electorate, fields), oneVote(electorate, fields)] };
}

function oneVote(electorate: Electorate, fields: Fields): Votes {
  const votes = electorate.decode(fields.bytes('vote'));
  return votes.members.length === 1 ? votes : fields.refuse(`A vote of ${votes.members.length} members; expected that of one.`);
}

function turnVote(ballots: Ballots, fields: Fields): Votes {
  const vote = oneVote(ballots.turns, fields);
  return Number.isSafeInteger(viewOf(vote)) ? vote : fields.refuse(`There is no view ${viewOf(vote)}; expected one below 2^53.`);
}
