/**
 * What is wrong with a test network at a moment: a list of faults, each of which began by a command, and what every node has to
 * be told of it. The list is the truth: a node that is started again, or did not answer, is told the same again.
 *
 * Words are those of the simulator (`simulator/faults.ts`) where it has them.
 */
import { UsageError } from '../base/errors.ts';
import { type NodeId, quote } from '../base/types.ts';
import type { NodeFaults } from '../node/fault-bench.ts';

/** What `from` sends does not reach `to` as it should. */
export interface Link {
  readonly from: number;
  readonly to: number;
}

export type TestnetFault =
  /** Nodes talk within their side only. */
  | { readonly kind: 'partition'; readonly sides: readonly (readonly number[])[] }
  /** Nothing passes, in this direction. */
  | { readonly kind: 'cut'; readonly links: readonly Link[] }
  | { readonly kind: 'delay'; readonly links: readonly Link[]; readonly delayMs: number; readonly jitterMs: number }
  /** `loss` is a share, from 0 to 1. */
  | { readonly kind: 'loss'; readonly links: readonly Link[]; readonly loss: number }
  /** The wall clock is ahead by so much. */
  | { readonly kind: 'clock'; readonly node: number; readonly offsetMs: number }
  /** Makes no blocks, and under proof-of-stake casts no votes. */
  | { readonly kind: 'idle'; readonly node: number }
  | { readonly kind: 'withhold'; readonly node: number }
  | { readonly kind: 'pause'; readonly node: number };

export type FaultKind = TestnetFault['kind'];

export interface ActiveFault {
  readonly id: number;
  readonly fault: TestnetFault;
  /** When it ends by itself, in milliseconds since 1970; null for when somebody ends it. */
  readonly untilMs: number | null;
}

export const MAX_DELAY_MS = 60_000;
/** Engines refuse what is much further away anyway. */
export const MAX_CLOCK_OFFSET_MS = 30 * 24 * 3_600_000;
/** At a time: more than links of a network that anybody looks at. */
const MAX_FAULTS = 256;

type OfNode = Extract<TestnetFault, { readonly node: number }>;
type OfLinks = Extract<TestnetFault, { readonly links: readonly Link[] }>;

export class FaultPlan {
  readonly #nodes: number;
  #active: readonly ActiveFault[] = [];
  #lastId = 0;

  constructor(nodes: number) {
    this.#nodes = nodes;
  }

  get active(): readonly ActiveFault[] {
    return this.#active;
  }

  /** The sides of the partition; null when there is none. */
  get sides(): readonly (readonly number[])[] | null {
    return this.#of('partition')[0]?.sides ?? null;
  }

  has(kind: OfNode['kind'], node: number): boolean {
    return this.#of(kind).some((fault) => fault.node === node);
  }

  /**
   * In place of what was there of the same kind, for the same nodes or links. Answers null where nothing of it is left (a delay of
   * zero). Throws UsageError `testnet/fault` for what cannot be, `testnet/contradiction` for what could not show beside another fault, `testnet/too-many-faults`.
   */
  begin(fault: TestnetFault, untilMs: number | null): ActiveFault | null {
    this.#check(fault);
    this.#checkAgainstOthers(fault);
    if (this.#active.length >= MAX_FAULTS)
      throw new UsageError('testnet/too-many-faults', `${MAX_FAULTS} faults are active already; heal the network first.`);
    this.#active = this.#active.flatMap((other) => replaced(other, fault) ?? []);
    if (isNothing(fault)) return null;
    const active = { id: ++this.#lastId, fault, untilMs };
    this.#active = [...this.#active, active];
    return active;
  }

  /** Those for which this holds, as of now. */
  end(isOver: (active: ActiveFault) => boolean): readonly ActiveFault[] {
    const over = this.#active.filter(isOver);
    this.#active = this.#active.filter((active) => !over.includes(active));
    return over;
  }

  /** What this node is to be told. `peerId` is null for a node that has never been up. */
  of(node: number, peerId: (node: number) => NodeId | null): NodeFaults {
    const side = this.sides?.find((members) => members.includes(node));
    const links = this.#others(node).flatMap((from) => {
      const id = peerId(from);
      const state = this.#link({ from, to: node });
      return id === null || state === null ? [] : [{ from: id, ...state }];
    });
    return {
      allowed: side?.flatMap((member) => peerId(member) ?? []) ?? null,
      links,
      clockOffsetMs: this.#of('clock').find((fault) => fault.node === node)?.offsetMs ?? 0,
      isIdle: this.has('idle', node),
      isWithholding: this.has('withhold', node),
    };
  }

  /** In words, for people: what is wrong with this node or on its way to it. */
  describe(node: number): string[] {
    const groups = new Map<string, number[]>();
    for (const from of this.#others(node)) {
      for (const text of linkTexts(this.#link({ from, to: node }))) groups.set(text, [...(groups.get(text) ?? []), from]);
    }
    const clock = this.#of('clock').find((fault) => fault.node === node);
    return [
      ...(this.has('pause', node) ? ['paused'] : []),
      ...(clock === undefined ? [] : [`clock ${signedDuration(clock.offsetMs)}`]),
      ...(this.has('idle', node) ? ['makes no blocks'] : []),
      ...(this.has('withhold', node) ? ['withholds its blocks'] : []),
      ...[...groups].map(([text, from]) => `${text} from ${from.join(',')}`),
    ];
  }

  #others(node: number): number[] {
    return Array.from({ length: this.#nodes }, (_, index) => index).filter((index) => index !== node);
  }

  #of<Kind extends FaultKind>(kind: Kind): Extract<TestnetFault, { readonly kind: Kind }>[] {
    return this.#active.flatMap(({ fault }) => (fault.kind === kind ? (fault as Extract<TestnetFault, { readonly kind: Kind }>) : []));
  }

  /** Null for a link that is well. */
  #link(link: Link): Omit<NodeFaults['links'][number], 'from'> | null {
    const isOf = ({ links }: OfLinks) => links.some((other) => isSame(other, link));
    const isCut = this.#of('cut').some(isOf);
    const delay = this.#of('delay').find(isOf);
    const loss = this.#of('loss').find(isOf);
    if (!isCut && delay === undefined && loss === undefined) return null;
    return { isCut, delayMs: delay?.delayMs ?? 0, jitterMs: delay?.jitterMs ?? 0, loss: loss?.loss ?? 0 };
  }

  #isDead(link: Link): boolean {
    const side = this.sides?.find((members) => members.includes(link.from));
    return side?.includes(link.to) === false || this.#link(link)?.isCut === true;
  }

  #check(fault: TestnetFault): void {
    if ('links' in fault && fault.links.length === 0) throw impossible('no link is named: name one node, or several different ones');
    if (fault.kind === 'delay') {
      checkRange('the delay', fault.delayMs, 0, MAX_DELAY_MS, 'ms');
      checkRange('the jitter', fault.jitterMs, 0, fault.delayMs, 'ms, the delay itself');
    }
    if (fault.kind === 'loss') checkRange('the loss', fault.loss, 0, 1, '(0.2 is 20%)');
    if (fault.kind === 'clock') checkRange('the offset', fault.offsetMs, -MAX_CLOCK_OFFSET_MS, MAX_CLOCK_OFFSET_MS, 'ms');
    if (fault.kind === 'pause' && this.has('pause', fault.node))
      throw new UsageError('testnet/paused', `Node ${fault.node} is paused already.`);
  }

  #checkAgainstOthers(fault: TestnetFault): void {
    if (fault.kind === 'withhold' && this.has('idle', fault.node))
      throw contradiction(`Node ${fault.node} makes no blocks that it could withhold; switch its mining on first`);
    if (fault.kind === 'idle' && this.has('withhold', fault.node))
      throw contradiction(`Node ${fault.node} withholds its blocks; it would have none to withhold. Heal the network first`);
    if ((fault.kind === 'delay' || fault.kind === 'loss') && !isNothing(fault) && fault.links.every((link) => this.#isDead(link)))
      throw contradiction(`Nothing passes on ${linksText(fault.links)}, so nothing can be late or lost there. Heal the network first`);
  }
}

/** What is left of a fault once another begins. */
function replaced(active: ActiveFault, next: TestnetFault): ActiveFault | null {
  const { fault } = active;
  if (fault.kind !== next.kind) return active;
  if (fault.kind === 'partition') return null;
  if ('node' in fault && 'node' in next) return fault.node === next.node ? null : active;
  if (!('links' in fault && 'links' in next)) return active;
  const links = fault.links.filter((link) => !next.links.some((other) => isSame(link, other)));
  return links.length === 0 ? null : { ...active, fault: { ...fault, links } };
}

function isNothing(fault: TestnetFault): boolean {
  switch (fault.kind) {
    case 'delay':
      return fault.delayMs === 0 && fault.jitterMs === 0;
    case 'loss':
      return fault.loss === 0;
    case 'clock':
      return fault.offsetMs === 0;
    default:
      return false;
  }
}

function isSame(one: Link, other: Link): boolean {
  return one.from === other.from && one.to === other.to;
}

/** Both ways between all of them; of one alone, all that it has. */
export function linksAmong(named: readonly number[], nodes: number): Link[] {
  const all = Array.from({ length: nodes }, (_, index) => index);
  const [only] = named;
  if (named.length === 1 && only !== undefined) {
    return all
      .filter((other) => other !== only)
      .flatMap((other) => [
        { from: only, to: other },
        { from: other, to: only },
      ]);
  }
  return named.flatMap((from) => named.filter((to) => to !== from).map((to) => ({ from, to })));
}

/** From each of the ones to each of the others. */
export function linksBetween(senders: readonly number[], receivers: readonly number[]): Link[] {
  return senders.flatMap((from) => receivers.filter((to) => to !== from).map((to) => ({ from, to })));
}

function linkTexts(state: ReturnType<FaultPlan['of']>['links'][number] | Omit<NodeFaults['links'][number], 'from'> | null): string[] {
  if (state === null) return [];
  if (state.isCut) return ['hears nothing'];
  const jitter = state.jitterMs > 0 ? `±${state.jitterMs}` : '';
  return [
    ...(state.delayMs + state.jitterMs > 0 ? [`delay ${state.delayMs}${jitter} ms`] : []),
    ...(state.loss > 0 ? [`loss ${percent(state.loss)}`] : []),
  ];
}

/** One fault in words, for events and lists. */
export function faultText(fault: TestnetFault): string {
  switch (fault.kind) {
    case 'partition':
      return `partition ${fault.sides.map((side) => side.join(',')).join(' | ')}`;
    case 'cut':
      return `cut ${linksText(fault.links)}`;
    case 'delay':
      return `delay of ${fault.delayMs}${fault.jitterMs > 0 ? `±${fault.jitterMs}` : ''} ms on ${linksText(fault.links)}`;
    case 'loss':
      return `loss of ${percent(fault.loss)} on ${linksText(fault.links)}`;
    case 'clock':
      return `clock of node ${fault.node} ${signedDuration(fault.offsetMs)}`;
    case 'idle':
      return `node ${fault.node} makes no blocks`;
    case 'withhold':
      return `node ${fault.node} withholds its blocks`;
    case 'pause':
      return `node ${fault.node} is paused`;
  }
}

const MAX_LINKS_SHOWN = 6;

function linksText(links: readonly Link[]): string {
  const isBoth = ({ from, to }: Link) => links.some((other) => other.from === to && other.to === from);
  const shown = links.filter((link) => !isBoth(link) || link.from < link.to);
  const texts = shown.slice(0, MAX_LINKS_SHOWN).map((link) => `${link.from}${isBoth(link) ? '-' : '>'}${link.to}`);
  return `${texts.join(' ')}${shown.length > MAX_LINKS_SHOWN ? ` and ${shown.length - MAX_LINKS_SHOWN} more` : ''}`;
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(2))}%`;
}

/** `+30s`, `-250ms`. */
function signedDuration(ms: number): string {
  const size = Math.abs(ms);
  return `${ms < 0 ? '-' : '+'}${size % 1_000 === 0 ? `${size / 1_000}s` : `${size}ms`}`;
}

function checkRange(what: string, value: number, low: number, high: number, unit: string): void {
  // Who calls from JavaScript may well give text.
  const isNumber = typeof value === 'number';
  if (isNumber && value >= low && value <= high) return;
  throw impossible(`${what} is ${isNumber ? value : quote(String(value))}; expected a number from ${low} to ${high} ${unit}`);
}

function impossible(why: string): UsageError {
  return new UsageError('testnet/fault', `That cannot be: ${why}.`);
}

function contradiction(what: string): UsageError {
  return new UsageError('testnet/contradiction', `${what}.`);
}
