import { Bloom } from '@ethereumjs/vm';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { bloomBits, bloomOf, mayContain } from '../../src/rpc/bloom.ts';
import type { LogPlace } from '../../src/rpc/format/receipt.ts';
import { type Setup, serve } from './client.ts';
import { CONTRACT, log, RECIPIENT, topic, transfer } from './fake-node.ts';

/** Block n has a transaction with logs [n] and [n, 9]; block 0 has none. */
async function servedLogs(blocks: number, limits = {}): Promise<Setup> {
  const setup = await serve({ limits });
  for (let number = 1; number <= blocks; number++) {
    setup.node.mine({ bytes: await transfer(number - 1), logs: [log(number), log(number, 9)] });
  }
  return setup;
}

const places = (logs: { blockNumber: string; logIndex: string }[]) => logs.map(({ blockNumber, logIndex }) => `${blockNumber}/${logIndex}`);

describe('the bloom', () => {
  it('is the one that Ethereum computes', () => {
    const logs = [log(1), { ...log(2, 3), address: RECIPIENT }];
    const reference = new Bloom();
    for (const { address, topics } of logs) for (const item of [address, ...topics]) reference.add(fromHex(item));
    expect(bloomOf(logs)).toBe(toHex(reference.bitvector));
    expect(bloomOf([])).toBe(toHex(new Uint8Array(256)));
  });

  it('contains what was put in, and hardly anything else', () => {
    const bloom = bloomOf([log(1), log(2, 3)]);
    for (const item of [CONTRACT, topic(1), topic(2), topic(3)]) expect(mayContain(bloom, bloomBits(item))).toBe(true);
    const others = Array.from({ length: 100 }, (_, at) => topic(at + 100));
    expect(others.filter((item) => mayContain(bloom, bloomBits(item)))).toEqual([]);
  });
});

describe('eth_getLogs', () => {
  it('finds the logs of a range in order, with their places', async () => {
    const { ask } = await servedLogs(4);
    const logs = await ask('eth_getLogs', { fromBlock: '0x2', toBlock: '0x3' });
    expect(places(logs)).toEqual(['0x2/0x0', '0x2/0x1', '0x3/0x0', '0x3/0x1']);
    expect(logs[0]).toMatchObject({ removed: false, transactionIndex: '0x0', topics: [topic(2)] });
  });

  it('is about the latest block unless told otherwise, and takes every tag', async () => {
    const { ask } = await servedLogs(4);
    expect(places(await ask('eth_getLogs', {}))).toEqual(['0x4/0x0', '0x4/0x1']);
    expect(places(await ask('eth_getLogs', { fromBlock: 'earliest', toBlock: 'finalized', topics: [null, topic(9)] }))).toEqual([
      '0x1/0x1',
      '0x2/0x1',
    ]);
    expect(places(await ask('eth_getLogs', { fromBlock: 'safe' }))).toHaveLength(4);
  });

  it('matches addresses and topics by position, alternatives and wildcards', async () => {
    const { ask } = await servedLogs(3);
    const find = async (filter: object) => places(await ask('eth_getLogs', { fromBlock: '0x0', ...filter }));
    expect(await find({ topics: [topic(2)] })).toEqual(['0x2/0x0', '0x2/0x1']);
    expect(await find({ topics: [[topic(1), topic(3)], topic(9)] })).toEqual(['0x1/0x1', '0x3/0x1']);
    expect(await find({ topics: [null, [topic(9)]] })).toEqual(['0x1/0x1', '0x2/0x1', '0x3/0x1']);
    expect(await find({ topics: [topic(9)] })).toEqual([]);
    expect(await find({ topics: [[], []] })).toEqual(['0x1/0x1', '0x2/0x1', '0x3/0x1']);
    expect(await find({ address: RECIPIENT })).toEqual([]);
    expect(await find({ address: [RECIPIENT, CONTRACT], topics: [topic(3)] })).toEqual(['0x3/0x0', '0x3/0x1']);
  });

  it('finds the logs of one block by its hash, canonical or not', async () => {
    const { ask, call, node } = await servedLogs(3);
    const left = node.chain.head.hash;
    node.replace(1, [[]]);
    expect(places(await ask('eth_getLogs', { blockHash: left }))).toEqual(['0x3/0x0', '0x3/0x1']);
    expect(await ask('eth_getLogs', { fromBlock: '0x3' })).toEqual([]);
    expect((await call('eth_getLogs', { blockHash: topic(0xee) })).error).toEqual({ code: -32000, message: 'unknown block' });
  });

  it('counts log indices over the block and skips transactions without logs', async () => {
    const { ask, node } = await serve();
    node.mine(
      { bytes: await transfer(0), logs: [log(1)] },
      { bytes: await transfer(1) },
      { bytes: await transfer(2), logs: [log(1), log(2)] },
    );
    const logs = await ask('eth_getLogs', { topics: [topic(1)] });
    expect(logs.map(({ transactionIndex, logIndex }: { [key: string]: string }) => [transactionIndex, logIndex])).toEqual([
      ['0x0', '0x0'],
      ['0x2', '0x1'],
    ]);
    const { transactions } = await ask('eth_getBlockByNumber', 'latest', false);
    expect(logs[1].transactionHash).toBe(transactions[2]);
  });

  it('refuses heights that are still to come, as geth does: nothing found would look like nothing there', async () => {
    const { call } = await servedLogs(2);
    for (const toBlock of ['0x9', '0x7fffffffffffffff', '0xffffffffffffffff']) {
      expect((await call('eth_getLogs', { fromBlock: '0x2', toBlock })).error).toMatchObject({ code: -32602 });
    }
  });

  it('refuses ranges that are reversed or too long, and answers that are too many', async () => {
    const { ask, call } = await servedLogs(6, { maxLogRangeBlocks: 5, maxLogResults: 4 });
    expect((await call('eth_getLogs', { fromBlock: '0x2', toBlock: '0x1' })).error?.code).toBe(-32602);
    expect((await call('eth_getLogs', { fromBlock: '0x1', toBlock: '0x6' })).error).toEqual({
      code: -32005,
      message: 'exceed maximum block range: 5',
    });
    expect((await call('eth_getLogs', { fromBlock: '0x1', toBlock: '0x3' })).error).toEqual({
      code: -32005,
      message: 'query returned more than 4 results; ask for fewer blocks',
    });
    expect(await ask('eth_getLogs', { fromBlock: '0x1', toBlock: '0x2' })).toHaveLength(4);
    expect(await ask('eth_getLogs', { fromBlock: '0x1', toBlock: '0x5', topics: [null, topic(9), topic(9)] })).toEqual([]);
  });

  it('does not collect what is larger than a reply may be', async () => {
    const { call, node } = await serve({ limits: { maxReplyBytes: 5_000 } });
    const big = { ...log(1), data: `0x${'00'.repeat(3_000)}` as const };
    node.mine({ bytes: await transfer(0), logs: [big] });
    expect((await call('eth_getLogs', {})).error?.code).toBe(-32003);
  });

  it('reads only blocks whose bloom may match', async () => {
    const { ask, node } = await servedLogs(5);
    const read: string[] = [];
    const receipts = node.chain.receipts.bind(node.chain);
    node.chain.receipts = (hash) => {
      read.push(hash);
      return receipts(hash);
    };
    await ask('eth_getLogs', { fromBlock: '0x0', topics: [topic(3)] });
    expect(read).toEqual([node.chain.at(3).hash]);
  });

  it('answers from one branch, whatever happens to the chain meanwhile', async () => {
    const { ask, node } = await servedLogs(5);
    const before = [1, 2, 3, 4, 5].map((number) => node.chain.at(number).hash);
    const header = node.chain.header.bind(node.chain);
    let isReplaced = false;
    node.chain.header = (hash) => {
      // In the middle of the walk down, four blocks are left for five others.
      if (!isReplaced && hash === before[2]) {
        isReplaced = true;
        node.replace(4, [[], [], [], [], []]);
      }
      return header(hash);
    };
    const logs: LogPlace['block'][] = await ask('eth_getLogs', { fromBlock: '0x1', toBlock: '0x5', topics: [null, topic(9)] });
    expect(isReplaced).toBe(true);
    expect(logs.map((entry) => (entry as unknown as { blockHash: string }).blockHash)).toEqual(before);
  });
});
