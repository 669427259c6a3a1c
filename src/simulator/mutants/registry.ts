/** All mutants that the simulator must find. The list of an engine is added here. */
import type { Mutant } from './mutant.ts';
import { NODE_MUTANTS } from './node.ts';
import { POS_MUTANTS } from './pos.ts';
import { POS_STAKE_MUTANTS } from './pos-stake.ts';
import { POW_MUTANTS } from './pow.ts';

export const MUTANTS: readonly Mutant[] = [...POW_MUTANTS, ...POS_MUTANTS, ...POS_STAKE_MUTANTS, ...NODE_MUTANTS];

export function knownMutant(name: string): Mutant | undefined {
  return MUTANTS.find((mutant) => mutant.name === name);
}
