/**
 * Everything that the page knows, kept by one object that views read and are told of changes of. Nodes are found by asking
 * whoever served the page: a supervisor lists them, a node is the only one.
 */
import type { Block } from '../model/block.ts';
import { Chain } from '../model/chain.ts';
import { fieldsOf } from '../model/decode.ts';
import { Feed } from '../model/feed.ts';
import type { NodeEntry, NodeView } from '../model/node.ts';
import { pastOf } from '../model/past.ts';
import { meanBlockTime, Samples } from '../model/series.ts';
import { mostFollowed, type Tip } from '../model/tree-layout.ts';
import type { Control } from './control.ts';
import { Failure, sentenceOf } from './failure.ts';
import { Watcher } from './watcher.ts';

/** How often views are told at the most, whatever comes in. */
const TELL_MS = 150;
const LIST_MS = 2_000;
const HIDDEN_LIST_MS = 15_000;
const RECENT_BLOCKS = 32;
/** Of which the page wants to know how many transactions they have, unasked. */
const COUNTED_BLOCKS = 64;
const PARTICIPATION_MS = 4_000;

export type Phase = 'starting' | 'watching' | 'unreachable';

export class Network {
  readonly chain = new Chain();
  readonly feed = new Feed();
  /** Lag of finality behind the head in blocks, and its age in seconds, by time. */
  readonly finality = new Samples(2);
  /** Share of the stake that voted in the epoch before, by time. */
  readonly participation = new Samples(1);
  /** What the nodes' miners say, added up, by time. */
  readonly hashing = new Samples(1);
  readonly control: Control;
  phase: Phase = 'starting';
  problem = '';
  isTestnet = false;
  /** The node that lists and pages are read from; null for the best one. */
  chosen: number | null = null;
  #nodes: readonly NodeView[] = [];
  readonly #watchers = new Map<number, Watcher>();
  readonly #listeners = new Set<() => void>();
  #telling: ReturnType<typeof setTimeout> | undefined;
  #lastAsked: number | null = null;
  #participationAt = 0;
  #isCounting = false;

  constructor(control: Control) {
    this.control = control;
  }

  get nodes(): readonly NodeView[] {
    return this.#nodes;
  }

  /** Never ends. */
  async run(): Promise<void> {
    for (;;) {
      await this.#list();
      await new Promise((resolve) => setTimeout(resolve, document.hidden ? HIDDEN_LIST_MS : LIST_MS));
    }
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Views are told soon, once for all that changed meanwhile. */
  changed(): void {
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      for (const listener of this.#listeners) listener();
    }, TELL_MS);
  }

  /** What nodes that answer say of their chains; where none does, what they said last, which is better than nothing. */
  tips(): readonly Tip[] {
    const isAnyThere = this.#nodes.some(({ link }) => link === 'live' || link === 'polling');
    return this.#nodes.flatMap(({ index, head, status, link }) => {
      if (head === null || status === null || (link === 'down' && isAnyThere)) return [];
      return [{ node: index, head: head.hash, safe: status.safe.number, finalized: status.finalized.number }];
    });
  }

  /**
   * The node that is asked: the chosen one, else the one that was asked before, else the first; whoever it is, it answers and is on
   * the main branch where somebody is. Staying with one keeps pages from being fetched again whenever another is first to a block.
   */
  asked(): NodeView | null {
    const answering = this.#nodes.filter(({ link }) => link === 'live' || link === 'polling');
    const chosen = answering.find(({ index }) => index === this.chosen);
    const onMain = answering.filter(({ head }) => {
      const block = head === null ? undefined : this.chain.get(head.hash);
      return block !== undefined && this.chain.isMain(block);
    });
    const before = onMain.find(({ index }) => index === this.#lastAsked);
    const asked = chosen ?? before ?? onMain[0] ?? answering[0] ?? null;
    this.#lastAsked = asked?.index ?? null;
    return asked;
  }

  /** Throws Failure when no node answers. */
  async call(method: string, params: readonly unknown[] = []): Promise<unknown> {
    return await this.#askedWatcher().link.call(method, params);
  }

  /** Asks this node and no other. Throws Failure. */
  async callNode(index: number, method: string): Promise<unknown> {
    const watcher = this.#watchers.get(index);
    if (watcher === undefined) throw new Failure('unreachable', `Node ${index} does not answer.`);
    return await watcher.link.call(method);
  }

  async batch(questions: Parameters<Watcher['link']['batch']>[0]): Promise<readonly unknown[]> {
    return await this.#askedWatcher().link.batch(questions);
  }

  /** Blocks of the main chain, the oldest first, as far as they are known without a gap. */
  mainBlocks(most: number): readonly Block[] {
    const blocks: Block[] = [];
    for (let height = this.chain.top?.number ?? -1; height >= 0 && blocks.length < most; height--) {
      const block = this.chain.mainAt(height);
      if (block === undefined) break;
      blocks.push(block);
    }
    return blocks.reverse();
  }

  /** Sees to it that so many blocks of the main chain are known. */
  async fetchBlocks(from: number, to: number): Promise<void> {
    const [low, high] = [Math.max(0, from), Math.max(0, to)];
    const top = this.chain.top;
    if (top === null || low > high) return;
    await this.#askedWatcher().fetchOlder(low, Math.min(high, top.number));
    this.chain.setMain(top.hash);
    this.#joinMain();
    this.changed();
  }

  /** Asks every node for what it saw while this page did not look. */
  async fetchPast(): Promise<void> {
    const answers = await Promise.all([...this.#watchers.values()].map(({ link }) => link.call('synod_getHistory').catch(() => null)));
    const { finality, participation, hashing, final } = pastOf(answers, Date.now());
    if (final !== null) this.feed.finalKnownSince(final.number, final.sinceMs);
    this.finality.fill(finality);
    this.participation.fill(participation);
    this.hashing.fill(hashing);
    this.changed();
  }

  /** The block of this height on the chain of the node that is asked, where the page knows it. */
  blockAt(height: number): Block | undefined {
    const head = this.asked()?.head?.hash;
    return head === undefined ? this.chain.mainAt(height) : this.chain.heldAt(head, height);
  }

  /** Seconds between blocks, of late. */
  blockTime(): number {
    return meanBlockTime(this.mainBlocks(RECENT_BLOCKS));
  }

  #askedWatcher(): Watcher {
    const node = this.asked();
    const watcher = node === null ? undefined : this.#watchers.get(node.index);
    if (watcher === undefined) throw new Failure('unreachable', 'No node answers.');
    return watcher;
  }

  async #list(): Promise<void> {
    try {
      const entries = await this.control.nodes();
      this.isTestnet = entries !== null;
      this.#setNodes(entries ?? [{ index: 0, url: location.origin, process: null, side: null, faults: [] }]);
      if (this.phase !== 'watching') this.phase = 'watching';
      this.problem = '';
    } catch (error) {
      // Nodes that are known go on being watched; a single node's page asks itself, so there is nobody else.
      this.problem = sentenceOf(error);
      if (this.phase === 'starting') this.phase = 'unreachable';
    }
    this.#measure();
    this.changed();
  }

  #setNodes(entries: readonly NodeEntry[]): void {
    for (const index of this.#watchers.keys()) if (!entries.some((entry) => entry.index === index)) this.#unwatch(index);
    this.#nodes = entries.map((entry) => {
      const before = this.#nodes.find(({ index }) => index === entry.index);
      const node: NodeView = { link: 'connecting', status: null, head: null, ...before, ...entry };
      const isMoved = before?.url !== entry.url;
      if (isMoved) this.#unwatch(entry.index);
      const after = entry.url === null ? { ...node, link: 'down' as const } : isMoved ? { ...node, link: 'connecting' as const } : node;
      if (before !== undefined) this.feed.nodeChanged(Date.now(), before, after);
      return after;
    });
    this.feed.sides(Date.now(), this.#nodes);
    for (const { index, url } of entries) if (url !== null && !this.#watchers.has(index)) this.#watch(index, url);
  }

  #unwatch(index: number): void {
    this.#watchers.get(index)?.close();
    this.#watchers.delete(index);
  }

  #watch(index: number, url: string): void {
    const watcher = new Watcher(url, this.chain, {
      onLink: (link) => this.#update(index, { link }),
      onStatus: (status) => this.#update(index, { status }),
      onHead: (head) => this.#headOf(index, head),
      onProblem: () => undefined,
    });
    this.#watchers.set(index, watcher);
  }

  #update(index: number, change: Partial<NodeView>): void {
    this.#nodes = this.#nodes.map((node) => {
      if (node.index !== index) return node;
      const after = { ...node, ...change };
      // The network was made anew in the same place: nothing that is known here is of this one.
      if (node.status !== null && after.status !== null && node.status.genesis !== after.status.genesis) location.reload();
      this.feed.nodeChanged(Date.now(), node, after);
      return after;
    });
    this.changed();
  }

  #headOf(index: number, head: Block): void {
    const before = this.#nodes.find((node) => node.index === index)?.head ?? null;
    if (before?.hash === head.hash) return;
    const depth = before === null ? 0 : this.chain.reorgDepth(before.hash, head.hash);
    if (depth !== null && depth > 0) this.feed.reorg(Date.now(), index, depth, head.hash);
    this.#update(index, { head: { number: head.number, hash: head.hash } });
    this.#joinMain();
  }

  #joinMain(): void {
    const hash = mostFollowed(this.chain, this.tips()) ?? this.chain.top?.hash;
    if (hash !== undefined) this.chain.setMain(hash);
  }

  /** Headers do not say it. One question for all of the newest blocks that used gas, to a node that has them. */
  async #countTransactions(): Promise<void> {
    if (this.#isCounting) return;
    this.#isCounting = true;
    const asked = this.asked()?.index ?? -1;
    const wanted = new Map([[asked, this.#uncounted(this.chain.top?.hash)]]);
    for (const { node, head } of this.tips()) {
      const block = this.chain.get(head);
      if (block !== undefined && !this.chain.isMain(block)) wanted.set(node, this.#uncounted(head));
    }
    await Promise.all(
      [...wanted].map(([index, hashes]) =>
        this.#watchers
          .get(index)
          ?.countTransactions(hashes)
          .catch(() => undefined),
      ),
    );
    this.#isCounting = false;
    this.changed();
  }

  #uncounted(head: string | undefined): readonly string[] {
    const hashes: string[] = [];
    let block = head === undefined ? undefined : this.chain.get(head);
    for (let steps = 0; block !== undefined && steps < COUNTED_BLOCKS; steps++) {
      if (block.transactions === null) hashes.push(block.hash);
      block = this.chain.get(block.parent);
    }
    return hashes;
  }

  /** What only this moment shows is kept for the charts. */
  #measure(): void {
    const now = Date.now();
    this.feed.presence(now, this.#nodes);
    const statuses = this.#nodes.flatMap(({ status, link }) => (status !== null && link !== 'down' ? status : []));
    if (statuses.length === 0) return;
    void this.#countTransactions();
    const finalNumber = Math.max(...statuses.map(({ finalized }) => finalized.number));
    const headNumber = Math.max(...statuses.map(({ head }) => head.number));
    this.feed.finality(now, finalNumber, 1_000 * this.blockTime());
    this.finality.add(now / 1_000, [headNumber - finalNumber, (now - this.feed.finalSince) / 1_000]);
    if (statuses[0]?.engine === 'pos') void this.#askParticipation(now);
    const rate = statuses.reduce((sum, { mining }) => sum + (mining?.isOn === true ? mining.hashesPerSecond : 0), 0);
    if (rate > 0) this.hashing.add(now / 1_000, [rate]);
  }

  /** Seldom enough that it costs nothing; a network of other engines is never asked. */
  async #askParticipation(now: number): Promise<void> {
    if (document.hidden || now - this.#participationAt < PARTICIPATION_MS) return;
    this.#participationAt = now;
    const answer = await this.call('synod_getParticipation').catch(() => null);
    const { share } = fieldsOf(fieldsOf(answer).previous);
    if (typeof share === 'number') this.participation.add(now / 1_000, [100 * share]);
  }
}
