/** `synod testnet` as a stranger meets it: start, look, stop, go on; and what it says when that is not possible. */
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { NodeStatus } from '../../src/node/status.ts';
import { paths } from '../../src/testnet/manifest.ts';
import type { NodeReport } from '../../src/testnet/supervisor.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { processesOf, until, useProcesses } from '../support/processes.ts';
import { CHAIN_ID, DEV_ACCOUNTS, makeOldNetwork, QUICK, Testnet, untilHeight } from './networks.ts';
import { ask, balanceOf, refusal, statusOf } from './rpc.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const ALL = [0, 1, 2, 3];
const ETHER = 10n ** 18n;
const DAY_MS = 86_400_000;

describe('synod testnet', () => {
  const directory = temporary();
  const shared: { net?: Testnet; height: number; genesis: string } = { height: 0, genesis: '' };
  const running = (): Testnet => {
    if (shared.net === undefined) throw new Error('The network did not start');
    return shared.net;
  };

  it('starts four nodes, two of which mine, and they agree on blocks', async () => {
    shared.net = await Testnet.start(processes, directory, ...QUICK);
    const report = shared.net.ready()?.nodes ?? [];
    expect(shared.net.events<{ event: string; resumed: boolean }>('starting')[0]?.resumed).toBe(false);
    expect(report.map(({ state, mines }) => [state, mines])).toEqual([
      ['up', true],
      ['up', false],
      ['up', true],
      ['up', false],
    ]);
    const block = await shared.net.agreement(ALL, 2);
    expect(block.hash).toMatch(/^0x[0-9a-f]{64}$/);
    await until('everybody knows everybody', async () => {
      const statuses = await Promise.all(
        running()
          .urls(...ALL)
          .map(statusOf),
      );
      return statuses.every(({ peers }) => peers === 3);
    });
  });

  it('prints the accounts that it funded, which are those of the words', async () => {
    const ready = running().ready();
    expect(ready?.chainId).toBe(CHAIN_ID);
    expect(ready?.accounts.map(({ address }) => address.toLowerCase())).toEqual(DEV_ACCOUNTS.map(({ address }) => address));
    for (const { address } of DEV_ACCOUNTS) expect(await balanceOf(running().url(3), address)).toBe(10_000n * ETHER);
  });

  it('keeps what commands a node for its operator, who has the datadir', async () => {
    for (const method of ['miner_stop', 'admin_peers', 'synod_heal']) {
      expect(await refusal(running().url(0), method)).toMatchObject({ code: -32601 });
    }
    const datadir = paths.datadir(directory, 0);
    const miner = async (command: string) => {
      const { stdout } = await processes.runSynod('miner', command, '--json', '--datadir', datadir);
      return (JSON.parse(stdout) as NodeStatus['mining'])?.enabled;
    };
    expect(await miner('stop')).toBe(false);
    expect(await miner('start')).toBe(true);
  });

  it('serves the same chain id at every endpoint', async () => {
    for (const url of running().urls(...ALL)) expect(await ask(url, 'eth_chainId')).toBe(`0x${CHAIN_ID.toString(16)}`);
  });

  it('answers status in a second process, for people and for scripts', async () => {
    const [json, text, one] = await Promise.all([
      processes.runSynod('testnet', 'status', '--json', '--dir', directory),
      processes.runSynod('testnet', 'status', '--dir', directory),
      processes.runSynod('status', '--json', '--rpc', running().url(2)),
    ]);
    const report = JSON.parse(json.stdout) as NodeReport[];
    expect(report.map(({ index, state, rpcUrl }) => [index, state, rpcUrl])).toEqual(
      ALL.map((index) => [index, 'up', running().url(index)]),
    );
    expect(text.stdout.split('\n')[0]).toMatch(/^node +rpc +height +head/);
    expect((JSON.parse(one.stdout) as NodeStatus).chainId).toBe(CHAIN_ID);
  });

  it('refuses a second supervisor on the same directory', async () => {
    const { code, stderr } = await processes.runSynod('testnet', '--json', '--dir', directory);
    expect(stderr).toContain('[testnet/already-running]');
    expect(code).toBe(1);
  });

  it('leaves nothing behind after Ctrl-C', async () => {
    const pids = (await running().report()).map(({ pid }) => pid);
    expect(running().survivors(pids)).toHaveLength(4);
    const status = await statusOf(running().url(0));
    shared.height = status.head.number;
    shared.genesis = status.genesis;
    expect(await running().supervisor.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(running().events('stopped')).toHaveLength(1);
    expect(
      running()
        .events<{ event: string; expected: boolean }>('node-down')
        .map(({ expected }) => expected),
    ).toEqual([true, true, true, true]);
    expect(running().survivors(pids)).toEqual([]);
  });

  it('says that nothing runs when there is nothing to act on', async () => {
    const finished = await Promise.all(
      [['partition', '0,1', '2,3'], ['heal'], ['kill', '0'], ['status']].map((words) =>
        processes.runSynod('testnet', ...words, '--dir', directory),
      ),
    );
    for (const { code, stderr } of finished) {
      expect(stderr).toContain('[testnet/not-running]');
      expect(code).toBe(1);
    }
  });

  it('refuses to go on with a network that was made otherwise', async () => {
    const { code, stderr } = await processes.runSynod('testnet', '--json', '--dir', directory, '--nodes', '5');
    expect(stderr).toContain('[testnet/made-otherwise]');
    expect(code).toBe(1);
  });

  it('goes on from where it was', async () => {
    shared.net = await Testnet.start(processes, directory, '--rpc-port', '0');
    expect(running().events<{ event: string; resumed: boolean }>('starting')[0]?.resumed).toBe(true);
    const statuses = running()
      .ready()
      ?.nodes.map(({ status }) => status as unknown as NodeStatus);
    expect(new Set(statuses?.map(({ genesis }) => genesis))).toEqual(new Set([shared.genesis]));
    expect(statuses?.[0]?.head.number).toBeGreaterThanOrEqual(shared.height);
    await running().agreement(ALL, shared.height + 2);
    await processes.runSynod('testnet', 'stop', '--dir', directory);
    expect(await running().supervisor.ended()).toEqual({ code: 0, signal: null });
  });
});

describe('synod testnet that is stopped before it is ready', () => {
  it('leaves nothing behind', async () => {
    const directory = temporary();
    const supervisor = processes.synod(['testnet', '--json', '--dir', directory, ...QUICK]);
    await until('it starts its first node', () => existsSync(paths.log(directory, 0)));
    expect(await supervisor.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(supervisor.documents.at(-1)).toEqual({ event: 'stopped' });
    expect(processesOf(directory)).toEqual([]);
  });
});

describe('synod testnet after a pause', () => {
  it('mines on although its last block is a day old', async () => {
    const directory = temporary();
    await makeOldNetwork(directory, DAY_MS, { nodes: 1, miners: 1 });
    const net = await Testnet.start(processes, directory, '--rpc-port', '0');
    await untilHeight(net.url(0), 3);
    expect((await net.supervisor.end('SIGTERM')).code).toBe(0);
  });
});

describe('synod testnet with arguments that cannot be', () => {
  it.each([
    { words: ['--nodes', '0'], says: 'arguments/nodes' },
    { words: ['--nodes', '2', '--miners', '3'], says: 'arguments/miners' },
    { words: ['--engine', 'wishes'], says: 'arguments/engine' },
    { words: ['kill', 'two'], says: 'arguments/node' },
    { words: ['--bogus'], says: 'unknown option' },
  ])('$words is refused', async ({ words, says }) => {
    const { code, stderr } = await processes.runSynod('testnet', ...words, '--dir', temporary());
    expect(stderr).toContain(says);
    expect(code).toBe(2);
  });

  it('says which port is in use', async () => {
    const blocker = createServer();
    const port = await new Promise<number>((resolve) => {
      blocker.listen(0, '127.0.0.1', () => resolve((blocker.address() as { port: number }).port));
    });
    const { code, stderr } = await processes.runSynod(
      'testnet',
      '--json',
      '--nodes',
      '1',
      '--dir',
      temporary(),
      '--rpc-port',
      String(port),
    );
    blocker.close();
    expect(stderr).toContain('[testnet/node-failed]');
    expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
    expect(code).toBe(1);
  });
});
