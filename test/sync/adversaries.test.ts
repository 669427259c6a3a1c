/** Peers that lie, flood, withhold, stay silent and vanish: sync ends at the honest head all the same, in bounded memory. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { type Hash, NodeId, ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { hashHeader, type SealedHeader } from '../../src/chain/header.ts';
import { HEADERS_PER_REQUEST, MAX_PENDING_HEADERS, MAX_UNSETTLED_BLOCKS } from '../../src/sync/limits.ts';
import type { PeerStatus } from '../../src/sync/types.ts';
import { BAD_GAS, BAD_PROOF, blockOn, branchOn, FakeChain, GENESIS } from './fake-chain.ts';
import { at, honest, type PeerModel, reached, World } from './world.ts';

const CHAIN = branchOn(GENESIS, 600, { difficulty: 10n });
const NOWHERE: PeerStatus = { head: ZERO_HASH, height: 1_000_000, weight: 10n ** 12n, finalizedHeight: 0 };

/** Makes headers of weight 1 on the fly, as many as are asked for, and keeps none. */
function spammer(count: number): PeerModel & { served: number } {
  let last = GENESIS.header;
  const model = {
    served: 0,
    status: () => ({ ...NOWHERE, height: count }),
    headers(locator: readonly Hash[], limit: number): SealedHeader[] {
      if (locator[0] !== hashHeader(last)) last = GENESIS.header;
      const headers: SealedHeader[] = [];
      while (headers.length < limit && last.number < count) {
        const block = blockOn(last, { branch: 7 });
        last = block.header;
        headers.push({ header: block.header, seal: block.seal });
      }
      model.served += headers.length;
      return headers;
    },
    blocks: () => null,
  };
  return model;
}

describe('sync against header spam', () => {
  it('surveys a long light branch in flat memory, stores nothing, and reports its peer', () => {
    const count = Number(process.env.SYNC_SPAM_HEADERS ?? 20_000);
    // Heavier than the spam could ever become.
    const heavy = branchOn(GENESIS, 3, { difficulty: 10n ** 9n });
    const world = new World({ chain: new FakeChain(heavy) });
    const spam = spammer(count);
    world.connect('spammer', spam);
    expect(world.run(() => world.offences.length > 0, 10 * count)).toBe(true);
    expect(world.offences).toEqual([{ peer: 'spammer', code: 'sync/false-weight' }]);
    expect(spam.served).toBe(count);
    expect(world.maxSlots).toBeLessThanOrEqual(MAX_PENDING_HEADERS);
    expect(world.delivered).toEqual([]);
    expect(world.state.session).toBe(null);
  }, 120_000);

  it('keeps one hash a batch of what it has surveyed', () => {
    const world = new World({ chain: new FakeChain(branchOn(GENESIS, 3, { difficulty: 10n ** 9n })) });
    const spam = spammer(10_000);
    world.connect('spammer', spam);
    world.run(() => spam.served === 10_000);
    const { session } = world.state;
    expect(session?.checkpoints.size).toBe(Math.floor(9_999 / HEADERS_PER_REQUEST));
    expect(session?.trimmed).toBe(true);
  });

  it('gives an honest peer its turn while a survey goes on', () => {
    const mine = branchOn(GENESIS, 3, { difficulty: 1_000_000n });
    const better = branchOn(at(mine, -1), 5);
    const world = new World({ chain: new FakeChain(mine) });
    world.connect('spammer', { ...spammer(10 ** 7), latencyMs: 1_000 });
    world.at(world.nowMs + 1_000, () => world.connect('honest', honest(new FakeChain([...mine, ...better]))));
    expect(world.run(() => reached(world, at(better, -1)), 60_000)).toBe(true);
  });

  it('downloads a long light branch that does become heavier, in a second pass that must match the first', () => {
    const mine = branchOn(GENESIS, 2, { difficulty: 3_000n });
    const theirs = branchOn(GENESIS, 6_500, { branch: 1 });
    const world = new World({ chain: new FakeChain(mine) });
    world.connect('a', honest(new FakeChain(theirs)));
    expect(world.run(() => reached(world, at(theirs, -1)))).toBe(true);
    expect(world.offences).toEqual([]);
    expect(world.verified).toBeGreaterThan(2 * 6_000);
  });

  it('takes nothing of another branch in the second pass', () => {
    const mine = branchOn(GENESIS, 2, { difficulty: 3_000n });
    const shown = honest(new FakeChain(branchOn(GENESIS, 6_200, { branch: 1 })));
    const hidden = honest(new FakeChain(branchOn(GENESIS, 6_200, { branch: 2 })));
    const world = new World({ chain: new FakeChain(mine) });
    const isSecond = (): boolean => world.state.session?.confirming === true;
    world.connect('a', {
      status: shown.status,
      headers: (locator, limit) => (isSecond() ? hidden : shown).headers(locator, limit, world),
      blocks: (hashes) => hidden.blocks(hashes, world),
    });
    world.run(() => false, 30_000);
    expect(world.delivered).toEqual([]);
  });

  it('does not download chains under the minimum weight', () => {
    const world = new World({ minimumWeight: 6_001n });
    world.connect('a', honest(new FakeChain(CHAIN)));
    world.run(() => false, 10_000);
    expect(world.verified).toBe(0);
    world.connect('liar', { ...honest(new FakeChain(CHAIN)), status: () => NOWHERE });
    world.run(() => false, 10_000);
    expect(world.delivered).toEqual([]);
    const more = branchOn(at(CHAIN, -1), 1, { difficulty: 10n });
    world.connect('b', honest(new FakeChain([...CHAIN, ...more])));
    expect(world.run(() => reached(world, at(more, -1)))).toBe(true);
  });
});

describe('sync where an honest peer may go over to a lighter chain', () => {
  it('forgets a claim that does not hold, and blames nobody', () => {
    const heavy = branchOn(GENESIS, 3, { difficulty: 10n ** 9n });
    const world = new World({ chain: new FakeChain(heavy), weightMayFall: true });
    const spam = spammer(500);
    world.connect('moved', spam);
    world.run(() => spam.served >= 500, 10_000);
    world.run(() => false, 10_000);
    expect(spam.served).toBeGreaterThanOrEqual(500);
    expect(world.offences).toEqual([]);
  });
});

describe('sync against peers that serve badly', () => {
  const servesBadly = (name: string, blocks: PeerModel['blocks']): [string, PeerModel['blocks']] => [name, blocks];
  const chain = new FakeChain(CHAIN);
  const tampered = (block: Block): Block => ({ ...block, transactions: [new Uint8Array([1])] });
  const blocksOf = (hashes: readonly Hash[]): Block[] => hashes.flatMap((hash) => chain.block(hash) ?? []);

  it.each([
    servesBadly('silent', () => null),
    servesBadly('failing', () => 'failed'),
    servesBadly('withholding', () => []),
    servesBadly('tampering', (hashes) => blocksOf(hashes).map(tampered)),
    servesBadly('unrequested', () => [at(CHAIN, 0), GENESIS]),
    servesBadly('repeating', (hashes) => blocksOf(hashes).flatMap((block) => [block, block])),
    servesBadly('tampering with the last', (hashes) => [...blocksOf(hashes).slice(0, -1), ...blocksOf(hashes).slice(-1).map(tampered)]),
  ])('%s: the others bring the bodies', (name, blocks) => {
    const world = new World();
    world.connect('bad', honest(chain, { blocks }));
    world.connect('good', honest(chain));
    expect(world.run(() => reached(world, at(CHAIN, -1)), 120_000)).toBe(true);
    expect(world.offences.filter(({ peer }) => peer === 'good')).toEqual([]);
    const codes = new Set(world.offences.map(({ code }) => code));
    if (name.startsWith('tampering')) expect(codes).toContain('sync/wrong-body');
    if (name === 'withholding') expect(codes).toContain('sync/withheld');
    if (name === 'unrequested' || name === 'repeating') expect(codes).toContain('sync/unrequested');
  });

  it.each<[string, PeerModel['headers'], string | null]>([
    ['silence', () => null, null],
    ['refusal', () => 'failed', null],
    ['nothing at all', () => [], 'sync/false-weight'],
    ['too many', () => branchOn(GENESIS, HEADERS_PER_REQUEST + 1), 'sync/too-many-headers'],
    ['unlinked headers', () => branchOn(at(CHAIN, 50), 3), 'sync/unlinked'],
    ['headers with a gap', () => [at(CHAIN, 0), at(CHAIN, 2)], 'sync/unlinked'],
    ['fewer than claimed', () => CHAIN.slice(0, 3), 'sync/false-weight'],
    ['a header without proof', () => branchOn(GENESIS, 2, { extraData: BAD_PROOF }), 'header/proof'],
    ['the same first header again and again', () => Array(HEADERS_PER_REQUEST).fill(at(CHAIN, 0)), 'sync/unlinked'],
  ])('headers with %s: the next peer is followed', (_name, headers, code) => {
    const world = new World();
    world.connect('bad', { status: () => NOWHERE, headers, blocks: () => null });
    world.connect('good', honest(chain));
    expect(world.run(() => reached(world, at(CHAIN, -1)), 60_000)).toBe(true);
    expect(world.offences.filter(({ peer }) => peer === 'good')).toEqual([]);
    if (code !== null) expect(world.offences).toContainEqual({ peer: 'bad', code });
  });

  it('does not ask a liar again until it makes another claim', () => {
    const world = new World();
    const liar = { ...honest(new FakeChain()), status: () => NOWHERE };
    world.connect('bad', liar);
    world.run(() => false, 120_000);
    expect(world.offences).toEqual([{ peer: 'bad', code: 'sync/false-weight' }]);
    world.post({ type: 'peer', peer: NodeId('bad'), status: { ...NOWHERE, weight: 7n } });
    world.run(() => false, 10_000);
    expect(world.offences.length).toBe(2);
  });

  it('turns to a newcomer instead of waiting for a peer that was silent before', () => {
    const world = new World();
    world.connect('bad', { status: () => NOWHERE, headers: () => null, blocks: () => null });
    world.run(() => world.headerRequests === 2);
    world.connect('good', honest(chain));
    expect(world.run(() => reached(world, at(CHAIN, -1)), 3_000)).toBe(true);
  });

  it('comes back, ever more rarely, to a lonely peer that is silent, and reports it', () => {
    const world = new World();
    let asked = 0;
    world.connect('bad', {
      status: () => NOWHERE,
      headers: () => {
        asked++;
        return null;
      },
      blocks: () => null,
    });
    world.run(() => false, 300_000);
    expect(asked).toBeGreaterThan(6);
    expect(asked).toBeLessThan(15);
    expect(world.offences[0]).toEqual({ peer: 'bad', code: 'sync/unresponsive' });
  });

  it('survives the death of each peer in mid-range, as long as one is left', () => {
    const world = new World();
    for (const name of ['a', 'b', 'c', 'd']) world.connect(name, honest(chain, { latencyMs: 100 }));
    for (const [i, name] of ['a', 'b', 'c'].entries()) world.at(world.nowMs + 350 + 150 * i, () => world.disconnect(name));
    expect(world.run(() => reached(world, at(CHAIN, -1)), 30_000)).toBe(true);
    expect(world.offences).toEqual([]);
  });

  it.each<[string, PeerModel['blocks'], number]>([
    ['silence', () => null, 30_000],
    ['none', () => [], 3_000],
  ])('leaves a heavy branch whose bodies nobody gives (%s) for a lighter one that is there', (_name, blocks, withinMs) => {
    const withheld = branchOn(GENESIS, 300, { difficulty: 100n });
    const world = new World();
    world.connect('bad', honest(new FakeChain(withheld), { blocks }));
    world.connect('good', honest(chain));
    expect(world.run(() => reached(world, at(CHAIN, -1)), withinMs)).toBe(true);
  });

  it('holds a bounded number of bodies when the first is missing', () => {
    const data = new Uint8Array(2 * 1024 * 1024);
    const fat = branchOn(GENESIS, 64, { transactions: [data] });
    const fatChain = new FakeChain(fat);
    const first = hashHeader(at(fat, 0).header);
    const world = new World();
    const others = honest(fatChain);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      world.connect(name, { ...others, blocks: (hashes) => (hashes.includes(first) ? null : others.blocks(hashes, world)) });
    }
    world.run(() => false, 15_000);
    expect(world.maxBufferedBytes).toBeGreaterThan(8 * 1024 * 1024);
    expect(world.maxBufferedBytes).toBeLessThanOrEqual(64 * 1024 * 1024);
    world.connect('z', others);
    expect(world.run(() => reached(world, at(fat, -1)), 15_000)).toBe(true);
  });
});

/** One peer drawn from everything that can go wrong. */
function adversary(random: Random, theirs: FakeChain): PeerModel {
  const truth = honest(theirs);
  const bad = new FakeChain([...CHAIN.slice(0, 50), ...branchOn(at(CHAIN, 49), 5, { gasUsed: BAD_GAS, difficulty: 10_000n })]);
  const models: PeerModel[] = [
    honest(theirs, { loss: 0.3 }),
    honest(theirs, { latencyMs: 3_000 }),
    honest(bad),
    spammer(3_000),
    { ...truth, status: () => NOWHERE },
    { ...truth, status: () => NOWHERE, headers: () => null },
    { ...truth, blocks: () => null },
    { ...truth, blocks: () => [] },
    { ...truth, blocks: () => [GENESIS] },
    { ...truth, headers: () => 'failed', blocks: () => 'failed' },
    { ...truth, headers: (_locator, limit) => branchOn(at(CHAIN, random.below(90)), limit, { branch: 3 }) },
  ];
  return random.pick(models);
}

describe('sync as a whole', () => {
  it.each(Array.from({ length: Number(process.env.SYNC_SEEDS ?? 40) }, (_, seed) => seed))(
    'seed %i: whatever the others do, we end at the honest head',
    (seed) => {
      const random = new Random(seed);
      const world = new World({ seed: `world ${seed}`, executionMs: random.below(20) });
      const theirs = new FakeChain(CHAIN.slice(0, 100 + random.below(300)));
      const adversaries = random.below(6);
      for (let i = 0; i < adversaries; i++) {
        const name = `p${i}`;
        world.at(world.nowMs + random.below(2_000), () => world.connect(name, adversary(random, theirs)));
        if (random.chance(0.4)) world.at(world.nowMs + 2_000 + random.below(20_000), () => world.disconnect(name));
      }
      world.at(world.nowMs + random.below(3_000), () => world.connect('honest', honest(theirs, { loss: random.chance(0.5) ? 0.2 : 0 })));
      world.at(world.nowMs + random.below(10_000), () => {
        for (const block of CHAIN.slice(theirs.head.header.number, 500)) theirs.adopt(block);
        world.announce('honest');
      });
      expect(world.run(() => reached(world, at(CHAIN, 499)), 600_000)).toBe(true);
      expect(world.maxSlots).toBeLessThanOrEqual(MAX_PENDING_HEADERS);
      expect(world.maxInEngine).toBeLessThanOrEqual(MAX_UNSETTLED_BLOCKS);
      expect(world.offences.filter(({ peer, code }) => peer === 'honest' && code !== 'sync/unresponsive')).toEqual([]);
    },
  );
});
