/** What the pool does when the head moves: mined transactions leave, abandoned ones come back, accounts change. */
import { describe, expect, test } from 'vitest';
import type { Hash } from '../../src/base/types.ts';
import { keccakHash } from '../../src/execution/keccak.ts';
import { ALICE, BOB, CAROL, type Key } from '../execution/support.ts';
import { ETHER, GWEI, keys, refusalOf, signed, type TxFields, World } from './support.ts';

const TRANSFER_COST = 21_000n * 101n * GWEI;

function world(options: ConstructorParameters<typeof World>[0] = {}): World {
  return new World({ rich: [ALICE, BOB, CAROL], ...options });
}

/** Signed, in the pool. */
function add(w: World, key: Key, nonce: number, fields: TxFields = {}): Uint8Array {
  const bytes = signed(key, { nonce, ...fields });
  w.pool.add(bytes, 'gossip');
  return bytes;
}

function nonces(w: World, key: Key): { pending: number[]; queued: number[] } {
  const { pending, queued } = w.pool.content(key.address);
  const of = (map: typeof pending) => (map.get(key.address) ?? []).map(({ nonce }) => Number(nonce));
  return { pending: of(pending), queued: of(queued) };
}

function hashes(...transactions: readonly Uint8Array[]): Hash[] {
  return transactions.map(keccakHash);
}

describe('a gap', () => {
  test('keeps what comes after it queued; filling it announces all that have their turn, in order, as they came', () => {
    const w = world();
    const third = signed(ALICE, { nonce: 2 });
    const fourth = signed(ALICE, { nonce: 3 });
    const last = signed(ALICE, { nonce: 5 });
    w.pool.add(fourth, 'gossip');
    w.pool.add(third, 'local');
    w.pool.add(last, 'gossip');
    const first = add(w, ALICE, 0);
    expect(w.announced.map(({ hash }) => hash)).toEqual(hashes(first));
    expect(w.pool.pendingNonce(ALICE.address)).toBe(1n);
    const second = add(w, ALICE, 1);
    expect(w.announced).toEqual([
      { hash: keccakHash(first), origin: 'gossip' },
      { hash: keccakHash(second), origin: 'gossip' },
      { hash: keccakHash(third), origin: 'local' },
      { hash: keccakHash(fourth), origin: 'gossip' },
    ]);
    expect(nonces(w, ALICE)).toEqual({ pending: [0, 1, 2, 3], queued: [5] });
    expect(w.pool.pendingNonce(ALICE.address)).toBe(4n);
    expect(w.pool.status()).toEqual({ pending: 4, queued: 1 });
  });

  test('that is filled gives a turn only to what the balance covers', () => {
    const w = world();
    w.mine([], [[CAROL, { balance: 2n * TRANSFER_COST }]]);
    const rich = signed(CAROL, { nonce: 2, value: TRANSFER_COST / 2n });
    w.pool.add(rich, 'gossip');
    add(w, CAROL, 0);
    add(w, CAROL, 1);
    expect(nonces(w, CAROL)).toEqual({ pending: [0, 1], queued: [2] });
    expect(w.announced.map(({ hash }) => hash)).not.toContain(keccakHash(rich));
  });
});

describe('a new block', () => {
  test('takes what it holds out of the pool', () => {
    const w = world();
    const [first, second] = [add(w, ALICE, 0), add(w, ALICE, 1)];
    add(w, BOB, 0);
    w.mine([first], [[ALICE, { nonce: 1 }]]);
    expect(w.pool.has(keccakHash(first))).toBe(false);
    expect(w.pool.get(keccakHash(second))?.nonce).toBe(1n);
    expect(nonces(w, ALICE)).toEqual({ pending: [1], queued: [] });
    expect(w.pool.pendingNonce(ALICE.address)).toBe(2n);
    expect(w.pool.status()).toEqual({ pending: 2, queued: 0 });
    expect(refusalOf(() => w.pool.add(first, 'gossip')).code).toBe('mempool/nonce-too-low');
  });

  test('takes out the twin of what it holds, and gives a turn to what it bridges to', () => {
    const w = world();
    const ours = add(w, ALICE, 0);
    const next = add(w, ALICE, 2);
    w.news();
    w.mine([signed(ALICE, { nonce: 0, value: 7n }), signed(ALICE, { nonce: 1 })], [[ALICE, { nonce: 2 }]]);
    expect(w.pool.has(keccakHash(ours))).toBe(false);
    expect(nonces(w, ALICE)).toEqual({ pending: [2], queued: [] });
    expect(w.news()).toEqual(hashes(next));
  });

  test('that lowers a balance takes the turn from what it no longer covers, until there are funds again', () => {
    const w = world();
    add(w, ALICE, 0, { value: ETHER });
    const second = add(w, ALICE, 1, { value: 10n * ETHER });
    add(w, ALICE, 2, { value: ETHER });
    w.news();
    w.mine([], [[ALICE, { balance: 3n * ETHER }]]);
    expect(nonces(w, ALICE)).toEqual({ pending: [0], queued: [1, 2] });
    expect(w.pool.status()).toEqual({ pending: 1, queued: 2 });
    expect(w.drain()).toHaveLength(1);
    expect(w.pool.pendingNonce(ALICE.address)).toBe(1n);
    expect(refusalOf(() => w.pool.add(signed(ALICE, { nonce: 3 }), 'gossip')).code).toBe('mempool/insufficient-funds');
    w.mine([], [[ALICE, { balance: 50n * ETHER }]]);
    expect(nonces(w, ALICE)).toEqual({ pending: [0, 1, 2], queued: [] });
    // They were announced before.
    expect(w.news()).toEqual([]);
    expect(w.pool.has(keccakHash(second))).toBe(true);
  });

  test('that lowers a balance lets a cheaper replacement through, and those after it', () => {
    const w = world();
    add(w, ALICE, 0, { value: 10n * ETHER });
    add(w, ALICE, 1);
    w.mine([], [[ALICE, { balance: ETHER }]]);
    expect(nonces(w, ALICE)).toEqual({ pending: [], queued: [0, 1] });
    add(w, ALICE, 0, { tip: 2n * GWEI, fee: 150n * GWEI });
    expect(nonces(w, ALICE)).toEqual({ pending: [0, 1], queued: [] });
  });

  test('that raises a balance lets more of the sender in at once', () => {
    const w = world();
    const poor = keys(1, 'poor')[0] as Key;
    w.mine([], [[poor, { balance: TRANSFER_COST }]]);
    add(w, poor, 0);
    expect(refusalOf(() => add(w, poor, 1)).code).toBe('mempool/insufficient-funds');
    w.mine([], [[poor, { balance: 2n * TRANSFER_COST }]]);
    add(w, poor, 1);
    expect(nonces(w, poor)).toEqual({ pending: [0, 1], queued: [] });
  });

  test('with less gas takes the turn from what does not fit any block', () => {
    const w = world();
    add(w, ALICE, 0, { gas: 16_000_000n });
    add(w, ALICE, 1);
    w.mine([], [], { gasLimit: 15_900_000n });
    expect(nonces(w, ALICE)).toEqual({ pending: [], queued: [0, 1] });
    w.mine([], [], { gasLimit: 16_000_000n });
    expect(nonces(w, ALICE)).toEqual({ pending: [0, 1], queued: [] });
  });

  test('answers the nonce of an account that the pool never saw', () => {
    const w = world();
    expect(w.pool.pendingNonce(CAROL.address)).toBe(0n);
    w.mine([], [[CAROL, { nonce: 9 }]]);
    expect(w.pool.pendingNonce(CAROL.address)).toBe(9n);
    expect(w.pool.pendingNonce(keys(1, 'nobody')[0]?.address ?? CAROL.address)).toBe(0n);
    expect(w.pool.content(CAROL.address)).toEqual({ pending: new Map(), queued: new Map() });
  });
});

describe('a reorganisation', () => {
  test('brings back what only the abandoned blocks held, in the order of nonces, as ours to send on', () => {
    const w = world();
    const genesis = w.head;
    const alice = [0, 1, 2].map((nonce) => signed(ALICE, { nonce }));
    const bob = signed(BOB, { nonce: 0 });
    const [first, second, third] = alice as [Uint8Array, Uint8Array, Uint8Array];
    w.mine(
      [first, bob],
      [
        [ALICE, { nonce: 1 }],
        [BOB, { nonce: 1 }],
      ],
    );
    w.mine([second, third], [[ALICE, { nonce: 3 }]]);
    expect(w.announced).toEqual([]);
    const other = w.block([bob], [[BOB, { nonce: 1 }]], genesis);
    w.moveTo(w.block([], [], w.block([], [], other)));
    expect(w.announced).toEqual(hashes(first, second, third).map((hash) => ({ hash, origin: 'local' })));
    expect(nonces(w, ALICE)).toEqual({ pending: [0, 1, 2], queued: [] });
    expect(nonces(w, BOB)).toEqual({ pending: [], queued: [] });
    expect(w.pool.status()).toEqual({ pending: 3, queued: 0 });
  });

  test('leaves those that wait after them their turn, without announcing them again', () => {
    const w = world({ limits: { accountQueue: 2 } });
    const genesis = w.head;
    const mined = [0, 1].map((nonce) => signed(ALICE, { nonce }));
    w.mine(mined, [[ALICE, { nonce: 2 }]]);
    for (const nonce of [2, 3, 4, 5]) add(w, ALICE, nonce);
    w.news();
    w.moveTo(w.block([], [], w.block([], [], genesis)));
    expect(nonces(w, ALICE)).toEqual({ pending: [0, 1, 2, 3, 4, 5], queued: [] });
    expect(w.news()).toEqual(hashes(...mined));
  });

  test('keeps what was paid for by a payment that is itself abandoned, until that is mined again', () => {
    const w = world();
    const poor = keys(1, 'poor')[0] as Key;
    const payment = signed(ALICE, { value: ETHER });
    const spent = [signed(poor, { nonce: 0 }), signed(poor, { nonce: 1 })];
    const waiting = signed(poor, { nonce: 2 });
    const genesis = w.head;
    w.mine(
      [payment],
      [
        [ALICE, { nonce: 1 }],
        [poor, { balance: ETHER }],
      ],
    );
    w.mine(spent, [[poor, { nonce: 2 }]]);
    w.pool.add(waiting, 'gossip');
    w.news();
    w.moveTo(w.block([], [], w.block([], [], w.block([], [], genesis))));
    expect(nonces(w, ALICE)).toEqual({ pending: [0], queued: [] });
    expect(nonces(w, poor)).toEqual({ pending: [], queued: [0, 1, 2] });
    expect(w.news()).toEqual(hashes(payment));
    w.mine(
      [payment],
      [
        [ALICE, { nonce: 1 }],
        [poor, { balance: ETHER }],
      ],
    );
    expect(nonces(w, poor)).toEqual({ pending: [0, 1, 2], queued: [] });
    expect(w.announced).toEqual(hashes(...spent).map((hash) => ({ hash, origin: 'local' })));
  });

  test('does not bring back what the new chain made pointless', () => {
    const w = world();
    const genesis = w.head;
    const [first, second] = [signed(ALICE, { nonce: 0 }), signed(ALICE, { nonce: 1 })];
    w.mine([first, second], [[ALICE, { nonce: 2 }]]);
    const twin = signed(ALICE, { nonce: 0, value: 5n });
    w.moveTo(w.block([], [], w.block([twin], [[ALICE, { nonce: 1 }]], genesis)));
    expect(nonces(w, ALICE)).toEqual({ pending: [1], queued: [] });
    expect(w.pool.has(keccakHash(first))).toBe(false);
  });

  test('does not overrule a replacement that pays more, nor what pays too little for the pool', () => {
    const w = world();
    const genesis = w.head;
    const old = signed(ALICE, { nonce: 0 });
    const free = signed(BOB, { nonce: 0, tip: 0n });
    w.mine(
      [old, free],
      [
        [ALICE, { nonce: 1 }],
        [BOB, { nonce: 1 }],
      ],
    );
    const back = w.block([], [], genesis);
    w.moveTo(w.block([], [], back));
    expect(nonces(w, ALICE)).toEqual({ pending: [0], queued: [] });
    expect(nonces(w, BOB)).toEqual({ pending: [], queued: [] });
    const better = add(w, ALICE, 0, { tip: 5n * GWEI, fee: 200n * GWEI });
    w.mine([old], [[ALICE, { nonce: 1 }]]);
    w.moveTo(w.block([], [], w.block([], [], back)));
    // The better one was used up when the old one was mined, so the old one is what is left.
    expect(w.pool.has(keccakHash(better))).toBe(false);
    expect(w.pool.has(keccakHash(old))).toBe(true);
  });

  test('in a full pool brings back what pays more than what is there', () => {
    const senders = keys(4);
    const [a, b, c, d] = senders as [Key, Key, Key, Key];
    const w = world({ rich: senders, limits: { globalSlots: 2, accountSlots: 1 } });
    const genesis = w.head;
    w.mine(
      [signed(c, { tip: 50n }), signed(d, { tip: 1n })],
      [
        [c, { nonce: 1 }],
        [d, { nonce: 1 }],
      ],
    );
    add(w, a, 0, { tip: 10n });
    add(w, b, 0, { tip: 20n });
    w.moveTo(w.block([], [], w.block([], [], genesis)));
    expect([a, b, c, d].map((key) => nonces(w, key).pending.length)).toEqual([0, 1, 1, 0]);
  });

  test('that comes back to where it was leaves the pool as it was', () => {
    const w = world();
    const genesis = w.head;
    const transactions = [signed(ALICE, { nonce: 0 }), signed(BOB, { nonce: 0 })];
    const mined = w.mine(transactions, [
      [ALICE, { nonce: 1 }],
      [BOB, { nonce: 1 }],
    ]);
    w.moveTo(w.block([], [], w.block([], [], genesis)));
    expect(w.pool.status()).toEqual({ pending: 2, queued: 0 });
    w.moveTo(w.block([], [], w.block([], [], mined)));
    expect(w.pool.status()).toEqual({ pending: 0, queued: 0 });
  });

  test('brings back what comes before a transaction whose sender was not read again yet', () => {
    const many = keys(100);
    const w = world({ rich: many });
    const genesis = w.head;
    const last = many[99] as Key;
    const mined = signed(last, { nonce: 0 });
    w.mine([mined], [[last, { nonce: 1 }]]);
    for (const key of many.slice(0, 99)) add(w, key, 0);
    add(w, last, 1);
    w.moveTo(w.block([], [], w.block([], [], genesis)));
    expect(w.pool.get(keccakHash(mined))?.nonce).toBe(0n);
    expect(nonces(w, last)).toEqual({ pending: [0, 1], queued: [] });
  });

  test('survives a block that the store no longer has', () => {
    const w = world();
    const { header } = w.head;
    const unknown = { ...w.head, hash: keccakHash(Uint8Array.of(1)), header: { ...header, number: 7 } };
    add(w, ALICE, 0);
    w.pool.headChanged({ removed: [unknown], added: [unknown] });
    expect(w.pool.status()).toEqual({ pending: 1, queued: 0 });
  });
});

describe('the work at a new head', () => {
  test('is none while the pool is empty', () => {
    const w = world();
    const body = [signed(ALICE)];
    const { bodies, nodes } = w.reads;
    let tip = w.head;
    for (let height = 0; height < 100; height++) tip = w.block(body, [], tip);
    w.moveTo(tip);
    expect(w.reads).toEqual({ bodies, nodes });
  });

  test('reads no blocks while every account can be read, nor after a long jump', () => {
    const many = keys(80);
    const w = world({ rich: many });
    for (const key of many.slice(0, 64)) add(w, key, 0);
    w.mine([signed(ALICE)]);
    expect(w.reads.bodies).toBe(0);
    for (const key of many.slice(64)) add(w, key, 0);
    let tip = w.head;
    for (let height = 0; height < 40; height++) tip = w.block([signed(ALICE)], [], tip);
    w.moveTo(tip);
    expect(w.reads.bodies).toBe(0);
    w.mine([]);
    expect(w.reads.bodies).toBe(1);
  });

  test('reads every account in a few heads, those of mined transactions at once, and any other when it is asked for', () => {
    const many = keys(200);
    const w = world({ rich: many });
    const mined = many.map((key) => add(w, key, 0))[199] as Uint8Array;
    const last = many[199] as Key;
    const changes = many.map((key) => [key, { nonce: 1 }] as const);
    w.mine([mined], changes);
    // 64 by turns, one because it was mined.
    expect(w.pool.status().pending).toBe(200 - 65);
    expect(w.pool.has(keccakHash(mined))).toBe(false);
    expect(nonces(w, last)).toEqual({ pending: [], queued: [] });
    expect(w.pool.pendingNonce((many[150] as Key).address)).toBe(1n);
    expect(w.pool.status().pending).toBe(200 - 66);
    w.pool.add(signed(many[151] as Key, { nonce: 1 }), 'gossip');
    expect(nonces(w, many[151] as Key)).toEqual({ pending: [1], queued: [] });
    w.mine([]);
    w.mine([]);
    w.mine([]);
    expect(w.pool.status()).toEqual({ pending: 1, queued: 0 });
  });

  test('goes round: whoever was read longest ago is next', () => {
    const many = keys(200);
    const w = world({ rich: many });
    for (const key of many) add(w, key, 0);
    const broke = many.map((key) => [key, { balance: 0n }] as const);
    const queued = [0, 0, 0, 0, 0].map((_, round) => {
      w.mine([], round === 0 ? broke : []);
      return w.pool.status().queued;
    });
    expect(queued).toEqual([64, 128, 192, 200, 200]);
  });

  test('forgets senders of whom nothing is left', () => {
    const many = keys(80);
    const w = world({ rich: [...many, ALICE] });
    for (const key of many) add(w, key, 0);
    const used = many.map((key) => [key, { nonce: 1 }] as const);
    w.mine([], used);
    w.mine([]);
    expect(w.pool.status()).toEqual({ pending: 0, queued: 0 });
    add(w, ALICE, 0);
    const { bodies } = w.reads;
    w.mine([signed(BOB)]);
    expect(w.reads.bodies).toBe(bodies);
  });
});
