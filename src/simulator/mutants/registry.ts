/** All mutants that the simulator must find. An engine's list is added here. */
import type { Mutant } from './mutant.ts';
import { POW_MUTANTS } from './pow.ts';

export const MUTANTS: readonly Mutant[] = [...POW_MUTANTS];

export function knownMutant(name: string): Mutant | undefined {
  return MUTANTS.find((mutant) => mutant.name === name);
}
