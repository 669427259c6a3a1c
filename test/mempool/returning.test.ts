/** What abandoned blocks give back is found in steps, between which the pool goes on. */
import { expect, test } from 'vitest';
import { keccakHash } from '../../src/execution/keccak.ts';
import type { Tx } from '../../src/execution/transaction.ts';
import { ALICE, BOB, CAROL } from '../execution/support.ts';
import { signed, World } from './support.ts';

function walk(steps: Generator<void, readonly Tx[]>, between: () => unknown): readonly Tx[] {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    between();
  }
}

test('each transaction is a step, and what came into the pool meanwhile is not taken twice', () => {
  const w = new World({ rich: [ALICE, BOB, CAROL] });
  const [mined, back, both] = [signed(ALICE), signed(BOB), signed(CAROL)];
  const genesis = w.head;
  const old = w.mine([mined, back, both]);
  const next = w.block([mined], [[ALICE, { nonce: 1 }]], genesis);
  const change = { removed: [old], added: [next] };
  w.head = next;
  let steps = 0;
  const found = walk(w.pool.returning(change), () => steps++);
  expect(steps).toBe(4);
  expect(found.map(({ hash }) => hash)).toEqual([back, both].map(keccakHash));
  w.pool.add(both, 'gossip');
  w.pool.headChanged(change, found);
  expect(w.pool.status()).toEqual({ pending: 2, queued: 0 });
  expect(w.announced).toEqual([
    { hash: keccakHash(both), origin: 'gossip' },
    { hash: keccakHash(back), origin: 'local' },
  ]);
});

test('no more is looked for than the pool can hold', () => {
  const w = new World({ rich: [ALICE], limits: { globalSlots: 2 } });
  const genesis = w.head;
  const transactions = [0, 1, 2, 3, 4].map((nonce) => signed(ALICE, { nonce }));
  const old = w.mine(transactions);
  w.head = genesis;
  const found = walk(w.pool.returning({ removed: [old], added: [] }), () => undefined);
  expect(found.map(({ hash }) => hash)).toEqual(transactions.slice(0, 2).map(keccakHash));
});
