/**
 * Zab's settings in a genesis file, besides the members and the pace of blocks (`../members/settings.ts`):
 *   "tickMs": 75, "initLimit": 20, "syncLimit": 10
 * The names are those of ZooKeeper's configuration, and so is counting time in ticks.
 */
import type { Signatures } from '../../base/signatures.ts';
import type { Json } from '../../base/types.ts';
import { COMMON_SETTINGS, type CommonSettings, readCommonSettings } from '../members/settings.ts';
import { SettingsReader } from '../settings-reader.ts';

export interface ZabSettings extends CommonSettings {
  /** A leader is heard, and answered, once in a tick. */
  readonly tickMs: number;
  /** So many ticks may go by without progress while a leader and its followers agree on an epoch and a history. */
  readonly initLimit: number;
  /** After that, so many ticks of silence end it: a follower leaves its leader, a leader without a quorum steps down. */
  readonly syncLimit: number;
}

const DEFAULT_TICK_MS = 75;
const DEFAULT_INIT_LIMIT = 20;
const DEFAULT_SYNC_LIMIT = 10;
const MAX_TICK_MS = 60_000;
/** With fewer, one message that is lost would end a leadership. */
const LEAST_LIMIT = 3;
const MAX_LIMIT = 1_000;

/** Throws UsageError: see `readCommonSettings`; `genesis/zab` for what is Zab's own. */
export function parseSettings(settings: { readonly [key: string]: Json }, signatures: Signatures): ZabSettings {
  const reader = new SettingsReader('zab', settings, [...COMMON_SETTINGS, 'tickMs', 'initLimit', 'syncLimit']);
  return {
    ...readCommonSettings(reader, 'crash', signatures),
    tickMs: reader.integer('tickMs', DEFAULT_TICK_MS, 1, MAX_TICK_MS),
    initLimit: reader.integer('initLimit', DEFAULT_INIT_LIMIT, LEAST_LIMIT, MAX_LIMIT),
    syncLimit: reader.integer('syncLimit', DEFAULT_SYNC_LIMIT, LEAST_LIMIT, MAX_LIMIT),
  };
}
