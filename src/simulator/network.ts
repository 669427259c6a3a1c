/**
 * Links between places: each has its own latency and random stream, and can lose, repeat, reorder, hold back (clog) or
 * refuse (block) what is sent. Each direction is a link of its own, so partitions may be asymmetric. Blocks and clogs are
 * counted: two faults on one link end when both have ended.
 */
import { assert, present } from '../base/assert.ts';
import type { Random } from '../base/random.ts';
import type { Summary } from './packet-summary.ts';
import type { Packet } from './packets.ts';
import type { World } from './world.ts';

/** Held back on one link while it is clogged; beyond this the oldest are lost. */
const MAX_CLOGGED = 1_024;
/** An overtaken packet comes this much later, times the usual latency, at most. */
const REORDER_FACTOR = 10;

export interface LinkTiming {
  readonly latencyUs: number;
  /** Mean of what comes on top (exponential). */
  readonly jitterUs: number;
}

/** Probabilities for each packet. */
export interface Noise {
  readonly loss: number;
  readonly duplicate: number;
  readonly reorder: number;
}

export const NO_NOISE: Noise = { loss: 0, duplicate: 0, reorder: 0 };

/** Why a packet was lost, for readers of the trace. */
const LOST = {
  cut: { why: 'the link was cut' },
  noise: { why: 'noise' },
  session: { why: 'the session had ended' },
  overflow: { why: 'too much was held back' },
} as const satisfies { readonly [reason: string]: Summary };

export type Receive = (from: number, packet: Packet) => void;

interface Link {
  readonly from: number;
  readonly to: number;
  readonly timing: LinkTiming;
  readonly random: Random;
  blocked: number;
  clogged: number;
  held: { readonly id: number; readonly packet: Packet }[];
  /** When the last packet in order arrives. */
  lastUs: number;
  /** Raised when a session ends: what was sent in it arrives no more. */
  epoch: number;
}

export class Network {
  readonly size: number;
  readonly #world: World;
  readonly #links: Link[] = [];
  readonly #receivers: (Receive | null)[];
  #noise: Noise = NO_NOISE;
  #ids = 0;
  sent = 0;
  /** Says what is in a packet to who reads the trace. */
  summarize: ((packet: Packet) => Summary) | null = null;
  lost = 0;
  /** Told of everything that is sent, arrive it or not: for who counts it. */
  onSend: ((packet: Packet) => void) | null = null;

  constructor(world: World, size: number, timingOf: (random: Random) => LinkTiming) {
    this.size = size;
    this.#world = world;
    this.#receivers = Array.from({ length: size }, () => null);
    for (let from = 0; from < size; from++) {
      for (let to = 0; to < size; to++) {
        const random = world.stream(`link/${from}/${to}`);
        this.#links.push({ from, to, timing: timingOf(random), random, blocked: 0, clogged: 0, held: [], lastUs: 0, epoch: 0 });
      }
    }
  }

  attach(place: number, receive: Receive | null): void {
    this.#receivers[place] = receive;
  }

  setNoise(noise: Noise): void {
    this.#noise = noise;
  }

  block(from: number, to: number, by: 1 | -1): void {
    this.#link(from, to).blocked += by;
  }

  isBlocked(from: number, to: number): boolean {
    return this.#link(from, to).blocked > 0;
  }

  /** What was held back arrives at once, in order, when the last clog ends. */
  clog(from: number, to: number, by: 1 | -1): void {
    const link = this.#link(from, to);
    link.clogged += by;
    if (link.clogged > 0) return;
    const { held } = link;
    link.held = [];
    for (const { id, packet } of held) this.#arriveAfter(link, id, packet, 0);
  }

  /** The session of two places is over: all that is under way between them is lost. */
  reset(one: number, other: number): void {
    for (const link of [this.#link(one, other), this.#link(other, one)]) {
      link.epoch++;
      link.lastUs = 0;
      for (const { id, packet } of link.held) this.#lose(link, id, packet, LOST.session);
      link.held = [];
    }
  }

  send(from: number, to: number, packet: Packet): void {
    const link = this.#link(from, to);
    const id = ++this.#ids;
    this.sent++;
    this.onSend?.(packet);
    const { trace, nowUs } = this.#world;
    trace.note(nowUs, 'send', from, to, id, packet.type, trace.isRead && this.summarize !== null ? this.summarize(packet) : null);
    const { loss, duplicate } = this.#noise;
    if (link.blocked > 0) return this.#lose(link, id, packet, LOST.cut);
    if (loss > 0 && link.random.chance(loss)) return this.#lose(link, id, packet, LOST.noise);
    this.#dispatch(link, id, packet);
    if (duplicate > 0 && link.random.chance(duplicate)) this.#dispatch(link, id, packet);
  }

  #dispatch(link: Link, id: number, packet: Packet): void {
    const { latencyUs, jitterUs } = link.timing;
    const { nowUs } = this.#world;
    const { reorder } = this.#noise;
    let delayUs = latencyUs + link.random.waiting(jitterUs);
    if (reorder > 0 && link.random.chance(reorder)) {
      delayUs += link.random.float() * REORDER_FACTOR * (latencyUs + jitterUs);
    } else {
      delayUs = Math.max(delayUs, link.lastUs - nowUs);
      link.lastUs = nowUs + delayUs;
    }
    this.#arriveAfter(link, id, packet, delayUs);
  }

  #arriveAfter(link: Link, id: number, packet: Packet, delayUs: number): void {
    const { epoch } = link;
    this.#world.after(delayUs, () => {
      if (link.epoch === epoch) this.#arrive(link, id, packet);
      else this.#lose(link, id, packet, LOST.session);
    });
  }

  #arrive(link: Link, id: number, packet: Packet): void {
    if (link.clogged > 0) {
      link.held.push({ id, packet });
      const oldest = link.held.length > MAX_CLOGGED ? link.held.shift() : undefined;
      if (oldest !== undefined) this.#lose(link, oldest.id, oldest.packet, LOST.overflow);
      return;
    }
    const receive = this.#receivers[link.to];
    if (link.blocked > 0 || receive === null || receive === undefined) return this.#lose(link, id, packet, LOST.cut);
    this.#world.trace.note(this.#world.nowUs, 'receive', link.to, link.from, id, packet.type);
    receive(link.from, packet);
  }

  #lose(link: Link, id: number, packet: Packet, why: Summary): void {
    this.lost++;
    this.#world.trace.note(this.#world.nowUs, 'lost', link.to, link.from, id, packet.type, why);
  }

  #link(from: number, to: number): Link {
    // Else the index would be that of another link.
    assert(to < this.size, () => `place ${to} is one of ${this.size}`);
    return present(this.#links[from * this.size + to], 'a link');
  }
}
