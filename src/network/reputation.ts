/**
 * Our own account of who misbehaves. gossipsub keeps scores too, but with them alone even a peer at -3842 stays
 * connected, and they know nothing of requests and handshakes.
 *
 * Offences add points that fade with a half-life; at the threshold the name (a peer id or an address) is banned. Each
 * further ban within the memory of the last lasts twice as long, up to a cap. Pure: the caller brings the time.
 */
import { BoundedMap } from '../base/bounded.ts';
import type { RuleError } from '../base/errors.ts';

/** Four plain offences within a few minutes; one that is severe is given this weight by the caller. */
export const BAN_THRESHOLD = 100;
export const DEFAULT_OFFENCE = 30;
/** What may have been passed on in good faith. */
export const RELAYED_OFFENCE = 5;
/** What a machine whose processors are busy does as well as a liar. What protects us from both is that others are asked first. */
export const SLOW_OFFENCE = 5;
export const HALF_LIFE_MS = 5 * 60_000;
export const FIRST_BAN_MS = 60_000;
export const MAX_BAN_MS = 60 * 60_000;
/** A ban that ended longer ago than this no longer doubles the next. */
export const BAN_MEMORY_MS = 6 * 60 * 60_000;
export const MAX_REMEMBERED = 4096;

/** Codes of what is wrong inside a block or a transaction: 'transfer' is one of the simulator's light ledger. */
const INSIDE = /^(block|tx|transfer)\//;

/** Codes of what did not come in time. */
const SLOW: ReadonlySet<string> = new Set(['sync/unresponsive']);

/** Whoever relayed a block has checked its header, as it should, and could not know of the rest. */
export function mayBeRelayed({ code }: RuleError): boolean {
  return INSIDE.test(code);
}

/** What an offence that the engine or sync names counts. */
export function weightOf(error: RuleError): number {
  if (SLOW.has(error.code)) return SLOW_OFFENCE;
  return mayBeRelayed(error) ? RELAYED_OFFENCE : DEFAULT_OFFENCE;
}

interface Standing {
  readonly points: number;
  readonly atMs: number;
  readonly bannedUntilMs: number;
  readonly bans: number;
}

const CLEAN: Standing = { points: 0, atMs: 0, bannedUntilMs: 0, bans: 0 };

export class Reputation {
  readonly #standings: BoundedMap<string, Standing>;

  constructor(capacity = MAX_REMEMBERED) {
    this.#standings = new BoundedMap(capacity);
  }

  get size(): number {
    return this.#standings.size;
  }

  /** Adds an offence. True when it brought a ban that was not there before. */
  offence(name: string, weight: number, nowMs: number): boolean {
    const before = this.#standings.get(name) ?? CLEAN;
    if (before.bannedUntilMs > nowMs) return false;
    const points = faded(before, nowMs) + weight;
    const banned = points >= BAN_THRESHOLD;
    const bans = nowMs - before.bannedUntilMs > BAN_MEMORY_MS ? 0 : before.bans;
    this.#standings.set(name, {
      points: banned ? 0 : points,
      atMs: nowMs,
      bannedUntilMs: banned ? nowMs + Math.min(MAX_BAN_MS, FIRST_BAN_MS * 2 ** bans) : before.bannedUntilMs,
      bans: banned ? bans + 1 : bans,
    });
    return banned;
  }

  isBanned(name: string, nowMs: number): boolean {
    return this.bannedForMs(name, nowMs) > 0;
  }

  /** Milliseconds until the ban ends; 0 without one. */
  bannedForMs(name: string, nowMs: number): number {
    return Math.max(0, (this.#standings.get(name) ?? CLEAN).bannedUntilMs - nowMs);
  }

  /** 0 is a clean record; the ban comes at -BAN_THRESHOLD. */
  score(name: string, nowMs: number): number {
    const points = faded(this.#standings.get(name) ?? CLEAN, nowMs);
    return points === 0 ? 0 : -points;
  }

  forgive(name: string): void {
    this.#standings.delete(name);
  }
}

function faded(standing: Standing, nowMs: number): number {
  return standing.points * 0.5 ** ((nowMs - standing.atMs) / HALF_LIFE_MS);
}
