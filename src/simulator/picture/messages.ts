/** The messages of a run in columns, in the order in which they were sent. */
import type { Json } from '../../base/types.ts';
import type { TraceEntry } from '../trace.ts';
import type { BlockCollector } from './blocks.ts';
import { DensityCounter } from './density.ts';
import { FATES, type MessageGroup } from './model.ts';
import type { TextTable } from './texts.ts';

type Data = { readonly [key: string]: Json };

/** More would be gigabytes; the oldest give way. */
export const MAX_MESSAGES_KEPT = 1_500_000;
/** An engine's names for its messages may be many, or made up by an adversary. */
const MAX_KINDS = 28;
const MAX_NAME_CHARACTERS = 40;
const OTHER = 'other';
/** Where an engine's message says what kind of message it is. */
const NAME_FIELDS = ['type', 'kind', 'name'] as const;
const MAX_SEARCH_DEPTH = 4;

const GROUPS: { readonly [packet: string]: MessageGroup } = {
  block: 'block',
  transaction: 'transaction',
  status: 'status',
  message: 'engine',
};
const UNDER_WAY = 0;
const RECEIVED = 1;

/** A node sends a block that nobody has kept: its own, before it keeps it itself, or one made up. */
type OnNewBlock = (atUs: number, node: number, height: number, block: number) => void;

export class MessageCollector {
  readonly sentUs: number[] = [];
  /** -1 until it has arrived or is lost. */
  readonly endUs: number[] = [];
  readonly link: number[] = [];
  readonly kind: number[] = [];
  readonly fate: number[] = [];
  readonly block: number[] = [];
  readonly text: number[] = [];
  readonly kinds: { name: string; group: MessageGroup }[] = [];
  readonly fates: string[] = [...FATES];
  readonly density: DensityCounter;
  /** Messages that are not here any more. */
  forgotten = 0;
  readonly #nodes: number;
  readonly #texts: TextTable;
  readonly #blocks: BlockCollector;
  readonly #onNewBlock: OnNewBlock;
  readonly #kindOf = new Map<string, number>();
  /** Second arrivals: the place of the message and the time. */
  readonly #copies: { readonly id: number; readonly endUs: number }[] = [];

  constructor(nodes: number, texts: TextTable, blocks: BlockCollector, onNewBlock: OnNewBlock) {
    this.#nodes = nodes;
    this.#texts = texts;
    this.#blocks = blocks;
    this.#onNewBlock = onNewBlock;
    this.density = new DensityCounter(nodes);
  }

  /** Ids ascend by one, from 1: a message's place follows from its id. */
  sent({ atUs, node, peer, what, data }: TraceEntry): void {
    if (this.sentUs.length >= MAX_MESSAGES_KEPT) this.#forget(Math.floor(MAX_MESSAGES_KEPT / 4));
    const name = what === 'message' ? engineName(data) : what;
    const block = this.#blockOf(what, data);
    if (what === 'block' && typeof data?.height === 'number' && this.#blocks.seen(block, node, atUs, data.height)) {
      this.#onNewBlock(atUs, node, data.height, block);
    }
    this.sentUs.push(atUs);
    this.endUs.push(-1);
    this.link.push(node * this.#nodes + peer);
    this.kind.push(this.#kind(name, GROUPS[what] ?? 'sync'));
    this.fate.push(UNDER_WAY);
    this.block.push(block);
    this.text.push(this.#detail(data, block));
    this.density.sent(node, atUs);
  }

  received({ atUs, id }: TraceEntry): void {
    const place = id - 1 - this.forgotten;
    if (place < 0 || place >= this.endUs.length) return;
    if (this.fate[place] === RECEIVED) {
      this.#copies.push({ id, endUs: atUs });
      return;
    }
    this.endUs[place] = atUs;
    this.fate[place] = RECEIVED;
  }

  lost({ atUs, id, node, data }: TraceEntry): void {
    this.density.lost(node, atUs);
    const place = id - 1 - this.forgotten;
    if (place < 0 || place >= this.endUs.length || this.fate[place] !== UNDER_WAY) return;
    this.endUs[place] = atUs;
    this.fate[place] = this.#fate(typeof data?.why === 'string' ? data.why : 'lost');
  }

  /** Puts second arrivals where they belong, as messages of their own. */
  finish(): void {
    for (const { id, endUs } of this.#copies) {
      const place = id - 1 - this.forgotten;
      if (place < 0) continue;
      this.sentUs.push(this.sentUs[place] ?? 0);
      this.endUs.push(endUs);
      this.fate.push(RECEIVED);
      for (const column of [this.link, this.kind, this.block, this.text]) column.push(column[place] ?? 0);
    }
    if (this.#copies.length === 0) return;
    const order = this.sentUs.map((_, place) => place).sort((a, b) => (this.sentUs[a] ?? 0) - (this.sentUs[b] ?? 0) || a - b);
    for (const column of this.#columns()) {
      const sorted = order.map((place) => column[place] ?? 0);
      for (const [place, value] of sorted.entries()) column[place] = value;
    }
  }

  #columns(): number[][] {
    return [this.sentUs, this.endUs, this.link, this.kind, this.fate, this.block, this.text];
  }

  #forget(count: number): void {
    for (const column of this.#columns()) column.splice(0, count);
    this.forgotten += count;
  }

  #kind(name: string, group: MessageGroup): number {
    const key = `${group} ${name}`;
    const known = this.#kindOf.get(key);
    if (known !== undefined) return known;
    if (this.kinds.length >= MAX_KINDS && name !== OTHER) return this.#kind(OTHER, 'engine');
    const isTaken = this.kinds.some((kind) => kind.name === name);
    const kind = this.kinds.push({ name: isTaken ? `${name} (${group})` : name, group }) - 1;
    this.#kindOf.set(key, kind);
    return kind;
  }

  #fate(why: string): number {
    const known = this.fates.indexOf(why);
    return known >= 0 ? known : this.fates.push(why) - 1;
  }

  /** The block that a packet names, or that any field of an engine's message does. */
  #blockOf(what: string, data: Data | null): number {
    if (data === null) return 0;
    if (what !== 'message') return this.#blocks.place(data.block);
    return this.#firstKnown(data, MAX_SEARCH_DEPTH);
  }

  #firstKnown(data: Data, depth: number): number {
    for (const value of Object.values(data)) {
      const found =
        typeof value === 'object' && value !== null && depth > 1 ? this.#firstKnown(value as Data, depth - 1) : this.#blocks.known(value);
      if (found > 0) return found;
    }
    return 0;
  }

  /** What the block does not say already. */
  #detail(data: Data | null, block: number): number {
    if (data === null) return 0;
    const { block: named, ...rest } = data;
    const shown = block > 0 && named !== undefined ? rest : data;
    return Object.keys(shown).length === 0 ? 0 : this.#texts.place(JSON.stringify(shown));
  }
}

function engineName(data: Data | null): string {
  for (const field of NAME_FIELDS) {
    const name = data?.[field];
    if (typeof name === 'string' && name.length > 0) return name.slice(0, MAX_NAME_CHARACTERS);
  }
  return 'message';
}
