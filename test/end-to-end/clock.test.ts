/** Time that is wrong, and time that has gone by: the clock of one node jumps, and a whole network sleeps for a day. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { paths } from '../../src/testnet/manifest.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { SHIFTED_CLOCK, shiftClock } from '../support/shifted-clock.ts';
import { Testnet } from './networks.ts';
import { statusOf } from './rpc.ts';
import {
  checkpointsOf,
  EPOCHS_PATIENCE_MS,
  epochOf,
  finalOf,
  SLOTS_PER_EPOCH,
  signaturesOf,
  stakingOf,
  untilEpoch,
  untilFinal,
  validatorsOf,
} from './staking.ts';

const processes = useProcesses(SHIFTED_CLOCK);
const temporary = temporaryDirectories();
const ALL = [0, 1, 2, 3];
const OTHERS = [0, 1, 2];
const ASTRAY = 3;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SLOT_MS = 1_000;
/** More than any busy machine needs, and next to nothing beside a day. */
const MANY_EPOCHS = 20;
/** So long is nothing signed after a jump, whatever others say. */
const SILENT_EPOCHS = 2;

describe('a network of validators', { timeout: 3 * EPOCHS_PATIENCE_MS }, () => {
  const directory = temporary();
  let net: Testnet;
  const shift = (index: number, offsetMs: number) => shiftClock(paths.datadir(directory, index), offsetMs);
  const jumpsOf = async (index: number) => stakingOf(await statusOf(net.url(index))).counts.clockJumps;

  it('hears nothing from a validator whose clock is four hours ahead, and goes on without it', async () => {
    net = await Testnet.start(processes, directory, '--rpc-port', '0');
    const [url = '', astray = ''] = net.urls(0, ASTRAY);
    await until('it has signed', async () => (await signaturesOf(astray)) > 0);
    shift(ASTRAY, 4 * HOUR_MS);
    await until('it sees its clock jump', async () => (await jumpsOf(ASTRAY)) === 1);
    const [signed, final] = [await signaturesOf(astray), await finalOf(url)];
    // After the first two of these epochs only what it hears from others keeps it from signing.
    await untilEpoch(url, (await epochOf(url)) + SILENT_EPOCHS + 1);
    await untilFinal(net.urls(...OTHERS), final + 1);
    expect(await signaturesOf(astray)).toBe(signed);
    expect(readFileSync(paths.log(directory, ASTRAY), 'utf8')).toMatch(/^WARN .*clock jumped/m);
    // It still follows the others: their blocks are late for it, and not wrong.
    await net.agreement(ALL, (await statusOf(url)).head.number);
  });

  it('hears it again once its clock is right, and nobody is slashed', async () => {
    const signed = await signaturesOf(net.url(ASTRAY));
    shift(ASTRAY, 0);
    await until('it sees its clock jump back', async () => (await jumpsOf(ASTRAY)) === 2);
    await until('it signs again', async () => (await signaturesOf(net.url(ASTRAY))) > signed);
    await untilFinal(net.urls(ASTRAY), await finalOf(net.url(0)));
    for (const url of net.urls(...ALL)) expect((await validatorsOf(url)).some(({ slashed }) => slashed)).toBe(false);
  });

  it('goes on at once after a day, and is final again soon: 21,600 epochs are not lived through one by one', async () => {
    const before = await statusOf(net.url(0));
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
    for (const index of ALL) shift(index, DAY_MS);
    net = await Testnet.start(processes, directory, '--rpc-port', '0');
    const url = net.url(0);
    const woken = await checkpointsOf(url);
    expect(woken.slot).toBeGreaterThan(DAY_MS / SLOT_MS);
    const first = await until('a block of today', async () => {
      const now = await checkpointsOf(url);
      return (await statusOf(url)).head.number > before.head.number && now;
    });
    expect(first.slot - woken.slot).toBeLessThan(MANY_EPOCHS * SLOTS_PER_EPOCH);
    await untilFinal(net.urls(...ALL), before.head.number + 1);
    // Two epochs on a machine with time; how many exactly is tried where no machine is ever busy (test/consensus/pos/epochs.test.ts).
    expect((await epochOf(url)) - first.epoch).toBeLessThan(MANY_EPOCHS);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });
});
