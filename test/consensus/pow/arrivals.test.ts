import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { EMPTY } from '../../../src/base/bytes.ts';
import { type Hash, NodeId } from '../../../src/base/types.ts';
import { payloadCommitment } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { HeaderNode } from '../../../src/chain/tree.ts';
import { MAX_ORPHAN_BYTES, MAX_ORPHANS, MAX_ORPHANS_PER_SENDER, OrphanPool } from '../../../src/consensus/orphans.ts';
import {
  FETCH_RETRY_MS,
  LOW_WORK_DEPTH,
  MAX_EARLY_BLOCKS,
  MAX_EARLY_SECONDS,
  MAX_FETCH_ATTEMPTS,
  MAX_FETCHES,
} from '../../../src/consensus/pow/arrivals.ts';
import { MAX_SIBLINGS } from '../../../src/consensus/pow/forkchoice.ts';
import { blockOf, draft, extend, Headers, mine, testNet } from './support.ts';
import { kinds, of, World } from './world.ts';

const net = testNet({ minimumDifficulty: 2 });
const view = new Headers(net.genesis);
const chain = extend(net, view, net.genesis, Array(20).fill(10));
const at = (index: number): HeaderNode => present(chain.at(index), `block ${index}`);
const PEER = NodeId('peer');

/** A world in which the chain's first `known` blocks have arrived. */
function world(known = 0): World {
  const w = new World(net);
  w.wallMs += 10_000_000;
  for (const { header } of chain.slice(0, known)) w.receive(header, 'peer', 'sync');
  w.effects.length = 0;
  return w;
}

describe('consensus/pow arrivals', () => {
  it('does nothing about a block that it knows', () => {
    const w = world(2);
    expect(w.receive(at(0).header)).toEqual([]);
    w.receive(at(3).header);
    expect(w.receive(at(3).header, 'other')).toEqual([]);
  });

  it('blames the sender of a block that breaks a rule, and nobody for its own', () => {
    const wrong = mine(draft(net, net.genesis, view, { difficulty: 9n }));
    const w = world();
    expect(kinds(w.receive(wrong, 'liar'))).toEqual(['offence']);
    expect(w.offences()).toEqual(['liar header/difficulty']);
    expect(kinds(w.receive(wrong, 'me', 'local'))).toEqual([]);
  });

  it('refuses a payload, hashed in the header or not', () => {
    const w = world();
    const payload = Uint8Array.of(1, 2, 3);
    w.receive({ ...blockOf(at(0).header), payload });
    const committed = mine(draft(net, net.genesis, view, { extraData: payloadCommitment(payload) }));
    w.receive({ ...blockOf(committed), payload });
    expect(w.offences()).toEqual(['peer block/payload', 'peer block/payload']);
    expect(w.all('insert')).toEqual([]);
  });

  it('ignores a block at or below the finalized height without blame', () => {
    const w = world(3);
    w.chain.finalized = at(2);
    const [other] = extend(net, view, at(1), [12], 'other');
    expect(kinds(w.receive(present(other, 'a block').header))).toEqual([]);
    expect(w.traces('ignored')).toEqual([{ hash: other?.hash, code: 'pow/below-finality' }]);
  });

  it('answers a certificate with an offence: there are none here', () => {
    const w = world();
    const block = { ...at(0), transactions: [], payload: EMPTY };
    w.step({ type: 'block', block, certificate: EMPTY, origin: 'sync', from: PEER });
    expect(w.offences()).toEqual(['peer pow/certificate']);
  });
});

describe('consensus/pow orphans', () => {
  it('holds a block without a parent, asks its sender for the missing ancestor and connects both', () => {
    const w = world();
    const effects = w.receive(at(1).header, 'alice');
    expect(of(effects, 'fetch')).toEqual([{ type: 'fetch', hash: at(0).hash, from: 'alice' }]);
    expect(w.traces('orphan')).toEqual([{ hash: at(1).hash, number: 2, parent: at(0).hash }]);
    w.receive(at(0).header, 'bob');
    expect(w.chain.head.hash).toBe(at(1).hash);
    expect(w.state.orphans.size).toBe(0);
    w.advance(10 * FETCH_RETRY_MS);
    expect(w.all('fetch').length).toBe(1);
  });

  it('connects a whole branch that arrived in reverse, asking for each ancestor once', () => {
    const w = world();
    for (const { header } of chain.slice(0, 8).reverse()) w.receive(header);
    expect(w.chain.head.hash).toBe(at(7).hash);
    expect(w.all('fetch').map(({ hash }) => hash)).toEqual(
      chain
        .slice(0, 7)
        .reverse()
        .map(({ hash }) => hash),
    );
  });

  it('asks anybody again for a while, then forgets what waited', () => {
    const w = world();
    w.receive(at(2).header, 'alice');
    w.receive(at(3).header, 'alice');
    w.advance(100 * FETCH_RETRY_MS);
    expect(w.all('fetch').map(({ from }) => from)).toEqual(['alice', ...Array(MAX_FETCH_ATTEMPTS - 1).fill(null)]);
    expect(w.state.orphans.size).toBe(0);
    expect(w.state.fetches.size).toBe(0);
    expect(w.timers.size).toBe(0);
  });

  it('does not hold what proves nothing: a wrong proof or less than the minimum difficulty', () => {
    const w = world();
    w.receive(mine(at(2).header, false), 'liar');
    w.receive(mine({ ...at(2).header, difficulty: 1n }), 'liar');
    expect(w.offences()).toEqual(['liar header/proof', 'liar header/difficulty']);
    expect(w.state.orphans.size).toBe(0);
    expect(w.all('fetch')).toEqual([]);
  });

  it('leaves an orphan far from the head to sync', () => {
    const w = world();
    w.receive(mine({ ...at(2).header, number: MAX_ORPHANS + 1 }));
    expect(w.all('fetch')).toEqual([]);
    expect(w.traces('ignored')).toMatchObject([{ code: 'pow/far-orphan' }]);
  });

  it('drops what stands on a block that turned out wrong', () => {
    const w = world();
    const wrong = mine(draft(net, net.genesis, view, { difficulty: 9n }));
    const child = mine({ ...at(1).header, parentHash: hashHeader(wrong) });
    w.receive(child);
    expect(w.state.orphans.size).toBe(1);
    w.receive(wrong);
    expect(w.state.orphans.size).toBe(0);
  });

  it('stays bounded under a flood: a sender loses its own oldest first', () => {
    const w = world();
    const stray = (n: number) => mine({ ...at(2).header, parentHash: `0x${n.toString(16).padStart(64, '0')}` as Hash });
    w.receive(at(5).header, 'honest');
    for (let n = 1; n <= 3 * MAX_ORPHANS_PER_SENDER; n++) w.receive(stray(n), 'flood');
    expect(w.state.orphans.size).toBe(1 + MAX_ORPHANS_PER_SENDER);
    expect(w.state.orphans.has(at(5).hash)).toBe(true);
    for (let n = 1_000; n < 1_000 + 2 * MAX_ORPHANS; n++) w.receive(stray(n), `flood${n % 50}`);
    expect(w.state.orphans.size).toBe(MAX_ORPHANS);
    expect(w.state.fetches.size).toBeLessThanOrEqual(MAX_FETCHES);
  });

  it('stays bounded in bytes', () => {
    const pool = new OrphanPool();
    const big = new Uint8Array(3 * 1024 * 1024);
    for (let i = 0; i < 20; i++) {
      const block = blockOf({ ...at(2).header, gasUsed: BigInt(i) }, [big]);
      pool.add({ block, hash: hashHeader(block.header), from: NodeId(`peer${i}`) });
      expect(pool.bytes).toBeLessThanOrEqual(MAX_ORPHAN_BYTES);
    }
    expect(pool.size).toBe(10);
    pool.dropDescendants(at(2).header.parentHash);
    expect([pool.size, pool.bytes]).toEqual([0, 0]);
  });
});

describe('consensus/pow early blocks', () => {
  const limitMs = net.rules.settings.futureLimitSeconds * 1_000;

  it('holds an early block without blame and takes it when its time has come', () => {
    const w = world(1);
    w.wallMs = at(1).header.timestamp * 1_000 - limitMs - 5_000;
    expect(kinds(w.receive(at(1).header))).toEqual(['setTimer']);
    expect(w.receive(at(1).header, 'other')).toEqual([]);
    w.advance(4_999);
    expect(w.chain.head.hash).toBe(at(0).hash);
    w.advance(1);
    expect(w.chain.head.hash).toBe(at(1).hash);
    expect(w.state.early).toEqual([]);
    expect(w.all('offence')).toEqual([]);
  });

  it('waits again when the clock was set back meanwhile', () => {
    const w = world(1);
    w.wallMs = at(1).header.timestamp * 1_000 - limitMs - 5_000;
    w.receive(at(1).header);
    w.wallMs -= 60_000;
    w.advance(60_000);
    expect(w.chain.head.hash).toBe(at(0).hash);
    w.advance(5_000);
    expect(w.chain.head.hash).toBe(at(1).hash);
  });

  it('does not hold what is hours ahead, and holds a bounded number', () => {
    const w = world(1);
    w.wallMs = at(1).header.timestamp * 1_000 - limitMs - (MAX_EARLY_SECONDS + 1) * 1_000;
    w.receive(at(1).header);
    expect(w.state.early).toEqual([]);
    expect(w.traces('ignored')).toMatchObject([{ code: 'header/future' }]);
    w.wallMs += 100_000;
    for (let i = 0; i < MAX_EARLY_BLOCKS + 5; i++)
      w.receive(mine({ ...at(1).header, stateRoot: `0x${(i + 1).toString(16).padStart(64, '0')}` as Hash }));
    expect(w.state.early.length).toBe(MAX_EARLY_BLOCKS);
  });

  it('connects the children of an early block when it is taken', () => {
    const w = world(1);
    w.wallMs = at(1).header.timestamp * 1_000 - limitMs - 5_000;
    w.receive(at(1).header);
    w.receive(at(2).header);
    w.advance(20_000);
    expect(w.chain.head.hash).toBe(at(2).hash);
  });
});

describe('consensus/pow light blocks', () => {
  const [stale] = extend(net, view, net.genesis, [10], 'stale') as [HeaderNode];

  it('keeps a gossiped block that is close behind the head', () => {
    const w = world(LOW_WORK_DEPTH);
    w.receive(stale.header);
    expect(w.chain.status(stale.hash)).toBe('stored');
  });

  it('ignores one that is far behind, without blame, but takes it from sync', () => {
    const w = world(20);
    expect(kinds(w.receive(stale.header))).toEqual([]);
    expect(w.traces('ignored')).toEqual([{ hash: stale.hash, code: 'pow/low-work' }]);
    w.receive(stale.header, 'peer', 'sync');
    expect(w.chain.status(stale.hash)).toBe('stored');
  });

  it('ignores it as well when an orphan of no weight made us ask for it', () => {
    const [child] = extend(net, view, stale, [10], 'stale') as [HeaderNode];
    const w = world(20);
    w.receive(child.header);
    expect(w.all('fetch').map(({ hash }) => hash)).toEqual([stale.hash]);
    w.receive(stale.header, 'peer', 'sync');
    expect(w.all('insert')).toEqual([]);
  });

  it('takes it as the ancestor of orphans that make it heavy enough', () => {
    const branch = extend(net, view, stale, Array(20).fill(10), 'stale');
    const w = world(20);
    for (const { header } of [stale, ...branch].reverse()) w.receive(header);
    expect(w.chain.head.hash).toBe(branch.at(-1)?.hash);
    expect(w.traces('reorg')).toMatchObject([{ depth: 20 }]);
  });

  it('keeps a bounded number of blocks of one height', () => {
    const w = world(2);
    for (let i = 0; i < MAX_SIBLINGS + 20; i++) {
      w.receive(mine(draft(net, net.genesis, view, { stateRoot: `0x${(i + 1).toString(16).padStart(64, '0')}` as Hash })), `peer${i}`);
    }
    expect(w.chain.atHeight(1, 1_000).length).toBe(MAX_SIBLINGS);
  });
});
