import { beforeAll, describe, expect, it } from 'vitest';
import type { StructLoggerOptions } from '../../../src/execution/tracing/struct-logger.ts';
import type { TracerSpec } from '../../../src/execution/tracing/tracers.ts';
import { GAS, LOGS, REVERT_DATA, TracedChain, word } from './contracts.ts';

let traced: TracedChain;

beforeAll(async () => {
  traced = await TracedChain.start();
});

const INTRINSIC = 21_000;
const start = Number(GAS) - INTRINSIC;

function logger(options: Partial<StructLoggerOptions>): TracerSpec {
  const none = { disableStack: true, disableStorage: true, enableMemory: false, enableReturnData: false, limit: 0 };
  return { name: 'structLogger', options: { ...none, ...options } };
}

describe('the struct logger', () => {
  it('tells of each step what geth tells', async () => {
    const { structLogs, ...result } = await traced.trace(traced.transaction('leaf'), LOGS);
    expect(result).toEqual({ gas: Number(traced.gasUsed('leaf')), failed: false, returnValue: word(5) });
    const full = { [word(1)]: word(7) };
    expect(structLogs.slice(0, 6)).toEqual([
      { pc: 0, op: 'PUSH1', gas: start, gasCost: 3, depth: 1, stack: [] },
      { pc: 2, op: 'PUSH1', gas: start - 3, gasCost: 3, depth: 1, stack: ['0x7'] },
      // A cold slot that was empty: 2,100 and 20,000.
      { pc: 4, op: 'SSTORE', gas: start - 6, gasCost: 22_100, depth: 1, stack: ['0x7', '0x1'], storage: full },
      { pc: 5, op: 'PUSH1', gas: start - 22_106, gasCost: 3, depth: 1, stack: [] },
      { pc: 7, op: 'PUSH0', gas: start - 22_109, gasCost: 2, depth: 1, stack: ['0x5'] },
      { pc: 8, op: 'MSTORE', gas: start - 22_111, gasCost: 6, depth: 1, stack: ['0x5', '0x0'] },
    ]);
    expect(structLogs.map(({ op }: { op: string }) => op).slice(-3)).toEqual(['PUSH1', 'PUSH0', 'RETURN']);
  });

  it('counts what a call hands on as its cost, and goes one deeper', async () => {
    const { structLogs } = await traced.trace(traced.transaction('caller'), logger({}));
    const call = structLogs.findIndex(({ op }: { op: string }) => op === 'CALL');
    // 100,000 handed on, 9,000 for the value, 2,600 for an address that is cold.
    expect(structLogs[call]).toMatchObject({ gasCost: 100_000 + 9_000 + 2_600, depth: 1 });
    expect(structLogs[call + 1]).toMatchObject({ pc: 0, depth: 2, gas: 102_300 });
  });

  it('shows memory in words and what a call returned, when asked', async () => {
    const options = logger({ enableMemory: true, enableReturnData: true });
    const { structLogs } = await traced.trace(traced.transaction('caller'), options);
    const log = structLogs.find(({ op }: { op: string }) => op === 'LOG1');
    expect(log.memory).toEqual([word(5)]);
    expect(structLogs.at(-1)).toMatchObject({ op: 'STOP', returnData: REVERT_DATA });
    expect(structLogs.at(-1)).not.toHaveProperty('stack');
    expect(structLogs.some((step: object) => 'storage' in step)).toBe(false);
  });

  it('says at which step a frame could not go on, and gives the reason for a revert', async () => {
    const underflow = await traced.trace(traced.transaction('underflow'), LOGS);
    expect(underflow).toEqual({
      gas: Number(GAS),
      failed: true,
      returnValue: '0x',
      structLogs: [{ pc: 0, op: 'ADD', gas: start, gasCost: 3, depth: 1, error: 'stack underflow (0 <=> 2)', stack: [] }],
    });
    expect(await traced.trace(traced.call('reverter'), logger({}))).toMatchObject({ failed: true, returnValue: REVERT_DATA });
    const { structLogs } = await traced.trace(traced.transaction('undefinedOp'), LOGS);
    expect(structLogs).toEqual([{ pc: 0, op: 'opcode 0xc not defined', gas: start, gasCost: 0, depth: 1, stack: [] }]);
  });

  it('stops adding at the limit, and refuses what would become too large', async () => {
    const { structLogs, gas } = await traced.trace(traced.transaction('leaf'), logger({ limit: 100 }));
    expect(structLogs).toHaveLength(2);
    expect(gas).toBe(Number(traced.gasUsed('leaf')));
    const tooLarge = traced.trace(traced.transaction('loop'), LOGS, { maxBytes: 100_000 });
    await expect(tooLarge).rejects.toMatchObject({ code: 'trace/too-large', message: expect.stringContaining('disableStack') });
    const memory = traced.trace(traced.transaction('bloat'), logger({ enableMemory: true }), { maxBytes: 1_000_000 });
    await expect(memory).rejects.toMatchObject({ code: 'trace/too-large' });
  });

  it('ends when its time is over', async () => {
    const late = traced.trace(traced.transaction('loop'), LOGS, { timeoutMs: 0 });
    await expect(late).rejects.toMatchObject({ code: 'trace/timeout', message: 'execution timeout' });
  });
});
