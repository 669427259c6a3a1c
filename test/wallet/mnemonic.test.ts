import { HDKey } from '@scure/bip32';
import { mnemonicToSeedSync } from '@scure/bip39';
import { HDNodeWallet } from 'ethers';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { checkMnemonic, DEV_MNEMONIC, deriveAccounts, devAccounts, newMnemonic } from '../../src/wallet/mnemonic.ts';
import { checksummed } from '../../src/wallet/private-key.ts';
import { codeOf } from './support.ts';

const ABANDON = `${'abandon '.repeat(11)}about`;

describe('published vectors', () => {
  // BIP-39, file vectors.json of its reference implementation; the passphrase is TREZOR.
  test.each([
    [
      ABANDON,
      'c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04',
    ],
    [
      'legal winner thank year wave sausage worth useful legal winner thank yellow',
      '2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6fa457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607',
    ],
    [
      `${'abandon '.repeat(23)}art`,
      'bda85446c68413707090a52022edd26a1c9462295029f2e60cd7c4f2bbd3097170af7a4d73245cafa9c3cca8d561a7c3de6f5d4a10be8ed2a5e608d68f92fcc8',
    ],
  ])('BIP-39: %s', (mnemonic, seed) => expect(toHex(mnemonicToSeedSync(checkMnemonic(mnemonic), 'TREZOR'))).toBe(`0x${seed}`));

  test('BIP-32: vector 1', () => {
    const root = HDKey.fromMasterSeed(fromHex('0x000102030405060708090a0b0c0d0e0f'));
    expect(root.privateExtendedKey).toBe(
      'xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi',
    );
    expect(root.derive("m/0'/1/2'/2/1000000000").privateExtendedKey).toBe(
      'xprvA41z7zogVVwxVSgdKUHDy1SKmdb533PjDz7J6N6mV6uS3ze1ai8FHa8kmHScGpWmj4WggLyQjgPie1rFSruoUihUZREPSL39UNdE3BBDu76',
    );
  });

  test('BIP-44: the account that every wallet derives from the test words', () => {
    expect(deriveAccounts(ABANDON).map(({ address }) => checksummed(address))).toEqual(['0x9858EfFD232B4033E47d90003D41EC34EcaEda94']);
  });
});

test("the ten accounts are anvil's", () => {
  const accounts = devAccounts();
  expect(accounts.map(({ address }) => checksummed(address))).toEqual([
    '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266',
    '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC',
    '0x90F79bf6EB2c4f870365E785982E1f101E93b906',
    '0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65',
    '0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc',
    '0x976EA74026E726554dB657fA54763abd0C3a0aa9',
    '0x14dC79964da2C08b23698B3D3cc7Ca32193d9955',
    '0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f',
    '0xa0Ee7A142d267C1f36714E4a8F75612F20a79720',
  ]);
  expect(toHex(accounts[0]?.privateKey ?? new Uint8Array())).toBe('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80');
});

test('accounts can start at any index and depend on the passphrase', () => {
  expect(deriveAccounts(DEV_MNEMONIC, 2, 3)).toEqual(devAccounts().slice(3, 5));
  const [account] = deriveAccounts(ABANDON, 1, 7, 'extra');
  expect(checksummed(account?.address ?? ('0x' as never))).toBe(HDNodeWallet.fromPhrase(ABANDON, 'extra', "m/44'/60'/0'/0/7").address);
});

test.each([12, 15, 18, 21, 24] as const)('a new mnemonic of %d words is valid and never the same', (count) => {
  const mnemonic = newMnemonic(count);
  expect(checkMnemonic(mnemonic).split(' ').length).toBe(count);
  expect(newMnemonic(count)).not.toBe(mnemonic);
});

test('case and spacing of the words do not matter', () => {
  expect(checkMnemonic(`  ${ABANDON.toUpperCase().replaceAll(' ', '\n \t')} `)).toBe(ABANDON);
});

describe('a bad mnemonic', () => {
  const cases = {
    empty: '',
    'of eleven words': 'abandon '.repeat(11),
    'of 25 words': `${'abandon '.repeat(24)}art`,
    'with an unknown word': `${'abandon '.repeat(10)}verysecretword about`,
    'with a wrong checksum': 'abandon '.repeat(12),
    'with two words that changed places': 'winner legal thank year wave sausage worth useful legal winner thank yellow',
  };
  test.each(Object.entries(cases))('%s is refused', (_name, text) =>
    expect(codeOf(() => deriveAccounts(text))).toBe('wallet/bad-mnemonic'),
  );

  test('is not repeated in the message', () => {
    expect(() => checkMnemonic(cases['with an unknown word'])).toThrow('Word 11 of the mnemonic is not in the English list of BIP-39.');
    expect(() => checkMnemonic(cases['with a wrong checksum'])).not.toThrow(/abandon/);
  });
});

test.each([
  [0, 0],
  [1001, 0],
  [1.5, 0],
  [1, -1],
  [1, 2 ** 31],
  [2, 2 ** 31 - 1],
  [Number.NaN, 0],
])('%d accounts from index %d on are refused', (count, first) => {
  expect(codeOf(() => deriveAccounts(DEV_MNEMONIC, count, first))).toBe('wallet/out-of-range');
});
