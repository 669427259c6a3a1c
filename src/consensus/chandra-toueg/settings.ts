/**
 * The settings of Chandra-Toueg in a genesis file, besides the members and when blocks are made (`../members/settings.ts`):
 *   "heartbeatMs": 100, "suspicionMs": 500, "maxSuspicionMs": 5000
 * All three are the failure detector's (`../members/detector.ts`); rounds and repetitions take their times from them.
 */
import type { Signatures } from '../../base/signatures.ts';
import type { Json } from '../../base/types.ts';
import { COMMON_SETTINGS, type CommonSettings, readCommonSettings } from '../members/settings.ts';
import { SettingsReader } from '../settings-reader.ts';

export const ENGINE_NAME = 'chandra-toueg';

export interface ChandraTouegSettings extends CommonSettings {
  /** Every member is heard so often by every other. */
  readonly heartbeatMs: number;
  /** A member that was not heard for so long is suspected; longer for one that was suspected by mistake before. */
  readonly suspicionMs: number;
  /** No suspicion, round or repetition waits longer. */
  readonly maxSuspicionMs: number;
}

const DEFAULT_HEARTBEAT_MS = 100;
const DEFAULT_SUSPICION_MS = 500;
const DEFAULT_MAX_SUSPICION_MS = 5_000;
const MAX_HEARTBEAT_MS = 60_000;
const MAX_SUSPICION_MS = 3_600_000;
/** One of two heartbeats may be lost before anybody is suspected. */
const HEARTBEATS_PER_SUSPICION = 2;

/** Throws UsageError: see `readCommonSettings`; `genesis/chandra-toueg` for what is the engine's own. */
export function parseSettings(settings: { readonly [key: string]: Json }, signatures: Signatures): ChandraTouegSettings {
  const reader = new SettingsReader(ENGINE_NAME, settings, [...COMMON_SETTINGS, 'heartbeatMs', 'suspicionMs', 'maxSuspicionMs']);
  const heartbeatMs = reader.integer('heartbeatMs', DEFAULT_HEARTBEAT_MS, 1, MAX_HEARTBEAT_MS);
  const leastMs = HEARTBEATS_PER_SUSPICION * heartbeatMs;
  const suspicionMs = reader.integer('suspicionMs', Math.max(DEFAULT_SUSPICION_MS, leastMs), leastMs, MAX_SUSPICION_MS);
  const otherwiseMs = Math.max(DEFAULT_MAX_SUSPICION_MS, 2 * suspicionMs);
  const maxSuspicionMs = reader.integer('maxSuspicionMs', otherwiseMs, suspicionMs, 2 * MAX_SUSPICION_MS);
  return { ...readCommonSettings(reader, 'crash', signatures), heartbeatMs, suspicionMs, maxSuspicionMs };
}
