/** What is different for wallets and tools under proof-of-stake: the fields of a block, its randomness, and waiting for finality. */
import { fileURLToPath } from 'node:url';
import { JsonRpcProvider, Wallet } from 'ethers';
import { createPublicClient, createWalletClient, type Hash, http, parseEther } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { createDevValidators } from '../../src/wallet/validator-dev.ts';
import { devValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { chain, send, signer } from './contracts.ts';
import { dev, startNode, untilHeight, writeQuickGenesis } from './networks.ts';
import { ask, balanceOf } from './rpc.ts';
import { EPOCHS_PATIENCE_MS } from './staking.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const POLL_MS = 100;
const CAST = fileURLToPath(new URL('../../node_modules/@foundry-rs/cast/bin.mjs', import.meta.url));
const VALIDATORS = 4;
/** Has nothing at genesis. */
const STRANGER = `0x${'57a4'.repeat(10)}` as const;
/** Creates nothing: answers PREVRANDAO. */
const RANDOMNESS = '0x445f5260205ff3';
const EMPTY_TRIE = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421';

let url: string;

beforeAll(async () => {
  const directory = temporary();
  const genesis = writeQuickGenesis(directory, { engine: 'pos', validators: VALIDATORS });
  const { passwordFile } = await createDevValidators(directory, devValidatorKeys(VALIDATORS));
  const stake = ['--stake', '--validators.password', passwordFile, '--miner.etherbase', dev(9).address];
  ({ url } = await startNode(processes, directory, genesis, ...stake));
});

describe('a network of one staking node', { timeout: 2 * EPOCHS_PATIENCE_MS }, () => {
  const reader = () => createPublicClient({ chain, transport: http(url), pollingInterval: POLL_MS });

  it('has blocks as Ethereum has them since it is proof-of-stake', async () => {
    await untilHeight(url, 2);
    const [first, second] = [await reader().getBlock({ blockNumber: 1n }), await reader().getBlock({ blockNumber: 2n })];
    for (const block of [first, second]) {
      expect(block).toMatchObject({
        difficulty: 0n,
        nonce: '0x0000000000000000',
        uncles: [],
        withdrawals: [],
        withdrawalsRoot: EMPTY_TRIE,
      });
      expect(block.miner).toBe(dev(9).address);
    }
    expect(first.mixHash).not.toBe(second.mixHash);
    expect(second.timestamp).toBeGreaterThan(first.timestamp);
    // EIP-4399: what contracts draw is in the header.
    expect(await ask(url, 'eth_call', { data: RANDOMNESS }, '0x2')).toBe(second.mixHash);
  });

  it('answers what wallets ask before they pay', async () => {
    expect(await ask(url, 'eth_syncing')).toBe(false);
    expect(await ask(url, 'eth_mining')).toBe(false);
    const { maxFeePerGas, maxPriorityFeePerGas } = await reader().estimateFeesPerGas();
    expect(maxFeePerGas).toBeGreaterThan(maxPriorityFeePerGas);
    expect(await reader().estimateGas({ account: signer(0), to: STRANGER, value: 1n })).toBe(21_000n);
    expect(await reader().getTransactionCount({ address: signer(0).address, blockTag: 'pending' })).toBe(0);
  });

  it('lets viem wait until a payment is safe, and then final', async () => {
    const wallet = createWalletClient({ account: signer(0), chain, transport: http(url) });
    const hash: Hash = await wallet.sendTransaction({ to: STRANGER, value: parseEther('1') });
    const { blockNumber, blockHash } = await reader().waitForTransactionReceipt({ hash });
    for (const blockTag of ['safe', 'finalized'] as const) {
      const reached = async () => (await reader().getBlock({ blockTag })).number >= blockNumber;
      await until(`block ${blockNumber} is ${blockTag}`, reached, EPOCHS_PATIENCE_MS);
    }
    expect((await reader().getBlock({ blockNumber })).hash).toBe(blockHash);
    expect(await reader().getBalance({ address: STRANGER, blockTag: 'finalized' })).toBe(parseEther('1'));
  });

  it('is paid through by ethers and cast', async () => {
    const provider = new JsonRpcProvider(url, undefined, { pollingInterval: POLL_MS });
    const sent = await new Wallet(toHex(dev(1).privateKey), provider).sendTransaction({ to: STRANGER, value: 1n });
    expect(await sent.wait(2)).toMatchObject({ status: 1 });
    const [safe, finalized, latest] = await Promise.all(['safe', 'finalized', 'latest'].map((tag) => provider.getBlock(tag)));
    expect(finalized?.number).toBeGreaterThan(0);
    expect(safe?.number).toBeGreaterThanOrEqual(finalized?.number ?? 0);
    expect(latest?.number).toBeGreaterThan(safe?.number ?? 0);
    expect(latest?.prevRandao).toMatch(/^0x[0-9a-f]{64}$/);
    provider.destroy();
    const cast = await processes.run(process.execPath, [CAST, 'block', 'finalized', '--field', 'number', '--rpc-url', url]);
    expect(Number(cast.stdout)).toBeGreaterThan(0);
  });

  it('gives the fees of its blocks to the account that it names', async () => {
    const before = await balanceOf(url, dev(9).address);
    await send(url, 2, { to: STRANGER, value: 1n });
    await until('the tip is there', async () => (await balanceOf(url, dev(9).address)) > before);
  });
});
