/**
 * Who seems to be down, by who is heard. Source: Chandra and Toueg, "Unreliable Failure Detectors for Reliable Distributed
 * Systems" (1996), section 9, figure 10: a node that was suspected and is heard again is given more time from then on, so
 * that in a network whose delays are bounded (nobody knows by what) false suspicions end. The time is capped, so that a
 * node that was cut off a hundred times is not waited for a minute. A node that did crash, and came back, is given more
 * time as well: nobody can tell the two apart.
 *
 * Pure: the engine says what time it is. No engine's safety may hang on what is answered here.
 */
import type { NodeId } from '../../base/types.ts';

export interface DetectorSettings {
  /** A node that is silent for longer than this is suspected, at first. */
  readonly suspicionMs: number;
  /** However often it was suspected falsely. */
  readonly maxSuspicionMs: number;
}

/** For each false suspicion. */
export const PATIENCE_STEP_MS = 100;

interface Watched {
  heardMs: number;
  timeoutMs: number;
}

export class Detector {
  readonly #settings: DetectorSettings;
  readonly #watched: ReadonlyMap<NodeId, Watched>;

  /** All of them are given the benefit of the doubt at first. `nowMs` is monotonic, here and below. */
  constructor(nodes: Iterable<NodeId>, settings: DetectorSettings, nowMs: number) {
    this.#settings = settings;
    this.#watched = new Map([...nodes].map((node) => [node, { heardMs: nowMs, timeoutMs: settings.suspicionMs }]));
  }

  /** Something came from this node, whatever it was. True: it had been suspected, and wrongly. */
  heard(node: NodeId, nowMs: number): boolean {
    const watched = this.#watched.get(node);
    if (watched === undefined) return false;
    const wasSuspected = nowMs - watched.heardMs > watched.timeoutMs;
    if (wasSuspected) watched.timeoutMs = Math.min(watched.timeoutMs + PATIENCE_STEP_MS, this.#settings.maxSuspicionMs);
    watched.heardMs = nowMs;
    return wasSuspected;
  }

  /** False for a node that is not watched: oneself, for example. */
  suspects(node: NodeId, nowMs: number): boolean {
    const watched = this.#watched.get(node);
    return watched !== undefined && nowMs - watched.heardMs > watched.timeoutMs;
  }

  /** How long this node may be silent now, in milliseconds; undefined for one that is not watched. */
  patienceMs(node: NodeId): number | undefined {
    return this.#watched.get(node)?.timeoutMs;
  }

  *suspected(nowMs: number): Generator<NodeId> {
    for (const node of this.#watched.keys()) if (this.suspects(node, nowMs)) yield node;
  }
}
