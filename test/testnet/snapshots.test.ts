/** Snapshots of networks whose nodes are data directories only: whole or not at all, never shared where it could do harm. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { listingText, sizeText } from '../../src/cli/testnet-snapshot.ts';
import { heightOf } from '../../src/node/datadir-copy.ts';
import { datadirPaths, openDatadir } from '../../src/storage/datadir.ts';
import { networkHashOf, readIdentity } from '../../src/storage/identity.ts';
import { createManifest, loadManifest, type Manifest, paths, type TestnetOptions } from '../../src/testnet/manifest.ts';
import { checkName, snapshotPaths } from '../../src/testnet/snapshots/document.ts';
import { whilePaused } from '../../src/testnet/snapshots/pause.ts';
import { finishRestore, forkSnapshot, stageRestore } from '../../src/testnet/snapshots/restore.ts';
import { type Nodes, RunningSnapshots } from '../../src/testnet/snapshots/running.ts';
import { restoreStopped, takeStopped } from '../../src/testnet/snapshots/stopped.ts';
import { listSnapshots, removeSnapshot, takeSnapshot } from '../../src/testnet/snapshots/store.ts';
import type { NodeReport } from '../../src/testnet/supervisor.ts';
import { DEV_MNEMONIC } from '../../src/wallet/mnemonic.ts';
import { buildChain, buildGenesis } from '../support/chain.ts';
import { temporaryDirectories } from '../support/directory.ts';

const temporary = temporaryDirectories();
const genesis = buildGenesis();
const NETWORK = { genesisHash: genesis.hash, chainId: 31_337, engine: 'pow' };
const OPTIONS: TestnetOptions = {
  nodes: 2,
  miners: 1,
  validators: 0,
  engine: 'pow',
  blockTimeSeconds: 1,
  chainId: 31_337,
  mnemonic: DEV_MNEMONIC,
  accounts: 1,
  balance: 1,
  hashRateLimit: 1_000,
};
const SNAPSHOT_BLOCKS = 3;

interface Net {
  readonly directory: string;
  readonly manifest: Manifest;
}

/** Gives a node so many blocks; each opening makes a table of what was in LevelDB's log before. */
async function grow({ directory }: Net, index: number, blocks: number): Promise<void> {
  const datadir = await openDatadir(paths.datadir(directory, index), NETWORK);
  const store = await datadir.openStore(genesis);
  await datadir.openLog(() => undefined);
  for (const { block, facts, hash, execution } of buildChain(genesis, blocks)) {
    store.insert(block, facts);
    store.executed(hash, execution);
    await store.setHead(hash);
  }
  await store.close();
  await datadir.close();
}

let template: string;

beforeAll(async () => {
  template = temporary();
  const manifest = await createManifest(template, OPTIONS, builtInGenesis('pow'), 0);
  for (const blocks of [1, SNAPSHOT_BLOCKS])
    for (const { index } of manifest.nodes) await grow({ directory: template, manifest }, index, blocks);
  writeFileSync(join(paths.datadir(template, 0), 'synod', 'operator.json'), '{}');
  mkdirSync(join(paths.datadir(template, 1), 'validators'));
  writeFileSync(join(paths.datadir(template, 1), 'validators', 'key.json'), 'a key', { mode: 0o600 });
});

/** A network of two nodes at block 3 that does not run. */
function network(): Net {
  const directory = temporary();
  cpSync(template, directory, { recursive: true });
  const manifest = loadManifest(directory);
  if (manifest === null) throw new Error('the template has no manifest');
  return { directory, manifest };
}

const take = ({ directory, manifest }: Net, name = 'one') => takeStopped(directory, manifest, name);
const chainOf = (directory: string, index = 0) => datadirPaths(paths.datadir(directory, index)).chain;
const tableIn = (folder: string) => join(folder, readdirSync(folder).find((name) => name.endsWith('.ldb')) ?? 'no table');
const forkOf = (directory: string, index: number) => readIdentity(datadirPaths(paths.datadir(directory, index)).identity)?.fork;
const heights = ({ directory, manifest }: Net) => Promise.all(manifest.nodes.map(({ index }) => heightOf(paths.datadir(directory, index))));

function rejected(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  return work.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: { code: string; message: string }) => error,
  );
}

/** Changes one byte in the middle of a file without touching the one that it may share its bytes with. */
function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  rmSync(path);
  writeFileSync(path, bytes);
}

describe('a snapshot', () => {
  it('has the documents, keys and databases, says its height, and is listed', async () => {
    const net = network();
    expect(await take(net)).toMatchObject({ name: 'one', engine: 'pow', height: SNAPSHOT_BLOCKS, nodes: 2 });
    const snapshot = snapshotPaths.one(net.directory, 'one');
    expect(readdirSync(snapshot).sort()).toEqual(['genesis.json', 'node-0', 'node-1', 'snapshot.json', 'testnet.json']);
    expect(readdirSync(join(snapshot, 'node-0', 'synod')).sort()).toEqual(['chaindata', 'consensus', 'identity.json']);
    const key = join(snapshot, 'node-1', 'validators', 'key.json');
    expect(readFileSync(key, 'utf8')).toBe('a key');
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(listSnapshots(net.directory)).toMatchObject([{ name: 'one', height: SNAPSHOT_BLOCKS }]);
    removeSnapshot(net.directory, 'one');
    expect(listSnapshots(net.directory)).toEqual([]);
  });

  it('shares the tables of the databases, and nothing that is written to again', async () => {
    const net = network();
    // A table of a compaction that was under way: no part of the database yet, and its name may be used again.
    const unfinished = join(chainOf(net.directory), '000999.ldb');
    writeFileSync(unfinished, 'half a table');
    const subject = { ...net, clocksMs: [0, 0], heads: async () => [null, null], quietly: async (copy: () => void) => copy() };
    await takeSnapshot(subject, 'one', 0);
    const copy = join(snapshotPaths.one(net.directory, 'one'), 'node-0', 'synod', 'chaindata');
    expect(statSync(tableIn(copy)).ino).toBe(statSync(tableIn(chainOf(net.directory))).ino);
    expect(readdirSync(copy)).not.toContain('000999.ldb');
    for (const name of readdirSync(copy).filter((each) => !each.endsWith('.ldb'))) expect(statSync(join(copy, name)).nlink).toBe(1);
  });

  it('is refused under a name that is taken, or that leads elsewhere', async () => {
    const net = network();
    await take(net);
    expect(await rejected(take(net))).toMatchObject({
      code: 'testnet/snapshot-exists',
      message: expect.stringContaining(`--remove one --dir ${net.directory}`),
    });
    for (const name of ['', '..', '../x', 'a/b', 'A', '.hidden', 'x'.repeat(65), 'a\0b']) {
      expect(() => checkName(name)).toThrow(expect.objectContaining({ code: 'testnet/snapshot-name' }));
      expect((await rejected(take(net, name))).code).toBe('testnet/snapshot-name');
    }
    expect(await rejected(restoreStopped(net.directory, net.manifest, 'two'))).toMatchObject({
      code: 'testnet/no-such-snapshot',
      message: expect.stringContaining('there are: one'),
    });
  });

  it('leaves nothing when the disk is full half-way, and what a killed process left goes with the next', async () => {
    const net = network();
    const full = Object.assign(new Error('ENOSPC: no space left on device, copyfile'), { code: 'ENOSPC', syscall: 'copyfile' });
    const subject = {
      ...net,
      clocksMs: [0, 0],
      heads: async () => [null, null],
      quietly: async (copy: () => void) => {
        copy();
        throw full;
      },
    };
    expect((await rejected(takeSnapshot(subject, 'one', 0))).code).toBe('storage/full');
    expect(readdirSync(snapshotPaths.all(net.directory))).toEqual([]);
    mkdirSync(snapshotPaths.one(net.directory, '.two.unfinished'));
    expect(listSnapshots(net.directory)).toEqual([]);
    await take(net);
    expect(readdirSync(snapshotPaths.all(net.directory))).toEqual(['one']);
  });

  it('is refused of a node that never ran, and while one runs that nobody supervises', async () => {
    const net = network();
    rmSync(datadirPaths(paths.datadir(net.directory, 1)).synod, { recursive: true });
    expect((await rejected(take(net))).code).toBe('datadir/empty');
    const other = network();
    const datadir = await openDatadir(paths.datadir(other.directory, 1), NETWORK);
    expect((await rejected(take(other))).code).toBe('storage/locked');
    await datadir.close();
    expect(listSnapshots(other.directory)).toEqual([]);
  });
});

describe('a restored network', () => {
  it('is what it was, goes on, and is a network of its own each time', async () => {
    const net = network();
    await take(net);
    const seen = new Set<string | undefined>([forkOf(net.directory, 0)]);
    expect(seen).toEqual(new Set([undefined]));
    for (let round = 1; round <= 2; round++) {
      for (const { index } of net.manifest.nodes) await grow(net, index, SNAPSHOT_BLOCKS + round);
      expect(await heights(net)).toEqual([SNAPSHOT_BLOCKS + round, SNAPSHOT_BLOCKS + round]);
      await restoreStopped(net.directory, net.manifest, 'one');
      expect(await heights(net)).toEqual([SNAPSHOT_BLOCKS, SNAPSHOT_BLOCKS]);
      expect(forkOf(net.directory, 0)).toBe(forkOf(net.directory, 1));
      seen.add(forkOf(net.directory, 0));
    }
    expect(seen.size).toBe(3);
    const names = [...seen].map((fork) => networkHashOf(fork === undefined ? NETWORK : { ...NETWORK, fork: fork as `0x${string}` }));
    expect(new Set(names).size).toBe(3);
    expect(names[0]).toBe(NETWORK.genesisHash);
    // What was written since has not reached the snapshot through the tables that both have.
    await restoreStopped(net.directory, net.manifest, 'one');
  });

  it('is all of the snapshot, wherever its making was interrupted', async () => {
    const net = network();
    await take(net);
    for (const { index } of net.manifest.nodes) await grow(net, index, SNAPSHOT_BLOCKS + 1);
    await stageRestore(net.directory, 'one');
    // Killed after the first node was moved, and the second was on its way out.
    const staged = join(net.directory, 'restored');
    rmSync(paths.datadir(net.directory, 0), { recursive: true });
    renameSync(paths.datadir(staged, 0), paths.datadir(net.directory, 0));
    renameSync(paths.datadir(net.directory, 1), join(net.directory, 'restored.old'));
    expect(finishRestore(net.directory)).toBe(true);
    expect(await heights(net)).toEqual([SNAPSHOT_BLOCKS, SNAPSHOT_BLOCKS]);
    expect(finishRestore(net.directory)).toBe(false);
    expect(readdirSync(net.directory).sort()).toEqual(['genesis.json', 'node-0', 'node-1', 'snapshots', 'testnet.json']);
  });

  it('is refused from a snapshot of another network, and what was there stays', async () => {
    const net = network();
    await take(net);
    writeFileSync(join(snapshotPaths.one(net.directory, 'one'), 'genesis.json'), '{}');
    expect((await rejected(stageRestore(net.directory, 'one'))).code).toBe('testnet/snapshot-damaged');
    const other = network();
    await take(other);
    writeFileSync(paths.genesis(other.directory), '{}');
    expect((await rejected(stageRestore(other.directory, 'one'))).code).toBe('testnet/snapshot-other');
    expect(await heights(other)).toEqual([SNAPSHOT_BLOCKS, SNAPSHOT_BLOCKS]);
    expect(existsSync(join(other.directory, 'restored'))).toBe(false);
  });
});

describe('a snapshot that is not what was written', () => {
  const documentOf = (net: Net) => snapshotPaths.document(snapshotPaths.one(net.directory, 'one'));
  const damages: readonly [string, (net: Net) => void, string, RegExp][] = [
    [
      'a flipped bit in a table',
      (net) => flip(tableIn(join(snapshotPaths.one(net.directory, 'one'), 'node-0/synod/chaindata'))),
      'damaged',
      /\.ldb: its checksum/,
    ],
    [
      'a file that is gone',
      (net) => rmSync(join(snapshotPaths.one(net.directory, 'one'), 'node-1/validators/key.json')),
      'damaged',
      /key\.json: it cannot be read \(ENOENT\)/,
    ],
    ['a document that is gone', (net) => rmSync(documentOf(net)), 'damaged', /snapshot\.json: it cannot be read/],
    [
      'a document that was cut',
      (net) => writeFileSync(documentOf(net), readFileSync(documentOf(net)).subarray(0, 100)),
      'damaged',
      /snapshot\.json/,
    ],
    [
      'a document that was changed',
      (net) => edit(net, (document) => ({ ...document, createdMs: 1 })),
      'damaged',
      /its checksum does not match/,
    ],
    ['a later version', (net) => edit(net, (document) => ({ ...document, version: 2 })), 'version', /version 2 .*knows version 1/],
    ['databases of another format', (net) => edit(net, (document) => ({ ...document, format: 9 })), 'version', /format 9/],
    [
      'a path that leads out of it',
      (net) => edit(net, (document) => ({ ...document, files: [{ path: '../../etc/passwd', bytes: 1, crc32: 1 }] })),
      'damaged',
      /leads out of/,
    ],
  ];
  function edit(net: Net, change: (document: Record<string, unknown>) => Record<string, unknown>): void {
    writeFileSync(documentOf(net), JSON.stringify(change(JSON.parse(readFileSync(documentOf(net), 'utf8')))));
  }

  it.each(damages)('is refused for %s, in words', async (_what, damage, code, words) => {
    const net = network();
    await take(net);
    damage(net);
    const error = await rejected(restoreStopped(net.directory, net.manifest, 'one'));
    expect(error.code).toBe(`testnet/snapshot-${code}`);
    expect(error.message).toMatch(words);
    expect(await heights(net)).toEqual([SNAPSHOT_BLOCKS, SNAPSHOT_BLOCKS]);
    expect((await rejected(forkSnapshot(net.directory, 'one', join(temporary(), 'fork'), 9_000))).code).toBe(error.code);
    // It can still be seen, and removed.
    expect(listSnapshots(net.directory).map(({ name }) => name)).toEqual(['one']);
    removeSnapshot(net.directory, 'one');
  });
});

describe('a fork', () => {
  it('is another network of the same chain, with ports of its own', async () => {
    const net = network();
    await take(net);
    const target = join(temporary(), 'second');
    await forkSnapshot(net.directory, 'one', target, 9_000);
    const manifest = loadManifest(target);
    expect(manifest).toEqual({ ...net.manifest, rpcPort: 9_000 });
    expect(await heights({ directory: target, manifest: net.manifest })).toEqual([SNAPSHOT_BLOCKS, SNAPSHOT_BLOCKS]);
    expect(forkOf(target, 0)).toMatch(/^0x[0-9a-f]{32}$/);
    expect(forkOf(net.directory, 0)).toBeUndefined();
    expect(readdirSync(target)).not.toContain('addresses.json');
  });

  it('is refused where there is something, and leaves it alone', async () => {
    const net = network();
    await take(net);
    const target = temporary();
    writeFileSync(join(target, 'mine'), 'mine');
    expect((await rejected(forkSnapshot(net.directory, 'one', target, 0))).code).toBe('testnet/directory');
    expect(readdirSync(target)).toEqual(['mine']);
  });
});

describe('under a supervisor', () => {
  /** Nodes without processes, which remember what was done to them. */
  function supervised(net: Net, faults: Nodes['faults'] = []) {
    const done: string[] = [];
    const states: ('up' | 'down' | 'starting')[] = ['up', 'up'];
    const nodes: Nodes = {
      ...net,
      faults,
      nodes: () => states.map((state, index) => ({ index, state, pid: null, rpcUrl: null })),
      report: async () => states.map(() => ({ status: null }) as NodeReport),
      kill: async (index) => {
        done.push(`kill ${index}`);
        states[index] = 'down';
      },
      heal: async () => void done.push(`heal at ${(await heights(net)).join()}`),
      restart: async (index) => {
        done.push(`start ${index}`);
        states[index] = 'up';
        return { rpcUrl: '', operatorToken: '', peerId: '', addresses: [], metricsUrl: null };
      },
      beginAtStart: ({ node, offsetMs }) => void done.push(`clock ${node} by ${offsetMs}`),
    };
    return { done, states, snapshots: new RunningSnapshots(nodes) };
  }

  it('everything is in its place before a node is started again, and a damaged snapshot ends none', async () => {
    const net = network();
    const { done, snapshots } = supervised(net);
    await snapshots.take('one');
    for (const { index } of net.manifest.nodes) await grow(net, index, SNAPSHOT_BLOCKS + 1);
    await snapshots.restore('one');
    expect(done).toEqual(['kill 0', 'kill 1', `heal at ${SNAPSHOT_BLOCKS},${SNAPSHOT_BLOCKS}`, 'start 0', 'start 1']);
    flip(tableIn(join(snapshotPaths.one(net.directory, 'one'), 'node-1/synod/chaindata')));
    done.length = 0;
    expect((await rejected(snapshots.restore('one'))).code).toBe('testnet/snapshot-damaged');
    expect(done).toEqual([]);
  });

  it('clocks are wrong as they were by the time that nodes are started', async () => {
    const wrong = { id: 1, fault: { kind: 'clock', node: 1, offsetMs: 5_000 }, untilMs: null } as const;
    const { done, snapshots } = supervised(network(), [wrong]);
    await snapshots.take('one');
    await snapshots.restore('one');
    expect(done.slice(-3)).toEqual(['clock 1 by 5000', 'start 0', 'start 1']);
  });

  it('one thing is done at a time, and none while a node is just starting', async () => {
    const { states, snapshots } = supervised(network());
    const first = snapshots.take('one');
    expect((await rejected(snapshots.take('two'))).code).toBe('testnet/busy');
    await first;
    states[1] = 'starting';
    expect((await rejected(snapshots.take('two'))).code).toBe('testnet/starting');
    states[1] = 'down';
    await snapshots.remove('one');
    await snapshots.take('one');
  });
});

// Its state is read from proc(5).
describe.runIf(process.platform === 'linux')('held still', () => {
  /** Of all its threads, each once: they do not stop at the same moment. */
  const stateOf = (pid: number) => {
    const stats = readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/stat`, 'latin1'));
    return [...new Set(stats.map((stat) => stat.split(') ')[1]?.charAt(0)))].join('');
  };
  async function start() {
    const child = spawn(process.execPath, ['-e', 'let n = 0; setInterval(() => console.log(++n), 1)'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let count = 0;
    child.stdout.on('data', (bytes: Buffer) => {
      count = Number(bytes.toString().trim().split('\n').at(-1));
    });
    const next = () => new Promise((resolve) => child.stdout.once('data', resolve));
    while (count === 0) await next();
    return { pid: child.pid ?? 0, count: () => count, next, child };
  }
  const only = (...pids: number[]) => ({ pids: () => pids, isHeld: () => false });

  it('a process does nothing, and goes on afterwards; one that was still before stays so, or the work is of no use', async () => {
    const [one, still] = await Promise.all([start(), start()]);
    still.child.kill('SIGSTOP');
    await vi.waitUntil(() => stateOf(still.pid) === 'T');
    let states = '';
    await whilePaused(only(one.pid, still.pid), () => {
      states = `${stateOf(one.pid)}${stateOf(still.pid)}`;
    });
    expect(states).toBe('TT');
    const before = one.count();
    while (one.count() <= before) await one.next();
    expect(stateOf(still.pid)).toBe('T');
    // By whoever held it still first, and is done.
    const letGo = whilePaused(only(one.pid, still.pid), () => void still.child.kill('SIGCONT'));
    await expect(letGo).rejects.toMatchObject({ code: 'testnet/pause', fields: { pid: still.pid } });
    await expect(whilePaused(only(2 ** 22 + 1), () => undefined)).rejects.toMatchObject({ code: 'testnet/pause' });
  });

  it('nothing is done where a process came, or was let go on, before all stood still; one that is held meanwhile stays so', async () => {
    const [one, other] = await Promise.all([start(), start()]);
    const work = vi.fn();
    let looks = 0;
    const arriving = { pids: () => (looks++ === 0 ? [one.pid] : [one.pid, other.pid]), isHeld: () => false };
    await expect(whilePaused(arriving, work)).rejects.toMatchObject({ code: 'testnet/pause', fields: { pid: other.pid } });
    other.child.kill('SIGSTOP');
    await vi.waitUntil(() => stateOf(other.pid) === 'T');
    const waking = {
      pids: () => {
        if (looks++ > 2) other.child.kill('SIGCONT');
        return [one.pid, other.pid];
      },
      isHeld: (pid: number) => pid === one.pid,
    };
    await expect(whilePaused(waking, work)).rejects.toMatchObject({ code: 'testnet/pause', fields: { pid: other.pid } });
    expect(work).not.toHaveBeenCalled();
    expect(stateOf(one.pid)).toBe('T');
  });
});

it('lists what there is in words', () => {
  const listing = [
    { name: 'one', engine: 'pos', height: 12, nodes: 4, bytes: 1_234_567, createdMs: 0, clocksMs: [] },
    { name: 'two', damaged: 'why' },
  ];
  expect(listingText(listing, 3 * 3_600_000)).toContain('one   pos          12  1.2 MB  3 h');
  expect(listingText(listing, 0)).toContain('two   damaged');
  expect(listingText([], 0)).toMatch(/^There are no snapshots/);
  expect([0, 999, 1_000, 10 ** 12].map(sizeText)).toEqual(['0 B', '999 B', '1.0 kB', '1.0 TB']);
});
