/** What a leader knows of one follower, and how much is on its way to it. */
import type { NodeId } from '../../base/types.ts';
import type { Position } from './history.ts';

/** How a follower stands when it has accepted the epoch: its history's end, and the height that is decided there. */
export interface Standing {
  readonly last: Position;
  readonly decided: number;
}

export class Follower {
  readonly node: NodeId;
  /** What it had accepted when it came (CEPOCH). */
  accepted: number;
  /** Null until it has acknowledged the epoch (ACKEPOCH): before that no block is sent to it. */
  standing: Standing | null = null;
  /** It has acknowledged the leader's history (the ACK of NEWLEADER). */
  isLed = false;
  /** On disk there up to this height; 0 until it is led: before that nothing counts. */
  match = 0;
  /** It has the leader's history up to this height, perhaps only in memory. */
  has = 0;
  /** The height that is sent next. */
  next = 1;
  silentTicks = 0;
  /** The last of the leader's rounds that it answered. */
  round = 0;
  /** The decided blocks that are on their way, by their last height; and for how many ticks. */
  chunk: { readonly height: number; ticks: number } | null = null;
  /** What should be there when the answer to this round comes. */
  #probe: { readonly round: number; readonly next: number; readonly has: number } | null = null;

  constructor(node: NodeId, accepted: number) {
    this.node = node;
    this.accepted = accepted;
  }

  /** Its history is the leader's up to here, and goes on from there. */
  startFrom(height: number): void {
    this.has = height;
    this.next = height + 1;
    this.chunk = null;
    this.#probe = null;
  }

  /** A message of this round leaves; what was sent before it should be there when it is answered. */
  probe(round: number): void {
    this.#probe ??= { round, next: this.next, has: this.has };
  }

  /** It answered. Blocks that do not come although later messages did are sent again: true. */
  answered({ has, durable, isLed, round }: Answer): boolean {
    this.silentTicks = 0;
    this.round = Math.max(this.round, round);
    this.isLed ||= isLed;
    if (this.isLed) this.match = Math.max(this.match, durable);
    this.has = Math.max(this.has, has, this.match);
    this.next = Math.max(this.next, this.has + 1);
    const probe = this.#probe;
    if (probe === null || round < probe.round) return false;
    this.#probe = null;
    // From before a crash of the follower, an answer that came late may have promised more than it has now.
    this.has = Math.max(has, this.match);
    // Blocks may take longer than small messages: as long as some arrive, nothing is lost.
    if (this.has > probe.has || this.has >= probe.next - 1) return false;
    this.next = this.has + 1;
    this.chunk = null;
    return true;
  }
}

export interface Answer {
  readonly has: number;
  readonly durable: number;
  readonly isLed: boolean;
  readonly round: number;
}
