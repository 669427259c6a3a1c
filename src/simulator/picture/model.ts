/**
 * What a picture shows, as data: the document that is embedded in the page. Times are virtual microseconds from the start
 * of the run. Long lists are columns (one array for each field), ascending times are differences from the one before, and
 * texts and blocks are referred to by their place in a table: a page of 100,000 messages has to stay small.
 */

export const PICTURE_FORMAT = 'synod-picture/1';

/** What may go into one page. Beyond it the picture says what was left out. */
export const PICTURE_LIMITS = {
  messages: 80_000,
  marks: 60_000,
  blocks: 20_000,
  spans: 20_000,
  roles: 20_000,
  faultsListed: 1_000,
  violations: 64,
  /** Of details, as they are in the page, escaped. */
  markTextBytes: 1_500_000,
  messageTextBytes: 1_500_000,
  stateBytes: 1_500_000,
  roleTextBytes: 300_000,
  /** Of one text that is not in the table of texts: a violation, an option, a fault. */
  lineCharacters: 1_000,
} as const;
export type PictureLimits = { readonly [limit in keyof typeof PICTURE_LIMITS]: number };

/** Moments on the line of a node. The order is that of importance: of too many marks, the last kinds go first. */
export const MARK_KINDS = [
  'reorg',
  'finalize',
  'stop',
  'start',
  'fault',
  'heal',
  'phase',
  'invalid',
  'offence',
  'peer',
  'gone',
  'produce',
  'head',
  'engine',
  'client',
  'persist',
  'durable',
  'keep',
  'check',
] as const;
export type MarkKind = (typeof MARK_KINDS)[number];

/** The first two fates of a message; further ones are reasons for which it was lost. */
export const FATES = ['under way', 'received'] as const;

/** What a kind of message is for; decides its colour and which kinds are drawn first when there are too many arrows. */
export type MessageGroup = 'block' | 'engine' | 'sync' | 'status' | 'transaction';

/** Indices in tables are 1-based in columns; 0 is none. */
type Index = number;

export interface PictureModel {
  readonly format: typeof PICTURE_FORMAT;
  readonly run: RunFacts;
  readonly nodes: readonly NodeFacts[];
  /** Messages are shown only from here to there. */
  readonly window: { readonly fromUs: number; readonly toUs: number };
  /** Sentences for people. */
  readonly leftOut: readonly string[];
  readonly texts: readonly string[];
  readonly markKinds: readonly MarkKind[];
  readonly messageKinds: readonly { readonly name: string; readonly group: MessageGroup }[];
  readonly fates: readonly string[];
  readonly messages: MessageColumns;
  readonly marks: MarkColumns;
  readonly blocks: BlockColumns;
  readonly spans: readonly Span[];
  /** How a node sees its part, whenever that changes. `role` and `label` are places in `texts`. */
  readonly roles: readonly RoleColumns[];
  /** By node, what its engine's `inspect` said; each text is a JSON object, the fields that changed. */
  readonly states: readonly StateColumns[];
  readonly density: Density;
}

export interface RunFacts {
  readonly engine: string;
  readonly seed: string;
  readonly ok: boolean;
  readonly traceHash: string;
  /** Makes this picture again. */
  readonly command: string;
  readonly endUs: number;
  readonly events: number;
  readonly messages: number;
  readonly lost: number;
  readonly options: readonly (readonly [name: string, value: string])[];
  readonly schedule: readonly string[];
  readonly violations: readonly ViolationFacts[];
}

export interface ViolationFacts {
  readonly atUs: number;
  readonly checker: string;
  /** -1 where no single node is to be named. */
  readonly node: number;
  readonly message: string;
  readonly expected: boolean;
}

export interface NodeFacts {
  readonly name: string;
  /** How it misbehaves; null for a node that follows the protocol. */
  readonly behaviour: string | null;
}

export interface MessageColumns {
  /** Differences. */
  readonly sentUs: readonly number[];
  /** Until it arrived or was lost; until the end of the run where it did neither. */
  readonly tookUs: readonly number[];
  /** from * nodes + to. */
  readonly link: readonly number[];
  readonly kind: readonly number[];
  readonly fate: readonly number[];
  readonly block: readonly Index[];
  readonly text: readonly Index[];
}

export interface MarkColumns {
  /** Differences. */
  readonly atUs: readonly number[];
  /** Place in `markKinds`. */
  readonly kind: readonly number[];
  /** -1 is the world itself. */
  readonly node: readonly number[];
  /** A height; of a reorganisation its depth; of an offence or a session the peer. */
  readonly value: readonly number[];
  readonly block: readonly Index[];
  readonly name: readonly Index[];
  readonly text: readonly Index[];
}

/** In the order in which they appeared. */
export interface BlockColumns {
  readonly hash: readonly string[];
  readonly number: readonly number[];
  readonly parent: readonly Index[];
  /** Differences: when some node first had or sent it. */
  readonly bornUs: readonly number[];
  /** -1 for genesis. */
  readonly producer: readonly number[];
  readonly transactions: readonly number[];
}

/** Something that lasts. */
export interface Span {
  /** 'down', or the kind of a fault. */
  readonly kind: string;
  /** Whom it hits; nobody in particular for what hits the whole network. */
  readonly nodes: readonly number[];
  readonly fromUs: number;
  readonly toUs: number;
  readonly label: string;
  readonly detail: string;
}

export interface RoleColumns {
  /** Differences. */
  readonly atUs: readonly number[];
  readonly role: readonly Index[];
  readonly label: readonly Index[];
}

export interface StateColumns {
  /** Differences. */
  readonly atUs: readonly number[];
  readonly text: readonly Index[];
}

/** Messages in bins of equal width over the whole run, by node that sends and by node that misses them. */
export interface Density {
  readonly binUs: number;
  readonly sent: readonly (readonly number[])[];
  readonly lost: readonly (readonly number[])[];
}
