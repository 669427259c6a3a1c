/**
 * The transactions of an address, page by page, for explorers. There is no index: blocks are read one after another, and
 * so each search has an end in blocks and in time. What can be seen without executing anything counts: the sender, the
 * recipient, a contract that the transaction itself made, and whoever made a log or is named in one's topics. A call from
 * contract to contract that leaves no log is not found.
 */
import type { Address, Hash } from '../base/types.ts';
import type { Header } from '../chain/header.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { Receipt } from '../execution/types.ts';
import type { Backend, ChainAccess, TransactionView } from './backend.ts';
import { type BloomBits, bloomBits, mayContain } from './bloom.ts';
import { Breather } from './breather.ts';
import { refused } from './errors.ts';
import { canonicalNode } from './state-history.ts';

/** A million empty blocks take about a minute; transactions, whose senders must be recovered, 10,000 a second. */
const MAX_BLOCKS = 100_000;
const MAX_SEARCH_MS = 10_000;
/** How far a search whose page is full looks on, to know whether another page follows. */
const MAX_LOOK_AHEAD_BLOCKS = 1_000;

export interface FoundTransaction {
  readonly block: HeaderNode;
  readonly index: number;
  readonly tx: TransactionView;
  readonly receipt: Receipt;
  readonly firstLogIndex: number;
}

export interface FoundPage {
  /** In the order of the search; all of a block or none. */
  readonly found: readonly FoundTransaction[];
  /** Whether the search came to the end of the chain. */
  readonly exhausted: boolean;
}

export interface Search {
  readonly address: Address;
  /** The first block to look at. */
  readonly from: number;
  readonly direction: 'down' | 'up';
  /** As many, and then to the end of the block. */
  readonly pageSize: number;
}

/** Throws RpcError when nothing was found before the search had to end. */
export async function searchTransactions(backend: Backend, search: Search): Promise<FoundPage> {
  const { chain } = backend;
  const { from, direction, pageSize } = search;
  // Genesis has no transactions.
  const last = direction === 'down' ? 1 : chain.head.header.number;
  const step = direction === 'down' ? -1 : 1;
  const matcher = new AddressMatcher(search.address);
  const breather = new Breather();
  const endMs = performance.now() + MAX_SEARCH_MS;
  const found: FoundTransaction[] = [];
  const count = Math.max(0, (last - from) * step + 1);
  let ahead = 0;
  for (let looked = 0; looked < count; looked++) {
    const isFull = found.length >= pageSize;
    if (isFull && ahead++ === MAX_LOOK_AHEAD_BLOCKS) return { found, exhausted: false };
    if (looked >= MAX_BLOCKS || performance.now() > endMs) return cutShort(search, found, looked);
    const inBlock = await matcher.inBlock(chain, canonicalNode(chain, from + looked * step), breather);
    if (isFull && inBlock.length > 0) return { found, exhausted: false };
    found.push(...(direction === 'down' ? inBlock.reverse() : inBlock));
  }
  return { found, exhausted: true };
}

/** What was found is a page, from whose last block the next search goes on; nothing found would look like the end. */
function cutShort({ address, from, direction }: Search, found: readonly FoundTransaction[], looked: number): FoundPage {
  if (found.length > 0) return { found, exhausted: false };
  const side = direction === 'down' ? 'below' : 'above';
  throw refused(
    'rpc/search-limit',
    `no transaction of ${address} in ${looked} blocks ${side} ${from}; this node has no index and looks no further`,
  );
}

class AddressMatcher {
  readonly #address: Address;
  readonly #topic: Hash;
  readonly #blooms: readonly BloomBits[];

  constructor(address: Address) {
    this.#address = address;
    this.#topic = `0x${address.slice(2).padStart(64, '0')}` as Hash;
    this.#blooms = [bloomBits(address), bloomBits(this.#topic)];
  }

  async inBlock(chain: ChainAccess, block: HeaderNode, breather: Breather): Promise<FoundTransaction[]> {
    await breather.breathe();
    const transactions = block.header.gasUsed === 0n ? [] : (chain.block(block.hash)?.transactions ?? []);
    const receipts = transactions.length === 0 ? [] : (chain.receipts(block.hash) ?? []);
    const mayLog = this.#mayLog(block.header);
    const found: FoundTransaction[] = [];
    let firstLogIndex = 0;
    for (const [index, bytes] of transactions.entries()) {
      const receipt = receipts[index];
      if (receipt === undefined) break;
      const tx = chain.decode(bytes);
      if (this.#takesPart(tx, receipt) || (mayLog && this.#isLogged(receipt))) found.push({ block, index, tx, receipt, firstLogIndex });
      firstLogIndex += receipt.logs.length;
      await breather.breathe();
    }
    return found;
  }

  #takesPart(tx: TransactionView, receipt: Receipt): boolean {
    return tx.sender === this.#address || tx.to === this.#address || receipt.contractAddress === this.#address;
  }

  #mayLog({ logsBloom }: Header): boolean {
    return this.#blooms.some((bits) => mayContain(logsBloom, bits));
  }

  #isLogged({ logs }: Receipt): boolean {
    return logs.some(({ address, topics }) => address === this.#address || topics.includes(this.#topic));
  }
}
