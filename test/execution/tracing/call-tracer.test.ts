import { beforeAll, describe, expect, it } from 'vitest';
import type { TracerSpec } from '../../../src/execution/tracing/tracers.ts';
import { ALICE, BOB } from '../support.ts';
import { at, CALLS, GAS, REVERT_DATA, TracedChain, word } from './contracts.ts';

let traced: TracedChain;

beforeAll(async () => {
  traced = await TracedChain.start();
});

const hex = (value: bigint) => `0x${value.toString(16)}`;

describe('callTracer', () => {
  it('tells of a call: its gas with the intrinsic part, what it returned, its log', async () => {
    expect(await traced.trace(traced.transaction('leaf'), CALLS)).toEqual({
      from: ALICE.address,
      gas: hex(GAS),
      gasUsed: hex(traced.gasUsed('leaf')),
      to: at('leaf'),
      input: '0x',
      output: word(5),
      logs: [{ address: at('leaf'), topics: [word(0x2a)], data: word(5), index: '0x0', position: '0x0' }],
      value: '0xa',
      type: 'CALL',
    });
  });

  it('writes the fields in the order of geth, which some compare as text', async () => {
    const fields = Object.keys(await traced.trace(traced.transaction('leaf'), CALLS));
    expect(fields).toEqual(['from', 'gas', 'gasUsed', 'to', 'input', 'output', 'logs', 'value', 'type']);
  });

  it('gives each kind of call its own value and sender, and counts logs over the block', async () => {
    const { calls, logs } = await traced.trace(traced.transaction('caller'), CALLS);
    expect(calls).toMatchObject([
      // 100,000 asked for, and the stipend of a call that moves value.
      { type: 'CALL', from: at('caller'), to: at('leaf'), value: '0x3', gas: hex(102_300n), logs: [{ index: '0x1' }] },
      { type: 'DELEGATECALL', from: at('caller'), to: at('leaf'), value: '0xa', logs: [{ address: at('caller'), index: '0x2' }] },
      { type: 'STATICCALL', gas: hex(50_000n), gasUsed: hex(50_000n), error: 'out of gas: write protection' },
      { type: 'CALL', to: at('reverter'), error: 'execution reverted', revertReason: 'no', output: REVERT_DATA },
    ]);
    expect(calls[2]).not.toHaveProperty('value');
    expect(logs).toEqual([{ address: at('caller'), topics: [word(2), word(1)], data: '0x', index: '0x3', position: '0x4' }]);
  });

  it('reports a call that failed before it began', async () => {
    const { calls, error } = await traced.trace(traced.transaction('poor'), CALLS);
    expect(error).toBeUndefined();
    expect(calls).toEqual([
      {
        from: at('poor'),
        gas: hex(52_300n),
        gasUsed: '0x0',
        to: at('leaf'),
        input: '0x',
        error: 'insufficient balance for transfer',
        value: hex(10n ** 19n),
        type: 'CALL',
      },
    ]);
  });

  it('names created contracts, and none where the creation failed', async () => {
    const { calls } = await traced.trace(traced.transaction('maker'), CALLS);
    expect(calls).toMatchObject([
      { type: 'CREATE', input: '0x60015ff3', output: '0x00', gasUsed: hex(208n) },
      { type: 'CREATE2', input: '0x60015ff3', output: '0x00' },
      { type: 'CREATE', input: '0xfe', error: 'invalid opcode: INVALID' },
    ]);
    expect(calls[0].to).toMatch(/^0x[0-9a-f]{40}$/);
    expect(calls[2]).not.toHaveProperty('to');
  });

  it('shows SELFDESTRUCT as a frame that moves what there was', async () => {
    const { calls } = await traced.trace(traced.transaction('destroyer'), CALLS);
    expect(calls).toEqual([
      { from: at('destroyer'), gas: '0x0', gasUsed: '0x0', to: BOB.address, input: '0x', value: '0xa', type: 'SELFDESTRUCT' },
    ]);
  });

  it.each([
    ['undefinedOp', 'invalid opcode: opcode 0xc not defined'],
    ['underflow', 'stack underflow (0 <=> 2)'],
    ['badJump', 'invalid jump destination'],
    ['loop', 'out of gas'],
    ['bloat', 'out of gas'],
  ] as const)('says why %s failed in the words of geth', async (name, error) => {
    expect(await traced.trace(traced.transaction(name), CALLS)).toMatchObject({ error, gasUsed: hex(GAS) });
  });

  it('follows recursion as deep as the gas lasts', async () => {
    let frame = await traced.trace(traced.transaction('recursive'), CALLS);
    let depth = 0;
    for (; frame.calls !== undefined; [frame] = frame.calls) depth++;
    expect(depth).toBeGreaterThan(50);
    expect(frame.error).toBe('out of gas');
  });

  it('leaves out what onlyTopCall and a missing withLog leave out', async () => {
    const top: TracerSpec = { name: 'callTracer', options: { onlyTopCall: true, withLog: true } };
    const frame = await traced.trace(traced.transaction('caller'), top);
    expect(frame).not.toHaveProperty('calls');
    expect(frame.logs).toMatchObject([{ position: '0x0' }]);
    const quiet: TracerSpec = { name: 'callTracer', options: { onlyTopCall: false, withLog: false } };
    expect(JSON.stringify(await traced.trace(traced.transaction('caller'), quiet))).not.toContain('logs');
  });

  it('traces a whole block, each transaction on what those before it left', async () => {
    const results = await traced.trace({ kind: 'block', block: traced.block(2), shape: 'named' }, CALLS);
    expect(results).toHaveLength(traced.block(2).transactions.length);
    expect(results[2]).toEqual({
      txHash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      result: await traced.trace(traced.transaction('caller'), CALLS),
    });
  });

  it('traces a call with overrides, which may come before a transaction of its block', async () => {
    const later = await traced.trace(traced.call('poor', { stateOverrides: new Map([[at('poor'), { balance: 10n ** 20n }]]) }), CALLS);
    expect(later.calls[0]).not.toHaveProperty('error');
    // Block 2's second transaction: the first has filled slot 1 already.
    const request = traced.call('leaf');
    if (request.kind !== 'call') throw new TypeError('a call');
    const after = (count: number) => ({ ...traced.block(2), transactions: traced.block(2).transactions.slice(0, count) });
    const gas = async (count: number) => BigInt((await traced.trace({ ...request, after: after(count) }, CALLS)).gasUsed);
    // 20,000 to fill the slot, 100 to write what is there already (EIP-2200, EIP-2929).
    expect((await gas(0)) - (await gas(1))).toBe(20_000n - 100n);
  });
});
