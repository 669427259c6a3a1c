/** Which tier of the simulator. Each is loaded only when it is asked for: the real one brings the EVM. */
import type { Runner } from '../simulator/runner.ts';
import { TIER_NAMES, type TierName } from '../simulator/tier.ts';
import { argumentError } from './output.ts';

export async function runnerOf(tier: TierName = 'light'): Promise<Runner> {
  if (tier === 'real') return (await import('../simulator/real/run.ts')).REAL_RUNNER;
  return (await import('../simulator/runner.ts')).LIGHT_RUNNER;
}

export function tierOption(text: string): TierName {
  const tier = TIER_NAMES.find((name) => name === text);
  if (tier === undefined) throw argumentError('tier', `--tier expects ${TIER_NAMES.join(' or ')}, got ${JSON.stringify(text)}.`);
  return tier;
}
