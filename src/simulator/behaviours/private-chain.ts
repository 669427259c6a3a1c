/** Blocks that a node keeps to itself, and how it hides that it has them. */
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { PeerStatus } from '../../sync/types.ts';
import type { Packet } from '../packets.ts';
import type { Tools } from './behaviour.ts';

/** Blocks of its own that it has told nobody of, oldest first. */
export class PrivateChain {
  readonly #tools: Tools;
  readonly #hidden = new Map<Hash, Block>();

  constructor(tools: Tools) {
    this.#tools = tools;
  }

  get length(): number {
    return this.#hidden.size;
  }

  has(hash: Hash): boolean {
    return this.#hidden.has(hash);
  }

  /** Answers its hash. */
  hide(block: Block): Hash {
    const hash = hashHeader(block.header);
    this.#hidden.set(hash, block);
    return hash;
  }

  /** Those up to this height, to everybody. */
  publish(upTo = Number.POSITIVE_INFINITY): void {
    for (const [hash, block] of this.#hidden) {
      if (block.header.number > upTo) return;
      this.#hidden.delete(hash);
      for (const peer of this.#tools.peers()) this.#tools.send(peer, { type: 'block', block });
    }
  }

  /** The public chain has won: what was hidden is worth nothing. */
  giveUp(): void {
    this.#hidden.clear();
  }

  /** What an honest node would say, without what is hidden. */
  censor(packet: Packet): readonly Packet[] {
    switch (packet.type) {
      case 'status':
        return [{ ...packet, status: this.publicStatus(packet.status) }];
      case 'headers': {
        const end = packet.headers.findIndex(({ header }) => this.#hidden.has(hashHeader(header)));
        return [end < 0 ? packet : { ...packet, headers: packet.headers.slice(0, end) }];
      }
      case 'blocks':
        return [{ ...packet, blocks: packet.blocks.filter(({ header }) => !this.#hidden.has(hashHeader(header))) }];
      default:
        return [packet];
    }
  }

  publicStatus(status: PeerStatus): PeerStatus {
    const [first] = this.#hidden.values();
    const head = first && this.#tools.chain()?.get(first.header.parentHash);
    return head === undefined ? status : { ...status, head: head.hash, height: head.header.number, weight: head.facts.weight };
  }
}
