/**
 * The files of ethereum/execution-apis' RPC tests: comments, then requests (`>> `) each with the reply that is expected
 * (`<< `). How a reply is compared is that suite's own way: wholly, but for the words of errors; and where the comments
 * say `speconly`, only in its shape.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface Exchange {
  readonly request: { readonly method: string };
  readonly reply: unknown;
}

export interface Conversation {
  /** The folder: the method that it is about. */
  readonly method: string;
  readonly name: string;
  readonly speconly: boolean;
  readonly exchanges: readonly Exchange[];
}

export function readConversations(folder: string): Conversation[] {
  const methods = readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory());
  return methods.sort().flatMap((method) =>
    readdirSync(join(folder, method))
      .filter((name) => name.endsWith('.io'))
      .sort()
      .map((name) => parse(method, name, readFileSync(join(folder, method, name), 'utf8'))),
  );
}

function parse(method: string, name: string, text: string): Conversation {
  const exchanges: Exchange[] = [];
  let request: Exchange['request'] | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('>> ')) request = JSON.parse(line.slice(3));
    if (line.startsWith('<< ') && request !== undefined) exchanges.push({ request, reply: JSON.parse(line.slice(3)) });
  }
  return { method, name, speconly: /^\/\/\s*speconly/m.test(text), exchanges };
}

/** What the specification lets a client leave out: of history that is never deleted there is no way of deletion to tell. */
const OPTIONAL: ReadonlySet<string> = new Set(['deleteStrategy']);

/** Where the first difference is, and what it is; null when there is none. */
export function difference(expected: unknown, actual: unknown, speconly: boolean): string | null {
  return speconly ? shapeDifference(expected, actual, '') : valueDifference(expected, actual, '');
}

type Fields = { readonly [key: string]: unknown };
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

function valueDifference(expected: unknown, actual: unknown, path: string): string | null {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    if (expected.length !== actual.length) return `${path}: ${actual.length} items instead of ${expected.length}`;
    return first(expected.map((item, index) => valueDifference(item, actual[index], `${path}[${index}]`)));
  }
  if (isFields(expected) && isFields(actual)) {
    // Words are each client's own, at the top and in the results of simulated calls.
    const isError = path.endsWith('.error') && 'code' in expected;
    const keys = [...new Set([...Object.keys(expected), ...Object.keys(actual)])].filter((key) => !(isError && key === 'message'));
    return first(keys.map((key) => valueDifference(expected[key], actual[key], `${path}.${key}`)));
  }
  return expected === actual ? null : `${path}: ${show(actual)} instead of ${show(expected)}`;
}

/** The same fields, each of the same kind: a number in hex, other bytes, a list, an object. */
function shapeDifference(expected: unknown, actual: unknown, path: string): string | null {
  if (Array.isArray(expected) && Array.isArray(actual)) {
    const [pattern] = expected;
    return pattern === undefined ? null : first(actual.map((item, index) => shapeDifference(pattern, item, `${path}[${index}]`)));
  }
  if (isFields(expected) && isFields(actual)) {
    // Keyed by address, nonce or slot: whatever is there has the shape of what was there then.
    if (Object.keys(expected).some((key) => /^(?:0x[0-9a-fA-F]{40,64}|[0-9]+)$/.test(key))) {
      const [pattern] = Object.values(expected);
      return first(Object.entries(actual).map(([key, value]) => shapeDifference(pattern, value, `${path}.${key}`)));
    }
    const missing = Object.keys(expected).find((key) => !(key in actual) && !OPTIONAL.has(key));
    if (missing !== undefined) return `${path}.${missing}: missing`;
    return first(
      Object.keys(actual).map((key) => (key in expected ? shapeDifference(expected[key], actual[key], `${path}.${key}`) : null)),
    );
  }
  return kindOf(expected) === kindOf(actual) || expected === null || actual === null
    ? null
    : `${path}: ${show(actual)}, which is no ${kindOf(expected)}`;
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'string' && /^0x[0-9a-fA-F]*$/.test(value)) return 'hex';
  return typeof value;
}

function first(differences: readonly (string | null)[]): string | null {
  return differences.find((difference) => difference !== null) ?? null;
}

function show(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}...` : text;
}
