/** Permissioned engines on real processes: what is decided stays decided, whoever is killed, cut off, or only follows. */
import { afterAll, describe, expect, it } from 'vitest';
import { readOperatorFile } from '../../src/node/operator-file.ts';
import { paths } from '../../src/testnet/manifest.ts';
import type { NodeReport } from '../../src/testnet/supervisor.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { PATIENCE_MS, until, useProcesses } from '../support/processes.ts';
import { send } from './contracts.ts';
import { Testnet } from './networks.ts';
import { answerTo, ask, balanceOf, post, type RpcAnswer, type RpcBlock, receiptOf, statusOf } from './rpc.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
/** A peer id that is nobody's here. */
const NOBODY = '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA';
const RECIPIENT = `0x${'4e4d'.repeat(10)}` as const;
/** With crash-fault engines the fourth node only follows. */
const ALL = [0, 1, 2, 3];
const ENGINES: readonly { readonly engine: string; readonly members: readonly number[]; readonly quorum: number }[] = [
  { engine: 'pbft', members: [0, 1, 2, 3], quorum: 3 },
  { engine: 'raft', members: [0, 1, 2], quorum: 2 },
  { engine: 'paxos', members: [0, 1, 2], quorum: 2 },
  { engine: 'chandra-toueg', members: [0, 1, 2], quorum: 2 },
  { engine: 'zab', members: [0, 1, 2], quorum: 2 },
];

interface Consensus {
  readonly leader: string | null;
}

/** The member that leads, by what a majority of them says. */
async function leaderOf(net: Testnet, among: readonly number[]): Promise<number> {
  return await until(`nodes ${among} have a leader`, async () => {
    const report = await net.report();
    const names = among.map((index) => named(report[index]));
    const [name] = names;
    if (name === undefined || name === null || names.some((other) => other !== name)) return undefined;
    const index = report.findIndex(({ peerId }) => peerId === name);
    return among.includes(index) ? index : undefined;
  });
}

function named(report: NodeReport | undefined): string | null {
  const status = report?.status as { readonly consensus?: Consensus } | null | undefined;
  return status?.consensus?.leader ?? null;
}

/** Pays one wei by this node, and waits until the payment is in a block there. */
async function pay(net: Testnet, index: number, account = 0): Promise<RpcBlock> {
  const url = net.url(index);
  const hash = await send(url, account, { to: RECIPIENT, value: 1n });
  const { blockHash } = await until(`the payment ${hash} is in a block`, () => receiptOf(url, hash));
  return await ask<RpcBlock>(url, 'eth_getBlockByHash', blockHash, false);
}

const refusal = (net: Testnet, method: string, ...parameters: unknown[]) => refusalOf(net, 0, method, ...parameters);

/** Of an operator's call that must fail: the code of JSON-RPC, and the reason's own. */
async function refusalOf(net: Testnet, index: number, method: string, ...params: unknown[]): Promise<[number, string | null]> {
  const operator = readOperatorFile(paths.datadir(net.directory, index));
  const headers = { authorization: `Bearer ${operator?.token}` };
  const response = await post(operator?.url ?? '', JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }), headers);
  const { error, result } = (await response.json()) as RpcAnswer;
  if (error === undefined) throw new Error(`${method} should have failed, but answered ${JSON.stringify(result)}`);
  return [error.code, (error.data as { readonly reason?: string } | undefined)?.reason ?? null];
}

describe.each(ENGINES)('a network under $engine', { timeout: 5 * PATIENCE_MS }, ({ engine, members, quorum }) => {
  const directory = temporary();
  let net: Testnet;
  // The next engine's network should have the machine to itself.
  afterAll(() => net?.supervisor.end('SIGTERM'));
  /** Every block that had a payment which somebody was told is mined. */
  const paid: RpcBlock[] = [];

  async function untilPaidEverywhere(indices: readonly number[]): Promise<void> {
    const height = Math.max(...paid.map(({ number }) => Number(number)));
    await net.agreement(indices, height);
    for (const index of indices) {
      for (const { number, hash } of paid) {
        expect((await ask<RpcBlock>(net.url(index), 'eth_getBlockByNumber', number, false)).hash).toBe(hash);
      }
      expect(await balanceOf(net.url(index), RECIPIENT)).toBe(BigInt(paid.length));
    }
  }

  it('decides at once, on members and followers alike, and proves it', async () => {
    net = await Testnet.start(processes, directory, '--engine', engine, '--nodes', '4', '--rpc-port', '0');
    paid.push(await pay(net, 3));
    await untilPaidEverywhere(ALL);
    const height = Number(paid[0]?.number);
    for (const url of net.urls(...ALL)) {
      const finalized = await until('the payment is final', async () => {
        const status = await statusOf(url);
        return status.finalized.number >= height ? status.finalized : undefined;
      });
      expect(finalized.number).toBeGreaterThanOrEqual(height);
    }
  });

  it('answers its operator, refuses what makes no sense, and takes orders from nobody else', async () => {
    await leaderOf(net, members);
    const names = (await net.report()).map(({ peerId }) => peerId);
    const [stranger, own] = [names[3] ?? '', members.map((index) => names[index])];
    const status = await net.command<{ readonly [field: string]: unknown }>(0, 'consensus_status');
    expect(status).toMatchObject({ engine, phase: 0, since: 0, next: null, changes: [], role: expect.any(String) });
    expect(own).toContain(status.leader);
    expect(status.members ?? status.voters).toEqual(own);
    const settings = await net.command<{ readonly members: readonly { readonly node: string }[] }>(0, 'consensus_settings');
    expect(settings).toMatchObject({ name: engine, emptyBlockMs: 1_000 });
    expect(settings.members.map(({ node }) => node)).toEqual(own);
    const malformed: readonly (readonly [method: string, ...parameters: unknown[]])[] = [
      ['consensus_transfer', 7],
      ['consensus_transfer'],
      ['consensus_add', []],
      ['consensus_add', ['x']],
      ['consensus_add', [{}], 'yes'],
      ['consensus_remove', 'all'],
      ['consensus_remove', [null]],
      ['consensus_transition', 'zab'],
      ['consensus_status', 1],
    ];
    for (const [method, ...parameters] of malformed)
      expect([method, await refusal(net, method, ...parameters)]).toEqual([method, [-32602, null]]);
    const wrong: readonly (readonly [reason: RegExp, method: string, ...parameters: unknown[]])[] = [
      [new RegExp(`^${engine}/`), 'consensus_transfer', NOBODY],
      [/^consensus\/not-connected$/, 'consensus_add', [{ node: NOBODY, publicKey: '0x12' }]],
      [/^consensus\/possession$/, 'consensus_add', [{ node: own[1], publicKey: '0x12' }]],
      [/^(members|genesis|raft|phases)\//, 'consensus_add', [{ node: NOBODY, publicKey: '0x12' }], true],
      [/^(phases\/no-member|raft\/(member-unknown|not-leader))$/, 'consensus_remove', [NOBODY]],
      [/^(members\/too-few|members\/even|raft\/(one-at-a-time|not-leader))$/, 'consensus_remove', own.slice(0, 2)],
      [/^genesis\//, 'consensus_transition', {}],
      [/^phases\/engine$/, 'consensus_transition', { name: 'pow' }],
      [/^phases\/no-change$/, 'consensus_transition', settings],
      [/^members\/too-few$/, 'consensus_transition', { name: 'pbft', members: settings.members.slice(0, 2) }],
    ];
    for (const [reason, method, ...parameters] of wrong) {
      expect([method, parameters, await refusal(net, method, ...parameters)]).toEqual([
        method,
        parameters,
        [-32000, expect.stringMatching(reason)],
      ]);
    }
    // Who only follows has no say, and whoever comes without the token is told of no such method.
    if (stranger !== own[3])
      expect(await refusalOf(net, 3, 'consensus_transition', { ...settings, emptyBlockMs: 7 })).toEqual([-32000, 'phases/not-a-member']);
    for (const method of ['status', 'settings', 'transfer', 'add', 'remove', 'transition']) {
      expect((await answerTo(net.url(0), `consensus_${method}`)).error?.code).toBe(-32601);
    }
    expect((await ask<{ readonly number: string }>(net.url(1), 'synod_readIndex')).number).toBeDefined();
  });

  it('goes on without its leader, killed twice under payments', async () => {
    for (let round = 0; round < 2; round++) {
      const leader = await leaderOf(net, members);
      const others = members.filter((index) => index !== leader);
      const [first = 0] = others;
      const underWay = pay(net, first, round + 1);
      await net.control('kill', leader);
      paid.push(await underWay, await pay(net, first));
      await net.control('restart', leader);
      await untilPaidEverywhere(ALL);
    }
  });

  it('stands still where the leader is cut off with fewer than a quorum, and goes on where the others are', async () => {
    const leader = await leaderOf(net, members);
    const majority = members.filter((index) => index !== leader).slice(0, quorum);
    const minority = ALL.filter((index) => !majority.includes(index));
    await net.control('partition', [majority, minority]);
    const stuck = (await statusOf(net.url(leader))).head;
    const [first = 0] = majority;
    paid.push(await pay(net, first), await pay(net, first));
    // What the cut-off leader had committed when it was cut off may have been on its way; nothing comes after that.
    expect((await statusOf(net.url(leader))).head.number).toBeLessThanOrEqual(stuck.number + 1);
    await net.control('heal');
    await untilPaidEverywhere(ALL);
  });

  it('goes on after all nodes were killed at once', async () => {
    for (const index of ALL) await net.control('kill', index);
    for (const index of ALL) await net.control('restart', index);
    paid.push(await pay(net, 1));
    await untilPaidEverywhere(ALL);
  });
});
