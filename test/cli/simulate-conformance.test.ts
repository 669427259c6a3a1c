/** `synod simulate` with an engine that a user wrote: the suite by itself, one case of it, and modules that are no engines. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { APART } from '../../src/cli/apart/run-apart.ts';
import { probeModule } from '../../src/cli/engine-probe.ts';
import { registerSimulate } from '../../src/cli/simulate.ts';
import { casesFor } from '../../src/simulator/conformance.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import { runCommand } from './run-command.ts';

const TUTORIAL = fileURLToPath(new URL('../../src/simulator/tutorial/engine.ts', import.meta.url));
const SHORT_MS = 300;

const simulate = (...args: string[]) => runCommand(registerSimulate, 'simulate', ...args);

// The runs of these tests are not to have a process of their own.
beforeAll(() => void vi.stubEnv(APART, ''));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'synod-engines-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function engineFile(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** The tutorial's engine, which takes anything for a certificate. */
const gullible = () =>
  engineFile(
    'gullible.ts',
    `import { createEngine as honest } from ${JSON.stringify(TUTORIAL)};
     export const createEngine = (...values) => ({ ...honest(...values), verifyCertificate: () => undefined });`,
  );

describe('synod simulate --conformance', () => {
  it('says in a line for each case what holds', async () => {
    const { exitCode, stdout } = await simulate('--engine', TUTORIAL, '--conformance', 'calm');
    expect(stdout).toMatch(
      /^ok {7}blocks are made and agreed on when nothing fails \(8 runs, \d+ events\)\n1 cases, \d+ events in .* s: passed\n$/,
    );
    expect(exitCode).toBe(0);
  });

  it('is what an engine in a file is given when nothing else is asked, and says how to see a failure again', async () => {
    const file = gullible();
    const { exitCode, stdout } = await simulate('--engine', file, '--conformance', 'calm');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('failed   blocks are made and agreed on when nothing fails');
    expect(stdout).toMatch(/Certificates at [\d.]+ s, node \d: For block 1 .* a certificate that was changed .* is accepted\./);
    expect(stdout).toContain(`again: synod simulate --engine ${file} --conformance calm --seed 1`);
    const again = await simulate('--engine', file, '--conformance', 'calm', '--seed', '1', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({
      engine: file,
      ok: false,
      cases: [{ id: 'calm', ok: false, seed: 1, runs: 1, problem: expect.stringContaining('Certificates') }],
    });
  });

  it('works on an engine that synod knows', async () => {
    const { exitCode, stdout } = await simulate('--engine', 'pow', '--conformance', 'commands', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      engine: 'pow',
      ok: true,
      cases: [{ id: 'commands', ok: true, skipped: null, problem: null }],
    });
    expect(exitCode).toBe(0);
  });

  it('leaves a run a run', async () => {
    const { stdout } = await simulate('--engine', TUTORIAL, '--seed', '2', '--duration', '20');
    expect(stdout).toMatch(/^ok {2}seed 2, trace [0-9a-f]{16}: /);
  });

  it('shrinks what the suite found to a scenario, or says why it cannot', async () => {
    const saved = join(folder, 'shrunk.json');
    const shrink = ['--seed', '1', '--shrink', '--save', saved];
    const found = await simulate('--engine', gullible(), '--conformance', 'calm', ...shrink);
    expect(found.stderr).toContain(`saved ${saved}`);
    const again = await simulate('--scenario', saved);
    expect(again.stderr).toContain('The scenario expects "Certificates"; the run ended with "Certificates".');
    expect(again.exitCode).toBe(0);

    const counting = engineFile(
      'counting.ts',
      `import { createEngine as honest } from ${JSON.stringify(TUTORIAL)};
       let n = 0;
       const later = (effect) => effect.type === 'setTimer' ? { ...effect, delayMs: effect.delayMs + n % 7 } : effect;
       export const createEngine = (...values) => {
         const engine = honest(...values);
         return { ...engine, step: (...given) => (n++, engine.step(...given).map(later)) };
       };`,
    );
    const hidden = await simulate('--engine', counting, '--conformance', 'same', ...shrink);
    expect(hidden.stderr).toContain('Nothing was shrunk or saved: carried out again by itself, the run does not fail by Engine.');
    expect(hidden.stderr).toContain(`synod simulate --engine ${counting} --conformance same --seed 1 --trace trace.ndjson`);
    expect(hidden.exitCode).toBe(1);
  });

  it('refuses a scenario that expects what nobody looks for', async () => {
    const file = engineFile(
      'odd.json',
      readFileSync(join(import.meta.dirname, '../simulator/scenarios/sync-false-weight.json'), 'utf8').replace(
        /"expect": "[^"]*"/,
        '"expect": "agreement"',
      ),
    );
    const { exitCode, stdout, stderr } = await simulate('--scenario', file);
    expect(stderr).toMatch(/The scenario expects "agreement"; expected "pass", or .*Agreement.* \[scenario\/expect\]/);
    expect([exitCode, stdout]).toEqual([1, '']);
  });

  it.each([
    [['--conformance', 'nosuch'], 1, 'simulator/no-such-case'],
    [['--conformance', '--seed', '3'], 2, 'arguments/conformance'],
    [['--conformance', 'calm', '--trace', 'trace.ndjson'], 2, 'arguments/conformance'],
    [['--conformance', '--nodes', '4'], 2, 'arguments/simulate'],
  ])('refuses %j', async (args, code, error) => {
    const { exitCode, stderr } = await simulate('--engine', 'pow', ...args);
    expect(stderr).toContain(`[${error}]`);
    expect(exitCode).toBe(code);
  });
});

it('the help lists the cases of the suite, in 80 columns', async () => {
  const { stdout } = await simulate('--help');
  const help = stdout.slice(stdout.indexOf('A run has two parts'));
  for (const { id } of casesFor(powSubject)) expect(help).toContain(id.startsWith('role-') ? 'role-<behaviour>' : id);
  for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

describe('a module that is no engine', () => {
  it.each([
    ['with an error of syntax', 'syntax.ts', 'export const createEngine = (', 'SyntaxError'],
    [
      'with a package that is not there',
      'package.ts',
      "import 'no-such-package-anywhere';",
      "Cannot find package 'no-such-package-anywhere'",
    ],
    ['with a file that is not there', 'import.ts', "import './nowhere.ts';", 'nowhere.ts'],
    ['that throws', 'throws.ts', "throw new Error('not today');", 'Error: not today'],
    ['that throws nothing', 'null.ts', 'throw null;', 'it throws "null"'],
    ['that ends its process', 'exit.ts', 'process.exit(7);', 'exit code 7'],
    ['that waits for ever', 'waits.ts', 'await new Promise(() => undefined);', 'it waits for something that never comes'],
    ['without the export', 'empty.ts', 'export const engine = 1;', 'does not export a function createEngine'],
    ['with the export of another kind', 'number.ts', 'export const createEngine = 1;', 'does not export a function createEngine'],
    [
      'whose engine throws as it is made',
      'making.ts',
      "export const createEngine = () => { throw new TypeError('no'); };",
      'createEngine that failed: no',
    ],
    ['whose engine lacks parts', 'shape.ts', 'export const createEngine = () => ({ step() {} });', 'lacks init, encode'],
    ['that is no text', 'engine.bin', '\u0000\u0001', 'Unknown file extension'],
  ])('%s is named, without a stack', async (_what, name, text, message) => {
    const file = engineFile(name, text);
    const { exitCode, stderr } = await simulate('--engine', file);
    expect(stderr).toContain(file);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/\[simulator\/engine-(module|shape)\]$/m);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(exitCode).toBe(1);
  });

  it('is named when it is no file', async () => {
    const directory = join(folder, 'directory.ts');
    mkdirSync(directory);
    for (const path of [join(folder, 'missing.ts'), directory]) {
      const { exitCode, stderr } = await simulate('--engine', path);
      expect(stderr).toContain(`Cannot load the engine "${path}": it is no file. [simulator/engine-module]`);
      expect(exitCode).toBe(1);
    }
  });

  it('is given up when it loops for ever', async () => {
    const file = engineFile('loop.ts', 'for (;;);');
    await expect(probeModule(file, SHORT_MS)).rejects.toMatchObject({
      code: 'simulator/engine-module',
      message: expect.stringContaining('it is not loaded after 0.3 s'),
    });
  });

  it.each([
    ['unparsed.mjs', 'export const a = 1;\nexport const createEngine = () => a +;\n', /SyntaxError: .* \(.*unparsed\.mjs:2\)/],
    ['importing.mjs', "import './unparsed.mjs';\n", /SyntaxError: .* \(in a module that it imports\)/],
  ])('is named with the line that cannot be parsed: %s', async (name, text, message) => {
    const file = engineFile(name, text);
    await expect(probeModule(file)).rejects.toMatchObject({ code: 'simulator/engine-module', message: expect.stringMatching(message) });
  });

  it('may keep timers and print as it likes while it is looked at', async () => {
    const file = engineFile('noisy.ts', "setInterval(() => undefined, 1_000); console.log('hello'); export const createEngine = 1;");
    await expect(probeModule(file)).resolves.toBeUndefined();
  });
});
