import { describe, expect, it } from 'vitest';
import { type Hash, ZERO_HASH } from '../../src/base/types.ts';
import { decodeProvenBlock, encodeProvenBlock, MAX_CERTIFICATE_BYTES } from '../../src/chain/block.ts';
import { hashHeader } from '../../src/chain/header.ts';
import { HEADERS_PER_REQUEST, MAX_LOCATOR_HASHES } from '../../src/sync/limits.ts';
import { locatorOf } from '../../src/sync/locator.ts';
import { serveBlocks, serveHeaders } from '../../src/sync/serve.ts';
import { blockBytes } from '../../src/sync/size.ts';
import { branchOn, FakeChain, GENESIS } from './fake-chain.ts';
import { at } from './world.ts';

const BLOCKS = branchOn(GENESIS, 700);
const CHAIN = new FakeChain(BLOCKS);
const hashes = BLOCKS.map(({ header }) => hashHeader(header));
const numbers = (headers: readonly { header: { number: number } }[]): number[] => headers.map(({ header }) => header.number);

describe('sync/locator', () => {
  it('begins at the head, ends at genesis, and stays short', () => {
    const locator = locatorOf(CHAIN);
    expect(locator[0]).toBe(CHAIN.head.hash);
    expect(locator.at(-1)).toBe(CHAIN.genesis.hash);
    expect(locator.length).toBeLessThan(20);
    expect(locator.slice(0, 10)).toEqual(hashes.slice(-10).reverse());
    expect(locatorOf(new FakeChain())).toEqual([CHAIN.genesis.hash]);
  });
});

describe('sync/serve: headers', () => {
  it('continues after the first canonical hash of the locator', () => {
    const stale = new FakeChain([...BLOCKS.slice(0, 20), ...branchOn(at(BLOCKS, 19), 3, { branch: 1 })]);
    const headers = serveHeaders(CHAIN, locatorOf(stale), 5);
    expect(numbers(headers)).toEqual([21, 22, 23, 24, 25]);
  });

  it('starts after genesis when it knows none of the hashes, and serves nothing after its head', () => {
    expect(numbers(serveHeaders(CHAIN, [ZERO_HASH], 2))).toEqual([1, 2]);
    expect(numbers(serveHeaders(CHAIN, [], 1))).toEqual([1]);
    expect(serveHeaders(CHAIN, [CHAIN.head.hash], 5)).toEqual([]);
    expect(numbers(serveHeaders(CHAIN, [at(hashes, 697)], 5))).toEqual([699, 700]);
  });

  it('does not continue after a stored hash that is not canonical', () => {
    const chain = new FakeChain(BLOCKS.slice(0, 5));
    const side = chain.insert(at(branchOn(GENESIS, 1, { branch: 1 }), 0));
    expect(numbers(serveHeaders(chain, [side.hash, at(hashes, 2)], 1))).toEqual([4]);
  });

  it.each([0, -1, 1.5, HEADERS_PER_REQUEST + 1, Number.NaN])('refuses a limit of %d', (limit) => {
    expect(() => serveHeaders(CHAIN, [], limit)).toThrow(expect.objectContaining({ code: 'sync/headers-limit' }));
  });

  it('refuses a locator that is too long', () => {
    const locator: Hash[] = Array(MAX_LOCATOR_HASHES + 1).fill(ZERO_HASH);
    expect(() => serveHeaders(CHAIN, locator, 1)).toThrow(expect.objectContaining({ code: 'sync/locator-size' }));
  });
});

describe('sync/serve: blocks', () => {
  const served = (chain: FakeChain) => ({ block: (hash: Hash) => chain.block(hash), certificate: () => undefined });

  it('gives the blocks it has, in the order of the request, each once', () => {
    expect(numbers(serveBlocks(served(CHAIN), [at(hashes, 4), ZERO_HASH, at(hashes, 1), at(hashes, 4)]))).toEqual([5, 2]);
  });

  it('stops at the size of a reply, but always gives one', () => {
    const fat = branchOn(GENESIS, 4, { transactions: [new Uint8Array(3_000_000)] });
    const chain = new FakeChain(fat);
    const wanted = fat.map(({ header }) => hashHeader(header));
    expect(numbers(serveBlocks(served(chain), wanted))).toEqual([1]);
    const huge = new FakeChain(branchOn(GENESIS, 1, { transactions: [new Uint8Array(7_000_000)] }));
    expect(serveBlocks(served(huge), [huge.head.hash]).length).toBe(1);
  });

  it('gives the certificate of a block that has one', () => {
    const certificate = Uint8Array.of(1, 2, 3);
    const chain = { ...served(CHAIN), certificate: (hash: Hash) => (hash === at(hashes, 1) ? certificate : undefined) };
    expect(serveBlocks(chain, [at(hashes, 0), at(hashes, 1)]).map((block) => block.certificate)).toEqual([null, certificate]);
  });

  it('gives no certificate that is too large to be taken, and counts the others', () => {
    const certificateOf = (bytes: number) => ({ ...served(CHAIN), certificate: () => new Uint8Array(bytes) });
    const [block] = serveBlocks(certificateOf(MAX_CERTIFICATE_BYTES + 1), hashes.slice(0, 1));
    expect(block?.certificate).toBeNull();
    const some = serveBlocks(certificateOf(MAX_CERTIFICATE_BYTES), hashes.slice(0, 32));
    expect(some.every((each) => decodeProvenBlock(encodeProvenBlock(each)).certificate?.length === MAX_CERTIFICATE_BYTES)).toBe(true);
    expect(some.reduce((sum, each) => sum + blockBytes(each), 0)).toBeGreaterThan(32 * MAX_CERTIFICATE_BYTES);
  });

  it('refuses too many hashes', () => {
    expect(() => serveBlocks(served(CHAIN), hashes.slice(0, 33))).toThrow(expect.objectContaining({ code: 'sync/blocks-limit' }));
  });
});
