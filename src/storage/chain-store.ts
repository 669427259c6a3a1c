/**
 * Blocks, their execution and the canonical chain, on disk.
 *
 * There are two views (see `staging.ts`). `view` is what the engine decided, at once, and is what the driver and the
 * executor read. Everything else on the class is the durable chain, which clients and peers are shown: a crash cannot
 * take back what they saw. A new head, with every block and execution that led to it, is one synced batch, however
 * deep the reorganisation (reliability rule b), so the work of an import depends on the block and not on the chain.
 * The working view of it needs a row for each height; the index of transactions, which only clients read, is made
 * between the two views, in steps that let the event loop run.
 */
import { assert, present } from '../base/assert.ts';
import { BoundedMap } from '../base/bounded.ts';
import { InternalError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import type { ChainView, Facts, HeaderNode, Output } from '../chain/tree.ts';
import { type Now, Pacer, paced, systemNow } from '../execution/pacer.ts';
import type { Execution, Receipt, StateSource } from '../execution/types.ts';
import { checkChain, type Recovery } from './chain-check.ts';
import * as rows from './chain-rows.ts';
import { CheckedDatabase, missing } from './checked.ts';
import type { Database } from './database.ts';
import { Entries } from './entries.ts';
import { TABLES } from './layout.ts';
import type { CanonicalRecord, PlaceRecord } from './records.ts';
import { type RowWriter, Staging } from './staging.ts';

export interface HeadChange {
  readonly oldHead: HeaderNode;
  readonly newHead: HeaderNode;
  /** The branch that was left, tip first. */
  readonly removed: readonly HeaderNode[];
  /** The branch that was taken, oldest first. */
  readonly added: readonly HeaderNode[];
}

export interface ChainStoreOptions {
  /** False when the store is known to exist already: an empty one is then damage and not a beginning. */
  readonly create?: boolean;
  /** The clock by which long work pauses. */
  readonly now?: Now;
}

export type CanonicalBlock = CanonicalRecord & { readonly number: number };

/** What may wait for the next head change before it is written anyway. */
const MAX_OPEN_BLOCKS = 64;
const MAX_OPEN_BYTES = 32 * 1024 * 1024;
/** Blocks on their way from insertion to head; up to 8 MiB each. */
const CACHED_BLOCKS = 8;

/** The ends of the chain in one of the two views. */
type Ends = { head: HeaderNode; finalized: HeaderNode };

export class ChainStore {
  readonly view: ChainView;
  /** Working view. */
  readonly state: StateSource;
  /** What the check at start had to do; null for nothing. */
  readonly recovery: Recovery | null;
  readonly #checked: CheckedDatabase;
  readonly #staging: Staging;
  readonly #now: Now;
  readonly #entries: Entries;
  readonly #blocks = new BoundedMap<Hash, Block>(CACHED_BLOCKS);
  readonly #working: Ends;
  readonly #durable: Ends;
  #maxHeight: number;
  #openBlocks = 0;

  private constructor(checked: CheckedDatabase, recovery: Recovery | null, now: Now) {
    this.#checked = checked;
    this.#now = now;
    this.recovery = recovery;
    const staging = new Staging(checked);
    this.#staging = staging;
    this.#entries = new Entries(staging);
    const head = this.#entries.node(staging.need(TABLES.head, null, 'the chain'));
    const finalized = this.#entries.node(staging.need(TABLES.finalized, null, 'the chain'));
    this.#working = { head, finalized };
    this.#durable = { head, finalized };
    this.#maxHeight = this.#staging.need(TABLES.maxHeight, null, 'the chain');
    this.view = this.#makeView(this.#entries.node(this.#staging.need(TABLES.canonical, 0, 'the genesis block').hash));
    this.state = { node: (hash) => staging.get(TABLES.node, hash), code: (hash) => staging.get(TABLES.code, hash) };
  }

  /**
   * Opens the store, or makes it from genesis in one batch, and checks the last 128 blocks (see `chain-check.ts`).
   * Throws StorageError: `storage/wrong-genesis`, `storage/unsound`, `storage/corrupt`, `storage/missing`.
   */
  static async open(database: Database, genesis: rows.GenesisState, options: ChainStoreOptions = {}): Promise<ChainStore> {
    const checked = new CheckedDatabase(database);
    if (checked.get(TABLES.head, null) === undefined) {
      await rows.assertEmpty(database, options.create ?? true);
      await rows.writeGenesis(checked, genesis);
    }
    rows.assertGenesis(checked, hashHeader(genesis.block.header));
    return new ChainStore(checked, await checkChain(checked), options.now ?? systemNow);
  }

  // The working view

  /**
   * Keeps a block and its facts; its parent must be stored. Nothing happens when it is known. Pending until the next
   * flush, which comes by itself when 64 blocks or 32 MiB wait. Throws InternalError.
   */
  insert(block: Block, facts: Facts): void {
    const hash = hashHeader(block.header);
    if (block.header.number <= this.#maxHeight && this.#entries.get(hash) !== undefined) return;
    const parent = this.#entries.get(block.header.parentHash);
    assert(parent !== undefined, `the parent ${block.header.parentHash} of an inserted block is stored`);
    assert(block.header.number === parent.node.header.number + 1, `block ${hash} is one above its parent`);
    const status = parent.status === 'invalid' ? 'invalid' : 'stored';
    const { number } = block.header;
    const siblings = this.#staging.get(TABLES.siblings, number) ?? [];
    this.#staging.stage((writer) => {
      rows.stageBlock(writer, hash, block, facts, status, siblings);
      if (number > this.#maxHeight) writer.put(TABLES.maxHeight, null, number);
    });
    this.#entries.keep({ node: { header: block.header, seal: block.seal, hash, facts }, status });
    this.#blocks.set(hash, block);
    this.#maxHeight = Math.max(this.#maxHeight, number);
    this.#openBlocks++;
    this.#flushWhenFull();
  }

  /** Keeps what executing a stored block produced; its parent must be executed. */
  executed(hash: Hash, execution: Execution): void {
    const entry = this.#entries.known(hash);
    if (entry.status === 'executed') return;
    const { parentHash } = entry.node.header;
    assert(entry.status === 'stored', `executed block ${hash} was not found invalid before`);
    assert(this.#entries.get(parentHash)?.status === 'executed', `the parent ${parentHash} of an executed block is executed`);
    this.#staging.stage((writer) => rows.stageExecution(writer, rows.idOf(entry.node), execution));
    entry.status = 'executed';
    this.#flushWhenFull();
  }

  /** Marks a block that failed its execution, and every stored descendant. */
  invalid(hash: Hash): void {
    const { node, status } = this.#entries.known(hash);
    assert(status !== 'executed', `invalid block ${hash} was not executed before`);
    const marked = [node];
    let parents = new Set([hash]);
    for (let number = node.header.number + 1; parents.size > 0 && number <= this.#maxHeight; number++) {
      const children = this.#atHeight(number, rows.MAX_SIBLINGS).filter(({ header }) => parents.has(header.parentHash));
      marked.push(...children);
      parents = new Set(children.map((child) => child.hash));
    }
    this.#staging.stage((writer) => {
      for (const each of marked) writer.put(TABLES.status, rows.idOf(each), 'invalid');
    });
    for (const each of marked) this.#entries.known(each.hash).status = 'invalid';
  }

  /**
   * Makes an executed block the head. The working view changes at once; the promise resolves when the change and
   * everything pending are durable. Rejects with InternalError for a block that is not executed or would leave a
   * finalized block behind, and then nothing has changed; and with StorageError, and then nothing becomes durable any
   * more: the next start finds the head from before.
   */
  async setHead(hash: Hash): Promise<HeadChange> {
    const { node, status } = this.#entries.known(hash);
    assert(status === 'executed', `head ${hash} is executed`);
    const move = this.#moveTo(node);
    this.#staging.stage((writer) => rows.stageHead(writer, move));
    this.#working.head = node;
    let removed: readonly HeaderNode[] = [];
    const onDurable = () => {
      this.#durable.head = node;
    };
    await this.#submit(onDurable, async (writer) => {
      removed = await paced(this.#follow(move, writer), new Pacer(this.#now));
    });
    return { oldHead: move.oldHead, newHead: node, removed, added: move.added };
  }

  /** Records that a canonical block is final, with the proof. Heights ascend; the same block again changes nothing. */
  async finalize(hash: Hash, certificate: Uint8Array): Promise<void> {
    const { node } = this.#entries.known(hash);
    const { finalized } = this.#working;
    if (node.hash === finalized.hash) return;
    const { number } = node.header;
    if (number <= finalized.header.number || this.view.canonical(number) !== hash) {
      const message = `Block ${number} (${hash}) cannot be final: it is not canonical above the finalized block ${finalized.header.number}.`;
      throw new InternalError('internal/finality', message, { number, finalized: finalized.header.number });
    }
    this.#staging.stage((writer) => {
      writer.put(TABLES.certificate, rows.idOf(node), certificate);
      writer.put(TABLES.finalized, null, hash);
    });
    this.#working.finalized = node;
    await this.#submit(() => {
      this.#durable.finalized = node;
    });
  }

  /** A stored block, durable or not: peers may ask for one that was just announced. */
  block(hash: Hash): Block | undefined {
    const known = this.#blocks.get(hash);
    if (known !== undefined) return known;
    const node = this.#entries.get(hash)?.node;
    if (node === undefined) return undefined;
    return { header: node.header, seal: node.seal, ...this.#staging.need(TABLES.body, rows.idOf(node), `block ${node.header.number}`) };
  }

  /** Bytes that wait to become durable: a caller that inserts without end should await `flush` when this grows. */
  get pendingBytes(): number {
    return this.#staging.pendingBytes;
  }

  // The durable view

  get head(): HeaderNode {
    return this.#durable.head;
  }

  get finalized(): HeaderNode {
    return this.#durable.finalized;
  }

  header(hash: Hash): HeaderNode | undefined {
    return this.#staging.durable(TABLES.number, hash) === undefined ? undefined : this.#entries.node(hash);
  }

  /** Undefined above the head. */
  canonical(number: number): Hash | undefined {
    if (!Number.isSafeInteger(number) || number < 0 || number > this.head.header.number) return undefined;
    const record = this.#staging.durable(TABLES.canonical, number);
    if (record === undefined) throw missing(TABLES.canonical, `height ${number}`);
    return record.hash;
  }

  /** Undefined for a block that is not stored or not executed. */
  receipts(hash: Hash): readonly Receipt[] | undefined {
    const number = this.#staging.durable(TABLES.number, hash);
    if (number === undefined) return undefined;
    const receipts = this.#staging.durable(TABLES.receipts, { number, hash });
    if (receipts === undefined && this.#staging.durable(TABLES.status, { number, hash }) === 'executed') {
      throw missing(TABLES.receipts, `block ${number} (${hash})`);
    }
    return receipts;
  }

  /** Where a transaction stands in the canonical chain. */
  transaction(hash: Hash): PlaceRecord | undefined {
    const place = this.#staging.durable(TABLES.transaction, hash);
    return place !== undefined && this.canonical(place.blockNumber) === place.blockHash ? place : undefined;
  }

  certificate(hash: Hash): Uint8Array | undefined {
    const number = this.#staging.durable(TABLES.number, hash);
    return number === undefined ? undefined : this.#staging.durable(TABLES.certificate, { number, hash });
  }

  /**
   * The canonical chain from one height to another, both inclusive, with the bloom of each block's logs (empty for a
   * block without logs). One consistent picture of the moment of the first step, whatever happens meanwhile.
   */
  async *canonicalRange(from: number, to: number): AsyncGenerator<CanonicalBlock> {
    const last = Math.min(to, this.head.header.number);
    let expected = Math.max(0, from);
    for await (const [number, record] of this.#checked.rows(TABLES.canonical, expected, last + 1)) {
      if (number !== expected) throw missing(TABLES.canonical, `height ${expected}`);
      expected++;
      yield { number, ...record };
    }
    // A shorter chain may have been on its way to the disk; a row that is not there now either is lost.
    if (expected <= last) this.canonical(expected);
  }

  /** Resolves when everything so far is durable. */
  async flush(): Promise<void> {
    if (this.pendingBytes > 0) await this.#submit(() => undefined);
  }

  /** Flushes and closes the database. What is pending after a failure is given up, and the failure thrown again. */
  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      await this.#checked.database.close();
    }
  }

  // Inside

  #makeView(genesis: HeaderNode): ChainView {
    const store = this;
    return {
      genesis,
      get head() {
        return store.#working.head;
      },
      get finalized() {
        return store.#working.finalized;
      },
      get maxHeight() {
        return store.#maxHeight;
      },
      get: (hash) => store.#entries.get(hash)?.node,
      status: (hash) => store.#entries.get(hash)?.status,
      block: (hash) => store.block(hash),
      outputs: (hash, contract) => store.#outputs(hash, contract),
      canonical: (number) => store.#workingCanonical(number),
      certificate: (hash) => store.certificate(hash),
      atHeight: (number, limit) => store.#atHeight(number, limit),
    };
  }

  #outputs(hash: Hash, contract: Address): readonly Output[] | undefined {
    const entry = this.#entries.get(hash);
    if (entry?.status !== 'executed') return undefined;
    const receipts = this.#staging.need(TABLES.receipts, rows.idOf(entry.node), `block ${entry.node.header.number}`);
    return receipts.flatMap(({ logs }) => logs.filter(({ address }) => address === contract));
  }

  #workingCanonical(number: number): Hash | undefined {
    if (!Number.isSafeInteger(number) || number < 0 || number > this.#working.head.header.number) return undefined;
    return this.#staging.need(TABLES.canonical, number, `height ${number}`).hash;
  }

  #atHeight(number: number, limit: number): readonly HeaderNode[] {
    if (!Number.isSafeInteger(number) || number < 0 || number > this.#maxHeight) return [];
    return (this.#staging.get(TABLES.siblings, number) ?? []).slice(0, limit).map((hash) => this.#entries.node(hash));
  }

  /** Reads no more than the new branch, whose headers the engine has just looked at. */
  #moveTo(newHead: HeaderNode): rows.Move {
    const oldHead = this.#working.head;
    const added: HeaderNode[] = [];
    let fork = newHead;
    while (this.#workingCanonical(fork.header.number) !== fork.hash) {
      added.push(fork);
      fork = this.#entries.node(fork.header.parentHash);
    }
    const { number } = this.#working.finalized.header;
    if (fork.header.number < number) {
      const message = `Head ${newHead.hash} would leave the finalized block ${number}: it forks off at ${fork.header.number}.`;
      throw new InternalError('internal/finality', message, { number: newHead.header.number, finalized: number });
    }
    return { oldHead, newHead, fork, added: added.reverse() };
  }

  /** What of a new head can wait until it is to be durable; returns the branch that is left. In small steps. */
  *#follow(move: rows.Move, writer: RowWriter): Generator<void, readonly HeaderNode[]> {
    for (const node of move.added) yield* rows.stagePlaces(writer, move, node, this.#transactions(node));
    const removed: HeaderNode[] = [];
    for (let node = move.oldHead; node.hash !== move.fork.hash; node = this.#entries.node(node.header.parentHash)) {
      removed.push(node);
      yield;
    }
    return removed;
  }

  #transactions(node: HeaderNode): readonly Uint8Array[] {
    return present(this.block(node.hash), `block ${node.hash}`).transactions;
  }

  #submit(onDurable: () => void, complete?: (writer: RowWriter) => Promise<void>): Promise<void> {
    this.#openBlocks = 0;
    return this.#staging.submit(onDurable, complete);
  }

  #flushWhenFull(): void {
    if (this.#openBlocks <= MAX_OPEN_BLOCKS && this.#staging.openBytes <= MAX_OPEN_BYTES) return;
    // After a write that fails everything is refused, so whoever awaits the next one learns of it.
    this.#submit(() => undefined).catch(() => undefined);
  }
}
