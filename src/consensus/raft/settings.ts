/**
 * The settings of Raft in a genesis file, besides the members and when blocks are made (`../members/settings.ts`):
 *   "heartbeatMs": 75, "electionMinMs": 750, "electionMaxMs": 1500
 * Source of the relations: Ongaro's dissertation, section 3.9: broadcast time << election time-out << mean time between failures.
 */
import type { Signatures } from '../../base/signatures.ts';
import type { Json } from '../../base/types.ts';
import { COMMON_SETTINGS, type CommonSettings, readCommonSettings } from '../members/settings.ts';
import { SettingsReader } from '../settings-reader.ts';

export interface RaftSettings extends CommonSettings {
  /** As in the genesis file. */
  readonly given: { readonly [key: string]: Json };
  /** What keys and signatures of members to come are checked with. */
  readonly signatures: Signatures;
  /** A leader is heard at least so often. */
  readonly heartbeatMs: number;
  /** A node that hears no leader for so long (drawn anew each time, between the two) tries to become it. */
  readonly electionMinMs: number;
  readonly electionMaxMs: number;
}

const DEFAULT_HEARTBEAT_MS = 75;
const DEFAULT_ELECTION_MIN_MS = 750;
const DEFAULT_ELECTION_MAX_MS = 1_500;
const MAX_HEARTBEAT_MS = 60_000;
const MAX_ELECTION_MS = 3_600_000;
/** So many in a row must be late or lost before a leader is doubted. */
const HEARTBEATS_PER_ELECTION = 5;

/** Throws UsageError: see `readCommonSettings`; `genesis/raft` for what is Raft's own. */
export function parseSettings(settings: { readonly [key: string]: Json }, signatures: Signatures): RaftSettings {
  const reader = new SettingsReader('raft', settings, [...COMMON_SETTINGS, 'heartbeatMs', 'electionMinMs', 'electionMaxMs']);
  const heartbeatMs = reader.integer('heartbeatMs', DEFAULT_HEARTBEAT_MS, 1, MAX_HEARTBEAT_MS);
  const leastMs = HEARTBEATS_PER_ELECTION * heartbeatMs;
  const electionMinMs = reader.integer('electionMinMs', Math.max(DEFAULT_ELECTION_MIN_MS, leastMs), leastMs, MAX_ELECTION_MS);
  // Equal bounds would make all nodes candidates at the same moment, again and again.
  const electionMaxMs = reader.integer(
    'electionMaxMs',
    Math.max(DEFAULT_ELECTION_MAX_MS, 2 * electionMinMs),
    electionMinMs + heartbeatMs,
    2 * MAX_ELECTION_MS,
  );
  return { ...readCommonSettings(reader, 'crash', signatures), given: settings, signatures, heartbeatMs, electionMinMs, electionMaxMs };
}
