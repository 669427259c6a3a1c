/** What `synod simulate` can be told, and what makes no sense together. */
import type { Options } from '../simulator/options.ts';
import type { RunLimits } from '../simulator/run.ts';
import type { TierName } from '../simulator/tier.ts';
import { argumentError } from './output.ts';
import type { PictureFlags } from './simulate-html.ts';

export interface SimulateFlags extends PictureFlags {
  readonly engine?: string;
  readonly seed?: number;
  readonly seeds?: { readonly from: number; readonly to: number };
  readonly untilFailure?: boolean;
  readonly shrink?: boolean;
  readonly save?: string;
  readonly trace?: string;
  readonly scenario?: string;
  readonly script?: string;
  readonly update?: boolean;
  readonly tier?: TierName;
  readonly nodes?: number;
  readonly duration?: number;
  readonly events?: number;
  readonly pace?: number;
  /** In ms of real time. */
  readonly for?: number;
  readonly jobs?: number;
  readonly mutant?: string;
  readonly mutants?: boolean;
  readonly conformance?: string | true;
  readonly json?: boolean;
}

/** What makes no sense beside each of these. */
const EXCLUDED: readonly (readonly [keyof SimulateFlags, readonly (keyof SimulateFlags)[]])[] = [
  ['for', ['seeds', 'untilFailure', 'save', 'trace', 'html', 'scenario', 'script', 'mutant', 'tier']],
  [
    'script',
    ['events', 'seed', 'seeds', 'untilFailure', 'shrink', 'save', 'trace', 'html', 'scenario', 'nodes', 'duration', 'mutant', 'tier'],
  ],
  ['scenario', ['events', 'engine', 'seed', 'seeds', 'untilFailure', 'nodes', 'duration', 'tier']],
  ['mutant', ['tier']],
  ['jobs', ['untilFailure', 'save', 'html', 'tier', 'mutant']],
  ['pace', ['scenario', 'script', 'mutant', 'mutants', 'conformance']],
  ['conformance', ['seeds', 'untilFailure', 'scenario', 'script', 'mutant', 'tier', 'nodes', 'duration', 'events', 'for']],
  ['trace', ['seeds', 'untilFailure']],
];

/** What means nothing without one of these. */
const NEEDED: readonly (readonly [keyof SimulateFlags, readonly (keyof SimulateFlags)[]])[] = [
  ['jobs', ['for', 'seeds', 'mutants']],
  ['update', ['script', 'mutant', 'mutants']],
  ['htmlFrom', ['html']],
  ['htmlTo', ['html']],
];

/** Throws UsageError `arguments/simulate`. */
export function checkTogether(flags: SimulateFlags): void {
  for (const [flag, excluded] of EXCLUDED) {
    const other = flags[flag] === undefined ? undefined : excluded.find((name) => flags[name] !== undefined);
    if (other !== undefined) throw argumentError('simulate', `${optionName(flag)} and ${optionName(other)} cannot be given together.`);
  }
  for (const [flag, needed] of NEEDED) {
    if (flags[flag] === undefined || needed.some((name) => flags[name] !== undefined)) continue;
    throw argumentError('simulate', `${optionName(flag)} means something with ${needed.map(optionName).join(' or ')} only.`);
  }
}

function optionName(flag: keyof SimulateFlags): string {
  return `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** What a run is made of: who says such a thing wants one run or many. */
const OF_RUNS = [
  'seed',
  'seeds',
  'untilFailure',
  'nodes',
  'duration',
  'events',
  'pace',
  'tier',
  'trace',
  'html',
  'shrink',
  'save',
  'for',
] as const;

/** By name, or by asking for nothing but an engine out of a file. */
export function asksForSuite(flags: SimulateFlags, isFile: boolean): boolean {
  return flags.conformance !== undefined || (isFile && OF_RUNS.every((name) => flags[name] === undefined));
}

export function optionsOf({ nodes, duration }: SimulateFlags): Partial<Options> {
  return { ...(nodes !== undefined && { nodes }), ...(duration !== undefined && { faultsMs: 1_000 * duration }) };
}

export function limitsOf({ events }: SimulateFlags): Partial<RunLimits> {
  return events === undefined ? {} : { faultEvents: events };
}
