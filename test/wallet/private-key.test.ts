import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { addressOfKey, checksummed, newPrivateKey, parseAddress, parsePrivateKey } from '../../src/wallet/private-key.ts';
import { codeOf } from './support.ts';

const KEY = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141';

describe('a private key', () => {
  test.each([KEY, `0x${KEY}`, ` 0x${KEY.toUpperCase()}\n`])('is read from %j', (text) => {
    expect(addressOfKey(parsePrivateKey(text))).toBe('0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266');
  });

  test.each(['', '0x', KEY.slice(1), `${KEY}0`, KEY.replace('a', 'g'), '0'.repeat(64), ORDER, 'f'.repeat(64)])('is not %j', (text) => {
    expect(codeOf(() => parsePrivateKey(text))).toBe('wallet/bad-key');
  });

  test('is never repeated in the message', () => {
    for (const text of [KEY.slice(1), `${KEY}0`, KEY.replace('a', 'g')])
      expect(() => parsePrivateKey(text)).toThrow(expect.not.objectContaining({ message: expect.stringContaining(KEY.slice(8, 40)) }));
  });

  test('of the wrong length has no address', () => {
    expect(codeOf(() => addressOfKey(new Uint8Array(31).fill(1)))).toBe('wallet/bad-key');
  });

  test('is new each time and valid', () => {
    const keys = Array.from({ length: 20 }, newPrivateKey);
    expect(new Set(keys.map(toHex)).size).toBe(20);
    for (const key of keys) expect(addressOfKey(key)).toMatch(/^0x[0-9a-f]{40}$/);
  });
});

describe('an address', () => {
  // The examples of EIP-55.
  const examples = [
    '0x52908400098527886E0F7030069857D2E4169EE7',
    '0xde709f2102306220921060314715629080e2fb77',
    '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
    '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
  ];
  test.each(examples)('%s keeps its checksum', (text) => expect(checksummed(parseAddress(text))).toBe(text));
  test.each(examples)('%s is accepted in one case and without 0x', (text) => {
    const digits = text.slice(2);
    for (const form of [digits, digits.toLowerCase(), `0x${digits.toUpperCase()}`]) expect(parseAddress(form)).toBe(text.toLowerCase());
  });

  test('with one letter in the wrong case is refused', () => {
    expect(codeOf(() => parseAddress('0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed'))).toBe('wallet/bad-address');
  });

  test.each(['', '0x', '0x1', `0x${'0'.repeat(39)}`, `0x${'0'.repeat(41)}`, `0x${'g'.repeat(40)}`, `1x${'0'.repeat(40)}`])(
    'is not %j',
    (text) => {
      expect(codeOf(() => parseAddress(text))).toBe('wallet/bad-address');
    },
  );

  test('is never made of arbitrary text', () => {
    fc.assert(fc.property(fc.string(), (text) => codeOf(() => parseAddress(text)) === 'wallet/bad-address'));
  });
});
