/**
 * Finding the block in which an account became what it is, by halving the range of blocks and reading the state at each:
 * some twenty reads for a million blocks, and no index. Right for what never goes back: a nonce that grows, code that
 * stays. The states must be kept: RuleError `state/missing` otherwise.
 */
import type { Header } from '../chain/header.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { Awaitable, ChainAccess } from './backend.ts';
import { refused } from './errors.ts';

/** The first canonical block after which `holds`; undefined when it does not hold at the head. */
export async function firstBlockWhere(chain: ChainAccess, holds: (header: Header) => Awaitable<boolean>): Promise<HeaderNode | undefined> {
  const head = chain.head;
  if (!(await holds(head.header))) return undefined;
  let low = 0;
  let high = head.header.number;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await holds(canonicalNode(chain, middle).header)) high = middle;
    else low = middle + 1;
  }
  return canonicalNode(chain, low);
}

/** Throws RpcError when a reorganisation took the height away meanwhile. */
export function canonicalNode(chain: ChainAccess, number: number): HeaderNode {
  const hash = chain.canonical(number);
  const node = hash === undefined ? undefined : chain.header(hash);
  if (node === undefined) throw refused('rpc/unknown-block', `block #${number} not found; the chain changed meanwhile, ask again`);
  return node;
}
