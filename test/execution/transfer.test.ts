/** A transfer without the EVM must be what the EVM makes of it: same gas, same state root, same new nodes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import { Address, type Hash, ZERO_ADDRESS, ZERO_HASH } from '../../src/base/types.ts';
import { EMPTY_TRIE_ROOT } from '../../src/chain/header.ts';
import type { Fork } from '../../src/chain/params.ts';
import { EMPTY_ACCOUNT } from '../../src/execution/account.ts';
import { admit } from '../../src/execution/admission.ts';
import { runInEvm } from '../../src/execution/block-run.ts';
import { type BlockContext, openEnvironment } from '../../src/execution/environment.ts';
import { Pacer } from '../../src/execution/pacer.ts';
import { WorldState } from '../../src/execution/state.ts';
import { SYSTEM_ADDRESS } from '../../src/execution/system-contracts.ts';
import { decodeTransaction, type Tx } from '../../src/execution/transaction.ts';
import { executeTransfer, isPlainTransfer } from '../../src/execution/transfer.ts';
import { ALICE, BOB, CHAIN_ID, ETHER, GWEI, keyOf, MemoryState, RANDOMNESS, sign } from './support.ts';

const DELEGATED = keyOf('delegated');
const POOR = keyOf('poor');
const EMPTY = Address(`0x${'e0'.repeat(20)}`);
const CONTRACT = Address(`0x${'cc'.repeat(20)}`);
const FRESH = Address(`0x${'f5'.repeat(20)}`);
const precompile = (number: number) => Address(`0x${number.toString(16).padStart(40, '0')}`);
const SENDERS = [ALICE, BOB, DELEGATED, POOR];
const RECIPIENTS = [
  ALICE.address,
  BOB.address,
  DELEGATED.address,
  EMPTY,
  FRESH,
  CONTRACT,
  SYSTEM_ADDRESS,
  ZERO_ADDRESS,
  ...[1, 2, 3, 4, 9, 0x11, 0x100, 0x101].map(precompile),
];
const FORKS: readonly Fork[] = ['byzantium', 'istanbul', 'berlin', 'london', 'shanghai', 'cancun', 'prague', 'osaka'];

/** What every run starts from: rich and poor accounts, one that delegates, a contract, and one that is there and empty. */
async function prestate(): Promise<{ root: Hash; source: MemoryState }> {
  const source = new MemoryState();
  const state = new WorldState(source, EMPTY_TRIE_ROOT);
  for (const { address } of [ALICE, BOB, DELEGATED]) state.setAccount(address, { ...EMPTY_ACCOUNT, balance: ETHER });
  state.setAccount(POOR.address, { ...EMPTY_ACCOUNT, balance: 60_000n * 20n * GWEI });
  state.setAccount(EMPTY, EMPTY_ACCOUNT);
  state.setCode(DELEGATED.address, concatBytes(fromHex('0xef0100'), fromHex(CONTRACT)));
  // Counts its calls in slot 0.
  state.setCode(CONTRACT, fromHex('0x60016000540160005500'));
  const change = await state.finish();
  source.write(change);
  return { root: change.root, source };
}

const plan = fc.record({
  fork: fc.constantFrom(...FORKS),
  beneficiary: fc.constantFrom(ALICE.address, BOB.address, EMPTY, FRESH, POOR.address),
  baseFee: fc.constantFrom(0n, 7n, GWEI),
  transfers: fc.array(
    fc.record({
      type: fc.constantFrom(0, 1, 2),
      sender: fc.constantFrom(...SENDERS),
      to: fc.oneof(fc.constantFrom(...RECIPIENTS), fc.constant('self' as const)),
      value: fc.constantFrom(0n, 0n, 1n, 10n ** 15n),
      tip: fc.constantFrom(0n, 1n, GWEI),
      extraGas: fc.constantFrom(0n, 1n, 50_000n),
      data: fc.uint8Array({ maxLength: 80 }).map((bytes) => bytes.map((byte) => (byte < 100 ? 0 : byte))),
      keys: fc.array(fc.nat({ max: 3 }), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
});
type Plan = typeof plan extends fc.Arbitrary<infer Value> ? Value : never;

function transactionsOf({ fork, baseFee, transfers }: Plan): Tx[] {
  const typesAllowed = { byzantium: 0, istanbul: 0, berlin: 1 } as Partial<Record<Fork, number>>;
  const nonces = new Map<string, number>();
  return transfers.flatMap(({ type: wanted, sender, to, value, tip, extraGas, data, keys }) => {
    const type = Math.min(wanted, typesAllowed[fork] ?? 2);
    const nonce = nonces.get(sender.address) ?? 0;
    nonces.set(sender.address, nonce + 1);
    const fees = type === 2 ? { maxFeePerGas: baseFee * 2n + tip, maxPriorityFeePerGas: tip } : { gasPrice: baseFee + tip };
    const accessList = [{ address: CONTRACT, storageKeys: keys.map((key) => `0x${key.toString().padStart(64, '0')}` as const) }];
    const least = 21_000n + 2_400n + 1_900n * BigInt(keys.length) + BigInt(data.length) * (fork === 'byzantium' ? 68n : 40n);
    const body = { type, nonce, gasLimit: least + extraGas, to: to === 'self' ? sender.address : to, value, data, ...fees };
    const bytes = sign({ ...body, ...(type > 0 && { accessList }) }, sender);
    return decodeTransaction(bytes, { chainId: CHAIN_ID, forks: [{ fork, block: 0 }] });
  });
}

async function execute({ fork, beneficiary, baseFee }: Plan, transactions: readonly Tx[], fast: boolean) {
  const { root, source } = await prestate();
  const state = new WorldState(source, root);
  const params = { chainId: CHAIN_ID, forks: [{ fork, block: 0 }] };
  const context: BlockContext = {
    parentHash: ZERO_HASH,
    number: 1,
    timestamp: 10,
    beneficiary,
    gasLimit: 30_000_000n,
    difficulty: 1n,
    parentBeaconBlockRoot: ZERO_HASH,
    ...(FORKS.indexOf(fork) >= FORKS.indexOf('london') && { baseFeePerGas: baseFee }),
  };
  const pacer = new Pacer();
  const environment = await openEnvironment({ params, context, randomness: RANDOMNESS, state, ancestorHash: () => undefined, pacer });
  const outcomes: unknown[] = [];
  let gasUsed = 0n;
  let plain = 0;
  for (const tx of transactions) {
    try {
      admit(tx, { state, context, fork, gasUsed });
    } catch (error) {
      outcomes.push(error instanceof RuleError ? error.code : error);
      continue;
    }
    if (isPlainTransfer(tx, state)) plain++;
    const outcome =
      fast && isPlainTransfer(tx, state)
        ? { success: true, gasUsed: executeTransfer(tx, state, context, fork), logs: [] }
        : await runInEvm(tx, environment, gasUsed);
    gasUsed += outcome.gasUsed;
    outcomes.push(outcome);
  }
  const change = await state.finish();
  return { outcomes, plain, root: change.root, nodes: [...change.nodes.keys()].sort() };
}

describe('a plain transfer', () => {
  it('leaves the state that the EVM leaves', async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(plan, async (drawn) => {
        const transactions = transactionsOf(drawn);
        const fast = await execute(drawn, transactions, true);
        expect(fast).toEqual(await execute(drawn, transactions, false));
        compared += fast.plain;
      }),
      { numRuns: 120 },
    );
    // The property would hold of nothing as well.
    expect(compared).toBeGreaterThan(50);
  });

  it.each([
    ['a precompile', precompile(1)],
    ['the newest precompile', precompile(0x100)],
    ['a contract', CONTRACT],
    ['an account that delegates', DELEGATED.address],
  ])('is not one to %s', async (_, to) => {
    const { root, source } = await prestate();
    const state = new WorldState(source, root);
    const params = { chainId: CHAIN_ID, forks: [{ fork: 'osaka' as const, block: 0 }] };
    const tx = decodeTransaction(sign({ type: 0, nonce: 0, gasLimit: 21_000n, gasPrice: GWEI, to, value: 1n }, ALICE), params);
    expect(isPlainTransfer(tx, state)).toBe(false);
  });
});
