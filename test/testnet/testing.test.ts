/** `synod/testing` where it refuses: options that are none, and calls of a network that was stopped. Over a stand-in for a node. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { UsageError } from '../../src/base/errors.ts';
import type { Address } from '../../src/base/types.ts';
import type { TestnetOptions } from '../../src/testnet/manifest.ts';
import { Supervisor } from '../../src/testnet/supervisor.ts';
import { type ReorgOptions, type StallOptions, startNetwork, TestNetwork } from '../../src/testnet/testing.ts';
import { DEV_MNEMONIC } from '../../src/wallet/mnemonic.ts';
import { temporaryDirectories } from '../support/directory.ts';

const temporary = temporaryDirectories();
const FAKE_NODE = fileURLToPath(new URL('./fake-node.mjs', import.meta.url));
/** Only a name here: nothing listens. */
const RPC_PORT = 40_000;

async function running(): Promise<TestNetwork> {
  const directory = temporary();
  const options = { nodes: 1, engine: 'pos', mnemonic: DEV_MNEMONIC, accounts: 1, blockTimeSeconds: 1 } as TestnetOptions;
  const supervisor = new Supervisor({
    directory,
    manifest: { version: 1, options, nodes: [{ index: 0, mines: false, validators: [], etherbase: `0x${'11'.repeat(20)}` as Address }] },
    command: [process.execPath, FAKE_NODE, 'well'],
    rpcPort: RPC_PORT,
    call: async () => null,
    onEvent: () => undefined,
  });
  onTestFinished(() => supervisor.stop());
  await supervisor.start();
  const hold = { madeDirectory: false, url: '', port: 0, token: '', serve: () => undefined, release: async () => undefined };
  return new TestNetwork(supervisor, hold, directory, false, 60_000);
}

async function refused(work: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  const error = (await work.then(
    () => expect.unreachable(),
    (thrown: unknown) => thrown,
  )) as UsageError;
  return { code: error.code, message: error.message };
}

describe('options from JavaScript', () => {
  it.each([
    [{ engin: 'pow' }, 'There is no option "engin" here; did you mean engine?'],
    [{ constructor: 1 }, /^There is no option "constructor" here; there are: directory, /],
    [{ nodes: 'three' }, 'nodes: expected a whole number from 1 to 64; got "three".'],
    [{ nodes: 2.5 }, 'nodes: expected a whole number from 1 to 64; got 2.5.'],
    [{ engine: 'poz' }, /^engine: expected one of chandra-toueg, .*, zab; got "poz"\.$/],
    [{ engine: 'pow', nodes: 2, miners: 3 }, 'miners: expected at most one for each of 2 nodes; got 3.'],
    [{ engine: 'pos', blockTimeSeconds: 61 }, 'blockTimeSeconds: expected at most 60 under pos; got 61.'],
    [{ accounts: 0 }, 'accounts: expected a whole number from 1 to 1000; got 0.'],
    [{ rpcPort: 65_535 }, 'rpcPort: expected a port for each of 4 nodes from there on; got 65535.'],
    [{ timeoutMs: null }, 'timeoutMs: expected milliseconds, such as 60000; got null.'],
    ['pow', 'Expected an object with options such as { directory }; got "pow".'],
  ])('%j start nothing', async (options, message) => {
    const error = await refused(startNetwork(options as object));
    expect(error.code).toBe('testing/option');
    expect(error.message).toMatch(message);
  });

  it('are refused by every call that takes some', async () => {
    const network = await running();
    const messageOf = async (work: Promise<unknown>) => (await refused(work)).message;
    expect(await messageOf(network.reorg({ dept: 3 } as unknown as ReorgOptions))).toBe(
      'There is no option "dept" here; did you mean depth?',
    );
    expect(await messageOf(network.reorg({} as ReorgOptions))).toBe('depth: expected a number; got undefined.');
    expect(await messageOf(network.reorg({ depth: 1e9 }))).toBe('Expected a depth from 1 to 1000 blocks, got 1000000000.');
    expect(await messageOf(network.stallFinality(undefined as unknown as StallOptions))).toBe(
      'forMs: expected milliseconds, such as 60000; got undefined.',
    );
    expect(await messageOf(network.stallFinality({ forMs: '60s' } as unknown as StallOptions))).toBe(
      'forMs: expected milliseconds, such as 60000; got "60s".',
    );
    expect(await messageOf(network.pause(0, { for: 5 } as object))).toMatch(/^There is no option "for" here; .*forMs/);
    expect(await messageOf(network.delay(0, 5, { jitterMs: '5' } as object))).toBe('jitterMs: expected a number; got "5".');
    expect(await messageOf(network.agreed({ nodes: 1 } as object))).toBe('nodes: expected a list of node numbers; got 1.');
  });
});

it('arguments from JavaScript are refused in words of the library', async () => {
  const network = await running();
  const messageOf = async (work: Promise<unknown>) => (await refused(work)).message;
  const text = (value: string) => value as unknown as number;
  expect(await messageOf(network.kill(text('0')))).toBe('There is no node "0"; the nodes are 0 to 0.');
  expect(network.node(0).index).toBe(0);
  expect(() => network.node(text('0'))).toThrow('There is no node "0"');
  expect(await messageOf(network.partition([0], [text('1')]))).toBe('nodes: expected a list of node numbers such as [0, 1]; got "1".');
  expect(await messageOf(network.loss(text('0'), 0.2))).toBe('nodes: expected a list of node numbers such as [0, 1]; got "0".');
  expect(await messageOf(network.clock(0, text('5')))).toMatch(/the offset is "5"; expected a number/);
});

it('a network that was stopped ends what waits, and refuses what comes after', async () => {
  const network = await running();
  const waiting = [refused(network.agreed({ number: 9 })), refused(network.finalized({ number: 9 })), refused(network.play('wait 1h'))];
  await network.stop();
  const stopped = { code: 'testing/stopped', message: 'This network was stopped.' };
  expect(await Promise.all(waiting)).toEqual(waiting.map(() => stopped));
  expect(await refused(network.agreed())).toEqual(stopped);
  expect(await refused(network.restart(0))).toEqual(stopped);
  expect(await refused(network.node(0).status())).toEqual(stopped);
  expect(() => network.url).toThrow('This network was stopped.');
  await network.stop();
});
