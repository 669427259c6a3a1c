import { Common, Mainnet } from '@ethereumjs/common';
import { RLP } from '@ethereumjs/rlp';
import { createTxFromRLP, getMinimumGasLimit, type TypedTxData } from '@ethereumjs/tx';
import { eoaCode7702SignAuthorization } from '@ethereumjs/util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import { Address, type Hash } from '../../src/base/types.ts';
import type { Fork } from '../../src/chain/params.ts';
import { decodeRlp } from '../../src/chain/rlp.ts';
import { nativeRecovery, recovery, wasmRecovery } from '../../src/execution/recovery.ts';
import {
  decodeTransaction,
  effectiveGasPrice,
  MAX_TRANSACTION_BYTES,
  newestFork,
  recoverSenders,
  rememberSenders,
} from '../../src/execution/transaction.ts';
import { floorGas, intrinsicGas, minimumGas } from '../../src/execution/transaction-rules.ts';
import { ALICE, BOB, CHAIN_ID, ETHER, GWEI, sign } from './support.ts';

const PARAMS = { chainId: CHAIN_ID, forks: [{ fork: 'osaka' as const, block: 0 }] };
const MAINNET = { ...PARAMS, chainId: 1 };
const CONTRACT = Address(`0x${'cc'.repeat(20)}`);

const authorization = eoaCode7702SignAuthorization({ chainId: '0x7a69', address: CONTRACT, nonce: '0x7' }, BOB.secret);
const authorizationList = [authorization.map(toHex)].map(([chainId, address, nonce, yParity, r, s]) => ({
  chainId,
  address,
  nonce,
  yParity,
  r,
  s,
}));
const accessList = [{ address: CONTRACT, storageKeys: [`0x${'07'.repeat(32)}`] }];

const legacy = { type: 0, nonce: 1, gasPrice: 5n * GWEI, gasLimit: 30_000n, to: BOB.address, value: ETHER, data: '0x0102' };
const bodies: Record<string, unknown> = {
  legacy,
  'access list': { ...legacy, type: 1, accessList, gasLimit: 40_000n },
  'dynamic fee': {
    ...legacy,
    gasPrice: undefined,
    type: 2,
    accessList,
    gasLimit: 40_000n,
    maxFeePerGas: 9n * GWEI,
    maxPriorityFeePerGas: GWEI,
  },
  'set code': {
    ...legacy,
    gasPrice: undefined,
    type: 4,
    authorizationList,
    gasLimit: 90_000n,
    maxFeePerGas: 9n * GWEI,
    maxPriorityFeePerGas: GWEI,
  },
  creation: { ...legacy, to: undefined, gasLimit: 100_000n },
};

/** The code of the error, or what was decoded. */
function outcome(bytes: Uint8Array, params = PARAMS, fork?: Fork): unknown {
  try {
    return decodeTransaction(bytes, params, fork);
  } catch (error) {
    return error instanceof RuleError ? error.code : error;
  }
}

/** A typed transaction made of these fields, with a signature that is merely well formed unless given. */
function raw(type: number, fields: readonly unknown[]): Uint8Array {
  const list = RLP.encode(fields as Uint8Array[]);
  return type === 0 ? list : concatBytes(Uint8Array.of(type), list);
}

describe('decodeTransaction', () => {
  it('reads the example of EIP-155', () => {
    const bytes = fromHex(
      '0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe5375' +
        '67866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83',
    );
    expect(decodeTransaction(bytes, MAINNET)).toMatchObject({
      type: 0,
      chainId: 1n,
      nonce: 9n,
      gasPrice: 20n * GWEI,
      gasLimit: 21_000n,
      to: `0x${'35'.repeat(20)}`,
      value: ETHER,
      sender: '0x9d8a62f656a8d1615c1294fd71e9cfb3e4855a4f',
      hash: '0x33469b22e9f636356c4160a87eb19df52b7412e8eac32a4a55ffe88ea8350788',
    });
  });

  it.each(Object.keys(bodies))('agrees with the library on a %s transaction', (name) => {
    const bytes = sign(bodies[name] as TypedTxData, ALICE);
    const theirs = createTxFromRLP(bytes, { common: new Common({ chain: { ...Mainnet, chainId: CHAIN_ID }, hardfork: 'osaka' }) });
    const ours = decodeTransaction(bytes, PARAMS);
    expect(ours.sender).toBe(ALICE.address);
    expect(ours.bytes).toBe(bytes);
    expect({
      hash: ours.hash,
      nonce: ours.nonce,
      gas: ours.gasLimit,
      to: ours.to,
      value: ours.value,
      v: ours.v,
      r: ours.r,
      s: ours.s,
    }).toEqual({
      hash: toHex(theirs.hash()),
      nonce: theirs.nonce,
      gas: theirs.gasLimit,
      to: theirs.to?.toString() ?? null,
      value: theirs.value,
      v: theirs.v,
      r: theirs.r,
      s: theirs.s,
    });
    expect(minimumGas(ours, 'osaka')).toBe(getMinimumGasLimit(theirs));
  });

  it('reads access lists and authorizations', () => {
    expect(decodeTransaction(sign(bodies['dynamic fee'] as TypedTxData, ALICE), PARAMS).accessList).toEqual(accessList);
    const [read] = decodeTransaction(sign(bodies['set code'] as TypedTxData, ALICE), PARAMS).authorizationList;
    expect(read).toMatchObject({ chainId: BigInt(CHAIN_ID), address: CONTRACT, nonce: 7n });
  });

  it('reads a legacy transaction from before EIP-155', () => {
    // The deployer of the CREATE2 factory, whose transaction is valid on every chain.
    const bytes = fromHex(
      '0xf8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe' +
        '03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba02222222222222222222222222222222222222222222222222222' +
        '222222222222a02222222222222222222222222222222222222222222222222222222222222222',
    );
    expect(decodeTransaction(bytes, PARAMS)).toMatchObject({ chainId: null, v: 27n, to: null });
  });

  it.each([
    ['tx/too-large', () => new Uint8Array(MAX_TRANSACTION_BYTES + 1)],
    ['tx/malformed', () => new Uint8Array(0)],
    ['tx/malformed', () => fromHex('0x80')],
    ['tx/malformed', () => fromHex('0xc0')],
    ['tx/malformed', () => fromHex('0x02')],
    ['tx/malformed', () => fromHex('0x02c0')],
    ['tx/malformed', () => concatBytes(sign(legacy as TypedTxData, ALICE), Uint8Array.of(0))],
    ['tx/type-unsupported', () => concatBytes(Uint8Array.of(3), RLP.encode([]))],
    ['tx/type-unsupported', () => concatBytes(Uint8Array.of(0), RLP.encode([]))],
    ['tx/type-unsupported', () => concatBytes(Uint8Array.of(0x7f), RLP.encode([]))],
  ])('refuses with %s what is no transaction', (code, bytes) => {
    expect(outcome(bytes())).toBe(code);
  });

  it.each([
    ['a leading zero in the nonce', 0, '0x0001'],
    ['a nonce of nine bytes', 0, `0x01${'00'.repeat(8)}`],
    ['a price of 33 bytes', 1, `0x01${'00'.repeat(32)}`],
    ['a recipient of 19 bytes', 3, `0x${'11'.repeat(19)}`],
    ['v of 0', 6, '0x'],
    ['v of 29', 6, '0x1d'],
    ['a list for the value', 4, null],
  ])('refuses %s', (_, index, value) => {
    const fields = RLP.decode(sign(legacy as TypedTxData, ALICE)) as unknown[];
    fields[index] = value === null ? [] : fromHex(value);
    expect(outcome(raw(0, fields))).toBe('tx/malformed');
  });

  it('refuses another chain, and says which is wanted', () => {
    const bytes = sign(legacy as TypedTxData, ALICE);
    expect(() => decodeTransaction(bytes, MAINNET)).toThrow(`invalid chain id for signer: have ${CHAIN_ID} want 1.`);
    expect(outcome(bytes, MAINNET)).toBe('tx/wrong-chain');
  });

  it('refuses signatures that belong to nobody or have a twin', () => {
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const fields = RLP.decode(sign(legacy as TypedTxData, ALICE)) as Uint8Array[];
    const s = BigInt(toHex(fields[8] as Uint8Array));
    const signed = (index: number, value: bigint) => {
      const copy = [...fields];
      copy[index] = value === 0n ? new Uint8Array(0) : fromHex(`0x${value.toString(16).padStart(64, '0')}`.replace(/^0x(00)+/, '0x'));
      return outcome(raw(0, copy));
    };
    expect(signed(7, 0n)).toBe('tx/bad-signature');
    expect(signed(8, 0n)).toBe('tx/bad-signature');
    expect(signed(7, order)).toBe('tx/bad-signature');
    expect(signed(8, order - s)).toBe('tx/bad-signature');
    expect(signed(8, s)).toMatchObject({ sender: ALICE.address });
  });

  it.each([
    ['tx/nonce-max', { nonce: 2n ** 64n - 1n }],
    ['tx/intrinsic-gas', { gasLimit: 20_999n, data: '0x' }],
    ['tx/intrinsic-gas', { gasLimit: 53_000n, to: null, data: '0x00' }],
    // Below the floor of EIP-7623, though above the intrinsic gas.
    ['tx/intrinsic-gas', { gasLimit: 21_000n + 16n * 1_000n, data: `0x${'11'.repeat(1_000)}` }],
    ['tx/gas-above-cap', { gasLimit: 16_777_217n }],
    ['tx/initcode-too-large', { to: null, gasLimit: 16_000_000n, data: `0x${'00'.repeat(49_153)}` }],
    ['tx/tip-above-fee', { maxPriorityFeePerGas: 10n * GWEI }],
    ['tx/overflow', { value: 2n ** 256n - 1n }],
    ['tx/overflow', { maxFeePerGas: 2n ** 256n - 1n }],
  ])('refuses with %s', (code, changes) => {
    // By hand, since the library would not sign these.
    const body = {
      nonce: 0n,
      maxPriorityFeePerGas: GWEI,
      maxFeePerGas: 9n * GWEI,
      gasLimit: 100_000n,
      to: BOB.address,
      value: 0n,
      data: '0x',
      ...changes,
    };
    const { nonce, maxPriorityFeePerGas, maxFeePerGas, gasLimit, to, value, data } = body;
    const number = (n: bigint) => (n === 0n ? '0x' : n);
    const fields = [
      CHAIN_ID,
      number(nonce),
      maxPriorityFeePerGas,
      maxFeePerGas,
      gasLimit,
      to ?? '0x',
      number(value),
      data,
      [],
      '0x',
      1n,
      1n,
    ];
    expect(outcome(raw(2, fields))).toBe(code);
  });

  it.each([
    ['access list', 'istanbul', 'tx/type-unsupported'],
    ['dynamic fee', 'berlin', 'tx/type-unsupported'],
    ['set code', 'cancun', 'tx/type-unsupported'],
    ['set code', 'prague', 'object'],
    ['legacy', 'byzantium', 'object'],
  ] as const)('a %s transaction under %s: %s', (name, fork, expected) => {
    const result = outcome(sign(bodies[name] as TypedTxData, ALICE), PARAMS, fork);
    expect(typeof result === 'string' ? result : typeof result).toBe(expected);
  });

  it('refuses set-code transactions without authorizations or without a recipient', () => {
    const fields = (to: string, list: unknown[]) => [CHAIN_ID, '0x', GWEI, GWEI, 100_000n, to, '0x', '0x', [], list, '0x', 1n, 1n];
    expect(outcome(raw(4, fields(BOB.address, [])))).toBe('tx/no-authorization');
    expect(outcome(raw(4, fields('0x', [authorization])))).toBe('tx/set-code-create');
    expect(outcome(raw(4, fields(BOB.address, [authorization.slice(1)])))).toBe('tx/malformed');
  });

  it('refuses lists nested by the thousand before it decodes them', () => {
    // 0xf9 and a length of two bytes, again and again: each level holds all the rest.
    const bytes = new Uint8Array(60_000);
    for (let at = 0; at + 3 < bytes.length; at += 3) {
      const rest = bytes.length - at - 3;
      bytes.set([0xf9, rest >> 8, rest & 255], at);
    }
    expect(outcome(bytes)).toBe('tx/malformed');
    expect(() => decodeRlp(bytes, 'transaction', 4)).toThrow(expect.objectContaining({ code: 'decode/too-deep' }));
  });

  it('has one encoding for each transaction: no other bytes decode to the same', () => {
    const originals = Object.values(bodies).map((body) => sign(body as TypedTxData, ALICE));
    fc.assert(
      fc.property(
        fc.constantFrom(...originals),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        (original, position, flip, insert) => {
          const at = position % original.length;
          const bytes = insert ? concatBytes(original.subarray(0, at), Uint8Array.of(flip), original.subarray(at)) : original.slice();
          if (!insert) bytes[at] = (bytes[at] ?? 0) ^ flip;
          let decoded: unknown;
          try {
            decoded = decodeTransaction(bytes, PARAMS);
          } catch (error) {
            expect(error).toBeInstanceOf(RuleError);
            return;
          }
          // Accepted: then re-encoding what was decoded gives these very bytes.
          const body = bytes[0] !== undefined && bytes[0] < 0x80 ? bytes.subarray(1) : bytes;
          expect(RLP.encode(RLP.decode(body))).toEqual(body);
          expect(decoded).toMatchObject({ bytes });
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe('senders', () => {
  it('are recovered alike by both libraries', async () => {
    const wasm = await wasmRecovery();
    expect(recovery.name).toBe((nativeRecovery() ?? wasm).name);
    const message = new Uint8Array(32).fill(3);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.constantFrom(0, 1), (signature, parity) => {
        expect(wasm.recover(signature, parity as 0 | 1, message)).toEqual(recovery.recover(signature, parity as 0 | 1, message));
      }),
      { numRuns: 50 },
    );
  });

  it('can be recovered in a batch elsewhere and remembered here', () => {
    const good = sign({ ...legacy, nonce: 77 } as TypedTxData, ALICE);
    const [first, second, third] = recoverSenders([good, Uint8Array.of(1, 2, 3), sign({ ...legacy, nonce: 78 } as TypedTxData, BOB)]);
    expect(second).toBeNull();
    expect(third?.[1]).toBe(BOB.address);
    // A sender that was vouched for is not recovered again: a wrong one would stay.
    const marked = [(first as readonly [Hash, Address])[0], CONTRACT] as const;
    rememberSenders([marked]);
    expect(decodeTransaction(good, PARAMS).sender).toBe(CONTRACT);
  });
});

describe('costs', () => {
  it('are those of the forks', () => {
    const tx = { to: BOB.address, data: fromHex('0x0011'), accessList: [], authorizationList: [] };
    expect(intrinsicGas(tx, 'byzantium')).toBe(21_000n + 4n + 68n);
    expect(intrinsicGas(tx, 'istanbul')).toBe(21_000n + 4n + 16n);
    expect(intrinsicGas({ ...tx, to: null }, 'london')).toBe(53_000n + 20n);
    expect(intrinsicGas({ ...tx, to: null }, 'shanghai')).toBe(53_000n + 20n + 2n);
    expect(floorGas(tx, 'cancun')).toBe(0n);
    expect(floorGas(tx, 'prague')).toBe(21_000n + 50n);
  });

  it('pay the base fee and the tip, up to the maximum', () => {
    const tx = { maxFeePerGas: 10n, maxPriorityFeePerGas: 3n };
    expect([0n, 7n, 8n, 10n].map((baseFee) => effectiveGasPrice(tx, baseFee))).toEqual([3n, 10n, 10n, 10n]);
  });

  it('start with the newest fork of the network', () => {
    expect(
      newestFork({
        forks: [
          { fork: 'london', block: 0 },
          { fork: 'cancun', time: 99 },
        ],
      }),
    ).toBe('cancun');
    expect(newestFork({ forks: [] })).toBe('frontier');
  });
});
