/** A text scenario on the command line: held against its file, and written into it when asked. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectories } from '../support/directory.ts';
import { useProcesses } from '../support/processes.ts';

const processes = useProcesses();
const temporary = temporaryDirectories();
const COMMANDS = '> network nodes=2 seed=1\n> mine 0\n> status\n';

describe('synod simulate --script', () => {
  it('fills a new file when asked, agrees with it, and says where it differs later', async () => {
    const file = join(temporary(), 'case.txt');
    const play = (...words: string[]) => processes.runSynod('simulate', '--script', file, ...words);
    writeFileSync(file, COMMANDS);
    expect(await play()).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toBe(COMMANDS);

    expect(await play('--update')).toMatchObject({ code: 0 });
    const written = readFileSync(file, 'utf8');
    expect(written.length).toBeGreaterThan(COMMANDS.length);
    expect(await play()).toMatchObject({ code: 0 });

    const lines = written.trimEnd().split('\n');
    const last = lines.length;
    writeFileSync(file, `${[...lines.slice(0, -1), '  something else'].join('\n')}\n`);
    const { code, stderr } = await play();
    expect(code).toBe(1);
    expect(stderr).toContain(`${file}:${last}: the network did something else than the file says`);
    expect(await play('--update')).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toBe(written);
  });
});
