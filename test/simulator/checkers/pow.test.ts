/** Proof-of-work's checkers of single headers and of what strangers can make a node keep, each with a planted violation. */
import { describe, expect, it } from 'vitest';
import type { Block } from '../../../src/chain/block.ts';
import type { Header } from '../../../src/chain/header.ts';
import type { Facts, HeaderNode } from '../../../src/chain/tree.ts';
import type { AnyEngine } from '../../../src/consensus/engine.ts';
import type { CheckerFactory } from '../../../src/simulator/checkers/checker.ts';
import { bounded, workBeforeStorage } from '../../../src/simulator/checkers/pow-bounds.ts';
import { bitsExact, oneEncoding, proven, timeBounds, workExact } from '../../../src/simulator/checkers/pow-headers.ts';
import { ProofOracle } from '../../../src/simulator/sealer.ts';
import { powSubject } from '../../../src/simulator/subjects/pow.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { chainOn, childOf, GENESIS, GENESIS_STORED } from '../support.ts';
import { CheckerBench } from './bench.ts';

const oracle = new ProofOracle();
const settings = { beneficiary: GENESIS.block.header.beneficiary, produce: false, signers: [] };
const engine: AnyEngine = powSubject.create(GENESIS.params, settings, oracle, TAG_KEYS.signatures);
const genesisFacts = engine.genesisFacts(GENESIS.block.header);
const genesis: HeaderNode = { ...GENESIS_STORED.node, facts: genesisFacts };
const view = { get: (hash: string) => (hash === genesis.hash ? genesis : undefined) };

/** The difficulty that the rules ask for at this time, found by asking the engine. */
function lawful(timestamp: number): Block {
  const draft = childOf(GENESIS.block, 0, { timestamp });
  for (let difficulty = 1n; difficulty < 10_000n; difficulty++) {
    const header = oracle.seal({ ...draft.header, difficulty });
    try {
      engine.verifyHeader({ header, seal: draft.seal }, genesis, view, 1e15);
      return { ...draft, header };
    } catch {
      // Another one.
    }
  }
  throw new RangeError('no difficulty is lawful');
}

const GOOD = lawful(GENESIS.block.header.timestamp + 2);
const GOOD_FACTS = engine.verifyHeader(GOOD, genesis, view, 1e15);

function reports(
  factory: CheckerFactory,
  change: Partial<Header> = {},
  { facts = GOOD_FACTS, seal = GOOD.seal, sealAnew = true } = {},
): string[] {
  const bench = new CheckerBench(factory, { engine: { ...engine } });
  bench.nowMs = 2_000;
  const changed = { ...GOOD.header, ...change };
  const header = sealAnew && Object.keys(change).length > 0 ? oracle.seal(changed) : changed;
  bench.insert(0, { ...GOOD, header, seal }, facts);
  return bench.reports.map(({ message }) => message);
}

describe('the checkers of headers', () => {
  it.each<[string, CheckerFactory]>([
    ['BitsExact', bitsExact],
    ['WorkExact', workExact],
    ['TimeBounds', timeBounds],
    ['Proven', proven],
    ['OneEncoding', oneEncoding],
  ])('%s is silent about a header that is right', (name, factory) => {
    expect(new CheckerBench(factory).name).toBe(name);
    expect(reports(factory)).toEqual([]);
  });

  it('BitsExact objects to any other difficulty', () => {
    for (const difficulty of [GOOD.header.difficulty + 1n, GOOD.header.difficulty - 1n, 1n]) {
      expect(reports(bitsExact, { difficulty })).toEqual([
        expect.stringContaining(`has difficulty ${difficulty}; it must be ${GOOD.header.difficulty}`),
      ]);
    }
  });

  it('WorkExact objects to any other work', () => {
    const facts: Facts = { ...GOOD_FACTS, weight: GOOD_FACTS.weight + 1n };
    expect(reports(workExact, {}, { facts })).toEqual([expect.stringContaining(`counts as work of ${facts.weight}`)]);
  });

  it('TimeBounds objects to a time that is not above the median, and to one too far ahead', () => {
    const { timestamp } = GENESIS.block.header;
    expect(reports(timeBounds, { timestamp })).toEqual([expect.stringContaining(`the median before it is ${timestamp}`)]);
    // Half-life of 30 blocks of 2 s: a fifth of it, and the two seconds that have passed.
    expect(reports(timeBounds, { timestamp: timestamp + 14 })).toEqual([]);
    expect(reports(timeBounds, { timestamp: timestamp + 15 })).toEqual([expect.stringContaining("the node's clock allows")]);
  });

  it('Proven objects to work that nobody did', () => {
    expect(reports(proven, { gasLimit: 1n }, { sealAnew: false })).toEqual([expect.stringContaining('has no proof')]);
  });

  it('OneEncoding objects to anything outside of the hash', () => {
    expect(reports(oneEncoding, {}, { seal: Uint8Array.of(1) })).toEqual([expect.stringContaining('has a seal of 1 bytes')]);
    expect(reports(oneEncoding, { extraData: '0x00' })).toEqual([expect.stringContaining('extra data 0x00')]);
  });
});

describe('WorkBeforeStorage', () => {
  const A = chainOn(GENESIS.block, 20);
  const gossiped = (block: Block, weight: bigint, origin: 'gossip' | 'sync' = 'gossip') => {
    const bench = new CheckerBench(workBeforeStorage);
    bench.follow(0, A);
    bench.observe({
      type: 'step',
      node: 0,
      event: { type: 'block', block, origin, from: null, certificate: null },
      effects: [{ type: 'insert', block, facts: { weight, carried: 0n } }],
    });
    return bench.reports.map(({ message }) => message);
  };

  it('is silent about blocks near the head, and about those that sync has weighed', () => {
    const block = childOf(A[12] as Block, 7);
    expect(gossiped(block, 14n)).toEqual([]);
    expect(gossiped(childOf(GENESIS.block, 7), 1n, 'sync')).toEqual([]);
  });

  it('objects when a gossiped block is kept that is ten blocks behind', () => {
    expect(gossiped(childOf(GENESIS.block, 7), 1n)).toEqual([expect.stringContaining('has work 1; it takes more than 10')]);
    expect(gossiped(childOf(A[8] as Block, 7), 10n)).toHaveLength(1);
  });
});

describe('Bounded', () => {
  const holding = (orphans: { readonly blocks: number; readonly bytes: number }) => {
    const bench = new CheckerBench(bounded, {}, { orphans, early: 0 });
    bench.observe({ type: 'engine', node: 0, name: 'orphan', data: {} });
    return bench.reports.map(({ message }) => message);
  };

  it('is silent within the bounds that are promised, and objects beyond them', () => {
    expect(holding({ blocks: 128, bytes: 32 * 1024 * 1024 })).toEqual([]);
    expect(holding({ blocks: 129, bytes: 1 })).toEqual(['Holds 129 orphans blocks; at most 128 are allowed.']);
    expect(holding({ blocks: 1, bytes: 32 * 1024 * 1024 + 1 })).toHaveLength(1);
  });
});
