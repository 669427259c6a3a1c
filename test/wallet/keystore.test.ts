import { encryptKeystoreJson, Wallet } from 'ethers';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { LIGHT_COST, MAX_PBKDF2_ROUNDS } from '../../src/wallet/key-derivation.ts';
import { MAX_KEY_FILE_BYTES } from '../../src/wallet/key-files.ts';
import { decryptKey, encryptKey, parseKeystore } from '../../src/wallet/keystore.ts';
import { devAccounts } from '../../src/wallet/mnemonic.ts';
import { codeOf, rejectionOf } from './support.ts';

/** Far below what any command writes: these tests are about the file, not about the cost. */
const CHEAP = { n: 2, r: 1, p: 1 };
const [ACCOUNT] = devAccounts(undefined, 1);
const KEY = ACCOUNT?.privateKey ?? new Uint8Array();

// The two examples of the Web3 Secret Storage definition; the password is testpassword.
const SCRYPT_EXAMPLE = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
    ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
    kdf: 'scrypt',
    kdfparams: { dklen: 32, n: 262144, r: 1, p: 8, salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19' },
    mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
};
const PBKDF2_EXAMPLE = {
  crypto: {
    cipher: 'aes-128-ctr',
    cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
    ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
    kdf: 'pbkdf2',
    kdfparams: { c: 262144, dklen: 32, prf: 'hmac-sha256', salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd' },
    mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
  },
  id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
  version: 3,
};
const EXAMPLE_KEY = '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d';

describe('the published examples', () => {
  test.each([
    ['scrypt', SCRYPT_EXAMPLE],
    ['pbkdf2', PBKDF2_EXAMPLE],
  ])('%s', async (_name, example) => {
    const keystore = parseKeystore(JSON.stringify(example));
    expect(toHex(await decryptKey(keystore, 'testpassword'))).toBe(EXAMPLE_KEY);
  });

  test('older geth wrote Crypto, others write 0x', async () => {
    const { crypto, ...rest } = PBKDF2_EXAMPLE;
    const text = JSON.stringify({
      ...rest,
      Crypto: { ...crypto, mac: `0x${crypto.mac}` },
      address: '0x008AEEDA4D805471DF9B2A5B0F38A0C3BCBA786B',
    });
    expect(toHex(await decryptKey(parseKeystore(text), 'testpassword'))).toBe(EXAMPLE_KEY);
  });
});

describe('what is written', () => {
  test('has the standard cost unless told otherwise, and opens again', async () => {
    const text = await encryptKey(KEY, 'pässword');
    expect(JSON.parse(text)).toMatchObject({ version: 3, crypto: { kdf: 'scrypt', kdfparams: { n: 262144, r: 8, p: 1, dklen: 32 } } });
    expect(await decryptKey(parseKeystore(text), 'pässword')).toEqual(KEY);
  });

  test('opens in another library, and the other way round', async () => {
    const wallet = Wallet.fromEncryptedJsonSync(await encryptKey(KEY, 'secret', LIGHT_COST), 'secret');
    expect(wallet.privateKey).toBe(toHex(KEY));
    const theirs = await encryptKeystoreJson({ address: wallet.address, privateKey: wallet.privateKey }, 'secret', {
      scrypt: { N: 1024, r: 8, p: 1 },
    });
    expect(await decryptKey(parseKeystore(theirs), 'secret')).toEqual(KEY);
  });

  test('differs each time and does not contain the key', async () => {
    const [one, two] = await Promise.all([encryptKey(KEY, 'secret', CHEAP), encryptKey(KEY, 'secret', CHEAP)]);
    expect(JSON.parse(one).crypto.ciphertext).not.toBe(JSON.parse(two).crypto.ciphertext);
    expect(one).not.toContain(toHex(KEY).slice(2));
  });
});

async function written(): Promise<ReturnType<typeof JSON.parse>> {
  return JSON.parse(await encryptKey(KEY, 'secret', CHEAP));
}

describe('what does not open', () => {
  test.each(['', 'Secret', 'secret ', 'secre'])('the wrong password %j', async (password) => {
    const keystore = parseKeystore(JSON.stringify(await written()));
    const error = await rejectionOf(decryptKey(keystore, password));
    expect(error.code).toBe('wallet/wrong-password');
    expect(error.message).not.toContain(password || 'no password');
  });

  test('a damaged ciphertext or MAC looks like a wrong password', async () => {
    for (const field of ['ciphertext', 'mac']) {
      const json = await written();
      json.crypto[field] = json.crypto[field].replace(/^../, (byte: string) => (byte === '00' ? '01' : '00'));
      expect((await rejectionOf(decryptKey(parseKeystore(JSON.stringify(json)), 'secret'))).code).toBe('wallet/wrong-password');
    }
  });

  test("another account's address on the file", async () => {
    const json = { ...(await written()), address: '11'.repeat(20) };
    expect((await rejectionOf(decryptKey(parseKeystore(JSON.stringify(json)), 'secret'))).code).toBe('wallet/keystore-malformed');
  });

  test('a file truncated anywhere', async () => {
    const text = JSON.stringify(await written());
    for (let length = 0; length < text.length; length++)
      expect(codeOf(() => parseKeystore(text.slice(0, length)))).toBe('wallet/keystore-malformed');
  });

  test.each([
    ['null', 'null'],
    ['a list', '[]'],
    ['an empty object', '{}'],
    ['deep nesting', '['.repeat(MAX_KEY_FILE_BYTES)],
    ['too much of it', ' '.repeat(MAX_KEY_FILE_BYTES + 1)],
    ['a version in words', '{"version":"3"}'],
    ['no crypto', '{"version":3}'],
  ])('%s', (_name, text) => expect(codeOf(() => parseKeystore(text))).toBe('wallet/keystore-malformed'));

  const wrong: [string, (json: ReturnType<typeof JSON.parse>) => void, string][] = [
    ['version 1', (json) => (json.version = 1), 'unsupported'],
    ['another cipher', (json) => (json.crypto.cipher = 'aes-128-cbc'), 'unsupported'],
    ['another kdf', (json) => (json.crypto.kdf = 'argon2id'), 'unsupported'],
    [
      'another prf',
      (json) => (json.crypto = { ...PBKDF2_EXAMPLE.crypto, kdfparams: { ...PBKDF2_EXAMPLE.crypto.kdfparams, prf: 'hmac-md5' } }),
      'unsupported',
    ],
    ['a short address', (json) => (json.address = '1234'), 'malformed'],
    ['a short iv', (json) => (json.crypto.cipherparams.iv = '00'), 'malformed'],
    ['a long ciphertext', (json) => (json.crypto.ciphertext += '00'), 'malformed'],
    ['a MAC that is no hex', (json) => (json.crypto.mac = 'z'.repeat(64)), 'malformed'],
    ['a MAC that is a number', (json) => (json.crypto.mac = 5), 'malformed'],
    ['0X instead of 0x', (json) => (json.crypto.mac = `0X${json.crypto.mac}`), 'malformed'],
    ['no salt', (json) => delete json.crypto.kdfparams.salt, 'malformed'],
    ['a giant salt', (json) => (json.crypto.kdfparams.salt = '00'.repeat(300)), 'malformed'],
    ['n in quotes', (json) => (json.crypto.kdfparams.n = '2'), 'malformed'],
  ];
  test.each(wrong)('%s', async (_name, change, kind) => {
    const json = await written();
    change(json);
    expect(codeOf(() => parseKeystore(JSON.stringify(json)))).toBe(`wallet/keystore-${kind}`);
  });

  test('text that is a bare private key is not repeated in the message', () => {
    const bare = toHex(KEY).slice(2);
    for (const text of [bare, `0x${bare}`, `"${bare}"`, `{"version":3,"crypto":"${bare}"}`])
      expect(() => parseKeystore(text)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(bare.slice(0, 8)) }));
  });
});

describe('a file that asks for a hostile password check is refused at once', () => {
  test.each([
    { n: 2 ** 40 },
    { n: 2 ** 21, r: 8 },
    { n: 2 ** 30, r: 1 },
    { n: 2 ** 18, r: 8, p: 9 },
    { n: 2, r: 1, p: 2 ** 25 },
    { n: 2, r: 2 ** 40 },
    { n: 0 },
    { n: 1 },
    { n: 3 },
    { n: -4 },
    { n: 2.5 },
    { r: 0 },
    { p: 0 },
    { p: 1e308 },
    { dklen: 16 },
    { dklen: 2 ** 31 },
  ])('scrypt %j', async (hostile) => {
    const json = await written();
    Object.assign(json.crypto.kdfparams, hostile);
    expect((await rejectionOf(decryptKey(parseKeystore(JSON.stringify(json)), 'secret'))).code).toBe('wallet/kdf-refused');
  });

  test.each([{ c: MAX_PBKDF2_ROUNDS + 1 }, { c: 0 }, { c: -1 }, { c: 1.5 }, { dklen: 31 }])('pbkdf2 %j', async (hostile) => {
    const { crypto } = PBKDF2_EXAMPLE;
    const json = { ...PBKDF2_EXAMPLE, crypto: { ...crypto, kdfparams: { ...crypto.kdfparams, ...hostile } } };
    expect((await rejectionOf(decryptKey(parseKeystore(JSON.stringify(json)), 'secret'))).code).toBe('wallet/kdf-refused');
  });
});
