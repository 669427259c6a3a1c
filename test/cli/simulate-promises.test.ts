/** `synod simulate` with an engine that makes promises: what becomes of them is told after the result, and counts. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryDirectories } from '../support/directory.ts';

const newDirectory = temporaryDirectories();
const ROOT = join(import.meta.dirname, '../..');

it('a promise that fails behind the back of a run fails it, by name and place', async () => {
  const file = join(newDirectory(), 'promising.ts');
  const support = pathToFileURL(join(ROOT, 'test/simulator/support.ts')).href;
  writeFileSync(
    file,
    `import { IDLE_ENGINE } from '${support}';
const step = () => (Promise.reject(new RangeError('too late')), []);
export const createEngine = () => ({ ...IDLE_ENGINE, step });`,
  );
  const argv = [join(ROOT, 'src/cli/main.ts'), 'simulate', '--engine', file, '--seed', '1', '--nodes', '2', '--duration', '5'];
  const ended = promisify(execFile)(process.execPath, argv);
  await expect(ended).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining('trace'),
    stderr: expect.stringMatching(/A promise failed.*too late.*promising\.ts:2/),
  });
});
