/**
 * Failures of the past, each as a file in `scenarios/`: whatever is saved there runs with every test, and must end as the
 * file expects (`pass`, or the name of the checker that has to object). How a failure becomes one is in `README.md` here.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runnerOf } from '../../src/cli/simulate-tier.ts';
import { formatScenario, parseScenario } from '../../src/simulator/scenario.ts';
import type { Subject } from '../../src/simulator/subject.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { knownSubject } from '../../src/simulator/subjects/registry.ts';

const FOLDER = join(import.meta.dirname, 'scenarios');
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));

/** By its name, or by a path from the root of the repository, where the command was given. */
async function subjectNamed(engine: string): Promise<Subject> {
  return knownSubject(engine) ?? subjectOf(await import(pathToFileURL(resolve(engine)).href), engine);
}

describe('scenarios', () => {
  it.each(files)('%s ends as it expects', async (name) => {
    const scenario = parseScenario(JSON.parse(readFileSync(join(FOLDER, name), 'utf8')));
    const { engine, expect: expected, tier, seed, options, schedule, note } = scenario;
    const runner = await runnerOf(tier);
    const { violations } = await runner.carryOut({ subject: await subjectNamed(engine), tier, seed, options, schedule });
    const found = violations.find((violation) => !violation.expected);
    expect(found?.checker ?? 'pass', found?.message).toBe(expected);
    expect(note, 'a note says what the file is about').not.toBe('');
    expect(parseScenario(JSON.parse(formatScenario(scenario)))).toEqual(scenario);
  });
});
