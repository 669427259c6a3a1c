/**
 * Keeps up with one node: its new heads, the blocks between them that were missed, and its status. Everything goes to the
 * network's store. What it asks is bounded: one round at a time, and a status at most once in STATUS_MS.
 */
import { type Block, parseHeader } from '../model/block.ts';
import type { Chain } from '../model/chain.ts';
import { fieldsOf, isHash, listOf, numberOf, textOf } from '../model/decode.ts';
import type { LinkState, NodeStatus, Point } from '../model/node.ts';
import { parseStatus } from '../model/node.ts';
import { Failure, sentenceOf } from './failure.ts';
import { NodeLink } from './link.ts';

/** With a socket heads arrive by themselves, so that only what else has changed is asked for. */
const STATUS_MS = 2_000;
/** While nobody looks at the page. */
const HIDDEN_STATUS_MS = 15_000;
/** Heights below a head that are fetched at once, and at the most, to join it to what is known. */
const BACKFILL_BLOCKS = 64;
const FIRST_BLOCKS = 128;
const MAX_FORKS = 8;
const MAX_FORK_BLOCKS = 16;

export interface WatcherEvents {
  onLink(state: LinkState): void;
  onStatus(status: NodeStatus): void;
  /** Each block is in the chain before its node is said to have it for a head. */
  onHead(head: Block): void;
  onProblem(sentence: string): void;
}

export class Watcher {
  readonly link: NodeLink;
  readonly #chain: Chain;
  readonly #events: WatcherEvents;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #filling: Promise<void> = Promise.resolve();
  #waiting = 0;
  #head: Point | null = null;
  #knowsForks = false;

  constructor(url: string, chain: Chain, events: WatcherEvents) {
    this.#chain = chain;
    this.#events = events;
    this.link = new NodeLink(url, {
      onSocket: (state) => {
        if (state === 'open') events.onLink('live');
        else this.#poll(0);
      },
      onHead: (header) => this.#take(parseHeader(header)),
    });
    this.#poll(0);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.link.close();
  }

  #poll(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.#round(), delayMs);
  }

  async #round(): Promise<void> {
    try {
      const status = parseStatus(await this.link.call('synod_status'));
      if (this.#isClosed) return;
      if (status === null) throw new Failure('unreachable', 'It answers, but not as a node of synod.');
      this.#events.onLink(this.link.isOpen ? 'live' : 'polling');
      this.#events.onStatus(status);
      if (status.head.hash !== this.#head?.hash) await this.#fetchHead(status.head.hash);
      if (!this.#knowsForks) await this.#fetchForks();
    } catch (error) {
      if (this.#isClosed) return;
      this.#events.onLink('down');
      this.#events.onProblem(sentenceOf(error));
    }
    this.#poll(document.hidden ? HIDDEN_STATUS_MS : STATUS_MS);
  }

  /** Once: the branches that were left before the page looked. Those that come later are seen as they come. */
  async #fetchForks(): Promise<void> {
    this.#knowsForks = true;
    const forks = listOf(await this.link.call('synod_getForks', [FIRST_BLOCKS]).catch(() => [])).map(fieldsOf);
    for (const { hash } of forks.filter(({ status }) => status !== 'active' && status !== 'invalid').slice(0, MAX_FORKS)) {
      let next = textOf(hash).toLowerCase();
      for (let steps = 0; steps < MAX_FORK_BLOCKS && isHash(next) && this.#chain.get(next) === undefined; steps++) {
        const header = parseHeader(await this.link.call('eth_getHeaderByHash', [next]));
        if (header === null) break;
        this.#chain.add(header);
        next = header.parent;
      }
    }
  }

  async #fetchHead(hash: string): Promise<void> {
    const known = this.#chain.get(hash);
    this.#take(known ?? parseHeader(await this.link.call('eth_getHeaderByHash', [hash])));
  }

  /** One head after the other, in the order in which they came. A storm of them is joined to one. */
  #take(block: Block | null): void {
    if (block === null) return;
    this.#head = block;
    this.#chain.add(block);
    if (this.#chain.get(block.parent) !== undefined && this.#waiting === 0) return this.#events.onHead(block);
    this.#waiting++;
    this.#filling = this.#filling.then(async () => {
      await this.#fill(block).catch(() => undefined);
      this.#waiting--;
      if (!this.#isClosed) this.#events.onHead(block);
    });
  }

  /** Fetches what lies between this block and what is known, by height where that gives the same branch. */
  async #fill(block: Block): Promise<void> {
    const wanted = this.#chain.size < FIRST_BLOCKS / 2 ? FIRST_BLOCKS : BACKFILL_BLOCKS;
    let lowest = this.#chain.knownFrom(block.hash);
    const end = Math.max(0, block.number - wanted);
    while (lowest > end && !this.#isJoined(lowest, block)) {
      const from = Math.max(end, lowest - BACKFILL_BLOCKS);
      const heights = Array.from({ length: lowest - from }, (_, place) => from + place);
      const questions = heights.map((height) => ({ method: 'eth_getHeaderByNumber', params: [`0x${height.toString(16)}`] }));
      for (const answer of await this.link.batch(questions)) {
        const header = parseHeader(answer);
        if (header !== null) this.#chain.add(header);
      }
      const reached = this.#chain.knownFrom(block.hash);
      // The node has gone to another branch meanwhile; its next head will be joined instead.
      if (reached >= lowest) return;
      lowest = reached;
    }
  }

  /** Whether it reaches down to what is known of the main chain, so that a fork can be seen. */
  #isJoined(lowest: number, block: Block): boolean {
    const main = this.#chain.mainAt(lowest);
    const top = this.#chain.top;
    return main !== undefined && top !== null && this.#chain.fork(block.hash, top.hash) !== null;
  }

  /** Older blocks of this node's chain, for lists and charts: at most so many in one message. */
  async fetchOlder(from: number, to: number): Promise<void> {
    for (let low = from; low <= to; low += BACKFILL_BLOCKS) {
      const high = Math.min(to, low + BACKFILL_BLOCKS - 1);
      const heights = Array.from({ length: high - low + 1 }, (_, place) => low + place).filter(
        (height) => this.#chain.mainAt(height) === undefined,
      );
      const questions = heights.map((height) => ({ method: 'eth_getHeaderByNumber', params: [`0x${height.toString(16)}`] }));
      for (const answer of await this.link.batch(questions)) {
        const header = parseHeader(answer);
        if (header === null) continue;
        this.#chain.add(header);
        this.#chain.noteMain(header);
      }
      const blocks = Array.from({ length: high - low + 1 }, (_, place) => this.#chain.mainAt(low + place));
      await this.countTransactions(blocks.flatMap((block) => (block !== undefined && block.transactions === null ? block.hash : [])));
    }
  }

  /** How many transactions these blocks have. Throws Failure. */
  async countTransactions(hashes: readonly string[]): Promise<void> {
    const answers = await this.link.batch(hashes.map((hash) => ({ method: 'eth_getBlockTransactionCountByHash', params: [hash] })));
    for (const [place, hash] of hashes.entries()) {
      const answer = answers[place];
      if (typeof answer === 'string') this.#chain.countTransactions(hash, numberOf(answer));
    }
  }
}
