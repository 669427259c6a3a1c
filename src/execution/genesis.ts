/** From a genesis document to block 0: its state, its header and the parameters that every later block is checked with. */
import { fromHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { type Address, Hash, ZERO_HASH } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { EMPTY_BLOOM, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../chain/header.ts';
import { type ChainParams, forkAt, type Genesis, type GenesisAccount, isAtLeast } from '../chain/params.ts';
import { EMPTY_ACCOUNT } from './account.ts';
import { WorldState } from './state.ts';
import type { Execution, StateSource } from './types.ts';

export { parseGenesis } from './genesis-document.ts';

export interface BuiltGenesis {
  readonly block: Block;
  readonly execution: Execution;
  readonly params: ChainParams;
}

/** sha256 of nothing: the requestsHash of a block without requests (EIP-7685). */
export const EMPTY_REQUESTS_HASH = Hash('0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
/** The engine of chains that were made elsewhere: the only ones with blobs, and with blocks older than byzantium. */
const REPLAY = 'replay';
const NO_STATE: StateSource = { node: () => undefined, code: () => undefined };

/** Throws UsageError genesis/forks when the rules before byzantium would apply to a block that synod has to execute. */
export async function buildGenesis(genesis: Genesis): Promise<BuiltGenesis> {
  const isReplayed = genesis.engine.name === REPLAY;
  if (!isReplayed && !isAtLeast(forkAt(genesis.forks, 1, genesis.timestamp), 'byzantium')) {
    throw new UsageError('genesis/forks', 'The network starts before byzantium, whose receipts synod needs; set byzantiumBlock to 0 or 1.');
  }
  const { header, execution } = await genesisHeader(genesis);
  return {
    block: { header, seal: new Uint8Array(0), transactions: [], payload: new Uint8Array(0) },
    execution,
    params: {
      chainId: genesis.chainId,
      genesisHash: hashHeader(header),
      forks: genesis.forks,
      engine: genesis.engine,
      ...(isReplayed && foreignParams(genesis)),
    },
  };
}

function foreignParams({ blobs, depositContract }: Genesis): Pick<ChainParams, 'blobs' | 'depositContract'> {
  return { blobs, ...(depositContract !== undefined && { depositContract }) };
}

/** The header and its state, under whatever fork the document says. */
export async function genesisHeader(genesis: Genesis): Promise<{ header: Header; execution: Execution }> {
  const state = new WorldState(NO_STATE, EMPTY_TRIE_ROOT);
  for (const [address, account] of genesis.alloc) allocate(state, address, account);
  const { root, nodes, codes } = await state.finish();
  const header: Header = {
    parentHash: ZERO_HASH,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: genesis.beneficiary,
    stateRoot: root,
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: EMPTY_BLOOM,
    difficulty: genesis.difficulty,
    number: 0,
    gasLimit: genesis.gasLimit,
    gasUsed: 0n,
    timestamp: genesis.timestamp,
    extraData: genesis.extraData,
    mixHash: genesis.mixHash,
    nonce: genesis.nonce,
    ...trailingFields(genesis),
  };
  return { header, execution: { receipts: [], nodes, codes } };
}

function trailingFields(genesis: Genesis): Partial<Header> {
  const fork = forkAt(genesis.forks, 0, genesis.timestamp);
  return {
    ...(isAtLeast(fork, 'london') && genesis.baseFeePerGas !== undefined && { baseFeePerGas: genesis.baseFeePerGas }),
    ...(isAtLeast(fork, 'shanghai') && { withdrawalsRoot: EMPTY_TRIE_ROOT }),
    ...(isAtLeast(fork, 'cancun') && { blobGasUsed: 0n, excessBlobGas: 0n, parentBeaconBlockRoot: ZERO_HASH }),
    ...(isAtLeast(fork, 'prague') && { requestsHash: EMPTY_REQUESTS_HASH }),
  };
}

function allocate(state: WorldState, address: Address, account: GenesisAccount): void {
  state.setAccount(address, { ...EMPTY_ACCOUNT, nonce: account.nonce, balance: account.balance });
  if (account.code !== '0x') state.setCode(address, fromHex(account.code));
  for (const [slot, value] of Object.entries(account.storage)) {
    state.setSlot(address, Hash(slot), fromHex(value));
  }
}
