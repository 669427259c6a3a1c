/**
 * `synod simulate --script`: a text scenario, printed with all that the network did, and held against what the file says of it.
 * A file without any output is a new one: there is nothing to compare.
 */
import { writeFileSync } from 'node:fs';
import type { Subject } from '../simulator/subject.ts';
import { note, print } from './output.ts';
import { readScript } from './simulate-subject.ts';

/**
 * `engine` is what the script is about where it does not say. Sets exit code 1 when it is not as the script expects, or when the
 * network did something else than the file says, unless that is to be written into it (`update`).
 */
export async function runScript(
  file: string,
  options: { readonly json: boolean | undefined; readonly engine: string | undefined; readonly update: boolean | undefined },
  loadSubject: (engine: string) => Promise<Subject>,
): Promise<void> {
  const { parseScript } = await import('../simulator/text/script.ts');
  const { engineOf, play } = await import('../simulator/text/play.ts');
  const before = readScript(file);
  const script = parseScript(before, file);
  const { text, failures } = play(script, await loadSubject(engineOf(script, options.engine)));
  print(options.json, { text, failures }, () => text.trimEnd());
  for (const { line, message } of failures) note(`${file}:${line}: ${message}`);
  if (failures.length > 0) process.exitCode = 1;
  if (text === before) return;
  if (options.update === true) {
    writeFileSync(file, text);
    note(`${file} says now what the network did; review the difference.`);
  } else if (/^[ \t]+\S/m.test(before)) {
    note(`${file}:${firstDifference(before, text)}: the network did something else than the file says; --update writes it there.`);
    process.exitCode = 1;
  }
}

/** The number of the first line that differs. */
function firstDifference(a: string, b: string): number {
  const [left, right] = [a.split('\n'), b.split('\n')];
  const at = left.findIndex((line, i) => line !== right[i]);
  return 1 + (at < 0 ? left.length : at);
}
