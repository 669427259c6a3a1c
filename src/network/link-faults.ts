/**
 * Faults of links, for tests of a running network: what a peer sends is lost, delayed or not heard at all. They act where it
 * arrives (gossip, direct messages, statuses, questions and answers), so that a link may be broken in one direction only, and
 * no privileges are needed. The connection itself stays: what is lost is messages, as on a network that drops them.
 *
 * A link keeps the order of its messages unless its delay has jitter. What is held is bounded, by number and bytes; what does
 * not fit is lost, and counted.
 */
import type { NodeId } from '../base/types.ts';

export interface LinkFault {
  /** Who sends. */
  readonly from: NodeId;
  readonly isCut: boolean;
  readonly delayMs: number;
  /** Each message's delay is up to so much shorter or longer, at random. */
  readonly jitterMs: number;
  /** The share of messages that is lost, from 0 to 1. */
  readonly loss: number;
}

export interface LinkFaultStats {
  /** Messages that wait now. */
  readonly held: number;
  /** Lost by a cut or by chance. */
  readonly lost: number;
  /** Lost because too much was held. */
  readonly overflowed: number;
}

export interface LinkClock {
  /** Monotonic milliseconds. */
  nowMs(): number;
  setTimer(delayMs: number, callback: () => void): unknown;
  cancelTimer(handle: unknown): void;
}

/** Of all links of this node. */
export const MAX_HELD_MESSAGES = 16_384;
export const MAX_HELD_BYTES = 64 * 1024 * 1024;

interface Held {
  readonly dueMs: number;
  readonly bytes: number;
  readonly deliver: () => void;
}

interface Link {
  fault: LinkFault;
  /** By the time at which they are due. */
  queue: Held[];
  timer: unknown;
}

export const SYSTEM_CLOCK: LinkClock = {
  nowMs: () => performance.now(),
  setTimer: (delayMs, callback) => setTimeout(callback, delayMs).unref(),
  cancelTimer: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

export class LinkFaults {
  readonly #clock: LinkClock;
  readonly #random: () => number;
  readonly #links = new Map<NodeId, Link>();
  #heldBytes = 0;
  readonly #stats = { held: 0, lost: 0, overflowed: 0 };

  constructor(clock: LinkClock = SYSTEM_CLOCK, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Instead of those there are. What is held on a link that is well again, or cut from now on, arrives or is lost at once. */
  set(faults: readonly LinkFault[]): void {
    const wanted = new Map(faults.map((fault) => [fault.from, fault]));
    for (const [from, link] of this.#links) {
      const fault = wanted.get(from);
      if (fault?.isCut === true) this.forget(from);
      else if (fault === undefined || fault.delayMs === 0) this.#flush(link, Number.POSITIVE_INFINITY);
      if (fault === undefined) this.#links.delete(from);
    }
    for (const [from, fault] of wanted) {
      const link = this.#links.get(from);
      if (link === undefined) this.#links.set(from, { fault, queue: [], timer: null });
      else link.fault = fault;
    }
  }

  /** Whether the link from this peer is other than it should be. */
  has(from: NodeId): boolean {
    return this.#links.has(from);
  }

  /** Whether this message is lost; to be asked once for each. */
  loses(from: NodeId): boolean {
    const fault = this.#links.get(from)?.fault;
    const isLost = fault !== undefined && (fault.isCut || (fault.loss > 0 && this.#random() < fault.loss));
    if (isLost) this.#stats.lost += 1;
    return isLost;
  }

  /** Calls back now or later, in order; never where it does not fit any more. `deliver` must not throw. */
  hold(from: NodeId, bytes: number, deliver: () => void): void {
    const link = this.#links.get(from);
    if (link === undefined || (link.fault.delayMs === 0 && link.queue.length === 0)) return deliver();
    if (this.#stats.held >= MAX_HELD_MESSAGES || this.#heldBytes + bytes > MAX_HELD_BYTES) {
      this.#stats.overflowed += 1;
      return;
    }
    insert(link.queue, { dueMs: this.#dueMs(link), bytes, deliver });
    this.#stats.held += 1;
    this.#heldBytes += bytes;
    this.#wake(link);
  }

  /** Of one message: lost, or now or later. */
  pass(from: NodeId, bytes: number, deliver: () => void): void {
    if (!this.loses(from)) this.hold(from, bytes, deliver);
  }

  /** What it sent and has not arrived yet is lost: its connection ended. */
  forget(from: NodeId): void {
    const link = this.#links.get(from);
    if (link === undefined) return;
    this.#stats.lost += link.queue.length;
    for (const held of link.queue) this.#release(held);
    link.queue = [];
    this.#sleep(link);
  }

  stop(): void {
    for (const from of this.#links.keys()) this.forget(from);
    this.#links.clear();
  }

  stats(): LinkFaultStats {
    return { ...this.#stats };
  }

  #dueMs({ fault, queue }: Link): number {
    const { delayMs, jitterMs } = fault;
    const dueMs = this.#clock.nowMs() + Math.max(0, delayMs + jitterMs * (2 * this.#random() - 1));
    // A delay that has become shorter does not let a message overtake those before it.
    return jitterMs > 0 ? dueMs : Math.max(dueMs, queue.at(-1)?.dueMs ?? 0);
  }

  #wake(link: Link): void {
    this.#sleep(link);
    const [next] = link.queue;
    if (next === undefined) return;
    link.timer = this.#clock.setTimer(Math.max(0, next.dueMs - this.#clock.nowMs()), () => {
      link.timer = null;
      this.#flush(link, this.#clock.nowMs());
    });
  }

  #sleep(link: Link): void {
    if (link.timer !== null) this.#clock.cancelTimer(link.timer);
    link.timer = null;
  }

  /** Delivers what is due by then, one by one: what comes while one is delivered has its place behind the others. */
  #flush(link: Link, byMs: number): void {
    for (let [next] = link.queue; next !== undefined && next.dueMs <= byMs; [next] = link.queue) {
      link.queue.shift();
      this.#release(next);
      next.deliver();
    }
    this.#wake(link);
  }

  #release({ bytes }: Held): void {
    this.#stats.held -= 1;
    this.#heldBytes -= bytes;
  }
}

/** Behind those that are due no later: almost always at the end. */
function insert(queue: Held[], held: Held): void {
  let at = queue.length;
  while (at > 0 && (queue[at - 1]?.dueMs ?? 0) > held.dueMs) at--;
  queue.splice(at, 0, held);
}
