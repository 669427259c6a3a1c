/** Carries out a schedule: begins each fault at its time and ends it, and ends what is left when the calm begins. */
import { unreachable } from '../base/assert.ts';
import type { Scheduled } from './event-queue.ts';
import { endMs, type Fault } from './faults.ts';
import type { Network, Noise } from './network.ts';
import { NO_NOISE } from './network.ts';
import type { Options } from './options.ts';
import type { Sessions } from './peers.ts';
import type { VirtualNode } from './virtual-node.ts';
import { US_PER_MS, type World } from './world.ts';

export interface Injected {
  readonly world: World;
  readonly network: Network;
  readonly sessions: Sessions;
  readonly nodes: readonly VirtualNode[];
  readonly options: Options;
  readonly onFault: (fault: Fault, active: boolean) => void;
  start(node: VirtualNode): void;
}

const RESTART_US = 1_000 * US_PER_MS;

export class Injector {
  readonly #into: Injected;
  readonly #active = new Set<Fault>();
  /** Beginnings and ends to come. */
  readonly #due: Scheduled[] = [];

  constructor(into: Injected, schedule: readonly Fault[]) {
    this.#into = into;
    const { world, options } = into;
    for (const fault of schedule) {
      if (fault.fault === 'byzantine' || fault.atMs > options.faultsMs) continue;
      this.#due.push(world.after(fault.atMs * US_PER_MS, () => this.begin(fault)));
      if (endMs(fault) <= options.faultsMs) this.#due.push(world.after(endMs(fault) * US_PER_MS, () => this.end(fault)));
    }
  }

  /** Ends every fault of the survivors and of the links among them. The others stay dead if they are, and are cut off, for ever. */
  calm(): void {
    const { world, options, network, sessions } = this.#into;
    for (const event of this.#due) world.cancel(event);
    const isLost = (place: number) => !options.survivors.includes(place);
    for (const fault of [...this.#active]) {
      const staysDead = (fault.fault === 'crash' || fault.fault === 'diskError') && isLost(fault.node);
      if (!staysDead) this.end(fault);
    }
    for (let from = 0; from < network.size; from++) {
      for (let to = 0; to < network.size; to++) if (isLost(from) || isLost(to)) network.block(from, to, 1);
    }
    sessions.disturbed();
  }

  /** Whether a fault keeps this node from running. */
  holdsDown(place: number): boolean {
    for (const fault of this.#active) {
      if ((fault.fault === 'crash' || fault.fault === 'diskError') && fault.node === place) return true;
    }
    return false;
  }

  /** Has somebody start a node again that has stopped by itself, unless a fault holds it down then. */
  restart(place: number): void {
    this.#into.world.after(RESTART_US, () => this.#revive(place));
  }

  begin(fault: Fault): void {
    this.#active.add(fault);
    this.#note('fault', fault);
    this.#into.onFault(fault, true);
    this.#apply(fault, 1);
  }

  end(fault: Fault): void {
    if (!this.#active.delete(fault)) return;
    this.#note('heal', fault);
    this.#into.onFault(fault, false);
    this.#apply(fault, -1);
  }

  #note(kind: 'fault' | 'heal', fault: Fault): void {
    const { world } = this.#into;
    const node = 'node' in fault ? fault.node : -1;
    world.trace.note(world.nowUs, kind, node, -1, 0, fault.fault, { ...fault });
  }

  #apply(fault: Fault, by: 1 | -1): void {
    const { network, sessions, nodes } = this.#into;
    switch (fault.fault) {
      case 'crash':
        return this.#crash(fault.node, by);
      case 'diskError':
        nodes[fault.node]?.disk.setFailing(this.#has('diskError', fault.node));
        return this.#revive(fault.node);
      case 'partition':
        this.#partition(fault, by);
        return sessions.disturbed();
      case 'cutLink':
        network.block(fault.from, fault.to, by);
        return sessions.disturbed();
      case 'clog':
        for (const { place } of nodes) {
          if (place === fault.node) continue;
          network.clog(place, fault.node, by);
          network.clog(fault.node, place, by);
        }
        return;
      case 'clogLink':
        return network.clog(fault.from, fault.to, by);
      case 'noise':
        return network.setNoise(this.#lastNoise());
      case 'clock':
        return this.#set(fault.node, (node, active) => {
          node.clock.offsetMs = active.reduce((sum, other) => sum + (other.fault === 'clock' ? other.offsetMs : 0), 0);
        });
      case 'drift':
        return this.#set(fault.node, (node, active) => {
          node.clock.setRate(active.reduce((product, other) => product * (other.fault === 'drift' ? other.factor : 1), 1));
        });
      case 'slowDisk':
        return this.#set(fault.node, (node, active) => {
          node.disk.setSlowness(active.reduce((product, other) => product * (other.fault === 'slowDisk' ? other.factor : 1), 1));
        });
      case 'hashRate':
        return this.#set(fault.node, (node, active) => {
          const rate = this.#into.options.hashRates[fault.node] ?? 0;
          const last = active.findLast((other) => other.fault === 'hashRate');
          node.miner.setRate(rate * (last?.factor ?? 1));
        });
      case 'byzantine':
        return;
      default:
        return unreachable(fault);
    }
  }

  /** What a node is subject to is worked out anew from all that is active, so that faults may overlap in any way. */
  #set(place: number, change: (node: VirtualNode, active: readonly Fault[]) => void): void {
    const node = this.#into.nodes[place];
    if (node === undefined) return;
    change(
      node,
      [...this.#active].filter((fault) => 'node' in fault && fault.node === place),
    );
  }

  #crash(place: number, by: 1 | -1): void {
    if (by === 1) this.#into.nodes[place]?.crash();
    else this.#revive(place);
  }

  #revive(place: number): void {
    const node = this.#into.nodes[place];
    if (node !== undefined && !node.isRunning && !this.holdsDown(place)) this.#into.start(node);
  }

  #partition({ side, direction }: Extract<Fault, { fault: 'partition' }>, by: 1 | -1): void {
    const { network } = this.#into;
    for (let inside = 0; inside < network.size; inside++) {
      if (!side.includes(inside)) continue;
      for (let outside = 0; outside < network.size; outside++) {
        if (side.includes(outside)) continue;
        if (direction !== 'in') network.block(inside, outside, by);
        if (direction !== 'out') network.block(outside, inside, by);
      }
    }
  }

  #lastNoise(): Noise {
    let noise = NO_NOISE;
    for (const fault of this.#active) if (fault.fault === 'noise') noise = fault;
    return noise;
  }

  #has(kind: Fault['fault'], place: number): boolean {
    return [...this.#active].some((fault) => fault.fault === kind && 'node' in fault && fault.node === place);
  }
}
