/** A chain without EVM or proofs for the tests of sync: weight is the sum of difficulties, bodies hash to their root. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes, hashOf } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import { type Hash, type Hex, ZERO_ADDRESS, ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import {
  EMPTY_BLOOM,
  EMPTY_NONCE,
  EMPTY_TRIE_ROOT,
  EMPTY_UNCLES_HASH,
  type Header,
  hashHeader,
  type SealedHeader,
} from '../../src/chain/header.ts';
import type { BlockStatus, ChainView, Facts, HeaderNode } from '../../src/chain/tree.ts';

export const BAD_PROOF: Hex = '0xbad0';
/** The fake execution refuses blocks that used this much gas. */
export const BAD_GAS = 666n;
const FUTURE_LIMIT_S = 15;

export interface BlockOptions {
  readonly difficulty?: bigint;
  readonly extraData?: Hex;
  readonly gasUsed?: bigint;
  readonly timestamp?: number;
  readonly transactions?: readonly Uint8Array[];
  /** Tells siblings apart. */
  readonly branch?: number;
}

export function blockOn(parent: Header | null, options: BlockOptions = {}): Block {
  const number = parent === null ? 0 : parent.number + 1;
  const transactions = options.transactions ?? [];
  const header: Header = {
    parentHash: parent === null ? ZERO_HASH : hashHeader(parent),
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: ZERO_ADDRESS,
    stateRoot: EMPTY_TRIE_ROOT,
    transactionsRoot: rootOf(transactions),
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: EMPTY_BLOOM,
    difficulty: options.difficulty ?? 1n,
    number,
    gasLimit: BigInt(30_000_000 + (options.branch ?? 0)),
    gasUsed: options.gasUsed ?? 0n,
    timestamp: options.timestamp ?? number,
    extraData: options.extraData ?? '0x',
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
  };
  return { header, seal: new Uint8Array([number & 255]), transactions, payload: new Uint8Array(0) };
}

const roots = new WeakMap<readonly Uint8Array[], Hash>();

function rootOf(transactions: readonly Uint8Array[]): Hash {
  const root = roots.get(transactions) ?? hashOf(keccak_256(concatBytes(...transactions)));
  roots.set(transactions, root);
  return root;
}

export function bodyMatches(block: Block): boolean {
  return block.header.transactionsRoot === rootOf(block.transactions);
}

/** As an engine with signatures does: the seal must be the one that belongs to the header. */
export function verifyHeader({ header, seal }: SealedHeader, parent: HeaderNode, wallMs: number): Facts {
  if (seal.length !== 1 || seal[0] !== (header.number & 255)) throw new RuleError('header/seal', 'not the seal of this header');
  if (header.parentHash !== parent.hash || header.number !== parent.header.number + 1) throw new RuleError('header/parent', 'wrong parent');
  if (header.extraData === BAD_PROOF) throw new RuleError('header/proof', 'no proof of work');
  if (header.timestamp > wallMs / 1_000 + FUTURE_LIMIT_S) throw new RuleError('header/future', 'too early', {}, { blame: false });
  return { weight: parent.facts.weight + header.difficulty, carried: 0n };
}

export const GENESIS: Block = blockOn(null);

/** `count` blocks after `parent`. */
export function branchOn(parent: Block, count: number, options: BlockOptions = {}): Block[] {
  const blocks: Block[] = [];
  for (let last = parent; blocks.length < count; ) {
    last = blockOn(last.header, options);
    blocks.push(last);
  }
  return blocks;
}

interface Entry {
  readonly block: Block;
  readonly node: HeaderNode;
  status: BlockStatus;
}

/** A chain view that tests can write to. */
export class FakeChain implements ChainView {
  readonly genesis: HeaderNode;
  head: HeaderNode;
  finalized: HeaderNode;
  maxHeight = 0;
  readonly #entries = new Map<Hash, Entry>();
  readonly #canonical: Hash[] = [];
  readonly #stored = new Set<HeaderNode>();

  constructor(blocks: readonly Block[] = []) {
    const hash = hashHeader(GENESIS.header);
    this.genesis = { header: GENESIS.header, seal: GENESIS.seal, hash, facts: { weight: 0n, carried: 0n } };
    this.head = this.genesis;
    this.finalized = this.genesis;
    this.#entries.set(hash, { block: GENESIS, node: this.genesis, status: 'executed' });
    this.#canonical[0] = hash;
    for (const block of blocks) this.adopt(block);
  }

  get(hash: Hash): HeaderNode | undefined {
    return this.#entries.get(hash)?.node;
  }

  header(hash: Hash): HeaderNode | undefined {
    return this.get(hash);
  }

  block(hash: Hash): Block | undefined {
    return this.#entries.get(hash)?.block;
  }

  outputs(): undefined {
    return undefined;
  }

  status(hash: Hash): BlockStatus | undefined {
    return this.#entries.get(hash)?.status;
  }

  canonical(number: number): Hash | undefined {
    return this.#canonical[number];
  }

  atHeight(number: number): readonly HeaderNode[] {
    return [...this.#entries.values()].filter(({ node }) => node.header.number === number).map(({ node }) => node);
  }

  /** Neither executed nor known to be invalid. */
  stored(): Iterable<HeaderNode> {
    return this.#stored;
  }

  /** Stores a block whose parent is stored. */
  insert(block: Block): HeaderNode {
    const parent = this.get(block.header.parentHash);
    if (parent === undefined) throw new RuleError('test/orphan', 'the parent is not stored');
    const hash = hashHeader(block.header);
    const facts = { weight: parent.facts.weight + block.header.difficulty, carried: 0n };
    const node = { header: block.header, seal: block.seal, hash, facts };
    this.#entries.set(hash, { block, node, status: 'stored' });
    this.#stored.add(node);
    this.maxHeight = Math.max(this.maxHeight, block.header.number);
    return node;
  }

  mark(hash: Hash, status: BlockStatus): void {
    const entry = this.#entries.get(hash);
    if (entry === undefined) return;
    entry.status = status;
    this.#stored.delete(entry.node);
  }

  setHead(node: HeaderNode): void {
    this.head = node;
    this.#canonical.length = node.header.number + 1;
    for (let at: HeaderNode | undefined = node; at !== undefined; at = this.get(at.header.parentHash)) {
      if (this.#canonical[at.header.number] === at.hash) return;
      this.#canonical[at.header.number] = at.hash;
    }
  }

  /** Stores, executes and, when it is heavier, makes it the head. */
  adopt(block: Block): void {
    const node = this.get(hashHeader(block.header)) ?? this.insert(block);
    this.mark(node.hash, 'executed');
    if (node.facts.weight > this.head.facts.weight) this.setHead(node);
  }
}
