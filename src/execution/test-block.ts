/**
 * testing_buildBlockV1 (ethereum/execution-apis) as a function of a state source: a block of these transactions on any
 * parent, which nobody keeps. Runs in a worker (`evm-worker.ts`).
 */
import { EMPTY } from '../base/bytes.ts';
import { RuleError } from '../base/errors.ts';
import type { Address, Hash, Hex } from '../base/types.ts';
import { excessBlobGasAfter, GAS_PER_BLOB } from '../chain/blobs.ts';
import type { Block } from '../chain/block.ts';
import { encodeForeignBody, type Withdrawal } from '../chain/foreign-body.ts';
import { EMPTY_BLOOM, EMPTY_NONCE, EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, hashHeader } from '../chain/header.ts';
import { forkAt, isAtLeast } from '../chain/params.ts';
import { nextBaseFee, nextGasLimit } from '../chain/rules.ts';
import { BlockRun } from './block-run.ts';
import type { CallHost } from './calls.ts';
import { Pacer } from './pacer.ts';
import { logsBloom, receiptsRoot, transactionsRoot, withdrawalsRoot } from './roots.ts';
import { WorldState } from './state.ts';
import { decodeTransaction, effectiveGasPrice, type Tx } from './transaction.ts';

export interface TestBlockRequest {
  /** The parent. */
  readonly header: Header;
  readonly timestamp: number;
  readonly beneficiary: Address;
  readonly randomness: Hash;
  readonly beaconRoot: Hash;
  readonly withdrawals: readonly Withdrawal[];
  readonly extraData: Hex;
  /** Where the gas limit moves to. */
  readonly gasLimit: bigint;
  readonly transactions: readonly Uint8Array[];
  /** Whether those that cannot come next are left out; otherwise they make the request fail. */
  readonly lenient: boolean;
}

export interface TestBlock {
  readonly block: Block;
  /** Wei that the beneficiary gets in tips. */
  readonly tips: bigint;
  /** EIP-7685, each after its type. */
  readonly requests: readonly Uint8Array[];
}

const GWEI = 10n ** 9n;

/** Throws RuleError tx/... for a transaction that cannot come next. */
export async function buildTestBlock(host: CallHost, request: TestBlockRequest): Promise<TestBlock> {
  const { params, source, ancestorHash } = host;
  const draft = draftOf(host, request);
  const state = new WorldState(source, request.header.stateRoot);
  const ancestors = (number: number) => (number === request.header.number ? draft.parentHash : ancestorHash(number));
  const run = await BlockRun.open({
    params,
    source,
    context: draft,
    randomness: request.randomness,
    state,
    ancestorHash: ancestors,
    pacer: new Pacer(),
  });
  const included: Tx[] = [];
  let tips = 0n;
  for (const bytes of request.transactions) {
    const tx = await include(host, run, bytes, request.lenient);
    if (tx === null) continue;
    included.push(tx.tx);
    tips += tx.gasUsed * (effectiveGasPrice(tx.tx, draft.baseFeePerGas ?? 0n) - (draft.baseFeePerGas ?? 0n));
  }
  const paid = request.withdrawals.filter(({ amountGwei }) => amountGwei > 0n);
  const result = await run.close(paid.map(({ address, amountGwei }) => ({ to: address, amount: amountGwei * GWEI })));
  const transactions = included.map(({ bytes }) => bytes);
  const blobs = included.reduce((sum, tx) => sum + (tx.blobs?.versionedHashes.length ?? 0), 0);
  const header: Header = {
    ...draft,
    stateRoot: result.root,
    transactionsRoot: transactionsRoot(transactions),
    receiptsRoot: receiptsRoot(result.receipts),
    logsBloom: logsBloom(result.receipts),
    gasUsed: result.gasUsed,
    ...(draft.blobGasUsed !== undefined && { blobGasUsed: BigInt(blobs) * GAS_PER_BLOB }),
    ...(result.requestsHash !== undefined && { requestsHash: result.requestsHash }),
  };
  const payload = encodeForeignBody({ uncles: [], withdrawals: request.withdrawals });
  return { block: { header, seal: EMPTY, transactions, payload }, tips, requests: result.requests ?? [] };
}

async function include(
  { params }: CallHost,
  run: BlockRun,
  bytes: Uint8Array,
  lenient: boolean,
): Promise<{ tx: Tx; gasUsed: bigint } | null> {
  try {
    const tx = decodeTransaction(bytes, params, run.fork);
    return { tx, gasUsed: (await run.apply(tx)).gasUsed };
  } catch (error) {
    if (lenient && error instanceof RuleError) return null;
    throw error;
  }
}

function draftOf({ params }: CallHost, request: TestBlockRequest): Header {
  const { header: parent, timestamp } = request;
  const number = parent.number + 1;
  if (timestamp <= parent.timestamp) {
    throw new RuleError('block/timestamp', `invalid timestamp: ${timestamp}, the parent has ${parent.timestamp}`);
  }
  const fork = forkAt(params.forks, number, timestamp);
  const excess = excessBlobGasAfter(parent, params.blobs, timestamp, isAtLeast(fork, 'osaka'));
  return {
    parentHash: hashHeader(parent),
    unclesHash: EMPTY_UNCLES_HASH,
    beneficiary: request.beneficiary,
    stateRoot: parent.stateRoot,
    transactionsRoot: EMPTY_TRIE_ROOT,
    receiptsRoot: EMPTY_TRIE_ROOT,
    logsBloom: EMPTY_BLOOM,
    difficulty: isAtLeast(fork, 'paris') ? 0n : parent.difficulty,
    number,
    gasLimit: nextGasLimit(parent.gasLimit, request.gasLimit),
    gasUsed: 0n,
    timestamp,
    extraData: request.extraData,
    mixHash: request.randomness,
    nonce: EMPTY_NONCE,
    ...(isAtLeast(fork, 'london') && { baseFeePerGas: nextBaseFee(parent) }),
    ...(isAtLeast(fork, 'shanghai') && { withdrawalsRoot: withdrawalsRoot(request.withdrawals) }),
    ...(isAtLeast(fork, 'cancun') && { blobGasUsed: 0n, excessBlobGas: excess, parentBeaconBlockRoot: request.beaconRoot }),
  };
}
