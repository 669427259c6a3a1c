/** A small chain in memory for the tests of execution: accounts with keys, signed transactions, blocks that follow one another. */

import { createRequire } from 'node:module';
import { Common, Mainnet } from '@ethereumjs/common';
import { createTx, type TypedTxData } from '@ethereumjs/tx';
import type * as Secp256k1 from 'secp256k1';
import { toHex } from '../../src/base/bytes.ts';
import type { RuleError } from '../../src/base/errors.ts';
import { Address, type Hash, type Hex, ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { EMPTY_NONCE, type Header, hashHeader } from '../../src/chain/header.ts';
import type { ChainParams } from '../../src/chain/params.ts';
import type { HeaderNode, HeaderView } from '../../src/chain/tree.ts';
import type { AnyEngine, BuildFields } from '../../src/consensus/engine.ts';
import { Executor } from '../../src/execution/executor.ts';
import { buildGenesis, parseGenesis } from '../../src/execution/genesis.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { decodeTransaction, type TransactionSource, type Tx } from '../../src/execution/transaction.ts';
import type { Execution, StateSource } from '../../src/execution/types.ts';

const secp256k1 = createRequire(import.meta.url)('secp256k1') as typeof Secp256k1;

export const CHAIN_ID = 31_337;
export const BENEFICIARY = Address(`0x${'c0'.repeat(20)}`);
export const ETHER = 10n ** 18n;
export const GWEI = 10n ** 9n;
export const RANDOMNESS = `0x${'5e'.repeat(32)}` as Hash;

export interface Key {
  readonly secret: Uint8Array;
  readonly address: Address;
}

/** The same key for the same name, always. */
export function keyOf(name: string | number): Key {
  const secret = keccak256(new TextEncoder().encode(`key ${name}`));
  const address = Address(toHex(keccak256(secp256k1.publicKeyCreate(secret, false).subarray(1)).subarray(12)));
  return { secret, address };
}

export const ALICE = keyOf('alice');
export const BOB = keyOf('bob');
export const CAROL = keyOf('carol');

const common = new Common({
  chain: { ...Mainnet, chainId: CHAIN_ID, hardforks: Mainnet.hardforks.map(({ name }) => ({ name, block: 0 })) },
  hardfork: 'osaka',
});

/** Signed by the library, not by us: the two codecs check each other. */
export function sign(data: TypedTxData, key: Key): Uint8Array {
  return createTx(data, { common, freeze: false }).sign(key.secret).serialize();
}

/** A type 2 transaction with fees that are always enough. */
export function transaction(key: Key, nonce: number, to: Address | null, fields: Partial<TypedTxData> = {}): Uint8Array {
  const defaults = { type: 2, nonce, gasLimit: 21_000n, maxFeePerGas: 100n * GWEI, maxPriorityFeePerGas: GWEI, value: 0n };
  return sign({ ...defaults, ...(to !== null && { to }), ...fields } as TypedTxData, key);
}

/** Nodes and codes by hash; `forget` makes holes. */
export class MemoryState implements StateSource {
  readonly nodes = new Map<Hash, Uint8Array>();
  readonly codes = new Map<Hash, Uint8Array>();

  node(hash: Hash): Uint8Array | undefined {
    return this.nodes.get(hash);
  }

  code(hash: Hash): Uint8Array | undefined {
    return this.codes.get(hash);
  }

  write({ nodes, codes }: Pick<Execution, 'nodes' | 'codes'>): void {
    for (const [hash, bytes] of nodes) this.nodes.set(hash, bytes);
    for (const [hash, bytes] of codes) this.codes.set(hash, bytes);
  }
}

/** Candidates in the order given; remembers what became of them. */
export class ListPool {
  readonly taken: Tx[] = [];
  readonly dropped: { readonly tx: Tx; readonly error: RuleError | null }[] = [];
  readonly #left: Tx[];

  constructor(transactions: readonly Tx[]) {
    this.#left = [...transactions];
  }

  candidates(): TransactionSource {
    const next = (): Tx => {
      const tx = this.#left.shift();
      if (tx === undefined) throw new RangeError('nothing was offered');
      return tx;
    };
    return {
      peek: () => this.#left[0],
      take: () => void this.taken.push(next()),
      drop: (error) => void this.dropped.push({ tx: next(), error }),
    };
  }
}

export function genesisDocument(alloc: Record<string, unknown> = {}, config: Record<string, unknown> = {}, gasLimit = '60000000') {
  const rich = Object.fromEntries([ALICE, BOB, CAROL].map(({ address }) => [address, { balance: (1_000n * ETHER).toString() }]));
  return {
    config: { chainId: CHAIN_ID, engine: { name: 'pow' }, ...config },
    gasLimit,
    difficulty: '0x20000',
    alloc: { ...rich, ...alloc },
  };
}

export class TestChain implements HeaderView {
  readonly params: ChainParams;
  readonly state = new MemoryState();
  readonly executor: Executor;
  readonly blocks: Block[] = [];
  readonly executions: Execution[] = [];

  private constructor(params: ChainParams, rewards: AnyEngine['rewards']) {
    this.params = params;
    this.executor = new Executor(params, this.state, { randomness: () => RANDOMNESS, rewards }, this);
  }

  /** Mints nothing unless told. */
  static async start(document: unknown = genesisDocument(), rewards: AnyEngine['rewards'] = () => []): Promise<TestChain> {
    const { block, execution, params } = await buildGenesis(parseGenesis(document));
    const chain = new TestChain(params, rewards);
    chain.append(block, execution);
    return chain;
  }

  get head(): Header {
    const block = this.blocks.at(-1);
    if (block === undefined) throw new RangeError('no genesis');
    return block.header;
  }

  get(hash: Hash): HeaderNode | undefined {
    const block = this.blocks.find(({ header }) => hashHeader(header) === hash);
    return block && { hash, header: block.header, seal: block.seal, facts: { weight: 0n, carried: 0n } };
  }

  append(block: Block, execution: Execution): void {
    this.state.write(execution);
    this.blocks.push(block);
    this.executions.push(execution);
  }

  decode(bytes: Uint8Array): Tx {
    return decodeTransaction(bytes, this.params);
  }

  /** Builds a block on the head without appending it. */
  build(transactions: readonly Uint8Array[], options: { fields?: Partial<BuildFields>; pool?: ListPool; gasLimit?: bigint } = {}) {
    const pool = options.pool ?? new ListPool(transactions.map((bytes) => this.decode(bytes)));
    return this.executor.build(this.head, { ...buildFields(this.head), ...options.fields }, pool, {
      gasLimit: options.gasLimit ?? this.head.gasLimit,
      buildTimeMs: 60_000,
    });
  }

  /** Builds, appends, and answers the receipts. Every transaction must have gone in. */
  async mine(...transactions: Uint8Array[]): Promise<Execution> {
    const pool = new ListPool(transactions.map((bytes) => this.decode(bytes)));
    const { block, execution } = await this.build([], { pool });
    const [refused] = pool.dropped;
    if (refused !== undefined) throw refused.error ?? new RangeError('a transaction did not fit');
    this.append(block, execution);
    return execution;
  }
}

export function buildFields(parent: Header): BuildFields {
  return {
    timestamp: parent.timestamp + 2,
    beneficiary: BENEFICIARY,
    difficulty: 131_072n,
    mixHash: ZERO_HASH,
    nonce: EMPTY_NONCE,
    payload: new Uint8Array(0),
  };
}

/** A contract whose constructor returns this runtime code. */
export function deployment(runtime: Hex): Hex {
  const body = runtime.slice(2);
  const length = (body.length / 2).toString(16).padStart(4, '0');
  // PUSH2 size, PUSH1 14, PUSH1 0, CODECOPY, PUSH2 size, PUSH1 0, RETURN: 14 bytes, and then the code.
  return `0x61${length}600e60003961${length}6000f3${body}`;
}
