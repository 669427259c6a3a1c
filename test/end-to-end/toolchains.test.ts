/**
 * Toolchains as their users run them, unchanged, against a network of four nodes: forge script, Hardhat 3, web3.js, viem and
 * ethers, with OpenZeppelin's ERC-20 and ERC-721. What one node was sent is read from another.
 * SYNOD_TOOLCHAIN_ENGINES=pow,raft or =all runs them under other engines (minutes); by default under proof-of-stake.
 */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Contract, ContractFactory, JsonRpcProvider, NonceManager, Wallet } from 'ethers';
import { type Abi, createPublicClient, createWalletClient, type Hex, http, parseEther, webSocket } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import { Web3 } from 'web3';
import { toHex } from '../../src/base/bytes.ts';
import { ENGINE_NAMES } from '../../src/consensus/registry.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { chain, signer } from './contracts.ts';
import { dev, Testnet } from './networks.ts';
import { receiptOf } from './rpc.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const PROJECT = fileURLToPath(new URL('./toolchains', import.meta.url));
const POLL_MS = 200;
const BEEF = '0x000000000000000000000000000000000000bEEF';
const TOOL_TIMEOUT_MS = 180_000;

const wanted = process.env.SYNOD_TOOLCHAIN_ENGINES ?? 'pos';
const NOT_FOR_NETWORKS = ['replay'];
const ENGINES = wanted === 'all' ? ENGINE_NAMES.filter((name) => !NOT_FOR_NETWORKS.includes(name)) : wanted.split(',');

interface Artifact {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

/** A project of its own, with the tools where they would be after `npm install`. */
function project(): string {
  const directory = temporary();
  cpSync(PROJECT, directory, { recursive: true });
  symlinkSync(MODULES, join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module", "private": true }\n');
  return directory;
}

/** Both contracts, with what they import from OpenZeppelin. */
function compile(): { readonly token: Artifact; readonly badge: Artifact } {
  type Output = { contracts: { [file: string]: { [name: string]: { abi: Abi; evm: { bytecode: { object: string } } } } } };
  const solc = createRequire(import.meta.url)('solc') as {
    compile(input: string, callbacks: { import(path: string): { contents: string } }): string;
  };
  const content = (name: string) => readFileSync(join(PROJECT, 'contracts', name), 'utf8');
  const input = {
    language: 'Solidity',
    sources: { 'Token.sol': { content: content('Token.sol') }, 'Badge.sol': { content: content('Badge.sol') } },
    settings: { evmVersion: 'prague', outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
  };
  const found = { import: (path: string) => ({ contents: readFileSync(join(MODULES, path), 'utf8') }) };
  const { contracts } = JSON.parse(solc.compile(JSON.stringify(input), found)) as Output;
  const artifact = (file: string, name: string): Artifact => {
    const contract = contracts[file]?.[name];
    if (contract === undefined) throw new Error(`${name} does not compile`);
    return { abi: contract.abi, bytecode: `0x${contract.evm.bytecode.object}` };
  };
  return { token: artifact('Token.sol', 'Token'), badge: artifact('Badge.sol', 'Badge') };
}

describe.each(ENGINES)('toolchains on four nodes under %s', (engine) => {
  let net: Testnet;
  const { token, badge } = compile();

  beforeAll(async () => {
    net = await Testnet.start(processes, temporary(), '--engine', engine, '--nodes', '4', '--rpc-port', '0');
  }, TOOL_TIMEOUT_MS);

  it.concurrent(
    'forge script deploys and calls, and finds its receipts',
    async () => {
      const directory = project();
      const args = ['script', 'script/Deploy.s.sol:Deploy', '--rpc-url', net.url(0), '--private-key', toHex(dev(1).privateKey)];
      const forge = await processes.run(join(MODULES, '.bin/forge'), [...args, '--broadcast'], { directory }, TOOL_TIMEOUT_MS);
      // Its launcher loses the exit code.
      expect(forge.stdout).toContain('ONCHAIN EXECUTION COMPLETE & SUCCESSFUL');
      const broadcast = readFileSync(join(directory, 'broadcast/Deploy.s.sol/31337/run-latest.json'), 'utf8');
      const { receipts } = JSON.parse(broadcast) as { receipts: { status: string; transactionHash: string }[] };
      expect(receipts.map(({ status }) => status)).toEqual(['0x1', '0x1', '0x1', '0x1']);
      await until('another node has the last of them', () => receiptOf(net.url(3), receipts[3]?.transactionHash ?? ''));
    },
    TOOL_TIMEOUT_MS,
  );

  it.concurrent(
    'Hardhat 3 compiles, deploys, calls, reads events and the names of errors',
    async () => {
      const directory = project();
      const environment = { SYNOD_URL: net.url(1), SYNOD_KEY: toHex(dev(2).privateKey), HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true' };
      const words = ['--config', 'hardhat.config.mjs', 'run', 'scripts/use.mjs', '--network', 'synod'];
      const hardhat = await processes.run(join(MODULES, '.bin/hardhat'), words, { environment, directory }, TOOL_TIMEOUT_MS);
      const { stdout, stderr, code } = hardhat;
      expect({ code, stderr: code === 0 ? '' : stderr.slice(0, 2_000) }).toEqual({ code: 0, stderr: '' });
      const seen = stdout.split('\n').findLast((line) => line.startsWith('{')) ?? '{}';
      expect(JSON.parse(seen)).toMatchObject({
        status: 'success',
        balance: '7',
        transfers: 1,
        refused: 'ERC20InsufficientBalance',
        owner: expect.stringMatching(new RegExp(dev(2).address, 'i')),
      });
    },
    TOOL_TIMEOUT_MS,
  );

  it.concurrent(
    'web3.js deploys, calls, reads events and past logs, over HTTP and WebSocket',
    async () => {
      const web3 = new Web3(net.url(2));
      web3.eth.transactionPollingInterval = POLL_MS;
      const from = web3.eth.accounts.wallet.add(toHex(dev(3).privateKey))[0]?.address ?? '';
      const contract = await new web3.eth.Contract(token.abi as never)
        .deploy({ data: token.bytecode, arguments: [1_000n] as never })
        .send({ from });
      contract.setProvider(net.url(2));
      const { methods } = contract as unknown as {
        methods: {
          transfer(
            to: string,
            value: bigint,
          ): { send(o: { from: string }): Promise<{ status: bigint; blockNumber: bigint }>; call(o: { from: string }): Promise<boolean> };
          balanceOf(of: string): { call(): Promise<bigint> };
        };
      };
      const live = new Web3(net.url(2).replace('http', 'ws'));
      const heads: bigint[] = [];
      const subscription = await live.eth.subscribe('newBlockHeaders');
      subscription.on('data', ({ number }) => void heads.push(BigInt(number ?? 0)));
      const { status } = await methods.transfer(BEEF, 9n).send({ from });
      expect(status).toBe(1n);
      expect(await methods.balanceOf(BEEF).call()).toBe(9n);
      const events = await contract.getPastEvents('Transfer' as never, { fromBlock: 0, filter: { to: BEEF } });
      expect(events).toMatchObject([{ returnValues: { value: 9n } }]);
      await expect(methods.transfer(BEEF, 5_000n).call({ from })).rejects.toMatchObject({
        cause: { errorName: 'ERC20InsufficientBalance' },
      });
      await until('a block is heard of', () => heads.length > 0);
      live.provider?.disconnect();
    },
    TOOL_TIMEOUT_MS,
  );

  it.concurrent(
    'viem deploys, watches over WebSocket, asks for proofs and fees, and waits for finality',
    async () => {
      const account = signer(4);
      const reader = createPublicClient({ chain, transport: http(net.url(3)), pollingInterval: POLL_MS });
      const wallet = createWalletClient({ account, chain, transport: http(net.url(3)) });
      const deployment = await reader.waitForTransactionReceipt({ hash: await wallet.deployContract({ ...badge }) });
      const contract = { address: deployment.contractAddress as Hex, abi: badge.abi };
      const live = createPublicClient({ chain, transport: webSocket(net.url(3).replace('http', 'ws')) });
      const taken: unknown[] = [];
      const end = live.watchContractEvent({ ...contract, eventName: 'Transfer', onLogs: (logs) => taken.push(...logs) });
      const heard: bigint[] = [];
      const endBlocks = live.watchBlockNumber({ onBlockNumber: (number) => heard.push(number) });
      await until('the subscriptions are there', () => heard.length > 0);
      const receipt = await reader.waitForTransactionReceipt({ hash: await wallet.writeContract({ ...contract, functionName: 'take' }) });
      expect(receipt.status).toBe('success');
      await until('the event is heard', () => taken.length > 0);
      end();
      endBlocks();
      (await live.transport.getRpcClient()).close();
      expect(await reader.readContract({ ...contract, functionName: 'ownerOf', args: [0n] })).toBe(account.address);
      expect((await reader.estimateFeesPerGas()).maxFeePerGas).toBeGreaterThan(0n);
      const proof = await reader.getProof({ address: contract.address, storageKeys: [], blockNumber: receipt.blockNumber });
      expect(proof.accountProof.length).toBeGreaterThan(0);
      const unknown = reader.simulateContract({ ...contract, account, functionName: 'ownerOf', args: [77n] });
      await expect(unknown).rejects.toThrow('ERC721NonexistentToken');
      if (engine !== 'pow') {
        await until('it is final', async () => (await reader.getBlock({ blockTag: 'finalized' })).number >= receipt.blockNumber);
      }
    },
    TOOL_TIMEOUT_MS,
  );

  it.concurrent(
    'ethers pays and deploys through one node, and reads through the others',
    async () => {
      const provider = new JsonRpcProvider(net.url(0), undefined, { pollingInterval: POLL_MS });
      const wallet = new NonceManager(new Wallet(toHex(dev(5).privateKey), provider));
      const deployed = await new ContractFactory([...token.abi] as never[], token.bytecode, wallet).deploy(parseEther('5'));
      await deployed.waitForDeployment();
      const contract = new Contract(await deployed.getAddress(), [...token.abi] as never[], wallet);
      const sent = await contract.getFunction('transfer').send(BEEF, 3n);
      expect(await sent.wait()).toMatchObject({ status: 1 });
      for (const url of net.urls(1, 2, 3)) {
        const other = new JsonRpcProvider(url);
        await until(`${url} has it`, async () => (await other.getTransactionReceipt(sent.hash)) !== null);
        const there = new Contract(await deployed.getAddress(), [...token.abi] as never[], other);
        expect(await there.getFunction('balanceOf')(BEEF)).toBe(3n);
        other.destroy();
      }
      provider.destroy();
    },
    TOOL_TIMEOUT_MS,
  );
});
