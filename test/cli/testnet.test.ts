/** `synod testnet` with real processes: one network for each directory, one stop for each Ctrl-C. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { registerTestnet } from '../../src/cli/testnet.ts';
import { MAX_HASH_RATE_LIMIT } from '../../src/mining/limits.ts';
import { paths } from '../../src/testnet/manifest.ts';
import { VERBS } from '../../src/testnet/verbs.ts';
import { QUICK, Testnet } from '../end-to-end/networks.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { processesOf, useProcesses } from '../support/processes.ts';
import { runCommand } from './run-command.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const ONE = ['--nodes', '1', ...QUICK];

describe('Ctrl-C', () => {
  it('that arrives twice, from the terminal and from npm, is one clean stop', async () => {
    const directory = temporary();
    const net = await Testnet.start(processes, directory, ...ONE);
    net.supervisor.signal('SIGINT');
    // The kernel would make one signal of two that are pending together.
    await delay(100);
    expect(await net.supervisor.end('SIGINT')).toEqual({ code: 0, signal: null });
    expect(net.supervisor.documents.at(-1)).toEqual({ event: 'stopped' });
    expect(existsSync(paths.control(directory))).toBe(false);
    expect(processesOf(directory)).toEqual([]);
  });
});

describe('a network whose nodes have ended', () => {
  it('ends as well, and says why and where the log is, which stays', async () => {
    const directory = temporary();
    const net = await Testnet.start(processes, directory, ...ONE);
    process.kill(Number((await net.report())[0]?.pid), 'SIGKILL');
    expect(await net.supervisor.ended()).toEqual({ code: 1, signal: null });
    const log = paths.log(directory, 0);
    expect(net.events('node-down')).toEqual([{ event: 'node-down', index: 0, reason: 'SIGKILL', expected: false, log }]);
    expect(net.supervisor.stderr).toContain(`node 0: SIGKILL; log ${log}`);
    expect(net.supervisor.stderr).toContain('[testnet/nodes-ended]');
    expect(existsSync(log)).toBe(true);
    expect(existsSync(paths.control(directory))).toBe(false);
  });
});

describe('two that start at one moment in one directory', () => {
  it('become one network, which the other one has not touched', async () => {
    const directory = join(temporary(), 'net');
    const chainIds = [41, 42];
    const starts = chainIds.map((chainId) =>
      processes.synod(['testnet', '--json', '--dir', directory, ...ONE, '--chain-id', String(chainId)]),
    );
    const loser = await Promise.race(starts.map((start, index) => start.exited.then(({ code }) => ({ code, index }))));
    expect(loser.code).toBe(1);
    expect(starts[loser.index]?.stderr).toContain('[testnet/already-running]');
    const winner = 1 - loser.index;
    for (const file of [paths.genesis(directory), paths.manifest(directory)]) {
      expect(readFileSync(file, 'utf8')).toContain(`"chainId": ${chainIds[winner]}`);
    }
    expect(await starts[winner]?.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(existsSync(paths.control(directory))).toBe(false);
  });
});

describe('the verbs', () => {
  it.each([...VERBS.keys()])('%s: its examples say no more than fits a line', async (verb) => {
    const { stdout } = await runCommand(registerTestnet, 'testnet', verb, '--help');
    const [about = '', examples = ''] = stdout.split('\nExamples:\n');
    expect(Math.max(...examples.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    for (const [, what] of VERBS.get(verb)?.examples ?? []) expect(what === '' || !about.includes(what)).toBe(true);
  });

  it('that is none gets a nearby one offered: what is wrong is said by `status`', async () => {
    const refused = async (verb: string) => (await runCommand(registerTestnet, 'testnet', verb)).stderr;
    expect(await refused('faults')).toMatch(/no command "faults"\. `status` says what is wrong/);
    expect(await refused('partitoin')).toContain('Did you mean partition?');
  });
});

describe('what cannot be', () => {
  it.each([
    { words: ['--engine', 'pow', '--nodes', '2', '--miners', '3'], code: 'arguments/miners' },
    { words: ['--engine', 'pos', '--miners', '2'], code: 'arguments/miners' },
    { words: ['--engine', 'pow', '--validators', '4'], code: 'arguments/validators' },
    { words: ['--engine', 'pos', '--block-time', '61'], code: 'arguments/block-time' },
    { words: ['--hashrate', String(MAX_HASH_RATE_LIMIT + 1)], code: 'arguments/hashrate' },
    { words: ['--engine', 'wishes'], code: 'arguments/engine' },
  ])('$words leaves no directory behind', async ({ words, code }) => {
    const directory = join(temporary(), 'net');
    const { code: exitCode, stderr } = await processes.runSynod('testnet', ...words, '--dir', directory);
    expect(stderr).toContain(`[${code}]`);
    expect(exitCode).toBe(2);
    expect(existsSync(directory)).toBe(false);
  });
});
