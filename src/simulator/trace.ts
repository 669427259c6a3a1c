/**
 * What happened in a run, as one line after another. All of it runs through a hash, always, so that two runs of the same
 * seed can be compared without keeping either; who wants to read it attaches a sink.
 */
import type { Json } from '../base/types.ts';
import { Digest } from './digest.ts';

export const KINDS = [
  'start',
  'stop',
  'send',
  'receive',
  'lost',
  'timer',
  'build',
  'seal',
  'check',
  'head',
  'finalize',
  'durable',
  'persist',
  'peer',
  'gone',
  'offence',
  'engine',
  'client',
  'fault',
  'heal',
  'phase',
  'violation',
  'insert',
  'state',
] as const;
export type Kind = (typeof KINDS)[number];

/** One line. `node` and `peer` are places (indices of nodes); -1 is the world itself. */
export interface TraceEntry {
  readonly atUs: number;
  readonly kind: Kind;
  readonly node: number;
  readonly peer: number;
  /** Pairs what is sent with what is received; 0 for none. */
  readonly id: number;
  /** A message's type, a block's hash, a timer's name. */
  readonly what: string;
  readonly data: { readonly [key: string]: Json } | null;
}

/** Takes each line. Lines of kind 'state', how an engine describes itself whenever that changes, are many and only for who wants them. */
export interface TraceSink {
  (entry: TraceEntry): void;
  readonly wantsStates?: boolean;
}

const CODE_OF = Object.fromEntries(KINDS.map((kind, index) => [kind, index])) as { readonly [kind in Kind]: number };
/** A hash tells blocks apart by its first digits; longer texts add only cost. */
const HASHED_CHARACTERS = 12;
const FNV_PRIME = 0x0100_0193;

export class Trace {
  readonly #digest = new Digest();
  #sink: TraceSink | null;

  constructor(sink: TraceSink | null = null) {
    this.#sink = sink;
  }

  get isRead(): boolean {
    return this.#sink !== null;
  }

  get wantsStates(): boolean {
    return this.#sink?.wantsStates === true;
  }

  /** 64 bits in hex. */
  get hash(): string {
    return this.#digest.hex();
  }

  note(atUs: number, kind: Kind, node: number, peer = -1, id = 0, what = '', data: { readonly [key: string]: Json } | null = null): void {
    this.#digest.add(atUs | 0);
    this.#digest.add((CODE_OF[kind] << 20) ^ ((node + 1) << 10) ^ (peer + 1));
    this.#digest.add(id);
    const length = Math.min(what.length, HASHED_CHARACTERS);
    let text = what.length;
    for (let i = 0; i < length; i++) text = Math.imul(text ^ what.charCodeAt(i), FNV_PRIME);
    this.#digest.add(text);
    this.#sink?.({ atUs, kind, node, peer, id, what, data });
  }

  /** What a node says or writes: for the hash alone, so that a run which differs in nothing else is known to be another. */
  content(bytes: Uint8Array): void {
    this.#digest.add(bytes.length);
    for (const byte of bytes) this.#digest.add(byte);
  }

  /** A line that says more about what the hash has: only for readers. Who calls it asks `isRead` first, and so costs nothing else. */
  detail(atUs: number, kind: Kind, node: number, id: number, what: string, data: TraceEntry['data'] = null): void {
    this.#sink?.({ atUs, kind, node, peer: -1, id, what, data });
  }
}

/** One line of an NDJSON trace. */
export function traceLine({ atUs, kind, node, peer, id, what, data }: TraceEntry): string {
  return JSON.stringify({
    ms: atUs / 1_000,
    kind,
    ...(node >= 0 && { node }),
    ...(peer >= 0 && { peer }),
    ...(id !== 0 && { id }),
    ...(what !== '' && { what }),
    ...(data !== null && { data }),
  });
}
