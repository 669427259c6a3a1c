/** Reputations of peers and of the hosts they come from. Names are cheap, so the host of a banned peer is banned too. */
import type { NodeId } from '../base/types.ts';
import { Reputation } from './reputation.ts';

export class Offenders {
  readonly #peers = new Reputation();
  readonly #hosts = new Reputation();

  get size(): number {
    return this.#peers.size + this.#hosts.size;
  }

  /** `host` is null where it says nothing about who the peer is. True when this brings a ban of the peer. */
  offence(peer: NodeId, host: string | null, weight: number, nowMs: number): boolean {
    if (host !== null) this.#hosts.offence(host, weight, nowMs);
    return this.#peers.offence(peer, weight, nowMs);
  }

  isBanned(peer: NodeId, nowMs: number): boolean {
    return this.#peers.isBanned(peer, nowMs);
  }

  isHostBanned(host: string, nowMs: number): boolean {
    return this.#hosts.isBanned(host, nowMs);
  }

  bannedForMs(peer: NodeId, nowMs: number): number {
    return this.#peers.bannedForMs(peer, nowMs);
  }

  score(peer: NodeId, nowMs: number): number {
    return this.#peers.score(peer, nowMs);
  }

  forgive(peer: NodeId): void {
    this.#peers.forgive(peer);
  }
}
