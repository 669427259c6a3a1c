/** What must hold for every engine; each tier adds its own (`Tier.checkers`). */
import { agreement } from './agreement.ts';
import { blame } from './blame.ts';
import { certificates } from './certificates.ts';
import type { CheckerFactory } from './checker.ts';
import { contract } from './contract.ts';
import { acknowledgedWrites, durability } from './durability.ts';
import { functions } from './functions.ts';
import { integrity } from './integrity.ts';
import { reads } from './reads.ts';
import { reorgAtomicity } from './reorg-atomicity.ts';
import { termination } from './termination.ts';

export const COMMON_CHECKERS: readonly CheckerFactory[] = [
  contract,
  agreement,
  integrity,
  reorgAtomicity,
  termination,
  durability,
  acknowledgedWrites,
  reads,
  blame,
  certificates,
  functions,
];
