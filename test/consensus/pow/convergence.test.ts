/**
 * Random trees of blocks, some of them invalid, delivered to several engines in different orders, with losses and
 * repetitions: whatever the order, every engine ends on the heaviest valid branch.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { Random } from '../../../src/base/random.ts';
import type { Hash } from '../../../src/base/types.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import { extend, Headers, testNet } from './support.ts';
import { World } from './world.ts';

const net = testNet({ pauseAfterSeconds: 200 });
const ENGINES = 3;

interface Tree {
  readonly view: Headers;
  readonly nodes: readonly HeaderNode[];
  readonly bad: ReadonlySet<Hash>;
  /** The only heaviest block among those that are valid with all their ancestors. */
  readonly best: HeaderNode;
}

function grow(random: Random, size: number): Tree {
  const view = new Headers(net.genesis);
  const bad = new Set<Hash>();
  const valid: HeaderNode[] = [net.genesis];
  const nodes: HeaderNode[] = [];
  const add = (parent: HeaderNode, gap: number): HeaderNode =>
    present(extend(net, view, parent, [gap], `block ${nodes.length}`)[0], 'a block');
  for (let i = 0; i < size; i++) {
    // Mostly near the tip, sometimes far back; sometimes after a pause.
    const all = [net.genesis, ...nodes];
    const parent = random.chance(0.7) ? present(all.at(-1 - random.below(Math.min(3, all.length))), 'a parent') : random.pick(all);
    const node = add(parent, random.pick([1, 5, 10, 20, 60, 250]));
    nodes.push(node);
    if (random.chance(0.1)) bad.add(node.hash);
    else if (valid.includes(parent)) valid.push(node);
  }
  const heaviest = valid.reduce((a, b) => (b.facts.weight > a.facts.weight ? b : a));
  const best = add(heaviest, 10);
  nodes.push(best);
  return { view, nodes, bad, best };
}

/** Delivers the tree in an order of its own; whatever the engine asks for comes too, unless it is lost on the way. */
function deliver(tree: Tree, random: Random): World {
  const world = new World(net);
  world.wallMs += 100_000_000;
  for (const hash of tree.bad) world.bad.add(hash);
  let served = 0;
  const serve = (lossy: boolean): void => {
    for (const { hash } of world.all('fetch').slice(served)) {
      served++;
      const wanted = tree.view.get(hash);
      if (wanted !== undefined && !(lossy && random.chance(0.3))) world.receive(wanted.header);
    }
  };
  const order = random.chance(0.2) ? tree.nodes : random.shuffle(tree.nodes);
  for (const node of order) {
    if (random.chance(0.1)) continue;
    world.receive(node.header, `peer ${random.below(5)}`);
    serve(true);
    if (random.chance(0.1)) world.receive(random.pick(tree.nodes).header);
    if (random.chance(0.05)) world.advance(random.below(5_000));
  }
  // Now nothing is lost any more, and somebody tells of the best block.
  world.receive(tree.best.header);
  for (let quiet = 0; quiet < 3; quiet++) {
    const asked = world.all('fetch').length;
    while (served < world.all('fetch').length) serve(false);
    world.advance(3_000);
    if (world.all('fetch').length > asked) quiet = 0;
  }
  return world;
}

describe('consensus/pow convergence', () => {
  it('ends on the heaviest valid branch in whatever order blocks arrive', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 }), fc.integer({ min: 1, max: 40 }), (seed, size) => {
        const random = new Random(seed);
        const tree = grow(random.stream('tree'), size);
        for (let i = 0; i < ENGINES; i++) {
          const world = deliver(tree, random.stream(`engine ${i}`));
          expect(world.chain.head.hash, 'HeadIsMaxWork').toBe(tree.best.hash);
          expect(world.chain.head.facts.weight).toBe(tree.best.facts.weight);
          expect(world.state.candidates.size).toBe(0);
          // ReorgAtomicity: the canonical chain is one unbroken line of executed blocks.
          for (let node = world.chain.head; node.header.number > 0; node = present(world.chain.get(node.header.parentHash), 'a parent')) {
            expect(world.chain.canonical(node.header.number)).toBe(node.hash);
            expect(world.chain.status(node.hash)).toBe('executed');
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});
