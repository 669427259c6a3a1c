import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { encryptKey } from '../../src/wallet/keystore.ts';
import { unlock } from '../../src/wallet/keystore-directory.ts';
import { checkMnemonic, DEV_MNEMONIC, deriveAccounts, devAccounts } from '../../src/wallet/mnemonic.ts';
import { addressOfKey, checksummed } from '../../src/wallet/private-key.ts';
import { temporaryDirectory } from '../wallet/support.ts';
import { fakeNode, wallet } from './wallet-support.ts';

const CHEAP = { n: 2, r: 1, p: 1 };
const [DEV] = devAccounts(undefined, 1) as [ReturnType<typeof devAccounts>[0]];
const DEV_KEY = 'ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80';

let directory = '';
let common: string[] = [];
beforeEach(async () => {
  directory = await temporaryDirectory();
  const password = await secretFile('password', 'open sesame\nthe second line is not part of it\n');
  common = ['--datadir', directory, '--password', password];
});

async function secretFile(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  await chmod(path, 0o600);
  return path;
}

const keyFiles = () => readdir(join(directory, 'keystore'));

describe('wallet new', () => {
  test.each([12, 24])('makes an account of %d words, which give the key in the file', async (count) => {
    const { exitCode, stdout, stderr } = await wallet('new', ...common, '--lightkdf', '--json', '--words', String(count));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const { address, path, mnemonic } = JSON.parse(stdout);
    expect(checkMnemonic(mnemonic).split(' ')).toHaveLength(count);
    const [account] = deriveAccounts(mnemonic);
    expect(checksummed(account?.address ?? DEV.address)).toBe(address);
    expect(await unlock(path, 'open sesame')).toEqual(account?.privateKey);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).not.toContain(mnemonic.split(' ').slice(0, 2).join(' '));
  });

  test('tells a person to write the words down', async () => {
    const { stdout } = await wallet('new', ...common, '--lightkdf');
    expect(stdout).toMatch(/^Address {3}0x[0-9a-fA-F]{40}\nKey file {2}\/.+\nWords {5}(?:[a-z]+ ){11}[a-z]+\n\nWrite the words down now/);
  });

  test('--raw makes a key without words', async () => {
    const { stdout } = await wallet('new', ...common, '--lightkdf', '--raw', '--json');
    const { address, path, ...rest } = JSON.parse(stdout);
    expect(rest).toEqual({});
    expect(checksummed(addressOfKey(await unlock(path, 'open sesame')))).toBe(address);
  });

  test('has the standard cost by default', async () => {
    const { stdout } = await wallet('new', ...common, '--raw', '--json');
    expect(JSON.parse(await readFile(JSON.parse(stdout).path, 'utf8')).crypto.kdfparams).toMatchObject({ n: 262144, r: 8, p: 1 });
  });

  test.each([
    [['--words', '13'], 2, "argument '13' is invalid"],
    [['--words', '24', '--raw'], 2, 'cannot be used with'],
    [['surplus'], 2, 'too many arguments'],
  ])('%j is refused', async (args, exitCode, message) => {
    const outcome = await wallet('new', ...common, ...args);
    expect(outcome).toMatchObject({ exitCode, stdout: '' });
    expect(outcome.stderr).toContain(message);
  });

  test('an empty password, an absent file and no terminal are refused, and nothing is written', async () => {
    const refusals = [
      [2, '[arguments/password]', '--password', await secretFile('empty', '\nsecond')],
      [1, '[prompt/secret-file]', '--password', join(directory, 'absent')],
      [1, '[prompt/secret-file]', '--password', await secretFile('giant', 'x'.repeat(70_000))],
      [1, '[prompt/no-terminal]'],
    ] as const;
    for (const [exitCode, code, ...args] of refusals) {
      const outcome = await wallet('new', '--datadir', directory, ...args);
      expect(outcome).toMatchObject({ exitCode, stdout: '' });
      expect(outcome.stderr).toContain(code);
    }
    await expect(keyFiles()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a password file that others may read brings a warning', async () => {
    await chmod(join(directory, 'password'), 0o644);
    const { exitCode, stderr } = await wallet('new', ...common, '--lightkdf');
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(/^Warning: .*password holds a secret.* chmod 600/);
    expect(stderr).not.toContain('open sesame');
  });
});

describe('wallet import', () => {
  const addresses = (stdout: string) => JSON.parse(stdout).map(({ address }: { address: string }) => address);

  test.each([
    ['a private key', DEV_KEY],
    ['a private key with 0x', `0x${DEV_KEY}\n`],
    ['words', `${DEV_MNEMONIC}\n`],
  ])('takes %s', async (_name, content) => {
    const { exitCode, stdout } = await wallet('import', await secretFile('secret', content), ...common, '--lightkdf', '--json');
    expect({ exitCode, addresses: addresses(stdout) }).toEqual({ exitCode: 0, addresses: [checksummed(DEV.address)] });
    expect(await unlock(JSON.parse(stdout)[0].path, 'open sesame')).toEqual(DEV.privateKey);
  });

  test('takes several accounts of the words', async () => {
    const file = await secretFile('words', DEV_MNEMONIC);
    const { stdout } = await wallet('import', file, ...common, '--lightkdf', '--index', '2', '--count', '3', '--json');
    expect(addresses(stdout)).toEqual(
      devAccounts()
        .slice(2, 5)
        .map(({ address }) => checksummed(address)),
    );
    expect(await keyFiles()).toHaveLength(3);
  });

  test('takes a key file under its own password', async () => {
    const file = await secretFile('other', await encryptKey(DEV.privateKey, 'open sesame', CHEAP));
    const { stdout } = await wallet('import', file, ...common, '--lightkdf', '--json');
    expect(addresses(stdout)).toEqual([checksummed(DEV.address)]);
    expect(await unlock(JSON.parse(stdout)[0].path, 'open sesame')).toEqual(DEV.privateKey);
  });

  test('twice leaves the first file as it was', async () => {
    const file = await secretFile('secret', DEV_KEY);
    await wallet('import', file, ...common, '--lightkdf');
    const outcome = await wallet('import', file, ...common, '--lightkdf');
    expect(outcome).toMatchObject({ exitCode: 1, stdout: '' });
    expect(outcome.stderr).toContain('[wallet/account-exists]');
    expect(await keyFiles()).toHaveLength(1);
  });

  test('refuses what is none of the three, and never repeats it', async () => {
    const keystore = await encryptKey(DEV.privateKey, 'open sesame', CHEAP);
    const hostile = keystore.replace('"n":2', '"n":1099511627776');
    const cases = [
      ['', 'wallet/bad-key'],
      [DEV_KEY.slice(1), 'wallet/bad-key'],
      ['0'.repeat(64), 'wallet/bad-key'],
      ['hunter2 hunter2', 'wallet/bad-mnemonic'],
      [DEV_MNEMONIC.replace('junk', 'test'), 'wallet/bad-mnemonic'],
      [`{"key":"${DEV_KEY}"}`, 'wallet/keystore-malformed'],
      [keystore.slice(0, 300), 'wallet/keystore-malformed'],
      [hostile, 'wallet/kdf-refused'],
      [await encryptKey(DEV.privateKey, 'another', CHEAP), 'wallet/wrong-password'],
    ] as const;
    for (const [content, code] of cases) {
      const outcome = await wallet('import', await secretFile('secret', content), ...common);
      expect(outcome).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining(`[${code}]`) });
      expect(outcome.stderr).not.toMatch(/ac0974be|c0974be|hunter2|test test|open sesame|another/);
    }
    await expect(keyFiles()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('says which files it cannot read', async () => {
    const absent = join(directory, 'absent');
    expect(await wallet('import', absent, ...common)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(absent) });
    expect(await wallet('import', ...common)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('[prompt/no-terminal]') });
  });
});

describe('wallet list', () => {
  test('is empty at first', async () => {
    expect(await wallet('list', '--datadir', directory)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('No accounts in') });
    expect(await wallet('list', '--datadir', directory, '--json')).toEqual({ exitCode: 0, stdout: '[]\n', stderr: '' });
  });

  test('shows the accounts of any keystore directory, and warns of broken files', async () => {
    const keystore = join(directory, 'elsewhere');
    await wallet('import', await secretFile('secret', DEV_KEY), ...common, '--keystore', keystore, '--lightkdf');
    await writeFile(join(keystore, 'broken'), '{');
    const { stdout, stderr } = await wallet('list', '--keystore', keystore);
    expect(stdout).toContain(`\n${checksummed(DEV.address)}  ${keystore}/UTC--`);
    expect(stderr).toMatch(/^Warning: .*broken was left out\. .*truncated/);
  });
});

describe('wallet balance', () => {
  test('of one address', async () => {
    const { url, calls } = await fakeNode({ eth_getBalance: '0x14d1120d7b160001' });
    const address = checksummed(DEV.address);
    expect(await wallet('balance', address, '--rpc', url)).toEqual({ exitCode: 0, stdout: '1.500000000000000001 ETH\n', stderr: '' });
    expect(calls).toMatchObject([{ method: 'eth_getBalance', params: [DEV.address, 'latest'] }]);
    const { stdout } = await wallet('balance', address, '--rpc', url, '--json');
    expect(JSON.parse(stdout)).toEqual({ address, wei: '1500000000000000001', ether: '1.500000000000000001' });
  });

  test('of all accounts here', async () => {
    const { url } = await fakeNode({ eth_getBalance: (address: string) => (address === DEV.address ? '0xde0b6b3a7640000' : '0x0') });
    await wallet('import', await secretFile('words', DEV_MNEMONIC), ...common, '--count', '2', '--lightkdf');
    const { stdout } = await wallet('balance', '--datadir', directory, '--rpc', url, '--json');
    expect(JSON.parse(stdout).map(({ ether }: { ether: string }) => ether)).toEqual(['1', '0']);
  });

  test('needs an address whose checksum is right', async () => {
    for (const wrong of ['0x12', checksummed(DEV.address).replace('F', 'f')])
      expect(await wallet('balance', wrong)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('[arguments/address]') });
  });
});

describe('wallet export', () => {
  test('prints the key after the password, to a pipe only when told', async () => {
    await wallet('import', await secretFile('secret', DEV_KEY), ...common, '--lightkdf');
    expect(await wallet('export', DEV.address, ...common, '--yes')).toEqual({ exitCode: 0, stdout: `0x${DEV_KEY}\n`, stderr: '' });
    expect(await wallet('export', DEV.address, ...common)).toMatchObject({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringContaining('[arguments/yes]'),
    });
    const json = await wallet('export', DEV.address, ...common, '--yes', '--json');
    expect(JSON.parse(json.stdout)).toEqual({ address: checksummed(DEV.address), privateKey: `0x${DEV_KEY}` });
  });

  test('refuses a wrong password and an unknown account', async () => {
    await wallet('import', await secretFile('secret', DEV_KEY), ...common, '--lightkdf');
    const wrong = await secretFile('wrong', 'open barley');
    const [refused, unknown] = [
      await wallet('export', DEV.address, '--datadir', directory, '--password', wrong, '--yes'),
      await wallet('export', `0x${'11'.repeat(20)}`, ...common, '--yes'),
    ];
    expect(refused).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('[wallet/wrong-password]') });
    expect(unknown).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('[wallet/unknown-account]') });
  });
});

test.each(['new', 'import', 'list', 'balance', 'send', 'export'])('wallet %s --help has examples', async (command) => {
  const { exitCode, stdout } = await wallet(command, '--help');
  expect(exitCode).toBe(0);
  expect(stdout).toContain(`\nExamples:\n  synod wallet ${command}`);
});
