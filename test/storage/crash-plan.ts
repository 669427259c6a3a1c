/** What the process that is killed and the test that looks at its remains must agree on. */
import type { Hash } from '../../src/base/types.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import type { ChainStore } from '../../src/storage/chain-store.ts';
import { type BuiltBlock, buildChild, fakeTransaction } from '../support/chain.ts';

/** The step that made this block; the builder keeps its salt, negated, in the facts. */
export function stepOf(node: HeaderNode): number {
  return Number(-node.facts.carried);
}

/** Makes block `step` the head: on the last one, or, every fifth time, as a reorganisation on one that is older. */
export async function takeStep(store: ChainStore, step: number): Promise<void> {
  const back = step % 5 === 4 ? Math.max(0, store.head.header.number - 2) : store.head.header.number;
  const parent = builtFrom(store, store.canonical(back) as Hash);
  const built = buildChild(parent, { salt: step, transactions: [fakeTransaction(step, 400)] });
  store.insert(built.block, built.facts);
  store.executed(built.hash, built.execution);
  await store.setHead(built.hash);
}

/** A stored block as the builder of its children wants it. */
function builtFrom(store: ChainStore, hash: Hash): BuiltBlock {
  const [node, block] = [store.header(hash), store.block(hash)];
  if (node === undefined || block === undefined) throw new Error(`${hash} is not stored`);
  return { hash, block, facts: node.facts, execution: { receipts: [], nodes: new Map(), codes: new Map() } };
}
