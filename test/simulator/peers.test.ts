/** Sessions: who has one with whom, how it begins and ends, and that nothing of an old one arrives in a new one. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Network } from '../../src/simulator/network.ts';
import { Sessions } from '../../src/simulator/peers.ts';
import { World } from '../../src/simulator/world.ts';

const SECOND_US = 1_000_000;
/** A change is noticed within this time. */
const NOTICE_MAX_US = 10 * SECOND_US;

class Bench {
  readonly world = new World('peers');
  readonly network = new Network(this.world, 3, () => ({ latencyUs: 1_000, jitterUs: 0 }));
  readonly alive = new Set<number>();
  readonly bans = new Set<string>();
  readonly events: string[] = [];
  readonly arrived: string[] = [];
  readonly sessions = new Sessions(this.world, this.network, {
    isAlive: (place) => this.alive.has(place),
    isBanned: (place, peer) => this.bans.has(`${place} bans ${peer}`),
    connected: (place, peer) => this.events.push(`${place}+${peer}`),
    disconnected: (place, peer) => this.events.push(`${place}-${peer}`),
  });

  constructor() {
    for (const place of [0, 1, 2]) this.network.attach(place, (from) => this.arrived.push(`${from}>${place}`));
  }

  start(...places: number[]): void {
    for (const place of places) this.alive.add(place);
    for (const place of places) this.sessions.nodeStarted(place);
  }

  stop(place: number): void {
    this.alive.delete(place);
    this.sessions.nodeStopped(place);
  }

  run(forUs: number): void {
    const untilUs = this.world.nowUs + forUs;
    while (this.world.step(untilUs));
  }

  peers(): number[][] {
    return [0, 1, 2].map((place) => [...this.sessions.of(place)].sort());
  }
}

const ALL = [
  [1, 2],
  [0, 2],
  [0, 1],
];

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('Sessions', () => {
  it('begin soon after both sides have started, once for each side', () => {
    bench.start(0, 1, 2);
    expect(bench.peers()).toEqual([[], [], []]);
    bench.run(SECOND_US);
    expect(bench.peers()).toEqual(ALL);
    expect(bench.events.toSorted()).toEqual(['0+1', '0+2', '1+0', '1+2', '2+0', '2+1']);
  });

  it('do not begin with a node that is down, and begin when it comes', () => {
    bench.start(0, 1);
    bench.run(NOTICE_MAX_US);
    expect(bench.peers()).toEqual([[1], [0], []]);
    bench.start(2);
    bench.run(SECOND_US);
    expect(bench.peers()).toEqual(ALL);
  });

  it('end some time after a node stops: nobody knows at once', () => {
    bench.start(0, 1, 2);
    bench.run(SECOND_US);
    bench.stop(0);
    bench.run(SECOND_US - 1);
    expect(bench.peers()).toEqual(ALL);
    bench.run(NOTICE_MAX_US);
    expect(bench.peers()).toEqual([[], [2], [1]]);
  });

  it('are new ones after a restart, even when it was too short to be noticed', () => {
    bench.start(0, 1, 2);
    bench.run(SECOND_US);
    bench.events.length = 0;
    bench.network.send(1, 0, { type: 'refused', request: 1 });
    bench.stop(0);
    bench.start(0);
    expect(bench.peers()).toEqual([[], [2], [1]]);
    expect(bench.events.toSorted()).toEqual(['0-1', '0-2', '1-0', '2-0']);
    bench.run(NOTICE_MAX_US);
    expect(bench.peers()).toEqual(ALL);
    // What was under way in the old session.
    expect(bench.arrived).toEqual([]);
  });

  it('outlive a disturbance that is over before anybody notices', () => {
    bench.start(0, 1, 2);
    bench.run(SECOND_US);
    bench.events.length = 0;
    bench.network.block(0, 1, 1);
    bench.sessions.disturbed();
    bench.run(SECOND_US - 1);
    bench.network.block(0, 1, -1);
    bench.sessions.disturbed();
    bench.run(NOTICE_MAX_US);
    expect(bench.events).toEqual([]);
  });

  it.each([
    [0, 1],
    [1, 0],
  ])('end when a link is blocked for long, in one direction (%i to %i) as in both, and begin again after it', (from, to) => {
    bench.start(0, 1, 2);
    bench.run(SECOND_US);
    bench.network.block(from, to, 1);
    bench.sessions.disturbed();
    bench.run(NOTICE_MAX_US);
    expect(bench.peers()).toEqual([[2], [2], [0, 1]]);
    bench.network.block(from, to, -1);
    bench.sessions.disturbed();
    bench.run(NOTICE_MAX_US);
    expect(bench.peers()).toEqual(ALL);
  });

  it('end at once on both sides when one bans the other, and begin again when the ban is over', () => {
    bench.start(0, 1, 2);
    bench.run(SECOND_US);
    bench.events.length = 0;
    bench.bans.add('1 bans 0');
    bench.sessions.cut(1, 0, 60 * SECOND_US);
    expect(bench.peers()).toEqual([[2], [2], [0, 1]]);
    expect(bench.events.toSorted()).toEqual(['0-1', '1-0']);
    bench.run(60 * SECOND_US);
    expect(bench.peers()).toEqual([[2], [2], [0, 1]]);
    bench.bans.clear();
    bench.run(NOTICE_MAX_US);
    expect(bench.peers()).toEqual(ALL);
  });

  it('do not begin during a ban, though the banned node starts anew', () => {
    bench.start(0, 1, 2);
    bench.run(SECOND_US);
    bench.bans.add('1 bans 0');
    bench.sessions.cut(1, 0, 60 * SECOND_US);
    bench.stop(0);
    bench.start(0);
    bench.run(NOTICE_MAX_US);
    expect(bench.peers()).toEqual([[2], [2], [0, 1]]);
    bench.bans.clear();
    bench.run(60 * SECOND_US);
    expect(bench.peers()).toEqual(ALL);
  });

  it('do not begin a second time when two looks at one pair are due', () => {
    bench.start(0, 1, 2);
    bench.start(0);
    bench.run(NOTICE_MAX_US);
    expect(bench.events.filter((event) => event === '0+1')).toHaveLength(1);
  });

  it('lose what was sent when they end', () => {
    bench.start(0, 1, 2);
    bench.run(SECOND_US);
    bench.network.send(0, 1, { type: 'refused', request: 1 });
    bench.sessions.cut(0, 1, 0);
    bench.run(NOTICE_MAX_US);
    expect(bench.arrived).toEqual([]);
    expect(bench.network.lost).toBe(1);
  });
});
