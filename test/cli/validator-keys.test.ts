import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { registerValidator } from '../../src/cli/validator.ts';
import { DEV_MNEMONIC } from '../../src/wallet/mnemonic.ts';
import { unlockValidator } from '../../src/wallet/validator-directory.ts';
import { deriveValidatorKeys, devValidatorKeys, type ValidatorKey } from '../../src/wallet/validator-keys.ts';
import { encryptValidatorKey } from '../../src/wallet/validator-keystore.ts';
import { temporaryDirectory } from '../wallet/support.ts';
import { runCommand } from './run-command.ts';

const CHEAP = { n: 2, r: 8, p: 1 };
const [FIRST, SECOND] = devValidatorKeys(2) as [ValidatorKey, ValidatorKey];

let directory = '';
let common: string[] = [];
beforeEach(async () => {
  directory = await temporaryDirectory();
  common = ['--datadir', directory, '--password', await secretFile('password', 'open sesame\n')];
});

const keys = (...args: string[]) => runCommand(registerValidator, 'validator', 'keys', ...args);
const keyFiles = () => readdir(join(directory, 'validators')).catch(() => []);

async function secretFile(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  await chmod(path, 0o600);
  return path;
}

describe('keys new', () => {
  test('makes keys out of words, which it shows once', async () => {
    const { exitCode, stdout, stderr } = await keys('new', ...common, '--lightkdf', '--count', '2', '--json');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const { keys: made, mnemonic } = JSON.parse(stdout);
    expect(mnemonic.split(' ')).toHaveLength(24);
    const derived = deriveValidatorKeys(mnemonic, 2);
    expect(made.map(({ publicKey, path }: ValidatorKey) => [publicKey, path])).toEqual(
      derived.map(({ publicKey, path }) => [publicKey, path]),
    );
    for (const [i, { file }] of made.entries()) {
      expect(toHex(await unlockValidator(file, 'open sesame'))).toBe(toHex(derived[i]?.secret ?? new Uint8Array()));
      expect(await readFile(file, 'utf8')).not.toContain(mnemonic.split(' ').slice(0, 2).join(' '));
    }
    expect(await keyFiles()).toHaveLength(2);
  });

  test('tells a person to write the words down', async () => {
    const { stdout } = await keys('new', ...common, '--lightkdf', '--words', '12');
    expect(stdout).toMatch(
      /0x[0-9a-f]{96} {2}m\/12381\/3600\/0\/0\/0\n\nKey files in .*\n\nWords {2}(?:[a-z]+ ){11}[a-z]+\n\nWrite the words down now/,
    );
  });

  test.each([
    [['--count', '0'], 'arguments/count'],
    [['--count', '1001'], 'arguments/count'],
    [['--index', '4294967296'], 'arguments/index'],
    [['--words', '15'], ''],
  ])('refuses %j', async (args, code) => {
    const { exitCode, stderr } = await keys('new', ...common, ...args);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(code);
    expect(await keyFiles()).toEqual([]);
  });

  test('needs a password', async () => {
    const { exitCode, stderr } = await keys('new', '--datadir', directory);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Name a file with --password');
    const empty = await secretFile('empty', '\n');
    expect((await keys('new', '--datadir', directory, '--password', empty)).exitCode).toBe(2);
    expect(await keyFiles()).toEqual([]);
  });
});

describe('keys import', () => {
  const imported = async (...args: string[]) => {
    const { exitCode, stdout, stderr } = await keys('import', ...common, '--lightkdf', '--json', ...args);
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout).map(({ publicKey, path }: ValidatorKey) => ({ publicKey, path }));
  };

  test('takes key files, with the password and the path that they have', async () => {
    const files = await Promise.all(
      [FIRST, SECOND].map(async ({ secret, path }) =>
        secretFile(`${path.replaceAll('/', '_')}.json`, await encryptValidatorKey(secret, 'open sesame', path, CHEAP)),
      ),
    );
    const expected = [FIRST, SECOND].map(({ publicKey, path }) => ({ publicKey, path }));
    expect(await imported(...files)).toEqual(expected);
    const [name = ''] = await keyFiles();
    expect(JSON.parse(await readFile(join(directory, 'validators', name), 'utf8')).crypto.kdf.params.n).toBe(4096);
  });

  test('takes words from an index on', async () => {
    expect(await imported(await secretFile('words', `${DEV_MNEMONIC}\n`), '--index', '1', '--count', '1')).toEqual([
      { publicKey: SECOND.publicKey, path: SECOND.path },
    ]);
  });

  test('takes a bare key', async () => {
    expect(await imported(await secretFile('key', toHex(FIRST.secret)))).toEqual([{ publicKey: FIRST.publicKey, path: '' }]);
  });

  test('warns that what was signed elsewhere must come along', async () => {
    const { stderr } = await keys('import', ...common, '--lightkdf', await secretFile('key', toHex(FIRST.secret)));
    expect(stderr).toContain('slashing-protection import');
  });

  test('takes all or nothing, and nothing twice', async () => {
    const first = await secretFile('first', toHex(FIRST.secret));
    await imported(first);
    const other = await secretFile('second', await encryptValidatorKey(SECOND.secret, 'another', '', CHEAP));
    for (const [files, code] of [
      [[first], 'wallet/validator-exists'],
      [[await secretFile('new', toHex(SECOND.secret)), first], 'wallet/validator-exists'],
      [[other], 'wallet/wrong-password'],
      [[await secretFile('broken', '{"version":4')], 'wallet/keystore-malformed'],
      [[await secretFile('short', 'abcd')], 'wallet/bad-key'],
      [[join(directory, 'missing')], 'prompt/secret-file'],
    ] as const) {
      const { exitCode, stderr } = await keys('import', ...common, '--lightkdf', ...files);
      expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining(`[${code}]`) });
      expect(stderr).not.toContain(toHex(SECOND.secret).slice(2, 20));
    }
    expect(await keyFiles()).toEqual([`${FIRST.publicKey}.json`]);
  });
});

describe('keys list', () => {
  test('shows keys, and names what is none', async () => {
    await keys('import', ...common, '--lightkdf', await secretFile('words', DEV_MNEMONIC), '--count', '2');
    await writeFile(join(directory, 'validators', 'notes'), 'x');
    const { stdout, stderr, exitCode } = await keys('list', '--datadir', directory, '--json');
    expect(exitCode).toBe(0);
    expect(new Set(JSON.parse(stdout).map(({ path }: ValidatorKey) => path))).toEqual(new Set([FIRST.path, SECOND.path]));
    expect(stderr).toContain('notes was left out');
    expect((await keys('list', '--validators.dir', join(directory, 'validators'))).stdout).toContain(FIRST.publicKey);
  });

  test('shows that there are none', async () => {
    expect((await keys('list', '--datadir', directory, '--json')).stdout).toBe('[]\n');
    expect((await keys('list', '--datadir', directory)).stdout).toContain('synod validator keys new');
  });
});

describe('keys export', () => {
  beforeEach(async () => {
    await keys('import', ...common, '--lightkdf', await secretFile('key', toHex(FIRST.secret)));
  });

  test('prints the key file, which needs no password', async () => {
    const { stdout } = await keys('export', FIRST.publicKey, '--datadir', directory);
    const file = await secretFile('exported.json', stdout);
    expect(toHex(await unlockValidator(file, 'open sesame'))).toBe(toHex(FIRST.secret));
    const upper = FIRST.publicKey.toUpperCase().slice(2);
    expect(JSON.parse((await keys('export', upper, '--datadir', directory, '--json')).stdout)).toEqual(JSON.parse(stdout));
  });

  test('prints the bare key only when it is told twice', async () => {
    const refused = await keys('export', FIRST.publicKey, ...common, '--secret');
    expect(refused).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining('arguments/yes') });
    expect((await keys('export', FIRST.publicKey, ...common, '--secret', '--yes')).stdout).toBe(`${toHex(FIRST.secret)}\n`);
    const wrong = ['--datadir', directory, '--password', await secretFile('wrong', 'wrong')];
    expect(await keys('export', FIRST.publicKey, ...wrong, '--secret', '--yes')).toMatchObject({ exitCode: 1, stdout: '' });
  });

  test('knows what is not there, and what is no key', async () => {
    expect(await keys('export', SECOND.publicKey, ...common)).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('wallet/unknown-validator'),
    });
    expect(await keys('export', '0x1234', ...common)).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('arguments/publicKey'),
    });
  });
});
