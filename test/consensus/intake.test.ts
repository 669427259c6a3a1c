/** The way of blocks into the chain: parents before children, in whatever order they come. */
import { beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { type Hash, NodeId } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { hashHeader } from '../../src/chain/header.ts';
import type { Effect } from '../../src/consensus/engine.ts';
import { childrenOf, intake, interruptedChecks, nextChecks } from '../../src/consensus/intake.ts';
import { Disk } from '../../src/simulator/disk.ts';
import { DurableChain, LightChain } from '../../src/simulator/light-chain.ts';
import { World } from '../../src/simulator/world.ts';
import { chainOn, childOf, factsOf, GENESIS, GENESIS_STORED } from '../simulator/support.ts';

const PEER = NodeId('peer');
const genesis = GENESIS.block;
const hashOf = ({ header }: Block): Hash => hashHeader(header);

let chain: LightChain;
beforeEach(() => {
  const disk = new Disk(new World(1), new Random(1), { writeUs: 1 });
  chain = new LightChain(new DurableChain(GENESIS_STORED), disk.open({ onError: () => undefined }));
});

const take = (block: Block) => intake(chain, block, PEER, factsOf(block.header.number));
const keep = (...blocks: Block[]) => blocks.forEach((block) => void chain.insert(block, factsOf(block.header.number)));
const execute = (block: Block) => chain.executed(hashOf(block), GENESIS.state);
const check = (block: Block): Effect<never> => ({ type: 'check', hash: hashOf(block) });

describe('a block', () => {
  it('is kept and executed on an executed parent', () => {
    const block = childOf(genesis);
    expect(take(block)).toEqual([{ type: 'insert', block, facts: factsOf(1) }, check(block)]);
  });

  it('is kept, and not yet executed, on a parent that is only kept', () => {
    const [parent, block] = chainOn(genesis, 2) as [Block, Block];
    keep(parent);
    expect(take(block)).toEqual([{ type: 'insert', block, facts: factsOf(2) }]);
  });

  it('without its parent makes the parent wanted, first of whoever sent it', () => {
    const [parent, block] = chainOn(genesis, 2) as [Block, Block];
    expect(take(block)).toEqual([{ type: 'fetch', hash: hashOf(parent), from: PEER }]);
  });

  it('that is known makes nothing happen', () => {
    const block = childOf(genesis);
    keep(block);
    expect(take(block)).toEqual([]);
    expect(take(genesis)).toEqual([]);
  });
});

describe('after a block was executed', () => {
  it('its children can be, all of them and nobody else', () => {
    const [parent, other] = [childOf(genesis), childOf(genesis, 1)];
    const [first, second, nephew] = [childOf(parent), childOf(parent, 1), childOf(other)];
    keep(parent, other, first, second, nephew);
    execute(parent);
    expect(nextChecks(chain, hashOf(parent))).toEqual([check(first), check(second)]);
    execute(first);
    expect(nextChecks(chain, hashOf(parent))).toEqual([check(second)]);
  });

  it('and was invalid, none of its children can be', () => {
    const [parent, child] = chainOn(genesis, 2) as [Block, Block];
    keep(parent, child);
    chain.invalid(hashOf(parent));
    expect(nextChecks(chain, hashOf(parent))).toEqual([]);
  });

  it('of which nothing is known, nothing follows', () => {
    expect(nextChecks(chain, hashOf(childOf(genesis)))).toEqual([]);
    expect(childrenOf(chain, hashOf(childOf(genesis)))).toEqual([]);
  });
});

it('after a crash all is executed that waits for nothing', () => {
  const [done, open, later] = chainOn(genesis, 3) as [Block, Block, Block];
  const fork = childOf(genesis, 1);
  keep(done, open, later, fork);
  execute(done);
  expect(interruptedChecks(chain)).toEqual([check(fork), check(open)]);
});
