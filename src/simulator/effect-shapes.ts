/**
 * The form of every effect of the contract (`consensus/engine.ts`), and of what its other functions answer. The type checker
 * has seen to it for synod's own engines; an engine that a user brings may have been checked by nobody, and what is wrong with
 * its answer is better said here, by name, than by whatever trips over it later.
 */
import { InternalError, RuleError, SynodError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import type { AnyEngine, Effect } from '../consensus/engine.ts';
import { describe } from './describe.ts';

/** More effects of one step than this: the engine has lost count. */
export const MAX_EFFECTS = 100_000;
const MAX_JSON_LEVELS = 32;
/** A description is for people; one that is longer tells the whole history. */
export const MAX_DESCRIPTION_CHARACTERS = 1_048_576;

/** Whether a value has a form, which is asked of every effect of every step; and what to say of one that has not. */
interface Check {
  readonly holds: (value: unknown) => boolean;
  /** What was expected. */
  readonly expected: (value: unknown) => string;
}
type Fields = { readonly [field: string]: Check };
type Shape = readonly { readonly field: string; readonly expect: Check }[];

const check = (expected: string, holds: (value: unknown) => boolean): Check => ({ holds, expected: () => expected });
const optional = ({ holds, expected }: Check): Check => ({ holds: (value) => value === undefined || holds(value), expected });
const fields = (expected: string, inside: Fields): Check => {
  const shape = shapeOf(inside);
  return {
    holds: (value) => isObject(value) && hasShape(value, shape),
    expected: (value) => (isObject(value) ? `${expected} (${wrongField(value, shape)})` : expected),
  };
};
const listOf = (expected: string, item: Check): Check => ({
  holds: (value) => Array.isArray(value) && value.every(item.holds),
  expected: (value) => (Array.isArray(value) ? item.expected(value.find((one) => !item.holds(one))) : expected),
});

const text = check('a text', (value) => typeof value === 'string');
const hash = check('a hash (0x and 64 hex digits)', (value) => isHex(value, 64));
const address = check('an address (0x and 40 hex digits)', (value) => isHex(value, 40));
const bytes = check('a Uint8Array', (value) => value instanceof Uint8Array);
const listOfBytes = check('a list of Uint8Array', (value) => Array.isArray(value) && value.every((item) => item instanceof Uint8Array));
const count = check('an integer from 0', (value) => Number.isSafeInteger(value) && Number(value) >= 0);
const natural = check('a bigint from 0', (value) => typeof value === 'bigint' && value >= 0n);
const delay = check('a number from 0', (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0);
const anything = check('anything', () => true);
const record = check('an object of JSON', (value) => isObject(value) && isJson(value));
const result = check('JSON, or a SynodError', (value) => value instanceof SynodError || isJson(value));
const peer = check('the id of a node, or null', (value) => value === null || typeof value === 'string');
const ruleError = check('a RuleError', (value) => value instanceof RuleError);

const header = fields('a header', { parentHash: hash, number: count, timestamp: count, difficulty: natural });
const block = fields('a block', { header, seal: bytes, transactions: listOfBytes, payload: bytes });
const facts = fields('facts', { weight: natural, carried: natural });
const buildFields = fields('what the engine decides of a header', {
  timestamp: count,
  beneficiary: address,
  difficulty: natural,
  mixHash: hash,
  nonce: check('0x and 16 hex digits', (value) => isHex(value, 16)),
  payload: bytes,
});
const after = optional(count);

const SHAPES: { readonly [type in Effect<unknown>['type']]: Fields } = {
  persist: { lsn: count, records: listOfBytes, truncateBelow: optional(count) },
  send: { to: text, message: anything, after },
  ignore: {},
  announce: { block, after },
  setTimer: { id: text, delayMs: delay },
  cancelTimer: { id: text },
  build: { request: count, parent: hash, fields: buildFields },
  seal: { request: count, header, target: natural },
  unseal: { request: count },
  insert: { block, facts },
  check: { hash },
  setHead: { hash, after },
  finalize: { hash, certificate: bytes, after },
  fetch: { hash, from: peer },
  offence: { from: text, error: ruleError },
  reply: { request: count, result },
  trace: { name: text, data: record },
};
const SHAPE_OF: ReadonlyMap<string, Shape> = new Map(Object.entries(SHAPES).map(([type, inside]) => [type, shapeOf(inside)]));

const rewards = listOf('a list of rewards', fields('a list of rewards', { to: address, amount: natural }));
const anAnswer = check('an answer at once, and no promise', (value) => !isObject(value) || typeof value.then !== 'function');

/** The functions of an engine but for `step`. */
export type Asked = Exclude<
  keyof AnyEngine,
  'name' | 'finality' | 'faults' | 'admin' | 'step' | 'present' | 'leader' | 'believes' | 'sizes'
>;

const ANSWERS: { readonly [call in Asked]: Check } = {
  init: anAnswer,
  encode: bytes,
  decode: anAnswer,
  carried: listOf('a list of blocks', block),
  genesisFacts: facts,
  verifyHeader: facts,
  verifySeal: anAnswer,
  verifyCertificate: anAnswer,
  randomness: hash,
  rewards,
  safe: { ...hash, holds: (value) => value === null || hash.holds(value) },
  inspect: { holds: (value) => descriptionProblem(value) === null, expected: (value) => descriptionProblem(value) ?? 'JSON' },
};

/** Throws InternalError `simulator/malformed-answer` unless it is what this function of an engine has to answer. */
export function checkAnswer(call: Asked, answer: unknown): void {
  const { holds, expected } = ANSWERS[call];
  if (holds(answer)) return;
  throw new InternalError('simulator/malformed-answer', `The engine answered with ${shown(answer)}; expected ${expected(answer)}.`);
}

function descriptionProblem(value: unknown): string | null {
  try {
    const { length } = JSON.stringify(value) ?? {};
    if (length === undefined) return 'JSON';
    return length <= MAX_DESCRIPTION_CHARACTERS ? null : `JSON of at most ${MAX_DESCRIPTION_CHARACTERS} characters`;
  } catch (error) {
    return `JSON (${describe(error)})`;
  }
}

/** Throws InternalError `simulator/malformed-effect` unless it is a list of effects, each of its form. */
export function checkEffects(effects: unknown): asserts effects is readonly Effect<unknown>[] {
  if (!Array.isArray(effects)) throw malformed(`answered with ${shown(effects)} instead of a list of effects`);
  if (effects.length > MAX_EFFECTS) throw malformed(`answered with ${effects.length} effects; at most ${MAX_EFFECTS} are taken`);
  for (const effect of effects as readonly unknown[]) {
    const shape = isObject(effect) && typeof effect.type === 'string' ? SHAPE_OF.get(effect.type) : undefined;
    if (!isObject(effect) || shape === undefined) throw malformed(`answered with ${shown(effect)}, which is no effect`);
    if (hasShape(effect, shape)) continue;
    throw malformed(`answered with the effect '${String(effect.type)}' whose ${wrongField(effect, shape)}`);
  }
}

function hasShape(value: { readonly [key: string]: unknown }, shape: Shape): boolean {
  for (const { field, expect } of shape) if (!expect.holds(value[field])) return false;
  return true;
}

/** The first, and what is wrong with it. */
function wrongField(value: { readonly [key: string]: unknown }, shape: Shape): string {
  const wrong = shape.find(({ field, expect }) => !expect.holds(value[field]));
  return wrong === undefined ? '' : `${wrong.field} is ${shown(value[wrong.field])}; expected ${wrong.expect.expected(value[wrong.field])}`;
}

function shapeOf(inside: Fields): Shape {
  return Object.entries(inside).map(([field, expect]) => ({ field, expect }));
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null;
}

/** What JSON can say, and no deeper than anything that makes sense. */
export function isJson(value: unknown, levels = MAX_JSON_LEVELS): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || levels === 0) return false;
  return Object.values(value).every((item) => item === undefined || isJson(item, levels - 1));
}

/** Texts that have been found to be hex: most hashes and addresses come again and again, at each step and on each node. */
const knownHex = new Set<string>();
const MAX_KNOWN_HEX = 4_096;

function isHex(value: unknown, digits: number): boolean {
  if (typeof value !== 'string' || value.length !== digits + 2) return false;
  if (knownHex.has(value)) return true;
  if (!/^0x[0-9a-f]*$/.test(value)) return false;
  if (knownHex.size >= MAX_KNOWN_HEX) knownHex.clear();
  knownHex.add(value);
  return true;
}

function malformed(what: string): InternalError {
  return new InternalError('simulator/malformed-effect', `The engine ${what}.`);
}

/** Whatever it is: what a stranger's value does when it is looked at must not get into the way of what is said of it. */
function shown(value: unknown): string {
  for (const read of [asJson, String]) {
    try {
      return quote(read(value));
    } catch {
      // It has a getter or a conversion that throws, or refers to itself.
    }
  }
  return 'something that cannot be shown';
}

/** What has nothing of its own to show (a promise, a generator, a map) is named by what it is. */
function asJson(value: unknown): string {
  const json = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item));
  return json === '{}' ? Object.prototype.toString.call(value) : (json ?? String(value));
}
