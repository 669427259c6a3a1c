/** Values of any kind, as a test from outside sees them: how many there are, and whether two are the same. */

import { toHex } from '../../base/bytes.ts';

/** More than any state should hold; beyond it nobody counts. */
const MAX_COUNTED = 10_000_000;

/**
 * How many values can be reached from here, each once, bytes and characters by 64. What `without` reaches does not count
 * (the chain, to which an engine may well keep a reference). A collection that states its capacity counts as full.
 */
export function weigh(root: unknown, without: unknown): number {
  const seen = new Set<unknown>([without]);
  const waiting: unknown[] = [root];
  let count = 0;
  while (waiting.length > 0 && count < MAX_COUNTED) {
    const value = waiting.pop();
    count++;
    if (typeof value === 'string') count += value.length >> 6;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (ArrayBuffer.isView(value)) count += value.byteLength >> 6;
    else if (Array.isArray(value) || value instanceof Set) for (const item of value) waiting.push(item);
    else if (value instanceof Map) for (const [key, item] of value) waiting.push(key, item);
    else count += hiddenSize(value, waiting);
  }
  return count;
}

/** Fields are followed; of what hides its contents, its own word is taken for how much that is. */
function hiddenSize(value: object, waiting: unknown[]): number {
  waiting.push(...Object.values(value));
  const { capacity, size, length } = value as { readonly [name in 'capacity' | 'size' | 'length']?: unknown };
  const said = [capacity, size, length].find((number) => typeof number === 'number');
  return typeof said === 'number' ? said : 0;
}

/** Equal for values of equal contents. Functions count by their place only, errors by what they say. */
export function keyOf(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => plain(item)) ?? String(value);
}

function plain(item: unknown): unknown {
  if (typeof item === 'bigint') return `${item}n`;
  if (item instanceof Uint8Array) return toHex(item);
  if (item instanceof Map) return { map: [...item] };
  if (item instanceof Set) return { set: [...item] };
  if (item instanceof Error) return { error: item.name, message: item.message };
  if (typeof item === 'function') return 'a function';
  return item;
}
