/** Two nodes that sign with one key: the second is refused; if it gets round that, both are one offender for the others. */
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { NodeEndpoints } from '../../src/node/node.ts';
import { paths } from '../../src/testnet/manifest.ts';
import { devPasswordFile } from '../../src/wallet/validator-dev.ts';
import { validatorDirectory } from '../../src/wallet/validator-directory.ts';
import { devValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { Hopeless, until, useProcesses } from '../support/processes.ts';
import { dev, Testnet } from './networks.ts';
import { ask, statusOf } from './rpc.ts';
import { EPOCHS_PATIENCE_MS, finalOf, untilFinal, validatorsOf } from './staking.ts';
import type { TwinOptions } from './twin.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const TWIN = fileURLToPath(new URL('./twin.ts', import.meta.url));
const ALL = [0, 1, 2, 3];
/** The node whose key is copied, and the number of the key, which it is in genesis. */
const HOLDER = 3;
const GUILTY = 7;
const STAKE_GWEI = 32_000_000_000n;

describe('a key that is in two places', { timeout: 3 * EPOCHS_PATIENCE_MS }, () => {
  const directory = temporary();
  const elsewhere = join(temporary(), 'twin');
  const holder = paths.datadir(directory, HOLDER);
  const genesis = paths.genesis(directory);
  let net: Testnet;
  const guiltyOn = async (url: string) => (await validatorsOf(url))[GUILTY];

  it('is refused to a second node of this machine', async () => {
    net = await Testnet.start(processes, directory, '--rpc-port', '0');
    const [key] = devValidatorKeys(1, GUILTY);
    const name = `${key?.publicKey}.json`;
    mkdirSync(validatorDirectory(elsewhere), { recursive: true });
    cpSync(join(validatorDirectory(holder), name), join(validatorDirectory(elsewhere), name));
    const stake = ['--stake', '--validators.password', devPasswordFile(holder)];
    const ports = ['--port', '0', '--http.port', '0'];
    const refused = await processes.runSynod('node', '--datadir', elsewhere, '--genesis', genesis, ...ports, ...stake);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('[wallet/validator-locked]');
    const [, , , node] = await net.report();
    expect(refused.stderr).toContain(`Process ${node?.pid} `);
  });

  it('costs its stake and its place if both sign: the others see it, tell each other, and no transaction is needed', async () => {
    const { addresses } = await net.command<{ addresses: string[] }>(0, 'admin_nodeInfo');
    const validators = validatorDirectory(elsewhere);
    const options: TwinOptions = { datadir: elsewhere, genesis, bootnodes: addresses, validators, beneficiary: dev(5).address };
    const twin = processes.script(TWIN, [JSON.stringify(options)], { channel: true });
    await until('the twin is ready', () => {
      if (!twin.running) throw new Hopeless(`The twin ended: ${twin.tail()}`);
      return twin.messages.find((message) => (message as { type?: string }).type === 'ready') as NodeEndpoints | undefined;
    });
    const hasSlashed = async (url: string) => (await guiltyOn(url))?.slashed === true;
    const urls = net.urls(...ALL);
    await until('the key is slashed everywhere', async () => (await Promise.all(urls.map(hasSlashed))).every(Boolean), EPOCHS_PATIENCE_MS);
    for (const url of urls) {
      // A head may be taken back for one in which the evidence comes a block later.
      await until('the slashing is told', async () => {
        const { slashed } = await ask<{ slashed: number[] }>(url, 'synod_getSlashings');
        return slashed.length === 1 && slashed[0] === GUILTY;
      });
      expect(BigInt((await guiltyOn(url))?.balance ?? 0)).toBeLessThan(STAKE_GWEI);
    }
    const logs = ALL.map((index) => readFileSync(paths.log(directory, index), 'utf8'));
    expect(logs.join('\n')).toMatch(/^WARN .*broke a rule.*validators=\[7\]/m);
    expect((await twin.end('SIGTERM')).code).toBe(0);
  });

  it('is ejected, and the others go on', async () => {
    const url = net.url(0);
    await until('it has left', async () => (await guiltyOn(url))?.status === 'exited_slashed', EPOCHS_PATIENCE_MS);
    const { head } = await statusOf(url);
    await untilFinal(net.urls(...ALL), Math.max(head.number, (await finalOf(url)) + 1));
    const others = (await validatorsOf(url)).filter(({ index }) => index !== GUILTY);
    expect(others.every(({ status, slashed }) => status === 'active_ongoing' && !slashed)).toBe(true);
    expect((await net.report()).map(({ state }) => state)).toEqual(['up', 'up', 'up', 'up']);
    expect((await net.supervisor.end('SIGINT')).code).toBe(0);
  });
});
