/** All mutants that the simulator must find. The list of an engine is added here. */
import { CHANDRA_TOUEG_MUTANTS } from './chandra-toueg.ts';
import type { Mutant } from './mutant.ts';
import { NODE_MUTANTS } from './node.ts';
import { PAXOS_MUTANTS } from './paxos.ts';
import { PBFT_MUTANTS } from './pbft.ts';
import { PHASES_MUTANTS } from './phases.ts';
import { POS_MUTANTS } from './pos.ts';
import { POS_STAKE_MUTANTS } from './pos-stake.ts';
import { POW_MUTANTS } from './pow.ts';
import { RAFT_MUTANTS } from './raft.ts';
import { RAFT_MEMBERS_MUTANTS } from './raft-members.ts';
import { ZAB_MUTANTS } from './zab.ts';

export const MUTANTS: readonly Mutant[] = [
  ...POW_MUTANTS,
  ...POS_MUTANTS,
  ...POS_STAKE_MUTANTS,
  ...RAFT_MUTANTS,
  ...RAFT_MEMBERS_MUTANTS,
  ...PAXOS_MUTANTS,
  ...PBFT_MUTANTS,
  ...CHANDRA_TOUEG_MUTANTS,
  ...ZAB_MUTANTS,
  ...PHASES_MUTANTS,
  ...NODE_MUTANTS,
];

export function knownMutant(name: string): Mutant | undefined {
  return MUTANTS.find((mutant) => mutant.name === name);
}
