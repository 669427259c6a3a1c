/**
 * What makes a header valid under proof-of-work, as pure functions of the header and its ancestors.
 * Sources: the Bitcoin paper, sections 4 and 11; Bitcoin Core, ContextualCheckBlockHeader (median time, future limit) and
 * CheckProofOfWork; aserti3-2d for difficulty (see asert.ts). Pauses are synod's own (see README.md).
 *
 * Invariants: a child's weight is above its parent's (WorkMonotone); its difficulty is one exact number (BitsExact);
 * median of the last 11 times < time <= clock + limit.
 */
import { present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { Header, SealedHeader } from '../../chain/header.ts';
import type { ChainParams } from '../../chain/params.ts';
import { checkHeader } from '../../chain/rules.ts';
import type { Facts, HeaderNode, HeaderView } from '../../chain/tree.ts';
import { asertTarget } from './asert.ts';
import { header80Of, MAX_TIME_SECONDS, proofHash } from './header80.ts';
import { MEDIAN_TIME_BLOCKS, type PowSettings } from './settings.ts';
import { easiestTarget, targetOf, workOf } from './work.ts';

export interface PowRules {
  readonly params: ChainParams;
  readonly settings: PowSettings;
  /** `checkProof`, but for simulations, which do not hash. */
  readonly checkProof: ProofCheck;
}

/** Throws RuleError `header/proof` unless the header proves the difficulty that it claims. */
export type ProofCheck = (header: Header) => void;

/** Code of the one rule that time alone can mend. */
export const FUTURE = 'header/future';

/**
 * What was worked out before. Neither a block nor its ancestors ever change, and one after the other asks the same of them: sync,
 * gossip and the engine's step of a block, every template of a head. Facts stand for the chain that they were derived from.
 */
interface Verified {
  readonly rules: PowRules;
  readonly parent: Facts;
  readonly facts: Facts;
}
const verified = new WeakMap<Header, Verified>();
/** By parent. */
const scheduled = new WeakMap<Header, { readonly rules: PowRules; readonly facts: Facts; readonly difficulty: bigint }>();
/** By header: its hash names all its ancestors. */
const timesOf = new WeakMap<Header, RecentTimes>();

/**
 * Throws RuleError, cheapest rule first; but the future limit comes last, so that a header that is only early is known to
 * be right in everything else.
 */
export function verifyHeader(rules: PowRules, sealed: SealedHeader, parent: HeaderNode, ancestors: HeaderView, wallMs: number): Facts {
  const { header } = sealed;
  const known = verified.get(header);
  if (known?.rules === rules && known.parent === parent.facts && header.parentHash === parent.hash) {
    // The seal is no part of the header.
    checkUnusedFields(sealed);
    checkNotEarly(header, rules.settings, wallMs);
    return known.facts;
  }
  checkHeader(header, parent.header, rules.params);
  checkUnusedFields(sealed);
  const times = recentTimes(parent, ancestors);
  checkTime(header, times);
  const expected = nextDifficulty(rules, parent, ancestors, times, header.timestamp);
  if (header.difficulty !== expected) refuse(header, 'difficulty', header.difficulty, `exactly ${expected}`);
  rules.checkProof(header);
  const facts = {
    weight: parent.facts.weight + workOf(targetOf(header.difficulty)),
    carried: parent.facts.carried + uncountedSeconds(rules.settings, times, header.timestamp),
  };
  verified.set(header, { rules, parent: parent.facts, facts });
  checkNotEarly(header, rules.settings, wallMs);
  return facts;
}

/** Genesis has no proof: everybody has it from the same file. */
export function genesisFacts(header: Header): Facts {
  return { weight: workOf(targetOf(header.difficulty)), carried: 0n };
}

/** Times of the last 11 blocks up to and including a parent, in seconds. */
export interface RecentTimes {
  /** A child's time must be above this. */
  readonly median: number;
  /** A gap is measured from here, so that one block with an old time does not make the next one look late. */
  readonly newest: number;
}

export function recentTimes(parent: HeaderNode, ancestors: HeaderView): RecentTimes {
  const known = timesOf.get(parent.header);
  if (known !== undefined) return known;
  const times = readTimes(parent, ancestors);
  timesOf.set(parent.header, times);
  return times;
}

function readTimes(parent: HeaderNode, ancestors: HeaderView): RecentTimes {
  const times: number[] = [];
  let node = parent;
  while (times.length < MEDIAN_TIME_BLOCKS) {
    insertAscending(times, node.header.timestamp);
    if (node.header.number === 0) break;
    node = present(ancestors.get(node.header.parentHash), `the parent of block ${node.hash}`);
  }
  return {
    median: present(times[Math.floor(times.length / 2)], 'a median time'),
    newest: present(times.at(-1), 'a newest time'),
  };
}

/** For eleven numbers, twice as fast as sorting them afterwards. */
function insertAscending(list: number[], value: number): void {
  let at = list.length;
  for (let below = list[at - 1]; below !== undefined && below > value; below = list[at - 1]) list[at--] = below;
  list[at] = value;
}

/**
 * The difficulty that a child of `parent` with this time must have. Its anchor is genesis, as if that had a parent one
 * block time earlier: the chain is on time when block n has genesis' time + n block times, pauses not counted.
 */
export function nextDifficulty(rules: PowRules, parent: HeaderNode, ancestors: HeaderView, times: RecentTimes, timestamp: number): bigint {
  if (isPause(rules.settings, times, timestamp)) return rules.settings.minimumDifficulty;
  const known = scheduled.get(parent.header);
  if (known?.rules === rules && known.facts === parent.facts) return known.difficulty;
  const difficulty = scheduledDifficulty(rules, parent, ancestors);
  scheduled.set(parent.header, { rules, facts: parent.facts, difficulty });
  return difficulty;
}

function scheduledDifficulty(rules: PowRules, parent: HeaderNode, ancestors: HeaderView): bigint {
  const { blockTimeSeconds, halfLifeSeconds, minimumDifficulty } = rules.settings;
  const genesis = present(ancestors.get(rules.params.genesisHash), 'the genesis header').header;
  const blockTime = BigInt(blockTimeSeconds);
  const anchorParentTime = BigInt(genesis.timestamp) - blockTime;
  const target = asertTarget({
    anchorTarget: targetOf(genesis.difficulty),
    timeDelta: BigInt(parent.header.timestamp) - parent.facts.carried - anchorParentTime,
    heightDelta: BigInt(parent.header.number - genesis.number),
    blockTimeSeconds: blockTime,
    halfLifeSeconds: BigInt(halfLifeSeconds),
    maxTarget: easiestTarget(minimumDifficulty),
  });
  return workOf(target);
}

/** Whether so much time passed that the network must have stopped or lost most of its miners. */
export function isPause(settings: PowSettings, times: RecentTimes, timestamp: number): boolean {
  const { pauseAfterSeconds } = settings;
  return pauseAfterSeconds > 0 && timestamp - times.newest > pauseAfterSeconds;
}

/** The part of a pause that the timetable leaves out. */
function uncountedSeconds(settings: PowSettings, times: RecentTimes, timestamp: number): bigint {
  return isPause(settings, times, timestamp) ? BigInt(timestamp - times.newest - settings.pauseAfterSeconds) : 0n;
}

/** Proof-of-work's own `ProofCheck`: SHA-256d over Bitcoin's header. */
export function checkProof(header: Header): void {
  const target = targetOf(header.difficulty);
  const hash = proofHash(header80Of(header));
  if (hash > target) refuse(header, 'proof', `0x${hash.toString(16)}`, `at most the target 0x${target.toString(16)}`);
}

/** Seconds since 1970 above which this clock calls a time early. */
export function latestTime(settings: PowSettings, wallMs: number): number {
  return Math.floor(wallMs / 1_000) + settings.futureLimitSeconds;
}

/** What proof-of-work has no use for must be empty; a seal outside the hash would give one block many encodings. */
function checkUnusedFields({ header, seal }: SealedHeader): void {
  if (seal.length !== 0) refuse(header, 'seal', `of ${seal.length} bytes`, 'an empty one');
  if (header.extraData !== '0x') refuse(header, 'extraData', header.extraData, 'none');
}

function checkTime(header: Header, times: RecentTimes): void {
  if (header.timestamp <= times.median) refuse(header, 'timestamp', header.timestamp, `more than ${times.median}, the median of 11 blocks`);
  if (header.timestamp > MAX_TIME_SECONDS) refuse(header, 'timestamp', header.timestamp, `at most ${MAX_TIME_SECONDS}, 32 bits`);
}

function checkNotEarly(header: Header, settings: PowSettings, wallMs: number): void {
  const latest = latestTime(settings, wallMs);
  if (header.timestamp <= latest) return;
  throw new RuleError(
    FUTURE,
    `Block ${header.number} has time ${header.timestamp}; this node's clock allows at most ${latest} so far.`,
    { number: header.number, timestamp: header.timestamp, latest },
    { blame: false },
  );
}

function refuse(header: Header, field: string, got: unknown, expected: string): never {
  throw new RuleError(`header/${field}`, `Block ${header.number} has ${field} ${got}; expected ${expected}.`, { number: header.number });
}
