/** What must hold for every engine. */
import { agreement } from './agreement.ts';
import { blame } from './blame.ts';
import type { CheckerFactory } from './checker.ts';
import { durability } from './durability.ts';
import { integrity } from './integrity.ts';
import { linearizable } from './linearizable.ts';
import { termination } from './termination.ts';
import { validity } from './validity.ts';

export const COMMON_CHECKERS: readonly CheckerFactory[] = [agreement, validity, integrity, termination, durability, linearizable, blame];
