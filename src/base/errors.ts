/**
 * Every error that synod throws on purpose.
 *
 * The class says whose fault it is, because callers act on that: a RuleError is held against the peer or client
 * that caused it, a UsageError is shown to the person at the keyboard, and an InternalError stops the node before
 * it can do harm. The `code` is stable and is what tests and scripts compare; the message says what happened,
 * what was expected and what to do. `fields` carry the values, so that logs need not parse sentences.
 */
export type ErrorFields = Readonly<Record<string, string | number | bigint | boolean | null>>;

export abstract class SynodError extends Error {
  readonly code: string;
  readonly fields: ErrorFields;

  constructor(code: string, message: string, fields: ErrorFields = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.fields = fields;
  }
}

/** Somebody else (a peer, a client, a transaction) broke a rule. Never stops the node. */
export class RuleError extends SynodError {
  /**
   * False when the same input may become valid later (a block from the near future, an unknown parent):
   * it is ignored, not held against the sender.
   */
  readonly blame: boolean;

  constructor(code: string, message: string, fields: ErrorFields = {}, options: { blame?: boolean; cause?: unknown } = {}) {
    const { stackTraceLimit } = Error;
    // Nobody did anything wrong and nobody will look for the place; taking the stack costs ten times as much as all else (measured).
    if (options.blame === false) Error.stackTraceLimit = 0;
    super(code, message, fields, options.cause);
    Error.stackTraceLimit = stackTraceLimit;
    this.blame = options.blame ?? true;
  }
}

/** Bytes or text that are not an encoding of what was expected. The only error a codec's `decode` throws. */
export class DecodeError extends RuleError {}

/** The person who started the command asked for something impossible: exit code 1 (2 for wrong arguments). */
export class UsageError extends SynodError {}

/** Storage that cannot be trusted or written. The node stops signing and exits; see `storage/`. */
export class StorageError extends SynodError {}

/** A broken invariant of our own. The node stops: going on could make it worse. */
export class InternalError extends SynodError {}

/** One line for a person: the message and the messages of its causes. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `: ${explain(error.cause)}`;
  return `${error.message}${cause}`;
}
