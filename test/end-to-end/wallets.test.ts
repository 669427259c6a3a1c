/** The tools that people have, against a real node: viem, ethers, cast and synod's own wallet. */
import { fileURLToPath } from 'node:url';
import { Contract, ContractFactory, isCallException, JsonRpcProvider, Wallet, WebSocketProvider } from 'ethers';
import { createPublicClient, createWalletClient, type Hex, http, parseEther, webSocket } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { chain, compileCounter, send, signer } from './contracts.ts';
import { CHAIN_ID, dev, startNode, writeQuickGenesis } from './networks.ts';
import { balanceOf, type RpcReceipt } from './rpc.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const POLL_MS = 100;
const CAST = fileURLToPath(new URL('../../node_modules/@foundry-rs/cast/bin.mjs', import.meta.url));
/** Have nothing at genesis. */
const STRANGER = `0x${'57a2'.repeat(10)}` as const;
const OTHER = `0x${'0717'.repeat(10)}` as const;

let url: string;
const counter = compileCounter();

beforeAll(async () => {
  const directory = temporary();
  ({ url } = await startNode(processes, directory, writeQuickGenesis(directory), '--mine'));
});

describe('viem', () => {
  const account = signer(0);
  const clients = () => ({
    reader: createPublicClient({ chain, transport: http(url), pollingInterval: POLL_MS }),
    wallet: createWalletClient({ account, chain, transport: http(url) }),
  });

  it('connects and reads', async () => {
    const { reader } = clients();
    expect(await reader.getChainId()).toBe(CHAIN_ID);
    expect(await reader.getBalance({ address: dev(9).address as Hex })).toBe(parseEther('10000'));
    const block = await reader.getBlock({ blockNumber: 0n });
    expect(block.number).toBe(0n);
    expect((await reader.getBlock({ blockTag: 'finalized' })).number).toBeTypeOf('bigint');
    expect((await reader.getProof({ address: dev(9).address as Hex, storageKeys: [] })).balance).toBe(parseEther('10000'));
  });

  it('estimates fees and pays with them, in each type of transaction', async () => {
    const { reader, wallet } = clients();
    const { maxFeePerGas, maxPriorityFeePerGas } = await reader.estimateFeesPerGas();
    expect(maxFeePerGas).toBeGreaterThan(maxPriorityFeePerGas);
    const history = await reader.getFeeHistory({ blockCount: 2, rewardPercentiles: [50] });
    expect(history.baseFeePerGas.length).toBeGreaterThan(1);
    const value = parseEther('1');
    const list = [{ address: account.address, storageKeys: [`0x${'0'.repeat(64)}` as const] }];
    const hashes = [
      await wallet.sendTransaction({ to: STRANGER, value }),
      await wallet.sendTransaction({ to: STRANGER, value, type: 'legacy' }),
      await wallet.sendTransaction({ to: STRANGER, value, type: 'eip2930', accessList: list }),
      await wallet.sendTransaction({ to: STRANGER, value, type: 'eip1559', accessList: list }),
    ];
    const receipts = await Promise.all(hashes.map((hash) => reader.waitForTransactionReceipt({ hash })));
    expect(receipts.map(({ status, type }) => [status, type])).toEqual([
      ['success', 'eip1559'],
      ['success', 'legacy'],
      ['success', 'eip2930'],
      ['success', 'eip1559'],
    ]);
    expect(await reader.getBalance({ address: STRANGER })).toBe(4n * value);
  });

  it('delegates an account to a contract (EIP-7702)', async () => {
    const { reader, wallet } = clients();
    const authorization = await wallet.signAuthorization({ contractAddress: STRANGER, executor: 'self' });
    const hash = await wallet.sendTransaction({ to: OTHER, value: 1n, authorizationList: [authorization] });
    expect(await reader.waitForTransactionReceipt({ hash })).toMatchObject({ status: 'success', type: 'eip7702' });
    expect(await reader.getCode({ address: account.address })).toBe(`0xef0100${STRANGER.slice(2)}`);
  });

  it('deploys, calls, sees a revert and its reason, and finds the events', async () => {
    const { reader, wallet } = clients();
    const deployment = await wallet.deployContract({ ...counter });
    const { contractAddress } = await reader.waitForTransactionReceipt({ hash: deployment });
    const contract = { address: contractAddress as Hex, abi: counter.abi };
    const { request, result } = await reader.simulateContract({ ...contract, account, functionName: 'increase', args: [7n] });
    expect(result).toBe(7n);
    const called = await reader.waitForTransactionReceipt({ hash: await wallet.writeContract(request) });
    expect(await reader.readContract({ ...contract, functionName: 'count' })).toBe(7n);
    const events = await reader.getContractEvents({ ...contract, eventName: 'Increased', fromBlock: called.blockNumber });
    expect(events).toMatchObject([{ args: { by: account.address, count: 7n }, transactionHash: called.transactionHash }]);
    const increase = (by: bigint) => reader.simulateContract({ ...contract, account, functionName: 'increase', args: [by] });
    await expect(increase(0n)).rejects.toThrow('nothing to add');
    await expect(increase(11n)).rejects.toThrow('TooMuch(uint256 asked, uint256 allowed)');
    // The state of a block that is past.
    const before = called.blockNumber - 1n;
    expect(await reader.readContract({ ...contract, functionName: 'count', blockNumber: before }).catch(() => 0n)).toBe(0n);
  });

  it('watches blocks and events over WebSocket', async () => {
    const { reader, wallet } = clients();
    const { contractAddress } = await reader.waitForTransactionReceipt({ hash: await wallet.deployContract({ ...counter }) });
    const contract = { address: contractAddress as Hex, abi: counter.abi };
    const live = createPublicClient({ chain, transport: webSocket(url.replace('http', 'ws')) });
    const numbers: bigint[] = [];
    const counts: unknown[] = [];
    const ends = [
      live.watchBlocks({ onBlock: ({ number }) => numbers.push(number) }),
      live.watchContractEvent({ ...contract, eventName: 'Increased', onLogs: (logs) => counts.push(...logs) }),
    ];
    // The first block tells that the subscriptions, which were asked for in this order, are there.
    await until('a block', () => numbers.length > 0);
    await wallet.writeContract({ ...contract, functionName: 'increase', args: [3n] });
    await until('an event', () => counts.length > 0);
    await until('three blocks', () => numbers.length >= 3);
    expect(counts).toMatchObject([{ args: { count: 3n } }]);
    for (const [index, number] of numbers.entries()) if (index > 0) expect(number).toBe((numbers[index - 1] ?? 0n) + 1n);
    for (const end of ends) end();
    (await live.transport.getRpcClient()).close();
  });
});

describe('ethers', () => {
  it('pays, deploys, calls, sees a revert and finds the events', async () => {
    const provider = new JsonRpcProvider(url, undefined, { pollingInterval: POLL_MS });
    const wallet = new Wallet(toHex(dev(1).privateKey), provider);
    expect((await provider.getNetwork()).chainId).toBe(BigInt(CHAIN_ID));
    expect((await provider.getFeeData()).maxFeePerGas).toBeGreaterThan(0n);
    for (const type of [0, 1, 2]) {
      const sent = await wallet.sendTransaction({ to: OTHER, value: 1_000n, type, nonce: type });
      expect(await sent.wait()).toMatchObject({ status: 1, type });
    }
    const deployed = await new ContractFactory([...counter.abi] as never[], counter.bytecode, wallet).deploy({ nonce: 3 });
    await deployed.waitForDeployment();
    const contract = new Contract(await deployed.getAddress(), [...counter.abi] as never[], wallet);
    const sent = await contract.getFunction('increase').send(4n, { nonce: 4 });
    expect(await sent.wait()).toMatchObject({ status: 1 });
    expect(await contract.getFunction('count')()).toBe(4n);
    const [event] = await contract.queryFilter('Increased');
    expect(event).toMatchObject({ transactionHash: sent.hash, args: [wallet.address, 4n] });
    const failure: unknown = await contract
      .getFunction('increase')
      .staticCall(0n)
      .catch((error: unknown) => error);
    expect(isCallException(failure) && failure.reason).toBe('nothing to add');
    const custom: unknown = await contract
      .getFunction('increase')
      .staticCall(11n)
      .catch((error: unknown) => error);
    expect(isCallException(custom) && custom.revert?.name).toBe('TooMuch');
    provider.destroy();
  });

  it('hears of new blocks over WebSocket', async () => {
    const provider = new WebSocketProvider(url.replace('http', 'ws'));
    // ethers throws away, as an unhandled rejection, what arrives before it knows the network.
    await provider.getNetwork();
    const heard: number[] = [];
    await provider.on('block', (number: number) => heard.push(number));
    await until('two blocks', () => heard.length >= 2);
    await provider.destroy();
    expect(heard[1]).toBe((heard[0] ?? 0) + 1);
  });
});

describe('cast', () => {
  const key = toHex(dev(2).privateKey);
  const cast = async (command: string, ...words: string[]) => {
    const { stdout, stderr } = await processes.run(process.execPath, [CAST, command, '--rpc-url', url, ...words]);
    // Its launcher loses the exit code.
    if (/^error/i.test(stderr)) throw new Error(`cast ${command}: ${stderr}`);
    return stdout.trim();
  };

  it('reads the chain', async () => {
    expect(await cast('chain-id')).toBe(String(CHAIN_ID));
    expect(await cast('balance', dev(9).address, '--ether')).toBe('10000.000000000000000000');
    expect(Number(await cast('block', 'latest', '--field', 'number'))).toBeGreaterThanOrEqual(0);
    expect(BigInt(await cast('gas-price'))).toBeGreaterThan(0n);
    expect(await cast('client')).toContain('synod');
  });

  it('pays, deploys, calls, estimates and finds logs', async () => {
    const signed = ['--private-key', key, '--json'];
    for (const flags of [[], ['--legacy']]) {
      const paid = JSON.parse(await cast('send', STRANGER, '--value', '1gwei', ...signed, ...flags)) as RpcReceipt;
      expect(paid.status).toBe('0x1');
    }
    const { contractAddress } = JSON.parse(await cast('send', ...signed, '--create', counter.bytecode)) as RpcReceipt;
    const address = String(contractAddress);
    const called = JSON.parse(await cast('send', address, 'increase(uint256)', '5', ...signed)) as RpcReceipt;
    expect(called.status).toBe('0x1');
    expect(await cast('call', address, 'count()(uint256)')).toBe('5');
    expect(Number(await cast('estimate', address, 'increase(uint256)', '5'))).toBeGreaterThan(21_000);
    const logs = JSON.parse(await cast('logs', '--address', address, '--from-block', '0', '--json')) as { blockHash: string }[];
    expect(logs.map(({ blockHash }) => blockHash)).toEqual([called.blockHash]);
    await expect(cast('call', address, 'increase(uint256)', '0')).rejects.toThrow('nothing to add');
  });
});

describe('synod wallet', () => {
  it('pays from a development account, and from a key file under its password', async () => {
    const keystore = ['--keystore', temporary()];
    const sent = await processes.runSynod(
      'wallet',
      'send',
      '--dev-account',
      '3',
      '--to',
      OTHER,
      '--value',
      '2',
      '--wait',
      '--json',
      '--rpc',
      url,
    );
    expect(sent.code).toBe(0);
    expect((JSON.parse(sent.stdout) as { receipt: RpcReceipt }).receipt.status).toBe('0x1');
    expect(await balanceOf(url, OTHER)).toBeGreaterThanOrEqual(parseEther('2'));

    const files = temporary();
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`${files}/password`, 'open sesame\n');
    writeFileSync(`${files}/wrong`, 'open barley\n');
    const made = await processes.runSynod('wallet', 'new', '--raw', '--lightkdf', '--json', '--password', `${files}/password`, ...keystore);
    const { address } = JSON.parse(made.stdout) as { address: Hex };
    const gift = await send(url, 3, { to: address, value: parseEther('1') });
    await createPublicClient({ chain, transport: http(url), pollingInterval: POLL_MS }).waitForTransactionReceipt({ hash: gift });
    const pay = (password: string) =>
      processes.runSynod(
        'wallet',
        'send',
        '--to',
        STRANGER,
        '--value',
        '1wei',
        '--password',
        `${files}/${password}`,
        '--rpc',
        url,
        '--wait',
        ...keystore,
      );
    const refused = await pay('wrong');
    expect(refused.stderr).toContain('[wallet/wrong-password]');
    expect(refused.code).toBe(1);
    const paid = await pay('password');
    expect(paid.stdout).toContain('Status       success');
    expect(paid.code).toBe(0);
  });
});
