/** `synod testnet partition|cut|delay|...`: each verb of `testnet/verbs.ts` as a command of its own, for a running network. */
import { type Command, Option } from 'commander';
import { callControl } from '../testnet/control.ts';
import { DEFAULT_DIRECTORY } from '../testnet/manifest.ts';
import { OPTIONS, VERBS, type Verb, type VerbOption, Words } from '../testnet/verbs.ts';
import { absolutePath } from './options.ts';
import { print } from './output.ts';

/** A deep reorganisation takes as long as its blocks. */
const CALL_TIMEOUT_MS = 30 * 60_000;

interface FaultFlags extends Partial<Readonly<Record<VerbOption, string>>> {
  readonly dir?: string;
  readonly json?: boolean;
}

export function directoryOption(): Option {
  return new Option('--dir <directory>', `where the network is kept (default: ${DEFAULT_DIRECTORY})`).argParser(absolutePath);
}

export function registerFaults(testnet: Command): void {
  for (const verb of VERBS.values()) {
    const command = testnet.command(verb.usage).description(verb.about).addOption(directoryOption()).option('--json', 'print JSON');
    // What begins with a minus sign may be a time.
    command.allowUnknownOption(verb.usage.includes('<offset>'));
    for (const name of verb.options) command.option(`--${name} ${OPTIONS[name].value}`, OPTIONS[name].about);
    command.addHelpText('after', examples(verb)).action(async (...input: unknown[]) => await run(verb, input.at(-1) as Command));
  }
}

async function run(verb: Verb, command: Command): Promise<void> {
  const flags = command.optsWithGlobals<FaultFlags>();
  const given = verb.options.flatMap((name): [string, string][] => (flags[name] === undefined ? [] : [[name, flags[name]]]));
  const words = new Words(command.args, new Map(given));
  const call = verb.read(words);
  words.end();
  const result = await callControl(flags.dir ?? absolutePath(DEFAULT_DIRECTORY), call.method, call.params, CALL_TIMEOUT_MS);
  print(flags.json, call.json(result), () => call.said(result));
}

function examples({ examples: all }: Verb): string {
  if (all.length === 0) return '';
  const width = Math.max(...all.map(([command]) => command.length));
  return `\nExamples:\n${all.map(([command, what]) => `  synod testnet ${command.padEnd(width)}   ${what}`).join('\n')}`;
}
