/**
 * What a run is made of besides its schedule of faults. Each number is drawn from the seed within the range declared
 * here, and all of them are printed before the run begins.
 */
import type { Random } from '../base/random.ts';
import { placeId } from './places.ts';
import { type EngineJson, fittingSize, type Subject } from './subject.ts';
import { type Keys, TAG_KEYS } from './tags.ts';

export interface Options {
  readonly nodes: number;
  /** The part of the run in which faults happen. */
  readonly faultsMs: number;
  /** Nodes that are healed when the faults end; the others stay dead, or are cut off, for ever. See `recovery.ts`. */
  readonly survivors: readonly number[];
  /** One way, the fastest link; each link is up to four times as slow. */
  readonly latencyMs: number;
  /** Mean of what comes on top. */
  readonly jitterMs: number;
  readonly diskWriteMs: number;
  readonly executionMs: number;
  /** Of all clients together. */
  readonly transfersPerMinute: number;
  readonly accounts: number;
  /** Hashes a second by node; meaningless for engines that do not mine. */
  readonly hashRates: readonly number[];
  readonly engine: EngineJson;
}

/** Inclusive; integers where both ends are. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

export const RANGES = {
  nodes: { low: 2, high: 7 },
  faultsMs: { low: 600_000, high: 3_600_000 },
  latencyMs: { low: 1, high: 300 },
  jitterMs: { low: 0.1, high: 300.5 },
  diskWriteMs: { low: 0.1, high: 50.5 },
  executionMs: { low: 0.1, high: 200.5 },
  transfersPerMinute: { low: 0, high: 30 },
  accounts: { low: 2, high: 8 },
  hashRate: { low: 100, high: 1_000 },
} as const satisfies { readonly [name: string]: Range };

const QUORUM_CHANCE = 0.35;
const FEWER_CHANCE = 0.15;
/** One node alone agrees with itself. */
const MIN_SURVIVORS = 2;

/** Each from a stream of its own, so that fixing one changes no other. */
export function drawOptions(random: Random, subject: Subject, fixed: Partial<Options> = {}, keys: Keys = TAG_KEYS): Options {
  const whole = (name: keyof typeof RANGES) => integer(random.stream(name), RANGES[name]);
  const small = (name: keyof typeof RANGES) => skewed(random.stream(name), RANGES[name]);
  const nodes = fixed.nodes ?? fittingSize(subject, whole('nodes'));
  const ids = Array.from({ length: nodes }, (_, place) => placeId(place));
  const hashRates = random.stream('hashRates');
  const drawn = {
    nodes,
    faultsMs: whole('faultsMs'),
    survivors: drawSurvivors(random.stream('survivors'), nodes, subject.quorum(nodes)),
    latencyMs: small('latencyMs'),
    jitterMs: small('jitterMs'),
    diskWriteMs: small('diskWriteMs'),
    executionMs: small('executionMs'),
    transfersPerMinute: whole('transfersPerMinute'),
    accounts: whole('accounts'),
    hashRates: Array.from({ length: nodes }, () => integer(hashRates, RANGES.hashRate)),
    ...fixed,
  };
  const engine = fixed.engine ?? subject.drawSettings(random.stream('engine'), ids, keys, drawn);
  return { ...drawn, engine };
}

/** All nodes; or a quorum, of any size and any of them; or, where more than one node is needed, fewer than that. */
function drawSurvivors(random: Random, nodes: number, quorum: number): number[] {
  const places = Array.from({ length: nodes }, (_, place) => place);
  const least = Math.max(quorum, MIN_SURVIVORS);
  const chosen = random.shuffle(places);
  const roll = random.float();
  if (roll < QUORUM_CHANCE && least < nodes) return chosen.slice(0, least + random.below(nodes - least)).sort((a, b) => a - b);
  if (roll >= 1 - FEWER_CHANCE && quorum > 1) return chosen.slice(0, 1 + random.below(quorum - 1)).sort((a, b) => a - b);
  return places;
}

function integer(random: Random, { low, high }: Range): number {
  return low + random.below(high - low + 1);
}

/** Small values are the common ones: uniform in the logarithm. */
function skewed(random: Random, { low, high }: Range): number {
  return Math.round(10 * Math.exp(Math.log(low) + random.float() * Math.log(high / low))) / 10;
}
