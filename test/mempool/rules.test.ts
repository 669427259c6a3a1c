/** Each reason for which the pool refuses a transaction: its code, geth's sentence, and whether the sender is to blame. */
import { describe, expect, test } from 'vitest';
import { EMPTY, fromHex } from '../../src/base/bytes.ts';
import type { RuleError } from '../../src/base/errors.ts';
import { ALICE, BOB, transaction } from '../execution/support.ts';
import { ETHER, GWEI, refusalOf, signed, World } from './support.ts';

const TRANSFER_COST = 21_000n * 101n * GWEI;

function world(options: ConstructorParameters<typeof World>[0] = {}): World {
  return new World({ rich: [ALICE, BOB], ...options });
}

function expectRefusal(run: () => unknown, code: string, sentence: string | RegExp, blame = false): RuleError {
  const error = refusalOf(run);
  expect(error.code).toBe(code);
  expect(error.message).toMatch(sentence);
  expect(error.blame).toBe(blame);
  return error;
}

describe('a transaction is refused', () => {
  test('when the pool has it', () => {
    const { pool } = world();
    const bytes = signed(ALICE);
    pool.add(bytes, 'gossip');
    expectRefusal(() => pool.add(bytes, 'local'), 'mempool/already-known', /^already known/);
  });

  test('for less tip than the pool takes', () => {
    const { pool } = world({ limits: { minTip: 5n } });
    expectRefusal(
      () => pool.add(signed(ALICE, { tip: 4n }), 'gossip'),
      'mempool/underpriced',
      /^transaction underpriced: gas tip cap 4, minimum needed 5/,
    );
    pool.add(signed(ALICE, { tip: 5n }), 'gossip');
    expectRefusal(() => pool.add(signed(BOB, { tip: 0n }), 'local'), 'mempool/underpriced', /^transaction underpriced/);
  });

  test('for more gas than a block has', () => {
    const { pool } = world({ header: { gasLimit: 1_000_000n } });
    expectRefusal(() => pool.add(signed(ALICE, { gas: 1_000_001n }), 'gossip'), 'mempool/gas-limit', /^exceeds block gas limit/);
    pool.add(signed(ALICE, { gas: 1_000_000n }), 'gossip');
  });

  test('for a nonce that is used', () => {
    const w = world();
    w.mine([], [[ALICE, { nonce: 3 }]]);
    expectRefusal(
      () => w.pool.add(signed(ALICE, { nonce: 2 }), 'gossip'),
      'mempool/nonce-too-low',
      /^nonce too low: next nonce 3, tx nonce 2/,
    );
    w.pool.add(signed(ALICE, { nonce: 3 }), 'gossip');
  });

  test('for funds that its sender does not have', () => {
    const w = new World();
    const sentence = new RegExp(
      `^insufficient funds for gas \\* price \\+ value: balance 0, tx cost ${TRANSFER_COST}, overshot ${TRANSFER_COST}`,
    );
    expectRefusal(() => w.pool.add(signed(ALICE), 'gossip'), 'mempool/insufficient-funds', sentence);
    w.mine([], [[ALICE, { balance: TRANSFER_COST - 1n }]]);
    expectRefusal(() => w.pool.add(signed(ALICE), 'gossip'), 'mempool/insufficient-funds', /overshot 1\b/);
    w.mine([], [[ALICE, { balance: TRANSFER_COST }]]);
    w.pool.add(signed(ALICE), 'gossip');
  });

  test('for funds that its sender needs for what is executable already', () => {
    const w = new World();
    w.mine([], [[ALICE, { balance: 2n * TRANSFER_COST }]]);
    w.pool.add(signed(ALICE, { nonce: 0 }), 'gossip');
    w.pool.add(signed(ALICE, { nonce: 1 }), 'gossip');
    const sentence = new RegExp(
      `balance ${2n * TRANSFER_COST}, queued cost ${2n * TRANSFER_COST}, tx cost ${TRANSFER_COST}, overshot ${TRANSFER_COST}`,
    );
    expectRefusal(() => w.pool.add(signed(ALICE, { nonce: 2 }), 'gossip'), 'mempool/insufficient-funds', sentence);
    // A dearer replacement would rob the next of its turn.
    const dearer = signed(ALICE, { nonce: 0, tip: 2n * GWEI, fee: 200n * GWEI });
    expectRefusal(() => w.pool.add(dearer, 'gossip'), 'mempool/insufficient-funds', /^insufficient funds/);
    expect(w.pool.status()).toEqual({ pending: 2, queued: 0 });
  });

  test('for funds that lower nonces need, though a gap parts them', () => {
    const w = new World();
    w.mine([], [[ALICE, { balance: 2n * TRANSFER_COST }]]);
    w.pool.add(signed(ALICE, { nonce: 1 }), 'gossip');
    w.pool.add(signed(ALICE, { nonce: 2 }), 'gossip');
    expectRefusal(() => w.pool.add(signed(ALICE, { nonce: 3 }), 'gossip'), 'mempool/insufficient-funds', /queued cost/);
  });

  test('for a gap, and for a second one, when its account delegates to a contract', () => {
    const w = world();
    w.mine([], [[ALICE, { code: true }]]);
    expectRefusal(() => w.pool.add(signed(ALICE, { nonce: 1 }), 'gossip'), 'mempool/delegated', /^gapped-nonce tx from delegated accounts/);
    w.pool.add(signed(ALICE, { nonce: 0 }), 'gossip');
    expectRefusal(
      () => w.pool.add(signed(ALICE, { nonce: 1 }), 'gossip'),
      'mempool/delegated',
      /^in-flight transaction limit reached for delegated accounts/,
    );
    w.pool.add(signed(ALICE, { nonce: 0, tip: 2n * GWEI, fee: 200n * GWEI }), 'gossip');
    w.mine([], [[ALICE, { code: false }]]);
    w.pool.add(signed(ALICE, { nonce: 1 }), 'gossip');
  });

  test('with blame for what could never be valid', () => {
    const { pool } = world();
    const forged = signed(ALICE);
    forged.fill(0xff, -32);
    expectRefusal(() => pool.add(forged, 'gossip'), 'tx/bad-signature', /^invalid sender/, true);
    expectRefusal(() => pool.add(new Uint8Array(0), 'gossip'), 'tx/malformed', /./, true);
    expectRefusal(() => pool.add(signed(ALICE).subarray(0, 50), 'gossip'), 'tx/malformed', /./, true);
    expectRefusal(() => pool.add(signed(ALICE, { gas: 20_999n }), 'gossip'), 'tx/intrinsic-gas', /^intrinsic gas too low/, true);
    expectRefusal(() => pool.add(new Uint8Array(130 * 1024), 'gossip'), 'tx/too-large', /^oversized data/, true);
    expectRefusal(
      () => pool.add(signed(ALICE, { tip: 3n, fee: 2n }), 'gossip'),
      'tx/tip-above-fee',
      /^max priority fee per gas higher/,
      true,
    );
    expect(pool.status()).toEqual({ pending: 0, queued: 0 });
  });

  test('and leaves no trace', () => {
    const w = world({ limits: { accountQueue: 1 } });
    w.pool.add(signed(ALICE, { nonce: 2 }), 'gossip');
    expectRefusal(() => w.pool.add(signed(ALICE, { nonce: 4 }), 'gossip'), 'mempool/account-full', /^account limit exceeded/);
    expectRefusal(() => w.pool.add(signed(BOB, { value: 5_000n * ETHER }), 'gossip'), 'mempool/insufficient-funds', /./);
    expect(w.pool.status()).toEqual({ pending: 0, queued: 1 });
    expect([...w.pool.content().queued.keys()]).toEqual([ALICE.address]);
    expect(w.announced).toEqual([]);
  });
});

describe('forks', () => {
  /** 10,000 seconds after the start; genesis is at 1,000. */
  const upcoming = [
    { fork: 'london', block: 0 },
    { fork: 'shanghai', time: 0 },
    { fork: 'osaka', time: 10_000 },
  ] as const;

  test('nobody is blamed for a transaction that the network allows at another time', () => {
    const w = world({ forks: upcoming });
    const tooEarly = transaction(ALICE, 0, BOB.address, {
      type: 4,
      gasLimit: 100_000n,
      authorizationList: [[Uint8Array.of(1), fromHex(BOB.address), EMPTY, EMPTY, Uint8Array.of(1), Uint8Array.of(1)]],
    });
    expectRefusal(() => w.pool.add(tooEarly, 'gossip'), 'tx/type-unsupported', /^transaction type not supported/);
    w.mine([], [], { timestamp: 10_000 });
    w.pool.add(tooEarly, 'gossip');

    const tooLate = signed(BOB, { gas: 20_000_000n });
    expectRefusal(() => w.pool.add(tooLate, 'gossip'), 'tx/gas-above-cap', /^transaction gas limit too high/);
  });

  test('what no fork of the network allows is blamed', () => {
    const w = world({ forks: upcoming });
    expectRefusal(() => w.pool.add(signed(ALICE, { gas: 20_000n }), 'gossip'), 'tx/intrinsic-gas', /./, true);
  });

  test('what the new fork forbids leaves, and what came after it waits', () => {
    const w = world({ forks: upcoming });
    const [dear, next] = [signed(ALICE, { gas: 20_000_000n }), signed(ALICE, { nonce: 1 })];
    const [dearCalldata, other] = [signed(ALICE, { nonce: 2, dataBytes: 1_000, gas: 26_000n }), signed(BOB)];
    for (const bytes of [dear, next, dearCalldata, other]) w.pool.add(bytes, 'gossip');
    w.mine([], [], { timestamp: 9_998 });
    expect(w.pool.status()).toEqual({ pending: 4, queued: 0 });
    w.mine([], [], { timestamp: 9_999 });
    expect(w.pool.status()).toEqual({ pending: 1, queued: 1 });
  });
});

describe('a replacement', () => {
  const first = { tip: 10n * GWEI, fee: 100n * GWEI };

  test.each([
    ['the same caps', first, false],
    ['a better fee alone', { ...first, fee: 200n * GWEI }, false],
    ['a better tip alone', { ...first, tip: 20n * GWEI }, false],
    ['one wei less than 10% on the fee', { tip: 11n * GWEI, fee: 110n * GWEI - 1n }, false],
    ['one wei less than 10% on the tip', { tip: 11n * GWEI - 1n, fee: 110n * GWEI }, false],
    ['10% on both', { tip: 11n * GWEI, fee: 110n * GWEI }, true],
  ])('with %s', (_, caps, taken) => {
    const w = world();
    const old = w.pool.add(signed(ALICE, first), 'gossip');
    const bytes = signed(ALICE, { ...caps, value: 1n });
    if (taken) {
      const tx = w.pool.add(bytes, 'local');
      expect(w.pool.has(old.hash)).toBe(false);
      expect(w.pool.get(tx.hash)?.nonce).toBe(0n);
      expect(w.announced.at(-1)).toEqual({ hash: tx.hash, origin: 'local' });
    } else {
      const error = expectRefusal(
        () => w.pool.add(bytes, 'local'),
        'mempool/replacement-underpriced',
        /^replacement transaction underpriced.* 110000000000 and 11000000000 wei/,
      );
      expect(error.fields.replaces).toBe(old.hash);
      expect(w.pool.has(old.hash)).toBe(true);
    }
    expect(w.pool.status()).toEqual({ pending: 1, queued: 0 });
  });

  test('of caps so small that 10% round to nothing must still pay more', () => {
    const { pool } = world({ header: { baseFeePerGas: 1n } });
    pool.add(signed(ALICE, { tip: 1n, fee: 1n }), 'gossip');
    expectRefusal(
      () => pool.add(signed(ALICE, { tip: 1n, fee: 1n, value: 1n }), 'gossip'),
      'mempool/replacement-underpriced',
      /to 2 and 2 wei/,
    );
    pool.add(signed(ALICE, { tip: 2n, fee: 2n }), 'gossip');
    // 15 * 1.1 is 16.5; geth takes 16.
    pool.add(signed(BOB, { tip: 15n, fee: 15n }), 'gossip');
    pool.add(signed(BOB, { tip: 16n, fee: 16n }), 'gossip');
  });

  test('may stand behind a gap, and then it is not announced', () => {
    const w = world();
    const old = w.pool.add(signed(ALICE, { nonce: 5, ...first }), 'gossip');
    w.pool.add(signed(ALICE, { nonce: 5, tip: 11n * GWEI, fee: 110n * GWEI }), 'gossip');
    expect(w.pool.has(old.hash)).toBe(false);
    expect(w.pool.status()).toEqual({ pending: 0, queued: 1 });
    expect(w.announced).toEqual([]);
  });

  test('does not shake those after it', () => {
    const w = world();
    const [, second] = [0, 1].map((nonce) => w.pool.add(signed(ALICE, { nonce, ...first }), 'gossip'));
    const replacement = w.pool.add(signed(ALICE, { tip: 11n * GWEI, fee: 110n * GWEI }), 'gossip');
    expect(w.pool.content().pending.get(ALICE.address)).toEqual([replacement, second]);
    expect(w.pool.pendingNonce(ALICE.address)).toBe(2n);
  });
});
