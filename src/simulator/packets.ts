/** What nodes send each other. Blocks and headers never change, so they travel as they are; engine messages as bytes. */
import type { Hash } from '../base/types.ts';
import type { Block, ProvenBlock } from '../chain/block.ts';
import type { SealedHeader } from '../chain/header.ts';
import type { PeerStatus } from '../sync/types.ts';

export type Packet =
  | { readonly type: 'block'; readonly block: Block }
  | { readonly type: 'transaction'; readonly bytes: Uint8Array }
  /** To one peer; as gossip it is for all, and goes from node to node. */
  | { readonly type: 'message'; readonly bytes: Uint8Array; readonly gossip?: true }
  | { readonly type: 'status'; readonly status: PeerStatus }
  | { readonly type: 'getHeaders'; readonly request: number; readonly locator: readonly Hash[]; readonly limit: number }
  | { readonly type: 'headers'; readonly request: number; readonly headers: readonly SealedHeader[] }
  | { readonly type: 'getBlocks'; readonly request: number; readonly hashes: readonly Hash[] }
  | { readonly type: 'blocks'; readonly request: number; readonly blocks: readonly ProvenBlock[] }
  | { readonly type: 'refused'; readonly request: number };
