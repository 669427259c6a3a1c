/** Roots and blooms against the library's. */
import { MerklePatriciaTrie } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import { Bloom, encodeReceipt as libraryReceipt } from '@ethereumjs/vm';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { Address, type Hash } from '../../src/base/types.ts';
import { EMPTY_BLOOM, EMPTY_TRIE_ROOT } from '../../src/chain/header.ts';
import { encodeReceipt, logsBloom, receiptsRoot, transactionsRoot } from '../../src/execution/roots.ts';
import type { Log, Receipt } from '../../src/execution/types.ts';

function receipt(type: number, logs: readonly Log[], success = true): Receipt {
  return { type, success, gasUsed: 21_000n, cumulativeGasUsed: 63_000n, logs, contractAddress: null };
}

const log = (seed: number, topics: number): Log => ({
  address: Address(`0x${seed.toString(16).padStart(40, '1')}`),
  topics: Array.from({ length: topics }, (_, i) => `0x${(seed * 5 + i).toString(16).padStart(64, '0')}` as Hash),
  data: seed % 2 === 0 ? '0x' : '0x0102',
});

describe('roots', () => {
  // Indices change their length in RLP at 128 and 256.
  it.each([0, 1, 2, 127, 128, 129, 257])('of %i items are those of the reference', async (count) => {
    const items = Array.from({ length: count }, (_, i) => new Uint8Array(1 + (i % 60)).fill(i + 1));
    const reference = new MerklePatriciaTrie();
    for (const [index, item] of items.entries()) await reference.put(RLP.encode(index), item);
    expect(transactionsRoot(items)).toBe(toHex(reference.root()));
    if (count === 0) expect(receiptsRoot([])).toBe(EMPTY_TRIE_ROOT);
  });

  it.each([
    ['without logs', receipt(0, [])],
    ['that failed', receipt(2, [], false)],
    ['with logs', receipt(0, [log(1, 0), log(2, 4)])],
    ['of type 4', receipt(4, [log(3, 2)])],
  ])('encode a receipt %s as the library does', (_, ours) => {
    const theirs = {
      status: ours.success ? (1 as const) : (0 as const),
      cumulativeBlockGasUsed: ours.cumulativeGasUsed,
      bitvector: fromHex(logsBloom([ours])),
      logs: ours.logs.map(({ address, topics, data }): [Uint8Array, Uint8Array[], Uint8Array] => [
        fromHex(address),
        topics.map(fromHex),
        fromHex(data),
      ]),
    };
    expect(encodeReceipt(ours)).toEqual(libraryReceipt(theirs, ours.type as 0));
  });

  it('collect the addresses and topics of all logs in one bloom', () => {
    const logs = [log(1, 3), log(9, 1)];
    const reference = new Bloom();
    for (const { address, topics } of logs) for (const item of [address, ...topics]) reference.add(fromHex(item));
    expect(logsBloom(logs.map((each) => receipt(0, [each])))).toBe(toHex(reference.bitvector));
    expect(logsBloom([])).toBe(EMPTY_BLOOM);
  });
});
