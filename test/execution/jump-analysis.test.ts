import { beforeAll, describe, expect, it } from 'vitest';
import { fromHex } from '../../src/base/bytes.ts';
import { type Environment, openEnvironment } from '../../src/execution/environment.ts';
import { Pacer } from '../../src/execution/pacer.ts';
import { WorldState } from '../../src/execution/state.ts';
import { RANDOMNESS, TestChain } from './support.ts';

/** PUSH1 3, JUMP, JUMPDEST, STOP. */
const JUMPING = '0x6003565b00';
/** Of deployed code. */
const MAX_CODE_BYTES = 24_576;
/** The same bytes behind a PUSH4: no jump can end in it. */
const HIDDEN = '0x636003565b600356';

let chain: TestChain;

beforeAll(async () => {
  chain = await TestChain.start();
});

function open(): Promise<Environment> {
  const { params, state: source, head } = chain;
  const state = new WorldState(source, head.stateRoot);
  return openEnvironment({ params, context: head, randomness: RANDOMNESS, state, ancestorHash: () => undefined, pacer: new Pacer() });
}

async function jumps({ vm }: Environment, code: Uint8Array): Promise<Uint8Array | undefined> {
  return (await vm.evm.runCode({ code })).runState?.validJumps;
}

describe('the analysis of a code', () => {
  it('is kept from one message to the next', async () => {
    const environment = await open();
    const code = fromHex(JUMPING);
    const first = await jumps(environment, code);
    expect(first).toEqual(Uint8Array.of(0, 0, 0, 1, 0));
    expect(await jumps(environment, code)).toBe(first);
  });

  it('is made anew for another table of opcodes, whose handlers it names', async () => {
    const code = fromHex(JUMPING);
    const first = await jumps(await open(), code);
    const second = await jumps(await open(), code);
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
  });

  it('is not kept of code that is larger than what can be deployed, which nothing bounds', async () => {
    const environment = await open();
    const code = (bytes: number) => {
      const padded = new Uint8Array(bytes);
      padded.set(fromHex(JUMPING));
      return padded;
    };
    const [largest, larger] = [code(MAX_CODE_BYTES), code(MAX_CODE_BYTES + 1)];
    expect(await jumps(environment, largest)).toBe(await jumps(environment, largest));
    const first = await jumps(environment, larger);
    const second = await jumps(environment, larger);
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
  });

  it('stays kept whatever is analysed in other blocks, as for calls with overrides', async () => {
    const [kept, other] = [await open(), await open()];
    const code = fromHex(JUMPING);
    const first = await jumps(kept, code);
    for (let i = 0; i < 100; i++) await jumps(other, fromHex(JUMPING));
    await jumps(other, code);
    expect(await jumps(kept, code)).toBe(first);
  });

  it('is of these bytes, whatever was analysed before', async () => {
    const environment = await open();
    await jumps(environment, fromHex(JUMPING));
    const { exceptionError, runState } = await environment.vm.evm.runCode({ code: fromHex(HIDDEN) });
    expect(exceptionError?.error).toMatch(/^invalid JUMP/);
    expect(runState?.validJumps).toEqual(new Uint8Array(8));
  });
});
