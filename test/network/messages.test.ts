import { RLP } from '@ethereumjs/rlp';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError, RuleError } from '../../src/base/errors.ts';
import type { Json } from '../../src/base/types.ts';
import type { ChainParams } from '../../src/chain/params.ts';
import { decodeRlp } from '../../src/chain/rlp.ts';
import {
  configHash,
  decodeHashes,
  decodeHeadersRequest,
  decodeResponse,
  decodeStatus,
  decodeTransactions,
  encodeHashes,
  encodeHeadersRequest,
  encodeRefusal,
  encodeResponse,
  encodeStatus,
  incompatibility,
  MAX_BLOCK_HASHES,
  MAX_HEADERS,
  MAX_TRANSACTIONS_BYTES,
  packTransactions,
} from '../../src/network/messages.ts';
import { MAX_LOCATOR_HASHES } from '../../src/sync/limits.ts';
import { codeOf, hash, status } from './harness.ts';

const SALT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function thrownBy(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(RuleError);
    return codeOf(error);
  }
  return 'nothing';
}

describe('messages', () => {
  test('a status survives encoding', () => {
    const ours = status({ weight: 2n ** 200n, height: 2 ** 40, finalizedHeight: 3, agent: 'synod/0.1.0 linux' });
    expect(decodeStatus(encodeStatus(ours))).toEqual(ours);
  });

  test('a status may grow: fields of later versions are ignored', () => {
    const fields = RLP.decode(encodeStatus(status())) as Uint8Array[];
    expect(decodeStatus(RLP.encode([...fields, Uint8Array.of(7)]))).toEqual(status());
  });

  test('control characters do not get into an agent, nor non-canonical integers into a height', () => {
    const fields = RLP.decode(encodeStatus(status())) as Uint8Array[];
    const replaced = (index: number, value: Uint8Array) => RLP.encode(fields.map((field, i) => (i === index ? value : field)));
    expect(thrownBy(() => decodeStatus(replaced(9, Uint8Array.of(0x1b, 0x5b))))).toBe('decode/text');
    expect(thrownBy(() => decodeStatus(replaced(6, Uint8Array.of(0, 1))))).toBe('decode/integer');
    expect(thrownBy(() => decodeStatus(replaced(7, new Uint8Array(33).fill(1))))).toBe('decode/integer');
    expect(thrownBy(() => decodeStatus(replaced(1, new Uint8Array(31))))).toBe('decode/hash');
    expect(thrownBy(() => decodeStatus(RLP.encode(fields.slice(1))))).toBe('decode/status');
  });

  test.each([
    ['network/wrong-protocol', { protocolVersion: 9 }],
    ['network/wrong-genesis', { genesisHash: hash('other') }],
    ['network/wrong-chain', { chainId: 1 }],
    ['network/wrong-engine', { engine: 'raft' }],
    ['network/wrong-config', { configHash: hash('other') }],
  ])('%s is found by both sides', (code, difference) => {
    expect(incompatibility(status(), status(difference))?.code).toBe(code);
    expect(incompatibility(status(difference), status())?.code).toBe(code);
  });

  test('nodes with different heads are compatible', () => {
    expect(incompatibility(status(), status({ head: hash('x'), height: 9, weight: 1n, agent: 'z' }))).toBeNull();
  });

  test('the config hash does not depend on the order of settings, and depends on their values', () => {
    const params = (settings: Record<string, Json>): ChainParams => ({
      chainId: 1,
      genesisHash: hash('g'),
      forks: [{ fork: 'london', block: 0 }],
      engine: { name: 'pow', settings },
    });
    expect(configHash(params({ a: 1, b: { c: 2, d: 3 } }))).toBe(configHash(params({ b: { d: 3, c: 2 }, a: 1 })));
    expect(configHash(params({ a: 1 }))).not.toBe(configHash(params({ a: 2 })));
  });

  test('requests for headers survive encoding, and their bounds hold', () => {
    for (const request of [
      { locator: [hash('a'), hash('b')], limit: MAX_HEADERS },
      { from: 0, limit: 1 },
      { from: 2 ** 40, limit: 7 },
    ]) {
      expect(decodeHeadersRequest(encodeHeadersRequest(request))).toEqual(request);
    }
    expect(thrownBy(() => decodeHeadersRequest(encodeHeadersRequest({ from: 1, limit: MAX_HEADERS + 1 })))).toBe('decode/limit');
    expect(thrownBy(() => decodeHeadersRequest(encodeHeadersRequest({ from: 1, limit: 0 })))).toBe('decode/limit');
    const locator = Array.from({ length: MAX_LOCATOR_HASHES + 1 }, (_, i) => hash(String(i)));
    expect(thrownBy(() => decodeHeadersRequest(encodeHeadersRequest({ locator, limit: 1 })))).toBe('decode/too-many');
  });

  test('requests for blocks are bounded', () => {
    const hashes = Array.from({ length: MAX_BLOCK_HASHES }, (_, i) => hash(String(i)));
    expect(decodeHashes(encodeHashes(hashes))).toEqual(hashes);
    expect(thrownBy(() => decodeHashes(encodeHashes([...hashes, hash('more')])))).toBe('decode/too-many');
  });

  test('an answer is a list or the reason why there is none', () => {
    const items = [new Uint8Array(3), new Uint8Array(0)];
    expect(decodeResponse(encodeResponse(items), 'blocks', 2, 3)).toEqual(items);
    expect(thrownBy(() => decodeResponse(encodeResponse(items), 'blocks', 1, 3))).toBe('decode/too-many');
    expect(thrownBy(() => decodeResponse(encodeResponse(items), 'blocks', 2, 2))).toBe('decode/length');
    expect(thrownBy(() => decodeResponse(encodeRefusal('network/flood'), 'blocks', 1, 1))).toBe('network/refused');
  });

  test('transactions are packed into messages that every peer accepts, in order and without loss', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 131_072 }), { maxLength: 40 }), (sizes) => {
        const transactions = sizes.map((size, i) => new Uint8Array(size).fill(i));
        const batches = packTransactions(transactions, SALT);
        for (const { message } of batches) expect(message.length).toBeLessThanOrEqual(MAX_TRANSACTIONS_BYTES);
        expect(batches.flatMap(({ message }) => decodeTransactions(message)).map((bytes) => bytes.length)).toEqual(sizes);
        expect(batches.flatMap((batch) => batch.transactions)).toEqual(transactions);
        const total = sizes.reduce((sum, size) => sum + size, 0);
        expect(batches.length).toBeLessThanOrEqual(1 + (2 * total) / MAX_TRANSACTIONS_BYTES);
      }),
      { numRuns: 30 },
    );
  });

  test('transactions that are sent on again make another message, which gossip carries', () => {
    const pack = (salt: Uint8Array) => packTransactions([new Uint8Array(100)], salt)[0]?.message;
    const [first, again] = [pack(SALT), pack(Uint8Array.of(9))];
    expect(again).not.toEqual(first);
    expect(decodeTransactions(again ?? new Uint8Array())).toEqual(decodeTransactions(first ?? new Uint8Array()));
    expect(thrownBy(() => decodeTransactions(RLP.encode([new Uint8Array(9), []])))).toBe('decode/length');
    expect(thrownBy(() => decodeTransactions(RLP.encode([new Uint8Array(8)])))).toBe('decode/rlp');
  });

  test('arbitrary bytes give a DecodeError or a value, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        for (const decode of [decodeStatus, decodeHeadersRequest, decodeHashes, decodeTransactions]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(DecodeError);
          }
        }
      }),
    );
  });

  test('deep nesting is refused before it is decoded', () => {
    const nested = (depth: number, size: number): Uint8Array => {
      let bytes: Uint8Array = RLP.encode(new Uint8Array(size));
      for (let i = 0; i < depth; i++) bytes = prefixed(bytes);
      return bytes;
    };
    expect(thrownBy(() => decodeRlp(nested(3, 100), 'nested lists', 3))).toBe('nothing');
    expect(thrownBy(() => decodeRlp(nested(4, 100), 'nested lists', 3))).toBe('decode/too-deep');
    expect(thrownBy(() => decodeTransactions(nested(1_000, 200_000)))).toBe('decode/too-deep');
    expect(thrownBy(() => decodeRlp(Uint8Array.of(0xf8, 0xff), 'nested lists', 3))).toBe('decode/rlp');
    expect(thrownBy(() => decodeRlp(new Uint8Array(9).fill(0xff), 'nested lists', 3))).toBe('decode/rlp');
  });
});

/** The bytes as the only item of a list. */
function prefixed(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 56) return Uint8Array.of(0xc0 + bytes.length, ...bytes);
  const length = bytes.length.toString(16);
  const digits = Buffer.from(length.length % 2 === 0 ? length : `0${length}`, 'hex');
  return Buffer.concat([Uint8Array.of(0xf7 + digits.length), digits, bytes]);
}
