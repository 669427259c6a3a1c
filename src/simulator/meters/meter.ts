/**
 * What a run comes to in numbers, besides being right or wrong: for people, and for tests that compare it with what was
 * published. Engines that have something to measure bring meters of their own (`Subject.meters`).
 */

import type { Observer } from '../audience.ts';
import type { Setting } from '../checkers/checker.ts';

/** By name, with the unit in it. Not a number (NaN) where nothing was there to be measured. */
export type Figures = { readonly [name: string]: number };

export interface Meter extends Observer {
  /** At the end of the run. */
  read(): Figures;
}

/** A meter sees what a checker sees, and has nothing to object to. */
export type MeterFactory = (setting: Omit<Setting, 'report' | 'satisfied'>) => Meter;
