/** Whatever is sent, an answer comes that says what was wrong, nothing is an internal error, and the server goes on. */
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { Json } from '../../src/base/types.ts';
import { METHODS, NAMESPACES } from '../../src/rpc/methods.ts';
import { type RpcResponse, serve } from './client.ts';

const ADDRESS = `0x${'11'.repeat(20)}`;
const HASH = `0x${'22'.repeat(32)}`;

describe('a wrong parameter', () => {
  // What is sent, the code, and what the message must name.
  it.each([
    ['eth_getBalance', [], -32602, 'address'],
    ['eth_getBalance', ['0x1'], -32602, 'address'],
    ['eth_getBalance', [ADDRESS, '0x01'], -32602, 'block'],
    ['eth_getBalance', [ADDRESS, 'newest'], -32602, 'block'],
    ['eth_getBalance', [ADDRESS, { blockHash: '0x12' }], -32602, 'block.blockHash'],
    ['eth_getBalance', [ADDRESS, { blockHash: HASH, requireCanonical: 1 }], -32602, 'block.requireCanonical'],
    ['eth_getBalance', [ADDRESS, { blockNumber: '0x0', requireCanonical: 'yes' }], -32602, 'block.requireCanonical'],
    ['eth_getBalance', [ADDRESS, '0x8000000000000000'], -32602, 'block number larger than int64'],
    ['eth_getBalance', [ADDRESS, '0x7fffffffffffffff'], -32000, 'header not found'],
    ['eth_getBalance', [ADDRESS, 'latest', 'more'], -32602, 'too many arguments'],
    ['eth_getBlockByNumber', ['0x1', 'yes'], -32602, 'full'],
    ['eth_getBlockByNumber', ['0x10000000000000000', true], -32602, 'block'],
    ['eth_call', [{ to: ADDRESS, gas: '21000' }], -32602, 'transaction.gas'],
    ['eth_call', [{ to: 5 }], -32602, 'transaction.to'],
    ['eth_call', [{ to: ADDRESS, data: '0x123' }], -32602, 'transaction.data'],
    ['eth_call', [{ to: ADDRESS, data: '0x12', input: '0x34' }], -32602, '"input"'],
    ['eth_call', [{ to: ADDRESS, accessList: [{ storageKeys: [] }] }], -32602, 'accessList[0]'],
    ['eth_call', [{ to: ADDRESS }, 'latest', { [ADDRESS]: { balance: -1 } }], -32602, 'balance'],
    ['eth_call', [{ to: ADDRESS }, 'latest', { [ADDRESS]: { state: {}, stateDiff: {} } }], -32602, "both 'state' and 'stateDiff'"],
    ['eth_call', [{ to: ADDRESS, chainId: '0x2' }], -32602, 'chainId'],
    ['eth_call', [{ to: ADDRESS }, 'latest', {}, { beaconRoot: HASH }], -32000, '"beaconRoot" is not supported'],
    ['eth_estimateGas', [{ to: ADDRESS }, 'latest', {}, { withdrawals: [] }], -32000, '"withdrawals" is not supported'],
    ['eth_getLogs', [{ fromBlock: 'pending' }], -32602, 'pending logs'],
    ['eth_newFilter', [{ fromBlock: '0x0', toBlock: 'pending' }], -32602, 'pending logs'],
    ['eth_getLogs', [{ topics: [HASH, HASH, HASH, HASH, HASH] }], -32602, 'filter.topics'],
    ['eth_getLogs', [{ blockHash: HASH, fromBlock: '0x0' }], -32602, 'BlockHash'],
    ['eth_getLogs', [{ fromBlock: '0x0', toBlock: '0xffff' }], -32602, 'head'],
    ['eth_feeHistory', ['0x1', 'latest', [90, 10]], -32602, 'ascend'],
    ['eth_feeHistory', ['0x1', 'latest', ['a']], -32602, 'rewardPercentiles[0]'],
    ['eth_getStorageAt', [ADDRESS, `0x${'1'.repeat(65)}`], -32602, 'storage key'],
    ['eth_getProof', [ADDRESS, Array.from({ length: 1_025 }, () => '0x0')], -32602, 'slots'],
    ['eth_sendRawTransaction', ['f86c'], -32602, 'without 0x'],
    ['eth_getStorageValues', [{}], -32602, 'empty request'],
    ['eth_simulateV1', [{ blockStateCalls: [] }], -32602, 'empty input'],
    ['eth_simulateV1', [{ blockStateCalls: Array.from({ length: 257 }, () => ({})) }], -38026, 'too many blocks'],
    ['eth_simulateV1', [{ blockStateCalls: [{ calls: [{ nonce: 'x' }] }] }], -32602, 'payload.blockStateCalls[0].calls[0].nonce'],
    ['testing_buildBlockV1', [HASH, {}, []], -32602, 'payloadAttributes'],
    ['eth_getBlockByHash', [HASH.slice(0, 20), true], -32602, 'blockHash'],
    ['eth_subscribe', ['newMoons'], -32601, 'newMoons'],
    ['eth_getFilterChanges', ['0x1'], -32000, 'filter not found'],
    ['eth_sendTransaction', [{ from: ADDRESS }], -32004, 'eth_sendRawTransaction'],
    ['eth_unheardOf', [], -32601, 'eth_unheardOf'],
    ['hardhat_metadata', [], -32601, 'hardhat_metadata'],
  ] as [string, Json[], number, string][])('%s %j is answered with %i that names %s', async (method, params, code, named) => {
    const { call } = await serve({ namespaces: NAMESPACES });
    const { error } = await call(method, ...params);
    expect({ code: error?.code, names: error?.message.includes(named), message: error?.message }).toMatchObject({ code, names: true });
  });
});

describe('methods of anvil and Hardhat', () => {
  const REFUSED = [
    'evm_snapshot',
    'evm_revert',
    'evm_increaseTime',
    'anvil_setBalance',
    'hardhat_setCode',
    'anvil_reorg',
    'hardhat_impersonateAccount',
  ];

  it('do not exist on a network that was not started for tests', async () => {
    const { call } = await serve({ namespaces: NAMESPACES });
    for (const name of [...REFUSED, 'evm_mine', 'anvil_mine']) expect((await call(name)).error?.code, name).toBe(-32601);
  });

  it('say on a test network why not, and what to do instead', async () => {
    const { call, node } = await serve({ namespaces: NAMESPACES });
    node.faults = { partition() {}, heal() {}, set() {}, equivocate() {} };
    for (const name of REFUSED) {
      const { error } = await call(name, ADDRESS, '0x1', 'whatever', {});
      expect(error, name).toMatchObject({ code: -32004 });
      expect(error?.message, name).toMatch(new RegExp(`^${name} is not supported: .{40,}`));
    }
  });

  it('wait for blocks of the network', async () => {
    const { ask, node } = await serve({ namespaces: NAMESPACES });
    node.faults = { partition() {}, heal() {}, set() {}, equivocate() {} };
    const waiting = ask('anvil_mine', '0x2');
    const one = ask('evm_mine');
    await ask('eth_blockNumber');
    node.mine();
    expect(await one).toBe('0x0');
    node.mine();
    expect(await waiting).toBeNull();
  });
});

describe('a description for machines', () => {
  it('has every method that is open, once, with its parameters in order', async () => {
    const { ask, node } = await serve({ namespaces: ['eth', 'net'] });
    const document = (await ask('rpc_discover')) as {
      openrpc: string;
      methods: { name: string; params: { name: string; required: boolean; schema: object }[] }[];
    };
    expect(document).toMatchObject({ openrpc: '1.3.2', info: { title: 'synod' } });
    const open = [...METHODS.values()].filter((method) => ['eth', 'net', 'rpc'].includes(method.namespace) && method.available(node));
    expect(document.methods.map(({ name }) => name)).toEqual(open.map(({ name }) => name));
    for (const { name, params } of document.methods) {
      expect(
        params.map(({ name: parameter }) => parameter),
        name,
      ).toEqual(METHODS.get(name)?.parameters.map(({ name: parameter }) => parameter));
      // By position: what may be left out comes last.
      expect(
        params.map(({ required }) => required),
        name,
      ).toEqual([...params.map(({ required }) => required)].sort((a, b) => Number(b) - Number(a)));
    }
    const { params = [] } = document.methods.find(({ name }) => name === 'eth_getBalance') ?? {};
    expect(params[0]?.schema).toMatchObject({ type: 'string', pattern: expect.stringContaining('40') });
    expect(await ask('rpc_modules')).toEqual({ eth: '1.0', net: '1.0', rpc: '1.0' });
  });
});

describe('thousands of random requests', () => {
  const random = new Random('bad input');
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const ATOMS: readonly Json[] = [
    null,
    true,
    false,
    0,
    -1,
    1.5,
    2 ** 53,
    1e308,
    '',
    '0x',
    '0x0',
    '0x00',
    '0x1',
    '0xZZ',
    '0xffffffffffffffffffffffff',
    'latest',
    'pending',
    'safe',
    ADDRESS,
    HASH,
    `0x${'ff'.repeat(300)}`,
    '\u0000',
    '💥',
    'constructor',
    '__proto__',
    [],
    {},
    [[]],
    [null],
    { blockHash: HASH },
    { to: ADDRESS },
    { fromBlock: 'earliest' },
    { [ADDRESS]: {} },
  ];
  const KEYS = [
    'to',
    'from',
    'data',
    'gas',
    'value',
    'blockHash',
    'blockNumber',
    'address',
    'topics',
    'calls',
    'blockStateCalls',
    'toString',
    '__proto__',
    'tracer',
    ADDRESS,
  ];

  function value(depth: number): Json {
    const kind = random.float();
    if (depth === 0 || kind < 0.6) return pick(ATOMS);
    const size = random.below(4);
    if (kind < 0.8) return Array.from({ length: size }, () => value(depth - 1));
    return Object.fromEntries(Array.from({ length: size }, () => [pick(KEYS), value(depth - 1)]));
  }

  it('never crash the server, and are never its own fault', async () => {
    const { post, ask, node } = await serve({ namespaces: NAMESPACES });
    node.mine();
    // Not those that wait for blocks, nor those that are made of traces, which the node in memory cannot give.
    const names = [...METHODS.keys()].filter((name) => !/mine$|Sync$|^trace_|^ots_/.test(name));
    const internal: string[] = [];
    for (let round = 0; round < 60; round++) {
      const batch = Array.from({ length: 50 }, (_, id) => {
        const params = Array.from({ length: random.below(4) }, () => value(3));
        return { jsonrpc: '2.0', id, method: pick(names), params };
      });
      const replies = (await (await post(JSON.stringify(batch))).json()) as RpcResponse[];
      expect(replies.map(({ id }) => id)).toEqual(batch.map(({ id }) => id));
      for (const { id, error } of replies) if (error?.code === -32603) internal.push(JSON.stringify(batch[Number(id)]));
    }
    expect(internal).toEqual([]);
    expect(await ask('eth_blockNumber')).toBe('0x1');
  });
});
