/** A node that stakes: what keeps its keys shut, and, on real processes, who may have them when. */
import { cpSync, existsSync, readdirSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ZERO_ADDRESS } from '../../src/base/types.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { openStaking } from '../../src/cli/validator-stake.ts';
import { createDevValidators } from '../../src/wallet/validator-dev.ts';
import { devValidatorKeys, type ValidatorKey } from '../../src/wallet/validator-keys.ts';
import { defaultLockDirectory } from '../../src/wallet/validator-lock.ts';
import { startNode } from '../end-to-end/networks.ts';
import { ask, statusOf } from '../end-to-end/rpc.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { rejectionOf } from '../wallet/support.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const SLOTS_PER_EPOCH = 2;
/** Far from those that other tests and test networks use, which share the locks of the machine. */
const [KEY, OTHER] = devValidatorKeys(2, 7_000) as [ValidatorKey, ValidatorKey];

/** A network of one validator that begins now. */
async function genesisFile(directory: string): Promise<string> {
  const template = builtInGenesis('pos') as { config: object };
  const validators = [{ publicKey: KEY.publicKey, depositor: ZERO_ADDRESS, stakeEther: 32 }];
  const engine = { name: 'pos', slotSeconds: 1, slotsPerEpoch: SLOTS_PER_EPOCH, validators };
  const document = { ...template, config: { ...template.config, engine }, timestamp: `0x${Math.floor(Date.now() / 1000).toString(16)}` };
  const path = join(directory, 'genesis.json');
  await writeFile(path, JSON.stringify(document));
  return path;
}

const claims = () =>
  (existsSync(defaultLockDirectory()) ? readdirSync(defaultLockDirectory()) : []).filter((name) => name.startsWith(KEY.publicKey));

describe('the keys of a node', () => {
  const POS = builtInGenesis('pos');

  async function prepared(keys: readonly ValidatorKey[]) {
    const datadir = temporary();
    const { passwordFile } = await createDevValidators(datadir, keys);
    return { datadir, flags: { stake: true, 'validators.password': passwordFile } };
  }

  /** What is written to stderr meanwhile. */
  async function noted<T>(action: () => Promise<T>): Promise<{ result: T; notes: string }> {
    let notes = '';
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
      notes += String(chunk);
      return true;
    });
    try {
      return { result: await action(), notes };
    } finally {
      spy.mockRestore();
    }
  }

  it('stay shut without --stake, and may then not be named', async () => {
    const { datadir, flags } = await prepared([KEY]);
    expect((await openStaking({}, datadir, POS)).signers).toEqual([]);
    for (const name of ['validators.password', 'validators.dir']) {
      const error = await rejectionOf(openStaking({ [name]: flags['validators.password'] }, datadir, POS));
      expect(error.code).toBe('arguments/stake');
    }
    expect(claims()).toEqual([]);
  });

  it('are opened from where they are, with a word about those that are not in genesis', async () => {
    const { datadir, flags } = await prepared([KEY, OTHER]);
    await writeFile(join(datadir, 'validators', 'notes'), 'x');
    const { result, notes } = await noted(() => openStaking(flags, datadir, POS));
    expect(result.signers).toHaveLength(2);
    expect(notes).toContain('notes was left out');
    expect(notes).toContain('2 of 2 keys are of no validator of genesis');
    result.release();
    expect(claims()).toEqual([]);
  });

  it('are refused by a network that has no use for them', async () => {
    const { datadir, flags } = await prepared([KEY]);
    expect((await rejectionOf(openStaking(flags, datadir, builtInGenesis('pow')))).code).toBe('arguments/stake');
  });

  it('stay shut with a wrong password, and are free for others then', async () => {
    const { datadir } = await prepared([KEY]);
    const wrong = join(datadir, 'wrong');
    await writeFile(wrong, 'wrong\n');
    await chmod(wrong, 0o600);
    expect((await rejectionOf(openStaking({ stake: true, 'validators.password': wrong }, datadir, POS))).code).toBe(
      'wallet/wrong-password',
    );
    const silent = await rejectionOf(openStaking({ stake: true }, datadir, POS));
    expect(silent.code).toBe('prompt/no-terminal');
    expect(silent.message).toContain('--validators.password');
    expect(claims()).toEqual([]);
  });

  it('must be there', async () => {
    expect((await rejectionOf(openStaking({ stake: true }, temporary(), POS))).code).toBe('wallet/no-validators');
  });
});

it('two nodes never have one key at once; one that is killed leaves it, with what it signed', async () => {
  const directory = temporary();
  const genesis = await genesisFile(directory);
  const [first, second] = [join(directory, 'first'), join(directory, 'second')];
  const { passwordFile } = await createDevValidators(first, [KEY]);
  cpSync(join(first, 'validators'), join(second, 'validators'), { recursive: true });
  const stake = ['--stake', '--validators.password', passwordFile];

  const node = await startNode(processes, first, genesis, ...stake);
  await until('blocks are proposed and votes are in them', async () => {
    const { head } = await statusOf(node.url);
    const { epoch } = await ask<{ epoch: number }>(node.url, 'synod_getCheckpoints');
    return head.number >= 2 && epoch >= 1;
  });
  const status = await processes.runSynod('validator', 'status', '--datadir', first, '--rpc', node.url, '--json');
  expect(JSON.parse(status.stdout)).toMatchObject([{ publicKey: KEY.publicKey, status: 'active_ongoing', isOurs: true }]);

  const refused = await processes.runSynod('node', '--datadir', second, '--genesis', genesis, '--port', '0', '--http.port', '0', ...stake);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('[wallet/validator-locked]');
  expect(refused.stderr).toContain(`Process ${node.process.pid} `);
  const busy = await processes.runSynod('validator', 'slashing-protection', 'export', '--datadir', first);
  expect(busy).toMatchObject({ code: 1, stderr: expect.stringContaining('[storage/locked]') });

  await node.process.end('SIGKILL');
  const exported = await processes.runSynod('validator', 'slashing-protection', 'export', '--datadir', first);
  expect(exported.code).toBe(0);
  const [history] = JSON.parse(exported.stdout).data;
  expect(history.pubkey).toBe(KEY.publicKey);
  expect(Number(history.signed_blocks[0].slot)).toBeGreaterThanOrEqual(2);
  const file = join(directory, 'history.json');
  await writeFile(file, exported.stdout);
  const moved = ['validator', 'slashing-protection', 'import', file, '--datadir', second, '--genesis', genesis, '--json'];
  expect(JSON.parse((await processes.runSynod(...moved)).stdout)).toMatchObject({ raised: 1 });

  const heir = await startNode(processes, second, genesis, ...stake);
  expect(claims()).toEqual([expect.stringContaining(`-${heir.process.pid}-`)]);
  await until('it proposes', async () => (await statusOf(heir.url)).head.number >= 1);
  expect(await heir.process.end('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(claims()).toEqual([]);
});
