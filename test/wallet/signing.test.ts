import { Wallet } from 'ethers';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { Address, Hash } from '../../src/base/types.ts';
import { devAccounts } from '../../src/wallet/mnemonic.ts';
import { parsePrivateKey } from '../../src/wallet/private-key.ts';
import { signMessage, signTransaction, type TransactionFields } from '../../src/wallet/signing.ts';
import { codeOf } from './support.ts';

const KEY = devAccounts(undefined, 1)[0]?.privateKey ?? new Uint8Array();
const ethers = new Wallet(toHex(KEY));
const shared = {
  chainId: 31337n,
  nonce: 5n,
  gasLimit: 50_000n,
  to: Address('0x70997970C51812dc3A010C7d01b50e0d17dc79C8'),
  value: 10n ** 18n,
  data: '0xdeadbeef',
} as const;
const accessList = [{ address: Address(`0x${'11'.repeat(20)}`), storageKeys: [Hash(`0x${'22'.repeat(32)}`)] }];

test('the example of EIP-155', () => {
  const fields = { ...shared, chainId: 1n, nonce: 9n, gasLimit: 21_000n, to: Address(`0x${'35'.repeat(20)}`), data: '0x' } as const;
  const { raw } = signTransaction({ ...fields, type: 'legacy', gasPrice: 20n * 10n ** 9n }, parsePrivateKey('46'.repeat(32)));
  expect(raw).toBe(
    '0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83',
  );
});

describe('another library signs the same bytes', () => {
  const prices = { gasPrice: 3n * 10n ** 9n };
  const fees = { maxFeePerGas: 3n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n };
  const cases: Record<string, [TransactionFields, object]> = {
    'a legacy transaction': [
      { ...shared, ...prices, type: 'legacy' },
      { ...shared, ...prices, type: 0 },
    ],
    'an EIP-2930 transaction': [
      { ...shared, ...prices, type: 'eip2930', accessList },
      { ...shared, ...prices, type: 1, accessList },
    ],
    'an EIP-1559 transaction': [
      { ...shared, ...fees, type: 'eip1559', accessList: [] },
      { ...shared, ...fees, type: 2 },
    ],
    'the creation of a contract': [
      { ...shared, ...fees, type: 'eip1559', to: null, accessList: [] },
      { ...shared, ...fees, type: 2, to: null },
    ],
    'a transaction of a chain with a huge id': [
      { ...shared, ...fees, chainId: 2n ** 53n + 1n, type: 'eip1559', accessList: [] },
      { ...shared, ...fees, chainId: 2n ** 53n + 1n, type: 2 },
    ],
  };
  test.each(Object.entries(cases))('%s', async (_name, [fields, theirs]) => {
    expect(signTransaction(fields, KEY).raw).toBe(await ethers.signTransaction(theirs));
  });

  test.each(['', 'hello', 'žluťoučký kůň', 'x'.repeat(1000)])('the message %j', async (text) => {
    expect(signMessage(new TextEncoder().encode(text), KEY)).toBe(await ethers.signMessage(text));
  });
});

test.each([
  ['a value beyond 256 bits', { value: 2n ** 256n }],
  ['a nonce beyond 64 bits', { nonce: 2n ** 64n }],
  ['a tip above the whole fee', { maxPriorityFeePerGas: 2n }],
  ['a negative value', { value: -1n }],
])('%s makes no transaction', (_name, wrong) => {
  const fields: TransactionFields = { ...shared, type: 'eip1559', accessList: [], maxFeePerGas: 1n, maxPriorityFeePerGas: 1n, ...wrong };
  expect(codeOf(() => signTransaction(fields, KEY))).toBe('wallet/bad-transaction');
});

test('a bad key signs nothing', () => {
  const fields: TransactionFields = { ...shared, type: 'legacy', gasPrice: 1n };
  expect(codeOf(() => signTransaction(fields, new Uint8Array(32)))).toBe('wallet/bad-key');
  expect(codeOf(() => signMessage(new Uint8Array(), new Uint8Array(33).fill(1)))).toBe('wallet/bad-key');
});
