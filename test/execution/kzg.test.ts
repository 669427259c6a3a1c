/** The point evaluation precompile's check, on polynomials whose proofs are plain to see. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { kzg } from '../../src/execution/kzg.ts';

const setup: { g1_monomial: string[]; g2_monomial: string[] } = JSON.parse(
  readFileSync(
    createRequire(import.meta.url)
      .resolve('viem/package.json')
      .replace('package.json', 'trusted-setups/mainnet.json'),
    'utf8',
  ),
);
const [one = '', tau = ''] = setup.g1_monomial;
const INFINITY = `0xc0${'00'.repeat(47)}`;
const field = (value: bigint | number) => `0x${value.toString(16).padStart(64, '0')}`;
const MODULUS = 52435875175126190479447740508185965837690552500527637822603658699938581184513n;

describe('verifyProof', () => {
  it('accepts p(x) = x at any point: the quotient is 1', () => {
    expect(kzg.verifyProof(tau, field(5), field(5), one)).toBe(true);
    expect(kzg.verifyProof(tau, field(0), field(0), one)).toBe(true);
    expect(kzg.verifyProof(tau, field(5), field(6), one)).toBe(false);
    expect(kzg.verifyProof(tau, field(5), field(5), tau)).toBe(false);
  });

  it('accepts a constant: the quotient is 0', () => {
    expect(kzg.verifyProof(one, field(123), field(1), INFINITY)).toBe(true);
    expect(kzg.verifyProof(INFINITY, field(123), field(0), INFINITY)).toBe(true);
    expect(kzg.verifyProof(one, field(123), field(2), INFINITY)).toBe(false);
  });

  it.each([
    ['a point that is not on the curve', `0x8${'0'.repeat(94)}3`, field(1), field(1), INFINITY],
    ['a point without its flag', `0x${'00'.repeat(48)}`, field(1), field(1), INFINITY],
    ['a proof of all ones', one, field(1), field(1), `0x${'ff'.repeat(48)}`],
    ['z at the modulus', one, field(MODULUS), field(1), INFINITY],
    ['y at the modulus', one, field(1), field(MODULUS), INFINITY],
  ])('refuses %s', (_, commitment, z, y, proof) => {
    expect(() => kzg.verifyProof(commitment, z, y, proof)).toThrow(expect.objectContaining({ code: 'decode/kzg' }));
  });

  it('makes no proofs', () => {
    expect(() => kzg.blobToKzgCommitment('0x')).toThrow(expect.objectContaining({ code: 'internal/blobs' }));
  });
});
