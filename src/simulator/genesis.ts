/** The first block of a simulated network, and the parameters that go with it. */
import { EMPTY } from '../base/bytes.ts';
import { ZERO_ADDRESS, ZERO_HASH } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, hashHeader } from '../chain/header.ts';
import type { ChainParams } from '../chain/params.ts';
import type { Options } from './options.ts';
import type { Subject } from './subject.ts';
import { type Balances, balancesRoot, newBalances } from './transfers.ts';

/** Seconds since 1970; the world begins at this time. */
export const GENESIS_SECONDS = 1_700_000_000;
const FIRST_BALANCE = 1_000_000;

export interface Genesis {
  readonly block: Block;
  readonly state: Balances;
  readonly params: ChainParams;
}

/** Accounts of the clients come first, then one for each node, to be paid for blocks. */
export function makeGenesis(subject: Subject, options: Options): Genesis {
  const state = newBalances(options.accounts + options.nodes, FIRST_BALANCE);
  const hashRate = options.hashRates.reduce((sum, rate) => sum + rate, 0);
  const header = {
    parentHash: ZERO_HASH,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: ZERO_ADDRESS,
    stateRoot: balancesRoot(state),
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: EMPTY_BLOOM,
    difficulty: subject.difficulty(options.engine, hashRate),
    number: 0,
    gasLimit: 30_000_000n,
    gasUsed: 0n,
    timestamp: GENESIS_SECONDS,
    extraData: '0x',
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
  } as const;
  const params = { chainId: 1_337, genesisHash: hashHeader(header), forks: [], engine: { name: subject.name, settings: options.engine } };
  return { block: { header, seal: EMPTY, transactions: [], payload: EMPTY }, state, params };
}
