/**
 * Blocks and their states in memory, with the two views that the real chain store has: what the engine decided, at once,
 * and what is durable. A new head is one batch with everything that led to it; a crash leaves the durable part.
 */
import { assert, present } from '../base/assert.ts';
import type { Address, Hash } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import type { BlockStatus, ChainView, Facts, HeaderNode, Output } from '../chain/tree.ts';
import type { Certificate } from '../consensus/engine.ts';
import type { ServedChain } from '../sync/serve.ts';
import type { DiskFile } from './disk.ts';
import type { HeadChange } from './tier.ts';
import { type Balances, outputsOf } from './transfers.ts';

export interface StoredBlock {
  readonly block: Block;
  readonly node: HeaderNode;
  readonly status: BlockStatus;
  /** After the block; null until it was executed. */
  readonly state: Balances | null;
}

/** Blocks of one height. */
type Siblings = readonly HeaderNode[];

/** What may wait for the next head change before it is written anyway, as in the real chain store. */
const MAX_OPEN_BLOCKS = 64;

/** What is on the disk. Outlives the nodes that wrote it. */
export class DurableChain implements ServedChain {
  readonly blocks = new Map<Hash, StoredBlock>();
  readonly certificates = new Map<Hash, Certificate>();
  head: HeaderNode;
  finalized: HeaderNode;
  readonly #canonical: Hash[] = [];
  /** By height; a list is replaced when it grows, never changed. */
  readonly #heights: Siblings[] = [];

  constructor(genesis: StoredBlock) {
    this.store(genesis);
    this.head = genesis.node;
    this.finalized = genesis.node;
    this.#canonical[0] = genesis.node.hash;
  }

  canonical(number: number): Hash | undefined {
    return this.#canonical[number];
  }

  header(hash: Hash): HeaderNode | undefined {
    return this.blocks.get(hash)?.node;
  }

  store(entry: StoredBlock): void {
    const { node } = entry;
    if (!this.blocks.has(node.hash)) placeAt(this.#heights, node);
    this.blocks.set(node.hash, entry);
  }

  /** Copies, for a life to go on from. */
  index(): { canonical: Hash[]; heights: Siblings[] } {
    return { canonical: this.#canonical.slice(), heights: this.#heights.slice() };
  }

  certificate(hash: Hash): Certificate | undefined {
    return this.certificates.get(hash);
  }

  setHead({ newHead, added }: HeadChange): void {
    this.head = newHead;
    this.#canonical.length = newHead.header.number + 1;
    for (const { hash, header } of added) this.#canonical[header.number] = hash;
  }
}

export class LightChain implements ChainView {
  readonly genesis: HeaderNode;
  readonly durable: DurableChain;
  readonly #file: DiskFile;
  /** What this life has changed; all else is as it is on the disk. */
  readonly #changed = new Map<Hash, StoredBlock>();
  readonly #canonical: Hash[];
  readonly #heights: Siblings[];
  #head: HeaderNode;
  #finalized: HeaderNode;
  /** Changed since the last batch. */
  #open = new Set<Hash>();

  /** What a node finds after a start: only what is durable. */
  constructor(durable: DurableChain, file: DiskFile) {
    this.durable = durable;
    this.#file = file;
    this.#head = durable.head;
    this.#finalized = durable.finalized;
    const { canonical, heights } = durable.index();
    this.#canonical = canonical;
    this.#heights = heights;
    this.genesis = this.#entry(present(canonical[0], 'the genesis hash')).node;
  }

  get head(): HeaderNode {
    return this.#head;
  }

  get finalized(): HeaderNode {
    return this.#finalized;
  }

  get maxHeight(): number {
    return this.#heights.length - 1;
  }

  get(hash: Hash): HeaderNode | undefined {
    return this.#find(hash)?.node;
  }

  status(hash: Hash): BlockStatus | undefined {
    return this.#find(hash)?.status;
  }

  canonical(number: number): Hash | undefined {
    return this.#canonical[number];
  }

  certificate(hash: Hash): Certificate | undefined {
    return this.durable.certificate(hash);
  }

  atHeight(number: number, limit: number): readonly HeaderNode[] {
    const nodes = this.#heights[number] ?? [];
    return nodes.length <= limit ? nodes : nodes.slice(0, limit);
  }

  block(hash: Hash): Block | undefined {
    return this.#find(hash)?.block;
  }

  /** The light ledger has one contract at most, so whatever is said in a block was said by it. */
  outputs(hash: Hash, _contract: Address): readonly Output[] | undefined {
    const entry = this.#find(hash);
    return entry?.status === 'executed' ? outputsOf(entry.block.transactions) : undefined;
  }

  state(hash: Hash): Balances | null {
    return this.#find(hash)?.state ?? null;
  }

  /** True when it was not known. */
  insert(block: Block, facts: Facts): boolean {
    const hash = hashHeader(block.header);
    if (this.#find(hash) !== undefined) return false;
    const parent = this.#entry(block.header.parentHash);
    assert(block.header.number === parent.node.header.number + 1, () => `block ${hash} is one above its parent`);
    const node = { header: block.header, seal: block.seal, hash, facts };
    const status = parent.status === 'invalid' ? 'invalid' : 'stored';
    this.#set({ block, node, status, state: null });
    placeAt(this.#heights, node);
    return true;
  }

  executed(hash: Hash, state: Balances): void {
    const entry = this.#entry(hash);
    assert(this.status(entry.node.header.parentHash) === 'executed', () => `the parent of executed block ${hash} is executed`);
    this.#set({ ...entry, status: 'executed', state });
  }

  /** With every stored descendant. */
  invalid(hash: Hash): void {
    const marked = new Set([hash]);
    const entry = this.#entry(hash);
    this.#set({ ...entry, status: 'invalid' });
    for (let number = entry.node.header.number + 1; number <= this.maxHeight; number++) {
      for (const node of this.#heights[number] ?? []) {
        if (!marked.has(node.header.parentHash)) continue;
        marked.add(node.hash);
        this.#set({ ...this.#entry(node.hash), status: 'invalid' });
      }
    }
  }

  /** In the working view at once; `done` follows when the change is durable. */
  setHead(hash: Hash, done: (change: HeadChange) => void): HeadChange {
    const { node, status } = this.#entry(hash);
    assert(status === 'executed', () => `head ${hash} is executed`);
    const change = this.#changeTo(node);
    this.#head = node;
    this.#canonical.length = node.header.number + 1;
    for (const added of change.added) this.#canonical[added.header.number] = added.hash;
    this.#submit(
      () => this.durable.setHead(change),
      () => done(change),
    );
    return change;
  }

  finalize(hash: Hash, certificate: Certificate, done: () => void): void {
    const { node } = this.#entry(hash);
    assert(this.#canonical[node.header.number] === hash, () => `finalized block ${hash} is canonical`);
    assert(node.header.number > this.#finalized.header.number, () => `finalized block ${node.header.number} is above the last one`);
    this.#finalized = node;
    this.#submit(() => {
      this.durable.finalized = node;
      this.durable.certificates.set(hash, certificate);
    }, done);
  }

  #submit(apply: () => void, done: () => void): void {
    const changed = [...this.#open].map((hash) => this.#entry(hash));
    this.#open = new Set();
    this.#file.write(() => {
      for (const entry of changed) this.durable.store(entry);
      apply();
    }, done);
  }

  #changeTo(newHead: HeaderNode): HeadChange {
    const oldHead = this.#head;
    const removed: HeaderNode[] = [];
    const added: HeaderNode[] = [];
    let from = oldHead;
    let to = newHead;
    while (from.hash !== to.hash) {
      const fromNumber = from.header.number;
      const toNumber = to.header.number;
      if (fromNumber >= toNumber) {
        removed.push(from);
        from = this.#entry(from.header.parentHash).node;
      }
      if (toNumber >= fromNumber) {
        added.push(to);
        to = this.#entry(to.header.parentHash).node;
      }
    }
    assert(from.header.number >= this.#finalized.header.number, `head ${newHead.hash} keeps the finalized block`);
    return { oldHead, newHead, removed, added: added.reverse() };
  }

  #set(entry: StoredBlock): void {
    this.#changed.set(entry.node.hash, entry);
    this.#open.add(entry.node.hash);
    if (this.#open.size > MAX_OPEN_BLOCKS) {
      this.#submit(
        () => undefined,
        () => undefined,
      );
    }
  }

  #find(hash: Hash): StoredBlock | undefined {
    return this.#changed.get(hash) ?? this.durable.blocks.get(hash);
  }

  #entry(hash: Hash): StoredBlock {
    return present(this.#find(hash), `block ${hash}`);
  }
}

function placeAt(heights: Siblings[], node: HeaderNode): void {
  const { number } = node.header;
  heights[number] = [...(heights[number] ?? []), node];
}
