/** The pool against a naive one, over random transactions, blocks, reorganisations, payments and time. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import type { Address, Hash } from '../../src/base/types.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import { decodeTransaction, type Tx } from '../../src/execution/transaction.ts';
import { POOL_LIMITS, type PoolLimits } from '../../src/mempool/limits.ts';
import { type Key, keyOf } from '../execution/support.ts';
import { ModelPool } from './model.ts';
import { gasFor, signed, World } from './support.ts';

const LIMITS: PoolLimits = { ...POOL_LIMITS, globalSlots: 9, accountSlots: 2, globalQueue: 4, accountQueue: 2, queueLifetimeMs: 100 };
const SENDERS: readonly Key[] = ['a', 'b', 'c', 'd', 'e'].map(keyOf);
const BASE_FEES = [7n, 145n, 1_000n];
/** Each pays the maker differently at each base fee, and some replace some others. */
const CAPS = [
  { tip: 10n, fee: 1_000n },
  { tip: 11n, fee: 1_100n },
  { tip: 100n, fee: 150n },
  { tip: 120n, fee: 1_500n },
] as const;
/** From nothing over two or five of the small ones to more than ever needed. */
const BALANCES = [0n, 50_000_000n, 110_000_000n, 700_000_000n, 10n ** 12n];
const LARGE_BYTES = 40_000;

interface Wanted {
  readonly sender: number;
  readonly nonce: number;
  readonly caps: number;
  readonly large: boolean;
}

interface BlockPlan {
  /** Mined with the nonces that are next. */
  readonly mined: readonly { readonly sender: number; readonly caps: number }[];
  readonly balances: readonly { readonly sender: number; readonly balance: number }[];
  readonly baseFee: number;
}

type Step =
  | { readonly type: 'add'; readonly wanted: Wanted; readonly local: boolean }
  | { readonly type: 'blocks'; readonly back: number; readonly plans: readonly BlockPlan[] }
  | { readonly type: 'wait'; readonly ms: number };

const sender = fc.nat(SENDERS.length - 1);
const caps = fc.nat(CAPS.length - 1);
const plan: fc.Arbitrary<BlockPlan> = fc.record({
  mined: fc.array(fc.record({ sender, caps }), { maxLength: 4 }),
  balances: fc.array(fc.record({ sender, balance: fc.nat(BALANCES.length - 1) }), { maxLength: 2 }),
  baseFee: fc.nat(BASE_FEES.length - 1),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('add' as const),
      wanted: fc.record({ sender, nonce: fc.nat(6), caps, large: fc.nat(5).map((n) => n === 0) }),
      local: fc.nat(4).map((n) => n === 0),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('blocks' as const), back: fc.nat(3), plans: fc.array(plan, { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.nat(80) }) },
);

const transactions = new Map<string, Uint8Array>();
function transactionOf({ sender: index, nonce, caps: price, large }: Wanted): Uint8Array {
  const name = `${index} ${nonce} ${price} ${large}`;
  const dataBytes = large ? LARGE_BYTES : 0;
  const bytes = transactions.get(name) ?? signed(at(SENDERS, index), { nonce, ...at(CAPS, price), dataBytes, gas: gasFor(dataBytes) });
  transactions.set(name, bytes);
  return bytes;
}

function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`no item ${index}`);
  return item;
}

class Pair {
  readonly world = new World({ rich: SENDERS, limits: LIMITS, header: { baseFeePerGas: at(BASE_FEES, 0) } });
  readonly model = new ModelPool(LIMITS, this.#accounts(), at(BASE_FEES, 0));
  readonly #decode = (bytes: Uint8Array): Tx => decodeTransaction(bytes, this.world.params);

  run(step: Step): void {
    if (step.type === 'add') this.#add(transactionOf(step.wanted), step.local);
    else if (step.type === 'blocks') this.#blocks(step.back, step.plans);
    else {
      this.world.nowMs += step.ms;
      this.model.nowMs += step.ms;
    }
    this.#compare();
  }

  #add(bytes: Uint8Array, local: boolean): void {
    const expected = this.model.add(this.#decode(bytes), local);
    expect(codeOf(() => this.world.pool.add(bytes, local ? 'local' : 'gossip'))).toBe(expected);
  }

  #blocks(back: number, plans: readonly BlockPlan[]): void {
    const { world, model } = this;
    const abandoned: Tx[] = [];
    let tip = world.head;
    for (let depth = 0; depth < back && tip.header.number > 0; depth++) {
      abandoned.unshift(...world.transactions(tip).map(this.#decode));
      tip = world.parent(tip);
    }
    const mined = new Set<Hash>();
    for (const plan of plans) {
      tip = this.#block(tip, plan);
      for (const bytes of world.transactions(tip)) mined.add(this.#decode(bytes).hash);
    }
    world.moveTo(tip);
    model.headChanged(this.#accounts(), tip.header.baseFeePerGas ?? 0n, abandoned, mined);
  }

  #block(parent: HeaderNode, { mined, balances, baseFee }: BlockPlan): HeaderNode {
    const changes = new Map(SENDERS.map((key) => [key, this.world.account(key, parent)] as const));
    const body = mined.map(({ sender: index, caps: price }) => {
      const key = at(SENDERS, index);
      const account = changes.get(key);
      if (account === undefined) throw new RangeError('no account');
      changes.set(key, { ...account, nonce: account.nonce + 1 });
      return transactionOf({ sender: index, nonce: account.nonce, caps: price, large: false });
    });
    for (const { sender: index, balance } of balances) {
      const key = at(SENDERS, index);
      const account = changes.get(key);
      if (account !== undefined) changes.set(key, { ...account, balance: at(BALANCES, balance) });
    }
    return this.world.block(body, changes, parent, { baseFeePerGas: at(BASE_FEES, baseFee) });
  }

  #accounts(): Map<Address, { nonce: bigint; balance: bigint }> {
    return new Map(
      SENDERS.map((key) => {
        const { nonce, balance } = this.world.account(key);
        return [key.address, { nonce: BigInt(nonce), balance }] as const;
      }),
    );
  }

  #compare(): void {
    const { world, model } = this;
    const { pool } = world;
    const content = pool.content();
    for (const { address } of SENDERS) {
      expect((content.pending.get(address) ?? []).map(({ hash }) => hash)).toEqual(model.executable(address).map(({ tx }) => tx.hash));
      expect((content.queued.get(address) ?? []).map(({ hash }) => hash)).toEqual(model.queued(address).map(({ tx }) => tx.hash));
      expect(pool.pendingNonce(address)).toBe(model.nextNonce(address));
    }
    const pending = SENDERS.reduce((sum, { address }) => sum + model.executable(address).length, 0);
    expect(pool.status()).toEqual({ pending, queued: model.items.length - pending });
    for (const { tx } of model.items) expect(pool.get(tx.hash)?.hash).toBe(tx.hash);
    expect(world.news().sort()).toEqual(model.announced.splice(0).sort());
    for (const baseFee of BASE_FEES) expect(world.drain(baseFee)).toEqual(model.drain(baseFee));
    expect(pool.executable(100)).toHaveLength(pending);
    expect(pool.executable(2)).toHaveLength(Math.min(2, pending));
    expect(model.slots()).toBeLessThanOrEqual(LIMITS.globalSlots);
  }
}

function codeOf(attempt: () => unknown): string | null {
  try {
    attempt();
    return null;
  } catch (error) {
    if (error instanceof RuleError) return error.code;
    throw error;
  }
}

test('the pool does what a naive one does', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const pair = new Pair();
      for (const next of steps) pair.run(next);
    }),
    { numRuns: 100 },
  );
});
