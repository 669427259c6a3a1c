/** Code that begins as EOF containers do, in our EVM and, where it is installed, in anvil's: an EVM of other authors. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { Address, type Hex } from '../../src/base/types.ts';
import { createdAddress } from '../../src/execution/block-run.ts';
import { type CallHost, runCallJob } from '../../src/execution/calls.ts';
import { Pacer } from '../../src/execution/pacer.ts';
import { type Anvil, findAnvil, startAnvil } from '../benchmarks/anvil.ts';
import { ALICE, CHAIN_ID, RANDOMNESS, TestChain } from './support.ts';

const GAS = 3_000_000n;
const CALLER = Address(`0x${'ca'.repeat(20)}`);
const OTHER = Address(`0x${'0e'.repeat(20)}`);
/** 0xEF00 and a version, which no container has. */
const OTHERS_CODE: Hex = '0xef00112233';
/** Returns the three words on the stack, the topmost first. */
const RETURN_ALL = '5f5260205260405260605ff3';
/** The initcode 0xEF00 stands at 0; what follows CREATE is another of nothing, whose address tells the nonce. */
const INITCODE = '61ef0060f01b5f52';

const PROGRAMS: Readonly<Record<string, Hex>> = {
  CREATE: `0x${INITCODE}60025f5ff05f5f5ff05a${RETURN_ALL}`,
  CREATE2: `0x${INITCODE}600760025f5ff55f5f5ff05a${RETURN_ALL}`,
  'CREATE of initcode that is too large': `0x${INITCODE}61c0015f5ff05f5f5ff05a${RETURN_ALL}`,
  EXTCODESIZE: `0x73${OTHER.slice(2)}3b5f5f${RETURN_ALL}`,
  EXTCODEHASH: `0x73${OTHER.slice(2)}3f5f5f${RETURN_ALL}`,
  // Ten bytes from the second on, over five that were there.
  EXTCODECOPY: `0x7f${'77'.repeat(32)}5f52600a60015f73${OTHER.slice(2)}3c5f515f5f${RETURN_ALL}`,
};

let host: CallHost;
let chain: TestChain;
let anvil: Anvil | null = null;

async function here(code: Hex): Promise<string> {
  const stateOverrides = new Map([
    [CALLER, { code: fromHex(code) }],
    [OTHER, { code: fromHex(OTHERS_CODE) }],
  ]);
  const request = { header: chain.head, from: ALICE.address, to: CALLER, data: new Uint8Array(0), value: 0n, gas: GAS, stateOverrides };
  const { returnData, failure } = await runCallJob('call', host, request);
  return failure === null ? toHex(returnData) : 'failed';
}

async function there({ url }: Anvil, code: Hex): Promise<string> {
  const call = { from: ALICE.address, to: CALLER, gas: `0x${GAS.toString(16)}` };
  const params = [call, 'latest', { [CALLER]: { code }, [OTHER]: { code: OTHERS_CODE } }];
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_call', params });
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return ((await response.json()) as { result?: string }).result ?? 'failed';
}

beforeAll(async () => {
  chain = await TestChain.start();
  host = {
    params: chain.params,
    source: chain.state,
    gasCap: GAS,
    randomness: RANDOMNESS,
    ancestorHash: () => undefined,
    pacer: new Pacer(),
  };
  const binary = findAnvil();
  if (binary === null) console.log('skipped: the comparison with anvil, which is not installed');
  else anvil = await startAnvil(binary, { chainId: CHAIN_ID, gasLimit: 30_000_000n, blockTimeSeconds: null, rich: [ALICE.address] });
});

afterAll(() => anvil?.stop());

describe('code that begins with 0xEF00', () => {
  it.each(Object.entries(PROGRAMS))('means to %s what it means on Ethereum', async (_, code) => {
    const ours = await here(code);
    if (anvil !== null) expect(ours).toBe(await there(anvil, code));
  });

  it('burns the gas of its creation, which counts the nonce', async () => {
    const [gasLeft, second, first] = (await here(PROGRAMS.CREATE ?? '0x')).slice(2).match(/.{64}/g) ?? [];
    expect(BigInt(`0x${first}`)).toBe(0n);
    expect(`0x${second?.slice(24)}`).toBe(createdAddress(CALLER, 1n));
    expect(BigInt(`0x${gasLeft}`)).toBeLessThan(GAS / 64n);
  });
});
