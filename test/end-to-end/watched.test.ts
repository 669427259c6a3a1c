/**
 * Two members of a network as their operator watches them: the figures that the Grafana dashboard shows are there, and whatever
 * they log at the highest verbosity, no key, password or token is in it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { storeDevNodeKey } from '../../src/node/dev-nodes.ts';
import type { NodeEndpoints } from '../../src/node/node.ts';
import { datadirPaths } from '../../src/storage/datadir.ts';
import { completeOptions } from '../../src/testnet/launch.ts';
import { createManifest, paths } from '../../src/testnet/manifest.ts';
import { writeKeyFile } from '../../src/wallet/key-files.ts';
import { DEV_COST } from '../../src/wallet/validator-dev.ts';
import { storeValidators, validatorDirectory } from '../../src/wallet/validator-directory.ts';
import { deriveValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { Hopeless, type TestProcess, until, useProcesses } from '../support/processes.ts';
import { ask, post, statusOf } from './rpc.ts';

const DASHBOARD = new URL('../../deploy/grafana/synod.json', import.meta.url);
/** What a dashboard need not show of what prom-client tells of the process, and parts of one metric. */
const UNSHOWN = /^(process_|nodejs_|synod_info$)/;
/** Words of PromQL, of labels and of Grafana. */
const NO_METRICS = /^(by|max|min|sum|count|rate|time)$/;

const PASSWORD = 'correct horse battery staple';
const { mnemonic } = completeOptions({});
const keys = deriveValidatorKeys(mnemonic, 2);

const processes = useProcesses();
const directory = temporaryDirectories();

interface Watched {
  readonly process: TestProcess;
  readonly endpoints: NodeEndpoints;
}

describe('a node that is watched', () => {
  const root = directory();
  const jsonLog = join(root, 'node.log');
  let nodes: readonly Watched[] = [];

  beforeAll(async () => {
    // Two of three members are a quorum.
    const options = completeOptions({ engine: 'raft', nodes: 3, blockTimeSeconds: 1 });
    await createManifest(root, options, builtInGenesis('raft'), Date.now());
    const passwordFile = await writeKeyFile(root, 'password', `${PASSWORD}\n`);
    const start = async (index: number, ...more: string[]): Promise<Watched> => {
      const datadir = paths.datadir(root, index);
      const ports = ['--port', '0', '--http.port', '0', '--metrics', '--metrics.port', '0', '--verbosity', '5'];
      storeDevNodeKey(datadir, mnemonic, index);
      await storeValidators(validatorDirectory(datadir), keys.slice(index, index + 1), PASSWORD, { cost: DEV_COST });
      const role = ['--member', '--validators.password', passwordFile];
      const args = ['node', '--datadir', datadir, '--genesis', paths.genesis(root), ...ports, ...role, ...more];
      const node = processes.synod(args, { channel: true });
      const endpoints = await until(`node ${index} is ready`, () => {
        if (!node.running) throw new Hopeless(node.tail());
        return node.messages.find((message) => (message as { type?: string }).type === 'ready') as NodeEndpoints | undefined;
      });
      return { process: node, endpoints };
    };
    const first = await start(0, '--log.format', 'json', '--log.file', jsonLog);
    nodes = [first, await start(1, '--bootnodes', first.endpoints.addresses[0] ?? '')];
    await until('blocks are final', async () => (await statusOf(url(1))).finalized.number >= 3);
  });

  const node = (index: number): Watched => {
    const found = nodes[index];
    if (found === undefined) throw new Error(`Node ${index} did not start`);
    return found;
  };
  const url = (index: number) => node(index).endpoints.rpcUrl ?? '';
  const watch = async (path: string) => await fetch(`${node(0).endpoints.metricsUrl}${path}`);

  it('has every figure that the dashboard shows, and the dashboard shows every figure that it has', async () => {
    await ask(url(0), 'eth_newBlockFilter');
    const text = await (await watch('/metrics')).text();
    const types = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]));
    const base = (name: string) => (types.has(name) ? name : name.replace(/_(count|sum)$/, ''));
    const expressions = [...readFileSync(DASHBOARD, 'utf8').matchAll(/"expr": "(.*)",$/gm)].map(([, expression = '']) => expression);
    const shown = expressions.flatMap((expression) => {
      const bare = expression.replace(/\{.*?\}|\[.*?\]|by \(.*?\)/g, ' ');
      return (bare.match(/[a-z]\w*/g) ?? []).filter((word) => !NO_METRICS.test(word));
    });
    expect(expressions.length).toBeGreaterThan(30);
    expect(shown.filter((name) => !types.has(base(name)))).toEqual([]);
    expect([...types.keys()].filter((name) => !UNSHOWN.test(name) && !shown.map(base).includes(name))).toEqual([]);
  });

  it('tells how long blocks took, how late its loop is, and how full its queues are', async () => {
    const text = await (await watch('/metrics')).text();
    const value = (name: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.startsWith(`${name} `))
          ?.split(' ')[1],
      );
    for (const quantile of ['0.5', '0.99']) {
      expect(value(`synod_block_seconds{quantile="${quantile}",work="import"}`)).toBeGreaterThan(0);
      expect(value(`nodejs_eventloop_lag_p${quantile.replace('0.', '').padEnd(2, '0')}_seconds`)).toBeGreaterThan(0);
    }
    expect(value('p2p_peers')).toBe(1);
    expect(value('chain_head_finalized')).toBeGreaterThanOrEqual(3);
    expect(text.match(/^synod_size\{name="\w+"\} \d+$/gm)?.length).toBeGreaterThan(10);
    expect(value('synod_size{name="rpc_filters"}')).toBe(1);
    expect(value('synod_size{name="rpc_subscriptions"}')).toBe(0);
    // Of the engine: what it has not heard to be on disk everywhere.
    expect(value('synod_size{name="engine_log"}')).toBeGreaterThanOrEqual(0);
    expect(value('synod_size{name="engine_decided_blocks"}')).toBeGreaterThanOrEqual(0);
    expect((await watch('/readyz')).status).toBe(200);
  });

  it('logs in both forms, and no secret in either', async () => {
    const { operatorToken } = node(0).endpoints;
    const mistyped = operatorToken.replace(/^../, 'zz');
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_sendRawTransaction', params: ['0x00'] });
    for (const index of [0, 1]) {
      await post(url(index), body, { authorization: `Bearer ${node(index).endpoints.operatorToken}` });
      await post(url(index), body, { authorization: `Bearer ${mistyped}` });
      await post(url(index), `{"token":"${mistyped}`);
      await node(index).process.end('SIGTERM');
    }
    const logs = [readFileSync(jsonLog, 'utf8'), node(1).process.stderr];
    const lines = (logs[0] ?? '').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).msg)).toContain('Serving metrics');
    expect(logs[1]).toMatch(/^INFO {2}\[\d\d-\d\d\|\d\d:\d\d:\d\d\.\d{3}\] Serving metrics {10,}url=http:\/\/127\.0\.0\.1:\d+\/metrics$/m);
    for (const log of logs) expect(log).toMatch(/DEBUG|"level":20/);
    const nodeKeys = [0, 1].map((index) => readFileSync(datadirPaths(paths.datadir(root, index)).nodekey, 'utf8').trim());
    const tokens = nodes.map(({ endpoints }) => endpoints.operatorToken);
    const secrets = [PASSWORD, mnemonic, mistyped, ...tokens, ...nodeKeys, ...keys.map(({ secret }) => toHex(secret).slice(2))];
    for (const secret of secrets) expect(logs.filter((log) => log.includes(secret))).toEqual([]);
  });
});
