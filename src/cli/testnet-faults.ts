/** `synod testnet partition|cut|delay|...`: each verb of `testnet/verbs.ts` as a command of its own, for a running network. */
import { type Command, Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import { callControl } from '../testnet/control.ts';
import { DEFAULT_DIRECTORY, paths } from '../testnet/manifest.ts';
import type { NodeReport } from '../testnet/supervisor.ts';
import { OPTIONS, VERBS, type Verb, type VerbOption } from '../testnet/verbs.ts';
import { Words } from '../testnet/words.ts';
import { absolutePath } from './options.ts';
import { note, print } from './output.ts';

/** A deep reorganisation takes as long as its blocks. */
export const CALL_TIMEOUT_MS = 30 * 60_000;
/** A node that is restarted is said to be up when it still is after so long. */
const SETTLED_MS = 1_500;
/** As of a shell's command that the signal ended. */
const SIGINT_EXIT_CODE = 130;

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
    // What begins with a minus sign may be a time: our own sentence says better what is wrong with it.
    command.allowUnknownOption(/<(offset|time|share)>/.test(verb.usage));
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
  const directory = flags.dir ?? absolutePath(DEFAULT_DIRECTORY);
  const result = await sayingWhatGoesOn(directory, () => callControl(directory, call.method, call.params, CALL_TIMEOUT_MS));
  if (call.method === 'testnet_restart') await checkStaysUp(directory, Number(call.params.node));
  print(flags.json, call.json(result), () => call.said(result));
}

/** Ctrl-C ends this command, and not what the network was told already. */
async function sayingWhatGoesOn<T>(directory: string, call: () => Promise<T>): Promise<T> {
  const interrupted = () => {
    note(`The network goes on with it; to end what it began: synod testnet heal --dir ${directory}`);
    process.exit(SIGINT_EXIT_CODE);
  };
  process.once('SIGINT', interrupted);
  try {
    return await call();
  } finally {
    process.off('SIGINT', interrupted);
  }
}

/** What a node finds wrong with its data, or its peers with it, it may find right after it is up. */
async function checkStaysUp(directory: string, index: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  const report = (await callControl(directory, 'testnet_status', [])) as unknown as NodeReport[];
  if (report[index]?.state !== 'down') return;
  const log = paths.log(directory, index);
  throw new UsageError('testnet/node-ended', `Node ${index} came up, and has ended since. Its log says why: ${log}`);
}

function examples({ examples: all }: Verb): string {
  if (all.length === 0) return '';
  const width = Math.max(...all.map(([command]) => command.length));
  return `\nExamples:\n${all.map(([command, what]) => `  synod testnet ${command.padEnd(width)}   ${what}`.trimEnd()).join('\n')}`;
}
