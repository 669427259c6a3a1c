import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BUILD_DIRECTORY, buildAll } from '../../native/build.ts';
import { INITIAL_STATE, ROUND_CONSTANTS } from '../../native/sha256.ts';
import { signed, unsigned } from '../../native/wasm.ts';
import { add, and, constant, rotateRight, shiftRight, swapBytes, type Word, xor } from '../../native/words.ts';

describe('native/build', () => {
  it('holds exactly what the sources build, byte for byte', () => {
    const built = buildAll();
    expect(readdirSync(BUILD_DIRECTORY).sort()).toEqual([...built.keys()].sort());
    for (const [name, bytes] of built) {
      expect(Buffer.from(bytes).equals(readFileSync(new URL(name, BUILD_DIRECTORY))), `${name}: run node native/build.ts`).toBe(true);
    }
  });
});

describe('native/sha256', () => {
  it('derives the constants of FIPS 180-4', () => {
    expect(ROUND_CONSTANTS.slice(0, 3)).toEqual([0x428a2f98, 0x71374491, 0xb5c0fbcf]);
    expect(ROUND_CONSTANTS.at(-1)).toBe(0xc67178f2);
    expect(INITIAL_STATE.at(0)).toEqual(constant(0x6a09e667));
    expect(INITIAL_STATE.at(-1)).toEqual(constant(0x5be0cd19));
    expect(new Set(ROUND_CONSTANTS).size).toBe(64);
  });
});

describe('native/words', () => {
  const header: Word = { kind: 'header', stage: 'job', index: 3 };
  const nonce: Word = { kind: 'variable', stage: 'nonce', local: 0 };

  it('computes with constants at once', () => {
    expect(add(constant(0xffffffff), constant(2))).toEqual(constant(1));
    expect(xor(constant(0b1100), constant(0b1010))).toEqual(constant(0b0110));
    expect(and(constant(0b1100), constant(0b1010))).toEqual(constant(0b1000));
    expect(rotateRight(constant(0x80000001), 1)).toEqual(constant(0xc0000000));
    expect(shiftRight(constant(0x80000001), 1)).toEqual(constant(0x40000000));
    expect(swapBytes(constant(0x12345678))).toEqual(constant(0x78563412));
  });

  it('puts a word into the earliest stage that knows its operands', () => {
    expect(xor(header, constant(1)).stage).toBe('job');
    expect(xor(header, nonce).stage).toBe('nonce');
    expect(rotateRight(nonce, 3).stage).toBe('nonce');
  });

  it('adds early terms first, and zero not at all', () => {
    expect(add(nonce, constant(0))).toBe(nonce);
    expect(add()).toEqual(constant(0));
    const sum = add(nonce, header, constant(5));
    expect(sum).toMatchObject({ kind: 'add', stage: 'nonce', operands: [{ kind: 'add', stage: 'job' }, nonce] });
  });
});

describe('native/wasm', () => {
  it('writes integers as the specification does', () => {
    expect(unsigned(0)).toEqual([0]);
    expect(unsigned(624485)).toEqual([0xe5, 0x8e, 0x26]);
    expect(unsigned(0xffffffff)).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f]);
    expect(signed(63)).toEqual([0x3f]);
    expect(signed(64)).toEqual([0xc0, 0x00]);
    expect(signed(-123456)).toEqual([0xc0, 0xbb, 0x78]);
    expect(signed(0x80000000)).toEqual([0x80, 0x80, 0x80, 0x80, 0x78]);
  });
});
