/**
 * The driver's ledger port over the light chain: the order of work, the two views and the replies are those of the real
 * ledger (`node/ledger.ts`); executing costs virtual time and no EVM.
 */
import { assert } from '../base/assert.ts';
import { EMPTY } from '../base/bytes.ts';
import { RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { type Block, payloadCommitment } from '../chain/block.ts';
import { EMPTY_BLOOM, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header } from '../chain/header.ts';
import type { ChainParams } from '../chain/params.ts';
import { forkFields } from '../chain/rules.ts';
import type { Facts, HeaderNode } from '../chain/tree.ts';
import type { AnyEngine, BuildFields, Certificate } from '../consensus/engine.ts';
import type { LedgerPort } from '../node/ports.ts';
import type { LightChain } from './light-chain.ts';
import type { LightPool } from './light-pool.ts';
import type { HeadChange, LedgerEvents } from './tier.ts';
import { accountOfAddress, applyTransfer, type Balances, balancesRoot, decodeTransfer, mint, transfersRoot } from './transfers.ts';

/** Each transfer counts as this much. */
const TRANSFER_GAS = 21_000n;
const MAX_TRANSFERS_IN_BLOCK = 64;

export interface LightLedgerOptions extends Omit<LedgerEvents, 'onReturned'> {
  readonly chain: LightChain;
  readonly pool: LightPool;
  readonly engine: AnyEngine;
  readonly params: ChainParams;
  /** Virtual time for one block, before its transfers are looked at. */
  readonly executionUs: () => number;
  /** Calls back while the node lives. */
  readonly after: (delayUs: number, action: () => void) => void;
}

interface Check {
  readonly hash: Hash;
  readonly done: (error: RuleError | null) => void;
}
interface Build {
  readonly parent: Hash;
  readonly fields: BuildFields;
  readonly done: (block: Block | null) => void;
}

export class LightLedger implements LedgerPort {
  readonly view: LightChain;
  readonly #options: LightLedgerOptions;
  readonly #checks: Check[] = [];
  #build: Build | null = null;
  #working = false;
  /** Head changes that are not durable yet: the pool has not followed them. */
  #unsettled = 0;

  constructor(options: LightLedgerOptions) {
    this.#options = options;
    this.view = options.chain;
  }

  insert(block: Block, facts: Facts): void {
    if (this.view.insert(block, facts)) this.#options.onInserted(block);
  }

  setHead(hash: Hash, done: () => void): void {
    this.#unsettled++;
    const change = this.view.setHead(hash, (durable) => {
      this.#unsettled--;
      this.#poolFollows(durable);
      this.#options.onDurable(durable.newHead);
      done();
      this.#work();
    });
    this.#options.onHead(change);
  }

  finalize(hash: Hash, certificate: Certificate, done: () => void): void {
    this.view.finalize(hash, certificate, () => {
      this.#options.onFinalDurable(node);
      done();
    });
    const node = this.view.finalized;
    this.#options.onFinalized(node, certificate);
  }

  check(hash: Hash, done: (error: RuleError | null) => void): void {
    this.#checks.push({ hash, done });
    this.#work();
  }

  bodyMatches(block: Block): boolean {
    return lightBodyMatches(block);
  }

  build(parent: Hash, fields: BuildFields, done: (block: Block | null) => void): void {
    this.#build = { parent, fields, done };
    this.#work();
  }

  /** One block at a time; checks go before builds, and a build waits for the pool to reach the head. */
  #work(): void {
    if (this.#working || (this.#checks.length === 0 && (this.#build === null || this.#unsettled > 0))) return;
    this.#working = true;
    this.#options.after(this.#options.executionUs(), () => {
      this.#working = false;
      const check = this.#checks.shift();
      if (check !== undefined) this.#runCheck(check);
      else if (this.#unsettled === 0) this.#runBuild();
      this.#work();
    });
  }

  #runCheck({ hash, done }: Check): void {
    const { view } = this;
    if (view.status(hash) === 'executed') return done(null);
    const block = view.block(hash);
    const parent = block && view.state(block.header.parentHash);
    assert(block !== undefined && parent !== undefined && parent !== null, () => `block ${hash} and the state of its parent are here`);
    const error = this.#execute(hash, block, parent);
    this.#options.onChecked(hash, error);
    done(error);
  }

  #execute(hash: Hash, block: Block, parent: Balances): RuleError | null {
    try {
      this.view.executed(hash, executeBlock(this.#options.engine, block, parent));
      return null;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      this.view.invalid(hash);
      return error;
    }
  }

  #runBuild(): void {
    const build = this.#build;
    if (build === null) return;
    this.#build = null;
    const parent = this.view.get(build.parent);
    const state = this.view.state(build.parent);
    if (parent === undefined || state === null) return build.done(null);
    const { engine, params, pool } = this.#options;
    const block = buildBlock({ engine, params, pool, parent, state, fields: build.fields });
    this.#options.onBuilt(block);
    build.done(block);
  }

  #poolFollows({ newHead, removed }: HeadChange): void {
    const state = this.view.state(newHead.hash);
    assert(state !== null, () => `the head ${newHead.hash} has a state`);
    this.#options.pool.headChanged(
      state,
      removed.flatMap(({ hash }) => [...(this.view.block(hash)?.transactions ?? [])]),
    );
  }
}

/** The state after a block. Throws RuleError when the block is not what its header says. */
export function executeBlock(engine: AnyEngine, { header, transactions, payload }: Block, parent: Balances): Balances {
  const state = parent.slice();
  for (const bytes of transactions) applyTransfer(state, decodeTransfer(bytes));
  pay(engine, { header, payload }, state);
  const gasUsed = TRANSFER_GAS * BigInt(transactions.length);
  if (header.gasUsed !== gasUsed) throw mismatch('gasUsed', header.gasUsed, gasUsed);
  const root = balancesRoot(state);
  if (header.stateRoot !== root) throw mismatch('stateRoot', header.stateRoot, root);
  if (header.receiptsRoot !== EMPTY_TRIE_ROOT) throw mismatch('receiptsRoot', header.receiptsRoot, EMPTY_TRIE_ROOT);
  return state;
}

/** Whether the body is that of the header: cheap, and to be known before the block counts for anything. */
export function lightBodyMatches({ header, transactions, payload }: Block): boolean {
  return header.transactionsRoot === transfersRoot(transactions) && header.extraData === payloadCommitment(payload);
}

interface BuildInput {
  readonly engine: AnyEngine;
  readonly params: ChainParams;
  readonly pool: LightPool;
  readonly parent: HeaderNode;
  readonly state: Balances;
  readonly fields: BuildFields;
}

function buildBlock({ engine, params, pool, parent, state, fields }: BuildInput): Block {
  const after = state.slice();
  const transactions = fields.isEmpty === true ? [] : pool.take(after, MAX_TRANSFERS_IN_BLOCK);
  const { payload, timestamp, beneficiary, difficulty, mixHash, nonce } = fields;
  const number = parent.header.number + 1;
  const header: Header = {
    parentHash: parent.hash,
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary,
    stateRoot: EMPTY_TRIE_ROOT,
    transactionsRoot: transfersRoot(transactions),
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: EMPTY_BLOOM,
    difficulty,
    number,
    gasLimit: parent.header.gasLimit,
    gasUsed: TRANSFER_GAS * BigInt(transactions.length),
    timestamp,
    extraData: payloadCommitment(payload),
    mixHash,
    nonce,
    ...forkFields(number, timestamp, parent.header, params),
  };
  pay(engine, { header, payload }, after);
  return { header: { ...header, stateRoot: balancesRoot(after) }, seal: EMPTY, transactions, payload };
}

function pay(engine: AnyEngine, block: Pick<Block, 'header' | 'payload'>, state: Balances): void {
  for (const { to, amount } of engine.rewards(block)) {
    const account = accountOfAddress(to);
    if (account !== null && 2 * account < state.length) mint(state, account, Number(amount));
  }
}

function mismatch(field: string, got: unknown, expected: unknown): RuleError {
  return new RuleError(`block/${field}`, `The block executes to another ${field}: ${expected}, and not the header's ${got}.`);
}
