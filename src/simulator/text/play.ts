/** Plays a text scenario: command after command, with what each of them brought about. */
import { quote } from '../../base/types.ts';
import type { EngineJson, Subject } from '../subject.ts';
import type { Act, Outcome, Size } from './command.ts';
import { COMMANDS } from './commands.ts';
import { type Command, commandsOf, renderScript, type Script } from './script.ts';
import { Stage, type StageInput } from './stage.ts';
import { jsonOf, Words } from './words.ts';

export interface Played {
  /** The script with its output. */
  readonly text: string;
  readonly failures: readonly Failure[];
}

export interface Failure {
  readonly line: number;
  readonly message: string;
}

const NETWORK = 'network';
const NETWORK_USAGE =
  'network nodes=4 [engine=pow] [seed=1] [latency=100ms] [disk=0ms] [execution=0ms] [accounts=4] [hashrate=0] [down=3] [byzantine=2:silent] [engine.<setting>=<value> ...]';
const MAX_NODES = 32;
const MAX_ACCOUNTS = 128;
const MAX_DELAY_MS = 3_600_000;
const DEFAULTS = { nodes: '4', seed: '1', latency: '100ms', disk: '0ms', execution: '0ms', accounts: '4', hashrate: '0' };
const DEFAULT_ENGINE = 'pow';
const SETTING = 'engine.';

/** The engine that the script is about, by the name or the path that it gives. Throws UsageError. */
export function engineOf(script: Script, otherwise: string = DEFAULT_ENGINE): string {
  return networkPairs(script).pairs.get('engine') ?? otherwise;
}

/** Throws UsageError `script/...` before anything is done if a command makes no sense; what nodes do wrong is in the result. */
export function play(script: Script, subject: Subject): Played {
  const network = readNetwork(script, subject);
  const [first, ...commands] = commandsOf(script);
  const acts = commands.map((command) => [command, readCommand(script, command, network)] as const);
  const stage = new Stage(network);
  const outputs = new Map<Command, string[]>();
  const failures: Failure[] = [];
  const expected = new Set<string>();
  if (first !== undefined) outputs.set(first, [...describeNetwork(stage), ...stage.told()]);
  for (const [command, act] of acts) {
    const { lines = [], failure, expected: seen } = carryOut(act, stage) ?? {};
    outputs.set(command, [...stage.told(), ...lines, ...(failure === undefined ? [] : [`FAILED: ${failure}`])]);
    if (seen !== undefined) expected.add(seen);
    if (failure !== undefined) failures.push({ line: command.line, message: failure });
  }
  stage.simulation.finish();
  const last = commands.at(-1) ?? first;
  if (last !== undefined) outputs.get(last)?.push(...stage.told());
  for (const { checker, message, expected: excused } of stage.simulation.violations) {
    if (excused || expected.has(checker)) continue;
    failures.push({ line: last?.line ?? 1, message: `${checker} is violated: ${stage.names.inText(message)}` });
  }
  return { text: renderScript(script, (command) => outputs.get(command) ?? []), failures };
}

function readCommand({ file }: Script, command: Command, size: Size): Act {
  const words = new Words(file, command);
  const name = words.word('the command');
  const kind =
    COMMANDS.get(name) ?? words.refuse(`there is no command ${quote(name)}; there are ${[NETWORK, ...COMMANDS.keys()].join(', ')}`);
  words.usage = kind.usage;
  const act = kind.read(words, size);
  words.end();
  return act;
}

/** What an engine throws, or does without end, is reported as its violation, and the script goes on. */
function carryOut(act: Act, stage: Stage): Outcome | undefined {
  try {
    const outcome = act(stage);
    stage.run(0);
    return outcome;
  } catch (error) {
    stage.failed(error);
    return undefined;
  }
}

function networkPairs(script: Script): { readonly words: Words; readonly pairs: Map<string, string> } {
  const [first, ...others] = commandsOf(script);
  const words = new Words(script.file, first ?? { line: 1, text: '' });
  words.usage = NETWORK_USAGE;
  if (first === undefined || words.word('the network') !== NETWORK) words.refuse(`the first command is ${quote(NETWORK)}`);
  const second = others.find(({ text }) => text.split(' ')[0] === NETWORK);
  if (second !== undefined) new Words(script.file, second).refuse('a script has one network');
  return { words, pairs: words.pairs() };
}

function readNetwork(script: Script, subject: Subject): StageInput {
  const { words, pairs } = networkPairs(script);
  const known = ['engine', 'down', 'byzantine', ...Object.keys(DEFAULTS)];
  for (const key of pairs.keys()) {
    if (!known.includes(key) && !key.startsWith(SETTING)) words.refuse(`there is no ${quote(key)}; there are ${known.join(', ')}`);
  }
  const given = (key: keyof typeof DEFAULTS) => words.within(pairs.get(key) ?? DEFAULTS[key]);
  const delayMs = (key: 'latency' | 'disk' | 'execution') => {
    const ms = given(key).duration(key);
    return ms <= MAX_DELAY_MS ? ms : words.refuse(`${key} is longer than an hour`);
  };
  const nodes = given('nodes').integer('nodes', 1, MAX_NODES);
  const down = pairs.get('down');
  return {
    subject,
    seed: given('seed').word('seed'),
    nodes,
    latencyMs: delayMs('latency'),
    diskWriteMs: delayMs('disk'),
    executionMs: delayMs('execution'),
    accounts: given('accounts').integer('accounts', 1, MAX_ACCOUNTS),
    hashRate: given('hashrate').number('hashrate', 0, 1e9),
    engine: settingsOf(pairs),
    byzantine: byzantineOf(words, pairs.get('byzantine'), nodes),
    down: down === undefined ? [] : words.within(down).nodes(nodes),
  };
}

function settingsOf(pairs: ReadonlyMap<string, string>): EngineJson {
  const settings = [...pairs].filter(([key]) => key.startsWith(SETTING));
  return Object.fromEntries(settings.map(([key, value]) => [key.slice(SETTING.length), jsonOf(value)]));
}

/** `2:silent,3:twin` */
function byzantineOf(words: Words, text: string | undefined, nodes: number): Map<number, string> {
  const roles = new Map<number, string>();
  for (const role of text?.split(',') ?? []) {
    const [place = '', behaviour = ''] = role.split(':');
    if (behaviour === '') words.refuse(`${quote(role)} is not of the form node:behaviour`);
    roles.set(words.within(place).node(nodes), behaviour);
  }
  return roles;
}

/** All that was drawn or taken for granted, so that the file says what it runs. */
function describeNetwork({ simulation, options, names }: Stage): string[] {
  const { nodes, latencyMs, diskWriteMs, executionMs, engine } = options;
  const { name } = simulation.input.subject;
  return [
    `${nodes} nodes of ${name}, latency ${latencyMs} ms, disk ${diskWriteMs} ms, execution ${executionMs} ms`,
    `settings ${names.fields(engine)}`,
  ];
}
