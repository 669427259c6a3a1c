/** One supervisor for each directory, whoever comes first, and commands only from those who can read its file. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UsageError } from '../../src/base/errors.ts';
import type { Json } from '../../src/base/types.ts';
import { type Control, callControl, takeControl } from '../../src/testnet/control.ts';
import type { ControlMethod } from '../../src/testnet/control-server.ts';
import { paths } from '../../src/testnet/manifest.ts';
import { temporaryDirectories } from '../support/directory.ts';

const temporary = temporaryDirectories();
/** No process of this machine: the largest id that Linux gives out is 2^22. */
const NO_PROCESS = 2 ** 22 + 1;
const LOOPBACK = '127.0.0.1';

async function take(directory: string): Promise<Control> {
  const control = await takeControl(directory);
  onTestFinished(() => control.release());
  return control;
}

function methods(runs: Readonly<Record<string, ControlMethod['run']>>): ReadonlyMap<string, ControlMethod> {
  return new Map(Object.entries(runs).map(([name, run]) => [name, { run }]));
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UsageError);
  return (error as UsageError).code;
}

interface ControlFile {
  readonly pid: number;
  readonly port: number;
  readonly token: string;
}

const fileOf = (directory: string): ControlFile => JSON.parse(readFileSync(paths.control(directory), 'utf8'));

function leaveBehind(directory: string, file: Partial<ControlFile>): void {
  writeFileSync(paths.control(directory), JSON.stringify({ pid: NO_PROCESS, port: 1, token: 'old', ...file }));
}

async function listen(server: { listen(port: number, host: string, done: () => void): unknown; address(): unknown; close(): unknown }) {
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('taking a directory', () => {
  it('makes it, claims it for its owner alone, and leaves nothing else behind', async () => {
    const directory = join(temporary(), 'net');
    const control = await takeControl(directory);
    expect(control.madeDirectory).toBe(true);
    expect(fileOf(directory).pid).toBe(process.pid);
    expect(statSync(paths.control(directory)).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['control.json']);
    await control.release();
    expect(readdirSync(directory)).toEqual([]);
    const again = await take(directory);
    expect(again.madeDirectory).toBe(false);
  });

  it('succeeds for exactly one of many that start together', async () => {
    const directory = join(temporary(), 'net');
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => take(directory)));
    const won = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(won).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason.code).toBe('testnet/already-running');
    }
    won[0]?.serve(methods({ testnet_who: async () => 'here' }));
    expect(await callControl(directory, 'testnet_who', [])).toBe('here');
    expect(readdirSync(directory)).toEqual(['control.json']);
  });

  it('succeeds for exactly one of many that find what a killed supervisor left', async () => {
    const directory = temporary();
    leaveBehind(directory, {});
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => take(directory)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(fileOf(directory).pid).toBe(process.pid);
    expect(readdirSync(directory)).toEqual(['control.json']);
  });

  it.each(['', '{', 'null', '[]', '{"pid":1}', '{"pid":"1","port":2,"token":"t"}', '{"pid":1,"port":0,"token":"t"}'])(
    'replaces a file that no supervisor wrote: %s',
    async (text) => {
      const directory = temporary();
      writeFileSync(paths.control(directory), text);
      await take(directory);
      expect(fileOf(directory).pid).toBe(process.pid);
    },
  );

  it('is not held up by another server on the port of a killed supervisor', async () => {
    const token = 'f00d'.repeat(12);
    const servers = [401, 200].map((status) =>
      createServer((request, response) => {
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ result: request.headers.authorization ?? null }));
      }),
    );
    for (const server of servers) {
      const directory = temporary();
      leaveBehind(directory, { pid: process.pid, port: await listen(server), token });
      expect(await codeOf(callControl(directory, 'testnet_status', []))).toBe('testnet/not-running');
      await take(directory);
    }
    // The supervisor of another directory, too.
    const other = temporary();
    await take(other);
    const directory = temporary();
    leaveBehind(directory, { ...fileOf(other), token });
    await take(directory);
  });

  it('respects a supervisor that is suspended', async () => {
    const silent = createTcpServer(() => undefined);
    const directory = temporary();
    leaveBehind(directory, { pid: process.pid, port: await listen(silent) });
    expect(await codeOf(takeControl(directory))).toBe('testnet/already-running');
    expect(fileOf(directory).token).toBe('old');
    // But not one whose process is gone.
    leaveBehind(directory, { port: fileOf(directory).port });
    await take(directory);
  });

  it('says where it cannot write', async () => {
    const directory = temporary();
    mkdirSync(paths.control(directory));
    await expect(takeControl(directory)).rejects.toThrow();
  });
});

describe('giving it up', () => {
  it('leaves the file of whoever has the directory by now', async () => {
    const directory = temporary();
    const control = await take(directory);
    leaveBehind(directory, { token: 'of another' });
    await control.release();
    expect(fileOf(directory).token).toBe('of another');
  });

  it('does not mind that the directory is gone', async () => {
    const directory = join(temporary(), 'net');
    const control = await take(directory);
    rmSync(directory, { recursive: true });
    await control.release();
    expect(existsSync(directory)).toBe(false);
  });
});

describe('calls', () => {
  it('are answered by the methods, with their errors, once there are some', async () => {
    const directory = temporary();
    const control = await take(directory);
    expect(await codeOf(callControl(directory, 'testnet_status', []))).toBe('testnet/starting');
    const asked: unknown[] = [];
    control.serve(
      methods({
        testnet_kill: async (params) => asked.push(params) as Json,
        testnet_fail: async () => {
          throw new UsageError('testnet/no-such-node', 'There is no node 9.');
        },
      }),
    );
    expect(await callControl(directory, 'testnet_kill', [2])).toBe(1);
    expect(await callControl(directory, 'testnet_kill', { node: 3 })).toBe(2);
    expect(await codeOf(callControl(directory, 'testnet_fail', []))).toBe('testnet/no-such-node');
    expect(await codeOf(callControl(directory, 'testnet_wish', []))).toBe('testnet/no-such-method');
    expect(asked).toEqual([[2], { node: 3 }]);
  });

  it('find nobody where nothing runs', async () => {
    expect(await codeOf(callControl(temporary(), 'testnet_status', []))).toBe('testnet/not-running');
    const directory = temporary();
    leaveBehind(directory, {});
    expect(await codeOf(callControl(directory, 'testnet_status', []))).toBe('testnet/not-running');
  });
});
