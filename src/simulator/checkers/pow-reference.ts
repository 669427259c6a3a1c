/**
 * Proof-of-work's header rules, written a second time: from their sources, and without a line of the engine's code, so
 * that a mistake in either shows as a difference. Only checkers use it.
 * Sources: aserti3-2d (difficulty), Bitcoin Core's GetBlockProof and SetCompact (work, rounding of targets), BIP113 (median
 * time past); `consensus/pow/README.md` for pauses.
 */
import type { Header } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { EngineJson } from '../subject.ts';

/** A power is worked out anew wherever it is written. */
const TWO_TO_256 = 2n ** 256n;
const TWO_TO_48 = 2n ** 48n;
const TWO_TO_47 = 2n ** 47n;
const TWO_TO_15 = 2n ** 15n;
const MEDIAN_BLOCKS = 11;
/** Of the last of three digits, when there are 33 of them. */
const LARGEST_UNIT = 256n ** 30n;

/** What the rules make of one header. */
export interface Judgement {
  readonly header: Header;
  readonly parent: Judgement | null;
  /** Of the whole chain up to here. */
  readonly work: bigint;
  /** Seconds of pauses that the timetable leaves out, up to here. */
  readonly paused: bigint;
  /** The difficulty that it had to have; its own for genesis. */
  readonly difficulty: bigint;
  /** Its time had to be above this, in seconds. */
  readonly median: number;
}

interface Settings {
  readonly blockTime: bigint;
  readonly halfLife: bigint;
  readonly pauseAfter: number;
  readonly minimumDifficulty: bigint;
}

export class ReferenceHeaders {
  readonly #settings: Settings;
  readonly #genesis: Judgement;
  readonly #known = new Map<string, Judgement>();
  /** How far ahead of a clock a time may be, in seconds. */
  readonly futureLimit: number;

  constructor({ hash, header }: HeaderNode, settings: EngineJson) {
    this.#settings = readSettings(settings);
    this.futureLimit = Math.min(60, Math.floor(Number(this.#settings.halfLife) / 5));
    const work = workOf(header.difficulty);
    this.#genesis = { header, parent: null, work, paused: 0n, difficulty: header.difficulty, median: 0 };
    this.#known.set(hash, this.#genesis);
  }

  /** Undefined for a header whose parent was never judged. */
  judge(hash: string, header: Header): Judgement | undefined {
    const known = this.#known.get(hash);
    const parent = this.#known.get(header.parentHash);
    if (known !== undefined || parent === undefined) return known;
    const times = lastTimes(parent);
    const gap = header.timestamp - Math.max(...times);
    const { pauseAfter, minimumDifficulty } = this.#settings;
    const isPause = pauseAfter > 0 && gap > pauseAfter;
    const judgement = {
      header,
      parent,
      work: parent.work + workOf(header.difficulty),
      paused: parent.paused + (isPause ? BigInt(gap - pauseAfter) : 0n),
      difficulty: isPause ? minimumDifficulty : this.#scheduled(parent),
      median: medianOf(times),
    };
    this.#known.set(hash, judgement);
    return judgement;
  }

  /** ASERT, counted from genesis: how far the parent is behind the timetable, in half-lives, is the power of two. */
  #scheduled({ header, paused }: Judgement): bigint {
    const { blockTime, halfLife, minimumDifficulty } = this.#settings;
    const genesis = this.#genesis.header;
    const elapsed = BigInt(header.timestamp - genesis.timestamp) - paused;
    const behind = elapsed - blockTime * BigInt(header.number - genesis.number);
    const magnitude = ((behind < 0n ? -behind : behind) * 65_536n) / halfLife;
    const exponent = behind < 0n ? -magnitude : magnitude;
    const whole = floorDivide(exponent, 65_536n);
    const rest = exponent - whole * 65_536n;
    const cubic = rest * (195_766_423_245_049n + rest * (971_821_376n + rest * 5_127n));
    const factor = 65_536n + floorDivide(cubic + TWO_TO_47, TWO_TO_48);
    const product = roundTarget((TWO_TO_256 - 1n) / genesis.difficulty) * factor;
    const places = whole - 16n;
    const target = places < 0n ? product / 2n ** -places : product * 2n ** places;
    const easiest = TWO_TO_256 / minimumDifficulty - 1n;
    return TWO_TO_256 / (clamp(target, 1n, easiest) + 1n);
  }
}

/** What a block of this difficulty proves: by its target, which has 24 bits of precision and no more than that. */
function workOf(difficulty: bigint): bigint {
  return TWO_TO_256 / (roundTarget((TWO_TO_256 - 1n) / difficulty) + 1n);
}

/** The greatest target not above this one whose digits to the base 256, with one bit to spare at the top, are three. */
function roundTarget(target: bigint): bigint {
  let unit = LARGEST_UNIT;
  while (unit > 1n && target < unit * TWO_TO_15) unit /= 256n;
  return target - (target % unit);
}

function lastTimes(parent: Judgement): number[] {
  const times: number[] = [];
  for (let at: Judgement | null = parent; at !== null && times.length < MEDIAN_BLOCKS; at = at.parent) times.push(at.header.timestamp);
  return times;
}

/** Of an even number of times the later of the two in the middle, as in Bitcoin. */
function medianOf(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return quotient * b > a ? quotient - 1n : quotient;
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  if (value < low) return low;
  return value > high ? high : value;
}

/** The settings were accepted by the engine, so they are of the right types here. */
function readSettings(settings: EngineJson): Settings {
  const integer = (name: string, otherwise: number): bigint => BigInt(String(settings[name] ?? otherwise));
  const blockTime = integer('blockTimeSeconds', 10);
  return {
    blockTime,
    halfLife: integer('halfLifeSeconds', 30 * Number(blockTime)),
    pauseAfter: Number(integer('pauseAfterSeconds', 0)),
    minimumDifficulty: integer('minimumDifficulty', 1),
  };
}
