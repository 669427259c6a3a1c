/**
 * The settings of PBFT in a genesis file, besides the members and when blocks are made (`../members/settings.ts`):
 *   "viewTimeoutMs": 2000, "maxViewTimeoutMs": 32000, "checkpointEvery": 16
 */
import type { Signatures } from '../../base/signatures.ts';
import type { Json } from '../../base/types.ts';
import { COMMON_SETTINGS, type CommonSettings, readCommonSettings } from '../members/settings.ts';
import { SettingsReader } from '../settings-reader.ts';

export interface PbftSettings extends CommonSettings {
  /** A view that owes a block and brings none for so long is left. Doubles with each view that fails. */
  readonly viewTimeoutMs: number;
  /** It doubles no further: a network that stood still for a day must not wait for another one. */
  readonly maxViewTimeoutMs: number;
  /** The log is cut at every so many blocks. */
  readonly checkpointEvery: number;
  /** How far above its last checkpoint a member takes part (section 4.3: high and low water marks). Derived. */
  readonly windowBlocks: number;
}

const DEFAULT_VIEW_TIMEOUT_MS = 2_000;
const DEFAULT_DOUBLINGS = 4;
const MIN_VIEW_TIMEOUT_MS = 10;
const MAX_VIEW_TIMEOUT_MS = 3_600_000;
const DEFAULT_CHECKPOINT_EVERY = 16;
const MAX_CHECKPOINT_EVERY = 1_024;
/** With one, everybody would stand still at each checkpoint until it is stable. */
const CHECKPOINTS_IN_WINDOW = 2;

/** Throws UsageError: see `readCommonSettings`; `genesis/pbft` for what is PBFT's own. */
export function parseSettings(settings: { readonly [key: string]: Json }, signatures: Signatures): PbftSettings {
  const reader = new SettingsReader('pbft', settings, [...COMMON_SETTINGS, 'viewTimeoutMs', 'maxViewTimeoutMs', 'checkpointEvery']);
  const viewTimeoutMs = reader.integer('viewTimeoutMs', DEFAULT_VIEW_TIMEOUT_MS, MIN_VIEW_TIMEOUT_MS, MAX_VIEW_TIMEOUT_MS);
  const capMs = Math.min(MAX_VIEW_TIMEOUT_MS, viewTimeoutMs * 2 ** DEFAULT_DOUBLINGS);
  const checkpointEvery = reader.integer('checkpointEvery', DEFAULT_CHECKPOINT_EVERY, 1, MAX_CHECKPOINT_EVERY);
  return {
    ...readCommonSettings(reader, 'byzantine', signatures),
    viewTimeoutMs,
    maxViewTimeoutMs: reader.integer('maxViewTimeoutMs', capMs, viewTimeoutMs, MAX_VIEW_TIMEOUT_MS),
    checkpointEvery,
    windowBlocks: CHECKPOINTS_IN_WINDOW * checkpointEvery,
  };
}
