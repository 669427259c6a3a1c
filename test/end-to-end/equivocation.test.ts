/** PBFT with a lying primary: two processes with its keys propose two blocks for one height, to different members. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createRpcClient } from '../../src/cli/rpc-client.ts';
import type { NodeEndpoints } from '../../src/node/node.ts';
import { datadirPaths } from '../../src/storage/datadir.ts';
import { paths } from '../../src/testnet/manifest.ts';
import { validatorDirectory } from '../../src/wallet/validator-directory.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { Hopeless, PATIENCE_MS, until, useProcesses } from '../support/processes.ts';
import { send } from './contracts.ts';
import { dev, Testnet } from './networks.ts';
import { ask, balanceOf, type RpcBlock, receiptOf, statusOf } from './rpc.ts';
import type { TwinOptions } from './twin.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const TWIN = fileURLToPath(new URL('./twin.ts', import.meta.url));
const ALL = [0, 1, 2, 3];
const [HONEST, LYING] = [`0x${'00d0'.repeat(10)}`, `0x${'00e0'.repeat(10)}`] as const;

interface Status {
  readonly view: number;
  readonly leader: string | null;
}

describe('a primary that says two things', { timeout: 5 * PATIENCE_MS }, () => {
  const directory = temporary();
  let net: Testnet;
  let primary: number;
  /** The two who hear the one, and the one who hears the other. */
  let told: readonly number[];
  let fooled: number;
  let twin: ReturnType<typeof processes.script>;
  let twinUrl: string;

  it('has no majority for more than one of them', async () => {
    // No blocks without payments, so that the two proposals are the ones below.
    net = await Testnet.start(processes, directory, '--engine', 'pbft', '--nodes', '4', '--rpc-port', '0', '--block-time', '3600');
    const report = await net.report();
    const { leader } = (await statusOf(net.url(0))).consensus as unknown as Status;
    primary = report.findIndex(({ peerId }) => peerId === leader);
    const [first = 0, second = 0, third = 0] = ALL.filter((index) => index !== primary);
    told = [first, second];
    fooled = third;
    const names = (...indices: number[]) => indices.map((index) => report[index]?.peerId ?? '');
    const allow = (index: number, ...others: number[]) => net.command(index, 'synod_partition', names(...others));
    await allow(primary, ...told);
    await until('the third member has lost the primary', async () => (await statusOf(net.url(fooled))).peers === 2);
    for (const index of told) await allow(index, primary, ...told, fooled);

    const { addresses } = await net.command<{ addresses: string[] }>(fooled, 'admin_nodeInfo');
    const holder = paths.datadir(directory, primary);
    const options: TwinOptions = {
      datadir: temporary(),
      genesis: paths.genesis(directory),
      bootnodes: addresses,
      validators: validatorDirectory(holder),
      beneficiary: dev(5).address,
      nodeKeyFile: datadirPaths(holder).nodekey,
    };
    twin = processes.script(TWIN, [JSON.stringify(options)], { channel: true });
    const endpoints = await until('the twin is ready', () => {
      if (!twin.running) throw new Hopeless(`The twin ended: ${twin.tail()}`);
      return twin.messages.find((message) => (message as { type?: string }).type === 'ready') as NodeEndpoints | undefined;
    });
    const { rpcUrl, operatorToken } = endpoints;
    twinUrl = String(rpcUrl);
    // Peers tell each other of peers, and the twin has a name that the two who were told let in.
    await createRpcClient(twinUrl, { token: operatorToken }).call('synod_partition', [names(fooled)]);
    await until('the twin and the third member meet', async () => (await statusOf(twinUrl)).peers === 1);

    const lie = await send(twinUrl, 1, { to: LYING, value: 1n });
    const truth = await send(net.url(primary), 0, { to: HONEST, value: 1n });
    const receipt = await until('one of them is decided', () => receiptOf(net.url(told[0] ?? 0), truth));
    const height = Number(receipt.blockNumber);
    const proposals = await until('the twin has proposed as well', () => {
      const all = [...twin.stderr.matchAll(/Engine: prepare\b.*\bheight=(\d+).*\bhash=(0x[0-9a-f]{64})/g)];
      const rivals = all.filter(([, at, hash]) => Number(at) === height && hash !== receipt.blockHash);
      return rivals.length > 0 && rivals;
    });
    expect(proposals).not.toEqual([]);
    expect(lie).not.toBe(truth);
  });

  it('cannot make anybody decide otherwise, and is followed no longer where it is silent', async () => {
    expect((await twin.end('SIGTERM')).code).toBe(0);
    await net.control('heal');
    const height = Math.max(...(await Promise.all(net.urls(...told).map(async (url) => (await statusOf(url)).head.number))));
    await net.agreement(ALL, height);
    // As many as may be faulty are: the primary is dead, and the others go on.
    await net.control('kill', primary);
    const others = ALL.filter((index) => index !== primary);
    const hash = await send(net.url(fooled), 2, { to: HONEST, value: 1n });
    for (const url of net.urls(...others)) await until('the payment is in a block', () => receiptOf(url, hash));
    const block = await net.agreement(others, height + 1);
    for (let number = 0; number <= Number(block.number); number++) {
      const tag = `0x${number.toString(16)}`;
      const hashes = await Promise.all(net.urls(...others).map((url) => ask<RpcBlock>(url, 'eth_getBlockByNumber', tag, false)));
      expect(new Set(hashes.map((each) => each.hash)).size).toBe(1);
    }
    expect(await balanceOf(net.url(fooled), HONEST)).toBe(2n);
  });
});
