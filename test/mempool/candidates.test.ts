/** What a block builder is offered, in which order, and what becomes of what it turns down. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import type { Address } from '../../src/base/types.ts';
import type { Tx } from '../../src/execution/transaction.ts';
import { effectiveTip } from '../../src/mempool/candidates.ts';
import { Heap } from '../../src/mempool/heap.ts';
import { Mempool } from '../../src/mempool/mempool.ts';
import { ALICE, BOB, buildFields, CAROL, genesisDocument, type Key, TestChain, transaction } from '../execution/support.ts';
import { ETHER, GWEI, signed, type TxFields, World } from './support.ts';

function world(): World {
  return new World({ rich: [ALICE, BOB, CAROL] });
}

function add(w: World, key: Key, fields: TxFields): Tx {
  return w.pool.add(signed(key, fields), 'gossip');
}

function names(transactions: readonly (Tx | undefined)[]): string[] {
  const name = new Map<Address, string>([
    [ALICE.address, 'alice'],
    [BOB.address, 'bob'],
    [CAROL.address, 'carol'],
  ]);
  return transactions.map((tx) => (tx === undefined ? 'none' : `${name.get(tx.sender)} ${tx.nonce}`));
}

/** What is offered when everything is taken. */
function drain(w: World, baseFee: bigint): string[] {
  return names(w.drain(baseFee).map((hash) => w.pool.get(hash)));
}

describe('the order', () => {
  test('is by what the maker gets, each sender in the order of nonces, equal ones as they came', () => {
    const w = world();
    add(w, ALICE, { nonce: 0, tip: 1n });
    add(w, ALICE, { nonce: 1, tip: 90n });
    add(w, BOB, { nonce: 0, tip: 50n });
    add(w, BOB, { nonce: 1, tip: 1n });
    add(w, CAROL, { nonce: 0, tip: 1n });
    expect(drain(w, 0n)).toEqual(['bob 0', 'alice 0', 'alice 1', 'bob 1', 'carol 0']);
  });

  test('counts the tip that is left above the base fee', () => {
    const w = world();
    add(w, ALICE, { tip: 50n, fee: 103n });
    add(w, BOB, { tip: 4n, fee: 1_000n });
    expect(drain(w, 10n)).toEqual(['alice 0', 'bob 0']);
    expect(drain(w, 100n)).toEqual(['bob 0', 'alice 0']);
  });

  test('leaves out whoever does not cover the base fee, and those after it; they stay in the pool', () => {
    const w = world();
    add(w, ALICE, { nonce: 0, tip: 1n, fee: 100n });
    add(w, ALICE, { nonce: 1, tip: 1n, fee: 99n });
    add(w, ALICE, { nonce: 2, tip: 90n, fee: 900n });
    expect(drain(w, 100n)).toEqual(['alice 0']);
    expect(drain(w, 101n)).toEqual([]);
    expect(w.pool.status()).toEqual({ pending: 3, queued: 0 });
  });

  test('holds nothing that is queued, and a replacement stands where it pays', () => {
    const w = world();
    add(w, ALICE, { nonce: 1, tip: 90n });
    add(w, BOB, { nonce: 0, tip: 10n, fee: 100n });
    add(w, CAROL, { nonce: 0, tip: 11n });
    expect(drain(w, 0n)).toEqual(['carol 0', 'bob 0']);
    add(w, BOB, { nonce: 0, tip: 20n, fee: 200n });
    expect(drain(w, 0n)).toEqual(['bob 0', 'carol 0']);
  });
});

describe('a source', () => {
  test('offers the same until it is taken or dropped; whoever is dropped is out of this block', () => {
    const w = world();
    for (const nonce of [0, 1]) add(w, ALICE, { nonce, tip: 50n });
    add(w, BOB, { tip: 10n });
    const source = w.pool.candidates(0n);
    expect(names([source.peek(), source.peek()])).toEqual(['alice 0', 'alice 0']);
    source.drop(null);
    expect(names([source.peek()])).toEqual(['bob 0']);
    source.take();
    expect(source.peek()).toBeUndefined();
    source.take();
    source.drop(null);
    source.drop(new RuleError('tx/not-executable', 'nothing is left'));
    expect(w.pool.status()).toEqual({ pending: 3, queued: 0 });
    expect(drain(w, 0n)).toHaveLength(3);
  });

  test('is not disturbed by what happens to the pool meanwhile', () => {
    const w = world();
    const [first] = [0, 1, 2].map((nonce) => add(w, ALICE, { nonce, tip: 50n, fee: 100n }));
    const source = w.pool.candidates(0n);
    add(w, BOB, { tip: 99n });
    add(w, ALICE, { nonce: 1, tip: 60n, fee: 200n });
    source.take();
    w.mine([first?.bytes ?? new Uint8Array(0)], [[ALICE, { nonce: 1 }]]);
    expect(names([source.peek()])).toEqual(['alice 1']);
    expect(source.peek()?.maxPriorityFeePerGas).toBe(50n);
    source.take();
    // The one it knows was replaced: that it fails says nothing of the new one.
    source.drop(new RuleError('tx/not-executable', 'not this way'));
    expect(w.pool.status()).toEqual({ pending: 2, queued: 0 });
    expect(drain(w, 0n)).toEqual(['bob 0', 'alice 1']);
  });

  test.each([
    ['tx/not-executable', 1],
    ['tx/sender-has-code', 1],
    ['tx/insufficient-funds', 3],
    ['tx/nonce-too-high', 3],
  ])('%s leaves %i: what may pass stays, what no block can hold goes', (code, left) => {
    const w = world();
    for (const nonce of [0, 1]) add(w, ALICE, { nonce });
    add(w, BOB, { tip: 1n });
    const source = w.pool.candidates(0n);
    source.drop(new RuleError(code, 'refused'));
    expect(w.pool.status()).toEqual(left === 3 ? { pending: 3, queued: 0 } : { pending: 1, queued: 1 });
    expect(names([source.peek()])).toEqual(['bob 0']);
  });

  test('goes on with the next of a sender whose first is in a block that the pool does not know yet', () => {
    const w = world();
    for (const nonce of [0, 1, 2]) add(w, ALICE, { nonce });
    const source = w.pool.candidates(0n);
    source.drop(new RuleError('tx/nonce-too-low', 'mined'));
    expect(names([source.peek()])).toEqual(['alice 1']);
    source.take();
    expect(names([source.peek()])).toEqual(['alice 2']);
    expect(w.pool.status()).toEqual({ pending: 3, queued: 0 });
  });
});

describe('a block builder', () => {
  function poolOver(chain: TestChain): Mempool {
    const node = () => {
      const { head } = chain;
      const found = [...chain.blocks].reverse().find(({ header }) => header === head);
      if (found === undefined) throw new RangeError('no head');
      return { hash: head.stateRoot, header: head, seal: found.seal, facts: { weight: 0n, carried: 0n } };
    };
    return new Mempool({
      params: chain.params,
      chain: {
        get head() {
          return node();
        },
        block: () => undefined,
      },
      state: chain.state,
      now: () => 0,
    });
  }

  test('fills blocks from the pool until it is empty', async () => {
    const chain = await TestChain.start(genesisDocument({}, {}, '100000'));
    const pool = poolOver(chain);
    for (const key of [ALICE, BOB, CAROL])
      for (const nonce of [0, 1, 2]) pool.add(transaction(key, nonce, BOB.address, { value: 1n }), 'local');
    const sizes: number[] = [];
    while (pool.status().pending > 0 && sizes.length < 10) {
      const { block, execution } = await chain.executor.build(chain.head, buildFields(chain.head), pool, {
        gasLimit: 100_000n,
        buildTimeMs: 60_000,
      });
      chain.append(block, execution);
      sizes.push(block.transactions.length);
      pool.headChanged({ removed: [], added: [] });
    }
    expect(sizes).toEqual([4, 4, 1]);
    expect(pool.status()).toEqual({ pending: 0, queued: 0 });
  });

  test('is not stopped by an account that another transaction of the block empties', async () => {
    const sweeper = `0x${'ee'.repeat(20)}`;
    const chain = await TestChain.start(
      genesisDocument({
        // Sends all that the caller's callee has to the zero address.
        [sweeper]: { balance: '0', code: '0x5f5f5f5f475f5af100' },
        [ALICE.address]: { balance: ETHER.toString(), code: `0xef0100${sweeper.slice(2)}` },
      }),
    );
    const pool = poolOver(chain);
    pool.add(transaction(CAROL, 0, ALICE.address, { gasLimit: 200_000n, maxPriorityFeePerGas: 9n * GWEI }), 'local');
    const swept = pool.add(transaction(ALICE, 0, BOB.address), 'local');
    const build = () =>
      chain.executor.build(chain.head, buildFields(chain.head), pool, { gasLimit: chain.head.gasLimit, buildTimeMs: 60_000 });
    const { block, execution } = await build();
    expect(block.transactions).toHaveLength(1);
    // Until the block is the head, another may come in which it is paid for.
    expect(pool.status()).toEqual({ pending: 2, queued: 0 });
    chain.append(block, execution);
    pool.headChanged({ removed: [], added: [] });
    expect(pool.status()).toEqual({ pending: 0, queued: 1 });
    expect(pool.has(swept.hash)).toBe(true);
    expect((await build()).block.transactions).toEqual([]);
  });
});

test('the effective tip is what is left above the base fee, and never more than was offered', () => {
  const tx = { maxFeePerGas: 100n, maxPriorityFeePerGas: 30n } as Tx;
  expect([0n, 70n, 80n, 100n, 101n].map((baseFee) => effectiveTip(tx, baseFee))).toEqual([30n, 30n, 20n, 0n, -1n]);
});

test('a heap gives everything back in order', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(null))), (steps) => {
      const heap = new Heap<number>((a, b) => a < b);
      const model: number[] = [];
      for (const step of steps) {
        if (step !== null) heap.push(step);
        else expect(heap.pop()).toBe(model[0]);
        if (step !== null) model.push(step);
        else model.shift();
        model.sort((a, b) => a - b);
        expect([heap.size, heap.top()]).toEqual([model.length, model[0]]);
      }
    }),
  );
});
