/** `synod testnet play`: a scenario file, played on a network that runs or on one that is started for it. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { type Json, quote } from '../base/types.ts';
import { callControl } from '../testnet/control.ts';
import { DEFAULT_DIRECTORY, type TestnetOptions } from '../testnet/manifest.ts';
import { EXPECTATIONS } from '../testnet/scenario/expect.ts';
import { type Played, play, playedText, type Verdict, verdictText } from '../testnet/scenario/play.ts';
import { parseScenario, type Step } from '../testnet/scenario/script.ts';
import { realStage } from '../testnet/scenario/stage.ts';
import { startNetwork } from '../testnet/testing.ts';
import { VERBS, type VerbCall } from '../testnet/verbs.ts';
import { absolutePath } from './options.ts';
import { style } from './output.ts';
import { CALL_TIMEOUT_MS, directoryOption } from './testnet-faults.ts';

interface PlayFlags {
  readonly dir?: string;
  readonly json?: boolean;
  readonly start?: boolean;
}

/** `optionsOf` reads the network that is wished for from the flags of `synod testnet`. */
export function registerPlay(testnet: Command, optionsOf: (command: Command) => TestnetOptions): void {
  testnet
    .command('play <file>')
    .description('play a scenario: faults in time, and what must hold; exit code 1 when something does not')
    .addOption(directoryOption())
    .option('--start', 'start a network for it with the options of `synod testnet`, and stop it at the end')
    .option('--json', 'one JSON document a line: each step as it is over, then the verdict')
    .addHelpText('after', HELP)
    .action(async (file: string, _flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<PlayFlags>();
      const steps = parseScenario(basename(file), readScenario(file));
      const verdict = flags.start === true ? await playAlone(steps, flags, optionsOf(testnet)) : await playHere(steps, flags);
      show(flags, verdict);
      if (!verdict.holds) process.exitCode = 1;
    });
}

const HELP = `
A step in a line: \`at <time>\` if it is not to begin before that, then a verb, \`wait\` or \`expect\`; # begins a comment.
Verbs are ${[...VERBS.keys()].join(', ')}, as in synod testnet <verb> --help.
An expectation may come true within a time or epochs, a minute if it says nothing:
${EXPECTATIONS.map(([usage, about]) => `  expect ${usage.padEnd(24)} ${about}`).join('\n')}

Example, halves.txt:
  at 10s partition 0,1 2,3
  expect 2 heads
  at 40s heal
  within 60s expect one head
  expect finality within 2 epochs

  synod testnet play halves.txt                              on the network that runs
  synod testnet play halves.txt --start --nodes 4 --json     on one of its own, for CI`;

function readScenario(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new UsageError('scenario/unreadable', `Cannot read the scenario ${quote(file)}`, {}, cause);
  }
}

async function playHere(steps: readonly Step[], flags: PlayFlags): Promise<Verdict> {
  const directory = flags.dir ?? absolutePath(DEFAULT_DIRECTORY);
  const call = (method: string, params: VerbCall['params']): Promise<Json> => callControl(directory, method, params, CALL_TIMEOUT_MS);
  // Before the first step waits for its time.
  await call('testnet_faults', {});
  return await play(
    steps,
    realStage(call, (played) => show(flags, played)),
  );
}

async function playAlone(steps: readonly Step[], flags: PlayFlags, options: TestnetOptions): Promise<Verdict> {
  const network = await startNetwork({ ...options, ...(flags.dir !== undefined && { directory: flags.dir }) });
  try {
    return await network.playSteps(steps, (played) => show(flags, played));
  } finally {
    await network.stop();
  }
}

function show({ json }: PlayFlags, what: Played | Verdict): void {
  const isStep = 'step' in what;
  if (json === true) return void process.stdout.write(`${JSON.stringify(isStep ? stepJson(what) : verdictJson(what))}\n`);
  const isGood = isStep ? what.expected === null : what.holds;
  const text = isStep ? playedText(what) : verdictText(what);
  process.stdout.write(`${isGood ? text : style('red', text)}\n`);
}

function stepJson({ step, beganMs, endedMs, outcome, expected }: Played): Json {
  const { line, text } = step;
  return {
    event: 'step',
    line,
    text,
    beganMs: Math.round(beganMs),
    endedMs: Math.round(endedMs),
    holds: expected === null,
    expected,
    seen: outcome,
  };
}

function verdictJson({ holds, steps }: Verdict): Json {
  const last = steps.at(-1);
  return {
    event: 'verdict',
    holds,
    steps: steps.length,
    line: holds ? null : (last?.step.line ?? null),
    expected: last?.expected ?? null,
    seen: holds ? null : (last?.outcome ?? null),
  };
}
