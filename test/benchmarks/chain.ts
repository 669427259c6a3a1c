/** Chains of full blocks for a follower to import: built as a miner builds them, with a difficulty that any nonce meets. */

import { present } from '../../src/base/assert.ts';
import { EMPTY } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import { Address, type Hash, ZERO_HASH } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { hashHeader } from '../../src/chain/header.ts';
import type { ChainParams } from '../../src/chain/params.ts';
import type { Facts, HeaderNode } from '../../src/chain/tree.ts';
import type { AnyEngine } from '../../src/consensus/engine.ts';
import { createEngine } from '../../src/consensus/registry.ts';
import { Executor } from '../../src/execution/executor.ts';
import { buildGenesis, parseGenesis } from '../../src/execution/genesis.ts';
import { decodeTransaction } from '../../src/execution/transaction.ts';
import type { Execution } from '../../src/execution/types.ts';
import { blsSignatures } from '../../src/wallet/bls.ts';
import { GAS_LIMIT } from './transfers.ts';

const BENEFICIARY = Address(`0x${'c0'.repeat(20)}`);
/** Later than the block time wants it, so that the difficulty stays as low as it can be. */
const BLOCK_INTERVAL_SECONDS = 2;
const BUILD_TIME_MS = 600_000;

/** A chain in memory that grows block by block. */
export class ChainMaker {
  readonly blocks: Block[] = [];
  readonly #params: ChainParams;
  readonly #engine: AnyEngine;
  readonly #executor: Executor;
  readonly #headers = new Map<Hash, HeaderNode>();
  readonly #nodes = new Map<Hash, Uint8Array>();
  readonly #codes = new Map<Hash, Uint8Array>();
  #head: HeaderNode;

  private constructor(params: ChainParams, genesis: Block, execution: Execution) {
    this.#params = params;
    this.#engine = createEngine(params, { beneficiary: BENEFICIARY, produce: false, signers: [] }, blsSignatures);
    const state = { node: (hash: Hash) => this.#nodes.get(hash), code: (hash: Hash) => this.#codes.get(hash) };
    this.#executor = new Executor(params, state, this.#engine, this.#headers);
    this.#head = this.#keep(genesis, execution, this.#engine.genesisFacts(genesis.header));
  }

  /** `document` must be of difficulty 1 and old enough for the blocks that are to follow. */
  static async open(document: unknown): Promise<ChainMaker> {
    const { block, execution, params } = await buildGenesis(parseGenesis(document));
    return new ChainMaker(params, block, execution);
  }

  /** Every transaction must go in. */
  async add(transactions: readonly Uint8Array[]): Promise<void> {
    const parent = this.#head.header;
    const decoded = transactions.map((bytes) => decodeTransaction(bytes, this.#params));
    let next = 0;
    const source = {
      peek: () => decoded[next],
      take: () => void next++,
      drop: (error: RuleError | null) => {
        throw error ?? new RangeError(`transaction ${next} does not fit the block`);
      },
    };
    const fields = {
      timestamp: parent.timestamp + BLOCK_INTERVAL_SECONDS,
      beneficiary: BENEFICIARY,
      difficulty: 1n,
      mixHash: ZERO_HASH,
      nonce: parent.nonce,
      payload: EMPTY,
    };
    const options = { gasLimit: GAS_LIMIT, buildTimeMs: BUILD_TIME_MS };
    const { block, execution } = await this.#executor.build(parent, fields, { candidates: () => source }, options);
    const { sealed, facts } = this.#prove(block);
    this.#head = this.#keep(sealed, execution, facts);
    this.blocks.push(sealed);
  }

  /** One hash in 65,536 misses even the easiest target, which the compact form rounds down. */
  #prove(block: Block): { readonly sealed: Block; readonly facts: Facts } {
    for (let nonce = 0; ; nonce++) {
      const sealed = { ...block, header: { ...block.header, nonce: `0x${nonce.toString(16).padStart(16, '0')}` as const } };
      try {
        return { sealed, facts: this.#engine.verifyHeader(sealed, this.#head, this.#headers, Date.now()) };
      } catch (error) {
        if (!(error instanceof RuleError && error.code === 'header/proof')) throw error;
      }
    }
  }

  #keep(block: Block, { nodes, codes }: Execution, facts: Facts): HeaderNode {
    const hash = hashHeader(block.header);
    this.#headers.set(hash, { header: block.header, seal: block.seal, hash, facts });
    for (const [name, bytes] of nodes) this.#nodes.set(name, bytes);
    for (const [name, bytes] of codes) this.#codes.set(name, bytes);
    return present(this.#headers.get(hash), 'the header that was just kept');
  }
}
