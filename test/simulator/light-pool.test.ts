/** Transfers that wait for a block. */
import { describe, expect, it } from 'vitest';
import { LightPool, MAX_NONCE_GAP, MAX_POOLED } from '../../src/simulator/light-pool.ts';
import { applyTransfer, decodeTransfer, encodeTransfer, MAX_ACCOUNTS, newBalances } from '../../src/simulator/transfers.ts';

const transfer = (from: number, nonce: number, amount = 1, to = 0) => encodeTransfer({ from, to, nonce, amount });
const ACCOUNTS = 4;
const start = () => newBalances(ACCOUNTS, 100);
const noncesOf = (taken: readonly Uint8Array[]) => taken.map(decodeTransfer).map(({ from, nonce }) => `${from}/${nonce}`);

describe('LightPool', () => {
  it('takes what is new and fits the state, once', () => {
    const pool = new LightPool();
    const first = transfer(1, 0);
    expect(pool.add(first, start())).toBe(true);
    expect(pool.add(first, start())).toBe(false);
    expect(pool.add(transfer(1, 0, 2), start())).toBe(false);
    expect(pool.add(transfer(2, 0), start())).toBe(true);
    expect(pool.size).toBe(2);
    expect(pool.all()).toEqual([first, transfer(2, 0)]);
  });

  it('refuses nonces that are used, or too far ahead', () => {
    const pool = new LightPool();
    const state = start();
    applyTransfer(state, { from: 1, to: 2, nonce: 0, amount: 1 });
    expect(pool.add(transfer(1, 0), state)).toBe(false);
    expect(pool.add(transfer(1, 1 + MAX_NONCE_GAP), state)).toBe(true);
    expect(pool.add(transfer(1, 2 + MAX_NONCE_GAP), state)).toBe(false);
  });

  it('refuses bytes that are no transfer', () => {
    expect(() => new LightPool().add(new Uint8Array(14).fill(1), start())).toThrowError(
      expect.objectContaining({ code: 'decode/transfer' }),
    );
  });

  it('holds no more than its bound', () => {
    const pool = new LightPool();
    const state = newBalances(MAX_ACCOUNTS, 100);
    for (let nonce = 0; nonce <= MAX_NONCE_GAP; nonce++)
      for (let from = 0; from < MAX_ACCOUNTS; from++) pool.add(transfer(from, nonce), state);
    expect(pool.size).toBe(MAX_POOLED);
    pool.headChanged(state, []);
    expect(pool.all()).toHaveLength(MAX_POOLED);
  });

  it('gives what can be executed, in the order of nonces, and changes the state accordingly', () => {
    const pool = new LightPool();
    for (const bytes of [transfer(1, 1, 10), transfer(1, 0, 20), transfer(2, 0, 5), transfer(1, 3)]) pool.add(bytes, start());
    const state = start();
    const taken = pool.take(state, 10);
    expect(noncesOf(taken)).toEqual(['1/0', '1/1', '2/0']);
    const expected = start();
    for (const bytes of taken) applyTransfer(expected, decodeTransfer(bytes));
    expect(state).toEqual(expected);
    expect(pool.size).toBe(4);
  });

  it('gives no more than it is asked for', () => {
    const pool = new LightPool();
    for (let nonce = 0; nonce < 5; nonce++) pool.add(transfer(1, nonce), start());
    expect(noncesOf(pool.take(start(), 3))).toEqual(['1/0', '1/1', '1/2']);
  });

  it('passes over what its sender cannot pay or its receiver cannot be, with all that comes after it', () => {
    const pool = new LightPool();
    for (const bytes of [transfer(1, 0, 101), transfer(1, 1), transfer(2, 0, 1, ACCOUNTS), transfer(3, 0)]) pool.add(bytes, start());
    const state = start();
    expect(noncesOf(pool.take(state, 10))).toEqual(['3/0']);
  });

  it('drops what a block has used, by this transfer or another of its nonce', () => {
    const pool = new LightPool();
    for (const bytes of [transfer(1, 0), transfer(1, 1), transfer(2, 0)]) pool.add(bytes, start());
    const state = start();
    applyTransfer(state, { from: 1, to: 3, nonce: 0, amount: 7 });
    pool.headChanged(state, []);
    expect(noncesOf(pool.all())).toEqual(['1/1', '2/0']);
    expect(pool.size).toBe(2);
  });

  it('takes back what abandoned blocks held, unless the new chain has it', () => {
    const pool = new LightPool();
    const state = start();
    applyTransfer(state, { from: 1, to: 3, nonce: 0, amount: 7 });
    pool.headChanged(state, [transfer(1, 0), transfer(2, 0)]);
    expect(noncesOf(pool.all())).toEqual(['2/0']);
  });
});
