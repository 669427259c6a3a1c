/** Reads faults from JSON that people edit: what is wrong is named by its place in the document. */
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { FAULT_KINDS, type Fault, type FaultKind } from './faults.ts';

type Fields = { readonly [key: string]: unknown };
type Read = (value: unknown, at: string) => void;

const node: Read = (value, at) => void numberField(value, at, 0, 255, true);
const factor: Read = (value, at) => void numberField(value, at, 0, 1e6);
const probability: Read = (value, at) => void numberField(value, at, 0, 1);

const FIELDS: { readonly [kind in FaultKind]: { readonly [field: string]: Read } } = {
  crash: { node },
  partition: { side: places, direction: (value, at) => void choice(value, at, ['both', 'in', 'out']) },
  clog: { node },
  cutLink: { from: node, to: node },
  clogLink: { from: node, to: node },
  noise: { loss: probability, duplicate: probability, reorder: probability },
  clock: { node, offsetMs: (value, at) => void numberField(value, at, -1e12, 1e12) },
  drift: { node, factor: (value, at) => void numberField(value, at, 0.5, 2) },
  slowDisk: { node, factor },
  diskError: { node },
  hashRate: { node, factor },
  byzantine: { node, behaviour: (value, at) => void text(value, at) },
};

/** Throws UsageError `scenario/field`. */
export function readFault(value: unknown, at: string): Fault {
  const fields = object(value, at);
  const kind = choice(fields.fault, `${at}.fault`, FAULT_KINDS);
  const wanted = { fault: text, atMs: duration, forMs: duration, ...FIELDS[kind] };
  for (const name of Object.keys(fields)) {
    if (!Object.hasOwn(wanted, name)) refuse(`${at}.${name}`, fields[name], `no such field in a fault of kind ${kind}`);
  }
  for (const [name, read] of Object.entries(wanted)) read(fields[name], `${at}.${name}`);
  return fields as unknown as Fault;
}

function places(value: unknown, at: string): void {
  if (!Array.isArray(value) || value.length === 0) refuse(at, value, 'a list of nodes');
  for (const [index, place] of value.entries()) node(place, `${at}[${index}]`);
}

function duration(value: unknown, at: string): void {
  numberField(value, at, 0, 1e12);
}

export function object(value: unknown, at: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse(at, value, 'an object');
  return value as Fields;
}

export function text(value: unknown, at: string): string {
  return typeof value === 'string' && value.length > 0 && value.length <= 4_096 ? value : refuse(at, value, 'a text');
}

export function numberField(value: unknown, at: string, low: number, high: number, whole = false): number {
  if (typeof value !== 'number' || !(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
    return refuse(at, value, `${whole ? 'an integer' : 'a number'} from ${low} to ${high}`);
  }
  return value;
}

export function choice<T extends string>(value: unknown, at: string, known: readonly T[]): T {
  return known.find((name) => name === value) ?? refuse(at, value, `one of ${known.join(', ')}`);
}

export function refuse(at: string, value: unknown, expected: string): never {
  throw new UsageError('scenario/field', `The scenario has ${shown(value)} at ${at}; expected ${expected}.`, { at });
}

/** Lists and objects by name only: they may be large, or too deep to be written. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? quote(value) : String(value);
}
