/**
 * A scenario: what happens to a test network and when, and what must hold, one step in a line.
 *
 *   # Two halves grow apart and come together again.
 *   at 10s partition 0,1 2,3
 *   expect 2 heads
 *   at 40s heal
 *   within 60s expect one head
 *   expect finality within 2 epochs
 *
 * A step begins when the one before it is done, or at its time since the beginning, whichever is later. Verbs are those of
 * `synod testnet` (`../verbs.ts`), with their options.
 */
import { SynodError, UsageError } from '../../base/errors.ts';
import { quote } from '../../base/types.ts';
import { readVerb, VERBS, type VerbCall } from '../verbs.ts';
import { nearest, Words } from '../words.ts';
import { type Expectation, NO_FINALITY, readExpectation } from './expect.ts';

/** How long an expectation may take to come true, or has to hold. */
export type Span = { readonly unit: 'ms'; readonly ms: number } | { readonly unit: 'epochs'; readonly epochs: number };

export type Deed =
  | { readonly type: 'call'; readonly call: VerbCall }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'soon'; readonly expectation: Expectation; readonly within: Span }
  | { readonly type: 'always'; readonly expectation: Expectation; readonly forMs: number };

export interface Step {
  /** From 1. */
  readonly line: number;
  /** As it stands there, without comment. */
  readonly text: string;
  /** Not before this, since the beginning; null for at once. */
  readonly atMs: number | null;
  readonly deed: Deed;
}

const MAX_SCRIPT_CHARACTERS = 256 * 1024;
const MAX_STEPS = 1_000;
const MAX_EPOCHS = 10_000;
/** Of an expectation that names none. */
const DEFAULT_WITHIN: Span = { unit: 'ms', ms: 60_000 };
const WORDS: readonly string[] = [...VERBS.keys(), 'wait', 'expect', 'at', 'within'];

/** Reads all of it before anything is done. Throws UsageError `scenario/...` that names the line. `name` is the file's. */
export function parseScenario(name: string, text: string): readonly Step[] {
  if (text.length > MAX_SCRIPT_CHARACTERS)
    throw new UsageError('scenario/size', `${name} has ${text.length} characters; at most ${MAX_SCRIPT_CHARACTERS} are read.`);
  const steps: Step[] = [];
  for (const [index, whole] of text.split('\n').entries()) {
    const line = whole.replace(/#.*$/, '').trim();
    if (line === '') continue;
    steps.push(parseLine(name, index + 1, line, steps.findLast(({ atMs }) => atMs !== null) ?? null));
    if (steps.length > MAX_STEPS) throw new UsageError('scenario/size', `${name} has more than ${MAX_STEPS} steps.`);
  }
  if (steps.length === 0) throw new UsageError('scenario/empty', `${name} has no step in it.`);
  return steps;
}

function parseLine(name: string, line: number, text: string, timed: Step | null): Step {
  try {
    const words = text.split(/\s+/);
    const atMs = words[0] === 'at' ? new Words(words.splice(0, 2).slice(1)).duration('the time') : null;
    if (atMs !== null && timed?.atMs != null && atMs < timed.atMs)
      throw new UsageError('scenario/order', `It is for an earlier time than line ${timed.line}, ${quote(timed.text)}.`);
    return { line, text, atMs, deed: readDeed(words) };
  } catch (error) {
    if (!(error instanceof SynodError)) throw error;
    const code = error.code.startsWith('scenario/') ? error.code : 'scenario/step';
    throw new UsageError(code, `${name}:${line}: ${quote(text)}: ${error.message}`, { line });
  }
}

function readDeed(words: readonly string[]): Deed {
  const [verb = ''] = words;
  const known = VERBS.get(verb);
  if (known !== undefined) {
    try {
      return { type: 'call', call: readVerb(known, words.slice(1)) };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError('scenario/step', `${error.message} Usage: ${known.usage}`);
    }
  }
  if (verb === 'wait') {
    const rest = new Words(words.slice(1));
    const ms = rest.duration('the time to wait');
    rest.end();
    return { type: 'wait', ms };
  }
  if (verb === 'expect' || verb === 'within') return readExpect(new Words(words));
  if (verb === '') throw new UsageError('scenario/step', 'Nothing is said to happen then.');
  const advice = nearest(verb, WORDS, ' Did you mean ', '?') || ` There are ${WORDS.join(', ')}.`;
  throw new UsageError('scenario/verb', `There is no verb ${quote(verb)}.${advice}`);
}

/** `within 60s expect X`, `expect X within 2 epochs`, `expect no finality for 20s`. */
function readExpect(words: Words): Deed {
  let within: Span | null = null;
  if (words.takes('within')) within = readSpan(words);
  words.oneOf('what is said about it', ['expect']);
  if (words.takes('no')) {
    words.oneOf('what there is not', ['finality']);
    words.oneOf('what follows "no finality"', ['for']);
    const forMs = words.duration('how long');
    words.end();
    if (within !== null) throw new UsageError('scenario/step', 'What must not happen for a time has no `within`.');
    return { type: 'always', expectation: NO_FINALITY, forMs };
  }
  const expectation = readExpectation(words);
  if (within === null && words.takes('within')) within = readSpan(words);
  words.end();
  return { type: 'soon', expectation, within: within ?? DEFAULT_WITHIN };
}

function readSpan(words: Words): Span {
  if (!words.isCount()) return { unit: 'ms', ms: words.duration('within which time') };
  const epochs = words.count('how many epochs', 1, MAX_EPOCHS);
  words.oneOf('the unit of the time', ['epochs', 'epoch']);
  return { unit: 'epochs', epochs };
}

export function spanText(span: Span): string {
  return span.unit === 'ms' ? `${span.ms / 1_000} s` : `${span.epochs} epoch${span.epochs === 1 ? '' : 's'}`;
}
