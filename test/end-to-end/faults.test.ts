/** Every fault on real processes: from a scenario on the command line, from the library, and over JSON-RPC, in one network. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startNetwork, type TestNetwork } from 'synod/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FaultStatus } from '../../src/node/fault-bench.ts';
import { paths } from '../../src/testnet/manifest.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { PATIENCE_MS, until, useProcesses } from '../support/processes.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const TIMEOUT_MS = 5 * PATIENCE_MS;
const HOUR_MS = 3_600_000;

/** What happens on the way does not matter much; that the nodes agree and go on afterwards does. */
const SCENARIO = `
expect height >= 1
cut 0 1
delay 2,3 200ms --jitter 50ms
loss 1,2 20%
clock 3 +30s
mining 2 off
wait 2s
heal                                   # the clock is right again, and so is all else
pause 2
expect node 2 paused
resume 2
equivocate 1 vote                      # and its stake is gone
within 3m expect slashed >= 1
partition 0,1 2,3
expect 2 heads
heal
expect one head
kill 3
expect node 3 down
restart 3
`;

describe('a test network', { timeout: TIMEOUT_MS }, () => {
  let network: TestNetwork;
  const faultsOf = async (node: number): Promise<FaultStatus | null> => (await network.node(node).status()).faults;
  const play = async (text: string) => {
    const file = join(temporary(), 'scenario.txt');
    writeFileSync(file, text);
    return await processes.runSynod('testnet', 'play', file, '--json', '--dir', network.directory);
  };

  beforeAll(async () => {
    network = await startNetwork({ engine: 'pos', nodes: 4, validators: 8, blockTimeSeconds: 1, timeoutMs: PATIENCE_MS });
  }, TIMEOUT_MS);
  afterAll(() => network.stop(), TIMEOUT_MS);

  it('bears a scenario from the command line, which says of each step what came of it', async () => {
    const { code, stdout, stderr } = await play(SCENARIO);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect([lines.at(-1), stderr]).toEqual([expect.objectContaining({ event: 'verdict', holds: true, steps: 20 }), '']);
    expect(code).toBe(0);
    expect(lines[1]).toMatchObject({ event: 'step', line: 3, text: 'cut 0 1', holds: true, seen: 'Begun: cut 0>1.' });
    expect((await faultsOf(1))?.equivocations).toEqual({ proposal: 0, vote: 1 });
    expect((await faultsOf(1))?.messages.lost).toBeGreaterThan(0);
  });

  it('fails a scenario that demands what is not so, with what was seen', async () => {
    const { code, stdout } = await play('expect height >= 1000000 within 300ms\nkill 0');
    const verdict = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    expect(verdict).toMatchObject({
      holds: false,
      line: 1,
      expected: 'height >= 1000000 within 0.3 s',
      seen: expect.stringMatching(/^height \d/),
    });
    expect(code).toBe(1);
    await expect(network.play('kill 9')).rejects.toMatchObject({ code: 'testing/scenario' });
    await expect(network.play('heel')).rejects.toMatchObject({ code: 'scenario/verb' });
  });

  it('keeps blocks from others who withholds them, and gives a node its faults again when it restarts', async () => {
    await network.withhold(0);
    await network.delay(3, 50, { jitterMs: 10 });
    await until('node 0 has a block of its own', async () => ((await faultsOf(0))?.withheld ?? 0) > 0);
    // By its clock it has had its say in every slot, so it does not lie before it is started again.
    await network.clock(3, -HOUR_MS);
    await network.equivocate(3);
    await network.restart(3);
    expect(await faultsOf(3)).toMatchObject({ clockOffsetMs: -HOUR_MS, armed: ['proposal'] });
    expect((await faultsOf(3))?.links).toHaveLength(3);
    expect((await network.report()).map(({ faults }) => faults)).toEqual([
      ['withholds its blocks', 'delay 50±10 ms from 3'],
      ['delay 50±10 ms from 3'],
      ['delay 50±10 ms from 3'],
      ['clock -3600s', 'delay 50±10 ms from 0,1,2', 'will sign a second proposal'],
    ]);
    const { stdout } = await processes.runSynod('testnet', 'status', '--dir', network.directory);
    expect(stdout).toContain('node 0: withholds its blocks; delay 50±10 ms from 3');
    await network.heal();
    expect(await faultsOf(0)).toMatchObject({ isWithholding: false, withheld: 0, links: [] });
    await network.agreed();
  });

  it('stands still in its finality for as long as is wished, goes on with its blocks, and is final again', async () => {
    let during: readonly string[] = [];
    const stall = await network.stallFinality({
      forMs: 3_000,
      whileStalled: async () => {
        during = (await network.report()).flatMap(({ index, faults }) => faults.map((fault) => `${index} ${fault}`));
      },
    });
    expect(during).toEqual(['2 makes no blocks', '3 makes no blocks']);
    expect(stall.head.number).toBeGreaterThan(stall.finalized.number);
    expect((await network.report()).flatMap(({ faults }) => faults)).toEqual([]);
    await network.finalized({ number: stall.finalized.number + 1, timeoutMs: 3 * PATIENCE_MS });
  });

  it('is nobody else’s to break, and says what cannot be', async () => {
    const { port, token } = JSON.parse(readFileSync(paths.control(network.directory), 'utf8')) as { port: number; token: string };
    const call = async (method: string, params: unknown, authorization = `Bearer ${token}`) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
      const headers = { 'content-type': 'application/json', authorization };
      const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body });
      return (await response.json()) as { result?: unknown; error?: { data: { code: string } } };
    };
    const refused = async (method: string, params: unknown) => (await call(method, params)).error?.data.code;
    expect((await call('testnet_kill', [0], 'Bearer wrong')).error?.data.code).toBe('testnet/token');
    expect(await refused('testnet_delay', [0, -5])).toBe('testnet/fault');
    expect(await refused('testnet_loss', { nodes: [0, 1], loss: 1.2 })).toBe('testnet/fault');
    expect(await refused('testnet_delay', { nodes: 0, delay: 5 })).toBe('testnet/parameters');
    expect(await refused('testnet_clock', [9, 1_000])).toBe('testnet/no-such-node');
    expect(await refused('testnet_stallFinality', [-1])).toBe('testing/stall');
    expect((await call('testnet_cut', [0, [1, 2], 60_000])).result).toEqual({ fault: 'cut 0>1 0>2', active: true });
    expect(await refused('testnet_delay', { nodes: [0], delayMs: 5, jitterMs: 6 })).toBe('testnet/fault');
    expect((await call('testnet_faults', [])).result).toEqual([
      { id: expect.any(Number), kind: 'cut', text: 'cut 0>1 0>2', untilMs: expect.any(Number) },
    ]);
    await network.kill(2);
    expect(await refused('testnet_clock', [2, 1_000])).toBe('testnet/down');
    expect(await refused('testnet_resume', [2])).toBe('testnet/not-paused');
    await network.heal();
    expect((await call('testnet_faults', [])).result).toEqual([]);
  });
});
