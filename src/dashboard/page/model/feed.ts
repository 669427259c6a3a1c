/**
 * What happened, for the feed: found by comparing what nodes said before with what they say now. Bounded; the newest
 * first. Each kind is told once when it begins and once when it ends.
 */
import { plural, span } from './format.ts';
import type { NodeStatus, NodeView } from './node.ts';
import { roleOf } from './role.ts';

export type Tone = 'plain' | 'good' | 'warning' | 'bad';

export interface Happening {
  readonly id: number;
  /** Milliseconds since 1970, by this page's clock. */
  readonly at: number;
  readonly tone: Tone;
  readonly text: string;
  /** A block that it is about. */
  readonly block: string | null;
}

export const MAX_HAPPENINGS = 200;
/** So many block times without progress of finality are a stall; and never less than the floor. */
const STALL_BLOCK_TIMES = 20;
const STALL_FLOOR_MS = 15_000;

export class Feed {
  #items: readonly Happening[] = [];
  #next = 1;
  /** What was told of last, so that only changes are. */
  #finalNumber = -1;
  #finalSince = 0;
  #stalled = false;
  #leads = '';
  readonly #silent = new Set<number>();
  #sides = '';

  get items(): readonly Happening[] {
    return this.#items;
  }

  /** Since when finality has not moved, in milliseconds since 1970; 0 before it was first seen. */
  get finalSince(): number {
    return this.#finalSince;
  }

  get isStalled(): boolean {
    return this.#stalled;
  }

  tell(at: number, tone: Tone, text: string, block: string | null = null): void {
    this.#items = [{ id: this.#next++, at, tone, text, block }, ...this.#items.slice(0, MAX_HAPPENINGS - 1)];
  }

  reorg(at: number, node: number, depth: number, head: string): void {
    this.tell(at, depth > 2 ? 'bad' : 'warning', `Node ${node} left ${plural(depth, 'block')} for another branch`, head);
  }

  /** By what the supervisor says of its nodes; told once for all of them. */
  sides(at: number, nodes: readonly Pick<NodeView, 'index' | 'side'>[]): void {
    const sides = Map.groupBy(
      nodes.filter(({ side }) => side !== null),
      ({ side }) => side,
    );
    // As on the command line, where a side is one word.
    const text = [...sides.values()].map((members) => members.map(({ index }) => index).join(',')).join(' | ');
    if (text === this.#sides) return;
    this.#sides = text;
    if (text === '') this.tell(at, 'good', 'The network is joined again');
    else this.tell(at, 'warning', `The network is cut: ${text}`);
  }

  /** Nodes that should answer and do not; of a process that is known to be down nobody expects it. */
  presence(at: number, nodes: readonly Pick<NodeView, 'index' | 'link' | 'process'>[]): void {
    for (const { index, link, process } of nodes) {
      const isSilent = link === 'down' && (process === null || process === 'up');
      if (isSilent && !this.#silent.has(index)) {
        this.#silent.add(index);
        this.tell(at, 'bad', `Node ${index} does not answer`);
      } else if (!isSilent && this.#silent.delete(index) && link !== 'down') this.tell(at, 'good', `Node ${index} answers again`);
    }
  }

  /** Compares what a node was with what it is. */
  nodeChanged(at: number, before: NodeView, after: NodeView): void {
    const name = `Node ${after.index}`;
    const [was, is] = [before.process, after.process];
    if (was !== null && is !== null && was !== is)
      this.tell(at, is === 'up' ? 'good' : 'bad', is === 'up' ? `${name} is up` : `${name} is ${is}`);
    if (before.status !== null && after.status !== null) this.#statusChanged(at, name, before.status, after.status);
  }

  #statusChanged(at: number, name: string, before: NodeStatus, after: NodeStatus): void {
    if (before.engine !== after.engine) this.tell(at, 'plain', `${name} goes on with ${after.engine}`);
    const role = roleOf(after);
    const leads = `${name} leads since ${role.round}`;
    if (!role.leads || role.round === '' || this.#leads === leads) return;
    // Who led when the page was opened is no news.
    if (this.#leads !== '') this.tell(at, 'plain', leads);
    this.#leads = leads;
  }

  /** Somebody who was there before says since when this block is the last that is final. */
  finalKnownSince(number: number, sinceMs: number): void {
    if (number === this.#finalNumber && sinceMs < this.#finalSince) this.#finalSince = sinceMs;
  }

  /** Call it now and then with the highest block that any node holds for final. */
  finality(at: number, number: number, blockTimeMs: number): void {
    if (number !== this.#finalNumber) {
      if (this.#stalled) this.tell(at, 'good', `Finality goes on after ${span((at - this.#finalSince) / 1_000)}`);
      this.#stalled = false;
      this.#finalNumber = number;
      this.#finalSince = at;
      return;
    }
    const stalledMs = at - this.#finalSince;
    if (this.#stalled || stalledMs < Math.max(STALL_FLOOR_MS, STALL_BLOCK_TIMES * blockTimeMs)) return;
    this.#stalled = true;
    this.tell(at, 'bad', `Finality has not moved for ${span(stalledMs / 1_000)}`);
  }
}
