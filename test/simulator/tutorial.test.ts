/** The tutorial stays true: its code is the engine's, the engine is as small as it says, and it passes the suite. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { conformance } from '../../src/simulator/conformance.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import * as tutorial from '../../src/simulator/tutorial/engine.ts';

const read = (file: string) => readFileSync(new URL(`../../src/simulator/${file}`, import.meta.url), 'utf8');

const MAX_LINES = 149;
/** Of the suite's runs: all of them take half a minute. */
const EFFORT = 0.15;

const engine = read('tutorial/engine.ts');
const text = read('TUTORIAL.md');
const blocks = [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);

describe('the tutorial', () => {
  it('shows code, and only in blocks that are marked as such', () => {
    expect(blocks.length).toBeGreaterThan(10);
    expect(text.match(/^```\w*$/gm)?.filter((fence) => fence !== '```')).toEqual(
      expect.arrayContaining(['```sh', ...blocks.map(() => '```ts')]),
    );
  });

  it.each(blocks.map((block) => [block.trim().split('\n')[0], block]))('has from the engine: %s', (_first, block) => {
    expect(engine).toContain(block);
  });

  it('links to files that are there', () => {
    const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) expect(() => read(link), link).not.toThrow();
  });

  it(`has an engine of less than 150 lines`, () => {
    expect(engine.trimEnd().split('\n').length).toBeLessThanOrEqual(MAX_LINES);
  });

  it('has an engine that passes the suite', { timeout: 120_000 }, () => {
    const results = conformance(subjectOf(tutorial, 'tutorial.ts'), { effort: EFFORT });
    expect(results.filter(({ problem }) => problem !== null).map(({ id, seed, problem }) => ({ id, seed, problem }))).toEqual([]);
    expect(results.filter(({ skipped }) => skipped !== null)).toEqual([]);
    expect(results.length).toBeGreaterThan(15);
  });
});
