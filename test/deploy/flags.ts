/** The flags of a command, from the commands themselves. */
import { createProgram } from '../../src/cli/program.ts';

export async function flagsOf(command: string): Promise<ReadonlySet<string>> {
  const found = (await createProgram(command)).commands.find((one) => one.name() === command);
  if (found === undefined) throw new Error(`There is no command ${command}`);
  return new Set(found.options.flatMap(({ long }) => (long === null || long === undefined ? [] : [long])));
}

/** The words of a command line that are flags, without their values. */
export function flagsIn(words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith('--')).map((word) => word.split('=', 1)[0] ?? '');
}
