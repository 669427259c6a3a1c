import { describe, expect, it } from 'vitest';
import { FilterStore } from '../../src/rpc/filters.ts';
import { DEFAULT_LIMITS, ReplySize } from '../../src/rpc/limits.ts';
import { LogReader } from '../../src/rpc/logs.ts';
import { serve } from './client.ts';
import { FakeNode, log, topic, transfer } from './fake-node.ts';

const places = (logs: { blockNumber: string; logIndex: string; removed: boolean }[]) =>
  logs.map(({ blockNumber, logIndex, removed }) => `${blockNumber}/${logIndex}${removed ? ' removed' : ''}`);

describe('filters', () => {
  it('of blocks give each new canonical block once', async () => {
    const { ask, node } = await serve();
    const id = await ask('eth_newBlockFilter');
    expect(await ask('eth_getFilterChanges', id)).toEqual([]);
    const first = node.mine().hash;
    const second = node.mine().hash;
    expect(await ask('eth_getFilterChanges', id)).toEqual([first, second]);
    node.replace(1, [[], []]);
    expect(await ask('eth_getFilterChanges', id)).toEqual([node.chain.at(2).hash, node.chain.at(3).hash]);
    expect(await ask('eth_getFilterChanges', id)).toEqual([]);
  });

  it('of logs are refused for a range that no block can be in', async () => {
    const { call } = await serve();
    expect((await call('eth_newFilter', { fromBlock: '0x5', toBlock: '0x4' })).error?.code).toBe(-32602);
    expect((await call('eth_newFilter', { fromBlock: '0x5', toBlock: '0x5' })).error).toBeUndefined();
  });

  it('of transactions give hashes, or the whole of what can still be found', async () => {
    const { ask, node } = await serve();
    const hashes = await ask('eth_newPendingTransactionFilter');
    const whole = await ask('eth_newPendingTransactionFilter', true);
    const first = node.pend(await transfer(0));
    const second = node.pend(await transfer(1));
    node.mine({ bytes: first.bytes });
    expect(await ask('eth_getFilterChanges', hashes)).toEqual([first.hash, second.hash]);
    expect(await ask('eth_getFilterChanges', whole)).toMatchObject([
      { hash: first.hash, blockNumber: '0x1' },
      { hash: second.hash, blockNumber: null },
    ]);
  });

  it('of logs give what matches, and take back what a reorganisation undoes, last first', async () => {
    const { ask, node } = await serve();
    const id = await ask('eth_newFilter', { topics: [topic(1)] });
    node.mine({ bytes: await transfer(0), logs: [log(1), log(2), log(1)] });
    node.mine({ bytes: await transfer(1), logs: [log(1)] });
    expect(places(await ask('eth_getFilterChanges', id))).toEqual(['0x1/0x0', '0x1/0x2', '0x2/0x0']);
    node.replace(2, [[{ bytes: await transfer(0), logs: [log(1)] }], [], []]);
    expect(places(await ask('eth_getFilterChanges', id))).toEqual(['0x2/0x0 removed', '0x1/0x2 removed', '0x1/0x0 removed', '0x1/0x0']);
    expect(places(await ask('eth_getFilterLogs', id))).toEqual([]);
  });

  it('of logs answer their whole range as eth_getLogs would', async () => {
    const { ask, node } = await serve();
    node.mine({ bytes: await transfer(0), logs: [log(1)] });
    node.mine({ bytes: await transfer(1), logs: [log(1)] });
    const id = await ask('eth_newFilter', { fromBlock: 'earliest', topics: [topic(1)] });
    expect(places(await ask('eth_getFilterLogs', id))).toEqual(['0x1/0x0', '0x2/0x0']);
    expect(await ask('eth_getFilterChanges', id)).toEqual([]);
  });

  it('are forgotten when uninstalled, and unknown ones are an error', async () => {
    const { ask, call } = await serve();
    const id = await ask('eth_newBlockFilter');
    expect((await call('eth_getFilterLogs', id)).error?.message).toBe('filter not found');
    expect(await ask('eth_uninstallFilter', id)).toBe(true);
    expect(await ask('eth_uninstallFilter', id)).toBe(false);
    expect((await call('eth_getFilterChanges', id)).error).toEqual({ code: -32000, message: 'filter not found' });
    expect((await call('eth_getFilterChanges', 5)).error?.code).toBe(-32602);
  });

  it('have ids that cannot be guessed', async () => {
    const { ask } = await serve();
    expect(await ask('eth_newBlockFilter')).toMatch(/^0x[0-9a-f]{32}$/);
  });

  it('are bounded in number', async () => {
    const { ask, call } = await serve({ limits: { maxFilters: 2 } });
    const first = await ask('eth_newBlockFilter');
    await ask('eth_newBlockFilter');
    expect((await call('eth_newFilter', {})).error?.code).toBe(-32005);
    await ask('eth_uninstallFilter', first);
    expect((await call('eth_newFilter', {})).error).toBeUndefined();
  });

  it('that overflow are dropped rather than answered with gaps', async () => {
    const { ask, call, node } = await serve({ limits: { maxFilterChanges: 2 } });
    const id = await ask('eth_newBlockFilter');
    for (let block = 0; block < 3; block++) node.mine();
    expect((await call('eth_getFilterChanges', id)).error?.message).toBe('filter not found');
  });

  it('are forgotten when nobody has polled them for a while, whether or not blocks come', async () => {
    const node = new FakeNode();
    let nowMs = 0;
    const limits = { ...DEFAULT_LIMITS, filterIdleMs: 1_000 };
    const filters = new FilterStore(node, new LogReader(node.chain, limits), limits, () => nowMs);
    const polled = filters.addBlocks();
    const idle = filters.addBlocks();
    nowMs = 800;
    await filters.changes(polled, new ReplySize(1_000));
    nowMs = 1_700;
    await expect(filters.changes(idle, new ReplySize(1_000))).rejects.toMatchObject({ code: 'rpc/filter-not-found' });
    await filters.changes(polled, new ReplySize(1_000));
    nowMs = 9_000;
    filters.onHead(node.chain.replace(0, [[]]));
    expect(filters.size).toBe(0);
  });
});
