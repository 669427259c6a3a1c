/** A node whose blocks were executed, for methods that execute them again: the fake one over a chain of `execution/support.ts`. */
import type { Hash } from '../../src/base/types.ts';
import { hashHeader } from '../../src/chain/header.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import { EvmPool } from '../../src/execution/evm-pool.ts';
import { StateReader } from '../../src/execution/state-reader.ts';
import type { Backend, ChainAccess, TransactionLocation } from '../../src/rpc/backend.ts';
import { RANDOMNESS, type TestChain } from '../execution/support.ts';
import { FakeNode } from './fake-node.ts';

export interface TracedNode {
  readonly backend: Backend;
  readonly pool: EvmPool;
}

/** Traces in workers; the pool must be closed. */
export function tracedNode(chain: TestChain): TracedNode {
  const node = new FakeNode();
  const pool = new EvmPool({ params: chain.params, state: chain.state, headers: chain, randomness: () => RANDOMNESS, workers: 1 });
  const backend: Backend = {
    ...node,
    chainId: chain.params.chainId,
    params: chain.params,
    chain: access(chain),
    state: new StateReader(chain.state),
    evm: { ...node.evm, trace: (request) => pool.trace(request) },
    syncing: () => null,
    status: () => null,
    askEngine: (name, values) => node.askEngine(name, values),
    onHead: (listener) => node.onHead(listener),
    onPendingTransaction: (listener) => node.onPendingTransaction(listener),
  };
  return { backend, pool };
}

function access(chain: TestChain): ChainAccess {
  const at = (number: number): HeaderNode => {
    const block = chain.blocks[number];
    const node = block && chain.get(hashHeader(block.header));
    if (node === undefined) throw new RangeError(`no block ${number}`);
    return node;
  };
  const numberOf = (hash: Hash) => chain.get(hash)?.header.number ?? -1;
  return {
    genesis: at(0),
    get head() {
      return at(chain.blocks.length - 1);
    },
    safe: at(0),
    finalized: at(0),
    blocksAt: () => [],
    highest: 0,
    blooms: async function* () {},
    header: (hash) => chain.get(hash),
    canonical: (number) => (number < chain.blocks.length ? at(number).hash : undefined),
    block: (hash) => chain.blocks[numberOf(hash)],
    certificate: () => undefined,
    receipts: (hash) => chain.executions[numberOf(hash)]?.receipts,
    transaction: (hash) => locate(chain, hash),
    decode: (bytes) => chain.decode(bytes),
    fees: (bytes) => chain.decode(bytes),
    rewards: ({ header }) => [{ to: header.beneficiary, amount: 5n }],
    nextBaseFee: () => undefined,
  };
}

function locate(chain: TestChain, hash: Hash): TransactionLocation | undefined {
  for (const { header, transactions } of chain.blocks) {
    const index = transactions.findIndex((bytes) => chain.decode(bytes).hash === hash);
    if (index >= 0) return { blockHash: hashHeader(header), blockNumber: header.number, index };
  }
  return undefined;
}
