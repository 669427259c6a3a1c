/**
 * Cases that were written by hand, one file each in `text/<engine>/`: commands, and below them all that the network did.
 * After a change of behaviour: `npx vitest run test/simulator/text.test.ts -u`, and review the difference.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { subjectOf } from '../../src/simulator/subjects/custom.ts';
import { knownSubject } from '../../src/simulator/subjects/registry.ts';
import { COMMANDS } from '../../src/simulator/text/commands.ts';
import { engineOf, type Played, play } from '../../src/simulator/text/play.ts';
import { parseScript } from '../../src/simulator/text/script.ts';
import { sequencerModule } from './engines/sequencer.ts';

const FOLDER = join(import.meta.dirname, 'text');
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.txt'));

function playText(text: string, file = 'case.txt'): Played {
  const script = parseScript(text, file);
  return play(script, present(knownSubject(engineOf(script)), `engine ${engineOf(script)}`));
}

describe('text scenarios', () => {
  it.each(files)('%s', async (name) => {
    const file = join(FOLDER, name);
    const text = readFileSync(file, 'utf8');
    const played = playText(text, name);
    expect(played.failures).toEqual([]);
    await expect(played.text).toMatchFileSnapshot(file);
    expect(engineOf(parseScript(text, name))).toBe(basename(dirname(file)));
  });
});

const NETWORK = '> network nodes=3 engine.blockTimeSeconds=10 engine.pauseAfterSeconds=0\n';

function refusal(text: string): unknown {
  try {
    playText(text);
  } catch (error) {
    return error;
  }
  return null;
}

describe('a script', () => {
  it('has every command that the README explains, in the same words', () => {
    const readme = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8');
    for (const { usage, about } of COMMANDS.values()) expect(readme).toContain(`| \`${usage.replaceAll('|', '\\|')}\` | ${about} |`);
  });

  it.each([
    ['> fly 1', 'script/command', 'case.txt:2: "fly 1": there is no command "fly"'],
    ['> mine 3', 'script/command', 'the node is "3"; expected a number from 0 to 2'],
    ['> mine one', 'script/command', 'Usage: mine 1 [3]'],
    ['> mine 1 2 3', 'script/command', '"3" is one word too many'],
    ['> crash', 'script/command', 'the node is missing'],
    ['> run', 'script/command', 'the time is missing'],
    ['> run 10', 'script/command', 'expected a time such as 250ms, 10s or 2m'],
    ['> run -10s', 'script/command', 'expected a time such as'],
    ['> run 99999h', 'script/command', 'expected a time such as'],
    ['> run until noon', 'script/command', 'the goal is "noon"'],
    ['> block 0 1', 'script/command', '"->" was expected'],
    ['> block 1 -> 1', 'script/command', 'two different nodes'],
    ['> partition 0,1,2', 'script/command', 'no partition'],
    ['> partition 0,1 | 1,2', 'script/command', 'in two groups'],
    ['> noise loss=2', 'script/command', 'loss is "2"'],
    ['> noise lust=0.1', 'script/command', 'there is no "lust"'],
    ['> noise loss=0.1 loss=0.2', 'script/command', '"loss" is given twice'],
    ['> transfer 0 -> 9 5', 'script/command', 'expected a number from 0 to 3'],
    ['> trace everything', 'script/command', 'expected one of none, decisions, messages, all'],
    ['> network nodes=2', 'script/command', 'a script has one network'],
    ['mine 0', 'script/line', 'case.txt:2: "mine 0" is none of'],
  ])('%s is refused with its place, before anything is done', (line, code, says) => {
    const error = refusal(`${NETWORK}${line}\n`);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(says);
  });

  it.each([
    ['> run 1s', 'script/command'],
    ['> network nodes=99', 'script/command'],
    ['> network colour=red', 'script/command'],
    ['> network byzantine=1', 'script/command'],
    ['> network byzantine=1:rude', 'scenario/behaviour'],
    ['> network engine.blockTimeSeconds=never', 'genesis/pow'],
    ['', 'script/commands'],
  ])('that begins with %j is refused', (text, code) => {
    expect(refusal(text)).toMatchObject({ code });
  });

  it('fails where what it expects is not so, and says what is', () => {
    const { failures, text } = playText(
      `${NETWORK}> mine 0\n> expect height 1\n> run until height 2 within 5s\n> expect violation Agreement\n`,
    );
    expect(failures.map(({ line }) => line)).toEqual([3, 4, 5]);
    expect(text).toContain('FAILED: not height 1');
    expect(text).toContain('node 1  head genesis');
    expect(text).toContain('FAILED: nothing has violated Agreement');
  });

  it('fails by a violation that it does not expect, and passes by one that it does', () => {
    const usurped = '> network nodes=3 engine=sequencer\n> partition 0 | 1 | 2\n> run 1m\n';
    const subject = subjectOf(sequencerModule({ usurps: true }), 'sequencer');
    const { failures, text } = play(parseScript(usurped, 'usurped.txt'), subject);
    expect(failures[0]).toMatchObject({ line: 3, message: expect.stringContaining('Agreement is violated') });
    expect(text).toContain('VIOLATION Agreement: Finalized 1b at height 1; node 0 had finalized 1a.');
    expect(play(parseScript(`${usurped}> expect violation Agreement\n`, 'usurped.txt'), subject).failures).toEqual([]);
  });

  it.each(['throw', 'noEffect', 'clock', 'spin'] as const)('names an engine that goes wrong (%s), and ends', (how) => {
    const subject = subjectOf(sequencerModule({ throws: { atStep: 20, how } }), 'sequencer');
    const { failures } = play(parseScript('> network nodes=3 engine=sequencer\n> run 1m\n', 'broken.txt'), subject);
    expect(failures[0]?.message).toContain('Engine is violated');
  });

  it('gives the same text when it is played again, with old output or without', () => {
    const bare = `${NETWORK}# said by hand\n\n> run 1s\n> mine 2\n> run 1s\n`;
    const once = playText(bare).text;
    expect(once).toContain('# said by hand');
    expect(playText(once).text).toBe(once);
  });

  it('cuts what is too long', () => {
    expect(refusal(`${NETWORK}${'> run 1s\n'.repeat(1_001)}`)).toMatchObject({ code: 'script/commands' });
    expect(refusal(' '.repeat(5_000_000))).toMatchObject({ code: 'script/size' });
  });
});
