import { getOpcodesForHF } from '@ethereumjs/evm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Address } from '../../../src/base/types.ts';
import { commonFor } from '../../../src/execution/common.ts';
import { opName, stackEffect } from '../../../src/execution/tracing/opcodes.ts';
import type { PrestateOptions } from '../../../src/execution/tracing/prestate-tracer.ts';
import type { TracerSpec } from '../../../src/execution/tracing/tracers.ts';
import { ALICE, BENEFICIARY, BOB, CHAIN_ID, keyOf } from '../support.ts';
import { at, CALLS, GAS, TracedChain, word } from './contracts.ts';

let traced: TracedChain;

beforeAll(async () => {
  traced = await TracedChain.start();
});

function prestate(options: Partial<PrestateOptions> = {}): TracerSpec {
  const none = { diffMode: false, disableCode: false, disableStorage: false, includeEmpty: false };
  return { name: 'prestateTracer', options: { ...none, ...options } };
}

const FLAT: TracerSpec = { name: 'flatCallTracer', options: { convertParityErrors: true, includePrecompiles: false, parity: true } };

describe('prestateTracer', () => {
  it('shows what was touched as it was before', async () => {
    const state = await traced.trace(traced.transaction('leaf'), prestate());
    expect(Object.keys(state).sort()).toEqual([ALICE.address, BENEFICIARY, at('leaf')].sort());
    expect(state[at('leaf')]).toEqual({
      balance: '0x0',
      code: expect.stringMatching(/^0x6007/),
      codeHash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      nonce: 1,
      storage: { [word(1)]: word(0) },
    });
  });

  it('shows what changed, before and after', async () => {
    const { pre, post } = await traced.trace(traced.transaction('leaf'), prestate({ diffMode: true }));
    expect(post[at('leaf')]).toEqual({ balance: '0xa', storage: { [word(1)]: word(7) } });
    expect(pre[at('leaf')]).not.toHaveProperty('storage');
    expect(post[ALICE.address].nonce).toBe(pre[ALICE.address].nonce + 1);
  });

  it('leaves out code and storage on demand, and shows accounts that were not there', async () => {
    const bare = await traced.trace(traced.transaction('leaf'), prestate({ disableCode: true, disableStorage: true }));
    expect(bare[at('leaf')]).toEqual({ balance: '0x0', codeHash: expect.any(String), nonce: 1 });
    const nobody = keyOf('nobody').address;
    const call = traced.call('leaf', { from: nobody });
    expect(await traced.trace(call, prestate())).not.toHaveProperty(nobody);
    expect(await traced.trace(call, prestate({ includeEmpty: true }))).toHaveProperty(nobody, { balance: '0x0' });
  });

  it('meets created contracts and beneficiaries', async () => {
    const { pre, post } = await traced.trace(traced.transaction('maker'), prestate({ diffMode: true }));
    const made = (Object.keys(post) as Address[]).filter((address) => pre[address] === undefined);
    expect(made.map((address) => post[address])).toEqual([
      { code: '0x00', codeHash: expect.any(String), nonce: 1 },
      { code: '0x00', codeHash: expect.any(String), nonce: 1 },
    ]);
    const destroyed = await traced.trace(traced.transaction('destroyer'), prestate());
    expect(destroyed).toHaveProperty(BOB.address);
  });
});

describe('the flat tracers', () => {
  it('number frames by their place, and count the gas of the outermost as Parity does', async () => {
    const traces = await traced.trace(traced.transaction('caller'), FLAT);
    expect(traces.map(({ traceAddress }: { traceAddress: number[] }) => traceAddress)).toEqual([[], [0], [1], [2], [3]]);
    expect(traces[0]).toMatchObject({
      action: { callType: 'call', gas: `0x${(GAS - 21_000n).toString(16)}`, value: '0xa' },
      subtraces: 4,
      blockNumber: 2,
      transactionPosition: 2,
    });
    expect(traces[3]).toMatchObject({ action: { callType: 'staticcall' }, error: 'Out of gas', result: null });
    expect(traces[4]).toMatchObject({ error: 'Reverted', result: null });
  });

  it('give creations and destructions forms of their own', async () => {
    const [, create] = await traced.trace(traced.transaction('maker'), FLAT);
    expect(create).toMatchObject({ type: 'create', action: { init: '0x60015ff3', creationMethod: 'create' }, result: { code: '0x00' } });
    const [, suicide] = await traced.trace(traced.transaction('destroyer'), FLAT);
    expect(suicide).toMatchObject({
      type: 'suicide',
      action: { address: at('destroyer'), balance: '0xa', refundAddress: BOB.address },
      result: null,
    });
    const block = traced.block(2);
    const all = await traced.trace(
      { kind: 'block', block: { ...block, transactions: block.transactions.slice(0, 2) }, shape: 'flat' },
      FLAT,
    );
    expect(all.map(({ transactionPosition }: { transactionPosition: number }) => transactionPosition)).toEqual([0, 1]);
  });
});

describe('replayTracer', () => {
  it('tells calls, changes of state and steps, whichever was asked for', async () => {
    const all: TracerSpec = { name: 'replayTracer', options: { trace: true, stateDiff: true, vmTrace: true } };
    const { output, trace, stateDiff, vmTrace, transactionHash } = await traced.trace(traced.transaction('leaf'), all);
    expect(output).toBe(word(5));
    expect(trace).toHaveLength(1);
    expect(trace[0]).not.toHaveProperty('blockHash');
    expect(transactionHash).toMatch(/^0x/);
    expect(stateDiff[at('leaf')]).toEqual({
      balance: { '*': { from: '0x0', to: '0xa' } },
      code: '=',
      nonce: '=',
      storage: { [word(1)]: { '*': { from: word(0), to: word(7) } } },
    });
    expect(vmTrace.ops[2]).toMatchObject({ op: 'SSTORE', cost: 22_100, ex: { push: [], store: { key: '0x1', val: '0x7' } }, sub: null });
    expect(vmTrace.ops[5]).toMatchObject({ op: 'MSTORE', ex: { mem: { off: 0, data: word(5) } } });
    const none: TracerSpec = { name: 'replayTracer', options: { trace: false, stateDiff: false, vmTrace: false } };
    expect(await traced.trace(traced.transaction('leaf'), none)).toMatchObject({ trace: [], stateDiff: null, vmTrace: null });
  });

  it('nests the steps of calls, and marks what was born', async () => {
    const steps: TracerSpec = { name: 'replayTracer', options: { trace: false, stateDiff: true, vmTrace: true } };
    const { vmTrace } = await traced.trace(traced.transaction('caller'), steps);
    const subs = vmTrace.ops.filter(({ sub }: { sub: unknown }) => sub !== null);
    expect(subs.map(({ op }: { op: string }) => op)).toEqual(['CALL', 'DELEGATECALL', 'STATICCALL', 'CALL']);
    expect(subs[3].sub.ops.at(-1)).toMatchObject({ op: 'REVERT' });
    const { stateDiff } = await traced.trace(traced.transaction('maker'), steps);
    const born = Object.values(stateDiff).filter((change) => JSON.stringify(change).includes('"code":{"+"'));
    expect(born).toHaveLength(2);
  });
});

describe('the small tracers', () => {
  it('count selectors, do nothing, and run together', async () => {
    const input = Uint8Array.from([1, 2, 3, 4, 5, 6]);
    const call = traced.call('leaf', { data: input });
    expect(await traced.trace(call, { name: '4byteTracer' })).toEqual({ '0x01020304-2': 1 });
    expect(await traced.trace(call, { name: 'noopTracer' })).toEqual({});
    const mux: TracerSpec = { name: 'muxTracer', parts: [{ name: '4byteTracer' }, CALLS] };
    expect(await traced.trace(call, mux)).toEqual({
      '4byteTracer': { '0x01020304-2': 1 },
      callTracer: await traced.trace(call, CALLS),
    });
  });

  it('list frames with their depth', async () => {
    const frames = await traced.trace(traced.transaction('caller'), { name: 'frameLister' });
    expect(frames.map(({ type, depth, value }: Record<string, unknown>) => [type, depth, value])).toEqual([
      ['CALL', 0, '0xa'],
      ['CALL', 1, '0x3'],
      ['DELEGATECALL', 1, null],
      ['STATICCALL', 1, null],
      ['CALL', 1, '0x0'],
    ]);
  });
});

describe('the table of opcodes', () => {
  it('has what the EVM has, under the names of geth', () => {
    const others: Record<string, string> = { SHA3: 'KECCAK256', PREVRANDAO: 'DIFFICULTY' };
    const { opcodes } = getOpcodesForHF(commonFor({ chainId: CHAIN_ID }, 'osaka', undefined));
    for (const [code, { fullName }] of opcodes) {
      expect(opName(code)).toBe(others[fullName] ?? fullName);
      const [taken, left] = stackEffect(code);
      if (fullName.startsWith('PUSH')) expect([taken, left]).toEqual([0, 1]);
      if (fullName.startsWith('SWAP')) expect(taken).toBe(left);
    }
    expect(stackEffect(0x8f)).toEqual([16, 17]);
    expect(stackEffect(0x5e)).toEqual([3, 0]);
    expect(stackEffect(0xf1)).toEqual([7, 1]);
    expect(opName(0x0c)).toBe('opcode 0xc not defined');
  });
});
