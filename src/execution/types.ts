/** What execution produces and what the rest of the node keeps of it. */
import type { Address, Hash, Hex } from '../base/types.ts';
import type { Block } from '../chain/block.ts';

export interface Log {
  readonly address: Address;
  readonly topics: readonly Hash[];
  readonly data: Hex;
}

/** What is stored of a receipt; everything else (bloom, cumulative gas, log index) follows from it and the block. */
export interface Receipt {
  readonly type: number;
  /** Not known before byzantium, and then true. */
  readonly success: boolean;
  /** The state's root after the transaction, which receipts had instead before byzantium (EIP-658). */
  readonly postState?: Hash;
  readonly gasUsed: bigint;
  readonly cumulativeGasUsed: bigint;
  readonly logs: readonly Log[];
  /** Where a contract-creating transaction put its contract. */
  readonly contractAddress: Address | null;
}

/** The result of executing a block: everything that its import writes, found by content. */
export interface Execution {
  readonly receipts: readonly Receipt[];
  /** New trie nodes by their keccak, only those reachable from the new state root. */
  readonly nodes: ReadonlyMap<Hash, Uint8Array>;
  /** New contract code by its keccak. */
  readonly codes: ReadonlyMap<Hash, Uint8Array>;
}

export interface ExecutedBlock {
  readonly block: Block;
  readonly execution: Execution;
}

/** Content-addressed reads of state; undefined when the node does not have it. */
export interface StateSource {
  node(hash: Hash): Uint8Array | undefined;
  code(hash: Hash): Uint8Array | undefined;
}
