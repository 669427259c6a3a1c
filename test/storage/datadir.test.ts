import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { StorageError, UsageError } from '../../src/base/errors.ts';
import { Hash, Lsn } from '../../src/base/types.ts';
import { type Datadir, datadirPaths, openDatadir } from '../../src/storage/datadir.ts';
import type { Network } from '../../src/storage/identity.ts';
import { type BuiltBlock, buildChain, buildGenesis } from '../support/chain.ts';
import { temporaryDirectories } from '../support/directory.ts';

const genesis = buildGenesis();
const network: Network = { genesisHash: genesis.hash, chainId: 31337, engine: 'pow' };
const directory = temporaryDirectories();

function ignore(): void {}

/** A directory that a node used and left in order: three blocks and one record. */
async function usedDirectory(): Promise<{ root: string; chain: BuiltBlock[] }> {
  const root = join(directory(), 'node');
  const datadir = await openDatadir(root, network);
  const store = await datadir.openStore(genesis);
  const { log } = await datadir.openLog(ignore);
  const chain = buildChain(genesis, 3);
  for (const built of chain) {
    store.insert(built.block, built.facts);
    store.executed(built.hash, built.execution);
    await store.setHead(built.hash);
  }
  await new Promise<void>((done) => log.append(Lsn(1), [Uint8Array.of(42)], undefined, done));
  await store.close();
  await datadir.close();
  return { root, chain };
}

async function refusal(root: string, expected: Network = network): Promise<UsageError | StorageError> {
  const error = await openDatadir(root, expected).then(
    async (datadir: Datadir) => {
      await datadir.close();
      throw new Error('it was opened');
    },
    (thrown: unknown) => thrown,
  );
  if (error instanceof UsageError || error instanceof StorageError) return error;
  throw error;
}

describe('a data directory', () => {
  test('is laid out as geth lays out its own, readable by its owner only', async () => {
    const { root } = await usedDirectory();
    expect(readdirSync(root).sort()).toEqual(['keystore', 'synod']);
    expect(readdirSync(join(root, 'synod')).sort()).toEqual(['chaindata', 'consensus', 'identity.json', 'lock']);
    for (const path of [root, join(root, 'keystore'), join(root, 'synod')]) expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(root, 'synod', 'identity.json')).mode & 0o777).toBe(0o600);
  });

  test('gives back the chain and the consensus log', async () => {
    const { root, chain } = await usedDirectory();
    const datadir = await openDatadir(root, network);
    const store = await datadir.openStore(genesis);
    expect(store.head.hash).toBe(chain[2]?.hash);
    expect(await datadir.openLog(ignore)).toMatchObject({ records: [Uint8Array.of(42)], incarnation: 2, lsn: 1 });
    await datadir.close();
  });

  test('a crash before its databases were complete leaves one that can be started', async () => {
    const root = directory();
    const first = await openDatadir(root, network);
    const image = directory();
    cpSync(root, image, { recursive: true });
    await first.close();
    const datadir = await openDatadir(image, network);
    expect((await datadir.openStore(genesis)).head.hash).toBe(genesis.hash);
    await datadir.close();
  });

  test('of another network is refused, naming both genesis blocks', async () => {
    const { root } = await usedDirectory();
    const other = Hash(`0x${'ab'.repeat(32)}`);
    const error = await refusal(root, { ...network, genesisHash: other });
    expect(error).toBeInstanceOf(UsageError);
    expect(error.code).toBe('storage/wrong-genesis');
    expect(error.message).toContain(genesis.hash);
    expect(error.message).toContain(other);
    expect((await refusal(root, { ...network, chainId: 1 })).code).toBe('storage/wrong-network');
    expect((await refusal(root, { ...network, engine: 'raft' })).code).toBe('storage/wrong-network');
  });

  test('of a newer format is refused with both versions', async () => {
    const { root } = await usedDirectory();
    const { identity } = datadirPaths(root);
    writeFileSync(identity, readFileSync(identity, 'utf8').replace('"formatVersion": 1', '"formatVersion": 2'));
    expect(await refusal(root)).toMatchObject({ code: 'storage/format', fields: { found: 2, known: 1 } });
  });

  test.each([
    '',
    '{',
    'null',
    '[]',
    '"x"',
    '{"formatVersion":1}',
    '{"formatVersion":1,"genesisHash":"0x12","chainId":1,"engine":"pow","complete":[]}',
  ])('with the identity %j is refused', async (text) => {
    const { root } = await usedDirectory();
    writeFileSync(datadirPaths(root).identity, text);
    expect((await refusal(root)).code).toBe('storage/identity');
  });

  test('with databases but without its identity is refused', async () => {
    const { root } = await usedDirectory();
    rmSync(datadirPaths(root).identity);
    expect((await refusal(root)).code).toBe('storage/identity');
    expect(existsSync(datadirPaths(root).identity)).toBe(false);
  });

  test.each(['chain', 'consensus'] as const)('whose %s database was lost is refused, not begun anew', async (name) => {
    const { root } = await usedDirectory();
    rmSync(datadirPaths(root)[name], { recursive: true });
    const error = await refusal(root);
    expect(error.code).toBe('storage/corrupt');
    expect(error.message.includes('--resync')).toBe(name === 'chain');
    expect(existsSync(datadirPaths(root)[name])).toBe(false);
  });

  test('that is in use is refused, and frees its lock when it is closed', async () => {
    const { root } = await usedDirectory();
    const datadir = await openDatadir(root, network);
    expect((await refusal(root)).code).toBe('storage/locked');
    await datadir.close();
    await (await openDatadir(root, network)).close();
  });

  test('frees its lock when it could not be opened', async () => {
    const { root } = await usedDirectory();
    expect((await refusal(root, { ...network, chainId: 1 })).code).toBe('storage/wrong-network');
    await (await openDatadir(root, network)).close();
  });

  test('where a file stands in its place is refused', async () => {
    const path = join(directory(), 'file');
    writeFileSync(path, '');
    expect((await refusal(path)).code).toBe('storage/io');
    expect((await refusal(join(path, 'below'))).code).toBe('storage/io');
  });
});

describe('resync', () => {
  test('sets a damaged chain aside, begins from genesis, and keeps what this node signed', async () => {
    const { root } = await usedDirectory();
    const paths = datadirPaths(root);
    const [log] = readdirSync(paths.chain).filter((name) => name.endsWith('.log')) as [string];
    const bytes = readFileSync(join(paths.chain, log));
    writeFileSync(join(paths.chain, log), bytes.with(100, (bytes[100] as number) ^ 4));
    expect((await refusal(root)).message).toContain(log);
    const datadir = await openDatadir(root, network, { resync: true });
    const store = await datadir.openStore(genesis);
    expect(store.head.hash).toBe(genesis.hash);
    expect(await datadir.openLog(ignore)).toMatchObject({ records: [Uint8Array.of(42)], lsn: 1 });
    await store.close();
    await datadir.close();
    expect(readdirSync(`${paths.chain}.old`)).toContain(log);
    await (await openDatadir(root, network)).close();
  });

  test('also mends a chain directory that is gone, and on a new directory does nothing', async () => {
    const { root } = await usedDirectory();
    rmSync(datadirPaths(root).chain, { recursive: true });
    for (const path of [root, directory()]) {
      const datadir = await openDatadir(path, network, { resync: true });
      expect((await datadir.openStore(genesis)).head.hash).toBe(genesis.hash);
      await datadir.close();
    }
  });
});
