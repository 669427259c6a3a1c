/** Three members of a Raft network are started again one after the other, and blocks go on. */
import { describe, expect, it } from 'vitest';
import type { NodeStatus } from '../../src/node/status.ts';
import type { RestartedNode } from '../../src/testnet/rolling-restart.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { PATIENCE_MS, useProcesses } from '../support/processes.ts';
import { Testnet } from './networks.ts';
import { ask, type RpcBlock, statusOf } from './rpc.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const ALL = [0, 1, 2];
/** Blocks come once a second. An election takes 1.5 s, and another if the first is undecided; the rest is for a busy machine. */
const MAX_PAUSE_SECONDS = 10;

describe('a network of members', { timeout: 4 * PATIENCE_MS }, () => {
  it('is renewed node by node, without a pause longer than elections', async () => {
    const net = await Testnet.start(processes, temporary(), '--engine', 'raft', '--rpc-port', '0', '--dashboard-port', '0');
    await net.agreement(ALL, 2);
    const from = (await statusOf(net.url(0))).head.number;
    const before = await net.report();
    const leader = before.find(
      ({ peerId, status }) => (status as unknown as NodeStatus & { consensus: { leader: string } }).consensus.leader === peerId,
    );

    const restarted = (await net.control('rollingRestart')) as unknown as RestartedNode[];

    expect(restarted.map(({ node }) => node).sort()).toEqual(ALL);
    expect(restarted.at(-1)?.node).toBe(leader?.index);
    expect(restarted.at(-1)?.handedTo).not.toBeNull();
    const after = await net.report();
    for (const { index, pid } of before) expect(after[index]?.pid).not.toBe(pid);

    const head = Number((await net.agreement(ALL, from)).number);
    const times: number[] = [];
    for (let number = from; number <= head; number++) {
      times.push(Number((await ask<RpcBlock>(net.url(0), 'eth_getBlockByNumber', `0x${number.toString(16)}`, false)).timestamp));
    }
    const pauses = times.slice(1).map((time, i) => time - (times[i] ?? time));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(MAX_PAUSE_SECONDS);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });
});
