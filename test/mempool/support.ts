/** A chain for the pool's tests: accounts of any state, blocks of any transactions, no execution; and cheap signatures. */
import { createRequire } from 'node:module';
import { RLP } from '@ethereumjs/rlp';
import type * as Secp256k1 from 'secp256k1';
import { expect } from 'vitest';
import { bigToBytes, concatBytes, fromHex } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import { type Address, type Hash, ZERO_ADDRESS, ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../../src/chain/header.ts';
import type { ChainParams, ForkActivation } from '../../src/chain/params.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import { EMPTY_ACCOUNT, encodeAccount } from '../../src/execution/account.ts';
import { keccak256, keccakHash } from '../../src/execution/keccak.ts';
import { Trie } from '../../src/execution/trie.ts';
import type { TransactionOrigin } from '../../src/mempool/account.ts';
import type { PoolLimits } from '../../src/mempool/limits.ts';
import { Mempool } from '../../src/mempool/mempool.ts';
import { CHAIN_ID, type Key, keyOf } from '../execution/support.ts';

const secp256k1 = createRequire(import.meta.url)('secp256k1') as typeof Secp256k1;

export const GWEI = 10n ** 9n;
export const ETHER = 10n ** 18n;

export interface TxFields {
  readonly nonce?: number;
  readonly tip?: bigint;
  /** By default 100 gwei above the tip. */
  readonly fee?: bigint;
  readonly gas?: bigint;
  readonly value?: bigint;
  readonly dataBytes?: number;
}

/** A signed type 2 transaction. Signed here, since the library's way takes milliseconds and some tests need thousands. */
export function signed(key: Key, fields: TxFields = {}): Uint8Array {
  const { nonce = 0, tip = GWEI, fee = tip + 100n * GWEI, gas = 21_000n, value = 0n, dataBytes = 0 } = fields;
  const data = new Uint8Array(dataBytes);
  const numbers = [BigInt(CHAIN_ID), BigInt(nonce), tip, fee, gas].map(bigToBytes);
  const unsigned = [...numbers, fromHex(ZERO_ADDRESS), bigToBytes(value), data, []];
  const message = keccak256(concatBytes(Uint8Array.of(2), RLP.encode(unsigned)));
  const { signature, recid } = secp256k1.ecdsaSign(message, key.secret);
  const r = bigToBytes(BigInt(`0x${Buffer.from(signature.subarray(0, 32)).toString('hex')}`));
  const s = bigToBytes(BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`));
  return concatBytes(Uint8Array.of(2), RLP.encode([...unsigned, bigToBytes(BigInt(recid)), r, s]));
}

/** Gas that lets calldata of zeros through under osaka. */
export function gasFor(dataBytes: number): bigint {
  return 21_000n + 10n * BigInt(dataBytes);
}

export interface AccountFields {
  readonly nonce?: number;
  readonly balance?: bigint;
  readonly code?: boolean;
}

export const LATEST_FORKS: readonly ForkActivation[] = [{ fork: 'osaka', time: 0 }];

/** Every account starts with nonce 0 and 1,000 ether when it is named in `rich`. */
export class World {
  readonly params: ChainParams;
  readonly pool: Mempool;
  /** What the pool announced, in order. */
  readonly announced: { readonly hash: Hash; readonly origin: TransactionOrigin }[] = [];
  nowMs = 0;
  head: HeaderNode;
  /** How often the pool asked for the body of a block, and for an account. */
  readonly reads = { bodies: 0, nodes: 0 };
  readonly #nodes = new Map<Hash, Uint8Array>();
  readonly #blocks = new Map<Hash, { readonly node: HeaderNode; readonly block: Block; readonly accounts: Map<Address, AccountFields> }>();

  constructor(
    options: { limits?: Partial<PoolLimits>; rich?: readonly Key[]; header?: Partial<Header>; forks?: readonly ForkActivation[] } = {},
  ) {
    const accounts = new Map((options.rich ?? []).map(({ address }) => [address, { balance: 1_000n * ETHER }] as const));
    this.params = {
      chainId: CHAIN_ID,
      genesisHash: ZERO_HASH,
      forks: options.forks ?? LATEST_FORKS,
      engine: { name: 'pow', settings: {} },
    };
    this.head = this.#append(null, [], accounts, { baseFeePerGas: GWEI, gasLimit: 30_000_000n, timestamp: 1_000, ...options.header });
    this.pool = new Mempool({
      params: this.params,
      chain: this.#chain(),
      state: {
        node: (hash) => {
          this.reads.nodes++;
          return this.#nodes.get(hash);
        },
        code: () => undefined,
      },
      now: () => this.nowMs,
      ...(options.limits && { limits: options.limits }),
    });
    this.pool.onAdded(({ hash }, origin) => this.announced.push({ hash, origin }));
  }

  /** A child of the head (or of `parent`) that is not the head yet. `changes` are laid over the parent's accounts. */
  block(
    transactions: readonly Uint8Array[],
    changes: Iterable<readonly [Key, AccountFields]> = [],
    parent: HeaderNode = this.head,
    header: Partial<Header> = {},
  ): HeaderNode {
    const accounts = new Map(this.#accountsOf(parent));
    for (const [{ address }, fields] of changes) accounts.set(address, { ...accounts.get(address), ...fields });
    return this.#append(parent, transactions, accounts, header);
  }

  /** `block`, and makes it the head. */
  mine(
    transactions: readonly Uint8Array[],
    changes: Iterable<readonly [Key, AccountFields]> = [],
    header: Partial<Header> = {},
  ): HeaderNode {
    const node = this.block(transactions, changes, this.head, header);
    this.moveTo(node);
    return node;
  }

  /** Makes any block the head and tells the pool. */
  moveTo(node: HeaderNode): void {
    const removed: HeaderNode[] = [];
    const added: HeaderNode[] = [];
    let [from, to] = [this.head, node];
    while (from.hash !== to.hash) {
      const [fromNumber, toNumber] = [from.header.number, to.header.number];
      if (fromNumber >= toNumber) {
        removed.push(from);
        from = this.parent(from);
      }
      if (toNumber >= fromNumber) {
        added.push(to);
        to = this.parent(to);
      }
    }
    this.head = node;
    this.pool.headChanged({ removed, added: added.reverse() });
  }

  account(key: Key, at: HeaderNode = this.head): Required<AccountFields> {
    return { nonce: 0, balance: 0n, code: false, ...this.#accountsOf(at).get(key.address) };
  }

  transactions({ hash }: HeaderNode): readonly Uint8Array[] {
    return this.#blocks.get(hash)?.block.transactions ?? [];
  }

  /** Hashes of what was announced since the last call. */
  news(): Hash[] {
    return this.announced.splice(0).map(({ hash }) => hash);
  }

  /** The transactions that a builder would take, in order, all succeeding. */
  drain(baseFee = 0n): Hash[] {
    const source = this.pool.candidates(baseFee);
    const order: Hash[] = [];
    for (let tx = source.peek(); tx !== undefined; tx = source.peek()) {
      order.push(tx.hash);
      source.take();
    }
    return order;
  }

  #chain() {
    const world = this;
    return {
      get head(): HeaderNode {
        return world.head;
      },
      block: (hash: Hash): Block | undefined => {
        this.reads.bodies++;
        return this.#blocks.get(hash)?.block;
      },
    };
  }

  #append(
    parent: HeaderNode | null,
    transactions: readonly Uint8Array[],
    accounts: Map<Address, AccountFields>,
    fields: Partial<Header>,
  ): HeaderNode {
    const header: Header = {
      parentHash: parent?.hash ?? ZERO_HASH,
      unclesHash: EMPTY_UNCLES_HASH,
      beneficiary: ZERO_ADDRESS,
      stateRoot: this.#commit(accounts),
      transactionsRoot: transactions.length === 0 ? EMPTY_TRIE_ROOT : keccakHash(concatBytes(...transactions)),
      receiptsRoot: EMPTY_TRIE_ROOT,
      logsBloom: EMPTY_BLOOM,
      difficulty: 1n,
      number: parent === null ? 0 : parent.header.number + 1,
      gasLimit: parent?.header.gasLimit ?? 0n,
      // Half of the limit keeps the base fee where it is.
      gasUsed: (fields.gasLimit ?? parent?.header.gasLimit ?? 0n) / 2n,
      timestamp: parent === null ? 0 : parent.header.timestamp + 12,
      extraData: '0x',
      mixHash: ZERO_HASH,
      nonce: EMPTY_NONCE,
      ...(parent?.header.baseFeePerGas !== undefined && { baseFeePerGas: parent.header.baseFeePerGas }),
      ...fields,
    };
    const node: HeaderNode = { hash: hashHeader(header), header, seal: new Uint8Array(0), facts: { weight: 0n, carried: 0n } };
    const block: Block = { header, seal: node.seal, transactions, payload: new Uint8Array(0) };
    this.#blocks.set(node.hash, { node, block, accounts });
    return node;
  }

  #commit(accounts: ReadonlyMap<Address, AccountFields>): Hash {
    const trie = new Trie({ node: (hash) => this.#nodes.get(hash) });
    for (const [address, { nonce = 0, balance = 0n, code = false }] of accounts) {
      const account = { ...EMPTY_ACCOUNT, nonce: BigInt(nonce), balance, ...(code && { codeHash: keccak256(Uint8Array.of(1)) }) };
      trie.put(keccak256(fromHex(address)), encodeAccount(account));
    }
    return trie.commit((hash, bytes) => this.#nodes.set(hash, bytes));
  }

  #accountsOf({ hash }: HeaderNode): Map<Address, AccountFields> {
    return this.#blocks.get(hash)?.accounts ?? new Map();
  }

  parent({ header }: HeaderNode): HeaderNode {
    const parent = this.#blocks.get(header.parentHash)?.node;
    if (parent === undefined) throw new RangeError('below genesis');
    return parent;
  }
}

export function keys(count: number, name = 'sender'): Key[] {
  return Array.from({ length: count }, (_, index) => keyOf(`${name} ${index}`));
}

/** The refusal, which must be a RuleError. */
export function refusalOf(attempt: () => unknown): RuleError {
  try {
    attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(RuleError);
    if (error instanceof RuleError) return error;
  }
  throw new RangeError('nothing was refused');
}
