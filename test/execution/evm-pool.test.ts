import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Address, Hash, Hex } from '../../src/base/types.ts';
import { createdAddress } from '../../src/execution/block-run.ts';
import type { CallRequest } from '../../src/execution/call-types.ts';
import { DEFAULTS, EvmPool, type EvmPoolOptions } from '../../src/execution/evm-pool.ts';
import { DEFAULT_LIMITS } from '../../src/rpc/limits.ts';
import { ALICE, BOB, deployment, ETHER, GWEI, keyOf, RANDOMNESS, TestChain, transaction } from './support.ts';

const NOBODY = keyOf('nobody').address;
const word = (value: bigint | number) => value.toString(16).padStart(64, '0');

/** Runtime codes, by what they do. */
const CODES = {
  /** Returns slot 0. */
  readSlot: '0x60005460005260206000f3',
  /** Reverts with the word 0x2a. */
  revert: '0x602a60005260206000fd',
  /** JUMPDEST, PUSH1 0, JUMP. */
  loop: '0x5b600056',
  /** The hash of the block before the last. */
  blockHash: '0x60024303406000526020 6000f3'.replace(' ', ''),
  randomness: '0x4460005260206000f3',
  /** Reads slot 7, stores 1 in slot 5. */
  touch: '0x60075450600160055500',
  baseFee: '0x4860005260206000f3',
  /** Adds one to slot 0 and to transient slot 0, calls the address that it is given, and returns both sums. */
  count: '0x5f546001018060005580600052505f5c600101805f5d60205260006000600060006001600035611000f15060406000f3',
} satisfies Record<string, string>;

let chain: TestChain;
let pool: EvmPool;
const at = new Map<keyof typeof CODES, Address>();

function open(options: Partial<EvmPoolOptions> = {}): EvmPool {
  return new EvmPool({ params: chain.params, state: chain.state, headers: chain, randomness: () => RANDOMNESS, workers: 1, ...options });
}

function request(to: keyof typeof CODES | Address, fields: Partial<CallRequest> = {}): CallRequest {
  const address = at.get(to as keyof typeof CODES) ?? (to as Address);
  return { header: chain.head, from: NOBODY, to: address, data: new Uint8Array(0), value: 0n, ...fields };
}

/** More short calls than its threads take, until it is closed. */
function keepBusy(shared: EvmPool): void {
  const ask = (): Promise<void> =>
    shared
      .call(request('randomness', { gas: 100_000n }), 'busy')
      .then(ask, (error: { readonly code: string }) => (error.code === 'rpc/busy' ? ask() : undefined));
  for (let i = 0; i < 32; i++) void ask();
}

beforeAll(async () => {
  chain = await TestChain.start();
  const names = Object.keys(CODES) as (keyof typeof CODES)[];
  await chain.mine(...names.map((name, i) => transaction(ALICE, i, null, { data: deployment(CODES[name] as Hex), gasLimit: 200_000n })));
  for (const [i, name] of names.entries()) at.set(name, createdAddress(ALICE.address, BigInt(i)));
  await chain.mine();
  pool = open();
});

afterAll(() => pool.close());

describe('call', () => {
  it('reads state, with and without overrides', async () => {
    const slot = `0x${word(0)}` as Hash;
    const plain = await pool.call(request('readSlot'));
    expect(plain.failure).toBeNull();
    expect(toHex(plain.returnData)).toBe(`0x${word(0)}`);
    const stateOverrides = new Map([[at.get('readSlot') as Address, { stateDiff: new Map([[slot, `0x${word(77)}` as Hash]]) }]]);
    expect(toHex((await pool.call(request('readSlot', { stateOverrides }))).returnData)).toBe(`0x${word(77)}`);
    const state = new Map([[NOBODY, { code: fromHex(CODES.readSlot), state: new Map([[slot, `0x${word(9)}` as Hash]]) }]]);
    expect(toHex((await pool.call(request(NOBODY, { stateOverrides: state }))).returnData)).toBe(`0x${word(9)}`);
    // Nothing was kept of it.
    expect(toHex((await pool.call(request('readSlot'))).returnData)).toBe(`0x${word(0)}`);
  });

  it('gives what a revert returned', async () => {
    const { failure, returnData } = await pool.call(request('revert'));
    expect(failure).toEqual({ reverted: true, message: 'execution reverted' });
    expect(toHex(returnData)).toBe(`0x${word(0x2a)}`);
  });

  it('sees the block of its header', async () => {
    expect(toHex((await pool.call(request('blockHash'))).returnData)).toBe(chain.blocks[1]?.header.parentHash);
    expect(toHex((await pool.call(request('randomness'))).returnData)).toBe(RANDOMNESS);
    expect(toHex((await pool.call(request('baseFee'))).returnData)).toBe(`0x${word(0)}`);
    const priced = await pool.call(request('baseFee', { from: ALICE.address, gas: 100_000n, gasPrice: 2n * GWEI }));
    expect(toHex(priced.returnData)).toBe(`0x${word(chain.head.baseFeePerGas ?? 0n)}`);
  });

  it('leaves nothing behind for the next call on the same block', async () => {
    const first = await pool.call(request('count', { data: fromHex(`0x${word(0xdead)}`) }));
    expect(toHex(first.returnData)).toBe(`0x${word(1)}${word(1)}`);
    expect(await pool.call(request('count', { data: fromHex(`0x${word(0xdead)}`) }))).toEqual(first);
    const { accessList } = await pool.createAccessList(request('count', { data: fromHex(`0x${word(0xdead)}`) }));
    expect(accessList).toEqual([
      { address: at.get('count'), storageKeys: [`0x${word(0)}`] },
      { address: `0x${word(0xdead).slice(24)}`, storageKeys: [] },
    ]);
  });

  it('lets a contract be the sender', async () => {
    expect((await pool.call(request('randomness', { from: at.get('loop') as Address }))).failure).toBeNull();
  });

  it('runs out of gas where the limit is low', async () => {
    const { failure, gasUsed } = await pool.call(request('loop', { gas: 100_000n }));
    expect(failure).toEqual({ reverted: false, message: 'out of gas' });
    expect(gasUsed).toBe(100_000n);
  });

  it.each([
    ['0xfe', 'invalid opcode: INVALID'],
    ['0x0c', 'invalid opcode: opcode 0xc not defined'],
    ['0x600456', 'invalid jump destination'],
    ['0x600101', 'stack underflow (1 <=> 2)'],
    [`0x${'5f'.repeat(1_025)}`, 'stack limit reached 1024 (1023)'],
  ])('says as geth why a call fails: %#', async (code, message) => {
    const stateOverrides = new Map([[NOBODY, { code: fromHex(code) }]]);
    const { failure } = await pool.call(request(NOBODY, { stateOverrides }));
    expect(failure).toEqual({ reverted: false, message });
  });

  it.each([
    ['tx/insufficient-funds', { value: 1n }],
    ['tx/insufficient-funds', { gas: 50_000n, gasPrice: GWEI }],
    ['tx/intrinsic-gas', { gas: 20_999n }],
    ['tx/fee-below-base', { from: ALICE.address, gas: 50_000n, gasPrice: 1n }],
    ['tx/tip-above-fee', { maxFeePerGas: 1n, maxPriorityFeePerGas: 2n }],
    ['tx/initcode-too-large', { to: null, data: new Uint8Array(49_153) }],
    ['call/override', { blockOverrides: { number: 2n ** 60n } }],
  ])('refuses with %s', async (code, fields) => {
    await expect(pool.call(request('readSlot', fields as Partial<CallRequest>))).rejects.toMatchObject({ name: 'RuleError', code });
  });

  it('refuses a state that is not kept', async () => {
    const header = { ...chain.head, stateRoot: `0x${'ab'.repeat(32)}` as Hash };
    await expect(pool.call(request('readSlot', { header }))).rejects.toMatchObject({ code: 'state/missing' });
  });
});

describe('estimateGas', () => {
  it('knows a plain transfer', async () => {
    expect(await pool.estimateGas(request(BOB.address, { from: ALICE.address, value: ETHER }))).toMatchObject({
      gas: 21_000n,
      failure: null,
    });
  });

  it('gives a limit that suffices, and is not far above what does', async () => {
    const { gas } = await pool.estimateGas(request('touch'));
    expect((await pool.call(request('touch', { gas }))).failure).toBeNull();
    expect((await pool.call(request('touch', { gas: (gas * 98n) / 100n }))).failure).not.toBeNull();
  });

  it('says why a call fails with any limit', async () => {
    const reverted = await pool.estimateGas(request('revert'));
    expect(reverted.failure?.reverted).toBe(true);
    expect(toHex(reverted.returnData)).toBe(`0x${word(0x2a)}`);
    const endless = await pool.estimateGas(request('loop', { gas: 50_000n }));
    expect(endless.failure?.message).toBe('gas required exceeds allowance (50000)');
  });
});

describe('createAccessList', () => {
  it('lists the slots that are touched, and costs less with the list', async () => {
    const { accessList, gasUsed, failure } = await pool.createAccessList(request('touch'));
    expect(failure).toBeNull();
    expect(accessList).toEqual([{ address: at.get('touch'), storageKeys: [`0x${word(7)}`, `0x${word(5)}`] }]);
    expect((await pool.call(request('touch', { accessList }))).gasUsed).toBe(gasUsed);
  });
});

describe('createAccessList of a creation', () => {
  it('lists the contract for its slots only, since it is called anyhow', async () => {
    const create = (data: string) => pool.createAccessList({ ...request(NOBODY), to: null, data: fromHex(data) });
    expect((await create('0x00')).accessList).toEqual([]);
    const [{ storageKeys } = { storageKeys: [] }, ...others] = (await create('0x60015f5500')).accessList;
    expect([storageKeys, others]).toEqual([[`0x${word(0)}`], []]);
  });
});

describe('the pool', () => {
  it('kills an endless call and goes on with a new thread', async () => {
    const impatient = open({ timeoutMs: 1_000, gasCap: 10n ** 15n });
    try {
      await expect(impatient.call(request('loop'))).rejects.toMatchObject({ name: 'RuleError', code: 'evm/timeout' });
      expect((await impatient.call(request('randomness', { gas: 100_000n }))).failure).toBeNull();
    } finally {
      await impatient.close();
    }
  });

  it('answers short calls while long ones run, also those that were put behind them', async () => {
    const shared = open({ workers: 2, timeoutMs: 60_000, gasCap: 10n ** 15n });
    try {
      await shared.call(request('randomness', { gas: 100_000n }));
      const endless = shared.call(request('loop'));
      endless.catch(() => undefined);
      const short = Array.from({ length: 20 }, () => shared.call(request('randomness', { gas: 100_000n })));
      const answers = await Promise.all(short);
      expect(answers.map(({ returnData }) => toHex(returnData))).toEqual(Array(20).fill(RANDOMNESS));
      expect(shared.waiting).toBe(0);
    } finally {
      await shared.close();
    }
  });

  it.each([1, 2])('serves a light call while another client storms %i threads with endless ones', async (workers) => {
    const stormed = open({ workers, timeoutMs: 60_000, maxWaitMs: Number.POSITIVE_INFINITY, gasCap: 10n ** 15n });
    try {
      const ended: string[] = [];
      const storm = Array.from({ length: 6 }, () => stormed.call(request('loop'), 'stormer').catch(() => ended.push('endless')));
      const light = { ...request('randomness'), gas: 100_000n };
      for (const client of ['one', 'another']) {
        expect(toHex((await stormed.call(light, client)).returnData)).toBe(RANDOMNESS);
        expect(toHex((await stormed.estimateGas(light, client)).returnData)).toBe(RANDOMNESS);
      }
      expect(ended).toEqual([]);
      await stormed.close();
      await Promise.all(storm);
    } finally {
      await stormed.close();
    }
  });

  it('lets calls that gave way come to their end', async () => {
    const shared = open({ workers: 2, timeoutMs: 60_000, maxWaitMs: Number.POSITIVE_INFINITY, gasCap: 10n ** 15n });
    try {
      // Hundreds of milliseconds each.
      const long = Array.from({ length: 5 }, (_, i) => shared.call(request('loop', { gas: 1_000_000n }), `long ${i % 2}`));
      const short = Array.from({ length: 20 }, () => shared.call(request('randomness', { gas: 100_000n }), 'short'));
      expect((await Promise.all(long)).map(({ failure }) => failure?.message)).toEqual(Array(5).fill('out of gas'));
      expect((await Promise.all(short)).map(({ returnData }) => toHex(returnData))).toEqual(Array(20).fill(RANDOMNESS));
    } finally {
      await shared.close();
    }
  });

  it('lets them come to their end also where short calls never cease', async ({ signal }) => {
    const shared = open({ workers: 2, timeoutMs: 60_000, maxWaitMs: Number.POSITIVE_INFINITY, gasCap: 10n ** 15n });
    signal.addEventListener('abort', () => shared.close());
    try {
      keepBusy(shared);
      const long = Array.from({ length: 3 }, (_, i) => shared.call(request('loop', { gas: 1_000_000n }), `long ${i}`));
      expect((await Promise.all(long)).map(({ failure }) => failure?.message)).toEqual(Array(3).fill('out of gas'));
    } finally {
      await shared.close();
    }
  });

  it('drops them when nobody waits for them any more, also where short calls never cease', async ({ signal }) => {
    const shared = open({ timeoutMs: 60_000, maxWaitMs: 1_000, gasCap: 10n ** 15n });
    signal.addEventListener('abort', () => shared.close());
    try {
      await shared.call(request('randomness', { gas: 100_000n }));
      const endless = shared.call(request('loop'), 'long');
      keepBusy(shared);
      await expect(endless).rejects.toMatchObject({ code: 'rpc/busy' });
    } finally {
      await shared.close();
    }
  });

  it('gives one who has most of the queue no more of it while others ask', async () => {
    const small = open({ depth: 1, maxQueued: 3, gasCap: 10n ** 15n });
    const outcome = (call: Promise<unknown>) => call.then(() => 'answered').catch((error: { readonly code: string }) => error.code);
    const greedy = [1, 2, 3, 4].map(() => outcome(small.call(request('loop'), 'greedy')));
    const modest = outcome(small.call(request('randomness', { gas: 100_000n }), 'modest'));
    expect(await greedy[3]).toBe('rpc/busy');
    expect(await modest).toBe('answered');
    await small.close();
    expect(await Promise.all(greedy)).toEqual(['evm/closed', 'evm/closed', 'evm/closed', 'rpc/busy']);
  });

  it('does not begin what nobody waits for any more', async () => {
    expect(DEFAULTS.maxWaitMs).toBe(DEFAULT_LIMITS.requestTimeoutMs);
    const forgetful = open({ depth: 1, maxWaitMs: 0, gasCap: 10n ** 15n });
    await expect(forgetful.call(request('randomness'))).rejects.toMatchObject({ code: 'rpc/busy' });
    await forgetful.close();
  });

  it('loses nothing that stood behind a call that is killed', async () => {
    const impatient = open({ timeoutMs: 500, gasCap: 10n ** 15n });
    try {
      const calls = ['randomness', 'loop', 'randomness', 'loop', 'blockHash'] as const;
      const outcomes = await Promise.allSettled(calls.map((name) => impatient.call(request(name))));
      expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : toHex(outcome.value.returnData)))).toEqual([
        RANDOMNESS,
        'evm/timeout',
        RANDOMNESS,
        'evm/timeout',
        chain.blocks[1]?.header.parentHash,
      ]);
    } finally {
      await impatient.close();
    }
  });

  it('refuses what does not fit its queue, and everything once it is closed', async () => {
    const small = open({ depth: 1, maxQueued: 2, gasCap: 10n ** 15n });
    const running = [1, 2, 3].map(() => small.call(request('loop')));
    const outcomes = Promise.allSettled(running);
    await expect(small.call(request('randomness'))).rejects.toMatchObject({ code: 'rpc/busy' });
    await small.close();
    expect((await outcomes).map((outcome) => (outcome.status === 'rejected' ? outcome.reason.code : 'fulfilled'))).toEqual(
      Array(3).fill('evm/closed'),
    );
    await expect(small.call(request('randomness'))).rejects.toMatchObject({ code: 'evm/closed' });
  });

  it('fails the call, not the pool, when the store has a hole', async () => {
    const hole = await TestChain.start();
    await hole.mine(transaction(ALICE, 0, null, { data: deployment(CODES.readSlot as Hex), gasLimit: 200_000n }));
    const broken = new EvmPool({ params: hole.params, state: hole.state, headers: hole, randomness: () => RANDOMNESS, workers: 1 });
    try {
      const [code] = [...hole.state.codes.keys()];
      hole.state.codes.delete(code as Hash);
      const to = createdAddress(ALICE.address, 0n);
      const asked = { header: hole.head, from: NOBODY, to, data: new Uint8Array(0), value: 0n };
      await expect(broken.call(asked)).rejects.toMatchObject({ name: 'InternalError', code: 'evm/failed' });
      expect((await broken.call({ ...asked, to: BOB.address })).failure).toBeNull();
    } finally {
      await broken.close();
    }
  });
});
