/** Unmodified viem and ethers against the server: what they make of the shapes that other tests only describe. */
import { JsonRpcProvider, Wallet, WebSocketProvider } from 'ethers';
import { createPublicClient, createWalletClient, defineChain, http, parseAbi, webSocket } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { type Setup, serve } from './client.ts';
import { CHAIN_ID } from './fake-chain.ts';
import { CONTRACT, log, RECIPIENT, SENDER, topic, transfer } from './fake-node.ts';

const KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';
const GWEI = 1_000_000_000n;

function chainOf({ url }: Setup) {
  return defineChain({
    id: CHAIN_ID,
    name: 'synod',
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [url], webSocket: [url.replace('http', 'ws')] } },
  });
}

describe('viem', () => {
  it('connects, reads, sends and waits over HTTP, in batches', async () => {
    const setup = await serve();
    const { node, url } = setup;
    node.mine();
    const chain = chainOf(setup);
    const client = createPublicClient({ chain, transport: http(url, { batch: true }), pollingInterval: 20 });
    const wallet = createWalletClient({ chain, transport: http(url), account: privateKeyToAccount(KEY) });
    const [id, balance, block, fees, history] = await Promise.all([
      client.getChainId(),
      client.getBalance({ address: SENDER }),
      client.getBlock({ blockTag: 'safe' }),
      client.estimateFeesPerGas(),
      client.getFeeHistory({ blockCount: 2, rewardPercentiles: [50] }),
    ]);
    expect([id, balance, block.number]).toEqual([CHAIN_ID, 10n ** 22n, 0n]);
    expect(fees.maxPriorityFeePerGas).toBe(GWEI);
    expect(history.reward).toHaveLength(2);

    const hash = await wallet.sendTransaction({ to: RECIPIENT, value: 1n });
    const pending = await client.getTransaction({ hash });
    expect(pending).toMatchObject({ from: SENDER, blockNumber: null, type: 'eip1559' });
    expect(await client.getBlock({ blockTag: 'pending' })).toMatchObject({ number: 2n, hash: null, transactions: [hash] });
    const waiting = client.waitForTransactionReceipt({ hash });
    node.mine({ bytes: fromHex(await client.request({ method: 'eth_getRawTransactionByHash' as never, params: [hash] as never })) });
    expect(await waiting).toMatchObject({
      status: 'success',
      blockNumber: 2n,
      transactionHash: hash,
      effectiveGasPrice: expect.any(BigInt),
    });
    expect((await client.getBlock({ includeTransactions: true })).transactions).toMatchObject([{ hash, transactionIndex: 0 }]);
  });

  it('understands why a call reverted', async () => {
    const setup = await serve();
    const client = createPublicClient({ chain: chainOf(setup), transport: http(setup.url) });
    const word = (value: number) => value.toString(16).padStart(64, '0');
    const data = fromHex(`0x08c379a0${word(32)}${word(5)}${'6e6f706521'.padEnd(64, '0')}`);
    setup.node.result = async () => ({ returnData: data, gasUsed: 1n, failure: { reverted: true, message: 'execution reverted' } });
    const abi = parseAbi(['function poke() returns (uint256)']);
    await expect(client.readContract({ abi, address: CONTRACT, functionName: 'poke' })).rejects.toThrow('nope!');
  });

  it('watches blocks and events by polling filters', async () => {
    const setup = await serve();
    const client = createPublicClient({ chain: chainOf(setup), transport: http(setup.url), pollingInterval: 20 });
    const seen = Promise.withResolvers<unknown>();
    onTestFinished(client.watchEvent({ address: CONTRACT, onLogs: ([first]) => seen.resolve(first) }));
    // The filter must stand before the block comes.
    const filter = await client.createBlockFilter();
    const polling = setInterval(async () => setup.node.mine({ bytes: await transfer(0), logs: [log(1)] }), 30);
    onTestFinished(() => clearInterval(polling));
    expect(await seen.promise).toMatchObject({ address: CONTRACT, topics: [topic(1)], removed: false });
    expect((await client.getFilterChanges({ filter })).length).toBeGreaterThan(0);
    expect(await client.uninstallFilter({ filter })).toBe(true);
  });

  it('subscribes over WebSocket', async () => {
    const setup = await serve();
    const transport = webSocket(setup.url.replace('http', 'ws'));
    const client = createPublicClient({ chain: chainOf(setup), transport });
    const heads = Promise.withResolvers<bigint | null>();
    const logs = Promise.withResolvers<unknown>();
    const pending = Promise.withResolvers<unknown>();
    client.watchBlocks({ onBlock: (block: { readonly number: bigint | null } | undefined) => heads.resolve(block?.number ?? null) });
    client.watchEvent({ onLogs: ([first]) => logs.resolve(first) });
    client.watchPendingTransactions({ onTransactions: ([first]) => pending.resolve(first) });
    const bytes = await transfer(0);
    const turns = setInterval(() => {
      setup.node.pend(bytes);
      setup.node.mine({ bytes, logs: [log(1)] });
    }, 20);
    onTestFinished(() => clearInterval(turns));
    expect(await heads.promise).toBeGreaterThan(0n);
    expect(await logs.promise).toMatchObject({ topics: [topic(1)], removed: false });
    expect(await pending.promise).toBe(setup.node.chain.decode(bytes).hash);
    (await transport({ chain: chainOf(setup) }).value?.getRpcClient())?.close();
  });
});

describe('ethers', () => {
  it('connects, reads, sends and waits', async () => {
    const { node, url } = await serve();
    node.mine();
    const provider = new JsonRpcProvider(url, undefined, { polling: true, pollingInterval: 20, cacheTimeout: -1 });
    onTestFinished(() => provider.destroy());
    const wallet = new Wallet(KEY, provider);
    expect((await provider.getNetwork()).chainId).toBe(BigInt(CHAIN_ID));
    const [block, pending, balance] = await Promise.all([
      provider.getBlock('finalized'),
      provider.getBlock('pending'),
      provider.getBalance(SENDER),
    ]);
    expect([block?.number, pending?.number, balance]).toEqual([0, 2, 10n ** 22n]);
    const sent = await wallet.sendTransaction({ to: RECIPIENT, value: 1n });
    expect(await provider.getTransaction(sent.hash)).toMatchObject({ blockNumber: null, type: 2 });
    const tx = node.pool.get(sent.hash as never);
    node.mine({ bytes: tx?.bytes ?? new Uint8Array(0), logs: [log(1)] });
    const receipt = await sent.wait();
    expect(receipt).toMatchObject({ status: 1, blockNumber: 2, from: '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266' });
    expect(await provider.getLogs({ fromBlock: 0, topics: [topic(1)] })).toMatchObject([
      { transactionHash: sent.hash, index: 0, removed: false },
    ]);
    expect((await provider.getBlock(2, true))?.prefetchedTransactions).toMatchObject([{ hash: sent.hash }]);
  });

  it('understands reverts and refusals', async () => {
    const { node, url } = await serve();
    const provider = new JsonRpcProvider(url, undefined, { cacheTimeout: -1 });
    onTestFinished(() => provider.destroy());
    node.result = async () => ({ returnData: fromHex('0xdeadbeef'), gasUsed: 1n, failure: { reverted: true, message: 'x' } });
    await expect(provider.call({ to: CONTRACT })).rejects.toMatchObject({ code: 'CALL_EXCEPTION', data: '0xdeadbeef' });
    const bytes = toHex(await transfer(0));
    await provider.broadcastTransaction(bytes);
    await expect(provider.broadcastTransaction(bytes)).rejects.toThrow('already known');
  });

  it('subscribes over WebSocket', async () => {
    const { node, url } = await serve();
    const provider = new WebSocketProvider(url.replace('http', 'ws'));
    onTestFinished(() => provider.destroy());
    // ethers throws away, as an unhandled rejection, what arrives before it knows the network.
    await provider.getNetwork();
    const head = Promise.withResolvers<number>();
    const event = Promise.withResolvers<unknown>();
    await provider.on('block', (number: number) => head.resolve(number));
    await provider.on({ topics: [topic(1)] }, (found: unknown) => event.resolve(found));
    const bytes = await transfer(0);
    const turns = setInterval(() => node.mine({ bytes, logs: [log(1)] }), 20);
    onTestFinished(() => clearInterval(turns));
    expect(await head.promise).toBeGreaterThan(0);
    expect(await event.promise).toMatchObject({ topics: [topic(1)] });
  });
});
