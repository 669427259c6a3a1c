/** `synod simulate --script`: a text scenario, printed with all that the network did. */
import { readFileSync, statSync } from 'node:fs';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import type { Subject } from '../simulator/subject.ts';
import { note, print } from './output.ts';

const MAX_SCRIPT_BYTES = 8 * 1024 * 1024;

/** `engine` is what the script is about where it does not say. Sets exit code 1 when it is not as the script expects. */
export async function runScript(
  file: string,
  options: { readonly json: boolean | undefined; readonly engine: string | undefined },
  loadSubject: (engine: string) => Promise<Subject>,
): Promise<void> {
  const { parseScript } = await import('../simulator/text/script.ts');
  const { engineOf, play } = await import('../simulator/text/play.ts');
  const script = parseScript(readScript(file), file);
  const { text, failures } = play(script, await loadSubject(engineOf(script, options.engine)));
  print(options.json, { text, failures }, () => text.trimEnd());
  for (const { line, message } of failures) note(`${file}:${line}: ${message}`);
  if (failures.length > 0) process.exitCode = 1;
}

function readScript(file: string): string {
  try {
    const { size } = statSync(file);
    if (size > MAX_SCRIPT_BYTES) {
      throw new UsageError('cli/file-size', `The script ${quote(file)} has ${size} bytes; at most ${MAX_SCRIPT_BYTES} are read.`);
    }
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError('cli/unreadable-file', `Cannot read the script ${quote(file)}`, {}, cause);
  }
}
