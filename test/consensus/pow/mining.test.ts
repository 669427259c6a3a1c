import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import type { SynodError } from '../../../src/base/errors.ts';
import type { Hash } from '../../../src/base/types.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import { FIRST_TRANSACTIONS_REFRESH_MS, REFRESH_MS, REFRESH_TIMER, TRANSACTIONS_REFRESH_MS } from '../../../src/consensus/pow/mining.ts';
import { draft, extend, Headers, MINER, mine, testNet } from './support.ts';
import { kinds, of, World } from './world.ts';

const net = testNet({ pauseAfterSeconds: 200 });
const OTHER = `0x${'22'.repeat(20)}`;

function miner(options: { manual?: boolean } = {}): World {
  return new World(net, { produce: true, ...options });
}

/** Delivers a valid proof for the template that is being sealed. */
function solve(w: World): readonly string[] {
  const { request, header } = present(w.all('seal').at(-1), 'a seal');
  return kinds(w.step({ type: 'sealed', request, header: mine(header) }));
}

describe('consensus/pow mining', () => {
  it('goes round: build, seal, sealed, insert, announce, check, new head, build', () => {
    const w = miner();
    expect(kinds(w.effects)).toEqual(['setTimer', 'build', 'seal']);
    const [build] = w.all('build');
    expect(build?.fields).toMatchObject({ beneficiary: MINER, difficulty: 8n, timestamp: w.wallMs / 1_000 + 1 });
    expect(solve(w)).toEqual(['insert', 'announce', 'check']);
    expect(w.chain.head.header.number).toBe(1);
    expect(w.traces('mined')).toEqual([{ hash: w.chain.head.hash, number: 1, transactions: 0 }]);
    expect(w.all('build').at(-1)?.parent).toBe(w.chain.head.hash);
    for (let i = 0; i < 5; i++) {
      w.advance(10_000);
      solve(w);
    }
    expect(w.chain.head.header.number).toBe(6);
    expect(w.traces('abandoned')).toEqual([]);
    expect(w.traces('reorg')).toEqual([]);
  });

  it('takes the time of the clock, but never one that the median forbids', () => {
    const w = miner();
    for (let i = 0; i < 8; i++) solve(w);
    const times = w.all('build').map(({ fields }) => fields.timestamp - net.genesis.header.timestamp);
    expect(times).toEqual([1, 2, 2, 3, 3, 3, 3, 4, 4]);
    w.wallMs += 100_000;
    w.advance(REFRESH_MS);
    expect(w.all('build').at(-1)?.fields.timestamp).toBe(w.wallMs / 1_000);
  });

  it('builds nothing while its clock is far behind the chain, and starts once it is right', () => {
    const ahead = new Headers(net.genesis);
    const chain = extend(net, ahead, net.genesis, [150, 150]);
    const w = miner();
    w.wallMs += 300_000;
    for (const { header } of chain) w.receive(header);
    const before = w.all('build').length;
    w.wallMs -= 400_000;
    w.advance(REFRESH_MS);
    expect(w.all('build').length).toBe(before);
    w.wallMs += 400_000;
    w.advance(REFRESH_MS);
    expect(w.all('build').length).toBe(before + 1);
  });

  it('drops the template at once when another block becomes the head', () => {
    const view = new Headers(net.genesis);
    const [first] = extend(net, view, net.genesis, [10]) as [HeaderNode];
    const w = miner();
    w.wallMs += 20_000;
    const old = present(w.all('seal').at(-1), 'a seal');
    w.receive(first.header);
    expect(w.all('unseal')).toEqual([{ type: 'unseal', request: old.request }]);
    expect(w.traces('abandoned')).toEqual([{ number: 1, parent: net.genesis.hash }]);
    expect(w.all('build').at(-1)?.parent).toBe(first.hash);
    const effects = w.step({ type: 'sealed', request: old.request, header: mine(old.header) });
    expect(effects).toEqual([]);
    expect(w.state.counts.stale).toBe(1);
  });

  it('goes on sealing the old template while a new one is being built on the same head', () => {
    const w = miner({ manual: true });
    w.deliver();
    w.advance(REFRESH_MS);
    expect(w.all('build').length).toBe(2);
    expect(w.all('unseal')).toEqual([]);
    solve(w);
    w.deliver();
    expect(w.chain.head.header.number).toBe(1);
    // The template that came too late is not sealed on a head that is about to change.
    expect(w.state.counts.stale).toBe(1);
    expect(w.traces('abandoned')).toEqual([]);
    expect(w.all('build').at(-1)?.parent).toBe(w.chain.head.hash);
  });

  it('builds nothing while a heavier branch is being executed', () => {
    const view = new Headers(net.genesis);
    const chain = extend(net, view, net.genesis, [10, 10, 10]);
    const w = miner({ manual: true });
    w.wallMs += 60_000;
    w.deliver();
    for (const { header } of chain) w.receive(header, 'peer', 'sync');
    w.deliver();
    expect(w.all('build').map(({ parent }) => parent)).toEqual([net.genesis.hash, chain[2]?.hash]);
  });

  it('tries again when a template could not be built', () => {
    const w = miner({ manual: true });
    w.waiting.length = 0;
    const { request } = present(w.all('build')[0], 'a build');
    w.step({ type: 'built', request, block: null });
    expect(w.all('seal')).toEqual([]);
    w.advance(REFRESH_MS);
    w.deliver();
    expect(w.all('seal').length).toBe(1);
  });

  it('does not trust a wrong proof: says so and starts afresh', () => {
    const w = miner();
    const { request, header } = present(w.all('seal')[0], 'a seal');
    const effects = w.step({ type: 'sealed', request, header: mine(header, false) });
    expect(of(effects, 'insert')).toEqual([]);
    expect(w.traces('unsound')).toMatchObject([{ code: 'header/proof' }]);
    const again = present(w.all('seal').at(-1), 'a seal');
    expect(again.request).toBeGreaterThan(request);
    w.step({ type: 'sealed', request: again.request, header: mine({ ...again.header, gasUsed: 1n }) });
    expect(w.traces('unsound').at(-1)).toMatchObject({ code: 'pow/foreign-proof' });
    solve(w);
    expect(w.chain.head.header.number).toBe(1);
  });

  it('mines the first block after a day of standstill at the minimum difficulty', () => {
    const w = miner();
    for (let i = 0; i < 3; i++) {
      w.advance(10_000);
      solve(w);
    }
    w.admin('miner_stop');
    w.advance(86_400_000);
    w.admin('miner_start');
    expect(w.all('build').at(-1)?.fields.difficulty).toBe(1n);
    solve(w);
    expect(w.chain.head.header.number).toBe(4);
    expect(w.chain.head.facts.carried).toBeGreaterThan(80_000n);
    expect(w.all('build').at(-1)?.fields.difficulty).toBe(5n);
  });

  it('notices by itself that a pause began', () => {
    const w = miner();
    w.advance(10_000);
    solve(w);
    expect(w.all('build').at(-1)?.fields.difficulty).toBe(8n);
    w.advance(200_000 + 2 * REFRESH_MS);
    expect(w.all('build').at(-1)?.fields.difficulty).toBe(1n);
  });
});

describe('consensus/pow transactions', () => {
  it('renews an empty template soon and a full one after a while', () => {
    const w = miner();
    w.transactions = [Uint8Array.of(1)];
    w.step({ type: 'mempool', pending: 1 });
    w.advance(FIRST_TRANSACTIONS_REFRESH_MS - 1);
    expect(w.all('build').length).toBe(1);
    w.advance(1);
    expect(w.all('build').length).toBe(2);
    for (let i = 0; i < 10; i++) {
      w.step({ type: 'mempool', pending: 1 });
      w.advance(TRANSACTIONS_REFRESH_MS / 10);
    }
    expect(w.all('build').length).toBe(3);
    solve(w);
    expect(w.traces('mined')).toMatchObject([{ transactions: 1 }]);
  });

  it('does not forget transactions that come while a template is being built', () => {
    const w = miner({ manual: true });
    w.step({ type: 'mempool', pending: 1 });
    expect(w.all('build').length).toBe(1);
    w.deliver();
    w.advance(FIRST_TRANSACTIONS_REFRESH_MS);
    expect(w.all('build').length).toBe(2);
  });

  it('ignores them when it does not mine', () => {
    const w = new World(net);
    expect(w.step({ type: 'mempool', pending: 1 })).toEqual([]);
    expect(w.step({ type: 'timer', id: REFRESH_TIMER })).toEqual([]);
  });
});

describe('consensus/pow commands', () => {
  it('starts, reports and stops', () => {
    const w = new World(net);
    expect(w.admin('miner_status')).toMatchObject({ producing: false, template: null, beneficiary: MINER });
    w.admin('miner_start', { beneficiary: OTHER });
    expect(w.admin('miner_status')).toMatchObject({
      producing: true,
      beneficiary: OTHER,
      template: { number: 1, parent: net.genesis.hash, difficulty: '8', transactions: 0 },
    });
    const { request } = present(w.all('seal').at(-1), 'a seal');
    expect(w.admin('miner_stop')).toMatchObject({ producing: false, building: false, template: null });
    expect(w.all('unseal')).toEqual([{ type: 'unseal', request }]);
    expect(w.timers.size).toBe(0);
    w.advance(60_000);
    expect(w.all('build').length).toBe(1);
  });

  it('mines for a new beneficiary as soon as its template is built', () => {
    const w = miner();
    w.admin('miner_setBeneficiary', { beneficiary: OTHER });
    solve(w);
    expect(w.chain.head.header.beneficiary).toBe(OTHER);
  });

  it.each([
    ['miner_setBeneficiary', {}, 'admin/beneficiary'],
    ['miner_setBeneficiary', { beneficiary: '0x12' }, 'admin/beneficiary'],
    ['miner_setBeneficiary', { beneficiary: 5 }, 'admin/beneficiary'],
    ['miner_start', { beneficiary: ['x'] }, 'admin/beneficiary'],
    ['miner_dig', {}, 'admin/unknown-command'],
    ['__proto__', {}, 'admin/unknown-command'],
  ])('answers %s with %j by an error', (name, values, code) => {
    const w = new World(net);
    expect((w.admin(name, values) as SynodError).code).toBe(code);
    expect(w.state.mining.producing).toBe(false);
  });
});

describe('consensus/pow engine', () => {
  const w = miner();

  it('has no messages and no certificates', () => {
    expect(() => w.engine.decode(Uint8Array.of(1))).toThrow(expect.objectContaining({ name: 'DecodeError', code: 'decode/message' }));
    expect(() => w.engine.verifyCertificate(net.genesis.hash, Uint8Array.of(1), w.chain)).toThrow(
      expect.objectContaining({ code: 'pow/certificate' }),
    );
  });

  it('gives the EVM a randomness that the proof cannot change', () => {
    const header = draft(net, net.genesis, w.chain);
    expect(w.engine.randomness(header)).toBe(net.genesis.hash);
    expect(w.engine.randomness(mine(header))).toBe(net.genesis.hash);
  });

  it('mints the reward of the genesis file for the beneficiary, and nothing without one', () => {
    const header = draft(net, net.genesis, w.chain);
    expect(w.engine.rewards({ header, payload: new Uint8Array(0) })).toEqual([]);
    const minting = new World(testNet({ blockRewardWei: '2000000000000000000' }));
    expect(minting.engine.rewards({ header, payload: new Uint8Array(0) })).toEqual([{ to: MINER, amount: 2n * 10n ** 18n }]);
  });

  it('shows a picture of its state that JSON can carry', () => {
    const shown = JSON.parse(JSON.stringify(w.engine.inspect(w.state)));
    expect(shown).toMatchObject({
      head: { number: 0, hash: net.genesis.hash, weight: '8' },
      candidates: 0,
      orphans: { blocks: 0, bytes: 0 },
      mining: { producing: true, template: { number: 1 } },
    });
  });

  it('refuses to start on settings that make no sense', () => {
    const bad = { ...net.params, engine: { name: 'pow', settings: { blockTimeSeconds: -1 } } };
    expect(() => new World({ ...net, params: bad })).toThrow(expect.objectContaining({ code: 'genesis/pow' }));
  });

  it('ignores events that proof-of-work has no use for', () => {
    expect(w.step({ type: 'persisted', lsn: 1 as never })).toEqual([]);
    expect(w.step({ type: 'timer', id: 'unknown' })).toEqual([]);
    expect(hashHeader(net.genesis.header)).toBe(net.params.genesisHash as Hash);
  });
});
