/** eth_simulateV1 and testing_buildBlockV1 below RPC: held against real execution, and each refusal by its code. */
import { beforeAll, describe, expect, it } from 'vitest';
import { EMPTY, fromHex, toHex } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import { Address, type Hash, type Hex, ZERO_HASH } from '../../src/base/types.ts';
import { hashHeader } from '../../src/chain/header.ts';
import type { AccountOverride, BlockOverrides } from '../../src/execution/call-types.ts';
import type { CallHost } from '../../src/execution/calls.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { Pacer } from '../../src/execution/pacer.ts';
import { runSimulation } from '../../src/execution/simulation.ts';
import type { SimulatedCall, SimulationRequest } from '../../src/execution/simulation-types.ts';
import { buildTestBlock } from '../../src/execution/test-block.ts';
import { ALICE, BENEFICIARY, BOB, CAROL, deployment, ETHER, GWEI, TestChain, transaction } from './support.ts';

const CONTRACT = Address(`0x${'c1'.repeat(20)}`);
const OTHER = Address(`0x${'c2'.repeat(20)}`);
const SHA256 = Address('0x0000000000000000000000000000000000000002');
const IDENTITY = Address('0x0000000000000000000000000000000000000004');
const GAS_CAP = 50_000_000n;

let chain: TestChain;
let host: CallHost;

beforeAll(async () => {
  chain = await TestChain.start();
  await chain.mine();
  host = {
    params: chain.params,
    source: chain.state,
    gasCap: GAS_CAP,
    randomness: ZERO_HASH,
    ancestorHash: () => undefined,
    pacer: new Pacer(),
  };
});

interface Plan {
  readonly overrides?: BlockOverrides;
  readonly accounts?: Readonly<Record<Address, AccountOverride>>;
  readonly calls?: readonly Partial<SimulatedCall>[];
}

function simulate(plans: readonly Plan[], options: Partial<SimulationRequest> = {}) {
  const blocks = plans.map(({ overrides = {}, accounts = {}, calls = [] }) => ({
    overrides,
    accounts: new Map(Object.entries(accounts) as [Address, AccountOverride][]),
    calls: calls.map((call) => ({ from: ALICE.address, to: BOB.address, data: EMPTY, value: 0n, ...call })),
  }));
  return runSimulation(host, { header: chain.head, blocks, validation: false, traceTransfers: false, blockReward: 0n, ...options });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  return error instanceof RuleError ? error.code : String(error);
}

const code = (hex: Hex): AccountOverride => ({ code: fromHex(hex) });

describe('a simulation', () => {
  it('with validation comes to the state of a real block', async () => {
    const fees = { maxFeePerGas: 100n * GWEI, maxPriorityFeePerGas: GWEI };
    const creation = deployment('0x6001600055');
    const real = await chain.build([
      transaction(ALICE, 0, BOB.address, { value: 5n * ETHER }),
      transaction(CAROL, 0, null, { gasLimit: 200_000n, data: creation }),
    ]);
    const { header } = real.block;
    const [simulated] = await simulate(
      [
        {
          overrides: { time: BigInt(header.timestamp), feeRecipient: BENEFICIARY, gasLimit: header.gasLimit },
          calls: [
            { value: 5n * ETHER, gas: 21_000n, ...fees },
            { from: CAROL.address, to: null, gas: 200_000n, data: fromHex(creation), ...fees },
          ],
        },
      ],
      { validation: true },
    );
    const { stateRoot, gasUsed, receiptsRoot, baseFeePerGas } = header;
    expect(simulated?.block.header).toMatchObject({ stateRoot, gasUsed, receiptsRoot, baseFeePerGas });
    expect(simulated?.calls.map(({ failure }) => failure)).toEqual([null, null]);
  });

  it('fills gaps between heights, each block on the one before it', async () => {
    const { number, timestamp } = chain.head;
    const blocks = await simulate([{ overrides: { number: BigInt(number + 3) } }, {}]);
    expect(blocks.map(({ block }) => [block.header.number, block.header.timestamp])).toEqual([
      [number + 1, timestamp + 12],
      [number + 2, timestamp + 24],
      [number + 3, timestamp + 36],
      [number + 4, timestamp + 48],
    ]);
    const parents = [chain.head, ...blocks.map(({ block }) => block.header)].map(hashHeader);
    expect(blocks.map(({ block }) => block.header.parentHash)).toEqual(parents.slice(0, -1));
  });

  it('keeps what its calls did for those that follow, and its own hashes for BLOCKHASH', async () => {
    // Returns the hash of the block before.
    const accounts = { [CONTRACT]: code('0x60014303405f5260205ff3') };
    const [first, second] = await simulate([
      { accounts, calls: [{ from: CAROL.address, value: ETHER }] },
      { calls: [{ from: BOB.address, value: 1_001n * ETHER - 1n }, { to: CONTRACT }] },
    ]);
    expect(second?.calls.map(({ failure }) => failure)).toEqual([null, null]);
    expect(toHex(second?.calls[1]?.returnData ?? EMPTY)).toBe(first && hashHeader(first.block.header));
  });

  it('reports transfers as logs among the others, but for those of frames that failed', async () => {
    // Logs nothing in particular, then calls OTHER with 1 wei.
    const forwards = code(`0x5f5fa05f5f5f5f600173${OTHER.slice(2)}5af100`);
    const plan = (other: AccountOverride) => [
      { accounts: { [CONTRACT]: { ...forwards, balance: 10n }, [OTHER]: other }, calls: [{ to: CONTRACT, value: 7n }] },
    ];
    const [good] = await simulate(plan({}), { traceTransfers: true });
    const sums = good?.calls[0]?.logs.map(({ topics, data, index }) => [topics.length, data === '0x' ? null : BigInt(data), index]);
    expect(sums).toEqual([
      [3, 7n, 0],
      [0, null, 1],
      [3, 1n, 2],
    ]);
    const [failing] = await simulate(plan(code('0x5f5ffd')), { traceTransfers: true });
    expect(failing?.calls[0]?.logs.map(({ index }) => index)).toEqual([0, 1]);
    const [silent] = await simulate(plan({}));
    expect(silent?.calls[0]?.logs).toHaveLength(1);
  });

  it('moves a precompile, and puts code in its place', async () => {
    const data = fromHex('0x0102');
    const accounts = { [SHA256]: { movePrecompileTo: OTHER }, [IDENTITY]: code('0x60aa5f5260205ff3') };
    const [block] = await simulate([
      {
        accounts,
        calls: [
          { to: SHA256, data },
          { to: OTHER, data },
          { to: IDENTITY, data },
        ],
      },
    ]);
    const returned = block?.calls.map(({ returnData }) => toHex(returnData));
    expect(returned?.[0]).toBe('0x');
    expect(returned?.[1]).toBe('0xa12871fee210fb8619291eaea194581cbd2531e4b23759d225f6806923f63222');
    expect(BigInt(returned?.[2] as Hex)).toBe(0xaan);
  });

  it('lets calls without a price go unpaid, and bills those that have one', async () => {
    const price = { maxFeePerGas: 3n * GWEI, maxPriorityFeePerGas: GWEI };
    const [free] = await simulate([{ overrides: { baseFeePerGas: GWEI }, calls: [{}] }]);
    expect(free?.calls[0]?.failure).toBeNull();
    const paid = [
      { overrides: { baseFeePerGas: GWEI, feeRecipient: OTHER }, calls: [price, { from: OTHER, to: BOB.address, value: 21_000n * GWEI }] },
    ];
    expect((await simulate(paid))[0]?.calls[1]?.failure).toBeNull();
  });

  it.each([
    ['simulate/block-number', [{ overrides: { number: 1n } }]],
    ['simulate/block-number', [{ overrides: { number: 9n } }, { overrides: { number: 9n } }]],
    ['simulate/timestamp', [{ overrides: { time: 1n } }]],
    ['simulate/limit', [{ overrides: { number: 300n } }]],
    ['simulate/limit', [{ overrides: { number: 2n ** 63n } }]],
    ['simulate/block-gas', [{ overrides: { gasLimit: 30_000n }, calls: [{ gas: 30_001n }] }]],
    ['tx/intrinsic-gas', [{ calls: [{ gas: 20_999n }] }]],
    ['tx/insufficient-funds', [{ calls: [{ from: OTHER, value: 1n }] }]],
    ['tx/initcode-too-large', [{ calls: [{ to: null, data: new Uint8Array(49_153) }] }]],
    ['tx/tip-above-fee', [{ calls: [{ maxFeePerGas: 1n, maxPriorityFeePerGas: 2n }] }]],
    ['call/precompile', [{ accounts: { [CONTRACT]: { movePrecompileTo: OTHER } } }]],
    ['call/precompile', [{ accounts: { [SHA256]: { movePrecompileTo: OTHER }, [OTHER]: {} } }]],
  ] as [string, Plan[]][])('is refused with %s', async (wanted, plans) => {
    expect(await codeOf(simulate(plans))).toBe(wanted);
  });

  it.each([
    ['tx/nonce-too-low', { nonce: 0n }, 4n],
    ['tx/nonce-too-high', { nonce: 5n }, 4n],
    ['tx/nonce-max', { nonce: 2n ** 64n - 1n }, 2n ** 64n - 1n],
    ['tx/fee-below-base', {}, 0n],
  ] as const)('with validation is refused with %s', async (wanted, call, nonce) => {
    const plans = [{ accounts: { [ALICE.address]: { nonce } }, calls: [call] }];
    expect(await codeOf(simulate(plans, { validation: true }))).toBe(wanted);
  });
});

describe('a block for tests', () => {
  const attributes = () => ({
    header: chain.head,
    timestamp: chain.head.timestamp + 2,
    beneficiary: BENEFICIARY,
    randomness: ZERO_HASH,
    beaconRoot: ZERO_HASH,
    withdrawals: [],
    extraData: '0x' as Hex,
    gasLimit: chain.head.gasLimit,
    lenient: false,
  });

  it('is the one that a real builder makes', async () => {
    const transactions = [transaction(ALICE, 0, BOB.address, { value: 1n }), transaction(ALICE, 1, CAROL.address)];
    const real = (await chain.build(transactions)).block.header;
    const { block, tips, requests } = await buildTestBlock(host, { ...attributes(), transactions });
    const { stateRoot, receiptsRoot, transactionsRoot, gasUsed, gasLimit, baseFeePerGas, requestsHash } = real;
    expect(block.header).toMatchObject({ stateRoot, receiptsRoot, transactionsRoot, gasUsed, gasLimit, baseFeePerGas, requestsHash });
    expect({ tips, requests }).toEqual({ tips: 42_000n * GWEI, requests: [] });
  });

  it('has what withdrawals bring, and commits to them', async () => {
    const withdrawals = [{ index: 1n, validatorIndex: 2n, address: OTHER, amountGwei: 3n }];
    const plain = await buildTestBlock(host, { ...attributes(), transactions: [] });
    const { block } = await buildTestBlock(host, { ...attributes(), withdrawals, transactions: [] });
    expect(block.header.withdrawalsRoot).not.toBe(plain.block.header.withdrawalsRoot);
    expect(block.header.stateRoot).not.toBe(plain.block.header.stateRoot);
  });

  it('is refused for a transaction that cannot come next, unless those are left out', async () => {
    const transactions = [transaction(ALICE, 7, BOB.address), transaction(BOB, 0, CAROL.address)];
    expect(await codeOf(buildTestBlock(host, { ...attributes(), transactions }))).toBe('tx/nonce-too-high');
    const { block } = await buildTestBlock(host, { ...attributes(), transactions, lenient: true });
    expect(block.transactions.map((bytes) => toHex(keccak256(bytes)) as Hash)).toHaveLength(1);
    expect(await codeOf(buildTestBlock(host, { ...attributes(), timestamp: chain.head.timestamp, transactions: [] }))).toBe(
      'block/timestamp',
    );
  });
});
