/** The supervisor over stand-ins for nodes: what it tells them, and what it says when they do not answer or end. */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { UsageError } from '../../src/base/errors.ts';
import type { Address, Json } from '../../src/base/types.ts';
import { NodeChild } from '../../src/testnet/child.ts';
import { type Manifest, paths, type TestnetOptions } from '../../src/testnet/manifest.ts';
import { PeerAddresses } from '../../src/testnet/peer-addresses.ts';
import { Supervisor, type SupervisorEvent } from '../../src/testnet/supervisor.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until } from '../support/processes.ts';

const temporary = temporaryDirectories();
const FAKE_NODE = fileURLToPath(new URL('./fake-node.mjs', import.meta.url));
/** Only a name here: nothing listens. */
const RPC_PORT = 40_000;

function manifestOf(nodes: number): Manifest {
  const etherbase = `0x${'11'.repeat(20)}` as Address;
  const options = { nodes, hashRateLimit: 0 } as TestnetOptions;
  return {
    version: 1,
    options,
    nodes: Array.from({ length: nodes }, (_, index) => ({ index, mines: index === 0, validators: [], etherbase })),
  };
}

/** A running network, what its nodes were told last, and a set of those that do not answer. */
async function network(nodes: number, more: { readonly metricsPort?: number } = {}) {
  const told = new Map<number, Json>();
  const silent = new Set<number>();
  const events: SupervisorEvent[] = [];
  const directory = temporary();
  const supervisor = new Supervisor({
    directory,
    manifest: manifestOf(nodes),
    command: [process.execPath, FAKE_NODE, 'well'],
    rpcPort: RPC_PORT,
    ...more,
    call: async ({ rpcUrl }, method, params) => {
      const index = Number(rpcUrl.split(':').at(-1)) - RPC_PORT;
      if (silent.has(index)) throw new TypeError('no answer');
      if (method !== 'synod_status') told.set(index, method === 'synod_heal' ? 'healed' : (params[0] as { allowed: Json }).allowed);
      return null;
    },
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => supervisor.stop());
  await supervisor.start();
  return { supervisor, told, silent, events, directory };
}

const peers = (...indices: number[]) => indices.map((index) => `peer-${RPC_PORT + index}`);

async function errorOf(work: Promise<unknown>): Promise<UsageError> {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toHaveProperty('code');
  return error as UsageError;
}

it('gives each node a port for its metrics where they are wished for, and says which', async () => {
  const metricsOf = async (metricsPort: number) =>
    (await (await network(2, { metricsPort })).supervisor.report()).map((one) => one.metricsUrl);
  expect(await metricsOf(6_060)).toEqual(['http://127.0.0.1:6060', 'http://127.0.0.1:6061']);
  expect(await metricsOf(0)).toEqual(['http://127.0.0.1:0', 'http://127.0.0.1:0']);
  const { supervisor } = await network(1);
  expect((await supervisor.report()).map(({ metricsUrl }) => metricsUrl)).toEqual([null]);
});

it('tells each node who is on its side, and the unnamed are a side of their own', async () => {
  const { supervisor, told, events } = await network(4);
  expect(await supervisor.partition([[0, 1]])).toEqual([
    [0, 1],
    [2, 3],
  ]);
  expect([...told].sort()).toEqual([
    [0, peers(0, 1)],
    [1, peers(0, 1)],
    [2, peers(2, 3)],
    [3, peers(2, 3)],
  ]);
  await supervisor.heal();
  expect([...told.values()]).toEqual(['healed', 'healed', 'healed', 'healed']);
  expect(events.map(({ type }) => type).slice(-2)).toEqual(['partitioned', 'healed']);
});

it.each([
  { sides: [[0], [0]], code: 'testnet/partition' },
  { sides: [[0, 1, 2]], code: 'testnet/partition' },
  { sides: [], code: 'testnet/partition' },
  { sides: [[0], [7]], code: 'testnet/no-such-node' },
])('refuses the sides $sides', async ({ sides, code }) => {
  const { supervisor, told } = await network(3);
  expect((await errorOf(supervisor.partition(sides))).code).toBe(code);
  expect(told.size).toBe(0);
});

it('cuts as far as nodes answer, names those that do not, and puts them on their side when they are started again', async () => {
  const { supervisor, told, silent, events } = await network(4);
  silent.add(2);
  const error = await errorOf(supervisor.partition([[0, 1]]));
  expect(error.code).toBe('testnet/no-answer');
  expect(error.fields.nodes).toBe('2');
  expect([...told.keys()].sort()).toEqual([0, 1, 3]);
  expect(events.at(-1)?.type).toBe('partitioned');
  expect((await supervisor.report()).map(({ side }) => side)).toEqual([0, 0, 1, 1]);

  // Another node's silence is not this one's failure.
  told.clear();
  await supervisor.restart(1);
  expect(told.get(1)).toEqual(peers(0, 1));
  expect(events.at(-1)).toMatchObject({ type: 'node-up', index: 1 });

  silent.clear();
  told.clear();
  await supervisor.restart(2);
  expect(told.get(2)).toEqual(peers(2, 3));
});

it('says so when the node itself that was started does not take its side', async () => {
  const { supervisor, silent } = await network(2);
  await supervisor.partition([[0]]);
  silent.add(1);
  const error = await errorOf(supervisor.restart(1));
  expect(error.code).toBe('testnet/no-answer');
  expect(error.fields.nodes).toBe('1');
  expect((await supervisor.report())[1]).toMatchObject({ state: 'up', status: null });
});

it('heals as far as nodes answer', async () => {
  const { supervisor, told, silent } = await network(3);
  await supervisor.partition([[0]]);
  silent.add(0).add(2);
  const error = await errorOf(supervisor.heal());
  expect(error.code).toBe('testnet/no-answer');
  expect(error.fields.nodes).toBe('0,2');
  expect(told.get(1)).toBe('healed');
  expect((await supervisor.report()).map(({ side }) => side)).toEqual([null, null, null]);
});

it('does not expect an answer of a node that is down', async () => {
  const { supervisor, told } = await network(3);
  await supervisor.kill(2);
  expect((await errorOf(supervisor.kill(2))).code).toBe('testnet/down');
  await supervisor.partition([[0]]);
  expect([...told.keys()].sort()).toEqual([0, 1]);
  await supervisor.restart(2);
  expect(told.get(1)).toEqual(peers(1, 2));
  expect(told.get(2)).toEqual(peers(1, 2));
});

it('starts none once it is being stopped', async () => {
  const { supervisor } = await network(2);
  await supervisor.stop();
  expect((await errorOf(supervisor.restart(0))).code).toBe('testnet/stopping');
  expect((await supervisor.report()).map(({ state }) => state)).toEqual(['down', 'down']);
});

describe('nodes that end by themselves', () => {
  const end = async ({ supervisor, events }: Awaited<ReturnType<typeof network>>, index: number) => {
    process.kill(Number((await supervisor.report())[index]?.pid), 'SIGKILL');
    return await until('its end is seen', () => events.find((event) => event.type === 'node-down' && event.index === index));
  };

  it('are named at once, with their logs; the network is over when none is left', async () => {
    const running = await network(3);
    const { supervisor, directory } = running;
    let over = false;
    supervisor.allEnded.catch(() => {
      over = true;
    });
    appendFileSync(paths.log(directory, 0), 'ERROR [11-21|13:43:15] Fatal: the node stops   reason="disk full"\nINFO  Stopped\n');
    const log = paths.log(directory, 0);
    expect(await end(running, 0)).toEqual({ type: 'node-down', index: 0, reason: 'SIGKILL', expected: false, log });
    await supervisor.kill(1);
    expect(over).toBe(false);
    await end(running, 2);
    const error = await errorOf(supervisor.allEnded);
    expect(error.code).toBe('testnet/nodes-ended');
    expect(error.message).toContain(`node 0: SIGKILL; log ${log}\n    ERROR [11-21|13:43:15] Fatal`);
    expect(error.message).toContain('node 1: ended on command');
    expect(error.message).toContain(`node 2: SIGKILL; log ${paths.log(directory, 2)}`);
  });

  it('do not end it if they were ended on command: one may be started again', async () => {
    const { supervisor, events } = await network(2);
    let over = false;
    supervisor.allEnded.catch(() => {
      over = true;
    });
    await supervisor.kill(0);
    await supervisor.kill(1);
    await supervisor.restart(0);
    expect(events.at(-1)).toMatchObject({ type: 'node-up', index: 0 });
    expect(over).toBe(false);
  });
});

const addressOf = (index: number) => `/ip4/127.0.0.1/tcp/${RPC_PORT + index - 20_000}/p2p/${RPC_PORT + index}`;

it('gives the later nodes the addresses of the first, and all of them those that the others had when they are started again', async () => {
  const { supervisor, directory } = await network(2);
  const starts = (index: number) =>
    readFileSync(paths.log(directory, index), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('arguments'));
  expect(starts(0)[0]).not.toContain('--bootnodes');
  expect(starts(1)[0]).toContain(`--bootnodes ${addressOf(0)}`);
  // None is up when the other starts.
  await Promise.all([0, 1].map((index) => supervisor.kill(index)));
  await Promise.all([0, 1].map((index) => supervisor.restart(index)));
  expect(starts(0)[1]).toContain(`--bootnodes ${addressOf(1)}`);
  expect(starts(1)[1]).toContain(`--bootnodes ${addressOf(0)}`);
});

it('starts a node on the port that it had, as the others remember it, while that is free', async () => {
  const { supervisor, directory } = await network(1);
  const asked = () => [...readFileSync(paths.log(directory, 0), 'utf8').matchAll(/ --port (\d+)/g)].map(([, port]) => Number(port));
  const port = RPC_PORT - 20_000;
  await supervisor.restart(0);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void other.close());
  await supervisor.restart(0);
  expect(asked()).toEqual([0, port, 0]);
});

it('remembers addresses for the next supervisor', async () => {
  const { directory } = await network(2);
  expect([0, 1, 2].map((index) => new PeerAddresses(directory).of(index))).toEqual([[addressOf(0)], [addressOf(1)], []]);
});

it.each([
  '',
  '[]',
  'null',
  '{"0":0}',
  '{"0":[7]}',
  '{"0":["/dns4/example.org/tcp/1/p2p/a"]}',
  '{"a":["/ip4/127.0.0.1/tcp/1/p2p/a"]}',
  '{"0":["/ip4/127.0.0.1/tcp/70000/p2p/a"]}',
])('chooses no port by a damaged file: %j', async (text) => {
  const directory = temporary();
  writeFileSync(paths.addresses(directory), text);
  const addresses = new PeerAddresses(directory);
  await addresses.choosePort(0);
  expect(addresses.port(0)).toBe(0);
});

function childThat(behaviour: string, file = process.execPath) {
  const exits: string[] = [];
  const child = new NodeChild({
    index: 5,
    command: [file, FAKE_NODE, behaviour],
    logFile: paths.log(temporary(), 5),
    arguments: () => [],
    onExit: (index, reason, expected) => exits.push(`${index} ${reason} ${expected}`),
  });
  onTestFinished(() => child.kill());
  return { child, exits };
}

it('shows the end of the log of a node that does not come up', async () => {
  const { child, exits } = childThat('ends-at-once');
  const error = await errorOf(child.start());
  expect(error.code).toBe('testnet/node-failed');
  expect(error.message).toContain('exit code 3');
  expect(error.message).toContain('no such thing');
  expect(child.state).toBe('down');
  expect(exits).toEqual(['5 exit code 3 false']);
});

it('survives a program that is not there', async () => {
  const { child, exits } = childThat('well', '/no/such/program');
  expect((await errorOf(child.start())).code).toBe('testnet/node-failed');
  await child.kill();
  await child.stop();
  expect(child.state).toBe('down');
  expect(exits).toEqual(['5 could not be started false']);
});

it('has no endpoints of a node that ended as soon as it was ready', async () => {
  const { child, exits } = childThat('ends-when-ready');
  await child.start().catch((error: UsageError) => expect(error.code).toBe('testnet/node-failed'));
  await until('its end is seen', () => exits.length === 1);
  expect(child.endpoints).toBe(null);
  expect(child.state).toBe('down');
});
