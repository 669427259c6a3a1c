/**
 * A run as a file: engine, seed, options and schedule, and what is expected of it. What a search found is saved as one and
 * becomes a regression test; a seed alone would mean another run as soon as anything that draws from it changes.
 */
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { choice, numberField, object, readFault, refuse, shown, text } from './fault-codec.ts';
import type { Fault } from './faults.ts';
import type { Options } from './options.ts';
import type { Result } from './run.ts';
import type { EngineJson } from './subject.ts';
import { TIER_NAMES, type TierName } from './tier.ts';

export const SCENARIO_FORMAT = 'synod-scenario/1';
const MAX_FAULTS = 100_000;
const MAX_NODES = 64;
/** Four months of virtual time, as on the command line. */
export const MAX_FAULTS_MS = 1e10;
/** Of links, disks and executions: slower than an hour is dead. */
const MAX_DELAY_MS = 3_600_000;
const MAX_TRANSFERS_PER_MINUTE = 100_000;
const MAX_ACCOUNTS = 128;
const MAX_HASH_RATE = 1e9;
/** Of the whole document, engine settings included: far more than any needs, and less than what recursion bears. */
const MAX_DEPTH = 32;
/** A note quotes what was violated, in full. */
const MAX_NOTE_CHARACTERS = 65_536;

const FIELDS = ['format', 'note', 'engine', 'tier', 'seed', 'expect', 'options', 'schedule'];
const OPTION_FIELDS = [
  'nodes',
  'faultsMs',
  'survivors',
  'latencyMs',
  'jitterMs',
  'diskWriteMs',
  'executionMs',
  'transfersPerMinute',
  'accounts',
  'hashRates',
  'engine',
];

export interface Scenario {
  readonly format: typeof SCENARIO_FORMAT;
  /** What it is about, for people. */
  readonly note: string;
  /** A name that synod knows, or the path of a module. */
  readonly engine: string;
  /** Light where a file says nothing. */
  readonly tier: TierName;
  readonly seed: string;
  /** 'pass', or the name of the checker that must object. */
  readonly expect: string;
  readonly options: Options;
  readonly schedule: readonly Fault[];
}

export function scenarioOf({ plan, violations, ok }: Result, note: string): Scenario {
  const { subject, tier = 'light', seed, options, schedule } = plan;
  const failed = violations.find(({ expected }) => !expected);
  return {
    format: SCENARIO_FORMAT,
    note,
    engine: subject.name,
    tier,
    seed,
    expect: ok || failed === undefined ? 'pass' : failed.checker,
    options,
    schedule,
  };
}

/** One fault a line, so that a diff shows what changed. */
export function formatScenario({ schedule, ...rest }: Scenario): string {
  const head = JSON.stringify(rest, null, 2).slice(0, -2);
  const lines = schedule.map(({ fault, atMs, forMs, ...rest }) => `    ${JSON.stringify({ fault, atMs, forMs, ...rest })}`);
  return `${head},\n  "schedule": [${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n  `}]\n}\n`;
}

/** Throws UsageError `scenario/expect` for a checker that does not look at such runs: its objection would never come. */
export function checkExpect({ expect }: Pick<Scenario, 'expect'>, checkers: readonly string[]): void {
  if (expect === 'pass' || checkers.includes(expect)) return;
  const message = `The scenario expects ${quote(expect)}; expected "pass", or a checker that looks at such runs: ${checkers.join(', ')}.`;
  throw new UsageError('scenario/expect', message, { at: 'expect' });
}

/** Throws UsageError `scenario/...`, which names the place of what is wrong. */
export function parseScenario(document: unknown): Scenario {
  const fields = object(document, 'the document');
  if (fields.format !== SCENARIO_FORMAT) {
    const found = fields.format === undefined ? 'does not name its format' : `has ${shown(fields.format)} for its format`;
    const message = `The file ${found}; expected ${quote(SCENARIO_FORMAT)} under "format". 'synod simulate --save' writes such files.`;
    throw new UsageError('scenario/format', message, { at: 'format' });
  }
  if (!isNoDeeper(document, MAX_DEPTH)) return refuse('the document', document, `no more than ${MAX_DEPTH} levels`);
  onlyKnown(fields, '', FIELDS);
  const options = readOptions(fields.options);
  if (!Array.isArray(fields.schedule) || fields.schedule.length > MAX_FAULTS) {
    return refuse('schedule', fields.schedule, `a list of at most ${MAX_FAULTS} faults`);
  }
  const schedule = fields.schedule.map((fault, index) => readFault(fault, `schedule[${index}]`));
  for (const [index, fault] of schedule.entries()) checkPlaces(fault, `schedule[${index}]`, options.nodes);
  return {
    format: SCENARIO_FORMAT,
    note: readNote(fields.note),
    engine: text(fields.engine, 'engine'),
    tier: fields.tier === undefined ? 'light' : choice(fields.tier, 'tier', TIER_NAMES),
    seed: text(fields.seed, 'seed'),
    expect: text(fields.expect, 'expect'),
    options,
    schedule,
  };
}

function readNote(value: unknown): string {
  if (typeof value === 'string' && value.length <= MAX_NOTE_CHARACTERS) return value;
  return value === undefined ? '' : refuse('note', value, `a text of at most ${MAX_NOTE_CHARACTERS} characters, or nothing`);
}

function readOptions(value: unknown): Options {
  const fields = object(value, 'options');
  onlyKnown(fields, 'options.', OPTION_FIELDS);
  const nodes = numberField(fields.nodes, 'options.nodes', 1, MAX_NODES, true);
  const positive = (name: string, high: number) => numberField(fields[name], `options.${name}`, 0, high);
  if (!Array.isArray(fields.hashRates) || fields.hashRates.length !== nodes) {
    return refuse('options.hashRates', fields.hashRates, `a list of ${nodes} numbers, one for each node`);
  }
  return {
    nodes,
    faultsMs: positive('faultsMs', MAX_FAULTS_MS),
    survivors: readSurvivors(fields.survivors, nodes),
    latencyMs: positive('latencyMs', MAX_DELAY_MS),
    jitterMs: positive('jitterMs', MAX_DELAY_MS),
    diskWriteMs: positive('diskWriteMs', MAX_DELAY_MS),
    executionMs: positive('executionMs', MAX_DELAY_MS),
    transfersPerMinute: positive('transfersPerMinute', MAX_TRANSFERS_PER_MINUTE),
    accounts: numberField(fields.accounts, 'options.accounts', 1, MAX_ACCOUNTS, true),
    hashRates: fields.hashRates.map((rate, index) => numberField(rate, `options.hashRates[${index}]`, 0, MAX_HASH_RATE)),
    engine: object(fields.engine, 'options.engine') as EngineJson,
  };
}

function readSurvivors(value: unknown, nodes: number): number[] {
  const at = 'options.survivors';
  if (!Array.isArray(value) || value.length === 0) return refuse(at, value, 'a list of nodes, of one at least');
  const places = value.map((place, index) => numberField(place, `${at}[${index}]`, 0, nodes - 1, true));
  return new Set(places).size === places.length ? places : refuse(at, value, 'a list of nodes, each of them once');
}

function onlyKnown(fields: { readonly [key: string]: unknown }, prefix: string, known: readonly string[]): void {
  for (const name of Object.keys(fields)) {
    if (!known.includes(name)) refuse(`${prefix}${name}`, fields[name], `no such field; known are ${known.join(', ')}`);
  }
}

function isNoDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return levels > 0 && Object.values(value).every((item) => isNoDeeper(item, levels - 1));
}

function checkPlaces(fault: Fault, at: string, nodes: number): void {
  const places: readonly (readonly [string, number])[] = [
    ...('node' in fault ? [['node', fault.node] as const] : []),
    ...('side' in fault ? fault.side.map((place, index) => [`side[${index}]`, place] as const) : []),
    ...('from' in fault ? [['from', fault.from] as const, ['to', fault.to] as const] : []),
  ];
  if ('from' in fault && fault.from === fault.to) refuse(`${at}.to`, fault.to, 'another node than `from`');
  for (const [field, place] of places) if (place >= nodes) refuse(`${at}.${field}`, place, `a node of 0 to ${nodes - 1}`);
}
