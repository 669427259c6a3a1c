/** The disk that forgets, and the consensus log on it: what was acknowledged survives, in order and without gaps. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { Lsn } from '../../src/base/types.ts';
import { Disk } from '../../src/simulator/disk.ts';
import { DurableLog, logPort } from '../../src/simulator/virtual-log.ts';
import { World } from '../../src/simulator/world.ts';

const WRITE_US = 1_000;
const FOR_EVER_US = 1e12;

class Bench {
  readonly world: World;
  readonly disk: Disk;
  readonly durable: number[] = [];
  readonly acknowledged: number[] = [];
  readonly errors: unknown[] = [];

  constructor(seed: string | number = 1) {
    this.world = new World(seed);
    this.disk = new Disk(this.world, new Random(seed), { writeUs: WRITE_US });
  }

  /** Writes the numbers, one batch each. */
  write(...numbers: number[]) {
    const file = this.disk.open({ onError: (error) => this.errors.push(error) });
    for (const number of numbers) {
      file.write(
        () => this.durable.push(number),
        () => this.acknowledged.push(number),
      );
    }
    return file;
  }

  run(forUs = FOR_EVER_US): void {
    const untilUs = this.world.nowUs + forUs;
    while (this.world.step(untilUs));
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('Disk', () => {
  it('makes batches durable one after another, and acknowledges each in the instant in which it is', () => {
    const seen: string[] = [];
    const file = bench.disk.open({ onError: () => undefined });
    for (const name of ['a', 'b']) {
      file.write(
        () => seen.push(`${name} durable at ${bench.world.nowUs}`),
        () => seen.push(`${name} done at ${bench.world.nowUs}`),
      );
    }
    expect(seen).toEqual([]);
    bench.run();
    const times = seen.map((line) => Number(line.split(' at ')[1]));
    expect(seen.map((line) => line.split(' at ')[0])).toEqual(['a durable', 'a done', 'b durable', 'b done']);
    const [a = 0, , b = 0] = times;
    expect(times).toEqual([a, a, b, b]);
    for (const took of [a, b - a]) {
      expect(took).toBeGreaterThanOrEqual(WRITE_US);
      expect(took).toBeLessThanOrEqual(2 * WRITE_US + 1);
    }
  });

  it('is slower by the factor it is told', () => {
    bench.disk.setSlowness(100);
    bench.write(1);
    bench.run(99 * WRITE_US);
    expect(bench.durable).toEqual([]);
    bench.run(200 * WRITE_US);
    expect(bench.durable).toEqual([1]);
  });

  it('takes a write that is made while another is acknowledged', () => {
    const file = bench.disk.open({ onError: () => undefined });
    file.write(
      () => bench.durable.push(1),
      () =>
        file.write(
          () => bench.durable.push(2),
          () => bench.acknowledged.push(2),
        ),
    );
    bench.run();
    expect(bench.durable).toEqual([1, 2]);
    expect(bench.acknowledged).toEqual([2]);
  });
});

describe('Disk: a crash', () => {
  it('keeps all that was acknowledged and, of the rest, the first few: any number of them', () => {
    const kept = new Set<number>();
    for (let seed = 0; seed < 60; seed++) {
      const one = new Bench(seed);
      one.write(...upTo(6));
      one.run(4 * WRITE_US);
      const before = one.acknowledged.length;
      const torn = one.disk.crash();
      one.run();
      expect(one.acknowledged).toEqual(upTo(before));
      expect(one.durable).toEqual(upTo(one.durable.length));
      expect(one.durable.length).toBeGreaterThanOrEqual(before);
      const left = one.durable.length - before;
      expect(torn).toEqual({ kept: left, lost: 6 - before - left, isTorn: left > 0 && left < 6 - before });
      kept.add(one.durable.length - before);
    }
    // None, some and all of what was under way: a torn write and one that nobody was told of both happen.
    expect([...kept].sort()).toEqual(expect.arrayContaining([0, 1, 2, 3]));
  });

  it('closes the files: nothing is written or acknowledged after it', () => {
    const file = bench.write(1);
    bench.disk.crash();
    const durable = [...bench.durable];
    file.write(
      () => bench.durable.push(9),
      () => bench.acknowledged.push(9),
    );
    bench.run();
    expect(bench.durable).toEqual(durable);
    expect(bench.acknowledged).toEqual([]);
    expect(file.pending).toBe(0);
  });

  it('decides for each file on its own: what was written to one first may be lost and the other survive', () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const one = new Bench(seed);
      one.write(1);
      one.write(2);
      one.disk.crash();
      outcomes.add(one.durable.toSorted().join());
    }
    expect([...outcomes].sort()).toEqual(['', '1', '1,2', '2']);
  });

  it('may be followed by another life', () => {
    bench.write(1);
    bench.run();
    bench.disk.crash();
    bench.write(2);
    bench.run();
    expect(bench.acknowledged).toEqual([1, 2]);
    bench.disk.crash();
    expect(bench.durable).toEqual([1, 2]);
  });
});

describe('Disk: write errors', () => {
  it('fails every write, tells the owner once, and takes no more', () => {
    const file = bench.write(1, 2, 3);
    bench.disk.setFailing(true);
    bench.run();
    expect(bench.errors).toMatchObject([{ name: 'StorageError', code: 'storage/write' }]);
    bench.disk.setFailing(false);
    file.write(
      () => bench.durable.push(9),
      () => bench.acknowledged.push(9),
    );
    bench.run();
    expect(bench.acknowledged).toEqual([]);
    expect(bench.durable).not.toContain(9);
  });

  it('leaves the failed write undetermined and nothing after it', () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const one = new Bench(seed);
      one.write(1, 2);
      one.disk.setFailing(true);
      one.run();
      one.disk.crash();
      outcomes.add(one.durable.join());
    }
    expect([...outcomes].sort()).toEqual(['', '1']);
  });

  it('spares what is due before and after', () => {
    bench.write(1);
    bench.run();
    bench.disk.setFailing(true);
    bench.run(10 * WRITE_US);
    bench.disk.setFailing(false);
    bench.write(2);
    bench.run();
    expect(bench.acknowledged).toEqual([1, 2]);
    expect(bench.errors).toEqual([]);
  });
});

describe('the consensus log on it', () => {
  const record = (number: number) => Uint8Array.of(number);
  const numbers = (log: DurableLog) => log.records.map(([first]) => first);

  function open(one: Bench, log: DurableLog, told: number[] = []) {
    return logPort(log, one.disk.open({ onError: () => undefined }), (lsn) => told.push(lsn));
  }

  it('appends in order, and tells of each append when it is durable', () => {
    const log = new DurableLog();
    const told: number[] = [];
    const done: number[] = [];
    const port = open(bench, log, told);
    port.append(Lsn(2), [record(1), record(2)], undefined, () => done.push(2));
    port.append(Lsn(3), [record(3)], undefined, () => done.push(3));
    expect(numbers(log)).toEqual([]);
    bench.run();
    expect(numbers(log)).toEqual([1, 2, 3]);
    expect(log.last).toBe(3);
    expect([told, done]).toEqual([
      [2, 3],
      [2, 3],
    ]);
  });

  it('keeps a record as it was when it was appended', () => {
    const log = new DurableLog();
    const bytes = record(1);
    open(bench, log).append(Lsn(1), [bytes], undefined, () => undefined);
    bytes[0] = 9;
    bench.run();
    expect(numbers(log)).toEqual([1]);
  });

  it('drops records below a position, never more than there are, and counts on', () => {
    const log = new DurableLog();
    const port = open(bench, log);
    port.append(Lsn(3), upTo(3).map(record), undefined, () => undefined);
    port.append(Lsn(4), [record(3)], Lsn(3), () => undefined);
    bench.run();
    expect([numbers(log), log.first, log.last]).toEqual([[2, 3], 3, 4]);
    port.append(Lsn(4), [], Lsn(2), () => undefined);
    bench.run();
    expect([numbers(log), log.first]).toEqual([[2, 3], 3]);
    port.append(Lsn(5), [record(4)], Lsn(100), () => undefined);
    bench.run();
    expect([numbers(log), log.first, log.last]).toEqual([[], 6, 5]);
    port.append(Lsn(6), [record(5)], undefined, () => undefined);
    bench.run();
    expect([numbers(log), log.last]).toEqual([[5], 6]);
  });

  it.each([0, 1, 3])('refuses a position that leaves a gap or goes back (%i)', (lsn) => {
    const port = open(bench, new DurableLog());
    expect(() => port.append(Lsn(lsn), [record(1), record(2)], undefined, () => undefined)).toThrowError(
      expect.objectContaining({ code: 'internal/assertion' }),
    );
  });

  it('loses no record that was told to be durable, whenever the power fails, and has no gap', () => {
    for (let seed = 0; seed < 60; seed++) {
      const one = new Bench(seed);
      const log = new DurableLog();
      const told: number[] = [];
      for (let life = 0; life < 4; life++) {
        const port = open(one, log, told);
        const from: number = log.last;
        for (let lsn = from + 1; lsn <= from + 5; lsn++) port.append(Lsn(lsn), [record(lsn)], undefined, () => undefined);
        one.run(new Random(`${seed}/${life}`).below(8) * WRITE_US);
        one.disk.crash();
        expect(log.last).toBeGreaterThanOrEqual(Math.max(0, ...told));
        expect(numbers(log)).toEqual(upTo(log.last).map((i) => i + 1));
      }
    }
  });
});
