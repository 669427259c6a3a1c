/** kill -9 at any moment: of a node among others, of the supervisor, and of a node that is alone. */
import { describe, expect, it } from 'vitest';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { send } from './contracts.ts';
import { dev, QUICK, startNode, Testnet, writeQuickGenesis } from './networks.ts';
import { balanceOf, blockAt, type RpcBlock, type RpcReceipt, receiptOf, statusOf } from './rpc.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const ALL = [0, 1, 2];
const ETHER = 10n ** 18n;
/** Has nothing at genesis. */
const RECIPIENT = `0x${'e2e0'.repeat(10)}` as const;

describe('kill -9 in a test network', () => {
  const directory = temporary();
  let net: Testnet;

  it('loses nothing of any node, in turn and while the others mine', async () => {
    net = await Testnet.start(processes, directory, ...QUICK, '--nodes', '3');
    await net.agreement(ALL, 1);
    let payments = 0n;
    for (const index of [...ALL, ...ALL]) {
      const hash = await send(net.url(index), 6, { to: RECIPIENT, value: ETHER });
      payments++;
      await until(`payment ${payments} is mined`, () => receiptOf(net.url(index), hash));
      await net.control('kill', index);
      const [peer = 0] = ALL.filter((other) => other !== index);
      const { head } = await statusOf(net.url(peer));
      await net.control('restart', index);
      await net.agreement(ALL, head.number + 1);
      expect(await until('the receipt is there', () => receiptOf(net.url(index), hash))).toMatchObject({ status: '0x1' });
    }
    for (const url of net.urls(...ALL)) expect(await balanceOf(url, RECIPIENT)).toBe(payments * ETHER);
    expect(net.supervisor.running).toBe(true);
  });

  it('acts on a running network from another terminal', async () => {
    const killed = await processes.runSynod('testnet', 'kill', '1', '--dir', directory);
    expect(killed).toMatchObject({ code: 0, stdout: 'Node 1 was killed.\n' });
    expect((await net.report()).map(({ state }) => state)).toEqual(['up', 'down', 'up']);
    const again = await processes.runSynod('testnet', 'kill', '1', '--dir', directory);
    expect(again.stderr).toContain('[testnet/down]');
    expect(again.code).toBe(1);
    const restarted = await processes.runSynod('testnet', 'restart', '1', '--dir', directory);
    expect(restarted).toMatchObject({ code: 0, stdout: 'Node 1 is up.\n' });
    expect((await net.report()).map(({ state }) => state)).toEqual(['up', 'up', 'up']);
  });

  it('takes the nodes down with their supervisor, and another one goes on', async () => {
    const { number } = await net.agreement(ALL);
    const pids = (await net.report()).map(({ pid }) => pid);
    await net.supervisor.end('SIGKILL');
    await until('no node is left', () => net.survivors(pids).length === 0);
    net = await Testnet.start(processes, directory, '--rpc-port', '0');
    await net.agreement(ALL, Number(number) + 1);
  });

  it('comes back when everything ended at one moment', async () => {
    const pids = (await net.report()).flatMap(({ pid }) => pid ?? []);
    const block = await net.agreement(ALL);
    for (const pid of [...pids, net.supervisor.pid]) process.kill(pid, 'SIGKILL');
    await net.supervisor.ended();
    await until('no node is left', () => net.survivors(pids).length === 0);
    net = await Testnet.start(processes, directory, '--rpc-port', '0');
    await net.agreement(ALL, Number(block.number) + 1);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });
});

describe('kill -9 of a node that mines alone', () => {
  it('never takes back a block or a receipt that it has shown', async () => {
    const directory = temporary();
    const genesis = writeQuickGenesis(directory, { hashRateLimit: 1_000 });
    const blocks: RpcBlock[] = [];
    const receipts = new Map<string, RpcReceipt>();
    for (let round = 0; round < 5; round++) {
      const { url, process } = await startNode(processes, directory, genesis, '--mine');
      const { head } = await statusOf(url);
      expect(head.number).toBeGreaterThanOrEqual(Number(blocks.at(-1)?.number ?? 0));
      for (const shown of blocks) expect(await blockAt(url, Number(shown.number))).toEqual(shown);
      for (const [hash, shown] of receipts) expect(await receiptOf(url, hash)).toEqual(shown);

      const hash = await send(url, 0, { to: dev(1).address, value: 1n });
      receipts.set(hash, await until('the payment is mined', () => receiptOf(url, hash)));
      const height = head.number + 2 + round;
      blocks.push(await until(`block ${height}`, () => blockAt(url, height)));
      // At once: what was shown a moment ago must be on disk.
      await process.end('SIGKILL');
    }
  });
});
