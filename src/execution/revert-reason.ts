/**
 * What a contract said when it reverted: Solidity's Error(string) as its text and Panic(uint256) as geth's words for its
 * number (Solidity documentation, "Panic via assert and Error via require"). Custom errors stay bytes for the client.
 */
import { bytesToBig, toHex } from '../base/bytes.ts';

const ERROR_SELECTOR = '0x08c379a0';
const PANIC_SELECTOR = '0x4e487b71';
const WORD = 32;

const PANICS: ReadonlyMap<bigint, string> = new Map([
  [0x00n, 'generic panic'],
  [0x01n, 'assert(false)'],
  [0x11n, 'arithmetic underflow or overflow'],
  [0x12n, 'division or modulo by zero'],
  [0x21n, 'enum overflow'],
  [0x22n, 'invalid encoded storage byte array accessed'],
  [0x31n, 'out-of-bounds array access; popping on an empty array'],
  [0x32n, 'out-of-bounds access of an array or bytesN'],
  [0x41n, 'out of memory'],
  [0x51n, 'uninitialized function'],
]);

/** Undefined for anything that is neither, or is badly encoded. */
export function revertReason(returned: Uint8Array): string | undefined {
  const selector = toHex(returned.subarray(0, 4));
  const body = returned.subarray(4);
  if (selector === PANIC_SELECTOR && body.length >= WORD) {
    const code = bytesToBig(body.subarray(0, WORD));
    return PANICS.get(code) ?? `unknown panic code: 0x${code.toString(16)}`;
  }
  return selector === ERROR_SELECTOR ? abiString(body) : undefined;
}

/** One ABI-encoded string: the offset of its length, the length, the bytes. */
function abiString(body: Uint8Array): string | undefined {
  const start = wordAt(body, 0);
  const length = start === undefined ? undefined : wordAt(body, start);
  if (start === undefined || length === undefined || start + WORD + length > body.length) return undefined;
  return new TextDecoder().decode(body.subarray(start + WORD, start + WORD + length));
}

/** A word as an offset inside `body`; undefined when it lies outside. */
function wordAt(body: Uint8Array, at: number): number | undefined {
  if (at + WORD > body.length) return undefined;
  const value = bytesToBig(body.subarray(at, at + WORD));
  return value > BigInt(body.length) ? undefined : Number(value);
}
