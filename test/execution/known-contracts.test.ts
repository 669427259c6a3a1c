/**
 * The calls that blocks make by themselves, with and without the EVM. One more byte behind the code, which is never reached,
 * makes it a code that nobody knows: so two chains of the same blocks, one with each, must keep the same.
 */
import { describe, expect, it } from 'vitest';
import { type Address, Hash } from '../../src/base/types.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { StateReader } from '../../src/execution/state-reader.ts';
import { BEACON_ROOTS, BLOCK_HASHES, CONSOLIDATION_REQUESTS, WITHDRAWAL_REQUESTS } from '../../src/execution/system-contracts.ts';
import { ALICE, genesisDocument, TestChain, transaction } from './support.ts';

const CONTRACTS = [BEACON_ROOTS, BLOCK_HASHES, WITHDRAWAL_REQUESTS, CONSOLIDATION_REQUESTS];
const { alloc } = builtInGenesis('raft') as { readonly alloc: { readonly [address: Address]: { readonly code: string } } };
const codeOf = (contract: Address) => alloc[contract]?.code;

function startWith(suffix: string): Promise<TestChain> {
  const contracts = CONTRACTS.map((contract) => [contract, { balance: '0', code: `${codeOf(contract)}${suffix}` }]);
  return TestChain.start(genesisDocument(Object.fromEntries(contracts)));
}

/** What each contract keeps. */
function kept({ state, head }: TestChain): (string | undefined)[] {
  const reader = new StateReader(state);
  return CONTRACTS.map((contract) => reader.account(head, contract)?.storageRoot);
}

describe('the contracts that blocks call', () => {
  it('keep the same without the EVM, round the ring of times as well', async () => {
    const [known, unknown] = [await startWith(''), await startWith('00')];
    for (const step of [1, 2, 8_191, 1, 12, 8_190, 16_382]) {
      const timestamp = known.head.timestamp + step;
      for (const chain of [known, unknown]) {
        const { block, execution } = await chain.build([], { fields: { timestamp } });
        chain.append(block, execution);
      }
      // The parents' hashes differ with the codes, so the ring of hashes is compared by itself below.
      const [ours, theirs] = [kept(known), kept(unknown)];
      expect([ours[0], ours[2], ours[3]]).toEqual([theirs[0], theirs[2], theirs[3]]);
    }
    const reader = new StateReader(known.state);
    for (const { header } of known.blocks.slice(1)) {
      const slot = `0x${(header.number - 1).toString(16).padStart(64, '0')}`;
      expect(reader.storage(known.head, BLOCK_HASHES, Hash(slot))).toBe(header.parentHash);
    }
  });

  it('answer requests, and are empty again after them', async () => {
    const [known, unknown] = [await startWith(''), await startWith('00')];
    // EIP-7002: a validator's key and an amount, for a fee of 1 wei; EIP-7251: two keys.
    const requests = [
      transaction(ALICE, 0, WITHDRAWAL_REQUESTS, { data: `0x${'ab'.repeat(56)}`, value: 1n, gasLimit: 300_000n }),
      transaction(ALICE, 1, CONSOLIDATION_REQUESTS, { data: `0x${'cd'.repeat(96)}`, value: 1n, gasLimit: 300_000n }),
    ];
    const hashes: (string | undefined)[] = [];
    for (const transactions of [[], requests, [], []]) {
      for (const chain of [known, unknown]) await chain.mine(...transactions);
      expect(known.head.requestsHash).toBe(unknown.head.requestsHash);
      expect(kept(known).slice(2)).toEqual(kept(unknown).slice(2));
      hashes.push(known.head.requestsHash);
    }
    expect(new Set(hashes).size).toBe(2);
    expect(hashes[1]).not.toBe(hashes[0]);
    expect(hashes[2]).toBe(hashes[0]);
  });
});
