/** `synod simulate --html`: which run is drawn, where it is written, and which command is said to make it again. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { commandOf, joinSinks, openPicture, secondsOption } from '../../src/cli/simulate-html.ts';
import type { PictureModel } from '../../src/simulator/picture/model.ts';
import { carryOut, planRun } from '../../src/simulator/run.ts';
import { powSubject } from '../../src/simulator/subjects/pow.ts';
import type { TraceEntry, TraceSink } from '../../src/simulator/trace.ts';
import { temporaryDirectories } from '../support/directory.ts';

const newDirectory = temporaryDirectories();
const ROOT = join(import.meta.dirname, '../..');
const execute = promisify(execFile);

function modelIn(file: string): PictureModel {
  return JSON.parse(/id="picture">(.*?)<\/script>/s.exec(readFileSync(file, 'utf8'))?.[1] ?? 'null');
}

/** The command as a user calls it; its exit code, and what it wrote to stderr. */
async function simulate(...args: string[]): Promise<{ readonly code: number; readonly stderr: string }> {
  const argv = [join(ROOT, 'src/cli/main.ts'), 'simulate', ...args];
  return execute(process.execPath, argv).then(
    ({ stderr }) => ({ code: 0, stderr }),
    ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
  );
}

describe('a picture', () => {
  it('is written after the run, with its seed, its options and its command', async () => {
    const file = join(newDirectory(), 'run.html');
    const plan = planRun({ subject: powSubject, seed: '5', options: { nodes: 3, faultsMs: 60_000 } });
    const picture = await openPicture(file, {}, 3);
    const result = carryOut(plan, picture.sink);
    picture.write(result, 'synod simulate --seed 5');
    const { run, nodes } = modelIn(file);
    expect(run).toMatchObject({ engine: 'pow', seed: '5', ok: true, traceHash: result.traceHash, command: 'synod simulate --seed 5' });
    expect(Object.fromEntries(run.options)).toMatchObject({ nodes: '3', faultsMs: '60000' });
    expect(nodes.map(({ name }) => name)).toEqual(['node-0', 'node-1', 'node-2']);
  });

  it('is refused before the run where it cannot be written, or shows no time at all', async () => {
    const nowhere = join(newDirectory(), 'missing', 'run.html');
    await expect(openPicture(nowhere, {}, 3)).rejects.toMatchObject({ code: 'cli/unwritable-file' });
    const file = join(newDirectory(), 'run.html');
    await expect(openPicture(file, { htmlFrom: 5, htmlTo: 5 }, 3)).rejects.toMatchObject({ code: 'arguments/html-to' });
    expect(existsSync(file)).toBe(false);
  });

  it('takes virtual seconds with a fraction, and nothing else', () => {
    const parse = secondsOption('html-from');
    expect([parse('0'), parse('812.5')]).toEqual([0, 812.5]);
    for (const text of ['', '-1', '1e3', 'x', '1.', '99999999999']) {
      expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'arguments/html-from' }));
    }
  });

  it('is that of the first seed that fails', async () => {
    const directory = newDirectory();
    const [engine, file] = [join(directory, 'engine.ts'), join(directory, 'first failure.html')];
    const sequencer = pathToFileURL(join(ROOT, 'test/simulator/engines/sequencer.ts')).href;
    writeFileSync(engine, `import { sequencer } from '${sequencer}';\nexport const createEngine = sequencer({ usurps: true });\n`);
    const { code, stderr } = await simulate('--engine', engine, '--until-failure', '--nodes', '3', '--duration', '60', '--html', file);
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining(`drawn in ${file}`) });
    const { run } = modelIn(file);
    expect(run.violations[0]).toMatchObject({ checker: 'Agreement', expected: false });
    expect(run.command).toBe(`synod simulate --engine ${engine} --nodes 3 --duration 60 --html '${file}' --seed ${run.seed}`);
  });
});

describe('the command that makes a picture again', () => {
  it.each([
    [['simulate', '--seeds', '1..300', '--html', 'a.html'], '7', 'synod simulate --html a.html --seed 7'],
    [['simulate', '--until-failure', '--shrink', '--json', '--html=a.html', '--seeds=1..9'], '7', 'synod simulate --html=a.html --seed 7'],
    [['simulate', '--seed', '3', '--save', 's.json', '--trace', 't', '--nodes', '4'], '3', 'synod simulate --nodes 4 --seed 3'],
    [['simulate', '--scenario', "it's.json", '--html', 'a b.html'], null, "synod simulate --scenario 'it'\\''s.json' --html 'a b.html'"],
  ])('%j', (argv, seed, expected) => {
    expect(commandOf(argv, seed)).toBe(expected);
  });
});

describe('sinks', () => {
  const entry = (kind: TraceEntry['kind']): TraceEntry => ({ atUs: 1, kind, node: 0, peer: -1, id: 0, what: '', data: null });
  const collecting = (wantsStates: boolean): { readonly sink: TraceSink; readonly seen: string[] } => {
    const seen: string[] = [];
    return { sink: Object.assign((one: TraceEntry) => void seen.push(one.kind), { wantsStates }), seen };
  };

  it('are joined so that each has what it wants', () => {
    const [plain, picture] = [collecting(false), collecting(true)];
    const joined = joinSinks(plain.sink, null, picture.sink);
    joined?.(entry('send'));
    joined?.(entry('state'));
    expect([plain.seen, picture.seen, joined?.wantsStates]).toEqual([['send'], ['send', 'state'], true]);
  });

  it('are none where there are none, and the one where there is one', () => {
    const { sink } = collecting(false);
    expect([joinSinks(null, undefined), joinSinks(null, sink)]).toEqual([null, sink]);
  });
});
