/** Blocks as Otterscan wants them: without their transactions but with what they paid, and a page of transactions. */
import { toQuantity } from '../base/bytes.ts';
import type { Json } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { Backend, TransactionView } from './backend.ts';
import { blobPrice } from './blob-price.ts';
import { Breather } from './breather.ts';
import { isObject } from './codecs.ts';
import { blockJson } from './format/block.ts';
import { receiptJson } from './format/receipt.ts';
import { effectiveGasPrice, transactionJson, transactionJsonBytes } from './format/transaction.ts';
import type { ReplySize } from './limits.ts';

/** `0x` and a function's selector. */
const SELECTOR_LENGTH = 10;
const RECEIPT_BYTES = 900;

/** Null when the block is unknown. */
export function blockDetails(backend: Backend, node: HeaderNode | undefined): Json {
  const block = node === undefined ? undefined : backend.chain.block(node.hash);
  if (node === undefined || block === undefined) return null;
  return { block: summary(block, node), issuance: issuance(backend, block), totalFees: toQuantity(totalFees(backend, block, node)) };
}

/** The transactions of a page, counted from the block's end, in the block's order. */
export async function blockPage(
  backend: Backend,
  node: HeaderNode | undefined,
  page: number,
  pageSize: number,
  size: ReplySize,
): Promise<Json> {
  const block = node === undefined ? undefined : backend.chain.block(node.hash);
  const receipts = node === undefined ? undefined : backend.chain.receipts(node.hash);
  if (node === undefined || block === undefined || receipts === undefined) return null;
  const end = Math.max(0, block.transactions.length - page * pageSize);
  const transactions: Json[] = [];
  const shown: Json[] = [];
  const breather = new Breather();
  const blobGasPrice = blobPrice(backend.params, node.header);
  for (let index = Math.max(0, end - pageSize); index < end; index++) {
    const [bytes, receipt] = [block.transactions[index], receipts[index]];
    if (bytes === undefined || receipt === undefined) break;
    const tx = backend.chain.decode(bytes);
    size.add(transactionJsonBytes(tx) + RECEIPT_BYTES);
    transactions.push(withSelectorOnly(transactionJson(tx, { block: node, index })));
    const whole = receiptJson({ ...receipt, logs: [] }, tx, { block: node, index, firstLogIndex: 0, blobGasPrice });
    shown.push({ ...(isObject(whole) && whole), logs: null, logsBloom: null });
    await breather.breathe();
  }
  return { fullblock: { ...summary(block, node), transactions }, receipts: shown };
}

function summary(block: Block, node: HeaderNode): { [key: string]: Json } {
  const { transactions: _, ...fields } = blockJson(block, node.hash, []);
  return { ...fields, logsBloom: null, transactionCount: block.transactions.length };
}

function withSelectorOnly(tx: Json): Json {
  if (!isObject(tx) || typeof tx.input !== 'string') return tx;
  return { ...tx, input: tx.input.slice(0, SELECTOR_LENGTH) };
}

/** What the engine gave to the block's beneficiary, and to others (of uncles, where there are any). */
function issuance(backend: Backend, block: Block): Json {
  const sum = (wanted: boolean) =>
    backend.chain
      .rewards(block)
      .filter(({ to }) => (to === block.header.beneficiary) === wanted)
      .reduce((total, { amount }) => total + amount, 0n);
  const [blockReward, uncleReward] = [sum(true), sum(false)];
  return { blockReward: toQuantity(blockReward), uncleReward: toQuantity(uncleReward), issuance: toQuantity(blockReward + uncleReward) };
}

/** With the base fee, which is burnt. */
function totalFees({ chain }: Backend, block: Block, node: HeaderNode): bigint {
  const receipts = chain.receipts(node.hash) ?? [];
  const price = (tx: Pick<TransactionView, 'maxFeePerGas' | 'maxPriorityFeePerGas'>) =>
    effectiveGasPrice(tx, block.header.baseFeePerGas ?? 0n);
  return block.transactions.reduce((sum, bytes, index) => sum + price(chain.fees(bytes)) * (receipts[index]?.gasUsed ?? 0n), 0n);
}
