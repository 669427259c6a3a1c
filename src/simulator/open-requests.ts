/** What one life of a node has asked its peers and was not answered yet. The counterpart of a node's streams for requests. */
import { BoundedMap } from '../base/bounded.ts';
import type { Packet } from './packets.ts';

/** With null where no answer can come any more. */
type Done = (packet: Packet | null) => void;
type Answer = Extract<Packet, { readonly type: 'headers' | 'blocks' | 'refused' }>;

const MAX_OPEN_REQUESTS = 256;

export class OpenRequests {
  readonly #open = new BoundedMap<number, { readonly peer: number; readonly done: Done }>(MAX_OPEN_REQUESTS);
  #next = 1;

  /** The number under which this peer is to answer. */
  add(peer: number, done: Done): number {
    const request = this.#next++;
    this.#open.set(request, { peer, done });
    return request;
  }

  /** What others than the peer that was asked say to it is nothing. */
  answered(from: number, packet: Answer): void {
    if (this.#open.get(packet.request)?.peer === from) this.#end(packet.request, packet);
  }

  /** The session with this peer is over. */
  gone(peer: number): void {
    for (const [request, open] of [...this.#open.entries()]) if (open.peer === peer) this.#end(request, null);
  }

  #end(request: number, packet: Packet | null): void {
    const open = this.#open.get(request);
    this.#open.delete(request);
    open?.done(packet);
  }
}
