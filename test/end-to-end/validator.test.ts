/** A stranger becomes a validator of a running network, by commands alone; is killed again and again; moves, and leaves. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openHistory } from '../../src/cli/validator-history.ts';
import { paths } from '../../src/testnet/manifest.ts';
import type { Watermark } from '../../src/wallet/slashing-protection.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { startNode, type TestNode, Testnet } from './networks.ts';
import { statusOf } from './rpc.ts';
import { EPOCHS_PATIENCE_MS, signaturesOf, stakingOf, type Validator, validatorsOf } from './staking.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const NODES = [0, 1];
/** Of genesis: enough for finality without the newcomer. */
const VALIDATORS = 4;
const DEPOSITOR = '4';
const STAKE_GWEI = 32_000_000_000n;
const KILLS = 10;
/** After its start, a node is killed so much later in each round: at another moment of a slot. */
const KILL_STEP_MS = 130;

describe('a validator', { timeout: 3 * EPOCHS_PATIENCE_MS }, () => {
  const directory = temporary();
  const home = temporary();
  const [datadir, heir] = [join(home, 'first'), join(home, 'second')];
  const password = join(home, 'password');
  const genesis = paths.genesis(directory);
  let net: Testnet;
  let publicKey = '';
  let node: TestNode;

  const validator = (...words: string[]) => processes.runSynod('validator', ...words);
  /** The JSON that a command answers. */
  async function answerOf<T>(...words: string[]): Promise<T> {
    const { code, stdout, stderr } = await validator(...words, '--json');
    expect(stderr.replace(/^Warning.*\n/gm, '')).not.toContain('Fatal');
    expect(code).toBe(0);
    return JSON.parse(stdout) as T;
  }
  const statuses = (...words: string[]) => answerOf<Validator[]>('status', '--rpc', net.url(0), ...words);
  const newcomer = async () => (await validatorsOf(net.url(0))).find((each) => each.publicKey === publicKey);
  const from = () => ['--dev-account', DEPOSITOR, '--rpc', net.url(0)];

  async function startStaking(where: string): Promise<TestNode> {
    const { addresses } = await net.command<{ addresses: string[] }>(0, 'admin_nodeInfo');
    return await startNode(processes, where, genesis, '--bootnodes', addresses.join(), '--stake', '--validators.password', password);
  }

  /** What the key has signed, by the log of a node that is stopped. */
  async function historyIn(where: string): Promise<Watermark> {
    const history = await openHistory(where, JSON.parse(readFileSync(genesis, 'utf8')));
    try {
      return history.signed.get(publicKey as `0x${string}`) ?? { slot: -1, source: -1, target: -1 };
    } finally {
      await history.close();
    }
  }

  it('is made of a key and a deposit, and active after two epochs', async () => {
    writeFileSync(password, 'stakes\n', { mode: 0o600 });
    net = await Testnet.start(processes, directory, '--rpc-port', '0', '--nodes', '2', '--validators', String(VALIDATORS));
    const keys = ['--datadir', datadir, '--validators.password', password];
    const made = await answerOf<{ keys: { publicKey: string }[] }>('keys', 'new', '--lightkdf', ...keys);
    publicKey = made.keys[0]?.publicKey ?? '';
    expect(await statuses('--datadir', datadir)).toEqual([{ publicKey, status: 'unknown' }]);
    const deposit = ['deposit', publicKey, ...keys, ...from()];
    const [sent] = await answerOf<{ receipt: { status: string } }[]>(...deposit, '--wait');
    expect(sent?.receipt.status).toBe('0x1');
    const again = await validator(...deposit);
    expect(again.stderr).toContain('[staking/already-deposited]');
    expect(again.code).toBe(1);
    const { activationEpoch } = await until('it is in the registry', newcomer);
    node = await startStaking(datadir);
    await until('it is active', async () => (await newcomer())?.status === 'active_ongoing', EPOCHS_PATIENCE_MS);
    expect(await statuses('--datadir', datadir)).toMatchObject([{ publicKey, activationEpoch, slashed: false }]);
  });

  it('signs, and earns by it', async () => {
    await until('it has signed', async () => (await signaturesOf(node.url)) > 0, EPOCHS_PATIENCE_MS);
    await until('it has earned', async () => BigInt((await newcomer())?.balance ?? 0) > STAKE_GWEI, EPOCHS_PATIENCE_MS);
  });

  it('is killed at any moment, forgets nothing of what it signed, and is never slashed', async () => {
    await node.process.end('SIGKILL');
    const first = await historyIn(datadir);
    let last = first;
    for (let round = 0; round <= KILLS; round++) {
      const { process, url } = await startStaking(datadir);
      await delay(round * KILL_STEP_MS);
      // On a busy machine it may not have come to sign yet, but once; in the end it must, in spite of all.
      if (round === KILLS) await until('it signs again', async () => (await signaturesOf(url)) > 0, EPOCHS_PATIENCE_MS);
      await process.end('SIGKILL');
      const next = await historyIn(datadir);
      expect(next.slot).toBeGreaterThanOrEqual(last.slot);
      expect(next.source).toBeGreaterThanOrEqual(last.source);
      expect(next.target).toBeGreaterThanOrEqual(last.target);
      last = next;
    }
    expect([last.slot > first.slot, last.target > first.target]).toContain(true);
    expect(await newcomer()).toMatchObject({ slashed: false });
    for (const url of net.urls(...NODES)) expect(stakingOf(await statusOf(url)).counts.offences).toBe(0);
  });

  it('moves to another node with its key and its history', async () => {
    mkdirSync(heir);
    const [key, history] = [join(home, 'key.json'), join(home, 'history.json')];
    writeFileSync(key, (await validator('keys', 'export', publicKey, '--datadir', datadir)).stdout, { mode: 0o600 });
    writeFileSync(history, (await validator('slashing-protection', 'export', '--datadir', datadir)).stdout);
    await answerOf('keys', 'import', key, '--lightkdf', '--datadir', heir, '--validators.password', password);
    const before = await historyIn(datadir);
    const imported = await answerOf<{ keys: Watermark[] }>(
      'slashing-protection',
      'import',
      history,
      '--datadir',
      heir,
      '--genesis',
      genesis,
    );
    expect(imported.keys).toMatchObject([{ publicKey, target: before.target }]);
    node = await startStaking(heir);
    await until('it signs from there', async () => (await signaturesOf(node.url)) > 0, EPOCHS_PATIENCE_MS);
  });

  it('leaves when its depositor wants it', async () => {
    const stranger = await validator('exit', publicKey, '--dev-account', '5', '--rpc', net.url(0));
    expect(stranger.stderr).toContain('[staking/not-the-depositor]');
    const [exit] = await answerOf<{ receipt: { status: string } }[]>('exit', publicKey, ...from(), '--wait');
    expect(exit?.receipt.status).toBe('0x1');
    await until('it has left', async () => (await newcomer())?.status === 'exited_unslashed', EPOCHS_PATIENCE_MS);
    expect((await node.process.end('SIGTERM')).code).toBe(0);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });
});
