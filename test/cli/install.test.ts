/**
 * The installer, run for real in a copy of the repository's frame, with a stand-in for npm and, where its age matters,
 * for Node: shell scripts, because the point is what happens between processes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, watch } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { temporaryDirectory } from '../wallet/support.ts';

const SOURCE = fileURLToPath(new URL('../../src/cli', import.meta.url));
/** Notes each run and does what npm does: unpacks a package and, last of all, writes its own list. */
const NPM = `echo run >> "$LOG"
mkdir -p node_modules/.bin node_modules/a
echo whole > node_modules/a/index.js
touch node_modules/.package-lock.json`;
/** Leaves half a package and hangs, for somebody to kill it. */
const HANGING_NPM = `echo run >> "$LOG"
mkdir -p node_modules/a
echo half > node_modules/a/index.js
touch node_modules/.package-lock.json
touch "$(dirname "$LOG")/hangs/now"
exec sleep 60`;

let root = '';
beforeEach(async () => {
  root = await temporaryDirectory();
  await mkdir(join(root, 'src/cli'), { recursive: true });
  await mkdir(join(root, 'hangs'));
  for (const file of ['install.mjs', 'bin.mjs']) await cp(join(SOURCE, file), join(root, 'src/cli', file));
  await writeFile(join(root, 'package.json'), '{}');
  await writeFile(join(root, 'package-lock.json'), '{}');
  await script('machine/npm', NPM);
});

const inRoot = (path: string) => join(root, path);
const modules = (path: string) => inRoot(`node_modules/${path}`);
const stamp = () => readFile(modules('.synod-install'), 'utf8');
const npmRuns = async () => (existsSync(inRoot('log')) ? (await readFile(inRoot('log'), 'utf8')).trim().split('\n').length : 0);

async function script(path: string, body: string, interpreter = '/bin/sh'): Promise<void> {
  await mkdir(join(inRoot(path), '..'), { recursive: true });
  await writeFile(inRoot(path), `#!${interpreter}\n${body}\n`);
  await chmod(inRoot(path), 0o755);
}

const PATH = () => [modules('.bin'), inRoot('machine'), '/usr/bin', '/bin'].join(':');

function start(file = 'install.mjs', args: string[] = [], path = PATH()): ChildProcess {
  const child = spawn(process.execPath, [inRoot(`src/cli/${file}`), ...args], {
    cwd: '/',
    env: { PATH: path, LOG: inRoot('log') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function outcome(child: ChildProcess) {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    child.stderr === null ? '' : text(child.stderr),
    once(child, 'exit'),
  ]);
  return { stdout, stderr, code, signal };
}

const install = () => outcome(start());

/** Resolves when the directory has that many files, or more. */
async function fileCount(directory: string, count: number): Promise<void> {
  const watcher = watch(directory);
  try {
    while (readdirSync(directory).length < count) await once(watcher, 'change');
  } finally {
    watcher.close();
  }
}

/** Resolves when npm hangs and is known as a holder of the lock, beside the installer itself. */
async function hangingNpm(): Promise<void> {
  await fileCount(inRoot('hangs'), 1);
  await fileCount(modules('.synod-install.lock'), 2);
}

describe('what is not there is installed', () => {
  test('once, and npm is not started again while nothing changes', async () => {
    expect(await install()).toEqual({ code: 0, signal: null, stdout: '', stderr: 'synod: installing dependencies...\n' });
    expect(await stamp()).toMatch(/^[0-9a-f]{64}$/);
    expect(await install()).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
    expect(await npmRuns()).toBe(1);
    expect((await readdir(modules(''))).sort()).toEqual(['.bin', '.package-lock.json', '.synod-install', 'a']);
  });

  test.each(['package.json', 'package-lock.json'])('again after %s changed, keeping what is there', async (file) => {
    await install();
    await writeFile(modules('kept'), '');
    await writeFile(inRoot(file), '{"changed":true}');
    expect((await install()).code).toBe(0);
    expect(await npmRuns()).toBe(2);
    expect(existsSync(modules('kept'))).toBe(true);
  });

  test('again when node_modules came from another machine or was removed', async () => {
    await install();
    await writeFile(modules('.synod-install'), 'f'.repeat(64));
    await install();
    await rm(modules(''), { recursive: true });
    await install();
    expect(await npmRuns()).toBe(3);
  });

  test('with npm taking what was installed by hand for what it is', async () => {
    await mkdir(modules('by-hand'), { recursive: true });
    await writeFile(modules('.package-lock.json'), '{}');
    await install();
    expect(existsSync(modules('by-hand'))).toBe(true);
  });

  test('with arguments that change neither package.json nor the lock file', async () => {
    await script('machine/npm', `echo "$@" > "$LOG.arguments"\n${NPM}`);
    await install();
    expect(await readFile(inRoot('log.arguments'), 'utf8')).toMatch(/^install --no-save --no-audit --no-fund --loglevel=error /);
  });

  test('without the tools of developers where a node is started, until a script needs them; from then on with them', async () => {
    await script('machine/npm', `echo "$@" | sed 's/.*--\\(include\\|omit\\)=dev/\\1/' >> "$LOG.dev"\n${NPM}`);
    const wanted = async () => (await readFile(inRoot('log.dev'), 'utf8')).trim().split('\n');
    const runtime = () => outcome(start('install.mjs', ['--runtime']));
    expect((await runtime()).code).toBe(0);
    expect((await runtime()).stderr).toBe('');
    expect(await wanted()).toEqual(['omit']);
    await writeFile(inRoot('package.json'), '{"changed":1}');
    await runtime();
    expect(await wanted()).toEqual(['omit', 'omit']);
    await install();
    expect((await runtime()).stderr).toBe('');
    expect(await wanted()).toEqual(['omit', 'omit', 'include']);
    await writeFile(inRoot('package.json'), '{"changed":2}');
    await runtime();
    expect(await wanted()).toEqual(['omit', 'omit', 'include', 'include']);
  });

  test('on a Node outside of what is being replaced', async () => {
    await script('machine/npm', `echo "$PATH" > "$LOG.path"\n${NPM}`);
    await install();
    expect(await readFile(inRoot('log.path'), 'utf8')).not.toContain('node_modules');
  });
});

describe('an installation that fails', () => {
  test('says so and is tried again', async () => {
    await script('machine/npm', 'echo "npm error network" >&2; exit 7');
    const { code, stdout, stderr } = await install();
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('npm error network\nFatal: npm could not install the dependencies (exit code 7)');
    await script('machine/npm', NPM);
    expect((await install()).code).toBe(0);
  });

  test('because there is no npm says what to do', async () => {
    const withoutNpm = start('install.mjs', [], modules('.bin'));
    expect(await outcome(withoutNpm)).toMatchObject({ code: 1, stderr: expect.stringContaining('Fatal: Cannot run npm') });
    expect(existsSync(modules('.synod-install.lock'))).toBe(false);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('because of %s takes npm with it, and the next start repairs it', async (signal) => {
    await script('machine/npm', HANGING_NPM);
    const child = start();
    const ended = outcome(child);
    await hangingNpm();
    child.kill(signal);
    expect(await ended).toMatchObject({ code: 1, stderr: expect.stringContaining(`interrupted (${signal})`) });
    await script('machine/npm', `test ! -e node_modules/a || exit 3\n${NPM}`);
    expect(await install()).toMatchObject({ code: 0 });
    expect(await readFile(modules('a/index.js'), 'utf8')).toBe('whole\n');
  });

  test('because it was killed without warning is repaired, but not while its npm still runs', async () => {
    await script('machine/npm', `echo $$ > "$LOG.pid"\n${HANGING_NPM}`);
    const killed = start();
    const ended = once(killed, 'exit');
    await hangingNpm();
    killed.kill('SIGKILL');
    await ended;
    await script('machine/npm', `test ! -e node_modules/a || exit 3\n${NPM}`);
    const second = start();
    const [line] = await once(second.stderr ?? second, 'data');
    expect(String(line)).toContain('waiting for another installation');
    process.kill(Number(await readFile(inRoot('log.pid'), 'utf8')), 'SIGKILL');
    expect(await outcome(second)).toMatchObject({ code: 0 });
    expect(await npmRuns()).toBe(2);
  });

  test('by hand, before npm wrote its list, is repaired too', async () => {
    await mkdir(modules('a'), { recursive: true });
    await writeFile(modules('a/index.js'), 'half');
    await script('machine/npm', `test ! -e node_modules/a || exit 3\n${NPM}`);
    expect((await install()).code).toBe(0);
  });
});

describe('several at the same time', () => {
  test('install once', async () => {
    await script('machine/npm', `mkdir "$LOG.busy" || exit 5\nsleep 0.3\n${NPM}\nrmdir "$LOG.busy"`);
    const outcomes = await Promise.all(Array.from({ length: 5 }, install));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    expect(await npmRuns()).toBe(1);
    expect((await readdir(modules(''))).filter((name) => name.includes('lock'))).toEqual(['.package-lock.json']);
  });

  test('get over the lock of dead processes, one of which left its number to a live one', async () => {
    await mkdir(modules('.synod-install.lock'), { recursive: true });
    for (const holder of ['999999999-5', `${process.pid}-1`, 'nonsense']) await writeFile(modules(`.synod-install.lock/${holder}`), '');
    const outcomes = await Promise.all([install(), install(), install()]);
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(await npmRuns()).toBe(1);
  });
});

describe('the Node that comes with the dependencies', () => {
  test('is dropped where it cannot run, so that it does not hide one that can', async () => {
    await script('machine/npm', `${NPM}\nprintf '#!/none\\n' > node_modules/.bin/node\nchmod +x node_modules/.bin/node`);
    expect((await install()).code).toBe(0);
    expect(existsSync(modules('.bin/node'))).toBe(false);
  });

  test('is kept where it runs', async () => {
    await script('machine/npm', `${NPM}\nprintf '#!/bin/sh\\necho v24.99.0' > node_modules/.bin/node\nchmod +x node_modules/.bin/node`);
    expect((await install()).code).toBe(0);
    expect((await stat(modules('.bin/node'))).isFile()).toBe(true);
  });

  /** The file as an old Node would see itself. */
  async function pretendOld(file: string): Promise<void> {
    const path = inRoot(`src/cli/${file}`);
    const old =
      "Object.defineProperty(process, 'version', { value: 'v20.0.0' });\nObject.defineProperty(process, 'versions', { value: { node: '20.0.0' } });\n";
    const content = await readFile(path, 'utf8');
    await writeFile(path, content.replace('\nconst ', `\n${old}const `));
  }

  test('must be there on a machine whose own is too old', async () => {
    await pretendOld('install.mjs');
    expect(await install()).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('synod needs Node 24 or later, but this is v20.0.0'),
    });
    await script('node_modules/.bin/node', 'echo v22.1.0');
    expect((await install()).code).toBe(1);
    await script('node_modules/.bin/node', 'echo v24.1.0');
    expect(await install()).toMatchObject({ code: 0, stderr: '' });
  });

  test('runs the command there, with its arguments, output and exit code', async () => {
    await pretendOld('bin.mjs');
    expect(await outcome(start('bin.mjs'))).toMatchObject({ code: 1, stderr: expect.stringContaining('synod needs Node 24 or later') });
    await script(`node_modules/node-${process.platform}-${process.arch}/bin/node`, 'echo "$@"; echo problem >&2; exit 42');
    expect(await outcome(start('bin.mjs', ['wallet', 'two words']))).toEqual({
      code: 42,
      signal: null,
      stdout: `${inRoot('src/cli/main.ts')} wallet two words\n`,
      stderr: 'problem\n',
    });
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('is told of %s, and its exit code is waited for', async (signal) => {
    await pretendOld('bin.mjs');
    // Not a shell: between fork and exec, its background child can lose a signal and keep our pipe open.
    const body = `process.on('${signal}', () => { console.log('told'); process.exit(3); }); setInterval(() => {}, 1000); console.log('ready');`;
    await script(`node_modules/node-${process.platform}-${process.arch}/bin/node`, body, process.execPath);
    const child = start('bin.mjs');
    const [ready] = await once(child.stdout ?? child, 'data');
    expect(String(ready)).toBe('ready\n');
    const ended = outcome(child);
    child.kill(signal);
    expect(await ended).toMatchObject({ code: 3, stdout: 'told\n' });
  });
});

describe('the command on a Node that is new enough', () => {
  test('runs main.ts in the same process', async () => {
    await writeFile(inRoot('src/cli/main.ts'), 'const args: string[] = process.argv.slice(2);\nconsole.log(args.join(), process.pid);\n');
    await writeFile(inRoot('package.json'), '{"type":"module"}');
    const child = start('bin.mjs', ['a', 'b']);
    expect((await outcome(child)).stdout).toBe(`a,b ${child.pid}\n`);
  });

  test('says what to do when the dependencies are missing', async () => {
    await writeFile(inRoot('src/cli/main.ts'), "import 'commander';\n");
    await writeFile(inRoot('package.json'), '{"type":"module"}');
    expect(await outcome(start('bin.mjs'))).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Fatal: .*npm install.*commander/) });
  });
});
