/**
 * Hostile bytes. `decode` meets what strangers send: random bytes, and the engine's own messages with something changed in
 * them, which get further. It answers or throws DecodeError; what it answers can be encoded, and then means the same.
 */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import type { AnyEngine } from '../../consensus/engine.ts';
import { randomBytes } from '../behaviours/mutation.ts';
import { describe } from '../describe.ts';

const MAX_RANDOM_BYTES = 300;

/** So many changed forms of these samples, none of which is the sample itself. */
export function mutations(samples: readonly Uint8Array[], random: Random, count: number): Uint8Array[] {
  if (samples.length === 0) return [];
  return Array.from({ length: count }, () => {
    const sample = random.pick(samples);
    const changed = mutate(sample, random);
    return equalBytes(changed, sample) ? Uint8Array.of(...sample, 0) : changed;
  });
}

function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const at = bytes.length === 0 ? 0 : random.below(bytes.length);
  const changed = bytes.slice();
  switch (random.below(6)) {
    case 0:
      changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
      return changed;
    case 1:
      changed[at] = random.pick([0, 1, 0x7f, 0x80, 0xb8, 0xbf, 0xc0, 0xf8, 0xff]);
      return changed;
    case 2:
      return bytes.slice(0, at);
    case 3:
      return Uint8Array.of(...bytes, ...randomBytes(random, 1 + random.below(4)));
    case 4:
      return Uint8Array.of(...bytes.subarray(0, at), ...randomBytes(random, 1 + random.below(4)), ...bytes.subarray(at));
    default:
      return Uint8Array.of(...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.below(8)));
  }
}

/** What is wrong with how the engine reads and writes these messages and hostile bytes; null for nothing. */
export function codecProblem(engine: AnyEngine, samples: readonly Uint8Array[], random: Random, count: number): string | null {
  for (const bytes of samples) {
    const problem = sampleProblem(engine, bytes);
    if (problem !== null) return problem;
  }
  const strange = Array.from({ length: count }, () => randomBytes(random, random.below(MAX_RANDOM_BYTES)));
  for (const bytes of [...strange, ...mutations(samples, random, count)]) {
    const problem = hostileProblem(engine, bytes);
    if (problem !== null) return problem;
  }
  return null;
}

function sampleProblem(engine: AnyEngine, bytes: Uint8Array): string | null {
  try {
    if (equalBytes(engine.encode(engine.decode(bytes)), bytes)) return null;
    return `A message that a node sent, decoded and encoded again, is other bytes: ${shown(bytes)}`;
  } catch (error) {
    return `A message that a node sent cannot be decoded: ${describe(error)}`;
  }
}

function hostileProblem(engine: AnyEngine, bytes: Uint8Array): string | null {
  let message: unknown;
  try {
    message = engine.decode(bytes);
  } catch (error) {
    return error instanceof DecodeError ? null : `decode threw something else than DecodeError on ${shown(bytes)}: ${describe(error)}`;
  }
  try {
    const encoded = engine.encode(message);
    if (equalBytes(engine.encode(engine.decode(encoded)), encoded)) return null;
    return `What decode made of ${shown(bytes)} means something else after encoding it.`;
  } catch (error) {
    return `What decode made of ${shown(bytes)} cannot be encoded and decoded again: ${describe(error)}`;
  }
}

const MAX_SHOWN_BYTES = 32;

function shown(bytes: Uint8Array): string {
  const start = toHex(bytes.subarray(0, MAX_SHOWN_BYTES));
  return `${bytes.length} bytes (${start}${bytes.length > MAX_SHOWN_BYTES ? '...' : ''})`;
}
