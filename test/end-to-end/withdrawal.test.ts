/**
 * Stake that comes back: a validator of genesis grows and leaves, a newcomer enters and leaves, the network sleeps through the
 * unbonding period, and both are paid to the gwei. All of it by commands, as a user would.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { paths } from '../../src/testnet/manifest.ts';
import { devValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { SHIFTED_CLOCK, shiftClock } from '../support/shifted-clock.ts';
import { dev, Testnet } from './networks.ts';
import { balanceOf, statusOf } from './rpc.ts';
import { checkpointsOf, EPOCHS_PATIENCE_MS, SLOTS_PER_EPOCH, untilFinal, type Validator, validatorsOf } from './staking.ts';

const processes = useProcesses(SHIFTED_CLOCK);
const temporary = temporaryDirectories();
const NODES = [0, 1];
const VALIDATORS = 6;
/** Of genesis; its depositor is the account with its number. */
const LEAVER = 5;
const OTHER_ACCOUNT = '3';
const NEWCOMER_ACCOUNT = 7;
const SLOT_MS = 1_000;
const WEI_PER_GWEI = 1_000_000_000n;
const GWEI_PER_ETHER = 1_000_000_000n;

describe('stake', { timeout: 3 * EPOCHS_PATIENCE_MS }, () => {
  const directory = temporary();
  const home = temporary();
  const password = join(home, 'password');
  const leaver = devValidatorKeys(1, LEAVER)[0]?.publicKey ?? '';
  let newcomer = '';
  let net: Testnet;

  const known = async (key: string) => (await validatorsOf(net.url(0))).find(({ publicKey }) => publicKey === key);
  const command = (...words: string[]) => processes.runSynod('validator', ...words, '--rpc', net.url(0));
  /** A command that must succeed, and its standard error. */
  async function done(...words: string[]): Promise<string> {
    const { code, stderr } = await command(...words, '--wait');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    return stderr;
  }
  const untilStatus = (key: string, status: string) =>
    until(`${key} is ${status}`, async () => (await known(key))?.status === status, EPOCHS_PATIENCE_MS);

  it('of a validator of genesis grows by a top-up of anybody, and leaves on the word of its depositor alone', async () => {
    net = await Testnet.start(processes, directory, '--rpc-port', '0', '--nodes', '2', '--validators', String(VALIDATORS));
    await done('top-up', leaver, '--amount', '8', '--dev-account', OTHER_ACCOUNT);
    await until('the top-up has arrived', async () => BigInt((await known(leaver))?.balance ?? 0) > 39n * GWEI_PER_ETHER);
    for (const word of ['exit', 'withdraw']) {
      const { code, stderr } = await command(word, leaver, '--dev-account', OTHER_ACCOUNT);
      expect(code).toBe(1);
      expect(stderr).toContain('[staking/not-the-depositor]');
    }
    await done('exit', leaver, '--dev-account', String(LEAVER));
    const again = await command('exit', leaver, '--dev-account', String(LEAVER));
    expect(again.stderr).toContain('[staking/already-exiting]');
    await untilStatus(leaver, 'exited_unslashed');
  });

  it('of a newcomer enters by a deposit, and leaves before it was active without ever having been', async () => {
    writeFileSync(password, 'stakes\n', { mode: 0o600 });
    const keys = ['--datadir', home, '--validators.password', password];
    const made = await processes.runSynod('validator', 'keys', 'new', '--lightkdf', '--json', ...keys);
    newcomer = (JSON.parse(made.stdout) as { keys: { publicKey: string }[] }).keys[0]?.publicKey ?? '';
    await done('deposit', newcomer, ...keys, '--dev-account', String(NEWCOMER_ACCOUNT));
    await until('it is in the registry', () => known(newcomer));
    await done('exit', newcomer, '--dev-account', String(NEWCOMER_ACCOUNT));
    const { activationEpoch, exitEpoch } = (await until('it leaves', async () => {
      const validator = await known(newcomer);
      return validator?.exitEpoch !== null && validator;
    })) as Validator;
    expect(exitEpoch).toBeGreaterThanOrEqual(activationEpoch);
    await untilStatus(newcomer, 'exited_unslashed');
  });

  it('stays until the unbonding period is over, even if it is asked for', async () => {
    const [balance, validator] = [await balanceOf(net.url(0), dev(LEAVER).address), await known(leaver)];
    const says = await done('withdraw', leaver, '--dev-account', String(LEAVER));
    expect(says).toContain(`paid not before epoch ${validator?.withdrawableEpoch}`);
    await untilFinal(net.urls(...NODES), (await statusOf(net.url(0))).head.number);
    // Less the fee.
    expect(await balanceOf(net.url(0), dev(LEAVER).address)).toBeLessThan(balance);
    expect((await known(leaver))?.balance).toBe(validator?.balance);
  });

  it('is paid to its depositors when the network wakes up after it, to the gwei', async () => {
    const validators = [await known(leaver), await known(newcomer)] as Validator[];
    const owed = validators.map(({ balance }) => BigInt(balance) * WEI_PER_GWEI);
    const accounts = [dev(LEAVER).address, dev(NEWCOMER_ACCOUNT).address];
    const balances = () => Promise.all(accounts.map((account) => balanceOf(net.url(0), account)));
    const [leaverBefore = 0n] = await balances();
    const { epoch } = await checkpointsOf(net.url(0));
    const last = Math.max(...validators.map(({ withdrawableEpoch }) => withdrawableEpoch ?? 0));
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
    for (const index of NODES) shiftClock(paths.datadir(directory, index), (last - epoch + 1) * SLOTS_PER_EPOCH * SLOT_MS);
    net = await Testnet.start(processes, directory, '--rpc-port', '0');

    await until('the validator of genesis is paid', async () => (await known(leaver))?.balance === '0', EPOCHS_PATIENCE_MS);
    // The registry is told as it is by now, the balance as the last block on disk has it.
    await until('the payment is on disk', async () => (await balances())[0] !== leaverBefore);
    expect((await balances())[0]).toBe(leaverBefore + (owed[0] ?? 0n));
    await untilStatus(newcomer, 'withdrawal_possible');
    const before = (await balances())[1] ?? 0n;
    const { code, stdout } = await command('withdraw', newcomer, '--dev-account', String(NEWCOMER_ACCOUNT), '--wait', '--json');
    expect(code).toBe(0);
    const [{ receipt }] = JSON.parse(stdout) as [{ receipt: { gasUsed: string; effectiveGasPrice: string } }];
    await until('the newcomer is paid', async () => (await known(newcomer))?.balance === '0', EPOCHS_PATIENCE_MS);
    await until('the payment is on disk', async () => ((await balances())[1] ?? 0n) > before);
    const paid = (await balances())[1] ?? 0n;
    expect(paid).toBe(before - BigInt(receipt.gasUsed) * BigInt(receipt.effectiveGasPrice) + (owed[1] ?? 0n));
    const twice = await done('withdraw', newcomer, '--dev-account', String(NEWCOMER_ACCOUNT));
    expect(twice).toContain('has no stake');
    await untilFinal(net.urls(...NODES), (await statusOf(net.url(0))).head.number);
    expect((await balances())[1]).toBeLessThan(paid);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });
});
