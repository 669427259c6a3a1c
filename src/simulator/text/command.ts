/** What a command of a text scenario is. It is read as a whole before anything of the script is done. */
import type { Stage } from './stage.ts';
import type { Words } from './words.ts';

/** What came of a command: lines besides those of the trace, and why the script fails, where it does. */
export interface Outcome {
  readonly lines?: readonly string[];
  readonly failure?: string;
  /** A checker whose violation was to be seen. */
  readonly expected?: string;
}

export type Act = (stage: Stage) => Outcome | undefined;

/** What arguments may name. */
export interface Size {
  readonly nodes: number;
  readonly accounts: number;
}

export interface CommandKind {
  readonly usage: string;
  readonly about: string;
  /** Reads the words after the name; what is left over is refused by who calls it. */
  read(words: Words, size: Size): Act;
}

export const DOWN: Outcome = { failure: 'the node is down' };

/** An act that says nothing besides what the trace says. */
export function quietly(act: (stage: Stage) => void): Act {
  return (stage) => {
    act(stage);
    return undefined;
  };
}
