import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encryptKey } from '../../src/wallet/keystore.ts';
import { findAccount, listAccounts, storeKey, unlock } from '../../src/wallet/keystore-directory.ts';
import { devAccounts } from '../../src/wallet/mnemonic.ts';
import { rejectionOf, temporaryDirectory } from './support.ts';

const CHEAP = { cost: { n: 2, r: 1, p: 1 } };
const [FIRST, SECOND] = devAccounts(undefined, 2) as [ReturnType<typeof devAccounts>[0], ReturnType<typeof devAccounts>[0]];

describe('a key that is stored', () => {
  test('has a file of its own, in a private directory, with the name that geth would give', async () => {
    const directory = join(await temporaryDirectory(), 'data', 'keystore');
    const now = new Date('2026-11-21T07:45:25.123Z');
    const account = await storeKey(directory, FIRST.privateKey, 'secret', { ...CHEAP, now });
    expect(account.address).toBe(FIRST.address);
    expect(await readdir(directory)).toEqual([`UTC--2026-11-21T07-45-25.123000000Z--${FIRST.address.slice(2)}`]);
    expect((await stat(account.path)).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(await unlock(account.path, 'secret')).toEqual(FIRST.privateKey);
  });

  test('is found by its address among others', async () => {
    const directory = await temporaryDirectory();
    const stored = [await storeKey(directory, FIRST.privateKey, 'one', CHEAP), await storeKey(directory, SECOND.privateKey, 'two', CHEAP)];
    expect(await listAccounts(directory)).toEqual({ accounts: stored, unreadable: [] });
    expect(await findAccount(directory, SECOND.address)).toEqual(stored[1]);
  });

  test('is not written over by a second import', async () => {
    const directory = await temporaryDirectory();
    const { path } = await storeKey(directory, FIRST.privateKey, 'one', CHEAP);
    expect(await rejectionOf(storeKey(directory, FIRST.privateKey, 'two', CHEAP))).toMatchObject({ code: 'wallet/account-exists' });
    expect(await readdir(directory)).toHaveLength(1);
    expect(await unlock(path, 'one')).toEqual(FIRST.privateKey);
  });
});

describe('a directory', () => {
  test('that does not exist has no accounts', async () => {
    expect(await listAccounts(join(await temporaryDirectory(), 'none'))).toEqual({ accounts: [], unreadable: [] });
  });

  test('with broken files still shows the others, and says what is broken', async () => {
    const directory = await temporaryDirectory();
    const good = await storeKey(directory, FIRST.privateKey, 'one', CHEAP);
    const text = await readFile(good.path, 'utf8');
    await writeFile(join(directory, 'a-truncated'), text.slice(0, 200));
    await writeFile(join(directory, 'b-empty'), '');
    await writeFile(join(directory, 'c-giant'), Buffer.alloc(100_000));
    await symlink('nowhere', join(directory, 'd-dangling'));
    await writeFile(join(directory, '.unfinished-1'), 'half');
    await writeFile(join(directory, 'backup~'), 'x');
    await mkdir(join(directory, 'folder'));
    const { accounts, unreadable } = await listAccounts(directory);
    expect(accounts).toEqual([good]);
    expect(unreadable.map(({ path }) => path.slice(directory.length + 1))).toEqual(['a-truncated', 'b-empty', 'c-giant', 'd-dangling']);
  });

  test('knows a file without address by its name', async () => {
    const directory = await temporaryDirectory();
    const { address, ...hidden } = JSON.parse(await encryptKey(FIRST.privateKey, 'x', CHEAP.cost));
    const path = join(directory, `UTC--2020-01-01T00-00-00.000000000Z--${address}`);
    await writeFile(path, JSON.stringify(hidden));
    await writeFile(join(directory, 'nameless'), JSON.stringify(hidden));
    const listing = await listAccounts(directory);
    expect(listing.accounts).toEqual([{ address: FIRST.address, path }]);
    expect(listing.unreadable).toHaveLength(1);
  });

  test('without the account asked for says so', async () => {
    const error = await rejectionOf(findAccount(await temporaryDirectory(), FIRST.address));
    expect(error.code).toBe('wallet/unknown-account');
  });

  test('with the same account twice does not choose', async () => {
    const directory = await temporaryDirectory();
    const { path } = await storeKey(directory, FIRST.privateKey, 'one', CHEAP);
    await writeFile(`${path}-copy`, await readFile(path));
    expect((await rejectionOf(findAccount(directory, FIRST.address))).code).toBe('wallet/ambiguous-account');
  });

  test('that is a file, or cannot be written, is named and nothing is left behind', async () => {
    const parent = await temporaryDirectory();
    const file = join(parent, 'file');
    await writeFile(file, '');
    for (const path of [file, join(file, 'keystore')]) {
      const error = await rejectionOf(storeKey(path, FIRST.privateKey, 'one', CHEAP));
      expect(error).toMatchObject({ code: 'wallet/keystore-io' });
      expect(error.message).toContain(path);
    }
    expect(await readdir(parent)).toEqual(['file']);
  });

  test.skipIf(process.getuid?.() === 0)('that is read-only is named and nothing is left behind', async () => {
    const directory = await temporaryDirectory();
    await chmod(directory, 0o500);
    expect((await rejectionOf(storeKey(directory, FIRST.privateKey, 'one', CHEAP))).code).toBe('wallet/keystore-io');
    expect(await readdir(directory)).toEqual([]);
  });
});

test('no secret is in any error', async () => {
  const directory = await temporaryDirectory();
  const { path } = await storeKey(directory, FIRST.privateKey, 'the right one', CHEAP);
  const error = await rejectionOf(unlock(path, 'the wrong one'));
  expect(JSON.stringify([error, error.message, error.stack])).not.toMatch(/the right one|the wrong one|ac0974be/);
});
