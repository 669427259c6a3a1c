import { describe, expect, it } from 'vitest';
import { Hash } from '../../src/base/types.ts';
import { EMPTY_BLOOM } from '../../src/chain/header.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import { RecentBlooms } from '../../src/rpc/recent-blooms.ts';

const hash = (branch: string, number: number) => Hash(`0x${branch}${number.toString(16).padStart(63, '0')}`);

/** A chain of one branch letter for each height. */
class Chain {
  branches: string[];
  readonly reads: number[] = [];

  constructor(branches: string) {
    this.branches = [...branches];
  }

  canonical(number: number): Hash | undefined {
    const branch = this.branches[number];
    return branch === undefined ? undefined : hash(branch, number);
  }

  header(name: Hash): HeaderNode {
    this.reads.push(Number(`0x${name.slice(-8)}`));
    return { hash: name, header: { logsBloom: EMPTY_BLOOM } } as HeaderNode;
  }

  async *blooms(from: number, to: number) {
    const branches = [...this.branches];
    for (let number = from; number <= Math.min(to, branches.length - 1); number++) {
      this.reads.push(number);
      await Promise.resolve();
      yield { hash: hash(branches[number] ?? '', number), bloom: new Uint8Array(0) };
    }
  }
}

async function branchesOf(blooms: RecentBlooms, from: number, to: number): Promise<string> {
  return (await blooms.read(from, to)).map((block) => block.hash[2]).join('');
}

describe('blooms in memory', () => {
  it('are not read twice, nor are those before new ones', async () => {
    const chain = new Chain('aaaaaa');
    const blooms = new RecentBlooms(chain);
    expect(await branchesOf(blooms, 1, 4)).toBe('aaaa');
    expect(await branchesOf(blooms, 2, 3)).toBe('aa');
    expect(await branchesOf(blooms, 2, 5)).toBe('aaaa');
    expect(await branchesOf(blooms, 2, 9)).toBe('aaaa');
    expect(chain.reads).toEqual([1, 2, 3, 4, 5]);
  });

  it('are forgotten when the chain goes another way', async () => {
    const chain = new Chain('aaaaaa');
    const blooms = new RecentBlooms(chain);
    await blooms.read(0, 5);
    chain.branches = [...'aaabbbb'];
    expect(await branchesOf(blooms, 0, 2)).toBe('aaa');
    expect(await branchesOf(blooms, 1, 6)).toBe('aabbbb');
    expect(await branchesOf(blooms, 0, 6)).toBe('aaabbbb');
  });

  it('are read the same way when they are many', async () => {
    const chain = new Chain('a'.repeat(50));
    const blooms = new RecentBlooms(chain);
    expect(await branchesOf(blooms, 1, 40)).toBe('a'.repeat(40));
    chain.branches = [...'a'.repeat(30), ...'b'.repeat(30)];
    expect(await branchesOf(blooms, 1, 59)).toBe(`${'a'.repeat(29)}${'b'.repeat(30)}`);
    expect(await branchesOf(blooms, 5, 70)).toBe(`${'a'.repeat(25)}${'b'.repeat(30)}`);
    expect(chain.reads.length).toBe(40 + 59);
  });

  it('of two reads at once, and a reorganisation between, are each of one chain', async () => {
    const [old, young] = ['a'.repeat(41), `aa${'b'.repeat(39)}`];
    const chain = new Chain(old);
    const blooms = new RecentBlooms(chain);
    const first = branchesOf(blooms, 0, 40);
    chain.branches = [...young];
    const second = branchesOf(blooms, 0, 40);
    expect([await first, await second]).toEqual([old, young]);
    expect(await branchesOf(blooms, 0, 40)).toBe(young);
  });
});
