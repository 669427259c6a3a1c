/**
 * What gossip has brought before. As in the real network (`network/gossip.ts`) a message is known by its content, whoever
 * sends it, and is handled once: said again within two minutes, it reaches nobody who has heard it.
 */
import { BoundedMap } from '../base/bounded.ts';
import { Digest } from './digest.ts';

/** gossipsub's default. */
export const HEARD_MS = 120_000;
const MAX_HEARD = 8_192;

/** Digests. A message is passed on as the same bytes, and asked for by every node that gets it. */
const contents = new WeakMap<Uint8Array, string>();

export class Heard {
  readonly #sinceMs = new BoundedMap<string, number>(MAX_HEARD);

  /** True the first time. From then on it is heard. */
  isNew(bytes: Uint8Array, nowMs: number): boolean {
    const content = contentOf(bytes);
    const sinceMs = this.#sinceMs.get(content);
    if (sinceMs !== undefined && nowMs - sinceMs < HEARD_MS) return false;
    this.#sinceMs.set(content, nowMs);
    return true;
  }
}

function contentOf(bytes: Uint8Array): string {
  const known = contents.get(bytes);
  if (known !== undefined) return known;
  const digest = new Digest();
  digest.add(bytes.length);
  for (let i = 0; i < bytes.length; i++) digest.add(bytes[i] as number);
  const content = digest.hex();
  contents.set(bytes, content);
  return content;
}
