/** A user's engine has a process of its own, and whatever ends that process is told: by what, with which seed, and where. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { runApart } from '../../src/cli/apart/run-apart.ts';
import { temporaryDirectories } from '../support/directory.ts';

const newDirectory = temporaryDirectories();
const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'src/cli/main.ts');
const TUTORIAL = join(ROOT, 'src/simulator/tutorial/engine.ts');
const SHORT = ['--nodes', '3', '--duration', '10'];

/** The tutorial's engine, that does something else when it is told of its fifth block. */
function engineThat(work: string, head = ''): string {
  const file = join(newDirectory(), 'engine.ts');
  writeFileSync(
    file,
    `import { createEngine as honest } from ${JSON.stringify(TUTORIAL)};
${head}
let blocks = 0;
export const createEngine = (...values) => {
  const engine = honest(...values);
  const step = (state, event, context) => {
    if (event.type === 'block' && ++blocks === 5) { ${work} }
    return engine.step(state, event, context);
  };
  return { ...engine, step };
};`,
  );
  return file;
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function simulate(...words: string[]): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  execFile(process.execPath, [MAIN, 'simulate', ...words], (error, stdout, stderr) =>
    resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
  );
  return promise;
}

it('an engine that ends its process is named with node, event and seed', async () => {
  const file = engineThat('process.reallyExit(3);');
  const { code, stdout } = await simulate('--engine', file, '--seed', '7', ...SHORT);
  expect(stdout).toMatch(
    /^violated {2}Engine: At node-\d, on event 'block': the process .* ended before its time: it left with exit code 3\.$/m,
  );
  expect(stdout).toContain(`failed  engine "${file}", seed 7`);
  expect(stdout).toContain(`again: synod simulate --engine ${file} ${SHORT.join(' ')} --seed 7`);
  expect(code).toBe(1);
});

it.each([
  ['const { now } = Date;', 'now();', /Date\.now was called at .*engine\.ts:7/],
  ["import { randomBytes } from 'node:crypto';", 'randomBytes(1);', /crypto\.randomBytes was called/],
  ['const Clock = Date;', 'new Clock();', /new Date\(\) was called/],
  ['', 'Object.prototype.mine = 1;', /Cannot add property mine.*engine\.ts:7/],
])('what an engine took at its import is watched, and nothing of the language is its to change: %s %s', async (head, work, message) => {
  const { code, stdout } = await simulate('--engine', engineThat(work, head), '--seed', '7', ...SHORT);
  expect(stdout).toMatch(message);
  expect(code).toBe(1);
});

it('what an engine prints does not get into the result', async () => {
  const { code, stdout, stderr } = await simulate('--engine', engineThat("console.log('five');"), '--seed', '7', '--json', ...SHORT);
  expect(JSON.parse(stdout)).toMatchObject({ ok: true });
  expect(stderr).toContain('five');
  expect(code).toBe(0);
});

it('one that leaves in the middle of the suite is named with the case', async () => {
  const file = engineThat('process.reallyExit(0);');
  const { code, stdout } = await simulate('--engine', file, '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    engine: file,
    seed: 'conformance-calm-1',
    ok: false,
    violations: [{ checker: 'Engine', message: expect.stringMatching(/^At node-\d, on event 'block': .*it left with exit code 0\.$/) }],
    again: `synod simulate --engine ${file} --conformance calm --seed 1`,
  });
  expect(code).toBe(1);
});

it('one whose module ends the process is named before any run', async () => {
  const head = "execFileSync('kill', ['-SEGV', String(process.pid)]);";
  const { code, stdout } = await simulate(
    '--engine',
    engineThat('', `import { execFileSync } from 'node:child_process';\n${head}`),
    '--seed',
    '7',
  );
  expect(stdout).toMatch(/While its module is loaded: the process .* ended before its time: SIGSEGV\./);
  expect(code).toBe(1);
});

it('what a module leaves behind does not keep the command from ending, with its own exit code', async () => {
  const file = engineThat('', 'setInterval(() => undefined, 1_000);');
  const { code, stdout } = await simulate('--engine', file, '--seed', '7', ...SHORT);
  expect(stdout).toMatch(/^ok {2}seed 7, trace/);
  expect(code).toBe(0);
  const wrong = await simulate('--engine', file, '--conformance', 'nosuch');
  expect(wrong.stderr).toContain('[simulator/no-such-case]');
  expect(wrong.stderr).not.toContain('before its time');
  expect(wrong.code).toBe(1);
});

it('one that takes all memory is stopped', async () => {
  const file = engineThat('const all = []; for (;;) all.push(new Uint8Array(4_000_000).fill(1));');
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => written.push(String(chunk)) > 0);
  const { argv } = process;
  process.argv = [process.execPath, MAIN, 'simulate', '--engine', file, '--seed', '7', ...SHORT];
  try {
    await runApart({ engine: file, json: false, threads: 1, maxMebibytes: 400, again: (seed) => `again ${seed}` });
    expect(process.exitCode).toBe(1);
  } finally {
    process.exitCode = 0;
    process.argv = argv;
    spy.mockRestore();
  }
  expect(written.join('')).toMatch(
    /At node-\d, on event 'block': .* it used \d+ MB of memory; 400 are allowed\.\n.*seed 7\nagain: again 7/,
  );
});
