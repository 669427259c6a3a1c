/**
 * A proof-of-stake network that is kept while it runs, brought back after it has voted for another future, and forked into a
 * second one that wakes up three days later beside it. The two have the same keys and even the same peer ids, and never meet.
 */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { datadirPaths } from '../../src/storage/datadir.ts';
import { paths } from '../../src/testnet/manifest.ts';
import type { Restored, Taken } from '../../src/testnet/snapshots/running.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { SHIFTED_CLOCK, shiftClock } from '../support/shifted-clock.ts';
import { Testnet } from './networks.ts';
import { ask, type RpcBlock, statusOf } from './rpc.ts';
import { EPOCHS_PATIENCE_MS, signaturesOf, untilFinal, validatorsOf } from './staking.ts';

const processes = useProcesses(SHIFTED_CLOCK);
const temporary = temporaryDirectories();
const BOTH = [0, 1];
const DAYS_MS = 3 * 24 * 3_600_000;
/** The file system may be slow, the nodes must start: this is no measurement. */
const PATIENCE_MS = 120_000;

describe('a network of validators', { timeout: 3 * EPOCHS_PATIENCE_MS }, () => {
  const directory = temporary();
  const second = join(temporary(), 'second');
  let net: Testnet;
  let height: number;
  const hashAt = async (url: string, number: number) =>
    (await ask<RpcBlock | null>(url, 'eth_getBlockByNumber', `0x${number.toString(16)}`, false))?.hash;
  const synod = async <T>(...words: string[]): Promise<T> => {
    const command = processes.synod(['testnet', ...words, '--json']);
    const { code } = await command.ended(PATIENCE_MS);
    expect({ code, words, said: command.stderr }).toEqual({ code: 0, words, said: '' });
    return JSON.parse(command.stdout) as T;
  };

  it('is kept while it runs, without a node being started again', async () => {
    net = await Testnet.start(processes, directory, '--rpc-port', '0', '--dashboard-port', '0', '--nodes', '2', '--validators', '4');
    await net.agreement(BOTH, 1);
    const pids = (await net.report()).map(({ pid }) => pid);
    const taken = await synod<Taken>('snapshot', 'one', '--dir', directory);
    height = taken.height ?? 0;
    expect(taken).toMatchObject({ name: 'one', engine: 'pos', nodes: 2 });
    expect(height).toBeGreaterThan(0);
    await net.agreement(BOTH, height + 2);
    expect((await net.report()).map(({ pid }) => pid)).toEqual(pids);
  });

  it('has a node of which a backup is made while it runs, and that goes on from there when its chain is lost', async () => {
    const [datadir, target] = [paths.datadir(directory, 1), join(temporary(), 'backup')];
    const db = async (...words: string[]) => await processes.runSynod('db', ...words, '--datadir', datadir, '--json');
    const { pid } = (await net.report())[1] ?? {};
    const { code, stdout, stderr } = await db('backup', target);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const made = JSON.parse(stdout) as { readonly height: number; readonly pausedMs: number };
    expect(made.height).toBeGreaterThanOrEqual(height + 2);
    expect(made.pausedMs).toBeGreaterThan(0);
    await net.agreement(BOTH, made.height + 1);
    expect((await net.report())[1]?.pid).toBe(pid);

    await net.control('kill', 1);
    rmSync(datadirPaths(datadir).chain, { recursive: true });
    expect(await db('restore', target)).toMatchObject({ code: 0 });
    expect(JSON.parse((await db('verify')).stdout)).toMatchObject({ problemCount: 0, head: { number: made.height } });
    await net.control('restart', 1);
    await net.agreement(BOTH, made.height + 1);
  });

  it('is brought back after it has made another future final, and makes a new one final', async () => {
    await untilFinal(net.urls(...BOTH), height + 1);
    const left = await hashAt(net.url(0), height + 2);
    const restored = await synod<Restored>('restore', 'one', '--dir', directory);
    expect(restored).toMatchObject({ name: 'one', height });
    for (const url of net.urls(...BOTH)) await until('it signs again', async () => (await signaturesOf(url)) > 0);
    await net.agreement(BOTH, height + 2);
    expect(await hashAt(net.url(0), height + 2)).not.toBe(left);
  });

  it('has a fork that wakes up days later, and both make blocks final beside each other', async () => {
    await synod('fork', 'one', '--from', directory, '--dir', second, '--rpc-port', '0');
    for (const index of BOTH) shiftClock(paths.datadir(second, index), DAYS_MS);
    const fork = await Testnet.start(processes, second, '--rpc-port', '0', '--dashboard-port', '0');
    await untilFinal([...net.urls(...BOTH), ...fork.urls(...BOTH)], height + 1);
    expect(await hashAt(fork.url(0), height + 1)).not.toBe(await hashAt(net.url(0), height + 1));
    for (const url of [net.url(0), fork.url(0)]) expect((await validatorsOf(url)).some(({ slashed }) => slashed)).toBe(false);

    // In place of its own second node it meets the first network's, which has the same name.
    await fork.control('kill', 1);
    const [, [address]] = Object.values(JSON.parse(readFileSync(paths.addresses(directory), 'utf8'))) as [string[], [string]];
    await until('they part', async () => {
      const said = await fork.command(0, 'admin_addPeer', address).catch((error: Error) => error.message);
      return typeof said === 'string' && said.includes('is of another network');
    });
    expect((await statusOf(fork.url(0))).peers).toBe(0);
    expect((await statusOf(net.url(1))).peers).toBe(1);
    expect((await fork.supervisor.end('SIGINT')).code).toBe(0);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });

  it('is brought back while it does not run as well, and keeps the snapshot', async () => {
    await synod('restore', 'one', '--dir', directory);
    expect(await synod('snapshots', '--dir', directory)).toMatchObject([{ name: 'one', height }]);
  });
});
