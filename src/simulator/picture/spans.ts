/** What lasts in a run: faults, from beginning to end, and the time in which a node is down. */
import type { Json } from '../../base/types.ts';
import type { Span } from './model.ts';

type Data = { readonly [key: string]: Json };

interface OpenSpan {
  readonly kind: string;
  readonly nodes: readonly number[];
  readonly fromUs: number;
  readonly label: string;
  readonly detail: string;
}

/** Of a fault that this file does not know. */
const MAX_CHARACTERS = 300;
/** Faults that show in another way: a crash as a node that is down. */
const SHOWN_OTHERWISE: ReadonlySet<string> = new Set(['crash']);

export class SpanCollector {
  readonly spans: Span[] = [];
  /** By what identifies a fault; several where faults are equal. */
  readonly #faults = new Map<string, OpenSpan[]>();
  /** By node. */
  readonly #down = new Map<number, OpenSpan>();
  /** Kinds of faults that hold a node right now, to say why it is down. */
  readonly #holding = new Map<number, string>();
  readonly #most: number;
  /** Spans for which there was no room. */
  leftOut = 0;

  constructor(nodes: number, most: number) {
    this.#most = most;
    for (let node = 0; node < nodes; node++) {
      this.#down.set(node, { kind: 'down', nodes: [node], fromUs: 0, label: 'not started', detail: 'The node had not started.' });
    }
  }

  faultBegan(atUs: number, kind: string, data: Data): void {
    if (typeof data.node === 'number' && (kind === 'crash' || kind === 'diskError')) this.#holding.set(data.node, kind);
    if (SHOWN_OTHERWISE.has(kind)) return;
    const key = JSON.stringify(data);
    const open = { kind, nodes: nodesOf(kind, data), fromUs: atUs, label: faultLabel(kind, data), detail: faultSentence(kind, data) };
    this.#faults.set(key, [...(this.#faults.get(key) ?? []), open]);
  }

  faultEnded(atUs: number, data: Data): void {
    const key = JSON.stringify(data);
    const open = this.#faults.get(key)?.shift();
    if (open !== undefined) this.#close(open, atUs);
  }

  stopped(atUs: number, node: number, error: string | null): void {
    const cause = this.#holding.get(node);
    const label = cause === 'diskError' ? 'disk error' : error === null ? 'crashed' : 'failed';
    const detail = error === null ? 'The node lost power.' : `The node stopped: ${error}`;
    this.#down.set(node, { kind: 'down', nodes: [node], fromUs: atUs, label, detail });
  }

  started(atUs: number, node: number): void {
    this.#holding.delete(node);
    const open = this.#down.get(node);
    this.#down.delete(node);
    if (open !== undefined) this.#close(open, atUs);
  }

  /** The run is over; what has not ended lasts to its end. */
  end(atUs: number): void {
    for (const open of this.#down.values()) this.#close(open, atUs);
    for (const spans of this.#faults.values()) for (const open of spans) this.#close(open, atUs);
    this.#down.clear();
    this.#faults.clear();
    this.spans.sort((a, b) => a.fromUs - b.fromUs);
  }

  #close(open: OpenSpan, toUs: number): void {
    if (this.spans.length < this.#most) this.spans.push({ ...open, toUs });
    else this.leftOut++;
  }
}

function nodesOf(kind: string, data: Data): number[] {
  const places = kind === 'partition' ? data.side : [data.node, data.from, data.to];
  return Array.isArray(places) ? places.filter((place): place is number => typeof place === 'number') : [];
}

/** A few words, to be read in a narrow band. */
export function faultLabel(kind: string, data: Data): string {
  switch (kind) {
    case 'partition':
      return `cut off: ${list(data.side)}${data.direction === 'in' ? ', inbound' : data.direction === 'out' ? ', outbound' : ''}`;
    case 'clog':
      return 'clogged';
    case 'clogLink':
      return `clogged ${data.from} to ${data.to}`;
    case 'cutLink':
      return `cut ${data.from} to ${data.to}`;
    case 'noise':
      return `noise: ${noiseParts(data, ['lost', 'doubled', 'overtaken'])}`;
    case 'clock':
      return `clock ${signedSeconds(data.offsetMs)}`;
    case 'drift':
      return `clock rate x ${data.factor}`;
    case 'slowDisk':
      return `disk ${data.factor} times slower`;
    case 'diskError':
      return 'disk errors';
    case 'hashRate':
      return `hash rate x ${data.factor}`;
    default:
      return kind;
  }
}

export function faultSentence(kind: string, data: Data): string {
  switch (kind) {
    case 'crash':
      return `Node ${data.node} crashes.`;
    case 'partition':
      return `Partition: nodes ${list(data.side)} are cut off from the others${
        data.direction === 'in'
          ? '; nothing comes in, what they send arrives'
          : data.direction === 'out'
            ? '; nothing goes out, they hear the others'
            : ''
      }.`;
    case 'clog':
      return `Everything to and from node ${data.node} is held back until the end, then arrives at once.`;
    case 'clogLink':
      return `What node ${data.from} sends to node ${data.to} is held back until the end, then arrives at once.`;
    case 'cutLink':
      return `Nothing that node ${data.from} sends to node ${data.to} arrives.`;
    case 'noise':
      return `Of the messages on every link: ${noiseParts(data, ['are lost', 'arrive twice', 'are overtaken'])}.`;
    case 'clock':
      return `The wall clock of node ${data.node} is wrong by ${signedSeconds(data.offsetMs)}.`;
    case 'drift':
      return `The clocks of node ${data.node} run ${data.factor} times as fast as time.`;
    case 'slowDisk':
      return `The disk of node ${data.node} is ${data.factor} times slower.`;
    case 'diskError':
      return `Writes to the disk of node ${data.node} fail: it stops, and starts again at the end.`;
    case 'hashRate':
      return `The hash rate of node ${data.node} is ${data.factor} times what it was.`;
    case 'byzantine':
      return `Node ${data.node} misbehaves: ${data.behaviour}.`;
    default:
      return `${kind} ${JSON.stringify(data)}`.slice(0, MAX_CHARACTERS);
  }
}

function list(places: Json | undefined): string {
  return Array.isArray(places) ? places.join(', ') : String(places);
}

/** What a noise does, in these words; what it does not do is left out. */
function noiseParts({ loss, duplicate, reorder }: Data, words: readonly string[]): string {
  const parts = [loss, duplicate, reorder].flatMap((share, index) => (Number(share) > 0 ? `${percent(share)} ${words[index]}` : []));
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

function percent(share: Json | undefined): string {
  return `${Math.round(1_000 * Number(share ?? 0)) / 10}%`;
}

function signedSeconds(ms: Json | undefined): string {
  const seconds = Number(ms ?? 0) / 1_000;
  return `${seconds < 0 ? '' : '+'}${seconds} s`;
}
