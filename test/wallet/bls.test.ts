import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import type { Keys } from '../../src/simulator/tags.ts';
import { TAG_KEYS } from '../../src/simulator/tags.ts';
import { blsSignatures, blsSigner } from '../../src/wallet/bls.ts';

const realKeys: Keys = {
  signatures: blsSignatures,
  signer: (identity, index) => blsSigner(Uint8Array.from({ length: 32 }, (_, i) => (i === 30 ? identity : i === 31 ? index + 1 : 0))),
};
const message = new Uint8Array(32).fill(7);
const other = new Uint8Array(32).fill(8);

// What engines rely on must hold for real signatures and for the simulator's tags alike.
describe.each([
  ['BLS', realKeys],
  ['tags', TAG_KEYS],
])('signatures: %s', (_, { signatures, signer }) => {
  const [a, b, c] = [signer(0, 0), signer(0, 1), signer(1, 0)];
  const signed = { publicKeys: [a.publicKey], message, signature: a.sign(message) };

  it('verify what was signed, by that key, over that message', () => {
    expect(signatures.verify(signed)).toBe(true);
    expect(signatures.verify({ ...signed, message: other })).toBe(false);
    expect(signatures.verify({ ...signed, publicKeys: [b.publicKey] })).toBe(false);
    expect(signatures.verify({ ...signed, publicKeys: [] })).toBe(false);
  });

  it('add up for one message, and only with exactly those keys', () => {
    const signature = signatures.aggregate([a.sign(message), b.sign(message), c.sign(message)]);
    const keys = [a.publicKey, b.publicKey, c.publicKey];
    expect(signatures.verify({ publicKeys: keys, message, signature })).toBe(true);
    expect(signatures.verify({ publicKeys: keys.slice(1), message, signature })).toBe(false);
    expect(signatures.verify({ publicKeys: [...keys, a.publicKey], message, signature })).toBe(false);
  });

  it('check many statements at once, and find one that is wrong', () => {
    const second = { publicKeys: [b.publicKey], message: other, signature: b.sign(other) };
    expect(signatures.verifyAll([])).toBe(true);
    expect(signatures.verifyAll([signed, second])).toBe(true);
    expect(signatures.verifyAll([signed, { ...second, message }])).toBe(false);
    // Two that are swapped have a right sum.
    const swapped = [
      { ...signed, signature: b.sign(message) },
      { publicKeys: [b.publicKey], message, signature: a.sign(message) },
    ];
    expect(signatures.verifyAll(swapped)).toBe(false);
  });

  it('take malformed bytes for invalid ones, without throwing', () => {
    for (const signature of [new Uint8Array(0), new Uint8Array(96), new Uint8Array(96).fill(255), signed.signature.slice(1)]) {
      expect(signatures.verify({ ...signed, signature })).toBe(false);
      expect(signatures.verifyAll([{ ...signed, signature }])).toBe(false);
    }
    for (const key of ['0x', '0x00', `0x${'00'.repeat(48)}`, `0xc0${'00'.repeat(47)}`, `0x${'ff'.repeat(48)}`] as const) {
      expect(signatures.isPublicKey(key)).toBe(false);
      expect(signatures.verify({ ...signed, publicKeys: [key] })).toBe(false);
    }
    expect(signatures.isPublicKey(a.publicKey)).toBe(true);
  });
});

describe('BLS', () => {
  // The point of the suite's own test vectors: sign with the "basic" key of the consensus specs' bls tests.
  it('signs as the published vector of the consensus specs says', () => {
    const signer = blsSigner(fromHex('0x263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3'));
    expect(signer.publicKey).toBe('0xa491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20fd6e10c1b77654d067c0618f6e5a7f79a');
    expect(Buffer.from(signer.sign(new Uint8Array(32))).toString('hex')).toBe(
      'b6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6076334f91e2366c96e9ab279fb5158090352ea1c5b0c9274504f4f0e7053af24802e51e4568d164fe986834f41e55c8e850ce1f98458c0cfc9ab380b55285a55',
    );
  });
});
