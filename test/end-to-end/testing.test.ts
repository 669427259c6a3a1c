/**
 * An example of a dapp's own test suite with `synod/testing` and viem: what the indexer of a payment must bear. It is also the
 * test of that library, over real processes.
 */
import { existsSync } from 'node:fs';
import { startNetwork, type TestNetwork } from 'synod/testing';
import { createPublicClient, createWalletClient, defineChain, type Hex, http, parseEther } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const SHOP = '0x5409000000000000000000000000000000005409';
const TIMEOUT_MS = 240_000;

describe('a shop that is paid on chain', { timeout: TIMEOUT_MS }, () => {
  let network: TestNetwork;
  const chain = () =>
    defineChain({
      id: network.options.chainId,
      name: 'test network',
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: [network.url] } },
    });
  const reader = (index = 0) => createPublicClient({ chain: chain(), transport: http(network.node(index).url), pollingInterval: 200 });
  const pay = (index: number): Promise<Hex> => {
    const account = privateKeyToAccount(network.accounts[index]?.privateKey ?? '0x');
    return createWalletClient({ account, chain: chain(), transport: http(network.url) }).sendTransaction({
      to: SHOP,
      value: parseEther('1'),
    });
  };

  beforeAll(async () => {
    network = await startNetwork({ engine: 'pow', nodes: 3, miners: 2, blockTimeSeconds: 1, hashRateLimit: 20_000 });
  }, TIMEOUT_MS);
  afterAll(() => network.stop(), TIMEOUT_MS);

  it('sees a payment in a block, and on every node', async () => {
    const hash = await pay(0);
    const { blockNumber } = await reader().waitForTransactionReceipt({ hash });
    const { number } = await network.agreed({ number: Number(blockNumber) });
    expect(BigInt(number)).toBe(blockNumber);
    expect(await reader(2).getBalance({ address: SHOP })).toBe(parseEther('1'));
  });

  it('sees a payment vanish with its block, and come again: a reorganisation two blocks deep', async () => {
    let vanishing: Hex | null = null;
    const { depth, ancestor, left, taken } = await network.reorg({
      depth: 2,
      beforeHeal: async () => {
        vanishing = (await reader().getBlock()).hash;
      },
    });
    expect(depth).toBeGreaterThanOrEqual(2);
    expect(left).toEqual({ number: ancestor.number + depth, hash: vanishing });
    expect(taken.number).toBeGreaterThan(left.number);
    expect((await reader().getBlock({ blockNumber: BigInt(left.number) })).hash).not.toBe(left.hash);
    const { reorgs } = await network.node(0).status();
    expect(reorgs.deepest).toBeGreaterThanOrEqual(2);
    await network.agreed();
  });

  it('goes on when the node that it talks to dies, and finds everything there again', async () => {
    await network.kill(0);
    expect(() => network.url).toThrow('Node 0 is not running');
    await network.agreed();
    await network.restart(0);
    await network.agreed();
    expect(await reader().getBalance({ address: SHOP })).toBe(parseEther('1'));
  });

  it('goes back to a state that was kept, where a later payment was never made and can be made again', async () => {
    await network.snapshot('before');
    const paid = await reader().getBalance({ address: SHOP });
    await reader().waitForTransactionReceipt({ hash: await pay(1) });
    await network.restore('before');
    expect(await reader().getBalance({ address: SHOP })).toBe(paid);
    expect(await reader().getTransactionCount({ address: network.accounts[1]?.address ?? '0x', blockTag: 'pending' })).toBe(0);
    await reader().waitForTransactionReceipt({ hash: await pay(1) });
    await network.agreed();
    expect(await reader().getBalance({ address: SHOP })).toBe(paid + parseEther('1'));
    await expect(network.restore('after')).rejects.toMatchObject({ code: 'testnet/no-such-snapshot' });
  });

  it('is told what it asked for that cannot be', async () => {
    await expect(network.reorg({ depth: 0 })).rejects.toMatchObject({ code: 'testing/depth' });
    await expect(network.reorg({ depth: 1, node: 7 })).rejects.toMatchObject({ code: 'testnet/no-such-node' });
    await expect(network.partition([0], [0, 1])).rejects.toMatchObject({ code: 'testnet/partition' });
    await expect(network.agreed({ number: 1_000_000, timeoutMs: 300 })).rejects.toMatchObject({
      code: 'testing/timeout',
      message: expect.stringMatching(/block 1000000; node 0 up, head \d+, final \d+, 2 peers/),
    });
  });

  it('leaves nothing behind', async () => {
    expect(existsSync(network.directory)).toBe(true);
    await network.stop();
    expect(existsSync(network.directory)).toBe(false);
  });
});
