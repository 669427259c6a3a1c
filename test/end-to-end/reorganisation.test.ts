/**
 * Two miners on two sides of a cut: the lighter side's blocks are left when it heals, and what they held is not lost.
 * Afterwards a node that was not there follows the chain from its genesis.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { callLogger, deployLogger, LOGGER_TOPIC, transactionOf } from './contracts.ts';
import { QUICK, startNode, Testnet } from './networks.ts';
import { answerTo, ask, blockAt, heightOf, type RpcBlock, type RpcLog, receiptOf, Subscription, statusOf } from './rpc.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const directory = temporary();
const ALL = [0, 1, 2, 3];
/** Nodes 0 and 2 mine: one on each side. */
const LOSERS = [0, 1];
const WINNERS = [2, 3];
const WORD = 0x5eedn;

describe('a network that is cut in two', () => {
  let net: Testnet;
  let contract: string;
  let payment: string;
  let abandoned: string;
  let heads: Subscription<RpcBlock>;
  let logs: Subscription<RpcLog>;
  /** Polled by a client of the side that will lose. */
  const filters = { logs: '', blocks: '' };

  beforeAll(async () => {
    net = await Testnet.start(processes, directory, ...QUICK);
    const creation = await deployLogger(net.url(1), 5);
    const receipts = await until('the contract is on every node', async () => {
      const all = await Promise.all(net.urls(...ALL).map((url) => receiptOf(url, creation)));
      return all.every((receipt) => receipt !== null) && all;
    });
    contract = String(receipts[0]?.contractAddress);
    heads = await Subscription.open<RpcBlock>(net.url(1), 'newHeads');
    logs = await Subscription.open<RpcLog>(net.url(1), 'logs', { address: contract, topics: [LOGGER_TOPIC] });
    filters.logs = await ask(net.url(1), 'eth_newFilter', { address: contract });
    filters.blocks = await ask(net.url(1), 'eth_newBlockFilter');
  });

  it('goes on with a chain on each side', async () => {
    const { code } = await processes.runSynod('testnet', 'partition', LOSERS.join(','), WINNERS.join(','), '--dir', directory);
    expect(code).toBe(0);
    await until('each node sees only its side', async () => {
      const statuses = await Promise.all(net.urls(...ALL).map(statusOf));
      return statuses.every(({ peers, partition }) => peers === 1 && partition !== null);
    });
    const height = Math.max(...(await Promise.all(net.urls(...ALL).map(heightOf))));
    await Promise.all([LOSERS, WINNERS].map((side) => net.agreement(side, height + 2)));
    await until('the sides differ at one height', async () => {
      const [left, right] = await Promise.all(net.urls(0, 2).map((url) => blockAt(url, height + 2)));
      return left?.hash !== right?.hash;
    });
  });

  it.each([
    { sides: [[0, 1, 2, 3]], code: 'testnet/partition' },
    {
      sides: [
        [0, 1],
        [1, 2],
      ],
      code: 'testnet/partition',
    },
    { sides: [[0, 7], [1]], code: 'testnet/no-such-node' },
  ])('cannot be cut into $sides', async ({ sides, code }) => {
    await expect(net.control('partition', sides)).rejects.toMatchObject({ code });
  });

  it('mines a payment on the side that will lose', async () => {
    payment = await callLogger(net.url(1), 5, contract, WORD);
    const receipt = await until('the payment is mined', () => receiptOf(net.url(1), payment));
    abandoned = receipt.blockHash;
    await net.command(0, 'miner_stop');
    const first = await until('its log is pushed', () => logs.received[0]);
    expect(first).toMatchObject({ blockHash: abandoned, transactionHash: payment, removed: false });
    expect(BigInt(first.data)).toBe(WORD);
    expect(await transactionOf(net.url(3), payment)).toBeNull();
  });

  it('has one chain again once it is healed, with more work behind it', async () => {
    await until('the other side has more work', async () => {
      const [loser, winner] = await Promise.all([statusOf(net.url(0)), statusOf(net.url(2))]);
      return BigInt(winner?.weight ?? 0) > BigInt(loser?.weight ?? 0);
    });
    const winner = await statusOf(net.url(2));
    const { code } = await processes.runSynod('testnet', 'heal', '--dir', directory);
    expect(code).toBe(0);
    const block = await net.agreement(ALL, winner.head.number);
    expect((await blockAt(net.url(1), winner.head.number))?.hash).toBe(winner.head.hash);
    expect(block.hash).not.toBe(abandoned);
    const statuses = await Promise.all(net.urls(...LOSERS).map(statusOf));
    for (const { reorgs, partition } of statuses) {
      expect(reorgs.count).toBeGreaterThan(0);
      expect(reorgs.deepest).toBeGreaterThan(1);
      expect(partition).toBeNull();
    }
  });

  it('mines the payment again on the chain that won', async () => {
    const receipts = await until('the payment is mined everywhere in one block', async () => {
      const all = await Promise.all(net.urls(...ALL).map((url) => receiptOf(url, payment)));
      return all.every((receipt) => receipt !== null && receipt.blockHash === all[0]?.blockHash) && all;
    });
    expect(receipts[0]?.blockHash).not.toBe(abandoned);
    expect(receipts[0]?.status).toBe('0x1');
  });

  it('tells who watches that the log was undone and done again', async () => {
    await until('three messages about the log', () => logs.received.length >= 3);
    const [done, undone, again] = logs.received;
    expect(done).toMatchObject({ blockHash: abandoned, transactionHash: payment, removed: false });
    expect(undone).toMatchObject({ blockHash: abandoned, transactionHash: payment, removed: true });
    expect(again).toMatchObject({ transactionHash: payment, removed: false });
    expect(again?.blockHash).not.toBe(abandoned);
    // Each head is the child of one that was pushed before it, also where the chain forks back.
    const known = new Set(heads.received.map(({ hash }) => hash));
    const strays = heads.received.slice(1).filter(({ parentHash }) => !known.has(parentHash));
    expect(strays.length).toBeLessThanOrEqual(1);
    expect(heads.received.some(({ hash }) => hash === abandoned)).toBe(true);
    expect(heads.received.some(({ hash }) => hash === again?.blockHash)).toBe(true);
  });

  it('tells who polls the same, in the same order', async () => {
    const changes: RpcLog[] = [];
    await until('three changes of the filter', async () => {
      changes.push(...(await ask<RpcLog[]>(net.url(1), 'eth_getFilterChanges', filters.logs)));
      return changes.length >= 3;
    });
    expect(changes.map(({ blockHash, removed }) => [blockHash, removed])).toEqual(
      logs.received.slice(0, 3).map(({ blockHash, removed }) => [blockHash, removed]),
    );
    const blocks = await ask<string[]>(net.url(1), 'eth_getFilterChanges', filters.blocks);
    expect(blocks.indexOf(abandoned)).toBeGreaterThanOrEqual(0);
    expect(blocks.indexOf(String(changes[2]?.blockHash))).toBeGreaterThan(blocks.indexOf(abandoned));
  });

  it('finds by height what is canonical only, and by its hash what was left', async () => {
    const url = net.url(1);
    const { blockHash } = (await receiptOf(url, payment)) ?? {};
    const all = await ask<RpcLog[]>(url, 'eth_getLogs', { address: contract, fromBlock: 'earliest', toBlock: 'latest' });
    expect(all.map((log) => [log.blockHash, log.removed])).toEqual([[blockHash, false]]);
    const left = await ask<RpcLog[]>(url, 'eth_getLogs', { address: contract, blockHash: abandoned });
    expect(left.map((log) => log.blockHash)).toEqual([abandoned]);
    expect(await ask<RpcBlock>(url, 'eth_getBlockByHash', abandoned, false)).toMatchObject({ hash: abandoned });
    // EIP-1898: who reads a state by its block's hash may ask that the block still counts.
    const reads = (requireCanonical: boolean) => answerTo(url, 'eth_getCode', contract, { blockHash: abandoned, requireCanonical });
    expect((await reads(false)).result).toMatch(/^0x.{20,}/);
    expect((await reads(true)).error).toMatchObject({ code: -32000, message: 'hash is not currently canonical' });
  });

  it('is joined by a node that was not there', async () => {
    await net.command(0, 'miner_start');
    const { addresses } = await net.command<{ addresses: string[] }>(3, 'admin_nodeInfo');
    const late = await startNode(processes, temporary(), `${directory}/genesis.json`, '--bootnodes', addresses.join(','));
    await until('the late node has the head of the others', async () => {
      const [mine, theirs] = await Promise.all([statusOf(late.url), statusOf(net.url(0))]);
      return mine.head.number > 2 && mine.head.hash === theirs.head.hash && mine.head.stateRoot === theirs.head.stateRoot;
    });
    expect((await receiptOf(late.url, payment))?.blockHash).toBe((await receiptOf(net.url(0), payment))?.blockHash);
    expect(await late.process.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
