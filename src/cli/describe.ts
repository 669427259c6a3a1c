/** COMMANDS.md from the tree of commands: `node src/cli/describe.ts > src/COMMANDS.md`. A test compares the two. */
import type { Argument, Command, Option } from 'commander';
import { defaultDatadir } from './options.ts';
import { createProgram } from './program.ts';

const HEAD = `# Commands and flags

Written by \`node src/cli/describe.ts\` from the commands themselves; do not edit. Each says the same with \`--help\`, with examples.
What a running node answers is in [rpc/METHODS.md](rpc/METHODS.md). Results go to stdout, all else to stderr; the exit code is 0, 1
for a failure, 2 for wrong arguments.
`;

export async function describeCommands(): Promise<string> {
  const commands = leaves(await createProgram());
  const contents = commands.map(({ name }) => `- [${name}](#${name.replaceAll(' ', '-')})`);
  const page = [HEAD, '\n', contents.join('\n'), '\n', ...commands.map(describe)].join('');
  // The same whoever writes it, and wherever.
  return page.replaceAll(defaultDatadir(), '~/.synod');
}

interface Named {
  readonly name: string;
  readonly command: Command;
}

/** Commands that do something, in the order of the help; those that only hold others are left out. */
function leaves(command: Command, parents: readonly string[] = []): Named[] {
  const path = [...parents, command.name()];
  const below = command.commands.flatMap((child) => leaves(child, path));
  const isGroup = command.commands.length > 0 && command.options.every(({ long }) => long === '--version');
  return isGroup ? below : [{ name: path.join(' '), command }, ...below];
}

function describe({ name, command }: Named): string {
  const usage = [name, ...command.registeredArguments.map(usageOf), ...(command.options.length > 0 ? ['[options]'] : [])].join(' ');
  const lines = [
    ...command.registeredArguments.filter(({ description }) => description !== '').map((one) => `- \`${one.name()}\`: ${one.description}`),
    ...command.options.filter(({ hidden }) => !hidden).map(optionLine),
  ];
  return `\n## ${name}\n\n    ${usage}\n\n${sentence(command.description())}\n${lines.length > 0 ? `\n${lines.join('\n')}\n` : ''}`;
}

function usageOf(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionLine({ flags, description, argChoices, defaultValue, mandatory }: Option): string {
  const choices = argChoices === undefined ? '' : `: ${argChoices.map((choice) => `\`${choice}\``).join(', ')}`;
  const shown = isShown(defaultValue) ? ` (default: \`${printed(defaultValue)}\`)` : '';
  return `- \`${flags}\`: ${tidy(description)}${choices}${mandatory ? ' (required)' : ''}${shown}`;
}

function isShown(value: unknown): boolean {
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return value !== undefined && value !== null && typeof value !== 'boolean' && value !== '' && !isEmpty;
}

function printed(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}

function tidy(description: string): string {
  return description.replaceAll('<', '\\<').replaceAll('|', '\\|');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${tidy(text.slice(1))}.`;
}

if (import.meta.main) process.stdout.write(await describeCommands());
