/** EIP-2333's test vectors, the path of EIP-2334 against another library, and what is no key. */
import blst from '@chainsafe/blst';
import { mnemonicToSeedSync } from '@scure/bip39';
import { deriveSeedTree } from 'micro-eth-signer/keystore.js';
import { describe, expect, test } from 'vitest';
import { bigToFixed, fromHex, toHex } from '../../src/base/bytes.ts';
import { blsSigner } from '../../src/wallet/bls.ts';
import { DEV_MNEMONIC } from '../../src/wallet/mnemonic.ts';
import {
  deriveValidatorKeys,
  devValidatorKeys,
  MAX_VALIDATOR_INDEX,
  MAX_VALIDATOR_KEYS,
  parseValidatorSecret,
  publicKeyOf,
} from '../../src/wallet/validator-keys.ts';
import { codeOf } from './support.ts';

const ORDER = 52435875175126190479447740508185965837690552500527637822603658699938581184513n;
const WORDS = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about';

/** "Test Cases" of EIP-2333. The library that does it is the one that `validator-keys.ts` has. */
test.each([
  {
    seed: '0xc55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04',
    master: 6083874454709270928345386274498605044986640685124978867557563392430687146096n,
    index: 0,
    child: 20397789859736650942317412262472558107875392172444076792671091975210932703118n,
  },
  {
    seed: '0x3141592653589793238462643383279502884197169399375105820974944592',
    master: 29757020647961307431480504535336562678282505419141012933316116377660817309383n,
    index: 3141592653,
    child: 25457201688850691947727629385191704516744796114925897962676248250929345014287n,
  },
  {
    seed: '0x0099FF991111002299DD7744EE3355BBDD8844115566CC55663355668888CC00',
    master: 27580842291869792442942448775674722299803720648445448686099262467207037398656n,
    index: 4294967295,
    child: 29358610794459428860402234341874281240803786294062035874021252734817515685787n,
  },
  {
    seed: '0xd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3',
    master: 19022158461524446591288038168518313374041767046816487870552872741050760015818n,
    index: 42,
    child: 31372231650479070279774297061823572166496564838472787488249775572789064611981n,
  },
])('keys grow from $seed as in EIP-2333', ({ seed, master, index, child }) => {
  const key = blst.SecretKey.deriveMasterEip2333(fromHex(seed.toLowerCase()));
  expect(toHex(key.toBytes())).toBe(toHex(bigToFixed(master, 32)));
  expect(toHex(key.deriveChildEip2333(index).toBytes())).toBe(toHex(bigToFixed(child, 32)));
});

describe('keys from words', () => {
  test('are those of another library, on the path of EIP-2334', () => {
    const keys = deriveValidatorKeys(WORDS, 2, 3, 'TREZOR');
    const seed = mnemonicToSeedSync(WORDS, 'TREZOR');
    expect(keys.map(({ path }) => path)).toEqual(['m/12381/3600/3/0/0', 'm/12381/3600/4/0/0']);
    for (const { path, secret, publicKey } of keys) {
      expect(toHex(secret)).toBe(toHex(deriveSeedTree(seed, path)));
      expect(publicKey).toBe(publicKeyOf(secret));
      expect(publicKey).toBe(blsSigner(secret).publicKey);
    }
  });

  test('of test networks are always the same', () => {
    const [, second] = devValidatorKeys(2);
    expect(devValidatorKeys(1, 1)).toEqual([second]);
    expect(second?.publicKey).toBe(deriveValidatorKeys(DEV_MNEMONIC, 1, 1)[0]?.publicKey);
  });

  test('have bounds', () => {
    for (const [count, first] of [
      [0, 0],
      [MAX_VALIDATOR_KEYS + 1, 0],
      [1.5, 0],
      [1, -1],
      [1, MAX_VALIDATOR_INDEX + 1],
      [2, MAX_VALIDATOR_INDEX],
    ])
      expect(codeOf(() => deriveValidatorKeys(WORDS, count, first))).toBe('wallet/out-of-range');
    expect(deriveValidatorKeys(WORDS, 1, MAX_VALIDATOR_INDEX)[0]?.path).toBe('m/12381/3600/4294967295/0/0');
  });

  test('need words that are right', () => {
    expect(codeOf(() => deriveValidatorKeys(WORDS.replace('about', 'abandon')))).toBe('wallet/bad-mnemonic');
  });
});

describe('a bare key', () => {
  test('is read with and without 0x, in either case', () => {
    const digits = 'Ab'.repeat(32).replace(/^A/, '1');
    expect(toHex(parseValidatorSecret(` 0x${digits}\n`))).toBe(`0x${digits.toLowerCase()}`);
    expect(parseValidatorSecret(digits)).toEqual(parseValidatorSecret(`0x${digits}`));
  });

  test.each([
    ['zero', '00'.repeat(32)],
    ['the order', ORDER.toString(16)],
    ['beyond it', 'ff'.repeat(32)],
    ['short', '11'.repeat(31)],
    ['long', '11'.repeat(33)],
    ['no hex', 'gg'.repeat(32)],
    ['nothing', ''],
  ])('is refused when it is %s, without being repeated', (_name, text) => {
    expect(codeOf(() => parseValidatorSecret(text))).toBe('wallet/bad-key');
    try {
      parseValidatorSecret(text);
    } catch (error) {
      if (text !== '') expect(String(error)).not.toContain(text.slice(0, 16));
    }
  });

  test('is accepted up to the order less one', () => {
    expect(publicKeyOf(bigToFixed(ORDER - 1n, 32))).toMatch(/^0x[0-9a-f]{96}$/);
  });
});
