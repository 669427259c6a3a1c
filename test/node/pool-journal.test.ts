/** What clients sent and no block has yet is there again after a crash, whatever the crash left of the file. */
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { Hash } from '../../src/base/types.ts';
import { keccakHash } from '../../src/execution/keccak.ts';
import { PoolJournal } from '../../src/node/pool-journal.ts';
import { temporaryDirectories } from '../support/directory.ts';

const temporary = temporaryDirectories();
const tx = (number: number, size = 110) => new Uint8Array(size).fill(number);

/** A pool that takes everything but what it is told to refuse. */
class Pool {
  readonly held = new Set<Hash>();
  readonly refused = new Set<Hash>();
  readonly warnings: string[] = [];

  open(path: string): { journal: PoolJournal; remembered: number } {
    const journal = new PoolJournal(path, {
      add: (bytes) => {
        const hash = keccakHash(bytes);
        if (this.refused.has(hash)) throw new RangeError('nonce too low');
        this.held.add(hash);
        return hash;
      },
      has: (hash) => this.held.has(hash),
      warn: (message) => void this.warnings.push(message),
    });
    return { journal, remembered: journal.open() };
  }

  take(journal: PoolJournal, bytes: Uint8Array): Hash {
    const hash = keccakHash(bytes);
    this.held.add(hash);
    journal.append(hash, bytes);
    return hash;
  }
}

let path: string;
beforeEach(() => {
  path = join(temporary(), 'transactions.journal');
});

/** A node that took these and was killed. */
function killedAfter(...transactions: Uint8Array[]): Hash[] {
  const pool = new Pool();
  const { journal } = pool.open(path);
  return transactions.map((bytes) => pool.take(journal, bytes));
}

describe('the transaction journal', () => {
  it('begins empty, and gives back in order what was taken before a crash', () => {
    expect(new Pool().open(path).remembered).toBe(0);
    const hashes = killedAfter(tx(1), tx(2, 40_000), tx(3));
    const pool = new Pool();
    expect(pool.open(path).remembered).toBe(3);
    expect([...pool.held]).toEqual(hashes);
    expect(pool.warnings).toEqual([]);
  });

  it('forgets what the pool does not take any more', () => {
    const [mined = Hash(`0x${'0'.repeat(64)}`)] = killedAfter(tx(1), tx(2));
    const pool = new Pool();
    pool.refused.add(mined);
    expect(pool.open(path).remembered).toBe(1);
    expect(new Pool().open(path).remembered).toBe(1);
  });

  it.each([
    ['half a record', (size: number) => truncateSync(path, size - 50)],
    ['half a length', (size: number) => truncateSync(path, size - 110 - 6)],
    ['a flipped bit', (size: number) => flip(size - 10)],
    ['a length of 4 GiB', (size: number) => writeAt(size - 110 - 8, [255, 255, 255, 255])],
  ])('bears %s at the end, says so, and goes on', (_name, damage) => {
    killedAfter(tx(1), tx(2));
    damage(statSync(path).size);
    const pool = new Pool();
    const { journal, remembered } = pool.open(path);
    expect(remembered).toBe(1);
    expect(pool.warnings).toEqual([expect.stringContaining('torn')]);
    pool.take(journal, tx(3));
    expect(new Pool().open(path).remembered).toBe(2);
  });

  it('does not grow for ever: what blocks have taken goes when it is written again', () => {
    const pool = new Pool();
    const { journal } = pool.open(path);
    for (let number = 0; number < 60; number++) {
      const hash = pool.take(journal, new Uint8Array(100_000).fill(number));
      if (number > 0) pool.held.delete(hash);
    }
    expect(statSync(path).size).toBeLessThan(4_200_000);
    expect(new Pool().open(path).remembered).toBeGreaterThan(0);
  });

  it('that cannot be written is given up with a warning: the node goes on', () => {
    const pool = new Pool();
    const { journal, remembered } = pool.open(join(path, 'in', 'no', 'directory'));
    expect(remembered).toBe(0);
    pool.take(journal, tx(1));
    expect(pool.warnings).toEqual([expect.stringContaining('not remembered')]);
    rmSync(path, { force: true });
  });
});

function flip(at: number): void {
  const content = readFileSync(path);
  content.writeUInt8(content.readUInt8(at) ^ 1, at);
  writeFileSync(path, content);
}

function writeAt(at: number, bytes: number[]): void {
  const content = readFileSync(path);
  content.set(bytes, at);
  writeFileSync(path, content);
}
