/** What the pool does when it is full: who makes room for whom, and that nothing grows past its bound. */
import { describe, expect, test } from 'vitest';
import type { Hash } from '../../src/base/types.ts';
import type { TransactionOrigin } from '../../src/mempool/account.ts';
import { POOL_LIMITS, type PoolLimits } from '../../src/mempool/limits.ts';
import { ALICE, BOB, CAROL, type Key } from '../execution/support.ts';
import { GWEI, gasFor, keys, refusalOf, signed, type TxFields, World } from './support.ts';

const LIMITS: Partial<PoolLimits> = { globalSlots: 6, accountSlots: 2, globalQueue: 3, accountQueue: 2 };

function world(limits: Partial<PoolLimits> = LIMITS): World {
  return new World({ rich: [ALICE, BOB, CAROL, ...keys(12)], limits });
}

function add(w: World, key: Key, fields: TxFields = {}, origin: TransactionOrigin = 'gossip'): Hash {
  return w.pool.add(signed(key, fields), origin).hash;
}

/** `count` executable ones of one sender, from nonce 0 on. */
function run(w: World, key: Key, count: number, tip: bigint, origin: TransactionOrigin = 'gossip'): Hash[] {
  return Array.from({ length: count }, (_, nonce) => add(w, key, { nonce, tip }, origin));
}

function code(attempt: () => unknown): string {
  return refusalOf(attempt).code;
}

function alive(w: World, hashes: readonly Hash[]): boolean[] {
  return hashes.map((hash) => w.pool.has(hash));
}

describe('in a full pool', () => {
  test('a sender past its slots makes room for one within them, whatever either pays; its last goes first', () => {
    const w = world();
    const greedy = run(w, ALICE, 5, 50n * GWEI);
    const modest = run(w, BOB, 1, 2n);
    const newcomer = add(w, CAROL, { tip: 1n });
    expect(alive(w, [...greedy, ...modest, newcomer])).toEqual([true, true, true, true, false, true, true]);
    expect(w.pool.pendingNonce(ALICE.address)).toBe(4n);
    expect(w.pool.status()).toEqual({ pending: 6, queued: 0 });
  });

  test('of several that are past their slots the one whose last pays least makes room, and so on until they are not', () => {
    const w = world();
    const [cheap, dear] = [run(w, ALICE, 3, 2n), run(w, BOB, 3, 9n)];
    add(w, CAROL, { nonce: 0, tip: 1n });
    expect(alive(w, [...cheap, ...dear])).toEqual([true, true, false, true, true, true]);
    add(w, CAROL, { nonce: 1, tip: 1n });
    expect(alive(w, [...cheap, ...dear])).toEqual([true, true, false, true, true, false]);
  });

  test('one past its slots takes the place of another such that pays less, and never of one within them', () => {
    const w = world();
    const [cheap, dear] = [run(w, ALICE, 3, 2n), run(w, BOB, 3, 9n)];
    expect(code(() => add(w, BOB, { nonce: 3, tip: 2n }))).toBe('mempool/full');
    add(w, BOB, { nonce: 3, tip: 3n });
    expect(alive(w, cheap)).toEqual([true, true, false]);
    const error = refusalOf(() => add(w, BOB, { nonce: 4, tip: 100n }));
    expect(error.code).toBe('mempool/full');
    expect(error.message).toMatch(/^txpool is full/);
    expect(error.blame).toBe(false);
    expect(alive(w, dear)).toEqual([true, true, true]);
  });

  test('among those within their slots the better payer stays', () => {
    const w = world();
    const [a, b, c] = [run(w, ALICE, 2, 5n), run(w, BOB, 2, 6n), run(w, CAROL, 2, 7n)];
    const [dora] = keys(1);
    if (dora === undefined) throw new RangeError();
    const error = refusalOf(() => add(w, dora, { tip: 5n }));
    expect(error.code).toBe('mempool/underpriced');
    expect(error.message).toMatch(/^transaction underpriced/);
    add(w, dora, { tip: 6n });
    expect(alive(w, [...(a ?? []), ...(b ?? []), ...(c ?? [])])).toEqual([true, false, true, true, true, true]);
  });

  test('what counts is what the maker of the next block would get', () => {
    const w = new World({ rich: keys(4), limits: { ...LIMITS, globalSlots: 2 }, header: { baseFeePerGas: 100n } });
    const [a, b, c, d] = keys(4);
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new RangeError();
    // Offers 50, but at a base fee of 100 pays 1; and one that cannot be executed at all.
    const small = add(w, a, { tip: 50n, fee: 101n });
    const none = add(w, b, { tip: 40n, fee: 60n });
    add(w, c, { tip: 2n, fee: 200n });
    expect(alive(w, [small, none])).toEqual([true, false]);
    add(w, d, { tip: 3n, fee: 200n });
    expect(alive(w, [small, none])).toEqual([false, false]);
  });

  test('of equal payers the youngest goes', () => {
    const w = world();
    const senders = keys(7);
    const hashes = senders.slice(0, 6).map((key) => add(w, key, { tip: 3n }));
    const [, , , , , , last] = senders;
    if (last === undefined) throw new RangeError();
    add(w, last, { tip: 4n });
    expect(alive(w, hashes)).toEqual([true, true, true, true, true, false]);
  });

  test('what is queued makes room for what is executable, and takes the place only of what is queued', () => {
    const w = world();
    const waiting = [add(w, ALICE, { nonce: 3, tip: 90n }), add(w, ALICE, { nonce: 4, tip: 80n })];
    run(w, BOB, 4, 5n);
    add(w, CAROL, { tip: 1n });
    expect(alive(w, waiting)).toEqual([true, false]);
    expect(code(() => add(w, CAROL, { nonce: 5, tip: 90n }))).toBe('mempool/full');
    add(w, CAROL, { nonce: 5, tip: 91n });
    expect(alive(w, waiting)).toEqual([false, false]);
    expect(w.pool.status()).toEqual({ pending: 5, queued: 1 });
  });

  test('a large transaction takes as many places as it has slots, or none at all', () => {
    const w = world();
    const hashes = keys(6).map((key, index) => add(w, key, { tip: BigInt(10 + index) }));
    const dataBytes = 2 * 32 * 1024;
    const large = { dataBytes, gas: gasFor(dataBytes), fee: 200n * GWEI };
    // Three slots, though the pool has only two that pay less.
    expect(code(() => add(w, BOB, { ...large, tip: 12n }))).toBe('mempool/full');
    expect(alive(w, hashes)).toEqual([true, true, true, true, true, true]);
    const roomy = world({ ...LIMITS, accountSlots: 3 });
    const again = keys(6).map((key, index) => add(roomy, key, { tip: BigInt(10 + index) }));
    expect(code(() => add(roomy, BOB, { ...large, tip: 12n }))).toBe('mempool/underpriced');
    expect(alive(roomy, again)).toEqual([true, true, true, true, true, true]);
    add(roomy, BOB, { ...large, tip: 13n });
    expect(alive(roomy, again)).toEqual([false, false, false, true, true, true]);
  });

  test('a refusal changes nothing for those who come after it', () => {
    const w = world({ ...LIMITS, accountSlots: 3 });
    const alice = [add(w, ALICE, { nonce: 0, tip: 5n }), add(w, ALICE, { nonce: 1, tip: 50n })];
    const others = keys(4).map((key) => add(w, key, { tip: 90n }));
    const dataBytes = 2 * 32 * 1024;
    // It would need more places than Alice's two.
    expect(code(() => add(w, BOB, { dataBytes, gas: gasFor(dataBytes), fee: 200n * GWEI, tip: 60n }))).toBe('mempool/underpriced');
    add(w, CAROL, { tip: 60n });
    expect(alive(w, [...alice, ...others])).toEqual([true, false, true, true, true, true]);
    expect(code(() => add(w, BOB, { tip: 5n }))).toBe('mempool/underpriced');
    add(w, BOB, { tip: 6n });
    expect(alive(w, alice)).toEqual([false, false]);
  });

  test('a refusal does not make any place count twice', () => {
    const w = world({ ...LIMITS, accountSlots: 4 });
    const [bob, ...others] = keys(4) as [Key, Key, Key, Key];
    add(w, ALICE, { nonce: 0, tip: 95n });
    add(w, ALICE, { nonce: 1, tip: 50n });
    add(w, bob, { tip: 90n });
    for (const key of others) add(w, key, { tip: 99n });
    const large = (slots: number, tip: bigint): TxFields => {
      const dataBytes = (slots - 1) * 32 * 1024;
      return { dataBytes, gas: gasFor(dataBytes), fee: 200n * GWEI, tip };
    };
    expect(code(() => add(w, CAROL, large(2, 60n)))).toBe('mempool/underpriced');
    expect(code(() => add(w, CAROL, large(4, 97n)))).toBe('mempool/underpriced');
    add(w, CAROL, large(3, 97n));
    expect(w.pool.status()).toEqual({ pending: 4, queued: 0 });
  });

  test('a new base fee is a new order, also among senders whose accounts were not read again', () => {
    const senders = keys(82);
    const [a, b, c, d] = senders.slice(78) as [Key, Key, Key, Key];
    const w = new World({ rich: senders, limits: { ...LIMITS, globalSlots: 80 }, header: { baseFeePerGas: 7n } });
    for (const key of senders.slice(0, 78)) add(w, key, { tip: 500n, fee: 900n });
    const [capped, free] = [add(w, a, { tip: 50n, fee: 100n }), add(w, b, { tip: 20n, fee: 900n })];
    expect(code(() => add(w, c, { tip: 20n, fee: 900n }))).toBe('mempool/underpriced');
    w.mine([], [], { baseFeePerGas: 99n });
    add(w, d, { tip: 2n, fee: 900n });
    expect(alive(w, [capped, free])).toEqual([false, true]);
  });

  test('a replacement that is larger needs the room too', () => {
    const w = world({ ...LIMITS, accountSlots: 6 });
    const hashes = keys(6).map((key, index) => add(w, key, { tip: BigInt(10 + index), fee: 100n * GWEI }));
    const [, , , , , last] = keys(6);
    if (last === undefined) throw new RangeError();
    const dataBytes = 3 * 32 * 1024;
    add(w, last, { tip: 100n, fee: 200n * GWEI, dataBytes, gas: gasFor(dataBytes) });
    expect(alive(w, hashes)).toEqual([false, false, false, true, true, false]);
    expect(w.pool.status()).toEqual({ pending: 3, queued: 0 });
  });

  test('a replacement of the same size always fits', () => {
    const w = world();
    keys(6).forEach((key) => void add(w, key, { tip: 10n }));
    const [first] = keys(1);
    if (first === undefined) throw new RangeError();
    add(w, first, { tip: 11n, fee: 200n * GWEI });
    expect(w.pool.status()).toEqual({ pending: 6, queued: 0 });
  });
});

describe('local transactions', () => {
  test('are not displaced for their price, and displace any other', () => {
    const w = world();
    const local = run(w, ALICE, 3, 1n, 'local');
    const gossip = run(w, BOB, 2, 100n);
    add(w, CAROL, { tip: 50n });
    const [dora] = keys(1);
    if (dora === undefined) throw new RangeError();
    expect(code(() => add(w, dora, { tip: 50n }))).toBe('mempool/underpriced');
    add(w, dora, { tip: 51n });
    expect(alive(w, local)).toEqual([true, true, true]);
    add(w, ALICE, { nonce: 3, tip: 1n }, 'local');
    add(w, ALICE, { nonce: 4, tip: 1n }, 'local');
    add(w, ALICE, { nonce: 5, tip: 1n }, 'local');
    expect(alive(w, gossip)).toEqual([false, false]);
    expect(w.pool.status()).toEqual({ pending: 6, queued: 0 });
  });

  test('are bounded by the slots like any other', () => {
    const w = world();
    run(w, ALICE, 6, 1n, 'local');
    const error = refusalOf(() => add(w, BOB, { tip: 100n }, 'local'));
    expect(error.code).toBe('mempool/full');
    expect(error.message).toMatch(/^txpool is full/);
    expect(code(() => add(w, BOB, { tip: 100n }))).toBe('mempool/underpriced');
    expect(code(() => add(w, ALICE, { nonce: 6, tip: 100n }, 'local'))).toBe('mempool/full');
  });

  test('are bounded by the queue like any other', () => {
    const w = world();
    for (const nonce of [2, 3]) add(w, ALICE, { nonce }, 'local');
    expect(code(() => add(w, ALICE, { nonce: 4 }, 'local'))).toBe('mempool/account-full');
    add(w, BOB, { nonce: 2, tip: 90n * GWEI });
    // The queue has three places: the local one takes that of gossip, however well that pays.
    add(w, CAROL, { nonce: 2, tip: 1n }, 'local');
    expect(w.pool.content().queued.has(BOB.address)).toBe(false);
    expect(code(() => add(w, BOB, { nonce: 2 }, 'local'))).toBe('mempool/full');
  });
});

describe('the queue', () => {
  test('holds so many of one sender', () => {
    const w = world();
    for (const nonce of [2, 3]) add(w, ALICE, { nonce });
    const error = refusalOf(() => add(w, ALICE, { nonce: 4, tip: 50n * GWEI }));
    expect(error.code).toBe('mempool/account-full');
    expect(error.message).toMatch(/^account limit exceeded: 2 transactions.*nonce 0/);
    add(w, ALICE, { nonce: 0 });
    add(w, ALICE, { nonce: 1 });
    expect(w.pool.status()).toEqual({ pending: 4, queued: 0 });
  });

  test('holds so many in all; a better payer takes the place of the one that pays least', () => {
    const w = world();
    const [a, b, c] = [ALICE, BOB, CAROL].map((key, index) => add(w, key, { nonce: 1, tip: BigInt(10 + index) }));
    const [dora] = keys(1);
    if (dora === undefined) throw new RangeError();
    const error = refusalOf(() => add(w, dora, { nonce: 7, tip: 10n }));
    expect(error.code).toBe('mempool/full');
    expect(error.message).toMatch(/^txpool is full: 3 of 3 transactions wait for a nonce; send nonce 0 first/);
    add(w, dora, { nonce: 7, tip: 11n });
    expect([a, b, c].map((hash) => hash !== undefined && w.pool.has(hash))).toEqual([false, true, true]);
    expect(w.pool.status()).toEqual({ pending: 0, queued: 3 });
  });

  test('is not filled past its bounds by those that lose their turn', () => {
    const w = world({ ...LIMITS, globalSlots: 100 });
    const poor = 21_000n * 101n * GWEI;
    w.mine([], [...[ALICE, BOB, CAROL].map((key) => [key, { balance: 4n * poor }] as const)]);
    const runs = [ALICE, BOB, CAROL].map((key) => run(w, key, 4, GWEI));
    w.mine(
      [],
      [ALICE, BOB, CAROL].map((key) => [key, { balance: poor }] as const),
    );
    // Each keeps the first, which it can still pay, and two in the queue; the queue has three places for all.
    expect(w.pool.status()).toEqual({ pending: 3, queued: 3 });
    expect(runs.map((hashes) => w.pool.has(hashes[0] as Hash))).toEqual([true, true, true]);
  });

  test('lets a sender wait so long without anything happening', () => {
    const w = world({ ...LIMITS, queueLifetimeMs: 1_000 });
    add(w, ALICE, { nonce: 1 });
    add(w, BOB, { nonce: 0 });
    add(w, BOB, { nonce: 2 });
    w.nowMs = 900;
    add(w, ALICE, { nonce: 2 });
    w.nowMs = 1_000;
    w.mine([]);
    expect(w.pool.status()).toEqual({ pending: 1, queued: 3 });
    w.nowMs = 1_001;
    w.mine([]);
    expect(w.pool.content().queued.has(BOB.address)).toBe(false);
    expect(w.pool.status()).toEqual({ pending: 1, queued: 2 });
    w.nowMs = 1_901;
    w.mine([]);
    expect(w.pool.status()).toEqual({ pending: 1, queued: 0 });
  });

  test('counts the time from when a turn was lost, not from when the transaction came', () => {
    const w = world({ ...LIMITS, queueLifetimeMs: 1_000 });
    const hashes = run(w, ALICE, 2, GWEI);
    w.nowMs = 5_000;
    w.mine([], [[ALICE, { balance: 0n }]]);
    expect(w.pool.status()).toEqual({ pending: 0, queued: 2 });
    w.nowMs = 6_000;
    w.mine([]);
    expect(alive(w, hashes)).toEqual([true, true]);
    w.nowMs = 6_001;
    w.mine([]);
    expect(alive(w, hashes)).toEqual([false, false]);
  });
});

test('by default the limits are those of geth', () => {
  expect(POOL_LIMITS).toMatchObject({ minTip: 1n, priceBumpPercent: 10n, accountSlots: 16, globalSlots: 5_120 });
  const senders = keys(16);
  const w = new World({ rich: [...senders, BOB] });
  for (const key of senders) for (let nonce = 1; nonce <= 64; nonce++) add(w, key, { nonce });
  expect(w.pool.status()).toEqual({ pending: 0, queued: 1_024 });
  expect(code(() => add(w, ALICE, { nonce: 1 }))).toBe('mempool/insufficient-funds');
  expect(code(() => add(w, BOB, { nonce: 1 }))).toBe('mempool/full');
  for (const key of senders) expect(code(() => add(w, key, { nonce: 65 }))).toBe('mempool/account-full');
  w.nowMs = 3 * 60 * 60 * 1_000;
  w.mine([]);
  expect(w.pool.status()).toEqual({ pending: 0, queued: 1_024 });
  w.nowMs++;
  w.mine([]);
  expect(w.pool.status()).toEqual({ pending: 0, queued: 0 });
});
