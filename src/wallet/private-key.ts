/**
 * Private keys and the addresses that they control (secp256k1; Ethereum's yellow paper, appendix F).
 *
 * A private key is 32 bytes in memory. Error messages never contain any part of one.
 */
import { randomBytes } from 'node:crypto';
import { isValidChecksumAddress, privateToAddress, toChecksumAddress } from '@ethereumjs/util';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { addressOf, fromHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { Address, type Hex, quote } from '../base/types.ts';

const KEY_DIGITS = /^(?:0x)?([0-9a-f]{64})$/i;

export function newPrivateKey(): Uint8Array {
  for (;;) {
    const key = Uint8Array.from(randomBytes(32));
    // One draw in 2^128 is zero or beyond the curve's order.
    if (secp256k1.utils.isValidSecretKey(key)) return key;
  }
}

/** 64 hex digits, with or without 0x. Throws `wallet/bad-key`. */
export function parsePrivateKey(text: string): Uint8Array {
  const digits = KEY_DIGITS.exec(text.trim())?.[1];
  if (digits === undefined)
    throw badKey(`A private key is 64 hex digits, with or without 0x; this text has ${text.trim().length} characters.`);
  const key = fromHex(`0x${digits}`);
  checkPrivateKey(key);
  return key;
}

/** Throws `wallet/bad-key` unless the bytes are a number from 1 to the curve's order less 1. */
export function checkPrivateKey(key: Uint8Array): void {
  if (key.length !== 32) throw badKey(`A private key has 32 bytes; this one has ${key.length}.`);
  if (!secp256k1.utils.isValidSecretKey(key)) throw badKey('The private key is zero or beyond the order of secp256k1.');
}

export function addressOfKey(key: Uint8Array): Address {
  checkPrivateKey(key);
  return addressOf(privateToAddress(key));
}

/** For people: the mixed case of EIP-55, which detects mistyped digits. */
export function checksummed(address: Address): Hex {
  return toChecksumAddress(address);
}

/** An address as people write it; in mixed case its EIP-55 checksum must be right. Throws `wallet/bad-address`. */
export function parseAddress(text: string): Address {
  const address = /^(?:0x)?([0-9a-f]{40})$/i.exec(text.trim())?.[1];
  if (address === undefined) throw new UsageError('wallet/bad-address', `An address is 0x and 40 hex digits, unlike ${quote(text)}.`);
  const isOneCase = address === address.toLowerCase() || address === address.toUpperCase();
  if (!isOneCase && !isValidChecksumAddress(`0x${address}`))
    throw new UsageError('wallet/bad-address', `The checksum of ${quote(text)} is wrong (EIP-55): some digit is probably mistyped.`);
  return Address(`0x${address}`);
}

function badKey(message: string): UsageError {
  return new UsageError('wallet/bad-key', message);
}
