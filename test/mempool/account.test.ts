/** One sender's queue by itself, and the accounts that it follows. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import type { Hash } from '../../src/base/types.ts';
import type { Header } from '../../src/chain/header.ts';
import { EMPTY_ACCOUNT, encodeAccount } from '../../src/execution/account.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import type { Tx } from '../../src/execution/transaction.ts';
import { Trie } from '../../src/execution/trie.ts';
import { costOf, type Entry, SenderQueue, type Standing, slotsOf } from '../../src/mempool/account.ts';
import { HeadState } from '../../src/mempool/head-state.ts';
import { ALICE } from '../execution/support.ts';
import { keys } from './support.ts';

const STANDING: Standing = { nonce: 0n, balance: 1_000n, delegated: false, gasLimit: 100n };

function entry(nonce: number, cost = 1, gas = 1, bytes = 1): Entry {
  const fields = { nonce: BigInt(nonce), value: BigInt(cost - gas), gasLimit: BigInt(gas), maxFeePerGas: 1n, bytes: new Uint8Array(bytes) };
  return { tx: fields as Tx, origin: 'gossip', exempt: false, order: 0, announced: false };
}

function queueOf(standing: Partial<Standing>, ...entries: Entry[]): SenderQueue {
  const queue = new SenderQueue(ALICE.address, { ...STANDING, ...standing }, 0, 0);
  for (const item of entries) queue.put(item);
  return queue;
}

function nonces(entries: readonly Entry[]): number[] {
  return entries.map(({ tx }) => Number(tx.nonce));
}

describe('a sender', () => {
  test('has its turn without a gap, as far as the balance goes, for what fits a block', () => {
    expect(nonces(queueOf({}, entry(2), entry(0), entry(4), entry(1)).executable())).toEqual([0, 1, 2]);
    expect(nonces(queueOf({ nonce: 1n }, entry(2)).executable())).toEqual([]);
    expect(nonces(queueOf({ balance: 20n }, entry(0, 10), entry(1, 10), entry(2)).executable())).toEqual([0, 1]);
    expect(nonces(queueOf({ gasLimit: 5n }, entry(0, 9, 5), entry(1, 9, 6), entry(2)).executable())).toEqual([0]);
    expect(nonces(queueOf({ gasLimit: 5n }, entry(0, 9, 5), entry(1, 9, 6), entry(2)).queued())).toEqual([1, 2]);
  });

  test('loses turns to a replacement that leaves too little for the others', () => {
    const queue = queueOf({ balance: 30n }, entry(0, 10), entry(1, 10), entry(2, 10));
    expect(queue.put(entry(0, 15))).toMatchObject({ tx: { nonce: 0n } });
    expect(nonces(queue.executable())).toEqual([0, 1]);
    queue.put(entry(0, 10));
    expect(nonces(queue.executable())).toEqual([0, 1, 2]);
  });

  test('counts what must be paid beside a transaction', () => {
    const queue = queueOf({ balance: 30n }, entry(0, 10), entry(1, 11), entry(4, 7), entry(6, 5));
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((nonce) => Number(queue.costBeside(BigInt(nonce))))).toEqual([11, 10, 21, 21, 21, 28, 28, 33]);
  });

  test('follows the account up and down', () => {
    const queue = queueOf({}, entry(0), entry(1), entry(2), entry(5));
    expect(nonces(queue.follow({ ...STANDING, nonce: 2n }))).toEqual([0, 1]);
    expect([queue.nextNonce, queue.executableCount, queue.queuedCount, queue.slots]).toEqual([3n, 1, 1, 2]);
    expect(nonces(queue.follow({ ...STANDING, nonce: 1n }))).toEqual([]);
    expect([queue.nextNonce, queue.executableCount, queue.queuedCount]).toEqual([1n, 0, 2]);
    expect(nonces(queue.follow({ ...STANDING, nonce: 9n }))).toEqual([2, 5]);
    expect([queue.size, queue.slots, queue.nextNonce]).toEqual([0, 0, 9n]);
  });

  test('keeps its sums whatever happens', () => {
    const change = fc.oneof(
      fc.tuple(fc.constant('put' as const), fc.nat(6), fc.integer({ min: 1, max: 20 })),
      fc.tuple(fc.constant('remove' as const), fc.nat(6), fc.constant(0)),
      fc.tuple(fc.constant('follow' as const), fc.nat(4), fc.nat(60)),
    );
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const queue = queueOf({ balance: 40n });
        const held = new Map<number, Entry>();
        let standing = STANDING;
        for (const [what, nonce, amount] of [['follow', 0, 40] as const, ...changes]) {
          const { version } = queue;
          if (what === 'put' && BigInt(nonce) >= standing.nonce) {
            const item = entry(nonce, amount, 1, amount * 4_000);
            expect(queue.put(item)).toBe(held.get(nonce));
            held.set(nonce, item);
            expect(queue.version).toBeGreaterThan(version);
          } else if (what === 'remove') {
            expect(queue.remove(BigInt(nonce))).toBe(held.get(nonce));
            held.delete(nonce);
          } else if (what === 'follow') {
            standing = { ...STANDING, nonce: BigInt(nonce), balance: BigInt(amount) };
            queue.follow(standing);
            for (const key of held.keys()) if (key < nonce) held.delete(key);
          }
          const all = [...held.values()].sort((a, b) => Number(a.tx.nonce - b.tx.nonce));
          const executable: Entry[] = [];
          let cost = 0n;
          for (const item of all) {
            if (item.tx.nonce !== standing.nonce + BigInt(executable.length) || cost + costOf(item.tx) > standing.balance) break;
            executable.push(item);
            cost += costOf(item.tx);
          }
          expect(queue.executable()).toEqual(executable);
          expect(queue.queued()).toEqual(all.slice(executable.length));
          expect(queue.costBeside(standing.nonce + BigInt(executable.length))).toBe(cost);
          expect(queue.slots).toBe(all.reduce((sum, { tx }) => sum + slotsOf(tx), 0));
          expect([queue.fromLast(0), queue.fromLast(all.length)]).toEqual([all.at(-1), undefined]);
        }
      }),
    );
  });
});

test('a transaction takes a slot for each 32 KiB that it has begun', () => {
  expect([1, 32_768, 32_769, 131_072].map((bytes) => slotsOf(entry(0, 1, 1, bytes).tx))).toEqual([1, 1, 2, 4]);
});

describe('the state of the head', () => {
  const senders = keys(40);
  const nodes = new Map<Hash, Uint8Array>();
  const reads: Hash[] = [];
  const source = {
    node: (hash: Hash) => {
      reads.push(hash);
      return nodes.get(hash);
    },
    code: () => undefined,
  };

  function headerWith(nonce: bigint): Header {
    const trie = new Trie(source);
    for (const { address } of senders) trie.put(keccak256(fromHex(address)), encodeAccount({ ...EMPTY_ACCOUNT, nonce, balance: 5n }));
    return { stateRoot: trie.commit((hash, bytes) => nodes.set(hash, bytes)), gasLimit: 7n } as Header;
  }

  test('is that of the head it was moved to', () => {
    const state = new HeadState(source, headerWith(1n));
    expect(state.standing(senders[0]?.address ?? ALICE.address)).toEqual({ nonce: 1n, balance: 5n, delegated: false, gasLimit: 7n });
    state.moveTo(headerWith(2n));
    expect(state.standing(senders[0]?.address ?? ALICE.address).nonce).toBe(2n);
    expect(state.standing(ALICE.address)).toEqual({ nonce: 0n, balance: 0n, delegated: false, gasLimit: 7n });
  });

  test('is read once, and let go in time', () => {
    const header = headerWith(3n);
    const state = new HeadState(source, header);
    const rootReads = (count: number): number => {
      reads.length = 0;
      for (let read = 0; read < count; read++) state.standing(senders[read % senders.length]?.address ?? ALICE.address);
      return reads.filter((hash) => hash === header.stateRoot).length;
    };
    expect(rootReads(2_048)).toBe(1);
    expect(rootReads(2_048)).toBe(1);
    expect(reads.length).toBeLessThan(3 * senders.length);
  });
});
