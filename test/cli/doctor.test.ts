/** What `synod doctor` says of data directories that are well, and of each thing that can be wrong with one. */
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { Command } from 'commander';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { registerDoctor } from '../../src/cli/doctor.ts';
import { checkClock, checkNodeVersion, checkStatus, type Finding } from '../../src/cli/doctor-checks.ts';
import { applyConventions, run } from '../../src/cli/output.ts';
import { openStopped } from '../../src/node/maintenance/stopped.ts';
import { openOffline } from '../../src/node/offline.ts';
import type { NodeStatus } from '../../src/node/status.ts';
import { datadirPaths } from '../../src/storage/datadir.ts';
import { TABLES } from '../../src/storage/layout.ts';
import { DEV_MNEMONIC } from '../../src/wallet/mnemonic.ts';
import { createDevValidators } from '../../src/wallet/validator-dev.ts';
import { deriveValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { easyDocument, MinedChain } from '../support/mined-chain.ts';

const temporary = temporaryDirectories();
const DOCUMENT = easyDocument();
let datadir: string;

interface Report {
  readonly running: boolean;
  readonly healthy: boolean;
  readonly findings: readonly Finding[];
}

/** With ports that are free, unless `args` name others. */
async function doctor(...args: string[]): Promise<Report & { readonly exitCode: number }> {
  let stdout = '';
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    stdout += String(chunk);
    return true;
  });
  try {
    const program = new Command('synod');
    applyConventions(program);
    registerDoctor(program);
    await run(program, ['node', 'synod', 'doctor', '--json', '--datadir', datadir, '--port', '0', '--http.port', '0', ...args]);
    return { ...(JSON.parse(stdout) as Report), exitCode: Number(process.exitCode ?? 0) };
  } finally {
    process.exitCode = 0;
    spy.mockRestore();
  }
}

const of = (report: Report, check: string) => report.findings.filter((finding) => finding.check === check);
const troubles = (report: Report) =>
  report.findings.filter(({ status }) => status !== 'ok').map(({ check, status }) => `${check} ${status}`);

async function listening(): Promise<{ server: Server; port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as { port: number }).port };
}

let template: string;

beforeAll(async () => {
  template = join(temporary(), 'node');
  const mined = await MinedChain.start(DOCUMENT);
  const chain = await openOffline(template, DOCUMENT);
  await chain.add(await mined.mine(mined.genesis));
  await chain.close();
});

beforeEach(() => {
  datadir = join(temporary(), 'node');
  cpSync(template, datadir, { recursive: true });
  // A copy of a directory has whatever mode others are made with.
  for (const path of [datadir, join(datadir, 'keystore')]) chmodSync(path, 0o700);
});

describe('a node that does not run', () => {
  it('is well, and says so', async () => {
    const report = await doctor();
    expect(troubles(report)).toEqual([]);
    expect(report).toMatchObject({ running: false, healthy: true, exitCode: 0 });
    expect(of(report, 'database')[0]?.message).toMatch(/head is block 1 0x/);
    expect(report.findings.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['node', 'datadir', 'space', 'version', 'genesis', 'keys', 'state', 'clock', 'ports']),
    );
  });

  it('has a directory that others may look into, and a key that they may read', async () => {
    chmodSync(datadir, 0o755);
    writeFileSync(datadirPaths(datadir).nodekey, 'key');
    chmodSync(datadirPaths(datadir).nodekey, 0o644);
    const report = await doctor();
    expect(troubles(report)).toEqual(['datadir warn', 'keys fail']);
    expect(of(report, 'keys')[0]?.message).toContain('nodekey');
    expect(report.exitCode).toBe(1);
  });

  it('was never started, or belongs to another version or network', async () => {
    const [own, other] = [datadir, join(temporary(), 'genesis.json')];
    datadir = join(temporary(), 'nothing');
    expect(troubles(await doctor())).toEqual(['datadir fail']);
    datadir = own;
    writeFileSync(other, JSON.stringify({ ...DOCUMENT, timestamp: '0x1' }));
    expect(troubles(await doctor('--genesis', other))).toEqual(['genesis fail']);
    const { identity } = datadirPaths(datadir);
    writeFileSync(identity, JSON.stringify({ formatVersion: 2 }));
    const newer = await doctor();
    expect(troubles(newer)).toEqual(['version fail']);
    expect(of(newer, 'version')[0]?.message).toMatch(/newer synod/);
    writeFileSync(identity, JSON.stringify({ formatVersion: 0 }));
    expect(of(await doctor(), 'version')[0]?.message).toMatch(/older synod/);
  });

  it('has a database that does not open, or a head without a state', async () => {
    const node = await openStopped(datadir);
    const { chain } = node.databases;
    const hash = present(chain.get(TABLES.head, null), 'a head');
    const { stateRoot } = present(chain.get(TABLES.header, { number: 1, hash }), 'its header').header;
    await chain.database.write([{ type: 'delete', key: TABLES.node.key(stateRoot) }]);
    await node.close();
    expect(troubles(await doctor())).toEqual(['state fail']);
    rmSync(join(datadirPaths(datadir).chain, 'CURRENT'));
    const report = await doctor();
    expect(troubles(report)).toEqual(['database fail']);
    expect(of(report, 'database')[0]?.message).toContain('CURRENT');
  });

  it('has validators, with or without a record of what they signed', async () => {
    await createDevValidators(datadir, deriveValidatorKeys(DEV_MNEMONIC, 1));
    expect(of(await doctor(), 'validators')).toMatchObject([{ status: 'ok' }]);
    const { identity } = datadirPaths(datadir);
    const node = await openStopped(datadir);
    await node.close();
    writeFileSync(identity, JSON.stringify({ ...node.identity, complete: ['chain'] }), { mode: 0o600 });
    expect(of(await doctor(), 'validators')).toMatchObject([{ status: 'warn', message: expect.stringContaining('protection import') }]);
  });

  it('would find its ports taken, and bootnodes silent', async () => {
    const { port } = await listening();
    const peer = '/p2p/12D3KooWB8eD91EF2E16toUU4nUTZYDcFSLdYwqTvR87CV2umK3i';
    const { server, port: gone } = await listening();
    await new Promise((resolve) => server.close(resolve));
    const report = await doctor(
      '--http.port',
      String(port),
      '--bootnodes',
      `/ip4/127.0.0.1/tcp/${port}${peer},/ip4/127.0.0.1/tcp/${gone}${peer},nonsense`,
    );
    expect(of(report, 'ports').map(({ status }) => status)).toEqual(['ok', 'fail']);
    expect(of(report, 'bootnodes').map(({ status }) => status)).toEqual(['ok', 'warn', 'fail']);
  });

  it('has what earlier repairs set aside', async () => {
    mkdirSync(`${datadirPaths(datadir).chain}.old`);
    expect(troubles(await doctor())).toEqual(['space warn']);
  });
});

it('does not take a directory that another process has open for a damaged one', async () => {
  const chain = await openOffline(datadir, DOCUMENT);
  const report = await doctor();
  await chain.close();
  expect(troubles(report)).toEqual(['database warn']);
  expect(report).toMatchObject({ running: true, healthy: true });
  expect(of(report, 'ports')).toEqual([]);
});

describe('a node that runs', () => {
  const status = {
    head: { number: 7, hash: '0x7' },
    peers: 2,
    sync: { state: 'idle', current: 0, target: 0 },
    consensus: null,
    partition: null,
    engine: 'pos',
  };
  const statusWith = (fields: object) =>
    checkStatus({ ...status, ...fields } as unknown as NodeStatus).filter(({ status: each }) => each !== 'ok');

  it.each([
    [{}, []],
    [{ peers: 0 }, ['peers']],
    [{ sync: { state: 'headers', current: 1, target: 9 } }, ['sync']],
    [{ consensus: { counts: { clockJumps: 2 } } }, ['clock']],
    [{ partition: ['a'] }, ['peers']],
  ])('with %j is told %j', (fields, checks) => {
    expect(statusWith(fields).map(({ check }) => check)).toEqual(checks);
  });
});

it('knows a clock that is behind, and one that was set, from one that is right', async () => {
  const head = { number: 1, timestamp: 1_000 };
  const real = performance.timeOrigin + performance.now();
  const at = (ms: number) => () => ms + performance.now() - startMs;
  const startMs = performance.now();
  const nowSeconds = Math.floor(real / 1_000);
  expect((await checkClock({ ...head, timestamp: nowSeconds + 600 }, false)).map(({ status }) => status)).toEqual(['fail']);
  expect((await checkClock({ ...head, timestamp: nowSeconds - 7_200 }, true)).map(({ status }) => status)).toEqual(['warn']);
  expect((await checkClock({ ...head, timestamp: nowSeconds }, true)).map(({ status }) => status)).toEqual(['ok']);
  expect((await checkClock(null, false, at(real + 60_000))).map(({ status }) => status)).toEqual(['warn']);
});

it('wants a Node.js that strips types', () => {
  expect(checkNodeVersion().status).toBe('ok');
  expect(checkNodeVersion('20.19.0').status).toBe('fail');
});
