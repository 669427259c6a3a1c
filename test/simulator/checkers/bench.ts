/** A checker by itself: nodes that are no more than chains made by hand, and whatever observations a test wants it to see. */
import { Random } from '../../../src/base/random.ts';
import { type Hash, type Json, Lsn } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { ChainParams } from '../../../src/chain/params.ts';
import type { Facts, HeaderNode } from '../../../src/chain/tree.ts';
import type { AnyEngine } from '../../../src/consensus/engine.ts';
import { Audience } from '../../../src/simulator/audience.ts';
import type { Checker, CheckerFactory } from '../../../src/simulator/checkers/checker.ts';
import { Disk } from '../../../src/simulator/disk.ts';
import { DurableChain, LightChain, type StoredBlock } from '../../../src/simulator/light-chain.ts';
import type { Observation } from '../../../src/simulator/observations.ts';
import type { Options } from '../../../src/simulator/options.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import type { Balances } from '../../../src/simulator/transfers.ts';
import { World } from '../../../src/simulator/world.ts';
import { factsOf, GENESIS, GENESIS_STORED, IDLE_ENGINE, OPTIONS } from '../support.ts';

const NETWORK = { params: GENESIS.params, genesis: GENESIS_STORED };

export interface BenchInput {
  readonly nodes?: number;
  readonly engine?: Partial<AnyEngine>;
  /** Nodes that do not follow the protocol. */
  readonly bad?: readonly number[];
  readonly badShare?: number;
  readonly isOverwhelmed?: boolean;
  readonly options?: Partial<Options>;
  /** Another network than that of `support.ts`. */
  readonly network?: { readonly params: ChainParams; readonly genesis: StoredBlock };
}

export interface Report {
  readonly node: number;
  readonly message: string;
  readonly expected: boolean;
}

export class CheckerBench {
  readonly reports: Report[] = [];
  readonly chains: (LightChain | null)[];
  nowMs = 0;
  /** By how much the clock of every node is ahead. */
  wallOffsetMs = 0;
  isSatisfied = false;
  /** What every engine calls safe. */
  safe: Hash | null = null;
  readonly #checker: Checker;
  /** As in a run, so that what a checker says it sees is tested as well. */
  readonly #audience = new Audience();
  readonly #durable: DurableChain[];
  readonly #genesis: StoredBlock;
  readonly #world = new World('bench');
  readonly #disk = new Disk(this.#world, new Random('bench'), { writeUs: 0 });

  /** `state` is what every engine says of itself. */
  constructor(
    factory: CheckerFactory,
    { nodes = 2, engine = {}, bad = [], badShare = 0, isOverwhelmed = false, options = {}, network = NETWORK }: BenchInput = {},
    state: Json = null,
  ) {
    this.#genesis = network.genesis;
    this.#durable = Array.from({ length: nodes }, () => new DurableChain(network.genesis));
    this.chains = this.#durable.map((durable) => this.#open(durable));
    this.#checker = factory({
      engine: { ...IDLE_ENGINE, ...engine },
      params: network.params,
      genesis: network.genesis.node,
      signatures: TAG_KEYS.signatures,
      options: { ...OPTIONS, nodes, ...options },
      blockMs: 1_000,
      nodes,
      isCorrect: (node) => !bad.includes(node),
      badShare,
      isOverwhelmed,
      chainOf: (node) => this.chains[node] ?? null,
      inspect: () => state,
      safe: () => this.safe,
      nowMs: () => this.nowMs,
      wallMsOf: () => 1_000 * network.genesis.block.header.timestamp + this.nowMs + this.wallOffsetMs,
      satisfied: () => {
        this.isSatisfied = true;
      },
      report: ({ node = -1, message, expected = false }) => this.reports.push({ node, message, expected }),
    });
    this.#audience.add(this.#checker);
  }

  get name(): string {
    return this.#checker.name;
  }

  chain(node: number): LightChain {
    const chain = this.chains[node];
    if (chain === null || chain === undefined) throw new RangeError(`node ${node} is down`);
    return chain;
  }

  observe(...observations: readonly Observation[]): void {
    for (const observation of observations) this.#audience.show(observation);
  }

  end(): void {
    this.#checker.end?.();
  }

  /** A node keeps a block. */
  insert(node: number, block: Block, facts: Facts = factsOf(block.header.number)): HeaderNode {
    const chain = this.chain(node);
    const hash = hashHeader(block.header);
    if (chain.insert(block, facts)) this.observe({ type: 'inserted', node, block, hash });
    const kept = chain.get(hash);
    if (kept === undefined) throw new RangeError(`block ${hash} is kept`);
    return kept;
  }

  /** A node keeps and executes blocks, and has the last of them as its head. */
  follow(node: number, blocks: readonly Block[], state: Balances = GENESIS.state): HeaderNode {
    const chain = this.chain(node);
    const kept = blocks.map((block) => this.insert(node, block));
    for (const { hash } of kept) {
      if (chain.status(hash) !== 'executed') chain.executed(hash, state);
      this.observe({ type: 'checked', node, hash, error: null });
    }
    const { oldHead, newHead, removed } = chain.setHead(kept.at(-1)?.hash ?? chain.genesis.hash, () => undefined);
    this.observe({ type: 'head', node, head: newHead, old: oldHead, removed });
    return newHead;
  }

  /** A node finalizes a block of its chain. */
  finalize(node: number, block: HeaderNode): void {
    this.chain(node).finalize(block.hash, new Uint8Array(0), () => undefined);
    this.observe({ type: 'finalized', node, block, certificate: new Uint8Array(0) });
  }

  /** Everything is on disk, and everybody knows. */
  sync(node: number): void {
    while (this.#world.step(this.#world.nowUs + 1));
    const { head, finalized } = this.#durable[node] ?? GENESIS_NODES;
    this.observe({ type: 'durable', node, head }, { type: 'finalDurable', node, block: finalized });
  }

  stop(node: number): void {
    this.chains[node] = null;
    this.observe({ type: 'stopped', node, error: null });
  }

  /** With what the disk has, or with a disk that has lost everything. */
  start(node: number, disk: 'as it was' | 'empty' = 'as it was', lsn = 0): void {
    const kept = this.#durable[node];
    const durable = kept === undefined || disk === 'empty' ? new DurableChain(this.#genesis) : kept;
    this.#durable[node] = durable;
    const chain = this.#open(durable);
    this.chains[node] = chain;
    this.observe({ type: 'started', node, incarnation: 2, chain, lsn: Lsn(lsn) });
  }

  #open(durable: DurableChain): LightChain {
    return new LightChain(durable, this.#disk.open({ onError: () => undefined }));
  }
}

const GENESIS_NODES = { head: GENESIS_STORED.node, finalized: GENESIS_STORED.node };
