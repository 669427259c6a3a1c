/**
 * Real processes that are killed while they write, and real limits of the operating system. Tests run as root here and
 * there, whom file modes do not bind, so a read-only disk is left to the fake of `guarded.test.ts`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { ChainStore } from '../../src/storage/chain-store.ts';
import { openDatadir } from '../../src/storage/datadir.ts';
import { MemoryDatabase } from '../../src/storage/memory.ts';
import { buildGenesis, transactionHashOf } from '../support/chain.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { stepOf, takeStep } from './crash-plan.ts';

const CHILD = join(import.meta.dirname, 'crash-child.ts');
const genesis = buildGenesis();
const network = { genesisHash: genesis.hash, chainId: 31337, engine: 'pow' };
const directory = temporaryDirectories();

interface Ended {
  /** The last step that was acknowledged. */
  readonly acknowledged: number;
  readonly errors: string;
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('close', () => resolve()));
}

/** Runs the writer until it has acknowledged `steps` steps, or has said that it is open (0), and kills it there. */
async function runAndKill(root: string, steps: number): Promise<Ended> {
  const child = spawn(process.execPath, [CHILD, root], { stdio: ['ignore', 'pipe', 'pipe'] });
  return follow(child, steps);
}

async function follow(child: ChildProcess, steps: number): Promise<Ended> {
  let errors = '';
  let acknowledged = 0;
  let count = 0;
  child.stderr?.on('data', (text: Buffer) => {
    errors = (errors + text).slice(-4_000);
  });
  const end = ended(child);
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    const [word, step] = line.split(' ');
    acknowledged = Number(step);
    if (word === 'ack') count++;
    if (count === steps) child.kill('SIGKILL');
  }
  await end;
  return { acknowledged, errors };
}

/** The head of a node that took the same steps and was never killed. */
async function twinHead(steps: number): Promise<string> {
  const twin = await ChainStore.open(new MemoryDatabase(), genesis);
  for (let step = 1; step <= steps; step++) await takeStep(twin, step);
  return twin.head.hash;
}

/** Opens what the killed process left and checks it as a whole; returns the step of its head. */
async function inspect(root: string): Promise<{ head: number; lsn: number }> {
  const datadir = await openDatadir(root, network);
  try {
    const store = await datadir.openStore(genesis);
    const { lsn, records } = await datadir.openLog(() => undefined);
    expect(store.recovery).toBeNull();
    expect(records.map(([low = 0, high = 0]) => low + high * 256)).toEqual(records.map((_, i) => i + 1));
    let at = store.head;
    const places = new Map<string, number>();
    for (; at.header.number > 0; at = store.header(at.header.parentHash) as typeof at) {
      expect(store.canonical(at.header.number)).toBe(at.hash);
      const { transactions = [] } = store.block(at.hash) ?? {};
      for (const transaction of transactions) places.set(transactionHashOf(transaction), at.header.number);
      expect(store.receipts(at.hash)).toHaveLength(transactions.length);
      expect(store.state.node(at.header.stateRoot)).toBeDefined();
    }
    expect(at.hash).toBe(genesis.hash);
    for (const [hash, number] of places) expect(store.transaction(hash as typeof at.hash)?.blockNumber).toBe(number);
    const head = stepOf(store.head);
    expect(store.head.hash).toBe(await twinHead(head));
    return { head, lsn };
  } finally {
    await datadir.close();
  }
}

describe('kill -9', () => {
  test('in the middle of writing loses nothing that was acknowledged', async () => {
    const root = directory();
    let before = 0;
    for (const steps of [7, 40, 1, 23, 90]) {
      const { acknowledged, errors } = await runAndKill(root, steps);
      expect(errors).toBe('');
      expect(acknowledged).toBeGreaterThanOrEqual(before + steps);
      // Steps that were finished but whose line was not read yet may be there as well.
      const { head, lsn } = await inspect(root);
      expect(head).toBeGreaterThanOrEqual(acknowledged);
      expect(lsn - head).toBeGreaterThanOrEqual(0);
      expect(lsn - head).toBeLessThanOrEqual(1);
      before = head;
    }
  });

  test('while the directory is being made leaves one that can be started', async () => {
    const root = directory();
    for (const delayMs of [60, 90, 120, 150, 200, 250]) {
      const child = spawn(process.execPath, [CHILD, root], { stdio: 'ignore' });
      const end = ended(child);
      setTimeout(() => child.kill('SIGKILL'), delayMs);
      await end;
    }
    const { head, lsn } = await inspect(root);
    expect(lsn - head).toBeLessThanOrEqual(1);
  });
});

describe('two processes', () => {
  test('the second on a data directory is refused, and the first is not disturbed', async () => {
    const root = directory();
    const datadir = await openDatadir(root, network);
    const store = await datadir.openStore(genesis);
    const { errors } = await runAndKill(root, 1);
    expect(errors).toContain('storage/locked');
    await store.flush();
    await datadir.close();
    expect((await inspect(root)).head).toBe(0);
  });
});

/** The shell sets the limit; a file that may not grow fails writes as a full disk does (EFBIG in place of ENOSPC). */
function runLimited(root: string, limit: string): ChildProcess {
  const script = `trap '' XFSZ; ulimit ${limit}; exec "$0" "$@"`;
  return spawn('sh', ['-c', script, process.execPath, CHILD, root], { stdio: ['ignore', 'pipe', 'pipe'] });
}

describe.skipIf(process.platform === 'win32')('limits of the operating system', () => {
  test('a disk that is full stops the node with a clear error and loses nothing', async () => {
    const root = directory();
    mkdirSync(root, { recursive: true });
    // In blocks of 512 bytes: 256 KiB for each file.
    const { acknowledged, errors } = await follow(runLimited(root, '-f 512'), Number.POSITIVE_INFINITY);
    expect(errors).toContain('storage/full');
    expect(acknowledged).toBeGreaterThan(10);
    const { head } = await inspect(root);
    expect(head).toBeGreaterThanOrEqual(acknowledged);
  });

  test('too few open files is a clear error', async () => {
    const { errors } = await follow(runLimited(directory(), '-n 24'), Number.POSITIVE_INFINITY);

    expect(errors).toContain('storage/too-many-files');
  });
});
