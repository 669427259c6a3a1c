/** Faults by the supervisor and by JSON-RPC's methods, over stand-ins for nodes. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import type { Address, Json } from '../../src/base/types.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import type { CallParams } from '../../src/testnet/json-rpc.ts';
import { type Manifest, paths, type TestnetOptions } from '../../src/testnet/manifest.ts';
import { callMethod, controlMethods } from '../../src/testnet/methods.ts';
import { Supervisor, type SupervisorEvent } from '../../src/testnet/supervisor.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until } from '../support/processes.ts';

const temporary = temporaryDirectories();
const FAKE_NODE = fileURLToPath(new URL('./fake-node.mjs', import.meta.url));
const RPC_PORT = 40_000;

function manifestOf(engine: string): Manifest {
  const etherbase = `0x${'11'.repeat(20)}` as Address;
  const nodes = [0, 1, 2].map((index) => ({
    index,
    mines: engine === 'pow' && index < 2,
    validators: engine === 'pow' ? [] : [index],
    etherbase,
  }));
  return { version: 1, options: { nodes: nodes.length, engine, blockTimeSeconds: 1, hashRateLimit: 0 } as TestnetOptions, nodes };
}

async function network(engine = 'pow', isStarted = true) {
  const told: [node: number, method: string, params: readonly Json[]][] = [];
  const events: SupervisorEvent[] = [];
  const directory = temporary();
  /** What each node is about to say twice, which it forgets when its process ends. */
  const armed = new Map<number, readonly Json[]>();
  /** Of its process: how many proposals each has made twice. */
  const signed = new Map<number, number>();
  /** Of whom the status comes when it is let go. */
  const waiting = new Map<number, Promise<void>>();
  const supervisor = new Supervisor({
    directory,
    manifest: manifestOf(engine),
    command: [process.execPath, FAKE_NODE, 'well'],
    rpcPort: RPC_PORT,
    call: async ({ rpcUrl }, method, params) => {
      const node = Number(rpcUrl.split(':').at(-1)) - RPC_PORT;
      if (method === 'synod_status') {
        const status = { faults: { armed: armed.get(node) ?? [], equivocations: { proposal: signed.get(node) ?? 0 } } };
        await waiting.get(node);
        return status;
      }
      told.push([node, method, params]);
      if (method === 'synod_equivocate' && params[0] === 'vote') throw new RuleError('fault/cannot-lie', 'No.');
      if (method === 'synod_equivocate') armed.set(node, params);
      if (method === 'synod_heal') armed.delete(node);
      return null;
    },
    onEvent: (event) => {
      if (event.type === 'node-down') armed.delete(event.index);
      events.push(event);
    },
  });
  onTestFinished(() => supervisor.stop());
  if (isStarted) await supervisor.start();
  const methods = controlMethods(supervisor, () => undefined);
  const call = (name: string, params: CallParams) => callMethod(methods, `testnet_${name}`, params);
  const codeOf = async (name: string, params: CallParams) =>
    await call(name, params).then(
      () => 'none',
      (error: { code: string }) => error.code,
    );
  const slow = (node: number): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.set(node, promise);
    return resolve;
  };
  return { supervisor, directory, told, slow, armed, signed, events, call, codeOf };
}

it('tells only those of a fault whom it is about, and a node that is started again all of its own', async () => {
  const { supervisor, told, call } = await network();
  await call('clock', { node: 1, offsetMs: 5_000 });
  expect(told.map(([node, method]) => [node, method])).toEqual([
    [0, 'synod_setFaults'],
    [1, 'synod_setFaults'],
    [2, 'synod_setFaults'],
  ]);
  told.length = 0;
  await call('mining', [0, false]);
  expect(told).toEqual([[0, 'synod_setFaults', [expect.objectContaining({ isIdle: true, clockOffsetMs: 0 })]]]);
  told.length = 0;
  await supervisor.kill(1);
  await supervisor.restart(1);
  expect(told).toEqual([[1, 'synod_setFaults', [expect.objectContaining({ isIdle: false, clockOffsetMs: 5_000 })]]]);
  told.length = 0;
  await call('heal', []);
  expect(told.map(([node, method]) => [node, method])).toEqual([0, 1, 2].map((node) => [node, 'synod_heal']));
});

it('tells a node of a clock that is to be wrong from its start on as soon as it is up', async () => {
  const { supervisor, told, events } = await network();
  await supervisor.kill(1);
  supervisor.beginAtStart({ kind: 'clock', node: 1, offsetMs: 5_000 });
  expect(events.at(-1)).toEqual({ type: 'fault', text: 'clock of node 1 +5s' });
  expect(told).toEqual([]);
  await supervisor.restart(1);
  expect(told).toContainEqual([1, 'synod_setFaults', [expect.objectContaining({ clockOffsetMs: 5_000 })]]);
  expect(() => supervisor.beginAtStart({ kind: 'clock', node: 7, offsetMs: 1 })).toThrow(
    expect.objectContaining({ code: 'testnet/no-such-node' }),
  );
});

it('remembers over restarts what a node is to say twice, until it has said it or is healed', async () => {
  const { supervisor, told, armed, call } = await network();
  const faults = async () => (await supervisor.report()).map((node) => node.faults);
  await call('equivocate', [0]);
  await call('equivocate', [1]);
  await supervisor.kill(0);
  // A node that is down is said to have what it will have.
  expect(await faults()).toEqual([['will sign a second proposal'], ['will sign a second proposal'], []]);
  // It says it now, and nobody but the node knows.
  armed.delete(1);
  told.length = 0;
  await supervisor.restart(0);
  await supervisor.restart(1);
  expect(told).toEqual([[0, 'synod_equivocate', ['proposal']]]);
  expect(await faults()).toEqual([['will sign a second proposal'], [], []]);
  // The end of another fault takes nothing of it back, and healing does.
  await call('delay', [[0, 1], 50]);
  await call('delay', [[0, 1], 0]);
  expect(await faults()).toEqual([['will sign a second proposal'], [], []]);
  await call('heal', []);
  await supervisor.kill(0);
  told.length = 0;
  await supervisor.restart(0);
  expect(told).toEqual([]);
  expect(await faults()).toEqual([[], [], []]);
});

it('says once when a node has done what it was told to say twice', async () => {
  const { supervisor, armed, signed, events, call } = await network();
  const said = () => events.filter(({ type }) => type === 'equivocated');
  await call('equivocate', [0]);
  await call('equivocate', [1]);
  // One that was started again and has not been told yet has said nothing.
  armed.delete(0);
  armed.delete(1);
  signed.set(1, 1);
  await Promise.all([supervisor.report(), supervisor.report()]);
  await supervisor.report();
  expect(said()).toEqual([{ type: 'equivocated', index: 1, lie: 'proposal' }]);
});

it('reports of one moment what is wrong, however late a node answers', async () => {
  const { supervisor, call, slow } = await network();
  const answer = slow(2);
  const report = supervisor.report();
  await call('partition', [[[0, 1], [2]]]);
  answer();
  expect((await report).map(({ side }) => side)).toEqual([0, 0, 1]);
  // Nor does an answer from before a node was told to lie say that it has done so.
  const late = slow(0);
  const before = supervisor.report();
  await call('equivocate', [0]);
  late();
  expect((await before)[0]?.faults).toEqual(['will sign a second proposal']);
});

it('has told a node to lie before it tells it to be idle, and says when it cannot lie any more', async () => {
  const { supervisor, told, armed, events, call } = await network();
  await call('equivocate', [0]);
  await call('mining', [0, false]);
  await supervisor.kill(0);
  told.length = 0;
  await supervisor.restart(0);
  expect(told.map(([node, method]) => [node, method])).toEqual([
    [0, 'synod_equivocate'],
    [0, 'synod_setFaults'],
  ]);
  armed.set(0, ['vote']);
  await supervisor.restart(0);
  expect(events).toContainEqual({ type: 'fault-over', text: 'node 0 will sign a second vote' });
  expect((await supervisor.report())[0]?.faults).toEqual(['makes no blocks']);
});

it('pauses a node and lets it go on, by command, by healing, or when its time is over', async () => {
  const { supervisor, events, call, codeOf } = await network();
  const states = () => supervisor.nodes().map(({ state }) => state);
  await call('pause', [1]);
  expect(states()).toEqual(['up', 'paused', 'up']);
  expect((await supervisor.report())[1]).toMatchObject({ state: 'paused', status: null, faults: ['paused'] });
  expect(await codeOf('pause', [1])).toBe('testnet/paused');
  expect(await codeOf('clock', [1, 5])).toBe('testnet/paused');
  await call('resume', [1]);
  expect(await codeOf('resume', [1])).toBe('testnet/not-paused');
  await call('pause', [0]);
  await call('heal', []);
  await call('pause', { node: 2, forMs: 50 });
  await until('its time is over', () => events.findLast(({ type }) => type === 'fault-over') === events.at(-1) && supervisor.isAwake(2));
  expect(states()).toEqual(['up', 'up', 'up']);
  // One that stands still is stopped all the same.
  await call('pause', [2]);
  await supervisor.stop();
  expect(states()).toEqual(['down', 'down', 'down']);
});

it('refuses what a node cannot have', async () => {
  const { supervisor, call, codeOf, events } = await network();
  expect(await codeOf('mining', [2, false])).toBe('testnet/makes-no-blocks');
  expect(await codeOf('withhold', [2])).toBe('testnet/makes-no-blocks');
  await call('equivocate', [0]);
  expect(events.at(-1)).toEqual({ type: 'fault', text: 'node 0 will sign a second proposal' });
  expect(await codeOf('equivocate', [0, 'vote'])).toBe('fault/cannot-lie');
  await call('mining', [0, false]);
  expect(await codeOf('equivocate', [0])).toBe('testnet/contradiction');
  await supervisor.kill(1);
  expect(await codeOf('rollingRestart', [])).toBe('testnet/not-whole');
  expect(await codeOf('pause', [1])).toBe('testnet/down');
  // What is about links waits for it.
  expect(await codeOf('loss', [1, 0.5])).toBe('none');
});

it.each([
  ['kill', []],
  ['kill', ['0']],
  ['kill', [0, 1]],
  ['kill', { nod: 0 }],
  ['partition', [0, 1]],
  ['cut', [0]],
  ['delay', [0, '5ms']],
  ['delay', [0, 5, 1, -1]],
  ['mining', [0, 'off']],
  ['equivocate', [0, 'everything']],
  ['reorg', [0]],
  ['reorg', { depth: 1e9 }],
  ['stallFinality', []],
] satisfies [string, CallParams][])('knows what %s takes, and %j is not it', async (name, params) => {
  const { codeOf, told } = await network('pow', false);
  expect(await codeOf(name, params)).toBe('testnet/parameters');
  expect(told).toEqual([]);
});

it('makes no reorganisations and no withheld blocks where blocks are made by agreement', async () => {
  const { supervisor, call, codeOf } = await network('raft', false);
  expect(await codeOf('withhold', [0])).toBe('testnet/cannot-withhold');
  expect(await codeOf('reorg', [1])).toBe('testing/no-reorgs');
  await call('stallFinality', [60_000]);
  expect(supervisor.faults.map(({ fault }) => fault)).toEqual([{ kind: 'partition', sides: [[0], [1], [2]] }]);
  expect(await codeOf('stallFinality', [60_000])).toBe('testing/stall');
});

it('counts epochs by the genesis document, which may be written by hand', async () => {
  const { directory, call } = await network('pos', false);
  const genesis = builtInGenesis('pos') as { config: { engine: { slotsPerEpoch: number; slotSeconds: number } } };
  Object.assign(genesis.config.engine, { slotsPerEpoch: 8, slotSeconds: 3 });
  writeFileSync(paths.genesis(directory), JSON.stringify(genesis));
  // Two epochs.
  expect(await call('stallFinality', [60_000])).toEqual({ forMs: 60_000, settleMs: 2 * 8 * 3_000, goesOn: true });
});
