/** Whom this node has heard of besides the members: see `strangers.ts`. */
import { BoundedMap } from '../../base/bounded.ts';
import type { NodeId } from '../../base/types.ts';

/** Strangers that members were asked about. */
const MAX_STRANGERS = 32;
/** Nodes that were members, or that members have named. */
const MAX_NAMED = 256;

export interface Strangers {
  /** When it was asked about each of them. Monotonic. */
  readonly asked: BoundedMap<NodeId, number>;
  readonly named: BoundedMap<NodeId, true>;
  /** When members were asked last. */
  askedMs: number;
}

export function initStrangers(): Strangers {
  return { asked: new BoundedMap(MAX_STRANGERS), named: new BoundedMap(MAX_NAMED), askedMs: Number.NEGATIVE_INFINITY };
}
