import { describe, expect, it } from 'vitest';
import { type Hash, NodeId } from '../../src/base/types.ts';
import { hashHeader } from '../../src/chain/header.ts';
import { MAX_UNSETTLED_BLOCKS } from '../../src/sync/limits.ts';
import { BAD_GAS, BAD_PROOF, branchOn, FakeChain, GENESIS } from './fake-chain.ts';
import { at, honest, reached, World } from './world.ts';

const LONG = branchOn(GENESIS, 1_500);

describe('sync/step: an honest network', () => {
  it('brings a late node from genesis to the head, in order', () => {
    const world = new World();
    world.connect('a', honest(new FakeChain(LONG)));
    expect(world.run(() => reached(world, at(LONG, -1)))).toBe(true);
    expect(world.delivered.map(({ header }) => header.number)).toEqual(LONG.map(({ header }) => header.number));
    expect(world.offences).toEqual([]);
    expect(world.verified).toBe(LONG.length);
    expect(world.run(() => world.state.session === null)).toBe(true);
  });

  it('does not look up, at every step, what cannot be there: on disk each such answer is a read', () => {
    let absent = 0;
    class Watched extends FakeChain {
      override status(hash: Hash) {
        const status = super.status(hash);
        if (status === undefined) absent++;
        return status;
      }
    }
    const world = new World({ chain: new Watched() });
    world.connect('a', honest(new FakeChain(LONG)));
    expect(world.run(() => reached(world, at(LONG, -1)))).toBe(true);
    expect(absent).toBeLessThan(2 * LONG.length);
  });

  it('shares the bodies among the peers, and is faster with more of them', () => {
    const took = [1, 4].map((count) => {
      const world = new World();
      for (let i = 0; i < count; i++) world.connect(`p${i}`, honest(new FakeChain(LONG), { latencyMs: 200 }));
      expect(world.run(() => reached(world, at(LONG, -1)))).toBe(true);
      return world.nowMs;
    });
    expect(at(took, 1)).toBeLessThan(at(took, 0) * 0.6);
  });

  it('never has more blocks in the engine than agreed', () => {
    const world = new World({ executionMs: 50 });
    world.connect('a', honest(new FakeChain(LONG), { latencyMs: 1 }));
    expect(world.run(() => reached(world, at(LONG, 300)))).toBe(true);
    expect(world.delivered.length).toBeLessThanOrEqual(301 + MAX_UNSETTLED_BLOCKS);
  });

  it('follows a tip that moves and reorganises while it syncs', () => {
    const theirs = new FakeChain(LONG);
    const world = new World();
    world.connect('a', honest(theirs));
    const fork = branchOn(at(LONG, -3), 40, { branch: 1 });
    fork.forEach((block, i) => {
      world.at(world.nowMs + 100 + 40 * i, () => {
        theirs.adopt(block);
        world.announce('a');
      });
    });
    expect(world.run(() => reached(world, at(fork, -1)))).toBe(true);
    expect(world.offences).toEqual([]);
  });

  it('blames nobody for going over to a branch that we have ourselves', () => {
    const trunk = LONG.slice(0, 10);
    const theirs = new FakeChain([...trunk, ...branchOn(at(trunk, -1), 2, { branch: 1 })]);
    const world = new World({ chain: new FakeChain(trunk) });
    const peer = honest(theirs);
    let cut = true;
    world.connect('a', { ...peer, blocks: (hashes) => (cut ? null : peer.blocks(hashes, world)) });
    world.run(() => world.blockRequests > 0);
    const better = branchOn(at(trunk, -1), 3, { branch: 2 });
    for (const block of better) for (const chain of [theirs, world.chain]) chain.adopt(block);
    world.announce('a');
    cut = false;
    expect(world.run(() => world.state.session === null, 60_000)).toBe(true);
    expect(world.offences).toEqual([]);
  });

  it('goes on at once when the chain has grown behind the headers it has', () => {
    const theirs = new FakeChain(LONG.slice(0, 100));
    const world = new World();
    world.connect('a', honest(theirs));
    world.run(() => world.delivered.length > 0);
    for (const block of LONG.slice(100, 110)) theirs.adopt(block);
    world.announce('a');
    expect(world.run(() => reached(world, at(LONG, 109)), 500)).toBe(true);
  });

  it('follows at once a peer that it had given a rest, when its chain has moved', () => {
    const theirs = new FakeChain(LONG.slice(0, 100));
    const world = new World();
    let cut = true;
    const peer = honest(theirs);
    world.connect('a', { ...peer, headers: (locator, limit) => (cut ? null : peer.headers(locator, limit, world)) });
    world.run(() => false, 64_000);
    cut = false;
    theirs.adopt(at(LONG, 100));
    world.announce('a');
    expect(world.run(() => reached(world, at(LONG, 100)), 1_000)).toBe(true);
  });

  it('replaces 1,000 blocks of its own by a heavier branch', () => {
    const mine = branchOn(GENESIS, 1_000, { branch: 1 });
    const world = new World({ chain: new FakeChain(mine) });
    const theirs = branchOn(GENESIS, 1_001, { branch: 2 });
    world.connect('a', honest(new FakeChain(theirs)));
    expect(world.run(() => reached(world, at(theirs, -1)))).toBe(true);
    expect(world.offences).toEqual([]);
  });

  it('downloads nothing of a branch that is not heavier, and leaves its peer in peace', () => {
    const world = new World({ chain: new FakeChain(branchOn(GENESIS, 50, { difficulty: 3n })) });
    world.connect('a', honest(new FakeChain(LONG.slice(0, 100))));
    world.run(() => false, 10_000);
    expect(world.delivered).toEqual([]);
    expect(world.offences).toEqual([]);
    expect(world.verified).toBe(0);
  });

  it('reports progress and ends idle', () => {
    const world = new World();
    world.connect('a', honest(new FakeChain(LONG)));
    world.run(() => world.state.session === null && reached(world, at(LONG, -1)));
    expect(at(world.progress, 0)).toEqual({ phase: 'headers', from: 0, current: 0, target: 1_500 });
    expect(world.progress.some(({ phase, current, target }) => phase === 'blocks' && current > 0 && target === 1_500)).toBe(true);
    expect(at(world.progress, -1).phase).toBe('idle');
  });

  it('stops before headers from the future without blame, and takes them when their time has come', () => {
    const world = new World();
    const soon = world.wallMs / 1_000 + 20;
    const blocks = branchOn(GENESIS, 5);
    const early = branchOn(at(blocks, -1), 1, { timestamp: soon });
    world.connect('a', honest(new FakeChain([...blocks, ...early])));
    expect(world.run(() => reached(world, at(blocks, -1)), 3_000)).toBe(true);
    expect(world.run(() => reached(world, at(early, 0)), 60_000)).toBe(true);
    expect(world.offences).toEqual([]);
  });

  it('does not follow a branch that leaves ours below finality, nor does it punish for it', () => {
    const chain = new FakeChain(LONG.slice(0, 20));
    const finalized = chain.get(hashHeader(at(LONG, 9).header));
    if (finalized !== undefined) chain.finalized = finalized;
    const world = new World({ chain });
    const fork = branchOn(at(LONG, 5), 40, { branch: 2 });
    world.connect('a', honest(new FakeChain([...LONG.slice(0, 6), ...fork])));
    world.run(() => false, 60_000);
    expect(world.delivered).toEqual([]);
    expect(world.offences).toEqual([]);
  });
});

describe('sync/step: blocks that the engine misses', () => {
  it('fetches a single missing parent', () => {
    const world = new World({ chain: new FakeChain(LONG.slice(0, 10)) });
    const theirs = new FakeChain(LONG.slice(0, 10));
    world.connect('a', honest(theirs));
    theirs.adopt(at(LONG, 10));
    theirs.adopt(at(LONG, 11));
    world.gossip(at(LONG, 11), 'a');
    expect(world.run(() => reached(world, at(LONG, 10)), 1_000)).toBe(true);
    expect(world.delivered.length).toBe(1);
    expect(world.verified).toBe(0);
  });

  it('syncs a whole branch, unannounced, when the parent of the missing block is missing too (a healed partition)', () => {
    const world = new World({ chain: new FakeChain([...LONG.slice(0, 10), ...branchOn(at(LONG, 9), 30, { branch: 1 })]) });
    const theirs = new FakeChain(LONG.slice(0, 10));
    world.connect('a', honest(theirs));
    for (const block of LONG.slice(10, 60)) theirs.adopt(block);
    world.gossip(at(LONG, 59), 'a');
    expect(world.run(() => reached(world, at(LONG, 59)), 2_000)).toBe(true);
    expect(world.offences).toEqual([]);
  });

  it('asks others when the first does not answer, and gives up in the end', () => {
    const theirs = new FakeChain(LONG.slice(0, 12));
    const world = new World({ chain: new FakeChain(LONG.slice(0, 10)) });
    const old = new FakeChain(LONG.slice(0, 10));
    const missing = hashHeader(at(LONG, 10).header);
    world.connect('silent', honest(old, { blocks: () => null }));
    world.connect('helpful', honest(old, { blocks: (hashes) => honest(theirs).blocks(hashes, world) }));
    world.post({ type: 'wanted', hash: missing, from: NodeId('silent') });
    expect(world.run(() => reached(world, at(LONG, 10)), 30_000)).toBe(true);
    world.post({ type: 'wanted', hash: hashHeader(at(LONG, 700).header), from: NodeId('silent') });
    expect(world.run(() => world.state.wanted.size === 0, 120_000)).toBe(true);
  });

  it('asks three peers for a block, no more', () => {
    const world = new World();
    for (const name of ['a', 'b', 'c', 'd', 'e']) world.connect(name, honest(new FakeChain()));
    world.post({ type: 'wanted', hash: hashHeader(at(LONG, 3).header), from: null });
    expect(world.run(() => world.state.wanted.size === 0, 10_000)).toBe(true);
    expect(world.blockRequests).toBe(3);
  });

  it('looks once at a branch that turns out lighter', () => {
    const world = new World({ chain: new FakeChain(LONG.slice(0, 100)) });
    const fork = branchOn(at(LONG, 40), 20, { branch: 1 });
    world.connect('a', honest(new FakeChain([...LONG.slice(0, 41), ...fork])));
    world.gossip(at(fork, -1), 'a');
    world.run(() => false, 60_000);
    expect(world.headerRequests).toBe(1);
    expect(world.delivered).toEqual([]);
    expect(world.offences).toEqual([]);
  });

  it('syncs a lighter branch that the engine misses where votes choose the head', () => {
    const world = new World({ chain: new FakeChain(LONG.slice(0, 100)), weightMayFall: true });
    const fork = branchOn(at(LONG, 40), 20, { branch: 1 });
    world.connect('a', honest(new FakeChain([...LONG.slice(0, 41), ...fork])));
    world.run(() => false, 10_000);
    expect(world.headerRequests).toBe(0);
    world.gossip(at(fork, -1), 'a');
    world.run(() => false, 10_000);
    expect(world.delivered.map(({ header }) => header)).toEqual(fork.map(({ header }) => header));
    expect(world.headerRequests).toBe(1);
    expect(world.offences).toEqual([]);
  });

  it('does not look at branches below finality', () => {
    const chain = new FakeChain(LONG.slice(0, 100));
    chain.finalized = chain.head;
    const world = new World({ chain });
    const fork = branchOn(at(LONG, 40), 20, { branch: 1 });
    world.connect('a', honest(new FakeChain([...LONG.slice(0, 41), ...fork])));
    world.gossip(at(fork, -1), 'a');
    world.run(() => false, 10_000);
    expect(world.headerRequests).toBe(0);
  });

  it('keeps a bounded number of wanted blocks', () => {
    const world = new World();
    for (const block of LONG) world.post({ type: 'wanted', hash: hashHeader(block.header), from: null });
    expect(world.state.wanted.size).toBe(128);
  });
});

describe('sync/step: blocks and headers that break rules', () => {
  it('refuses a header without proof and goes on with an honest peer', () => {
    const bad = branchOn(at(LONG, 99), 1, { extraData: BAD_PROOF, difficulty: 1_000n });
    const world = new World();
    world.connect('liar', honest(new FakeChain([...LONG.slice(0, 100), ...bad])));
    world.connect('honest', honest(new FakeChain(LONG)));
    expect(world.run(() => reached(world, at(LONG, -1)))).toBe(true);
    expect(world.offences).toEqual([{ peer: 'liar', code: 'header/proof' }]);
  });

  it('does not hold a bad seal against those who have the same header with the right one', () => {
    const chain = new FakeChain(LONG.slice(0, 50));
    const spoilt = honest(chain, { headers: () => LONG.slice(0, 50).map((block) => ({ ...block, seal: new Uint8Array([7, 7]) })) });
    const world = new World();
    world.connect('bad', spoilt);
    world.run(() => world.offences.length > 0);
    world.connect('good', honest(chain));
    expect(world.run(() => reached(world, at(LONG, 49)), 10_000)).toBe(true);
    expect(world.offences).toEqual([{ peer: 'bad', code: 'header/seal' }]);
  });

  it('drops a branch with a block that does not execute, and does not fetch it again', () => {
    const bad = branchOn(at(LONG, 99), 1, { gasUsed: BAD_GAS, difficulty: 1_000n });
    const tail = branchOn(at(bad, 0), 50);
    const world = new World();
    world.connect('liar', honest(new FakeChain([...LONG.slice(0, 100), ...bad, ...tail])));
    world.connect('honest', honest(new FakeChain(LONG.slice(0, 300))));
    expect(world.run(() => reached(world, at(LONG, 299)))).toBe(true);
    expect(world.offences).toEqual([{ peer: 'liar', code: 'sync/invalid-block' }]);
    const fetched = world.delivered.length;
    world.connect('other', honest(new FakeChain([...LONG.slice(0, 100), ...bad, ...tail, ...branchOn(at(tail, -1), 1)])));
    world.run(() => false, 20_000);
    expect(at(world.offences, -1)).toEqual({ peer: 'other', code: 'sync/invalid-branch' });
    expect(world.delivered.length).toBe(fetched);
  });

  it('leaves a branch whose block the engine does not take, and comes back to it after a rest', () => {
    let refusals = 0;
    const refused = at(LONG, 20);
    const world = new World({ refuses: (block) => hashHeader(block.header) === hashHeader(refused.header) && ++refusals <= 2 });
    world.connect('a', honest(new FakeChain(LONG.slice(0, 40))));
    expect(world.run(() => reached(world, at(LONG, 39)), 10_000)).toBe(true);
    expect(refusals).toBe(3);
    expect(world.offences).toEqual([]);
  });

  it('asks ever more rarely for a branch that the engine does not take, however often there is news of it', () => {
    const known = LONG.slice(0, 10);
    const world = new World({ chain: new FakeChain(known), refuses: () => true });
    const theirs = new FakeChain(LONG.slice(0, 20));
    world.connect('a', honest(theirs));
    for (const [i, block] of LONG.slice(20, 420).entries()) {
      world.at(world.nowMs + 500 * i, () => {
        theirs.adopt(block);
        world.announce('a');
        world.gossip(block, 'a');
      });
    }
    world.run(() => false, 200_000);
    // Rests of 1, 1, 2, 4, 8, 16 and then 32 s; the branch grows to two batches.
    expect(world.headerRequests).toBeGreaterThan(8);
    expect(world.headerRequests).toBeLessThan(20);
    expect(world.offences).toEqual([]);
  });

  it('does not ask without end when the engine takes the blocks but does not move its head', () => {
    const world = new World({ adopts: false });
    const theirs = new FakeChain(LONG.slice(0, 3));
    const peer = honest(theirs);
    world.connect('a', { ...peer, status: () => ({ ...peer.status(), head: hashHeader(at(LONG, 4).header) }) });
    world.run(() => false, 10_000);
    expect(world.headerRequests).toBeGreaterThan(1);
    expect(world.headerRequests).toBeLessThan(15);
  });

  it('drops a light branch whose early block turns out invalid when the whole has grown heavy', () => {
    const mine = branchOn(GENESIS, 100, { branch: 1 });
    const world = new World({ chain: new FakeChain(mine) });
    const bad = branchOn(at(LONG, 4), 1, { gasUsed: BAD_GAS });
    const tail = branchOn(at(bad, 0), 900);
    world.connect('liar', honest(new FakeChain([...LONG.slice(0, 5), ...bad, ...tail])));
    expect(world.run(() => world.offences.length > 0, 10_000)).toBe(true);
    expect(world.offences).toEqual([{ peer: 'liar', code: 'sync/invalid-block' }]);
    expect(world.chain.head.hash).toBe(hashHeader(at(mine, -1).header));
    expect(world.delivered.length).toBeLessThan(500);
  });

  it('takes the verified seal, not the one that came with the body', () => {
    const world = new World();
    const chain = new FakeChain(LONG.slice(0, 3));
    const seal = new Uint8Array([255]);
    const resealed = honest(chain).blocks;
    world.connect(
      'a',
      honest(chain, { blocks: (hashes) => (resealed(hashes, world) as typeof LONG).map((block) => ({ ...block, seal })) }),
    );
    expect(world.run(() => reached(world, at(LONG, 2)))).toBe(true);
    expect(world.delivered.map((block) => block.seal)).toEqual(LONG.slice(0, 3).map((block) => block.seal));
  });
});
