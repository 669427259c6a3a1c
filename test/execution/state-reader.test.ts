import { describe, expect, it } from 'vitest';
import type { Address, Hash } from '../../src/base/types.ts';
import { StateReader } from '../../src/execution/state-reader.ts';
import type { StateSource } from '../../src/execution/types.ts';
import { ALICE, BOB, keyOf, TestChain, transaction } from './support.ts';

/** How many nodes were read of a state. */
function counted(source: StateSource): { readonly source: StateSource; readonly reads: () => number } {
  let reads = 0;
  const node = (hash: Hash) => {
    reads++;
    return source.node(hash);
  };
  return { source: { node, code: (hash) => source.code(hash) }, reads: () => reads };
}

describe('reads of a state', () => {
  it('are not repeated while the state is the same, and never mixed with those of another', async () => {
    const chain = await TestChain.start();
    const before = chain.head;
    await chain.mine(transaction(ALICE, 0, BOB.address, { value: 1_000n }));
    const { source, reads } = counted(chain.state);
    const reader = new StateReader(source);
    const nonce = (header: typeof before, address: Address = ALICE.address) => reader.account(header, address)?.nonce;
    expect(nonce(chain.head)).toBe(1n);
    const first = reads();
    expect([nonce(chain.head), reads()]).toEqual([1n, first]);
    // An absent account is known to be absent.
    expect(nonce(chain.head, keyOf('nobody').address)).toBeUndefined();
    const second = reads();
    expect([nonce(chain.head, keyOf('nobody').address), reads()]).toEqual([undefined, second]);
    expect([nonce(before), nonce(chain.head), nonce(before)]).toEqual([0n, 1n, 0n]);
  });

  it('hold for many accounts, more than are kept of their tries', async () => {
    const chain = await TestChain.start();
    const reader = new StateReader(chain.state);
    const address = (index: number) => `0x${index.toString(16).padStart(40, '0')}` as Address;
    for (let index = 1_000_000; index < 1_004_500; index++) expect(reader.account(chain.head, address(index))).toBeUndefined();
    expect(reader.account(chain.head, ALICE.address)?.nonce).toBe(0n);
    expect(reader.storage(chain.head, ALICE.address, `0x${'00'.repeat(32)}` as Hash)).toBe(`0x${'00'.repeat(32)}`);
  });
});
