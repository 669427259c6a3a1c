/** debug_trace*, trace_, ots_ and erigon_ over HTTP, on a chain whose blocks were executed, with a worker. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import type { Json } from '../../src/base/types.ts';
import type { EvmPool } from '../../src/execution/evm-pool.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { RpcServer } from '../../src/rpc/server.ts';
import { ALICE, BENEFICIARY, BOB, keyOf } from '../execution/support.ts';
import { at, GAS, TracedChain, word } from '../execution/tracing/contracts.ts';
import type { RpcResponse } from './client.ts';
import { tracedNode } from './traced-node.ts';

const NAMESPACES = ['eth', 'debug', 'trace', 'ots', 'erigon'];
const UNKNOWN = word(0x99);
const CALLS = { tracer: 'callTracer' };

let traced: TracedChain;
let pool: EvmPool;
let server: RpcServer;
/** Of block 2, by their place. */
let hashes: string[];

beforeAll(async () => {
  traced = await TracedChain.start();
  const node = tracedNode(traced.chain);
  pool = node.pool;
  server = await RpcServer.start(node.backend, { port: 0, namespaces: NAMESPACES, limits: { maxReplyBytes: 2_000_000 } });
  hashes = traced.block(2).transactions.map((bytes) => traced.chain.decode(bytes).hash);
});

afterAll(async () => {
  await server.close();
  await pool.close();
});

async function call(method: string, ...params: Json[]): Promise<RpcResponse> {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method, params });
  const response = await fetch(server.address.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return (await response.json()) as RpcResponse;
}

async function ask(method: string, ...params: Json[]) {
  const { result, error, id } = await call(method, ...params);
  expect([method, error, id]).toEqual([method, undefined, 7]);
  return result;
}

describe('debug_', () => {
  it('traces a transaction, a block by number and by hash, and a call', async () => {
    const leaf = { to: at('leaf'), output: word(5), value: '0xa' };
    expect(await ask('debug_traceTransaction', hashes[0] ?? '', CALLS)).toMatchObject(leaf);
    const named = [{ txHash: hashes[0], result: leaf }];
    expect((await ask('debug_traceBlockByNumber', '0x2', CALLS)).slice(0, 1)).toMatchObject(named);
    expect((await ask('debug_traceBlockByHash', traced.block(2).hash, CALLS)).slice(0, 1)).toMatchObject(named);
    const request = { from: BOB.address, to: at('leaf'), gas: '0x493e0' };
    expect(await ask('debug_traceCall', request, 'latest', CALLS)).toMatchObject({ from: BOB.address, output: word(5) });
    const overrides = { stateOverrides: { [at('leaf')]: { code: '0xfe' } }, ...CALLS };
    expect(await ask('debug_traceCall', request, '0x1', overrides)).toMatchObject({ error: 'invalid opcode: INVALID' });
  });

  it('takes the options of struct logs beside those of tracing, and of all other tracers in tracerConfig', async () => {
    const bare = await ask('debug_traceTransaction', hashes[0] ?? '', {
      disableStack: true,
      disableStorage: true,
      timeout: '1m',
      reexec: 128,
    });
    expect(bare.structLogs[2]).toEqual({ pc: 4, op: 'SSTORE', gas: Number(GAS) - 21_006, gasCost: 22_100, depth: 1 });
    const mux = { tracer: 'muxTracer', tracerConfig: { prestateTracer: { diffMode: true }, noopTracer: null } };
    expect(await ask('debug_traceTransaction', hashes[0] ?? '', mux)).toMatchObject({
      prestateTracer: { pre: {}, post: {} },
      noopTracer: {},
    });
  });

  it.each([
    ['debug_traceTransaction', [UNKNOWN], -32000, 'transaction not found'],
    ['debug_traceBlockByNumber', ['0x0'], -32000, 'genesis is not traceable'],
    ['debug_traceBlockByNumber', ['0x77'], -32000, 'block #119 not found'],
    ['debug_traceBlockByHash', [UNKNOWN], -32000, `block ${UNKNOWN} not found`],
    ['debug_traceCall', [{}, 'pending'], -32000, 'tracing on top of pending is not supported'],
    ['debug_traceTransaction', [UNKNOWN, { tracer: 'x' }], -32602, 'unknown tracer "x"; this node has'],
    ['debug_traceTransaction', [UNKNOWN, { tracer: '{ fault() {} }' }], -32602, 'tracers in JavaScript are not run here'],
    ['debug_traceTransaction', [UNKNOWN, { ...CALLS, tracerConfig: { withLog: 1 } }], -32602, 'options.tracerConfig.withLog'],
    ['debug_traceTransaction', [UNKNOWN, { disableStack: 'no' }], -32602, 'options.disableStack'],
    ['debug_traceTransaction', [UNKNOWN, { timeout: 'soon' }], -32602, 'options.timeout: expected a duration'],
    ['debug_traceTransaction', [UNKNOWN, { tracer: 'muxTracer', tracerConfig: { nope: {} } }], -32602, 'unknown tracer "nope"'],
    [
      'debug_traceTransaction',
      [UNKNOWN, { tracer: 'prestateTracer', tracerConfig: { diffMode: true, includeEmpty: true } }],
      -32602,
      'cannot use',
    ],
    ['debug_traceCall', [{ to: 7 }], -32602, 'transaction.to'],
    ['debug_traceCall', [{}, 'latest', { txIndex: 'one' }], -32602, 'options.txIndex'],
    ['trace_replayTransaction', [UNKNOWN, ['steps']], -32602, 'traceTypes[0]: expected one of trace, stateDiff, vmTrace'],
    ['trace_filter', [{ mode: 'any' }], -32602, 'filter.mode'],
    ['ots_getInternalOperations', [UNKNOWN], -32000, 'transaction not found'],
    ['ots_searchTransactionsBefore', [BOB.address, 0, 0], -32602, 'a page size from 1 to 1000'],
    ['ots_searchTransactionsAfter', [BOB.address, -1, 5], -32602, 'blockNumber'],
    ['erigon_getHeaderByNumber', [1.5], -32602, 'block'],
  ] as const)('%s%j is refused in words', async (method, params, code, message) => {
    const { error } = await call(method, ...(params as readonly Json[]));
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it('gives blocks as bytes', async () => {
    expect(await ask('debug_getRawHeader', '0x1')).toMatch(/^0xf9/);
    expect(await ask('debug_getRawBlock', '0x2')).toMatch(/^0xf9/);
    expect(await ask('debug_getRawReceipts', '0x2')).toHaveLength(hashes.length);
    expect(await ask('debug_getRawTransaction', hashes[0] ?? '')).toMatch(/^0x02f8/);
    expect(await ask('debug_getRawTransaction', UNKNOWN)).toBe('0x');
    expect(await ask('debug_getBadBlocks')).toEqual([]);
  });

  it('traces a block that it is given, on a parent that it knows', async () => {
    const bytes = await ask('debug_getRawBlock', '0x2');
    expect(await ask('debug_traceBlock', bytes, CALLS)).toEqual(await ask('debug_traceBlockByNumber', '0x2', CALLS));
    const orphan = await ask('debug_getRawBlock', '0x0');
    expect((await call('debug_traceBlock', orphan, CALLS)).error?.message).toBe('genesis is not traceable');
    expect((await call('debug_traceBlock', '0xc0', CALLS)).error?.message).toMatch(/^could not decode block/);
  });

  it('shows storage before a transaction, in pages', async () => {
    const range = (index: number, most = 10) => ask('debug_storageRangeAt', traced.block(2).hash, index, at('leaf'), '0x', most);
    expect(await range(0)).toEqual({ storage: {}, nextKey: null });
    const hashed = toHex(keccak256(fromHex(word(1))));
    expect(await range(1)).toEqual({ storage: { [hashed]: { key: null, value: word(7) } }, nextKey: null });
    expect(await range(1, 0)).toEqual({ storage: {}, nextKey: hashed });
    const nobody = await call('debug_storageRangeAt', '0x2', 0, keyOf('nobody').address, '0x', 1);
    expect(nobody.error?.message).toMatch(/doesn't exist$/);
  });

  it('ends a trace in time and says which options ask for less when it is too large', async () => {
    const endless = { to: at('loop'), gas: '0x2faf080' };
    const late = await call('debug_traceCall', endless, 'latest', { ...CALLS, timeout: '50ms' });
    expect(late.error).toMatchObject({ code: -32000, message: 'execution timeout' });
    const large = await call('debug_traceCall', endless, 'latest', { enableMemory: true });
    expect(large.error?.message).toMatch(/^trace too large: more than 2000000 bytes; set limit/);
    expect(await ask('debug_traceTransaction', hashes[0] ?? '', CALLS)).toMatchObject({ output: word(5) });
  });
});

describe('trace_', () => {
  it('lists the calls of a block with its rewards, of a transaction, and one of them', async () => {
    const block = await ask('trace_block', '0x2');
    expect(block.at(-1)).toMatchObject({ type: 'reward', action: { author: BENEFICIARY, rewardType: 'block', value: '0x5' } });
    const caller = block.filter(({ transactionPosition }: { transactionPosition: number }) => transactionPosition === 2);
    expect(await ask('trace_transaction', hashes[2] ?? '')).toEqual(caller);
    expect(await ask('trace_get', hashes[2] ?? '', ['0x1'])).toEqual(caller[2]);
    expect(await ask('trace_get', hashes[2] ?? '', ['0x9'])).toBeNull();
    expect(await ask('trace_transaction', UNKNOWN)).toBeNull();
    expect(await ask('trace_block', '0x0')).toEqual([]);
  });

  it('filters by address, in pages, over a bounded range', async () => {
    const toLeaf = { fromBlock: 1, toBlock: 'latest', toAddress: [at('leaf')] };
    const found = await ask('trace_filter', toLeaf);
    expect(found.map(({ action }: { action: { from: string } }) => action.from).slice(0, 3)).toEqual([
      ALICE.address,
      at('caller'),
      at('caller'),
    ]);
    expect(await ask('trace_filter', { ...toLeaf, after: 1, count: 2 })).toEqual(found.slice(1, 3));
    const both = { ...toLeaf, fromAddress: [ALICE.address], mode: 'intersection' };
    expect(await ask('trace_filter', both)).toEqual([found[0]]);
  });

  it('replays transactions and calls', async () => {
    const replayed = await ask('trace_replayTransaction', hashes[0] ?? '', ['trace', 'stateDiff']);
    expect(replayed).toMatchObject({ output: word(5), vmTrace: null, trace: [{ type: 'call' }] });
    expect(await ask('trace_replayBlockTransactions', '0x2', ['trace', 'stateDiff'])).toContainEqual(replayed);
    const request = { from: BOB.address, to: at('leaf') };
    expect(await ask('trace_call', request, ['trace'], 'latest')).toMatchObject({ output: word(5), stateDiff: null });
  });
});

describe('ots_ and erigon_', () => {
  it('know their level and heads', async () => {
    expect(await ask('ots_getApiLevel')).toBe(8);
    expect(await ask('erigon_blockNumber')).toBe('0x2');
    expect((await ask('erigon_getHeaderByNumber', 2)).hash).toBe(traced.block(2).hash);
    expect(await ask('erigon_getHeaderByNumber', 'latest')).toEqual(await ask('erigon_getHeaderByHash', traced.block(2).hash));
    expect(await ask('erigon_getHeaderByNumber', 9)).toBeNull();
  });

  it('tell what happened inside transactions', async () => {
    const [, , caller = '', poor = '', maker = '', destroyer = ''] = hashes;
    // The calls of the reverter and in a static frame moved nothing.
    expect(await ask('ots_getInternalOperations', caller)).toEqual([{ type: 0, from: at('caller'), to: at('leaf'), value: '0x3' }]);
    expect(await ask('ots_getInternalOperations', poor)).toEqual([]);
    expect(await ask('ots_getInternalOperations', maker)).toMatchObject([{ type: 2 }, { type: 3 }]);
    expect(await ask('ots_getInternalOperations', destroyer)).toEqual([{ type: 1, from: at('destroyer'), to: BOB.address, value: '0xa' }]);
    const frames = await ask('ots_traceTransaction', caller);
    expect(frames[1]).toEqual({ type: 'CALL', depth: 1, from: at('caller'), to: at('leaf'), value: '0x3', input: '0x', output: word(5) });
    expect(await ask('ots_getTransactionError', caller)).toBe('0x');
    expect(await ask('ots_getTransactionError', hashes[1] ?? '')).toMatch(/^0x08c379a0/);
  });

  it('show blocks and pages of their transactions', async () => {
    const details = await ask('ots_getBlockDetails', 2);
    expect(details).toEqual(await ask('ots_getBlockDetailsByHash', traced.block(2).hash));
    expect(details.block).toMatchObject({ number: '0x2', transactionCount: hashes.length, logsBloom: null });
    expect(details.block).not.toHaveProperty('transactions');
    expect(details.issuance).toEqual({ blockReward: '0x5', uncleReward: '0x0', issuance: '0x5' });
    expect(await ask('ots_getBlockDetails', 9)).toBeNull();
    const first = await ask('ots_getBlockTransactions', 2, 0, 5);
    expect(first.fullblock.transactions.map(({ hash }: { hash: string }) => hash)).toEqual(hashes.slice(-5));
    expect(first.receipts[0]).toMatchObject({ logs: null, logsBloom: null, status: '0x0' });
    const last = await ask('ots_getBlockTransactions', 2, 2, 5);
    expect(last.fullblock.transactions).toHaveLength(hashes.length - 10);
    expect((await ask('ots_getBlockTransactions', 1, 0, 25)).fullblock.transactions[0].input).toHaveLength(10);
  });

  it('find the transactions of an address, newest first, whole blocks at a time', async () => {
    const before = await ask('ots_searchTransactionsBefore', ALICE.address, 0, 3);
    expect(before).toMatchObject({ firstPage: true, lastPage: false });
    expect(before.txs.map(({ hash }: { hash: string }) => hash)).toEqual(hashes.toReversed());
    expect(before.receipts[0]).toMatchObject({ transactionHash: hashes.at(-1), timestamp: expect.stringMatching(/^0x/) });
    expect(await ask('ots_searchTransactionsBefore', ALICE.address, 2, 3)).toMatchObject({ firstPage: false, lastPage: true });
    const after = await ask('ots_searchTransactionsAfter', ALICE.address, 1, 3);
    expect(after).toMatchObject({ firstPage: true, lastPage: false, txs: before.txs });
    const leaf = await ask('ots_searchTransactionsBefore', at('leaf'), 0, 25);
    // Called itself, and by whom its log names; then deployed.
    expect(leaf.txs.map(({ hash }: { hash: string }) => hash)).toEqual([hashes[2], hashes[0], expect.any(String)]);
    const nobody = await ask('ots_searchTransactionsBefore', keyOf('nobody').address, 0, 25);
    expect(nobody).toEqual({ txs: [], receipts: [], firstPage: true, lastPage: true });
  });

  it('find transactions by sender and nonce, and who made a contract', async () => {
    expect(await ask('ots_getTransactionBySenderAndNonce', ALICE.address, hashes.length)).toBe(hashes[0]);
    expect(await ask('ots_getTransactionBySenderAndNonce', ALICE.address, 1_000)).toBeNull();
    const deployed = traced.chain.decode(traced.block(1).transactions[0] ?? new Uint8Array(0)).hash;
    expect(await ask('ots_getContractCreator', at('leaf'))).toEqual({ hash: deployed, creator: ALICE.address });
    const [{ to: made }] = await ask('ots_getInternalOperations', hashes[4] ?? '');
    expect(await ask('ots_getContractCreator', made)).toEqual({ hash: hashes[4], creator: at('maker') });
    expect(await ask('ots_getContractCreator', BOB.address)).toBeNull();
    expect(await ask('ots_hasCode', made, 'latest')).toBe(true);
    expect(await ask('ots_hasCode', made, 1)).toBe(false);
  });
});
