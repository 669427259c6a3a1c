/** Links: latency, order, noise, clogs, blocks and the ends of sessions; each direction on its own. */
import { describe, expect, it } from 'vitest';
import { type LinkTiming, Network, NO_NOISE, type Noise } from '../../src/simulator/network.ts';
import type { Packet } from '../../src/simulator/packets.ts';
import type { TraceEntry } from '../../src/simulator/trace.ts';
import { World } from '../../src/simulator/world.ts';

const LATENCY_US = 10_000;
/** What a clogged link holds at most. */
const MAX_CLOGGED = 1_024;

interface Arrival {
  readonly atUs: number;
  readonly from: number;
  readonly to: number;
  readonly request: number;
}

/** A network of places that only note what arrives. */
class Bench {
  readonly entries: TraceEntry[] = [];
  readonly arrivals: Arrival[] = [];
  readonly world: World;
  readonly network: Network;

  constructor({ seed = 1, size = 3, timing = { latencyUs: LATENCY_US, jitterUs: 0 } as LinkTiming } = {}) {
    this.world = new World(seed, (entry) => this.entries.push(entry));
    this.network = new Network(this.world, size, () => timing);
    for (let to = 0; to < size; to++) {
      this.network.attach(to, (from, packet) => {
        this.arrivals.push({ atUs: this.world.nowUs, from, to, request: packet.type === 'refused' ? packet.request : -1 });
      });
    }
  }

  /** Packets numbered from 0, a microsecond apart so that their order is visible. */
  send(from: number, to: number, count = 1): void {
    for (let request = 0; request < count; request++) {
      this.network.send(from, to, refused(request));
      this.run(1);
    }
  }

  run(forUs: number): void {
    const untilUs = this.world.nowUs + forUs;
    while (this.world.step(untilUs));
  }

  /** Numbers of what arrived on a link, in order. */
  on(from: number, to: number): number[] {
    return this.arrivals.filter((arrival) => arrival.from === from && arrival.to === to).map(({ request }) => request);
  }

  count(kind: TraceEntry['kind']): number {
    return this.entries.filter((entry) => entry.kind === kind).length;
  }
}

const refused = (request: number): Packet => ({ type: 'refused', request });
const noisy = (noise: Partial<Noise>): Noise => ({ ...NO_NOISE, ...noise });
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('Network: a link without faults', () => {
  it('delivers each packet once, in order, after its latency', () => {
    const bench = new Bench();
    bench.send(0, 1, 3);
    bench.run(1_000_000);
    expect(bench.arrivals).toEqual(upTo(3).map((request) => ({ atUs: LATENCY_US + request, from: 0, to: 1, request })));
    expect(bench.network).toMatchObject({ sent: 3, lost: 0 });
  });

  it('has jitter on top of the latency, in order all the same', () => {
    const bench = new Bench({ timing: { latencyUs: LATENCY_US, jitterUs: 50_000 } });
    bench.send(0, 1, 200);
    bench.run(10_000_000);
    expect(bench.on(0, 1)).toEqual(upTo(200));
    const times = bench.arrivals.map(({ atUs }) => atUs);
    for (const [request, atUs] of times.entries()) expect(atUs).toBeGreaterThanOrEqual(request + LATENCY_US);
    expect(new Set(times).size).toBeGreaterThan(1);
  });

  it('asks for the timing of each direction on its own, with the random stream of that link', () => {
    const world = new World(1);
    const latencies: number[] = [];
    new Network(world, 3, (random) => {
      latencies.push(random.uint32());
      return { latencyUs: 1, jitterUs: 0 };
    });
    expect(new Set(latencies).size).toBe(9);
  });

  it('pairs what is sent with what is received in the trace', () => {
    const bench = new Bench();
    bench.send(0, 1, 2);
    bench.run(1_000_000);
    const ids = (kind: string) => bench.entries.filter((entry) => entry.kind === kind).map(({ id, node, peer }) => ({ id, node, peer }));
    expect(ids('send')).toEqual([1, 2].map((id) => ({ id, node: 0, peer: 1 })));
    expect(ids('receive')).toEqual([1, 2].map((id) => ({ id, node: 1, peer: 0 })));
  });

  it('loses what comes to a place where nobody is', () => {
    const bench = new Bench();
    bench.network.attach(1, null);
    bench.send(0, 1);
    bench.run(1_000_000);
    expect(bench.arrivals).toEqual([]);
    expect(bench.network.lost).toBe(1);
    expect(bench.count('lost')).toBe(1);
  });

  it('knows no link to a place that is none', () => {
    expect(() => new Bench().network.send(0, 3, refused(0))).toThrowError(expect.objectContaining({ code: 'internal/assertion' }));
  });
});

describe('Network: noise', () => {
  const PACKETS = 1_000;
  const run = (noise: Partial<Noise>, seed = 1) => {
    const bench = new Bench({ seed });
    bench.network.setNoise(noisy(noise));
    bench.send(0, 1, PACKETS);
    bench.run(10_000_000);
    return bench;
  };

  it('loses as many as it is told to', () => {
    const bench = run({ loss: 0.3 });
    const arrived = bench.on(0, 1);
    expect(arrived.length + bench.network.lost).toBe(PACKETS);
    expect(bench.network.lost / PACKETS).toBeCloseTo(0.3, 1);
    expect(arrived).toEqual(arrived.toSorted((a, b) => a - b));
    expect(run({ loss: 1 }).arrivals).toEqual([]);
  });

  it('repeats as many as it is told to, and loses none of them', () => {
    const bench = run({ duplicate: 0.2 });
    const arrived = bench.on(0, 1);
    expect(new Set(arrived).size).toBe(PACKETS);
    expect((arrived.length - PACKETS) / PACKETS).toBeCloseTo(0.2, 1);
  });

  it('lets later packets overtake, and loses none', () => {
    const arrived = run({ reorder: 0.1 }).on(0, 1);
    expect(arrived.toSorted((a, b) => a - b)).toEqual(upTo(PACKETS));
    const overtaken = arrived.filter((request, at) => arrived.slice(0, at).some((before) => before > request)).length;
    expect(overtaken / PACKETS).toBeCloseTo(0.1, 1);
  });

  it('ends when it is told to', () => {
    const bench = run({ loss: 1 });
    bench.network.setNoise(NO_NOISE);
    bench.send(0, 1, 5);
    bench.run(1_000_000);
    expect(bench.on(0, 1)).toEqual(upTo(5));
  });

  it('falls on one link as if the others were not there', () => {
    const alone = run({ loss: 0.5, duplicate: 0.1, reorder: 0.1 });
    const together = new Bench();
    together.network.setNoise(noisy({ loss: 0.5, duplicate: 0.1, reorder: 0.1 }));
    for (let request = 0; request < PACKETS; request++) {
      together.network.send(0, 1, refused(request));
      together.network.send(1, 0, refused(request));
      together.network.send(2, 1, refused(request));
      together.run(1);
    }
    together.run(10_000_000);
    expect(together.on(0, 1)).toEqual(alone.on(0, 1));
    expect(together.on(2, 1)).not.toEqual(alone.on(0, 1));
  });

  it('depends on the seed', () => {
    expect(run({ loss: 0.5 }, 1).on(0, 1)).toEqual(run({ loss: 0.5 }, 1).on(0, 1));
    expect(run({ loss: 0.5 }, 2).on(0, 1)).not.toEqual(run({ loss: 0.5 }, 1).on(0, 1));
  });
});

describe('Network: blocks', () => {
  it('cut one direction and leave the other', () => {
    const bench = new Bench();
    bench.network.block(0, 1, 1);
    bench.send(0, 1);
    bench.send(1, 0);
    bench.run(1_000_000);
    expect(bench.arrivals.map(({ from, to }) => [from, to])).toEqual([[1, 0]]);
    expect([bench.network.isBlocked(0, 1), bench.network.isBlocked(1, 0)]).toEqual([true, false]);
    expect(bench.network.lost).toBe(1);
  });

  it('stop what is under way as well', () => {
    const bench = new Bench();
    bench.send(0, 1);
    bench.network.block(0, 1, 1);
    bench.run(1_000_000);
    expect(bench.arrivals).toEqual([]);
  });

  it('are counted: the link opens when the last has ended', () => {
    const bench = new Bench();
    bench.network.block(0, 1, 1);
    bench.network.block(0, 1, 1);
    bench.network.block(0, 1, -1);
    expect(bench.network.isBlocked(0, 1)).toBe(true);
    bench.network.block(0, 1, -1);
    bench.send(0, 1);
    bench.run(1_000_000);
    expect(bench.on(0, 1)).toEqual([0]);
  });
});

describe('Network: clogs', () => {
  it('hold everything back and give it at once, in order', () => {
    const bench = new Bench();
    bench.network.clog(0, 1, 1);
    bench.send(0, 1, 3);
    bench.run(1_000_000);
    expect(bench.arrivals).toEqual([]);
    const atUs = bench.world.nowUs;
    bench.network.clog(0, 1, -1);
    bench.run(0);
    expect(bench.arrivals).toEqual(upTo(3).map((request) => ({ atUs, from: 0, to: 1, request })));
  });

  it('are counted, and one begun again holds what was on its way', () => {
    const bench = new Bench();
    bench.network.clog(0, 1, 1);
    bench.network.clog(0, 1, 1);
    bench.send(0, 1);
    bench.run(1_000_000);
    bench.network.clog(0, 1, -1);
    bench.run(1_000_000);
    expect(bench.arrivals).toEqual([]);
    bench.network.clog(0, 1, -1);
    bench.network.clog(0, 1, 1);
    bench.run(1_000_000);
    expect(bench.arrivals).toEqual([]);
    bench.network.clog(0, 1, -1);
    bench.run(0);
    expect(bench.on(0, 1)).toEqual([0]);
  });

  it('lose the oldest beyond their bound', () => {
    const bench = new Bench();
    bench.network.clog(0, 1, 1);
    bench.send(0, 1, MAX_CLOGGED + 2);
    bench.run(1_000_000);
    bench.network.clog(0, 1, -1);
    bench.run(0);
    expect(bench.on(0, 1)).toEqual(upTo(MAX_CLOGGED).map((i) => i + 2));
    expect(bench.network.lost).toBe(2);
  });
});

describe('Network: the end of a session', () => {
  it('loses what is under way in both directions, and nothing that is sent later', () => {
    const bench = new Bench();
    bench.send(0, 1);
    bench.send(1, 0);
    bench.send(0, 2);
    bench.network.reset(1, 0);
    bench.network.send(0, 1, refused(7));
    bench.run(1_000_000);
    expect(bench.on(0, 1)).toEqual([7]);
    expect(bench.on(1, 0)).toEqual([]);
    expect(bench.on(0, 2)).toEqual([0]);
    expect(bench.network.lost).toBe(2);
  });

  it('loses what a clog holds back', () => {
    const bench = new Bench();
    bench.network.clog(0, 1, 1);
    bench.send(0, 1);
    bench.run(1_000_000);
    bench.network.reset(0, 1);
    bench.network.clog(0, 1, -1);
    bench.run(1_000_000);
    expect(bench.arrivals).toEqual([]);
    expect(bench.network.lost).toBe(1);
  });

  it('loses what a clog has let go in the same instant', () => {
    const bench = new Bench();
    bench.network.clog(0, 1, 1);
    bench.send(0, 1);
    bench.run(1_000_000);
    bench.network.clog(0, 1, -1);
    bench.network.reset(0, 1);
    bench.run(1_000_000);
    expect(bench.arrivals).toEqual([]);
    expect(bench.network.lost).toBe(1);
  });
});
