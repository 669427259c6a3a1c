/** EIP-2335: its own test vectors, another library in both directions, and files that are hostile or damaged. */
import { decryptEIP2335Keystore, EIP2335Keystore } from 'micro-eth-signer/keystore.js';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { MAX_KEY_FILE_BYTES } from '../../src/wallet/key-files.ts';
import { publicKeyOf } from '../../src/wallet/validator-keys.ts';
import {
  decryptValidatorKey,
  encryptValidatorKey,
  normalisePassword,
  parseValidatorKeystore,
} from '../../src/wallet/validator-keystore.ts';
import { codeOf, rejectionOf } from './support.ts';

/** "Test Cases" of the EIP. */
const PASSWORD = '𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑';
const SECRET = '0x000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f';
const PUBLIC_KEY = '0x9612d7a727c9d0a22e185a1c768478dfe919cada9266988cb32359c11f2b7b27f4ae4040902382ae2910c15e2b420d07';
const SALT = 'd4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3';
const SCRYPT = {
  crypto: {
    kdf: { function: 'scrypt', params: { dklen: 32, n: 262144, p: 1, r: 8, salt: SALT }, message: '' },
    checksum: { function: 'sha256', params: {}, message: 'd2217fe5f3e9a1e34581ef8a78f7c9928e436d36dacc5e846690a5581e8ea484' },
    cipher: {
      function: 'aes-128-ctr',
      params: { iv: '264daa3f303d7259501c93d997d84fe6' },
      message: '06ae90d55fe0a6e9c5c3bc5b170827b2e5cce3929ed3f116c2811e6366dfe20f',
    },
  },
  description: 'This is a test keystore that uses scrypt to secure the secret.',
  pubkey: PUBLIC_KEY.slice(2),
  path: 'm/12381/60/3141592653/589793238',
  uuid: '1d85ae20-35c5-4611-98e8-aa14a633906f',
  version: 4,
};
const PBKDF2 = {
  ...SCRYPT,
  crypto: {
    kdf: { function: 'pbkdf2', params: { dklen: 32, c: 262144, prf: 'hmac-sha256', salt: SALT }, message: '' },
    checksum: { function: 'sha256', params: {}, message: '8a9f5d9912ed7e75ea794bc5a89bca5f193721d30868ade6f73043c6ea6febf1' },
    cipher: {
      function: 'aes-128-ctr',
      params: { iv: '264daa3f303d7259501c93d997d84fe6' },
      message: 'cee03fde2af33149775b7223e7845e4fb2c8ae1792e5f99fe9ecf474cc8c16ad',
    },
  },
  path: 'm/12381/60/0/0',
  uuid: '64625def-3331-4eea-ab6f-782f3ed16a83',
};
const CHEAP = { n: 2, r: 8, p: 1 };

const parse = (document: unknown) => parseValidatorKeystore(JSON.stringify(document));

function changed(path: string, value: unknown, base: unknown = SCRYPT): unknown {
  const copy = structuredClone(base) as Record<string, never>;
  const names = path.split('.');
  const last = names.pop() ?? '';
  const parent = names.reduce<Record<string, unknown>>((at, name) => at[name] as Record<string, unknown>, copy);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return copy;
}

describe('the test vectors', () => {
  test.each([
    ['scrypt', SCRYPT],
    ['pbkdf2', PBKDF2],
  ])('%s', async (_name, document) => {
    const keystore = parse(document);
    expect(keystore).toMatchObject({ publicKey: PUBLIC_KEY, path: document.path });
    const secret = await decryptValidatorKey(keystore, PASSWORD);
    expect(toHex(secret)).toBe(SECRET);
    expect(publicKeyOf(secret)).toBe(PUBLIC_KEY);
  });

  test('the password, normalised', () => {
    expect(toHex(new TextEncoder().encode(normalisePassword(PASSWORD)))).toBe('0x7465737470617373776f7264f09f9491');
    expect(normalisePassword('a\u0000b\u001fc\u007fd\u0080e\u009ff g')).toBe('abcdef g');
  });
});

describe('a new key file', () => {
  const secret = fromHex(SECRET);

  test('opens here and elsewhere, with the password in any spelling', async () => {
    const text = await encryptValidatorKey(secret, 'pässword', 'm/12381/3600/0/0/0', CHEAP);
    const keystore = parseValidatorKeystore(text);
    expect(keystore).toMatchObject({ publicKey: PUBLIC_KEY, path: 'm/12381/3600/0/0/0' });
    expect(toHex(await decryptValidatorKey(keystore, 'pa\u0308ssw\u0007ord'))).toBe(SECRET);
    expect(toHex(decryptEIP2335Keystore(JSON.parse(text), 'pässword'))).toBe(SECRET);
  });

  test('is opened when another library wrote it', async () => {
    const writer = new EIP2335Keystore('secret', 'pbkdf2');
    const store = writer.create(secret, '', 'other', fromHex(PUBLIC_KEY));
    writer.clean();
    expect(toHex(await decryptValidatorKey(parse(store), 'secret'))).toBe(SECRET);
  });

  test('has a salt and an initialisation vector of its own, and no secret in it', async () => {
    const texts = await Promise.all([1, 2].map(() => encryptValidatorKey(secret, 'secret', '', CHEAP)));
    const [first, second] = texts.map((text) => JSON.parse(text).crypto);
    expect(first.kdf.params.salt).not.toBe(second.kdf.params.salt);
    expect(first.cipher.params.iv).not.toBe(second.cipher.params.iv);
    expect(texts.join()).not.toContain(SECRET.slice(2));
  });

  test('is not made without a password that is one', async () => {
    expect((await rejectionOf(encryptValidatorKey(secret, '\u0007\u009f', '', CHEAP))).code).toBe('wallet/empty-password');
  });

  test.each([
    ['zero', new Uint8Array(32)],
    ['beyond the order', new Uint8Array(32).fill(255)],
    ['short', new Uint8Array(31).fill(1)],
  ])('is not made for a key that is %s', async (_name, bad) => {
    expect((await rejectionOf(encryptValidatorKey(bad, 'secret', '', CHEAP))).code).toBe('wallet/bad-key');
  });
});

describe('a file that cannot be opened', () => {
  test('has another password, or was damaged', async () => {
    const text = await encryptValidatorKey(fromHex(SECRET), 'secret', '', CHEAP);
    const error = await rejectionOf(decryptValidatorKey(parseValidatorKeystore(text), 'Secret'));
    expect(error.code).toBe('wallet/wrong-password');
    const damaged = changed('crypto.cipher.message', '00'.repeat(32), JSON.parse(text));
    expect((await rejectionOf(decryptValidatorKey(parse(damaged), 'secret'))).code).toBe('wallet/wrong-password');
  });

  test('names the public key of another', async () => {
    const text = await encryptValidatorKey(fromHex(SECRET), 'secret', '', CHEAP);
    const other = publicKeyOf(new Uint8Array(32).fill(1));
    const error = await rejectionOf(decryptValidatorKey(parse(changed('pubkey', other, JSON.parse(text))), 'secret'));
    expect(error.code).toBe('wallet/keystore-malformed');
    expect(error.message).toContain('pubkey');
  });

  test('that names none is trusted for the key inside', async () => {
    const text = await encryptValidatorKey(fromHex(SECRET), 'secret', '', CHEAP);
    expect(toHex(await decryptValidatorKey(parse(changed('pubkey', undefined, JSON.parse(text))), 'secret'))).toBe(SECRET);
  });

  test.each<[string, string, unknown]>([
    ['terabytes', 'n', 2 ** 40],
    ['n that is no power of two', 'n', 3],
    ['n of 1', 'n', 1],
    ['negative n', 'n', -2],
    ['a wide r', 'r', 2 ** 30],
    ['r of 0', 'r', 0],
    ['years of p', 'p', 2 ** 30],
    ['half a p', 'p', 0.5],
    ['little output', 'dklen', 16],
    ['much output', 'dklen', 2 ** 30],
  ])('asks scrypt for %s, which is not even begun', async (_name, field, value) => {
    const keystore = parse(changed(`crypto.kdf.params.${field}`, value));
    expect((await rejectionOf(decryptValidatorKey(keystore, PASSWORD))).code).toBe('wallet/kdf-refused');
  });

  test.each([10_000_001, 0, -1, 1.5, 2 ** 53])('asks pbkdf2 for %d rounds, which are not even begun', async (c) => {
    const keystore = parse(changed('crypto.kdf.params.c', c, PBKDF2));
    expect((await rejectionOf(decryptValidatorKey(keystore, PASSWORD))).code).toBe('wallet/kdf-refused');
  });

  test.each<[string, string, unknown, string]>([
    ['another version', 'version', 3, 'wallet/keystore-unsupported'],
    ['another cipher', 'crypto.cipher.function', 'aes-256-ctr', 'wallet/keystore-unsupported'],
    ['another checksum', 'crypto.checksum.function', 'keccak256', 'wallet/keystore-unsupported'],
    ['another kdf', 'crypto.kdf.function', 'argon2id', 'wallet/keystore-unsupported'],
    ['no version', 'version', undefined, 'wallet/keystore-malformed'],
    ['no crypto', 'crypto', undefined, 'wallet/keystore-malformed'],
    ['no parameters', 'crypto.kdf.params', undefined, 'wallet/keystore-malformed'],
    ['a number for n that is text', 'crypto.kdf.params.n', '2', 'wallet/keystore-malformed'],
    ['a short vector', 'crypto.cipher.params.iv', '00', 'wallet/keystore-malformed'],
    ['a long ciphertext', 'crypto.cipher.message', '00'.repeat(33), 'wallet/keystore-malformed'],
    ['a checksum that is no hex', 'crypto.checksum.message', 'zz'.repeat(32), 'wallet/keystore-malformed'],
    ['a long salt', 'crypto.kdf.params.salt', '00'.repeat(257), 'wallet/keystore-malformed'],
    ['a short public key', 'pubkey', '00'.repeat(47), 'wallet/keystore-malformed'],
    ['a path without end', 'path', 'm/'.repeat(200), 'wallet/keystore-malformed'],
  ])('has %s', (_name, field, value, code) => {
    expect(codeOf(() => parse(changed(field, value)))).toBe(code);
  });

  test('wants another hash for pbkdf2', () => {
    expect(codeOf(() => parse(changed('crypto.kdf.params.prf', 'hmac-sha512', PBKDF2)))).toBe('wallet/keystore-unsupported');
  });

  test.each([
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['a bare key', SECRET],
    ['half of it', JSON.stringify(SCRYPT).slice(0, 300)],
    ['deep nesting', '['.repeat(MAX_KEY_FILE_BYTES)],
    ['too much', ' '.repeat(MAX_KEY_FILE_BYTES + 1)],
  ])('is %s, and the error repeats nothing of it', (_name, text) => {
    expect(codeOf(() => parseValidatorKeystore(text))).toBe('wallet/keystore-malformed');
    try {
      parseValidatorKeystore(text);
    } catch (error) {
      expect(JSON.stringify([String(error), (error as Error).cause])).not.toContain(SECRET.slice(2, 20));
    }
  });
});
