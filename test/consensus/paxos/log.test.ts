/** What an acceptor has accepted is one chain, whose ballots never ascend from slot to slot. */
import { describe, expect, it } from 'vitest';
import { bigToFixed, toHex } from '../../../src/base/bytes.ts';
import { Lsn } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { AcceptedLog, MAX_ACCEPTED, positionOf } from '../../../src/consensus/paxos/log.ts';
import { childOf, GENESIS } from '../../simulator/support.ts';

const blockOf = (parent: Block, name = 0): Block => childOf(parent, name, { nonce: toHex(bigToFixed(1n, 8)) });
const A1 = blockOf(GENESIS.block);
const A2 = blockOf(A1);
const A3 = blockOf(A2);
const B1 = blockOf(GENESIS.block, 1);
const B2 = blockOf(A1, 2);

function logOf(...votes: readonly (readonly [Block, number])[]): AcceptedLog {
  const log = new AcceptedLog(positionOf(GENESIS.block));
  for (const [index, [block, ballot]] of votes.entries()) put(log, block, ballot, index + 1);
  return log;
}

function put(log: AcceptedLog, block: Block, ballot: number, lsn: number): number {
  return log.put({ ...positionOf(block), ballot, block, lsn: Lsn(lsn), blockLsn: Lsn(lsn) });
}

const votesOf = (log: AcceptedLog) => log.entries.map(({ height, ballot }) => [height, ballot]);

describe('what is accepted', () => {
  it('needs its parent under the same ballot, or a decided one', () => {
    const log = logOf([A1, 5], [A2, 5]);
    expect(log.canAccept(9, A1.header)).toBe(true);
    expect(log.canAccept(9, A2.header)).toBe(false);
    expect(log.canAccept(5, A3.header)).toBe(true);
    expect(log.canAccept(5, B2.header)).toBe(true);
    put(log, A1, 9, 3);
    expect(log.canAccept(9, A2.header)).toBe(true);
  });

  it('keeps what is above when its own ballot rises', () => {
    const log = logOf([A1, 5], [A2, 5]);
    expect(put(log, A1, 9, 3)).toBe(0);
    expect(votesOf(log)).toEqual([
      [1, 9],
      [2, 5],
    ]);
    expect(log.entry(1)?.blockLsn).toBe(1);
    expect(log.acceptedUpTo(9)).toBe(1);
    expect(log.acceptedUpTo(5)).toBe(0);
  });

  it('makes what is above fall away when it takes the place of another', () => {
    const log = logOf([A1, 5], [A2, 5], [A3, 5]);
    expect(put(log, B1, 9, 4)).toBe(3);
    expect(votesOf(log)).toEqual([[1, 9]]);
  });

  it('counts as far as it is on disk', () => {
    const log = logOf([A1, 5], [A2, 5], [A3, 5]);
    expect(log.acceptedUpTo(5, Lsn(2))).toBe(2);
    expect(log.acceptedUpTo(5)).toBe(3);
  });

  it('is bounded', () => {
    const log = logOf();
    expect(log.canAccept(5, { ...A1.header, number: MAX_ACCEPTED + 1 })).toBe(false);
  });

  it('never has a lower ballot than before', () => {
    const log = logOf([A1, 5]);
    expect(() => put(log, A1, 4, 2)).toThrow(/only ascends/);
  });
});

describe('when the chain on disk grows', () => {
  it('keeps what follows from it', () => {
    const log = logOf([A1, 5], [A2, 5], [A3, 5]);
    expect(log.rebase(positionOf(A2))).toBe(0);
    expect(votesOf(log)).toEqual([[3, 5]]);
    expect(log.canAccept(9, A3.header)).toBe(true);
  });

  it('loses what contradicts it, and all above', () => {
    const log = logOf([A1, 5], [A2, 5], [A3, 5]);
    expect(log.rebase(positionOf(B2))).toBe(2);
    expect(votesOf(log)).toEqual([]);
    expect(log.last).toEqual(positionOf(B2));
  });
});
