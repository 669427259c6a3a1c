/** The log in memory: what follows what, what is dropped, and how much of it is on disk. */
import { describe, expect, it } from 'vitest';
import { Lsn } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { Log } from '../../../src/consensus/raft/log.ts';
import { GENESIS } from '../../simulator/support.ts';
import { blocksOf } from '../members/world.ts';
import { placeOf as positionOf, World } from './world.ts';

const { council } = new World().state.log.base;
const placeOf = (block: Block) => ({ ...positionOf(block), council });

const BLOCKS = blocksOf(GENESIS.block, [1, 1, 2, 4, 4]);

function logOf(blocks: readonly Block[] = BLOCKS, bytes = 100): Log {
  const log = new Log(placeOf(GENESIS.block));
  for (const [i, block] of blocks.entries()) log.append({ ...placeOf(block), block, bytes, lsn: Lsn(10 + i) });
  return log;
}

describe('a log', () => {
  it('begins with what is decided', () => {
    const log = logOf([]);
    expect(log.last.height).toBe(0);
    expect(log.at(0)).toEqual(placeOf(GENESIS.block));
    expect(log.at(1)).toBeUndefined();
  });

  it('takes only what follows its last block, and no term that is over', () => {
    const [first] = BLOCKS as [Block];
    const log = logOf();
    expect(() => log.append({ ...placeOf(first), block: first, bytes: 1, lsn: Lsn(99) })).toThrow(/follows the last/);
    const [late] = blocksOf(BLOCKS[4] as Block, [3]) as [Block];
    expect(() => log.append({ ...placeOf(late), block: late, bytes: 1, lsn: Lsn(99) })).toThrow(/terms never descend/);
  });

  it('drops from a height on, and never what is decided', () => {
    const log = logOf();
    expect(log.truncateFrom(4)).toBe(2);
    expect(log.last.height).toBe(3);
    expect(() => log.truncateFrom(0)).toThrow(/decided/);
  });

  it('goes on elsewhere', () => {
    const log = logOf();
    log.restartAt(placeOf(BLOCKS[2] as Block));
    expect(log.last.height).toBe(3);
    expect(log.entry(4)).toBeUndefined();
  });

  it.each([
    [0, 9, 0],
    [0, 10, 1],
    [0, 12, 3],
    [0, 99, 5],
    [2, 9, 2],
    [2, 13, 4],
  ])('with %d blocks on disk and records up to %d is durable up to %d', (stored, persisted, expected) => {
    expect(logOf().durable(stored, Lsn(persisted))).toBe(expected);
  });

  it('is not durable beyond the chain on disk where it goes on from a block that is not there yet', () => {
    const log = logOf([]);
    log.restartAt(placeOf(BLOCKS[2] as Block));
    const next = BLOCKS[3] as Block;
    log.append({ ...placeOf(next), block: next, bytes: 1, lsn: Lsn(20) });
    expect(log.durable(1, Lsn(20))).toBe(1);
    expect(log.durable(3, Lsn(20))).toBe(4);
  });

  it.each([
    [5, 4, 5],
    [5, 3, 3],
    [5, 1, 2],
    [9, 9, 5],
    [2, 9, 2],
    [5, 0, 0],
  ])('up to %d has the last block of no later term than %d at %d', (height, term, expected) => {
    expect(logOf().latestWithin(height, term).height).toBe(expected);
  });

  it('keeps some decided blocks for followers that are a little behind, by number and by size', () => {
    const long = logOf(blocksOf(GENESIS.block, Array(200).fill(1)));
    long.trim(190);
    expect(long.base.height).toBe(190 - 128);
    expect(long.last.height).toBe(200);
    expect(long.firstLsn(190)).toBe(10 + 190);
    const heavy = logOf(BLOCKS, 8 * 1024 * 1024);
    heavy.trim(4);
    expect(heavy.base.height).toBe(2);
    heavy.trim(2);
    expect(heavy.base.height).toBe(2);
  });
});
