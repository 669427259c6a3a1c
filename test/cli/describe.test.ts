/** The page of commands and flags says what the commands say. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeCommands } from '../../src/cli/describe.ts';
import { createProgram } from '../../src/cli/program.ts';

it('is what COMMANDS.md says (node src/cli/describe.ts > src/COMMANDS.md)', async () => {
  const page = readFileSync(new URL('../../src/COMMANDS.md', import.meta.url), 'utf8');
  expect(page).toBe(await describeCommands());
  expect(page).toContain('## synod node\n');
  expect(page.match(/^- `--/gm)?.length).toBeGreaterThan(200);
});

it('loads the command that is named and no other, and all where none is', async () => {
  const namesOf = async (name?: string) => (await createProgram(name)).commands.map((command) => command.name());
  const all = await namesOf();
  expect(all.length).toBeGreaterThan(10);
  for (const name of all) expect(await namesOf(name)).toEqual([name]);
  expect(await namesOf('noed')).toEqual(all);
});
