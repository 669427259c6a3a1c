/** Blocks in memory with two views: what the engine decided, and what a crash would leave. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { Hash } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { hashHeader } from '../../src/chain/header.ts';
import { Disk } from '../../src/simulator/disk.ts';
import { DurableChain, LightChain } from '../../src/simulator/light-chain.ts';
import type { HeadChange } from '../../src/simulator/tier.ts';
import { World } from '../../src/simulator/world.ts';
import { chainOn, childOf, factsOf, GENESIS, GENESIS_STORED } from './support.ts';

const MAX_OPEN_BLOCKS = 64;
const BUG = expect.objectContaining({ code: 'internal/assertion' });
const CERTIFICATE = Uint8Array.of(1, 2, 3);
const hashOf = ({ header }: Block): Hash => hashHeader(header);

class Bench {
  readonly world = new World(1);
  readonly disk: Disk;
  readonly durable = new DurableChain(GENESIS_STORED);
  readonly done: HeadChange[] = [];
  chain: LightChain;

  constructor(seed = 1) {
    this.disk = new Disk(this.world, new Random(seed), { writeUs: 1_000 });
    this.chain = this.#open();
  }

  #open(): LightChain {
    return new LightChain(this.durable, this.disk.open({ onError: () => undefined }));
  }

  /** Power off and on. */
  crash(): void {
    this.disk.crash();
    this.chain = this.#open();
  }

  sync(): void {
    while (this.world.step(1e12));
  }

  add(...blocks: readonly Block[]): void {
    for (const block of blocks) this.chain.insert(block, factsOf(block.header.number));
  }

  /** Inserts, executes and makes the last one the head. */
  follow(...blocks: readonly Block[]): HeadChange {
    this.add(...blocks);
    for (const block of blocks) this.chain.executed(hashOf(block), GENESIS.state);
    const tip = blocks.at(-1) ?? GENESIS.block;
    return this.chain.setHead(hashOf(tip), (change) => this.done.push(change));
  }

  canonical(): (Hash | undefined)[] {
    return Array.from({ length: this.chain.maxHeight + 2 }, (_, number) => this.chain.canonical(number));
  }
}

const [A1, A2, A3] = chainOn(GENESIS.block, 3) as [Block, Block, Block];
const [B1, B2, B3] = chainOn(GENESIS.block, 3, 1) as [Block, Block, Block];
const G = hashOf(GENESIS.block);

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

describe('LightChain: blocks', () => {
  it('begins with genesis', () => {
    const { chain } = bench;
    expect([chain.head.hash, chain.finalized.hash, chain.genesis.hash, chain.canonical(0), chain.maxHeight]).toEqual([G, G, G, G, 0]);
    expect(chain.status(G)).toBe('executed');
    expect(chain.state(G)).toBe(GENESIS.state);
  });

  it('stores a block once, without executing it', () => {
    const { chain } = bench;
    expect(chain.insert(A1, factsOf(1))).toBe(true);
    expect(chain.insert(A1, factsOf(1))).toBe(false);
    expect(chain.status(hashOf(A1))).toBe('stored');
    expect(chain.state(hashOf(A1))).toBeNull();
    expect(chain.block(hashOf(A1))).toBe(A1);
    expect(chain.get(hashOf(A1))).toMatchObject({ header: A1.header, facts: factsOf(1) });
    expect(chain.outputs(hashOf(A1), A1.header.beneficiary)).toBeUndefined();
    expect(chain.head.hash).toBe(G);
  });

  it('refuses a block without a parent, or of another height than one above it', () => {
    expect(() => bench.add(A2)).toThrowError(BUG);
    expect(() => bench.add(childOf(GENESIS.block, 0, { number: 2 }))).toThrowError(BUG);
  });

  it('gives the headers of a height, as many as are asked for', () => {
    bench.add(A1, B1, A2);
    expect(bench.chain.atHeight(1, 10).map(({ hash }) => hash)).toEqual([A1, B1].map(hashOf));
    expect(bench.chain.atHeight(1, 1)).toHaveLength(1);
    expect(bench.chain.atHeight(9, 10)).toEqual([]);
    expect(bench.chain.maxHeight).toBe(2);
  });

  it('executes a block only on an executed parent', () => {
    bench.add(A1, A2);
    expect(() => bench.chain.executed(hashOf(A2), GENESIS.state)).toThrowError(BUG);
    bench.chain.executed(hashOf(A1), GENESIS.state);
    bench.chain.executed(hashOf(A2), GENESIS.state);
    expect(bench.chain.status(hashOf(A2))).toBe('executed');
    expect(bench.chain.outputs(hashOf(A2), A2.header.beneficiary)).toEqual([]);
  });

  it('marks all descendants of an invalid block, those that come later too, and no other branch', () => {
    bench.add(A1, A2, B1, B2);
    bench.chain.invalid(hashOf(A1));
    bench.add(A3);
    expect([A1, A2, A3, B1, B2].map((block) => bench.chain.status(hashOf(block)))).toEqual([
      'invalid',
      'invalid',
      'invalid',
      'stored',
      'stored',
    ]);
  });
});

describe('LightChain: the head', () => {
  it('is the new one at once, and durable later', () => {
    bench.follow(A1, A2);
    expect(bench.canonical()).toEqual([G, hashOf(A1), hashOf(A2), undefined]);
    expect(bench.durable.head.hash).toBe(G);
    expect(bench.done).toEqual([]);
    bench.sync();
    expect(bench.durable.head.hash).toBe(hashOf(A2));
    expect([0, 1, 2, 3].map((number) => bench.durable.canonical(number))).toEqual([G, hashOf(A1), hashOf(A2), undefined]);
    expect(bench.done).toHaveLength(1);
  });

  it('says what is left, tip first, and what is taken, oldest first', () => {
    bench.follow(A1, A2);
    const change = bench.follow(B1, B2, B3);
    expect(change.removed.map(({ hash }) => hash)).toEqual([A2, A1].map(hashOf));
    expect(change.added.map(({ hash }) => hash)).toEqual([B1, B2, B3].map(hashOf));
    expect([change.oldHead.hash, change.newHead.hash]).toEqual([A2, B3].map(hashOf));
    expect(bench.canonical()).toEqual([G, B1, B2, B3].map((one) => (one === G ? G : hashOf(one as Block))).concat(undefined as never));
  });

  it('may go back, and to a shorter branch', () => {
    bench.follow(A1, A2, A3);
    bench.add(B1);
    bench.chain.executed(hashOf(B1), GENESIS.state);
    bench.chain.setHead(hashOf(B1), () => undefined);
    expect(bench.canonical()).toEqual([G, hashOf(B1), undefined, undefined, undefined]);
    const back = bench.chain.setHead(G, () => undefined);
    expect([back.removed.length, back.added.length]).toEqual([1, 0]);
  });

  it('is an executed block that is known', () => {
    bench.add(A1);
    expect(() => bench.chain.setHead(hashOf(A1), () => undefined)).toThrowError(BUG);
    expect(() => bench.chain.setHead(hashOf(A2), () => undefined)).toThrowError(BUG);
    expect(bench.chain.head.hash).toBe(G);
  });
});

describe('LightChain: finality', () => {
  const finalize = (block: Block, done: () => void = () => undefined) => bench.chain.finalize(hashOf(block), CERTIFICATE, done);

  it('ascends along the canonical chain, and is durable later, with its proof', () => {
    bench.follow(A1, A2);
    const done: string[] = [];
    finalize(A1, () => done.push('A1'));
    expect(bench.chain.finalized.hash).toBe(hashOf(A1));
    expect(bench.durable.finalized.hash).toBe(G);
    bench.sync();
    expect(bench.durable.finalized.hash).toBe(hashOf(A1));
    expect(bench.durable.certificates.get(hashOf(A1))).toBe(CERTIFICATE);
    expect(done).toEqual(['A1']);
  });

  it('is refused to blocks that are not canonical, and to those not above the last', () => {
    bench.follow(A1, A2);
    bench.add(B1);
    expect(() => finalize(B1)).toThrowError(BUG);
    finalize(A2);
    expect(() => finalize(A2)).toThrowError(BUG);
    expect(() => finalize(A1)).toThrowError(BUG);
  });

  it('keeps the head from leaving it', () => {
    bench.follow(A1, A2);
    finalize(A1);
    expect(() => bench.follow(B1, B2, B3)).toThrowError(BUG);
    expect(bench.chain.head.hash).toBe(hashOf(A2));
    expect(bench.canonical().slice(0, 3)).toEqual([G, hashOf(A1), hashOf(A2)]);
  });
});

describe('LightChain: a crash', () => {
  it('leaves what was acknowledged', () => {
    bench.follow(A1);
    bench.chain.finalize(hashOf(A1), CERTIFICATE, () => undefined);
    bench.sync();
    bench.crash();
    expect([bench.chain.head.hash, bench.chain.finalized.hash]).toEqual([A1, A1].map(hashOf));
    expect(bench.chain.status(hashOf(A1))).toBe('executed');
    expect(bench.chain.state(hashOf(A1))).toBe(GENESIS.state);
  });

  it('loses blocks that no head has taken along', () => {
    bench.follow(A1);
    bench.sync();
    bench.add(B1);
    bench.crash();
    expect(bench.chain.get(hashOf(B1))).toBeUndefined();
    expect(bench.chain.atHeight(1, 10)).toHaveLength(1);
  });

  it('keeps blocks of other branches that were there when a head became durable', () => {
    bench.add(B1);
    bench.follow(A1);
    bench.sync();
    bench.crash();
    expect(bench.chain.status(hashOf(B1))).toBe('stored');
  });

  it('leaves one of the heads that were on their way, whole, and never one before the last acknowledged', () => {
    const found = new Set<Hash>();
    for (let seed = 0; seed < 40; seed++) {
      const one = new Bench(seed);
      one.follow(A1);
      one.sync();
      one.follow(A2);
      one.follow(B1, B2, B3);
      one.crash();
      const { chain } = one;
      found.add(chain.head.hash);
      let above = chain.head;
      for (let number = above.header.number; number > 0; number--) {
        expect(chain.canonical(number)).toBe(above.hash);
        expect(chain.status(above.hash)).toBe('executed');
        above = chain.get(above.header.parentHash) ?? above;
      }
      expect(above.hash).toBe(G);
    }
    expect([...found].sort()).toEqual([A1, A2, B3].map(hashOf).sort());
  });

  it('loses at most so many blocks that wait for a head: the rest is written before', () => {
    const blocks = chainOn(GENESIS.block, 2 * MAX_OPEN_BLOCKS);
    bench.add(...blocks);
    bench.sync();
    bench.crash();
    const kept = blocks.filter((block) => bench.chain.get(hashOf(block)) !== undefined);
    expect(kept).toEqual(blocks.slice(0, kept.length));
    expect(blocks.length - kept.length).toBeLessThanOrEqual(MAX_OPEN_BLOCKS);
    expect(kept.length).toBeGreaterThan(0);
  });
});
