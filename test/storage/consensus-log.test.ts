import { describe, expect, test } from 'vitest';
import { Lsn } from '../../src/base/types.ts';
import type { LogPort } from '../../src/node/ports.ts';
import { ConsensusLog, type RecoveredLog } from '../../src/storage/consensus-log.ts';
import { keyText, TABLES } from '../../src/storage/layout.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';

function open(database: MemoryDatabase, create = true): Promise<RecoveredLog> {
  const fail = (error: unknown): never => {
    throw error;
  };
  return ConsensusLog.open(database, { create, fail });
}

function append(log: LogPort, lsn: number, records: readonly Uint8Array[], truncateBelow?: number): Promise<void> {
  return new Promise((resolve) => log.append(Lsn(lsn), records, truncateBelow === undefined ? undefined : Lsn(truncateBelow), resolve));
}

const record = (value: number): Uint8Array => Uint8Array.of(value, value);

describe('ConsensusLog', () => {
  test('gives back every record in order, the last position, and a new incarnation each time', async () => {
    const database = new MemoryDatabase();
    const first = await open(database);
    expect(first).toMatchObject({ records: [], incarnation: 1, lsn: 0 });
    await append(first.log, 2, [record(1), record(2)]);
    await append(first.log, 3, [record(3)]);
    const second = await open(database, false);
    expect(second).toMatchObject({ records: [record(1), record(2), record(3)], incarnation: 2, lsn: 3 });
    await append(second.log, 4, [record(4)]);
    expect(await open(database)).toMatchObject({ records: [1, 2, 3, 4].map(record), incarnation: 3, lsn: 4 });
  });

  test('the incarnation is durable before anything can be signed under it', async () => {
    const database = new MemoryDatabase();
    await open(database);
    await open(new MemoryDatabase(undefined, database.snapshot()));
    expect((await open(new MemoryDatabase(undefined, database.snapshot()))).incarnation).toBe(2);
  });

  test('drops records below the truncation in the same batch, and counts on', async () => {
    const batches: number[] = [];
    const database = new MemoryDatabase((operations) => void batches.push(operations.length));
    const { log } = await open(database);
    await append(log, 5, [1, 2, 3, 4, 5].map(record));
    await append(log, 6, [record(6)], 5);
    expect(batches).toHaveLength(3);
    expect(await open(database)).toMatchObject({ records: [record(5), record(6)], lsn: 6 });
    const { log: again } = await open(database);
    await append(again, 7, [record(7)], 8);
    expect(await open(database)).toMatchObject({ records: [], lsn: 7 });
    const { log: last } = await open(database);
    await append(last, 8, [record(8)], 3);
    expect(await open(database)).toMatchObject({ records: [record(8)], lsn: 8 });
    expect([...database.snapshot().keys()].filter((key) => key.startsWith('l'))).toHaveLength(1);
  });

  test('calls back in the order of the appends, once each is durable', async () => {
    const database = new MemoryDatabase();
    const { log } = await open(database);
    const seen: number[] = [];
    for (const lsn of [1, 2, 3]) {
      log.append(Lsn(lsn), [record(lsn)], undefined, () => {
        seen.push(lsn);
        expect(database.snapshot().has(keyText(TABLES.logEntry.key(lsn)))).toBe(true);
      });
    }
    expect(seen).toEqual([]);
    await append(log, 4, [record(4)]);
    expect(seen).toEqual([1, 2, 3]);
  });

  test('refuses a position that does not follow', async () => {
    const { log } = await open(new MemoryDatabase());
    for (const lsn of [0, 2]) {
      expect(() => log.append(Lsn(lsn), [record(1)], undefined, () => undefined)).toThrow(
        expect.objectContaining({ code: 'internal/assertion' }),
      );
    }
  });

  test('a lost, extra or flipped record refuses the log: a node must not forget what it signed', async () => {
    const database = new MemoryDatabase();
    const { log } = await open(database);
    await append(log, 3, [1, 2, 3].map(record));
    for (const lost of [1, 2, 3]) {
      const entries = new Map(database.snapshot());
      entries.delete(keyText(TABLES.logEntry.key(lost)));
      const error = await open(new MemoryDatabase(undefined, entries)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'storage/log-gap', fields: { lsn: lost } });
      expect((error as Error).message).not.toContain('--resync');
    }
    const flipped = new Map(database.snapshot());
    const key = keyText(TABLES.logEntry.key(2));
    flipped.set(key, (flipped.get(key) as Uint8Array).with(0, 99));
    await expect(open(new MemoryDatabase(undefined, flipped))).rejects.toMatchObject({ code: 'storage/corrupt' });
    const stateless = new Map(database.snapshot());
    stateless.delete(keyText(TABLES.logState.key(null)));
    await expect(open(new MemoryDatabase(undefined, stateless), false)).rejects.toMatchObject({ code: 'storage/missing' });
    await expect(open(new MemoryDatabase(undefined, stateless), true)).rejects.toMatchObject({ code: 'storage/log-gap' });
  });

  test('a write that fails is reported, and its callback never comes', async () => {
    let full = false;
    const database = new MemoryDatabase(() => {
      if (full) throw new Error('disk full');
    });
    let failed: (error: unknown) => void = () => undefined;
    const failure = new Promise<unknown>((resolve) => {
      failed = resolve;
    });
    const { log } = await ConsensusLog.open(database, { fail: (error) => failed(error) });
    full = true;
    let durable = false;
    log.append(Lsn(1), [record(1)], undefined, () => {
      durable = true;
    });
    expect(await failure).toMatchObject({ code: 'storage/write' });
    expect(durable).toBe(false);
  });
});
