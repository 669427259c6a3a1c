/**
 * What a genesis file says of the engines of its network, one after another:
 *   "engine": { "name": "raft", ..., "transitions": [ { "height": 1000, "engine": { "name": "pbft", ... } } ] }
 * The engine of a transition makes the blocks above its height. As with an upgrade in geth's chain config, a network that runs
 * gets another transition by all operators adding it to their genesis files before the height comes.
 */
import { UsageError } from '../../base/errors.ts';
import { type Json, quoteJson } from '../../base/types.ts';
import type { EngineSettings } from '../../chain/params.ts';

export interface Transition {
  /** The last block of the engine before. */
  readonly height: number;
  readonly engine: EngineSettings;
}

export interface Plan {
  readonly first: EngineSettings;
  /** By height, ascending. */
  readonly transitions: readonly Transition[];
}

type JsonObject = { readonly [key: string]: Json };

const MAX_TRANSITIONS = 64;
const NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** Throws UsageError `genesis/transitions`. The engines' own settings are for the engines to read. */
export function planOf({ name, settings, transitions = [] }: EngineSettings): Plan {
  if (!Array.isArray(transitions) || transitions.length > MAX_TRANSITIONS) {
    throw refused('transitions', transitions, `a list of at most ${MAX_TRANSITIONS}`);
  }
  let before = 0;
  const read = transitions.map((item: Json, i): Transition => {
    const at = `transitions[${i}]`;
    if (!isObject(item) || Object.keys(item).some((key) => key !== 'height' && key !== 'engine')) {
      throw refused(at, item, 'an object with a height and an engine');
    }
    const { height, engine } = item;
    if (typeof height !== 'number' || !Number.isSafeInteger(height) || height <= before) {
      throw refused(`${at}.height`, height ?? null, `the height of a block above ${before}: transitions come in ascending order`);
    }
    before = height;
    return { height, engine: engineFrom(engine ?? null, `${at}.engine`) };
  });
  return { first: { name, settings }, transitions: read };
}

/** An engine as it stands in a genesis file. Throws UsageError `genesis/transitions` that names the field. */
export function engineFrom(value: Json, field: string): EngineSettings {
  if (!isObject(value)) throw refused(field, value, 'the settings of an engine: an object with its name');
  const { name, ...settings } = value;
  if (typeof name !== 'string' || !NAME.test(name)) throw refused(`${field}.name`, name ?? null, 'the name of an engine');
  if ('transitions' in settings) throw refused(`${field}.transitions`, null, 'no transitions here: all of them are in one list');
  return { name, settings };
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(field: string, value: Json, expected: string): UsageError {
  return new UsageError('genesis/transitions', `The engine setting '${field}' is ${quoteJson(value)}; expected ${expected}.`, { field });
}
