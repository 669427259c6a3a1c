/**
 * Which nodes have a session with each other. A session begins with an exchange of statuses, outlives short disturbances
 * and ends when a link is refused for long, when a node dies, or when one side bans the other; then both try again.
 */
import { present } from '../base/assert.ts';
import type { Random } from '../base/random.ts';
import type { Network } from './network.ts';
import type { World } from './world.ts';

/** How long it takes to notice that a peer is gone, or is back: between these. */
const NOTICE_MIN_US = 1_000_000;
const NOTICE_MAX_US = 10_000_000;
const FIRST_DIAL_US = 500_000;
/** After the last disturbance all who can have a session with each other have one within so long, in milliseconds. */
export const SESSIONS_BACK_MS = NOTICE_MAX_US / 1_000;

export interface SessionEnds {
  isAlive(place: number): boolean;
  /** Whether `place` refuses `peer` at this time. */
  isBanned(place: number, peer: number): boolean;
  connected(place: number, peer: number): void;
  disconnected(place: number, peer: number): void;
}

interface Pair {
  readonly a: number;
  readonly b: number;
  up: boolean;
  looking: boolean;
}

export class Sessions {
  readonly #world: World;
  readonly #network: Network;
  readonly #ends: SessionEnds;
  readonly #random: Random;
  readonly #pairs: Pair[] = [];
  readonly #peersOf: Set<number>[];

  constructor(world: World, network: Network, ends: SessionEnds) {
    this.#world = world;
    this.#network = network;
    this.#ends = ends;
    this.#random = world.stream('sessions');
    this.#peersOf = Array.from({ length: network.size }, () => new Set());
    for (let a = 0; a < network.size; a++) {
      for (let b = a + 1; b < network.size; b++) this.#pairs.push({ a, b, up: false, looking: false });
    }
  }

  of(place: number): ReadonlySet<number> {
    return present(this.#peersOf[place], `the peers of node ${place}`);
  }

  /** Whatever it had sessions for is over; it dials. */
  nodeStarted(place: number): void {
    for (const pair of this.#pairs) {
      if (pair.a !== place && pair.b !== place) continue;
      if (pair.up) this.#end(pair);
      this.#lookIn(pair, this.#random.float() * FIRST_DIAL_US);
    }
  }

  nodeStopped(place: number): void {
    for (const pair of this.#pairs) if (pair.a === place || pair.b === place) this.#look(pair);
  }

  /** Links changed, or a ban. */
  disturbed(): void {
    for (const pair of this.#pairs) this.#look(pair);
  }

  /** At once, on both sides; looked at again after so long. */
  cut(one: number, other: number, forUs: number): void {
    const pair = this.#pairs.find(({ a, b }) => (a === one && b === other) || (a === other && b === one));
    if (pair === undefined) return;
    if (pair.up) this.#end(pair);
    this.#lookIn(pair, forUs + this.#noticeUs());
  }

  #look(pair: Pair): void {
    if (pair.looking || pair.up === this.#isPossible(pair)) return;
    this.#lookIn(pair, this.#noticeUs());
  }

  #lookIn(pair: Pair, delayUs: number): void {
    pair.looking = true;
    this.#world.after(delayUs, () => {
      pair.looking = false;
      const possible = this.#isPossible(pair);
      if (possible && !pair.up) this.#begin(pair);
      if (!possible && pair.up) this.#end(pair);
    });
  }

  #isPossible({ a, b }: Pair): boolean {
    if (!this.#ends.isAlive(a) || !this.#ends.isAlive(b)) return false;
    if (this.#network.isBlocked(a, b) || this.#network.isBlocked(b, a)) return false;
    return !this.#ends.isBanned(a, b) && !this.#ends.isBanned(b, a);
  }

  #begin(pair: Pair): void {
    pair.up = true;
    for (const [place, peer] of [
      [pair.a, pair.b],
      [pair.b, pair.a],
    ] as const) {
      this.#peersOf[place]?.add(peer);
    }
    this.#ends.connected(pair.a, pair.b);
    this.#ends.connected(pair.b, pair.a);
  }

  #end(pair: Pair): void {
    pair.up = false;
    this.#peersOf[pair.a]?.delete(pair.b);
    this.#peersOf[pair.b]?.delete(pair.a);
    this.#network.reset(pair.a, pair.b);
    this.#ends.disconnected(pair.a, pair.b);
    this.#ends.disconnected(pair.b, pair.a);
  }

  #noticeUs(): number {
    return NOTICE_MIN_US + this.#random.float() * (NOTICE_MAX_US - NOTICE_MIN_US);
  }
}
