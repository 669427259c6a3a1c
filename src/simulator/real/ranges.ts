/**
 * What is drawn otherwise in the real tier: less than in the light one, where an event costs a hundredth of what it costs
 * here, and slower disks, so that crashes meet writes.
 */
import type { Range } from '../options.ts';

export const REAL_RANGES = {
  nodes: { low: 2, high: 5 },
  faultsMs: { low: 60_000, high: 600_000 },
  diskWriteMs: { low: 1, high: 1_000 },
} as const satisfies { readonly [name: string]: Range };
