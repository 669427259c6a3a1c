/**
 * A text scenario: what is done to a network, by hand, and what it did, line for line. A person writes the commands, the
 * simulator what follows them, and a change of behaviour shows as a difference that is reviewed like one of code. The idea
 * is that of etcd's `rafttest`; the form is our own:
 *
 *     # What it is about.
 *     > mine 0
 *       0.000  node 0  mined hash=1a number=1
 *
 * A line that begins with `>` is a command, one that begins with `#` a comment, and indented lines below a command are its
 * output. Commands are in `commands.ts`.
 */
import { UsageError } from '../../base/errors.ts';
import { quote } from '../../base/types.ts';

export const MAX_SCRIPT_CHARACTERS = 4 * 1024 * 1024;
export const MAX_COMMANDS = 1_000;
const INDENT = '  ';

export interface Command {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

export interface Script {
  /** For messages. */
  readonly file: string;
  /** Commands, and everything else that is not output, in order. */
  readonly parts: readonly (Command | string)[];
}

/** Throws UsageError `script/...`, which names file and line. */
export function parseScript(text: string, file: string): Script {
  if (text.length > MAX_SCRIPT_CHARACTERS) {
    throw new UsageError('script/size', `${file} has ${text.length} characters; at most ${MAX_SCRIPT_CHARACTERS} are read.`, { file });
  }
  const parts: (Command | string)[] = [];
  for (const [index, line] of text.replace(/\n$/, '').split(/\r?\n/).entries()) {
    if (line.startsWith('>')) parts.push({ line: index + 1, text: line.slice(1).trim() });
    else if (line.startsWith('#') || line.trim() === '') parts.push(line.trimEnd());
    else if (!/^\s/.test(line)) {
      const expected = "a command ('> mine 0'), a comment ('# ...') or output (indented)";
      throw new UsageError('script/line', `${file}:${index + 1}: ${quote(line)} is none of: ${expected}.`, { file, line: index + 1 });
    }
  }
  const script = { file, parts };
  const { length } = commandsOf(script);
  if (length === 0 || length > MAX_COMMANDS) {
    throw new UsageError('script/commands', `${file} has ${length} commands; expected 1 to ${MAX_COMMANDS}.`, { file });
  }
  return script;
}

export function commandsOf({ parts }: Script): readonly Command[] {
  return parts.filter((part) => typeof part !== 'string');
}

/** The file again, with this output below each command. */
export function renderScript({ parts }: Script, outputOf: (command: Command) => readonly string[]): string {
  const lines = parts.flatMap((part) =>
    typeof part === 'string' ? [part] : [`> ${part.text}`, ...outputOf(part).map((line) => (INDENT + line).trimEnd())],
  );
  return `${lines.join('\n')}\n`;
}
