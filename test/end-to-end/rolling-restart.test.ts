/** Three members of a Raft network are started again one after the other, by the library, and blocks go on. */
import { type RestartedNode, startNetwork, type TestNetwork } from 'synod/testing';
import { afterAll, describe, expect, it } from 'vitest';
import type { NodeStatus } from '../../src/node/status.ts';
import { PATIENCE_MS } from '../support/processes.ts';
import { ask, type RpcBlock } from './rpc.ts';

const ALL = [0, 1, 2];
/** Blocks come once a second. An election takes 1.5 s, and another if the first is undecided; the rest is for a busy machine. */
const MAX_PAUSE_SECONDS = 10;

describe('a network of members', { timeout: 4 * PATIENCE_MS }, () => {
  let network: TestNetwork | undefined;
  afterAll(() => network?.stop(), PATIENCE_MS);

  it('is renewed node by node, without a pause longer than elections', async () => {
    network = await startNetwork({ engine: 'raft', timeoutMs: PATIENCE_MS });
    const { number: from } = await network.agreed({ number: 2 });
    const before = await network.report();
    const leader = before.find(
      ({ peerId, status }) => (status as unknown as NodeStatus & { consensus: { leader: string } }).consensus.leader === peerId,
    );

    const told: RestartedNode[] = [];
    const restarted = await network.rollingRestart((one) => told.push(one));

    expect(told).toEqual(restarted);
    expect(restarted.map(({ node }) => node).sort()).toEqual(ALL);
    expect(restarted.at(-1)?.node).toBe(leader?.index);
    expect(restarted.at(-1)?.handedTo).not.toBeNull();
    const after = await network.report();
    for (const { index, pid } of before) expect(after[index]?.pid).not.toBe(pid);

    const { number: head } = await network.agreed();
    const times: number[] = [];
    for (let number = from; number <= head; number++) {
      times.push(Number((await ask<RpcBlock>(network.url, 'eth_getBlockByNumber', `0x${number.toString(16)}`, false)).timestamp));
    }
    const pauses = times.slice(1).map((time, i) => time - (times[i] ?? time));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(MAX_PAUSE_SECONDS);
  });
});
