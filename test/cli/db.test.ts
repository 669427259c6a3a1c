/** `synod db` as a person or a script meets it: what it prints, and how it ends. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { registerDatabase } from '../../src/cli/db.ts';
import { openStopped } from '../../src/node/maintenance/stopped.ts';
import { openOffline } from '../../src/node/offline.ts';
import { datadirPaths } from '../../src/storage/datadir.ts';
import { TABLES } from '../../src/storage/layout.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { easyDocument, MinedChain } from '../support/mined-chain.ts';
import { runCommand } from './run-command.ts';

const temporary = temporaryDirectories();
const DOCUMENT = easyDocument();
const datadir = join(temporary(), 'node');

const db = (...args: string[]) => runCommand(registerDatabase, 'db', ...args, '--datadir', datadir);

beforeAll(async () => {
  const mined = await MinedChain.start(DOCUMENT);
  const chain = await openOffline(datadir, DOCUMENT);
  for (const block of await mined.mineChain(mined.genesis, 3)) await chain.add(block);
  await chain.close();
});

describe('a chain that is well', () => {
  it('is counted, verified, and left alone', async () => {
    const { stdout } = await db('stats');
    expect(stdout).toMatch(/^Chain 31337 \(engine pow\) in .*, format 1\n/);
    expect(stdout).toMatch(/chain +header +4 /);
    expect(await db('verify')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^Everything is as it was written: .*block 3 /),
    });
    expect(await db('repair', '--yes')).toMatchObject({ exitCode: 0, stdout: 'Nothing is damaged: the chain ends in block 3.\n' });
    expect(JSON.parse((await db('prune', '--states', '128', '--json')).stdout)).toEqual({ blocks: 0, states: 0, stateParts: 0 });
  });

  it('is backed up and restored, but not while its node runs', async () => {
    const target = join(temporary(), 'backup');
    const chain = await openOffline(datadir, DOCUMENT);
    expect(await db('backup', target)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('[db/running]') });
    await chain.close();
    expect(existsSync(target)).toBe(false);
    expect(JSON.parse((await db('backup', target, '--json')).stdout)).toMatchObject({ height: 3, chainId: 31_337 });
    expect(JSON.parse((await db('restore', target, '--json')).stdout)).toMatchObject({ height: 3 });
  });

  it('refuses to keep less than reorganisations may need', async () => {
    expect(await db('prune', '--states', '5')).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('from 128') });
    expect((await db('prune', '--branches', 'x')).exitCode).toBe(2);
  });
});

it('says what is damaged, what a repair would keep, and changes nothing unless told to', async () => {
  const node = await openStopped(datadir);
  const { chain } = node.databases;
  const { hash } = present(chain.get(TABLES.canonical, 2), 'a second block');
  const key = TABLES.header.key({ number: 2, hash });
  await chain.database.write([{ type: 'delete', key }]);
  await node.close();

  const verified = await db('verify');
  expect(verified.exitCode).toBe(1);
  expect(verified.stdout).toMatch(/^\d+ problems in/);
  expect(verified.stdout).toContain('[storage/missing]');
  const planned = await db('repair');
  expect(planned.exitCode).toBe(1);
  expect(planned.stdout).toMatch(/Blocks 0 to 1 would be kept, and 2 above them.*\nNothing was changed/);
  expect(existsSync(`${datadirPaths(datadir).chain}.damaged-1`)).toBe(false);
  const repaired = await db('repair', '--yes');
  expect(repaired.exitCode).toBe(0);
  expect(repaired.stdout).toMatch(/^Kept blocks 0 to 1; 2 above them are lost here.*\nWhat was there before is in .*damaged-1\.\n$/);
  expect((await db('verify')).exitCode).toBe(0);
});
