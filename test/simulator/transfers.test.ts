/** The light ledger's economy: its encoding, its rules, and that no money comes from nowhere. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DecodeError, RuleError } from '../../src/base/errors.ts';
import type { Hash } from '../../src/base/types.ts';
import {
  accountOfAddress,
  addressOfAccount,
  applyTransfer,
  balanceOf,
  balancesRoot,
  decodeTransfer,
  encodeTransfer,
  MAX_ACCOUNTS,
  mint,
  newBalances,
  nonceOf,
  TRANSFER_BYTES,
  type Transfer,
  transferId,
  transfersRoot,
} from '../../src/simulator/transfers.ts';

const TRANSFER: Transfer = { from: 1, to: 2, nonce: 3, amount: 400 };
const anyTransfer: fc.Arbitrary<Transfer> = fc.record({
  from: fc.nat(MAX_ACCOUNTS - 1),
  to: fc.nat(MAX_ACCOUNTS - 1),
  nonce: fc.nat(0xffff_ffff),
  amount: fc.nat(0xffff_ffff),
});
const code = (expected: string) => expect.objectContaining({ code: expected });
/** As it comes from a peer: other bytes than those that were made here. */
const received = (transfer: Transfer) => encodeTransfer(transfer).slice();
const total = (balances: readonly number[]) => balances.reduce((sum, value, i) => sum + (i % 2 === 0 ? value : 0), 0);

describe('encoding', () => {
  it('gives back what was encoded, with what a contract says and without', () => {
    fc.assert(
      fc.property(anyTransfer, (transfer) => {
        expect(decodeTransfer(received(transfer))).toEqual(transfer);
      }),
      { seed: 1 },
    );
    const topic = `0x${'ab'.repeat(32)}` as Hash;
    const says = { topics: [topic, topic], data: '0x0102' } as const;
    expect(decodeTransfer(received({ ...TRANSFER, says }))).toEqual({ ...TRANSFER, says });
  });

  it('refuses every transfer of which one bit is changed', () => {
    const bytes = received(TRANSFER);
    for (let bit = 0; bit < 8 * TRANSFER_BYTES; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => decodeTransfer(changed), `bit ${bit}`).toThrowError(DecodeError);
    }
  });

  it('refuses other lengths, accounts that are none, and a contract that says too much', () => {
    const long = `0x${'00'.repeat(5_000)}` as const;
    const topics = Array.from({ length: 5 }, () => `0x${'00'.repeat(32)}` as Hash);
    for (const bytes of [
      new Uint8Array(0),
      received(TRANSFER).slice(1),
      Uint8Array.of(...received(TRANSFER), 0),
      received({ ...TRANSFER, from: MAX_ACCOUNTS }),
      received({ ...TRANSFER, to: MAX_ACCOUNTS }),
      received({ ...TRANSFER, says: { topics: [], data: long } }),
      received({ ...TRANSFER, says: { topics, data: '0x' } }),
    ]) {
      expect(() => decodeTransfer(bytes)).toThrowError(code('decode/transfer'));
    }
  });

  it('never meets an error that is not of decoding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        expect(() => decodeTransfer(bytes)).toThrowError(code('decode/transfer'));
      }),
      { seed: 2 },
    );
  });

  it('names transfers apart that differ in anything', () => {
    const says = { topics: [], data: '0x01' } as const;
    const others = [{ from: 9 }, { to: 9 }, { nonce: 9 }, { amount: 9 }, { says }, { says: { ...says, data: '0x02' as const } }];
    const names = [TRANSFER, ...others.map((other) => ({ ...TRANSFER, ...other }))].map(transferId);
    expect(new Set(names).size).toBe(names.length);
    expect(transferId({ ...TRANSFER })).toBe(transferId(TRANSFER));
  });
});

describe('applyTransfer', () => {
  const start = () => newBalances(3, 1_000);

  it('moves the amount and counts the nonce', () => {
    const balances = start();
    applyTransfer(balances, { from: 0, to: 2, nonce: 0, amount: 300 });
    expect([0, 1, 2].map((account) => [balanceOf(balances, account), nonceOf(balances, account)])).toEqual([
      [700, 1],
      [1_000, 0],
      [1_300, 0],
    ]);
  });

  it('lets one pay itself, and all that it has, and nothing', () => {
    const balances = start();
    applyTransfer(balances, { from: 0, to: 0, nonce: 0, amount: 1_000 });
    applyTransfer(balances, { from: 0, to: 0, nonce: 1, amount: 0 });
    expect([balanceOf(balances, 0), nonceOf(balances, 0)]).toEqual([1_000, 2]);
  });

  it.each([
    [{ nonce: 1 }, 'transfer/nonce'],
    [{ amount: 1_001 }, 'transfer/funds'],
    [{ from: 3 }, 'transfer/account'],
    [{ to: 3 }, 'transfer/account'],
  ])('refuses %o and changes nothing', (wrong, expected) => {
    const balances = start();
    expect(() => applyTransfer(balances, { from: 0, to: 1, nonce: 0, amount: 1, ...wrong })).toThrowError(code(expected));
    expect(balances).toEqual(start());
  });

  it('takes a nonce once', () => {
    const balances = start();
    applyTransfer(balances, { from: 0, to: 1, nonce: 0, amount: 1 });
    expect(() => applyTransfer(balances, { from: 0, to: 2, nonce: 0, amount: 1 })).toThrowError(code('transfer/nonce'));
  });

  it('makes no money and loses none, whatever is tried', () => {
    const tried = fc.record({ from: fc.nat(4), to: fc.nat(4), nonce: fc.nat(3), amount: fc.nat(1_500) });
    fc.assert(
      fc.property(fc.array(tried, { maxLength: 40 }), (transfers) => {
        const balances = start();
        for (const transfer of transfers) {
          try {
            applyTransfer(balances, transfer);
          } catch (error) {
            expect(error).toBeInstanceOf(RuleError);
          }
          expect(total(balances)).toBe(3_000);
          for (const account of [0, 1, 2]) expect(balanceOf(balances, account)).toBeGreaterThanOrEqual(0);
        }
      }),
      { seed: 3 },
    );
  });

  it('mints only where it is told to', () => {
    const balances = start();
    mint(balances, 1, 5);
    expect([0, 1, 2].map((account) => balanceOf(balances, account))).toEqual([1_000, 1_005, 1_000]);
  });
});

describe('roots and addresses', () => {
  it('tell states apart that differ in one number', () => {
    const roots = Array.from({ length: 6 }, (_, i) => {
      const balances = newBalances(3, 1_000);
      balances[i] = (balances[i] ?? 0) + 1;
      return balancesRoot(balances);
    });
    const large = newBalances(3, 1_000 + 2 ** 32);
    const all = [...roots, balancesRoot(newBalances(3, 1_000)), balancesRoot(newBalances(4, 1_000)), balancesRoot(large)];
    expect(new Set(all).size).toBe(all.length);
    expect(balancesRoot(newBalances(3, 1_000))).toBe(balancesRoot(newBalances(3, 1_000)));
  });

  it('tell lists of transfers apart by content, order and cut', () => {
    const [a, b] = [encodeTransfer(TRANSFER), encodeTransfer({ ...TRANSFER, nonce: 4 })];
    const joined = Uint8Array.of(...a, ...b);
    const all = [[], [a], [b], [a, b], [b, a], [a, a], [joined]].map(transfersRoot);
    expect(new Set(all).size).toBe(all.length);
    expect(transfersRoot([a.slice(), b.slice()])).toBe(transfersRoot([a, b]));
  });

  it('find an account by its address, and none by another', () => {
    for (const account of [0, 1, MAX_ACCOUNTS - 1]) expect(accountOfAddress(addressOfAccount(account))).toBe(account);
    expect(accountOfAddress(addressOfAccount(MAX_ACCOUNTS))).toBeNull();
  });
});
