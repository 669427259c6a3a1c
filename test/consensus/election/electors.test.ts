/** Electors among members that hear each other or do not. Whoever is chosen is taken to lead at once. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/base/random.ts';
import type { ElectionMessage, ElectionTurn, Elector } from '../../../src/consensus/election/elector.ts';
import { createElector, ELECTIONS, type Election } from '../../../src/consensus/election/electors.ts';

const PATIENCE_MS = 500;
const TICK_MS = 100;

/** Members with one elector each. Messages arrive before the next tick. */
class World {
  readonly electors: Elector[];
  readonly down = new Set<number>();
  readonly words: string[] = [];
  /** In order. */
  readonly chosen: number[] = [];
  leader: number | null = null;
  nowMs = 0;
  #mail: { readonly from: number; readonly to: number; readonly message: ElectionMessage }[] = [];
  readonly #random = new Random('electors');

  constructor(election: Election, size: number) {
    this.electors = Array.from({ length: size }, () => createElector(election));
  }

  tick(place: number): void {
    this.electors[place]?.tick(this.turn(place));
    this.deliver();
  }

  /** All that are up tick, for so long. */
  run(forMs: number): void {
    for (const endMs = this.nowMs + forMs; this.nowMs < endMs; this.nowMs += TICK_MS) {
      for (const place of this.electors.keys()) if (!this.down.has(place)) this.tick(place);
    }
  }

  deliver(): void {
    for (let next = this.#mail.shift(); next !== undefined; next = this.#mail.shift()) {
      const { from, to, message } = next;
      if (!this.down.has(to)) this.electors[to]?.receive(this.turn(to), from, message);
    }
  }

  turn(place: number): ElectionTurn {
    return {
      place,
      size: this.electors.length,
      nowMs: this.nowMs,
      patienceMs: PATIENCE_MS,
      leader: this.leader !== null && !this.down.has(this.leader) ? this.leader : null,
      random: () => this.#random.float(),
      suspects: (other) => this.down.has(other),
      send: (to, message) => {
        this.words.push(`${place}>${to} ${message.word} ${message.candidate}`);
        this.#mail.push({ from: place, to, message });
      },
      lead: () => {
        this.chosen.push(place);
        this.leader = place;
      },
    };
  }
}

describe.each(ELECTIONS)('%s', (election) => {
  it('chooses somebody who is up, and nobody else while that one leads', () => {
    const world = new World(election, 5);
    world.down.add(4);
    world.run(3_000);
    expect(world.chosen).toHaveLength(1);
    expect(world.down.has(world.chosen[0] ?? 4)).toBe(false);
    world.run(10_000);
    expect(world.chosen).toHaveLength(1);
  });

  it('chooses again when the leader goes down', () => {
    const world = new World(election, 3);
    world.run(3_000);
    const first = world.chosen.at(-1) ?? -1;
    world.down.add(first);
    world.run(6_000);
    expect(world.chosen.length).toBeGreaterThan(1);
    expect(world.chosen.at(-1)).not.toBe(first);
  });

  it('calls again when whoever was chosen does not come to lead', () => {
    const world = new World(election, 3);
    for (let round = 0; round < 40; round++) {
      world.run(TICK_MS);
      world.leader = null;
    }
    expect(world.chosen.length).toBeGreaterThan(1);
  });

  it('waits while somebody is on the way to lead', () => {
    const world = new World(election, 3);
    for (const [place, elector] of world.electors.entries()) elector.yield(world.turn(place));
    world.run(PATIENCE_MS);
    expect(world.chosen).toEqual([]);
  });
});

describe('the bully', () => {
  it('is the highest that is up: those above are asked, and those below are told', () => {
    const world = new World('bully', 3);
    world.tick(0);
    expect(world.chosen).toEqual([2]);
    expect(world.words).toContain('0>2 election 0');
    expect(world.words).toContain('2>0 answer 2');
    expect(world.words).toContain('2>1 coordinator 2');
  });

  it('waits for answers before it takes over', () => {
    const world = new World('bully', 3);
    world.down.add(2);
    world.tick(1);
    expect(world.chosen).toEqual([]);
    world.nowMs += PATIENCE_MS;
    world.tick(1);
    expect(world.chosen).toEqual([1]);
  });

  it('takes the lead from those below when it comes back', () => {
    const world = new World('bully', 3);
    world.leader = 1;
    world.tick(2);
    expect(world.chosen).toEqual([2]);
  });
});

describe('the ring', () => {
  it('chooses the highest that a message meets, and says so around', () => {
    const world = new World('ring', 4);
    world.tick(1);
    expect(world.chosen).toEqual([3]);
    expect(world.words).toEqual([
      '1>2 election 1',
      '2>3 election 2',
      '3>0 election 3',
      '0>1 election 3',
      '1>2 election 3',
      '2>3 election 3',
      '3>0 coordinator 3',
      '0>1 coordinator 3',
      '1>2 coordinator 3',
      '2>3 coordinator 3',
    ]);
  });

  it('leaves out who seems to be down, and does not send its name around for ever', () => {
    const world = new World('ring', 4);
    world.down.add(3);
    world.electors[0]?.receive(world.turn(0), 2, { word: 'election', candidate: 3 });
    world.deliver();
    expect(world.chosen).toEqual([2]);
    expect(world.words.length).toBeLessThan(20);
  });

  it('is answered by whoever leads', () => {
    const world = new World('ring', 3);
    world.leader = 1;
    world.electors[1]?.receive(world.turn(1), 0, { word: 'election', candidate: 2 });
    world.deliver();
    expect(world.chosen).toEqual([]);
    expect(world.words[0]).toBe('1>2 coordinator 1');
  });
});

describe('whom an elector leaves in peace', () => {
  const keeps = (election: Election, place: number, down: readonly number[] = []) =>
    createElector(election).keeps({ place: 1, size: 5, suspects: (at) => down.includes(at) }, place);

  it.each(['ring', 'timeout'] as const)('%s: whoever leads', (election) => {
    expect([0, 2, 4].map((place) => keeps(election, place))).toEqual([true, true, true]);
  });

  it('bully: nobody below a member that is up', () => {
    expect([0, 3, 4].map((place) => keeps('bully', place))).toEqual([false, false, true]);
    expect(keeps('bully', 2, [3, 4])).toBe(true);
    // The one who asks is up, whatever its detector says of it.
    expect(keeps('bully', 0, [1, 2, 3, 4])).toBe(false);
  });
});
