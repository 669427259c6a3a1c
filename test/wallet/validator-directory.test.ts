import { mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import type { Hash } from '../../src/base/types.ts';
import { blsSignatures } from '../../src/wallet/bls.ts';
import { createDevValidators, DEV_PASSWORD } from '../../src/wallet/validator-dev.ts';
import { findValidator, listValidators, storeValidators, unlockValidator } from '../../src/wallet/validator-directory.ts';
import { devValidatorKeys, type ValidatorKey } from '../../src/wallet/validator-keys.ts';
import { openValidators } from '../../src/wallet/validator-signers.ts';
import { rejectionOf, temporaryDirectory } from './support.ts';

const cost = { n: 2, r: 8, p: 1 };
const NETWORK = `0x${'4e'.repeat(32)}` as Hash;
const [FIRST, SECOND] = devValidatorKeys(2) as [ValidatorKey, ValidatorKey];

let root = '';
let directory = '';
beforeEach(async () => {
  root = await temporaryDirectory();
  directory = join(root, 'validators');
});

describe('key files', () => {
  test('are named by their keys, closed to others, and open again', async () => {
    const counts: number[] = [];
    const stored = await storeValidators(directory, [FIRST, SECOND], 'secret', { cost, onStored: (count) => counts.push(count) });
    expect(stored.map(({ path }) => path)).toEqual([FIRST, SECOND].map(({ publicKey }) => join(directory, `${publicKey}.json`)));
    expect(counts).toEqual([1, 2]);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const { path } of stored) expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(directory)).toHaveLength(2);
    const { path } = await findValidator(directory, FIRST.publicKey);
    expect(toHex(await unlockValidator(path, 'secret'))).toBe(toHex(FIRST.secret));
    const error = await rejectionOf(unlockValidator(path, 'other'));
    expect(error).toMatchObject({ code: 'wallet/wrong-password', fields: { path } });
  });

  test('are never overwritten: all or none are written', async () => {
    await storeValidators(directory, [SECOND], 'secret', { cost });
    const before = await readFile(join(directory, `${SECOND.publicKey}.json`), 'utf8');
    const error = await rejectionOf(storeValidators(directory, [FIRST, SECOND], 'other', { cost }));
    expect(error.code).toBe('wallet/validator-exists');
    expect(await readdir(directory)).toEqual([`${SECOND.publicKey}.json`]);
    expect(await readFile(join(directory, `${SECOND.publicKey}.json`), 'utf8')).toBe(before);
    expect((await rejectionOf(storeValidators(root, [FIRST, FIRST], 'secret', { cost }))).code).toBe('wallet/validator-exists');
  });

  test('are found under names that other tools gave them', async () => {
    await storeValidators(directory, [FIRST], 'secret', { cost });
    const path = join(directory, 'keystore-m_12381_3600_0_0_0-1731000000.json');
    await rename(join(directory, `${FIRST.publicKey}.json`), path);
    expect(await listValidators(directory)).toEqual({ validators: [{ publicKey: FIRST.publicKey, path }], unreadable: [] });
    expect((await rejectionOf(storeValidators(directory, [FIRST], 'secret', { cost }))).code).toBe('wallet/validator-exists');
  });

  test('that are none are named, and hide no others', async () => {
    const [stored] = await storeValidators(directory, [FIRST], 'secret', { cost });
    const text = await readFile(stored?.path ?? '', 'utf8');
    const { pubkey: _, ...nameless } = JSON.parse(text);
    await writeFile(join(directory, 'bare-key'), `${toHex(FIRST.secret)}\n`);
    await writeFile(join(directory, 'deposit_data-1731000000.json'), '[]');
    await writeFile(join(directory, 'nameless.json'), JSON.stringify(nameless));
    await writeFile(join(directory, 'z-copy.json'), text);
    await writeFile(join(directory, 'editor.json~'), 'x');
    await mkdir(join(directory, 'folder'));
    const { validators, unreadable } = await listValidators(directory);
    expect(validators).toEqual([stored]);
    const names = ['bare-key', 'deposit_data-1731000000.json', 'nameless.json', 'z-copy.json'];
    expect(unreadable.map(({ path }) => path)).toEqual(names.map((name) => join(directory, name)));
    expect(unreadable.map(({ reason }) => reason).join()).not.toContain(toHex(FIRST.secret).slice(2, 20));
    expect(unreadable[3]?.reason).toContain(stored?.path);
  });

  test('that are not there are an error', async () => {
    expect(await listValidators(directory)).toEqual({ validators: [], unreadable: [] });
    expect((await rejectionOf(findValidator(directory, FIRST.publicKey))).code).toBe('wallet/unknown-validator');
    await writeFile(directory, '');
    expect((await rejectionOf(listValidators(directory))).code).toBe('wallet/keystore-io');
  });
});

describe('opening them', () => {
  const source = (password: string) => ({ directory, network: NETWORK, lockDirectory: join(root, 'locks'), password: () => password });

  test('gives signers, and keeps others out until they are released', async () => {
    await storeValidators(directory, [FIRST, SECOND], 'secret', { cost });
    await writeFile(join(directory, 'notes.txt'), '');
    const open = await openValidators(source('secret'));
    const message = new Uint8Array(32).fill(7);
    expect(open.signers.map(({ publicKey }) => publicKey).sort()).toEqual([FIRST.publicKey, SECOND.publicKey].sort());
    for (const { publicKey, sign } of open.signers)
      expect(blsSignatures.verify({ publicKeys: [publicKey], message, signature: sign(message) })).toBe(true);
    expect(open.unreadable.map(({ path }) => path)).toEqual([join(directory, 'notes.txt')]);
    const error = await rejectionOf(openValidators({ ...source(''), password: () => expect.fail('asked for a password') }));
    expect(error).toMatchObject({ code: 'wallet/validator-locked', fields: { pid: process.pid } });
    open.release();
    open.release();
    (await openValidators(source('secret'))).release();
    expect(await readdir(join(root, 'locks'))).toEqual([]);
  });

  test('with a wrong password, or where a hostile file lies, releases them', async () => {
    await storeValidators(directory, [FIRST, SECOND], 'secret', { cost });
    expect((await rejectionOf(openValidators(source('wrong')))).code).toBe('wallet/wrong-password');
    const path = join(directory, `${SECOND.publicKey}.json`);
    const hostile = JSON.parse(await readFile(path, 'utf8'));
    hostile.crypto.kdf.params.n = 2 ** 40;
    await writeFile(path, JSON.stringify(hostile));
    expect((await rejectionOf(openValidators(source('secret')))).code).toBe('wallet/kdf-refused');
    expect(await readdir(join(root, 'locks'))).toEqual([]);
  });

  test('where there are none says so, before a password is asked for', async () => {
    const never = { ...source(''), password: () => expect.fail('asked for a password') };
    expect((await rejectionOf(openValidators(never))).code).toBe('wallet/no-validators');
    await mkdir(directory);
    await writeFile(join(directory, 'broken.json'), '{');
    const error = await rejectionOf(openValidators(never));
    expect(error.code).toBe('wallet/no-validators');
    expect(error.message).toContain('broken.json');
  });

  test('works for the validators of a test network, which are made once', async () => {
    const made = await createDevValidators(root, [FIRST]);
    const again = await createDevValidators(root, [FIRST, SECOND]);
    expect(made.directory).toBe(directory);
    expect(again.publicKeys).toEqual([FIRST.publicKey, SECOND.publicKey]);
    expect(await readFile(made.passwordFile, 'utf8')).toBe(`${DEV_PASSWORD}\n`);
    const { signers, release } = await openValidators(source(DEV_PASSWORD));
    expect(signers).toHaveLength(2);
    release();
  });
});
