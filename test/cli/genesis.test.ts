/** A network of one's own: each member tells who it is, somebody writes the genesis document, every node takes it. */
import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { registerGenesis } from '../../src/cli/genesis-new.ts';
import { parseGenesis } from '../../src/execution/genesis-document.ts';
import { storeValidators } from '../../src/wallet/validator-directory.ts';
import { devValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { type Outcome, runCommand } from './run-command.ts';

const temporary = temporaryDirectories();
const RICH = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266';
const CHEAP = { n: 2, r: 8, p: 1 };
const KEYS = devValidatorKeys(4);

const genesis = (...args: string[]) => runCommand(registerGenesis, 'genesis', ...args);
const write = (engine: string, ...more: string[]) => genesis('new', '--engine', engine, '--chain-id', '7001', ...more);

/** Files that members printed, one for each key. */
const files: string[] = [];
let directory = '';

beforeAll(async () => {
  directory = temporary();
  const password = join(directory, 'password');
  await writeFile(password, 'open sesame\n');
  await chmod(password, 0o600);
  for (const [i, key] of KEYS.entries()) {
    const datadir = join(directory, `node-${i}`);
    await storeValidators(join(datadir, 'validators'), [key], 'open sesame', { cost: CHEAP });
    const { exitCode, stdout, stderr } = await genesis('member', '--datadir', datadir, '--validators.password', password);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const file = join(directory, `${i}.json`);
    await writeFile(file, stdout);
    files.push(file);
  }
});

const members = (count: number) => files.slice(0, count).flatMap((file) => ['--member', file]);
const engineOf = ({ stdout }: Outcome) => parseGenesis(JSON.parse(stdout)).engine;

describe('synod genesis new', () => {
  test('names the members as they named themselves, and funds accounts', async () => {
    const outcome = await write('raft', ...members(3), '--fund', `${RICH}=1.5`);
    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
    const { settings, name } = engineOf(outcome);
    expect(name).toBe('raft');
    expect(settings.members).toEqual(files.slice(0, 3).map((file) => JSON.parse(readFileSync(file, 'utf8'))));
    const { alloc, chainId } = parseGenesis(JSON.parse(outcome.stdout));
    expect(chainId).toBe(7001);
    const funded = [...alloc.values()].filter(({ balance }) => balance > 0n);
    expect(funded.map(({ balance }) => balance)).toEqual([1_500_000_000_000_000_000n]);
  });

  test('has validators with their stakes in the staking contract, and the times of the engine, not those of the test network', async () => {
    const [first, second] = KEYS.map(({ publicKey }) => publicKey);
    const outcome = await write('pos', '--validator', `${first}:${RICH}:64`, '--validator', `${second}:${RICH}`);
    expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
    expect(engineOf(outcome).settings).toEqual({
      validators: [
        { publicKey: first, depositor: RICH, stakeEther: 64 },
        { publicKey: second, depositor: RICH, stakeEther: 32 },
      ],
    });
  });

  test('writes a file, and never over another', async () => {
    const out = join(directory, 'genesis.json');
    const first = await write('pow', '--out', out);
    expect(first).toMatchObject({ exitCode: 0, stdout: '', stderr: expect.stringContaining('synod init') });
    expect(parseGenesis(JSON.parse(readFileSync(out, 'utf8'))).engine.name).toBe('pow');
    expect((await write('pow', '--out', out)).stderr).toContain('[arguments/out]');
  });

  test.each([
    ['too few members', 'raft', () => members(2), 'members/too-few'],
    ['an even number of members', 'zab', () => members(4), 'members/even'],
    ['one member twice', 'pbft', () => [...members(3), '--member', files[0] ?? ''], 'members/duplicate'],
    ['no members', 'paxos', () => [], 'arguments/member'],
    ['members of an engine without', 'pow', () => members(3), 'arguments/member'],
    ['a file that is none', 'raft', () => ['--member', '/nowhere/a.json'], 'cli/'],
    ['no validators', 'pos', () => [], 'arguments/validator'],
    ['a validator without a depositor', 'pos', () => ['--validator', KEYS[0]?.publicKey ?? ''], 'arguments/validator'],
    ['an account twice', 'pow', () => ['--fund', `${RICH}=1`, '--fund', `${RICH.toLowerCase()}=2`], 'arguments/fund'],
    ['an amount that is none', 'pow', () => ['--fund', `${RICH}=much`], '['],
    ['an unknown engine', 'hearsay', () => [], 'arguments/engine'],
  ])('refuses %s', async (_name, engine, args, code) => {
    const { exitCode, stdout, stderr } = await write(engine, ...args());
    expect(exitCode).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain(code);
  });
});

describe('synod genesis member', () => {
  test('says which key is missing, or that there are too many', async () => {
    const empty = await genesis('member', '--datadir', join(directory, 'empty'));
    expect(empty.stderr).toContain('[genesis/member-key]');
    const crowded = join(directory, 'crowded');
    await storeValidators(join(crowded, 'validators'), KEYS.slice(0, 2), 'open sesame', { cost: CHEAP });
    expect((await genesis('member', '--datadir', crowded)).stderr).toContain('there are 2');
  });
});
