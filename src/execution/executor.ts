/**
 * Executes blocks: those of others, comparing every field that their headers commit to, and our own, which it fills
 * from candidates. Nothing is stored here; the result says what an import has to write.
 *
 * Both may run at once: each has an EVM and a state of its own. Long blocks let the event loop run every few milliseconds.
 */
import { RuleError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { GAS_PER_BLOB } from '../chain/blobs.ts';
import { type Block, MAX_BLOCK_TRANSACTIONS, payloadCommitment } from '../chain/block.ts';
import { EMPTY_BLOOM, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../chain/header.ts';
import type { ChainParams } from '../chain/params.ts';
import { forkFields, nextGasLimit } from '../chain/rules.ts';
import type { HeaderView } from '../chain/tree.ts';
import type { AnyEngine, BuildFields } from '../consensus/engine.ts';
import { ancestorHashes } from './ancestors.ts';
import { BlockRun, type RunResult } from './block-run.ts';
import type { BlockContext } from './environment.ts';
import { type Now, Pacer, paced, systemNow } from './pacer.ts';
import { logsBloom, receiptsRootSteps, transactionsRootSteps } from './roots.ts';
import { WorldState } from './state.ts';
import { decodeTransaction, type TransactionSource, type Tx } from './transaction.ts';
import { checkTransaction } from './transaction-rules.ts';
import { RecentTries } from './trie.ts';
import type { ExecutedBlock, Execution, StateSource } from './types.ts';

/** Whoever has transactions for a block: the mempool. */
export interface CandidatePool {
  /** `baseFee` in wei, of the block that is being built. */
  candidates(baseFee: bigint): TransactionSource;
}

export interface BuildOptions {
  /** What the builder wants the gas limit to become; it may move by 1/1024 with each block. */
  readonly gasLimit: bigint;
  /** How long to collect transactions. The roots still have to be computed after it. */
  readonly buildTimeMs: number;
  /** Asked between transactions: true ends the collecting before its time. */
  readonly isHurried?: () => boolean;
}

export interface ExecutorOptions {
  /** The clock by which builds end and long work pauses. */
  readonly now?: Now;
  /** Whether calls of heavy precompiles go to a thread of their own; they do unless told. */
  readonly offload?: boolean;
  /** To be shared with others who read the same states. */
  readonly recent?: RecentTries;
}

const NO_CANDIDATES: TransactionSource = { peek: () => undefined, take: () => undefined, drop: () => undefined };

/** What execution has to know of the engine. */
export type ExecutionRules = Pick<AnyEngine, 'randomness' | 'rewards'>;

/** No transaction can use less. */
const LEAST_GAS = 21_000n;
/** Half of the largest block that the codec takes: whole seconds of execution, and no risk with the envelope. */
const MAX_BUILT_BYTES = 4 * 1024 * 1024;

export class Executor {
  readonly #params: ChainParams;
  readonly #source: StateSource;
  readonly #rules: ExecutionRules;
  readonly #headers: HeaderView;
  readonly #now: Now;
  readonly #offload: boolean;
  readonly #recent: RecentTries;

  /** `headers` answers for the ancestors that BLOCKHASH can name. */
  constructor(params: ChainParams, source: StateSource, rules: ExecutionRules, headers: HeaderView, options: ExecutorOptions = {}) {
    this.#params = params;
    this.#source = source;
    this.#rules = rules;
    this.#headers = headers;
    this.#now = options.now ?? systemNow;
    this.#offload = options.offload ?? true;
    this.#recent = options.recent ?? new RecentTries();
  }

  /**
   * Executes a block on its parent's state and compares every root, bloom and sum that the header commits to.
   * Throws RuleError `block/<field>` or `tx/...`, and StorageError when the parent's state is not in the store.
   */
  async execute(block: Block, parent: Header): Promise<Execution> {
    const { header } = block;
    const pacer = new Pacer(this.#now);
    compare(header, 'transactionsRoot', await paced(transactionsRootSteps(block.transactions), pacer));
    const run = await this.#open(header, parent, header, pacer);
    const seen = new Set<Hash>();
    let blobs = 0;
    for (const [index, bytes] of block.transactions.entries()) {
      try {
        const tx = decodeTransaction(bytes, this.#params, run.fork);
        checkDistinct(tx.hash, seen);
        await run.apply(tx);
        blobs += tx.blobs?.versionedHashes.length ?? 0;
      } catch (error) {
        throw inBlock(error, header, index);
      }
    }
    if (header.blobGasUsed !== undefined) compare(header, 'blobGasUsed', BigInt(blobs) * GAS_PER_BLOB);
    const result = await run.close(this.#rules.rewards(block));
    await checkResult(header, result, pacer);
    return { receipts: result.receipts, nodes: result.nodes, codes: result.codes };
  }

  /** A block on `parent` that is complete but for its proof. Candidates that cannot be executed are dropped, with the reason. */
  async build(parent: Header, fields: BuildFields, pool: CandidatePool, options: BuildOptions): Promise<ExecutedBlock> {
    const deadlineMs = this.#now() + options.buildTimeMs;
    const draft = this.#draft(parent, fields, options.gasLimit);
    const pacer = new Pacer(this.#now);
    const run = await this.#open(draft, parent, draft, pacer);
    const isOver = () => this.#now() >= deadlineMs || options.isHurried?.() === true;
    const candidates = fields.isEmpty === true ? NO_CANDIDATES : pool.candidates(draft.baseFeePerGas ?? 0n);
    const transactions = await collect(run, candidates, draft.gasLimit, isOver);
    const result = await run.close(this.#rules.rewards({ header: draft, payload: fields.payload }));
    const header: Header = {
      ...draft,
      stateRoot: result.root,
      transactionsRoot: await paced(transactionsRootSteps(transactions), pacer),
      receiptsRoot: await paced(receiptsRootSteps(result.receipts), pacer),
      logsBloom: logsBloom(result.receipts),
      gasUsed: result.gasUsed,
      ...(result.requestsHash !== undefined && { requestsHash: result.requestsHash }),
    };
    return {
      block: { header, seal: new Uint8Array(0), transactions, payload: fields.payload },
      execution: { receipts: result.receipts, nodes: result.nodes, codes: result.codes },
    };
  }

  #open(context: BlockContext, parent: Header, header: Header, pacer: Pacer): Promise<BlockRun> {
    return BlockRun.open({
      params: this.#params,
      source: this.#source,
      context,
      randomness: this.#rules.randomness(header),
      state: new WorldState(this.#source, parent.stateRoot, this.#recent),
      ancestorHash: ancestorHashes(parent, this.#headers),
      pacer,
      offload: this.#offload,
    });
  }

  /** The header before execution has filled it in. */
  #draft(parent: Header, fields: BuildFields, gasLimit: bigint): Header {
    const number = parent.number + 1;
    return {
      parentHash: hashHeader(parent),
      unclesHash: EMPTY_UNCLES_HASH,
      beneficiary: fields.beneficiary,
      stateRoot: EMPTY_TRIE_ROOT,
      transactionsRoot: EMPTY_TRIE_ROOT,
      receiptsRoot: EMPTY_TRIE_ROOT,
      logsBloom: EMPTY_BLOOM,
      difficulty: fields.difficulty,
      number,
      gasLimit: nextGasLimit(parent.gasLimit, gasLimit),
      gasUsed: 0n,
      timestamp: fields.timestamp,
      extraData: payloadCommitment(fields.payload),
      mixHash: fields.mixHash,
      nonce: fields.nonce,
      ...forkFields(number, fields.timestamp, parent, this.#params),
    };
  }
}

/** Takes candidates until there are none, or no room, or no time. Answers what went in, in order. */
async function collect(run: BlockRun, source: TransactionSource, gasLimit: bigint, isOver: () => boolean): Promise<Uint8Array[]> {
  const transactions: Uint8Array[] = [];
  let bytes = 0;
  while (gasLimit - run.gasUsed >= LEAST_GAS && transactions.length < MAX_BLOCK_TRANSACTIONS && !isOver()) {
    const tx = source.peek();
    if (tx === undefined) break;
    const fits = tx.gasLimit <= gasLimit - run.gasUsed && bytes + tx.bytes.length <= MAX_BUILT_BYTES;
    if (!fits) {
      source.drop(null);
      continue;
    }
    const refused = await tryApply(run, tx);
    if (refused !== null) {
      source.drop(refused);
      continue;
    }
    source.take();
    transactions.push(tx.bytes);
    bytes += tx.bytes.length;
  }
  return transactions;
}

async function tryApply(run: BlockRun, tx: Tx): Promise<RuleError | null> {
  try {
    // A pool may have decoded it for another fork, and a plain transfer meets no other check of its type.
    checkTransaction(tx, run.fork);
    await run.apply(tx);
    return null;
  } catch (error) {
    if (error instanceof RuleError) return error;
    throw error;
  }
}

async function checkResult(header: Header, result: RunResult, pacer: Pacer): Promise<void> {
  compare(header, 'gasUsed', result.gasUsed);
  compare(header, 'receiptsRoot', await paced(receiptsRootSteps(result.receipts), pacer));
  compare(header, 'logsBloom', logsBloom(result.receipts));
  compare(header, 'requestsHash', result.requestsHash);
  compare(header, 'stateRoot', result.root);
}

function compare<Field extends keyof Header>(header: Header, field: Field, computed: Header[Field]): void {
  if (header[field] === computed) return;
  const claims = `Block ${header.number} claims the ${field} ${header[field] ?? 'missing'}`;
  throw new RuleError(`block/${field}`, `${claims}; its execution gives ${computed ?? 'none'}.`, { number: header.number });
}

/** The second copy could not be executed anyway, since its nonce is used; but that reason would mislead. */
function checkDistinct(hash: Hash, seen: Set<Hash>): void {
  if (seen.has(hash)) throw new RuleError('block/duplicate-transaction', `The block has transaction ${hash} twice.`, { hash });
  seen.add(hash);
}

/** The same error, saying where. */
function inBlock(error: unknown, header: Header, index: number): unknown {
  if (!(error instanceof RuleError)) return error;
  const message = `Transaction ${index} of block ${header.number}: ${error.message}`;
  return new RuleError(error.code, message, { ...error.fields, number: header.number, index }, { blame: error.blame, cause: error.cause });
}
