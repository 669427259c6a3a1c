/**
 * What replaying needs of a genesis document beside its forks: the heights at which Ethereum put off its difficulty bomb
 * and changed nothing else (EIP-2384, EIP-4345, EIP-5133). The names are those of geth's config.
 */
import type { Json } from '../../base/types.ts';
import { SettingsReader } from '../settings-reader.ts';

export interface ReplaySettings {
  readonly muirGlacierBlock: number;
  readonly arrowGlacierBlock: number;
  readonly grayGlacierBlock: number;
}

export const REPLAY_SETTINGS = ['muirGlacierBlock', 'arrowGlacierBlock', 'grayGlacierBlock'] as const;
const NEVER = Number.MAX_SAFE_INTEGER;

/** Throws UsageError `genesis/replay` that names the bad field. */
export function parseSettings(settings: { readonly [key: string]: Json }): ReplaySettings {
  const reader = new SettingsReader('replay', settings, REPLAY_SETTINGS);
  const height = (name: (typeof REPLAY_SETTINGS)[number]) => reader.integer(name, NEVER, 0, NEVER);
  return {
    muirGlacierBlock: height('muirGlacierBlock'),
    arrowGlacierBlock: height('arrowGlacierBlock'),
    grayGlacierBlock: height('grayGlacierBlock'),
  };
}
