/** Whom to believe: light verification of a running network, and nodes that join it late, with a trusted block and without. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { createManifest, paths } from '../../src/testnet/manifest.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { until, useProcesses } from '../support/processes.ts';
import { SHIFTED_CLOCK, shiftClock } from '../support/shifted-clock.ts';
import { startNode, Testnet, untilHeight } from './networks.ts';
import { statusOf } from './rpc.ts';
import { EPOCHS_PATIENCE_MS, finalOf, untilFinal } from './staking.ts';

const processes = useProcesses(SHIFTED_CLOCK);
const temporary = temporaryDirectories();
const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
/** Epochs are seconds here, so a joining node is late soon. */
const PERIOD_EPOCHS = 3;
const FINAL = 16;
const OPTIONS = {
  nodes: 2,
  miners: 0,
  engine: 'pos',
  validators: 4,
  blockTimeSeconds: 1,
  chainId: 31_337,
  mnemonic: 'test test test test test test test test test test test junk',
  accounts: 4,
  balance: 100,
  hashRateLimit: 0,
};

describe('a network whose past is not to be believed for long', { timeout: 3 * EPOCHS_PATIENCE_MS }, () => {
  const directory = temporary();
  const genesis = paths.genesis(directory);
  let net: Testnet;
  let final: { readonly number: number; readonly hash: string };

  /** A node of its own that knows of the network's first one. */
  const joining = async (name: string, ...args: string[]) => {
    const datadir = join(temporary(), name);
    const log = `${datadir}.log`;
    const { enode } = await net.command<{ enode: string }>(0, 'admin_nodeInfo');
    return { datadir, log, start: () => startNode(processes, datadir, genesis, '--bootnodes', enode, '--log.file', log, ...args) };
  };
  const verify = async (...args: string[]) =>
    await processes.runSynod('verify', '--rpc', net.url(0), '--genesis', genesis, '--json', ...args);

  beforeAll(async () => {
    await createManifest(directory, OPTIONS, builtInGenesis('pos'), Date.now());
    const document = JSON.parse(readFileSync(genesis, 'utf8'));
    document.config.engine.weakSubjectivityEpochs = PERIOD_EPOCHS;
    writeFileSync(genesis, JSON.stringify(document));
    net = await Testnet.start(processes, directory, '--rpc-port', '0');
    await untilFinal(net.urls(0, 1), FINAL);
    final = (await statusOf(net.url(0))).finalized;
  }, EPOCHS_PATIENCE_MS);

  it('proves what is final to whoever trusts a late block, and nothing to whoever trusts an old one', async () => {
    const proven = await verify('--checkpoint', final.hash, '--block', final.hash);
    expect(proven.code).toBe(0);
    expect(JSON.parse(proven.stdout)).toMatchObject({ checkpoint: { number: final.number }, block: { hash: final.hash } });
    const old = await verify('--checkpoint', 'genesis');
    expect([old.code, old.stdout]).toEqual([1, '']);
    expect(old.stderr).toContain('[verify/old-checkpoint]');
  });

  it('is joined by a node that was given a final block', async () => {
    const { start } = await joining('told', '--checkpoint', `${final.hash}:${final.number}`);
    const { url } = await start();
    await untilHeight(url, final.number + 1);
    await until('it sees finality advance', async () => (await finalOf(url)) > final.number, EPOCHS_PATIENCE_MS);
  });

  it('is not followed by a node that was given another block, which says so', async () => {
    const { start, log } = await joining('misled', '--checkpoint', `0x${'ab'.repeat(32)}:${final.number}`);
    const { url } = await start();
    await until('it says that it searches', () => /^WARN .*leads to the checkpoint/m.test(readFileSync(log, 'utf8')), EPOCHS_PATIENCE_MS);
    await until('it has a peer', async () => (await statusOf(url)).peers > 0);
    await untilFinal(net.urls(0), (await finalOf(net.url(0))) + 1);
    expect((await statusOf(url)).head.number).toBe(0);
  });

  it('is not believed by a node that has slept for an hour, which says what to do', async () => {
    const { datadir, start, log } = await joining('sleeper');
    shiftClock(datadir, HOUR_MS);
    const { url } = await start();
    await until(
      'it refuses the history',
      () => /^WARN .*slept through, .*--checkpoint <hash>:<number>/m.test(readFileSync(log, 'utf8')),
      EPOCHS_PATIENCE_MS,
    );
    expect((await statusOf(url)).head.number).toBe(0);
  });

  it('goes on without more ado when all of it has slept for a week', async () => {
    const before = await finalOf(net.url(0));
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
    for (const index of [0, 1]) shiftClock(paths.datadir(directory, index), WEEK_MS);
    net = await Testnet.start(processes, directory, '--rpc-port', '0');
    await untilFinal(net.urls(0, 1), before + 1);
    expect(readFileSync(paths.log(directory, 0), 'utf8')).toMatch(/^WARN .*If all of it stood still, nothing need be done/m);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });
});
