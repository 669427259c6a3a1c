/** The guides say what is so: each is followed to its end, its links lead somewhere, and its page in the index is there. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { whyNoHosts } from '../end-to-end/hosts/lab.ts';
import { temporaryDirectories } from '../support/directory.ts';
import { useProcesses } from '../support/processes.ts';
import { IS_LONG, runGuide } from './guide.ts';

const GUIDES = fileURLToPath(new URL('../../src/guides/', import.meta.url));
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** Staking takes minutes, most of which is waiting for epochs. */
const LONG_GUIDES = ['stake.md'];
const TIMEOUT_MS = 600_000;

const processes = useProcesses();
const directory = temporaryDirectories();
const pages = readdirSync(GUIDES).filter((name) => name.endsWith('.md'));
const guides = pages.filter((name) => name !== 'README.md');
const obstacle = whyNoHosts();
if (obstacle !== null) process.stderr.write(`The guides are not tested here, for want of network namespaces: ${obstacle}\n`);

/** What `npm install` and `npm link synod` leave in a project. */
function link(home: string): void {
  const modules = join(home, 'node_modules');
  mkdirSync(modules);
  symlinkSync(ROOT, join(modules, 'synod'));
  for (const name of ['vitest', 'viem', '.bin']) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
}

describe.each(pages)('%s', (page) => {
  const text = readFileSync(join(GUIDES, page), 'utf8');

  it('links to what is there', () => {
    const links = [...text.matchAll(/\]\(([^)#]+)/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(0);
    expect(links.filter((target) => !existsSync(join(GUIDES, target)))).toEqual([]);
  });
});

it('has every guide in the index', () => {
  const index = readFileSync(join(GUIDES, 'README.md'), 'utf8');
  expect(guides.filter((guide) => !index.includes(`](${guide})`))).toEqual([]);
});

describe.skipIf(obstacle !== null)(`followed on hosts of their own (${obstacle ?? 'network namespaces'})`, () => {
  const now = guides.filter((guide) => IS_LONG || !LONG_GUIDES.includes(guide));
  it.each(now)('%s', { timeout: TIMEOUT_MS }, async (guide) => {
    await runGuide(guide, { processes, directory: directory(), prepare: link });
  });
  it.skipIf(IS_LONG).each(LONG_GUIDES)(
    '%s (skipped: it takes minutes; SYNOD_GUIDES=long runs it, and the long blocks of the others)',
    () => {},
  );
});
