/** Signatures without cryptography: they add up as BLS signatures do, nobody can make one without the key, and nothing throws. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type Signature } from '../../src/base/signatures.ts';
import type { Hex } from '../../src/base/types.ts';
import { TAG_KEYS } from '../../src/simulator/tags.ts';

const { signatures } = TAG_KEYS;
const [a, b, c] = [0, 1, 2].map((identity) => TAG_KEYS.signer(identity, 0)) as [Signer, Signer, Signer];
type Signer = ReturnType<typeof TAG_KEYS.signer>;
const MESSAGE = new Uint8Array(32).fill(7);
const OTHER = new Uint8Array(32).fill(8);

const verify = (signers: readonly Signer[], message: Uint8Array, signature: Signature) =>
  signatures.verify({ publicKeys: signers.map(({ publicKey }) => publicKey), message, signature });

describe('keys', () => {
  it('are one for each identity and number, of the right size', () => {
    const keys = [0, 1, 300].flatMap((identity) => [0, 1, 300].map((index) => TAG_KEYS.signer(identity, index).publicKey));
    expect(new Set(keys).size).toBe(keys.length);
    for (const key of keys) {
      expect(key).toHaveLength(2 + 2 * PUBLIC_KEY_BYTES);
      expect(signatures.isPublicKey(key)).toBe(true);
    }
    expect(TAG_KEYS.signer(1, 1).publicKey).toBe(TAG_KEYS.signer(1, 1).publicKey);
  });

  it('are told from what is none', () => {
    const { publicKey } = a;
    for (const junk of [
      '0x',
      publicKey.slice(0, -2),
      `${publicKey}00`,
      publicKey.toUpperCase(),
      publicKey.replace('0xa0', '0x00'),
      'junk',
    ]) {
      expect(signatures.isPublicKey(junk as Hex)).toBe(false);
    }
  });
});

describe('signatures', () => {
  it('are valid for their key and message, and for no other', () => {
    const signature = a.sign(MESSAGE);
    expect(signature).toHaveLength(SIGNATURE_BYTES);
    expect(verify([a], MESSAGE, signature)).toBe(true);
    expect([verify([b], MESSAGE, signature), verify([a], OTHER, signature), verify([a, b], MESSAGE, signature)]).toEqual([
      false,
      false,
      false,
    ]);
    expect(verify([TAG_KEYS.signer(0, 1)], MESSAGE, signature)).toBe(false);
  });

  it('are lost with any bit that changes, and cannot be guessed', () => {
    const signature = a.sign(MESSAGE);
    for (let bit = 0; bit < 8 * SIGNATURE_BYTES; bit++) {
      const changed = signature.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verify([a], MESSAGE, changed)).toBe(false);
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: SIGNATURE_BYTES, maxLength: SIGNATURE_BYTES }), (guess) => !verify([a], MESSAGE, guess)),
      { seed: 1 },
    );
  });

  it('add up: the sum is valid for all its keys together, in any order, and for no fewer', () => {
    const sum = signatures.aggregate([a, b, c].map((signer) => signer.sign(MESSAGE)));
    expect([verify([a, b, c], MESSAGE, sum), verify([c, a, b], MESSAGE, sum)]).toEqual([true, true]);
    expect([verify([a, b], MESSAGE, sum), verify([a, b, c, c], MESSAGE, sum), verify([], MESSAGE, sum)]).toEqual([false, false, false]);
    const stepwise = signatures.aggregate([signatures.aggregate([a.sign(MESSAGE), b.sign(MESSAGE)]), c.sign(MESSAGE)]);
    expect(stepwise).toEqual(sum);
    expect(verify([a, b], MESSAGE, signatures.aggregate([a.sign(MESSAGE), b.sign(OTHER)]))).toBe(false);
  });

  it('are checked many at once', () => {
    const signed = (signer: Signer, message: Uint8Array) => ({ publicKeys: [signer.publicKey], message, signature: signer.sign(message) });
    const good = [signed(a, MESSAGE), signed(b, OTHER)];
    expect(signatures.verifyAll(good)).toBe(true);
    expect(signatures.verifyAll([])).toBe(true);
    expect(signatures.verifyAll([...good, { ...signed(c, MESSAGE), message: OTHER }])).toBe(false);
  });
});

describe('what a stranger sends', () => {
  it('is simply not valid, however malformed it is', () => {
    const signature = a.sign(MESSAGE);
    for (const publicKey of ['0x', 'junk', '0xzz', '0x1', `0x${'00'.repeat(48)}`, `0x${'ff'.repeat(1_000)}`]) {
      expect(signatures.verify({ publicKeys: [publicKey as Hex], message: MESSAGE, signature })).toBe(false);
    }
    for (const length of [0, 1, SIGNATURE_BYTES - 1, SIGNATURE_BYTES + 1]) expect(verify([a], MESSAGE, new Uint8Array(length))).toBe(false);
  });

  it('may not be added up before it was checked', () => {
    for (const list of [[], [new Uint8Array(3)]]) {
      expect(() => signatures.aggregate(list)).toThrowError(expect.objectContaining({ code: 'internal/assertion' }));
    }
  });
});
