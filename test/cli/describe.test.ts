/** The page of commands and flags says what the commands say. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeCommands } from '../../src/cli/describe.ts';

it('is what COMMANDS.md says (node src/cli/describe.ts > src/COMMANDS.md)', () => {
  const page = readFileSync(new URL('../../src/COMMANDS.md', import.meta.url), 'utf8');
  expect(page).toBe(describeCommands());
  expect(page).toContain('## synod node\n');
  expect(page.match(/^- `--/gm)?.length).toBeGreaterThan(200);
});
