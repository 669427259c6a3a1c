/**
 * LevelDB with its files damaged in every way that was measured to go unnoticed: each opening must refuse, naming the
 * file, or give right values. A crash leaves what an orderly end does, but for the list of the files' sizes.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { Database } from '../../src/storage/database.ts';
import { openLevel } from '../../src/storage/level.ts';
import { temporaryDirectories } from '../support/directory.ts';

const ENTRIES = 400;
const OPTIONS = { create: false, remedy: 'Restore it.', writeBufferBytes: 64 * 1024 };
const directory = temporaryDirectories();
/** Files as a crash would leave them, and as an orderly end leaves them. */
let crashed = '';
let closed = '';

const keyOf = (index: number): Uint8Array => Uint8Array.of(0x61, index >> 8, index & 255);
const contentOf = (index: number): Uint8Array => new Uint8Array(500).map((_, i) => (index * 7 + i * 13) & 255);

beforeAll(async () => {
  const made = directory();
  const database = await openLevel(made, { ...OPTIONS, create: true });
  for (let index = 0; index < ENTRIES; index++) await database.write([{ type: 'put', key: keyOf(index), value: contentOf(index) }]);
  await database.close();
  closed = made;
  crashed = copyOf(closed);
  rmSync(join(crashed, 'CLOSED.json'));
});

function copyOf(original: string): string {
  const copy = directory();
  cpSync(original, copy, { recursive: true });
  return copy;
}

/** How many values are there. They must be right, and the first ones: a hole would be a lost write. */
function prefixIn(database: Database): number {
  const values = Array.from({ length: ENTRIES }, (_, index) => database.get(keyOf(index)));
  const found = values.indexOf(undefined);
  const length = found < 0 ? ENTRIES : found;
  expect(values.map((value) => value !== undefined)).toEqual(values.map((_, index) => index < length));
  values.slice(0, length).forEach((value, index) => void expect(Buffer.compare(value as Uint8Array, contentOf(index))).toBe(0));
  return length;
}

/** The number of values, or the file that the refusal names. */
async function outcomeOf(path: string): Promise<number | string> {
  let database: Database;
  try {
    database = await openLevel(path, OPTIONS);
  } catch (error) {
    expect(error).toMatchObject({ code: 'storage/corrupt' });
    expect((error as Error).message).toContain('Restore it.');
    return String((error as { fields: { file?: string } }).fields.file).replace(`${path}/`, '');
  }
  const values = prefixIn(database);
  await database.close();
  return values;
}

function filesIn(path: string, pattern: RegExp): string[] {
  return readdirSync(path).filter((name) => pattern.test(name));
}

function flipBit(path: string, position: number, bit: number): void {
  const bytes = readFileSync(path);
  bytes[position] = (bytes[position] ?? 0) ^ (1 << bit);
  writeFileSync(path, bytes);
}

describe('openLevel', () => {
  test('finds everything after a crash and after an orderly end', async () => {
    expect(filesIn(crashed, /\.ldb$/).length).toBeGreaterThan(1);
    expect(await outcomeOf(copyOf(crashed))).toBe(ENTRIES);
    const again = copyOf(closed);
    expect(await outcomeOf(again)).toBe(ENTRIES);
    expect(await outcomeOf(again)).toBe(ENTRIES);
  });

  test('reads ranges in both directions, within their limit', async () => {
    const database = await openLevel(copyOf(crashed), OPTIONS);
    const keys = async (range: { reverse?: boolean; limit?: number }): Promise<number[]> => {
      const found: number[] = [];
      for await (const [key] of database.entries({ from: keyOf(3), to: keyOf(7), ...range })) found.push(key[2] ?? -1);
      return found;
    };
    expect(await keys({})).toEqual([3, 4, 5, 6]);
    expect(await keys({ reverse: true, limit: 2 })).toEqual([6, 5]);
    await database.close();
    expect(() => database.get(keyOf(1))).toThrow(expect.objectContaining({ code: 'storage/closed' }));
  });

  test('has every write on the disk before it is acknowledged', async () => {
    const written: unknown[] = [];
    const { batch } = ClassicLevel.prototype;
    const spy = vi.spyOn(ClassicLevel.prototype, 'batch').mockImplementation(function (this: ClassicLevel) {
      const made = batch.call(this) as unknown as { write(options: unknown): Promise<void> };
      const write = made.write.bind(made);
      made.write = (options) => {
        written.push(options);
        return write(options);
      };
      return made as never;
    });
    const database = await openLevel(copyOf(crashed), OPTIONS);
    for (const index of [0, 1]) await database.write([{ type: 'put', key: keyOf(index), value: contentOf(index) }]);
    await database.close();
    spy.mockRestore();
    // A process that is killed cannot show this: what the system has, it keeps. Only a power failure would.
    expect(written).toEqual([{ sync: true }, { sync: true }]);
  });

  test('refuses a second opening while it is open', async () => {
    const path = copyOf(crashed);
    const database = await openLevel(path, OPTIONS);
    await expect(openLevel(path, OPTIONS)).rejects.toMatchObject({ code: 'storage/locked' });
    await database.close();
  });

  test('makes a database only where there is none and only when it may', async () => {
    const empty = join(directory(), 'new');
    await expect(openLevel(empty, OPTIONS)).rejects.toMatchObject({ code: 'storage/corrupt' });
    expect(existsSync(empty)).toBe(false);
    const database = await openLevel(empty, { ...OPTIONS, create: true });
    await database.close();
    expect(filesIn(empty, /CURRENT/)).toHaveLength(1);
  });

  test('a path that is a file is an error of the disk', async () => {
    const path = join(directory(), 'file');
    writeFileSync(path, 'not a directory');
    await expect(openLevel(path, { ...OPTIONS, create: true })).rejects.toMatchObject({ code: 'storage/io' });
  });
});

describe('damaged files of LevelDB', () => {
  test.each([true, false])('without CURRENT the database is refused and its tables stay (create: %s)', async (create) => {
    const path = copyOf(crashed);
    rmSync(join(path, 'CURRENT'));
    const before = readdirSync(path);
    await expect(openLevel(path, { ...OPTIONS, create })).rejects.toMatchObject({
      code: 'storage/corrupt',
      fields: { file: join(path, 'CURRENT') },
    });
    expect(readdirSync(path)).toEqual(before);
  });

  test('one flipped bit anywhere is refused, naming the file, or makes no difference', async () => {
    const random = new Random(20_261_121);
    const names = filesIn(crashed, /^(?!LO)/);
    const refused = new Set<string>();
    for (let round = 0; round < 80; round++) {
      const path = copyOf(crashed);
      const name = names[round % names.length] as string;
      flipBit(join(path, name), random.below(readFileSync(join(path, name)).length), random.below(8));
      const outcome = await outcomeOf(path);
      if (typeof outcome === 'number') expect(outcome).toBe(ENTRIES);
      else refused.add(outcome);
      rmSync(path, { recursive: true });
    }
    expect(refused.size).toBeGreaterThanOrEqual(names.length - 1);
  });

  test('one flipped bit at every place of the last record of the log is refused', async () => {
    const [log] = filesIn(crashed, /\.log$/) as [string];
    const size = readFileSync(join(crashed, log)).length;
    const path = copyOf(crashed);
    const original = readFileSync(join(path, log));
    // Header and the first bytes of the batch, where a wrong length or type would be.
    for (let position = size - 530; position < size - 490; position++) {
      flipBit(join(path, log), position, position % 8);
      expect(await outcomeOf(path)).toBe(log);
      writeFileSync(join(path, log), original);
    }
    expect(await outcomeOf(path)).toBe(ENTRIES);
  });

  test('a log that a crash cut off loses the interrupted write and no other', async () => {
    // The newest: on a busy machine the one before it may not have become a table yet.
    const log = filesIn(crashed, /\.log$/)
      .sort()
      .at(-1) as string;
    const size = readFileSync(join(crashed, log)).length;
    let last = 0;
    for (const cut of [1_300, 700, 500, 100, 5, 1]) {
      const path = copyOf(crashed);
      truncateSync(join(path, log), size - cut);
      const outcome = await outcomeOf(path);
      expect(outcome).toBeLessThan(ENTRIES);
      expect(outcome).toBeGreaterThanOrEqual(last);
      last = outcome as number;
    }
    expect(last).toBe(ENTRIES - 1);
  });

  test('after an orderly end a file that became shorter is refused', async () => {
    for (const name of filesIn(closed, /\.log$|\.ldb$|^MANIFEST/)) {
      const path = copyOf(closed);
      const size = readFileSync(join(path, name)).length;
      if (size === 0) continue;
      truncateSync(join(path, name), size - 1);
      expect(await outcomeOf(path)).toBe(name);
      rmSync(join(path, name));
      expect(await outcomeOf(path)).toBe(name);
    }
  });

  test('a manifest that lost its end never makes a hole', async () => {
    const [manifest] = filesIn(crashed, /^MANIFEST/) as [string];
    const size = readFileSync(join(crashed, manifest)).length;
    let refused = 0;
    for (let length = 0; length < size; length += Math.ceil(size / 40)) {
      const path = copyOf(crashed);
      truncateSync(join(path, manifest), length);
      if (typeof (await outcomeOf(path)) === 'string') refused++;
      rmSync(path, { recursive: true });
    }
    expect(refused).toBeGreaterThan(10);
  });

  test.each([/^MANIFEST/, /\.ldb$/])('a missing file (%s) is refused by name', async (pattern) => {
    const path = copyOf(crashed);
    const [name] = filesIn(path, pattern) as [string];
    rmSync(join(path, name));
    expect(await outcomeOf(path)).toBe(name);
  });

  test.each([
    ['CURRENT', ''],
    ['CURRENT', 'MANIFEST-999999\n'],
    ['CURRENT', '../../etc/passwd\n'],
    ['CLOSED.json', '{'],
    ['CLOSED.json', '[]x'],
  ])('%s with the content %j is refused', async (name, content) => {
    const path = copyOf(closed);
    writeFileSync(join(path, name), content);
    expect(typeof (await outcomeOf(path))).toBe('string');
  });
});
