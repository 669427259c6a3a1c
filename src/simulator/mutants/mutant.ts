/**
 * A mutant: a bug that somebody once made, planted on purpose, to see whether the simulator finds it. It is data, a text
 * and what to put in its place, so that no trace of it is in the code that runs in a node: a process that is asked for a
 * mutant changes the one file while it loads it (`cli/mutant-hook.ts`).
 * Source of the idea: DeMillo, Lipton, Sayward, "Hints on Test Data Selection" (1978).
 */
import { InternalError } from '../../base/errors.ts';
import type { Fault, FaultKind } from '../faults.ts';
import type { Options } from '../options.ts';

export interface Edit {
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  /** Of the part that is changed and the bug: `pow/longest-chain`. */
  readonly name: string;
  /** What is wrong and what comes of it, for people. */
  readonly story: string;
  /** Who made this bug, or wrote of it. */
  readonly source: string;
  /** Below `src`. */
  readonly file: string;
  readonly edits: readonly Edit[];
  /** The engine in whose runs it shows: a name that the simulator knows. */
  readonly engine: string;
  /** Names of the checkers of which one must object. A run that merely falls over does not count. */
  readonly finders: readonly string[];
  /** Of the seeds from 1 to this one at least one must show it. Some times what it takes on average. */
  readonly maxSeeds: number;
  /** Fixed in these runs instead of drawn: less to do for each seed. */
  readonly options?: Partial<Options>;
  /** In these runs faults of these kinds happen and no others: bugs that only certain troubles show. */
  readonly faults?: readonly FaultKind[];
  /** In these runs exactly this happens, and nothing is drawn: bugs that take a course of events which chance seldom finds. */
  readonly schedule?: readonly Fault[];
  /** A behaviour that a node has in these runs besides what is drawn: bugs that only an adversary can use. */
  readonly adversary?: string;
}

/** The file's text with the bug in it. Throws `simulator/mutant-text` unless every text to be replaced occurs exactly once. */
export function plant({ name, file, edits }: Mutant, text: string): string {
  let planted = text;
  for (const { find, replace } of edits) {
    const parts = planted.split(find);
    if (parts.length !== 2) {
      const message = `Mutant ${name} looks for a text that occurs ${parts.length - 1} times in src/${file}; expected exactly once. Bring the mutant up to date with the code: ${find}`;
      throw new InternalError('simulator/mutant-text', message, { name, file, occurs: parts.length - 1 });
    }
    planted = parts.join(replace);
  }
  return planted;
}
