/**
 * The settings of Multi-Paxos in a genesis file, besides the members and when blocks are made (`../members/settings.ts`):
 *   "election": "bully", "heartbeatMs": 100, "suspicionMs": 500, "maxSuspicionMs": 2000, "window": 32
 */
import type { Signatures } from '../../base/signatures.ts';
import type { Json } from '../../base/types.ts';
import { ELECTIONS, type Election } from '../election/electors.ts';
import { COMMON_SETTINGS, type CommonSettings, readCommonSettings } from '../members/settings.ts';
import { SettingsReader } from '../settings-reader.ts';

export interface PaxosSettings extends CommonSettings {
  /** How the distinguished proposer is chosen. */
  readonly election: Election;
  /** Whoever has to be heard is heard so often. */
  readonly heartbeatMs: number;
  /** A member that is silent for longer is suspected; with each false suspicion it is given more time, up to the other. */
  readonly suspicionMs: number;
  readonly maxSuspicionMs: number;
  /** Blocks that may be proposed and not decided yet. */
  readonly window: number;
}

const OWN_SETTINGS = ['election', 'heartbeatMs', 'suspicionMs', 'maxSuspicionMs', 'window'];
const DEFAULT_HEARTBEAT_MS = 100;
const DEFAULT_SUSPICION_MS = 500;
/** Of `suspicionMs`. */
const DEFAULT_PATIENCE = 4;
const DEFAULT_WINDOW = 32;
export const MAX_WINDOW = 128;
const MAX_HEARTBEAT_MS = 60_000;
const MAX_SUSPICION_MS = 3_600_000;
/** So many in a row must be late or lost before a member is doubted. */
const HEARTBEATS_PER_SUSPICION = 3;

/** Throws UsageError: see `readCommonSettings`; `genesis/paxos` for what is Multi-Paxos's own. */
export function parseSettings(settings: { readonly [key: string]: Json }, signatures: Signatures): PaxosSettings {
  const reader = new SettingsReader('paxos', settings, [...COMMON_SETTINGS, ...OWN_SETTINGS]);
  const heartbeatMs = reader.integer('heartbeatMs', DEFAULT_HEARTBEAT_MS, 1, MAX_HEARTBEAT_MS);
  const leastMs = HEARTBEATS_PER_SUSPICION * heartbeatMs;
  const suspicionMs = reader.integer('suspicionMs', Math.max(DEFAULT_SUSPICION_MS, leastMs), leastMs, MAX_SUSPICION_MS);
  return {
    ...readCommonSettings(reader, 'crash', signatures),
    election: reader.choice('election', 'bully', ELECTIONS),
    heartbeatMs,
    suspicionMs,
    maxSuspicionMs: reader.integer(
      'maxSuspicionMs',
      Math.min(DEFAULT_PATIENCE * suspicionMs, MAX_SUSPICION_MS),
      suspicionMs,
      MAX_SUSPICION_MS,
    ),
    window: reader.integer('window', DEFAULT_WINDOW, 1, MAX_WINDOW),
  };
}
