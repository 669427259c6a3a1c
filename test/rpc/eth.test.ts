import { RLP } from '@ethereumjs/rlp';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { EMPTY, fromHex, toHex } from '../../src/base/bytes.ts';
import { ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, encodeHeader, headerFields } from '../../src/chain/header.ts';
import type { CallResult } from '../../src/execution/call-types.ts';
import { ethereumSize } from '../../src/rpc/format/block.ts';
import { type Setup, serve } from './client.ts';
import { CHAIN_ID } from './fake-chain.ts';
import { CONTRACT, log, RECIPIENT, SENDER, sign, topic, transfer } from './fake-node.ts';

const UNKNOWN = topic(0xee);
const GWEI = 1_000_000_000n;

/** Blocks 1 to 3; block 2 has a transaction of each kind, and logs. */
async function servedChain(): Promise<Setup> {
  const setup = await serve();
  const { node } = setup;
  node.mine({ bytes: await transfer(0) });
  const delegation = await privateKeyToAccount(topic(7)).signAuthorization({ chainId: CHAIN_ID, address: CONTRACT, nonce: 0 });
  const common = { chainId: CHAIN_ID, gas: 100_000n, value: 0n };
  const fees = { maxFeePerGas: 10n * GWEI, maxPriorityFeePerGas: GWEI };
  const accessList = [{ address: CONTRACT, storageKeys: [topic(1)] }];
  node.mine(
    {
      bytes: await sign({ ...common, type: 'legacy', nonce: 1, gasPrice: 10n * GWEI, data: '0x6001' }),
      contractAddress: CONTRACT,
      logs: [log(1)],
    },
    {
      bytes: await sign({ ...common, type: 'eip2930', nonce: 2, to: CONTRACT, gasPrice: 10n * GWEI, accessList }),
      logs: [log(2), log(1, 2)],
    },
    { bytes: await sign({ ...common, ...fees, type: 'eip1559', nonce: 3, to: CONTRACT, accessList, data: '0xabcd' }), success: false },
    { bytes: await sign({ ...common, ...fees, type: 'eip7702', nonce: 4, to: SENDER, authorizationList: [delegation] }), logs: [log(3)] },
  );
  node.mine();
  return setup;
}

describe('blocks', () => {
  it('have the fields that geth gives them, and no others', async () => {
    const { ask, node } = await servedChain();
    const { header, hash } = node.chain.at(2);
    const block = await ask('eth_getBlockByNumber', '0x2', false);
    expect(Object.keys(block).sort()).toEqual(
      (
        'baseFeePerGas blobGasUsed difficulty excessBlobGas extraData gasLimit gasUsed hash logsBloom miner mixHash nonce number ' +
        'parentBeaconBlockRoot parentHash receiptsRoot requestsHash sha3Uncles size stateRoot timestamp transactions transactionsRoot ' +
        'uncles withdrawals withdrawalsRoot'
      ).split(' '),
    );
    expect(block).toMatchObject({
      number: '0x2',
      hash,
      parentHash: node.chain.at(1).hash,
      gasLimit: '0x1c9c380',
      gasUsed: '0x14820',
      difficulty: '0x3e8',
      timestamp: `0x${header.timestamp.toString(16)}`,
      extraData: '0x',
      uncles: [],
      withdrawals: [],
      blobGasUsed: '0x0',
    });
    expect(block.transactions).toHaveLength(4);
    expect(block.transactions[0]).toMatch(/^0x[0-9a-f]{64}$/);
    expect(await ask('eth_getBlockByHash', hash, false)).toEqual(block);
  });

  it('have the size of their encoding as Ethereum has it', () => {
    for (const bytes of [0, 30, 200, 70_000]) {
      const typed = new Uint8Array(bytes + 2).fill(1);
      const legacy = RLP.encode([new Uint8Array(bytes)]);
      const header = { ...emptyBlock().header };
      const block = { ...emptyBlock(), transactions: [typed, legacy, typed] };
      const encoded = RLP.encode([headerFields(header), [typed, RLP.decode(legacy), typed], [], []] as never);
      expect(ethereumSize(block)).toBe(encoded.length);
      expect(encodeHeader(header).length).toBeLessThan(encoded.length);
    }
  });

  it('are found by every tag', async () => {
    const { ask } = await servedChain();
    const numbers = [];
    for (const tag of ['earliest', 'finalized', 'safe', 'latest']) numbers.push((await ask('eth_getBlockByNumber', tag, false)).number);
    expect(numbers).toEqual(['0x0', '0x1', '0x2', '0x3']);
    expect(await ask('eth_blockNumber')).toBe('0x3');
  });

  it('that do not exist are null', async () => {
    const { ask } = await servedChain();
    for (const [method, ...params] of [
      ['eth_getBlockByNumber', '0x4', false],
      ['eth_getBlockByNumber', '0x7fffffffffffffff', true],
      ['eth_getBlockByHash', UNKNOWN, false],
      ['eth_getBlockReceipts', '0x4'],
      ['eth_getBlockReceipts', UNKNOWN],
      ['eth_getBlockTransactionCountByNumber', '0x4'],
      ['eth_getBlockTransactionCountByHash', UNKNOWN],
      ['eth_getUncleCountByBlockNumber', '0x4'],
      ['eth_getUncleCountByBlockHash', UNKNOWN],
      ['eth_getUncleByBlockNumberAndIndex', '0x1', '0x0'],
      ['eth_getUncleByBlockHashAndIndex', UNKNOWN, '0x0'],
      ['eth_getTransactionByHash', UNKNOWN],
      ['eth_getTransactionReceipt', UNKNOWN],
      ['eth_getTransactionByBlockNumberAndIndex', '0x2', '0x4'],
      ['eth_getTransactionByBlockNumberAndIndex', '0x2', '0x7fffffffffffffff'],
      ['eth_getTransactionByBlockHashAndIndex', UNKNOWN, '0x0'],
      ['eth_getRawTransactionByHash', UNKNOWN],
      ['eth_getRawTransactionByBlockNumberAndIndex', '0x4', '0x0'],
    ] as const) {
      expect(await ask(method, ...params), method).toBe(null);
    }
  });

  it('count their transactions and uncles', async () => {
    const { ask, node } = await servedChain();
    expect(await ask('eth_getBlockTransactionCountByNumber', '0x2')).toBe('0x4');
    expect(await ask('eth_getBlockTransactionCountByHash', node.chain.at(2).hash)).toBe('0x4');
    expect(await ask('eth_getUncleCountByBlockNumber', '0x2')).toBe('0x0');
    expect(await ask('eth_getUncleCountByBlockHash', node.chain.at(2).hash)).toBe('0x0');
  });
});

describe('the pending block', () => {
  it('stands on the head, has what waits in the pool, and nothing that only execution could know', async () => {
    const { ask, node } = await servedChain();
    const tx = node.pend(await transfer(5));
    const block = await ask('eth_getBlockByNumber', 'pending', true);
    expect(block).toMatchObject({ number: '0x4', parentHash: node.chain.head.hash, hash: null, nonce: null, miner: null, gasUsed: '0x0' });
    expect(block).toMatchObject({ transactionsRoot: ZERO_HASH, mixHash: ZERO_HASH, stateRoot: node.chain.head.header.stateRoot });
    expect(block.transactions).toMatchObject([{ hash: tx.hash, blockHash: null, blockNumber: null, transactionIndex: null }]);
    expect(await ask('eth_getBlockTransactionCountByNumber', 'pending')).toBe('0x1');
    expect(await ask('eth_getTransactionByBlockNumberAndIndex', 'pending', '0x0')).toMatchObject({ hash: tx.hash });
    expect(await ask('eth_getTransactionCount', SENDER, 'pending')).toBe('0x6');
    expect(await ask('eth_getTransactionCount', SENDER, 'latest')).toBe('0x5');
    expect(await ask('eth_getTransactionReceipt', tx.hash)).toBe(null);
  });
});

describe('transactions', () => {
  it('have the fields of their type', async () => {
    const { ask, node } = await servedChain();
    const { hash: blockHash, header } = node.chain.at(2);
    const { transactions } = await ask('eth_getBlockByNumber', '0x2', true);
    const position = { blockHash, blockNumber: '0x2', blockTimestamp: `0x${header.timestamp.toString(16)}` };
    const common = 'blockHash blockNumber blockTimestamp chainId from gas gasPrice hash input nonce r s to transactionIndex type v value';
    const fields = (extra: string) => `${common} ${extra}`.trim().split(' ').sort();
    const effective = `0x${((header.baseFeePerGas ?? 0n) + GWEI).toString(16)}`;
    expect(transactions.map((tx: object) => Object.keys(tx).sort())).toEqual([
      fields(''),
      fields('accessList yParity'),
      fields('accessList maxFeePerGas maxPriorityFeePerGas yParity'),
      fields('accessList authorizationList maxFeePerGas maxPriorityFeePerGas yParity'),
    ]);
    expect(transactions[0]).toMatchObject({
      ...position,
      transactionIndex: '0x0',
      type: '0x0',
      to: null,
      input: '0x6001',
      gasPrice: '0x2540be400',
    });
    expect(transactions[1]).toMatchObject({ type: '0x1', nonce: '0x2', accessList: [{ address: CONTRACT, storageKeys: [topic(1)] }] });
    expect(transactions[2]).toMatchObject({
      type: '0x2',
      from: SENDER,
      gasPrice: effective,
      maxFeePerGas: '0x2540be400',
      chainId: '0x7a69',
    });
    expect(transactions[2].v).toBe(transactions[2].yParity);
    expect(transactions[3].authorizationList).toMatchObject([{ chainId: '0x7a69', address: CONTRACT, nonce: '0x0' }]);
  });

  it('are the same however they are found', async () => {
    const { ask, node } = await servedChain();
    const { hash } = node.chain.at(2);
    const [first, second] = (await ask('eth_getBlockByNumber', '0x2', true)).transactions;
    expect(await ask('eth_getTransactionByHash', first.hash)).toEqual(first);
    expect(await ask('eth_getTransactionByBlockNumberAndIndex', '0x2', '0x1')).toEqual(second);
    expect(await ask('eth_getTransactionByBlockHashAndIndex', hash, '0x1')).toEqual(second);
    const bytes = toHex(node.chain.block(hash)?.transactions[1] ?? EMPTY);
    expect(await ask('eth_getRawTransactionByHash', second.hash)).toBe(bytes);
    expect(await ask('eth_getRawTransactionByBlockNumberAndIndex', '0x2', '0x1')).toBe(bytes);
    expect(await ask('eth_getRawTransactionByBlockHashAndIndex', hash, '0x1')).toBe(bytes);
  });

  it('that wait in the pool are found, and show the most that they would pay', async () => {
    const { ask } = await serve();
    const bytes = toHex(await transfer(0));
    const hash = await ask('eth_sendRawTransaction', bytes);
    expect(await ask('eth_getTransactionByHash', hash)).toMatchObject({ blockHash: null, gasPrice: '0x174876e800', nonce: '0x0' });
    expect(await ask('eth_getRawTransactionByHash', hash)).toBe(bytes);
  });

  it('that are refused are refused with a sentence and its code', async () => {
    const { call } = await serve();
    const bytes = await transfer(0);
    expect((await call('eth_sendRawTransaction', toHex(bytes))).result).toMatch(/^0x/);
    expect((await call('eth_sendRawTransaction', toHex(bytes))).error).toEqual({
      code: -32000,
      message: 'already known',
      data: { reason: 'tx/known' },
    });
    expect((await call('eth_sendRawTransaction', '0x02')).error).toMatchObject({ code: -32000, data: { reason: 'tx/malformed' } });
    expect((await call('eth_sendRawTransaction', 'zz')).error?.code).toBe(-32602);
  });
});

describe('sending', () => {
  it('waits for the receipt where the client wants to (EIP-7966)', async () => {
    const { call, ask, node } = await serve();
    const bytes = await transfer(0);
    const waiting = call('eth_sendRawTransactionSync', toHex(bytes));
    while ((await ask('txpool_status')).pending === '0x0') await ask('eth_blockNumber');
    node.mine({ bytes });
    expect((await waiting).result).toMatchObject({ status: '0x1', blockNumber: '0x1' });
  });

  it('says which transaction it was when the time is over', async () => {
    const { call, node } = await serve();
    const bytes = await transfer(0);
    const { error } = await call('eth_sendRawTransactionSync', toHex(bytes), 1);
    expect(error).toMatchObject({ code: 4, data: node.chain.decode(bytes).hash });
  });

  it('fills in what a transaction lacks', async () => {
    const { ask, node } = await serve();
    node.mine();
    const { raw, tx } = await ask('eth_fillTransaction', { from: SENDER, to: RECIPIENT, value: '0x5' });
    expect(tx).toMatchObject({ type: '0x2', from: SENDER, to: RECIPIENT, value: '0x5', gas: '0x5208', nonce: '0x0', r: '0x0', s: '0x0' });
    expect(BigInt(tx.maxFeePerGas)).toBeGreaterThan(BigInt(tx.maxPriorityFeePerGas));
    expect(raw).toMatch(/^0x02/);
  });

  it('is found again by sender and nonce', async () => {
    const { ask, node } = await serve();
    const bytes = await transfer(0);
    const hash = await ask('eth_sendRawTransaction', toHex(bytes));
    expect(await ask('eth_getTransactionBySenderAndNonce', SENDER, '0x0')).toMatchObject({ hash, blockHash: null });
    node.mine({ bytes });
    expect(await ask('eth_getTransactionBySenderAndNonce', SENDER, '0x7')).toBeNull();
  });
});

describe('receipts', () => {
  it('have the fields that geth gives them', async () => {
    const { ask, node } = await servedChain();
    const { hash: blockHash, header } = node.chain.at(2);
    const hashes: string[] = (await ask('eth_getBlockByNumber', '0x2', false)).transactions;
    const receipts = [];
    for (const hash of hashes) receipts.push(await ask('eth_getTransactionReceipt', hash));
    expect(Object.keys(receipts[0]).sort()).toEqual(
      (
        'blockHash blockNumber contractAddress cumulativeGasUsed effectiveGasPrice from gasUsed logs logsBloom status to ' +
        'transactionHash transactionIndex type'
      ).split(' '),
    );
    expect(receipts[0]).toMatchObject({
      contractAddress: CONTRACT,
      to: null,
      status: '0x1',
      effectiveGasPrice: '0x2540be400',
      type: '0x0',
    });
    const effectiveGasPrice = `0x${((header.baseFeePerGas ?? 0n) + GWEI).toString(16)}`;
    expect(receipts[2]).toMatchObject({
      status: '0x0',
      contractAddress: null,
      type: '0x2',
      effectiveGasPrice,
      cumulativeGasUsed: '0xf618',
    });
    expect(receipts[3].logs).toEqual([
      {
        address: CONTRACT,
        topics: [topic(3)],
        data: '0x01',
        blockNumber: '0x2',
        blockHash,
        blockTimestamp: `0x${header.timestamp.toString(16)}`,
        transactionHash: hashes[3],
        transactionIndex: '0x3',
        logIndex: '0x3',
        removed: false,
      },
    ]);
    expect(await ask('eth_getBlockReceipts', '0x2')).toEqual(receipts);
    expect(await ask('eth_getBlockReceipts', { blockHash })).toEqual(receipts);
    expect(await ask('eth_getBlockReceipts', 'earliest')).toEqual([]);
    // The blooms of the transactions make up the block's.
    const union = receipts.reduce((sum: bigint, { logsBloom }: { logsBloom: string }) => sum | BigInt(logsBloom), 0n);
    expect(union).toBe(BigInt(header.logsBloom));
  });
});

describe('state', () => {
  it('is read at the block that is named, by any of its names', async () => {
    const { ask, node } = await servedChain();
    const at = (block: string | { [key: string]: string | boolean }) => ask('eth_getStorageAt', CONTRACT, '0x0', block);
    expect(await at('latest')).toBe(topic(0).replace(/0$/, '3'));
    expect(await at('0x1')).toBe(topic(0).replace(/0$/, '1'));
    expect(await at(node.chain.at(2).hash)).toBe(topic(0).replace(/0$/, '2'));
    expect(await at({ blockHash: node.chain.at(2).hash, requireCanonical: true })).toBe(topic(0).replace(/0$/, '2'));
    expect(await ask('eth_getStorageAt', CONTRACT, '0x0')).toBe(topic(0).replace(/0$/, '3'));
    expect(await ask('eth_getTransactionCount', SENDER, '0x1')).toBe('0x1');
  });

  it('of accounts and contracts', async () => {
    const { ask } = await servedChain();
    expect(await ask('eth_getBalance', SENDER, 'latest')).toBe('0x21e19e0c9bab2400000');
    expect(await ask('eth_getBalance', RECIPIENT)).toBe('0x0');
    expect(await ask('eth_getTransactionCount', RECIPIENT)).toBe('0x0');
    expect(await ask('eth_getCode', CONTRACT)).toBe('0x6001');
    expect(await ask('eth_getCode', SENDER)).toBe('0x');
    expect(await ask('eth_getAccountInfo', SENDER)).toEqual({ balance: '0x21e19e0c9bab2400000', nonce: '0x5', code: '0x' });
  });

  it('of a block that is unknown, not canonical or not kept is refused as geth does', async () => {
    const { call, node } = await servedChain();
    const left = node.chain.head.hash;
    node.replace(1, [[]]);
    const errorOf = async (block: string | { [key: string]: string | boolean }) => (await call('eth_getBalance', SENDER, block)).error;
    expect(await errorOf('0x9')).toEqual({ code: -32000, message: 'header not found' });
    expect(await errorOf({ blockHash: UNKNOWN })).toEqual({ code: -32000, message: 'header for hash not found' });
    expect(await errorOf({ blockHash: left, requireCanonical: true })).toEqual({
      code: -32000,
      message: 'hash is not currently canonical',
    });
    expect(await errorOf({ blockHash: left })).toBeUndefined();
    expect(await errorOf('earliest')).toMatchObject({ code: -32000, message: 'the state of block 0 is not kept' });
  });

  it('can be proved', async () => {
    const { ask, call } = await servedChain();
    expect(await ask('eth_getProof', SENDER, ['0x1', topic(2)], 'latest')).toMatchObject({
      address: SENDER,
      nonce: '0x1',
      accountProof: ['0x6001'],
      storageProof: [
        { key: '0x1', value: '0x0', proof: ['0x6001'] },
        { key: topic(2), value: '0x1', proof: ['0x6001'] },
      ],
    });
    expect(
      (
        await call(
          'eth_getProof',
          SENDER,
          Array.from({ length: 1_025 }, () => '0x0'),
        )
      ).error?.code,
    ).toBe(-32602);
  });
});

describe('calls', () => {
  it('reach the EVM with everything that was asked, on one header', async () => {
    const { ask, node } = await servedChain();
    node.result = async () => ({ returnData: new Uint8Array([1, 2]), gasUsed: 5n, failure: null });
    const call = { from: SENDER, to: CONTRACT, gas: '0x10', maxFeePerGas: '0x1', value: '0x2', input: '0xaa', chainId: '0x7a69' };
    expect(await ask('eth_call', call, 'safe', { [RECIPIENT]: { balance: '0x1' } }, { time: '0x5' })).toBe('0x0102');
    expect(node.calls).toMatchObject([
      { from: SENDER, to: CONTRACT, gas: 16n, maxFeePerGas: 1n, value: 2n, data: new Uint8Array([0xaa]), blockOverrides: { time: 5n } },
    ]);
    expect(node.calls[0]?.header).toBe(node.chain.at(2).header);
    expect(node.calls[0]?.stateOverrides?.get(RECIPIENT)).toEqual({ balance: 1n });
    expect(await ask('eth_estimateGas', { to: CONTRACT })).toBe('0x5');
    expect(await ask('eth_createAccessList', { to: CONTRACT })).toEqual({
      accessList: [{ address: CONTRACT, storageKeys: [topic(0)] }],
      gasUsed: '0x5',
    });
  });

  it('for another chain are refused', async () => {
    const { call } = await servedChain();
    expect((await call('eth_call', { chainId: '0x1' })).error).toMatchObject({ code: -32602, message: expect.stringContaining('chainId') });
  });

  const revertWith = (returnData: string): CallResult => ({
    returnData: fromHex(returnData),
    gasUsed: 1n,
    failure: { reverted: true, message: 'execution reverted' },
  });
  const word = (value: number) => value.toString(16).padStart(64, '0');

  it.each([
    ['nothing', '0x', 'execution reverted'],
    ['a text', `0x08c379a0${word(32)}${word(10)}${'75736572206572726f72'.padEnd(64, '0')}`, 'execution reverted: user error'],
    ['a panic', `0x4e487b71${word(1)}`, 'execution reverted: assert(false)'],
    ['an unknown panic', `0x4e487b71${word(0x99)}`, 'execution reverted: unknown panic code: 0x99'],
    ['an error of its own', '0xdeadbeef', 'execution reverted'],
    ['a text that claims to be longer than it is', `0x08c379a0${word(32)}${word(1_000)}`, 'execution reverted'],
    ['a text that lies elsewhere', `0x08c379a0${'f'.repeat(64)}`, 'execution reverted'],
    ['half a panic', '0x4e487b7100', 'execution reverted'],
  ])('that revert with %s are answered with code 3 and what was returned', async (_, data, message) => {
    const { call, node } = await servedChain();
    node.result = async () => revertWith(data);
    for (const method of ['eth_call', 'eth_estimateGas']) {
      expect((await call(method, { to: CONTRACT })).error).toEqual({ code: 3, message, data });
    }
    expect((await call('eth_createAccessList', { to: CONTRACT })).result).toMatchObject({ error: 'execution reverted' });
  });

  it('that fail otherwise are answered with -32000 and why', async () => {
    const { call, node } = await servedChain();
    node.result = async () => ({ returnData: EMPTY, gasUsed: 1n, failure: { reverted: false, message: 'out of gas' } });
    expect((await call('eth_call', { to: CONTRACT })).error).toEqual({ code: -32000, message: 'out of gas' });
    expect((await call('eth_call', { to: CONTRACT }, '0x99')).error).toEqual({ code: -32000, message: 'header not found' });
  });
});

describe('the node', () => {
  it('says who it is and how far', async () => {
    const { ask, node } = await serve();
    expect(await ask('eth_chainId')).toBe('0x7a69');
    expect(await ask('eth_accounts')).toEqual([]);
    expect(await ask('eth_syncing')).toBe(false);
    node.progress = { startingBlock: 1, currentBlock: 2, highestBlock: 300 };
    expect(await ask('eth_syncing')).toEqual({ startingBlock: '0x1', currentBlock: '0x2', highestBlock: '0x12c' });
  });
});

describe('the pool', () => {
  it('is shown whole, by sender, and in lines', async () => {
    const { ask, node } = await serve();
    const { hash } = node.pend(await transfer(0));
    const sender = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
    expect(await ask('txpool_status')).toEqual({ pending: '0x1', queued: '0x0' });
    expect(await ask('txpool_content')).toMatchObject({ pending: { [sender]: { '0': { hash } } }, queued: {} });
    expect(await ask('txpool_contentFrom', SENDER)).toMatchObject({ pending: { '0': { hash } }, queued: {} });
    expect(await ask('txpool_contentFrom', RECIPIENT)).toEqual({ pending: {}, queued: {} });
    expect(await ask('txpool_inspect')).toEqual({
      pending: { [sender]: { '0': '0x70997970C51812dc3A010C7d01b50e0d17dc79C8: 5 wei + 21000 gas × 100000000000 wei' } },
      queued: {},
    });
  });

  it('is not shown when it is larger than a reply may be', async () => {
    const { call, node } = await serve({ limits: { maxReplyBytes: 2_000 } });
    for (let nonce = 0; nonce < 5; nonce++) node.pend(await transfer(nonce));
    expect((await call('txpool_content')).error?.code).toBe(-32003);
  });
});

function emptyBlock(): Block {
  const header = {
    parentHash: UNKNOWN,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: SENDER,
    stateRoot: UNKNOWN,
    transactionsRoot: UNKNOWN,
    receiptsRoot: UNKNOWN,
    logsBloom: toHex(new Uint8Array(256)),
    difficulty: 1n,
    number: 5,
    gasLimit: 5n,
    gasUsed: 0n,
    timestamp: 9,
    extraData: '0x' as const,
    mixHash: UNKNOWN,
    nonce: '0x0000000000000000' as const,
    baseFeePerGas: 7n,
    withdrawalsRoot: EMPTY_TRIE_ROOT,
  };
  return { header, seal: EMPTY, payload: EMPTY, transactions: [] };
}
