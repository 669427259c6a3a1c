/** eth_: what transactions cost. */
import { toQuantity } from '../../../base/bytes.ts';
import type { Json } from '../../../base/types.ts';
import type { HeaderNode } from '../../../chain/tree.ts';
import { blobFullness, blobPrice, nextBlobPrice } from '../../blob-price.ts';
import { blockNumber, requireHeader } from '../../block-ref.ts';
import { Breather } from '../../breather.ts';
import { count, list, number } from '../../codecs.ts';
import { invalidParams, refused } from '../../errors.ts';
import { type Context, type Method, method, optional, required } from '../../method.ts';

const MAX_HISTORY_BLOCKS = 1_024;
const MAX_PERCENTILES = 100;

export const FEE_METHODS: readonly Method[] = [
  method({
    name: 'eth_gasPrice',
    doc: 'A gas price with which a transaction should be mined soon: base fee and suggested tip.',
    result: 'quantity, wei',
    run: async ({ fees }) => toQuantity(await fees.suggestGasPrice()),
  }),
  method({
    name: 'eth_maxPriorityFeePerGas',
    doc: 'A tip with which a transaction should be mined soon.',
    result: 'quantity, wei',
    run: async ({ fees }) => toQuantity(await fees.suggestTip()),
  }),
  method({
    name: 'eth_baseFee',
    doc: 'The base fee of the next block.',
    result: 'quantity, wei, or null before EIP-1559',
    run({ backend }) {
      const fee = backend.chain.nextBaseFee(backend.chain.head.header);
      return fee === undefined ? null : toQuantity(fee);
    },
  }),
  method({
    name: 'eth_blobBaseFee',
    doc: "The price of blob gas. synod's own networks carry no blobs, so there it stays at the least that EIP-4844 allows.",
    result: 'quantity, wei, or null before EIP-4844',
    run({ backend }) {
      const price = blobPrice(backend.params, backend.chain.head.header);
      return price === 0n ? null : toQuantity(price);
    },
  }),
  method({
    name: 'eth_feeHistory',
    doc: 'Base fees, fullness and tips by percentile of up to 1,024 blocks.',
    parameters: [
      required('blockCount', count),
      required('newestBlock', blockNumber),
      optional('rewardPercentiles', list(number, MAX_PERCENTILES), []),
    ],
    result: 'an object with oldestBlock, baseFeePerGas, gasUsedRatio, reward and their blob counterparts',
    run(context, blocks, newest, percentiles) {
      checkPercentiles(percentiles);
      const { chain } = context.backend;
      const head = chain.head.header.number;
      if (newest.kind === 'number' && newest.number > head) {
        throw refused('rpc/beyond-head', `request beyond head block: requested ${newest.number}, head ${head}`);
      }
      return history(context, requireHeader(chain, newest), Number(blocks), percentiles);
    },
  }),
];

function checkPercentiles(percentiles: readonly number[]): void {
  for (const [index, percentile] of percentiles.entries()) {
    const previous = percentiles[index - 1] ?? 0;
    if (percentile < 0 || percentile > 100) throw invalidParams(`invalid reward percentile: ${percentile}; expected 0 to 100`);
    if (percentile < previous)
      throw invalidParams(`invalid reward percentile: #${index - 1}:${previous} > #${index}:${percentile}; expected them to ascend`);
  }
}

async function history(context: Context, newest: HeaderNode, wanted: number, percentiles: readonly number[]): Promise<Json> {
  const blocks = await ancestors(context, newest, Math.min(wanted, MAX_HISTORY_BLOCKS));
  const [oldest] = blocks;
  if (oldest === undefined) return { oldestBlock: '0x0', gasUsedRatio: [] };
  const breather = new Breather();
  const rewards: Json[] = [];
  for (const block of percentiles.length === 0 ? [] : blocks) {
    rewards.push(context.fees.rewards(block, percentiles).map(toQuantity));
    await breather.breathe();
  }
  const next = context.backend.chain.nextBaseFee(newest.header) ?? 0n;
  const { params } = context.backend;
  const blobFees = [...blocks.map(({ header }) => blobPrice(params, header)), nextBlobPrice(params, newest.header)];
  return {
    oldestBlock: toQuantity(oldest.header.number),
    ...(percentiles.length > 0 && { reward: rewards }),
    baseFeePerGas: [...blocks.map(({ header }) => header.baseFeePerGas ?? 0n), next].map(toQuantity),
    gasUsedRatio: blocks.map(({ header }) => Number(header.gasUsed) / Math.max(1, Number(header.gasLimit))),
    baseFeePerBlobGas: blobFees.map(toQuantity),
    blobGasUsedRatio: blocks.map(({ header }) => blobFullness(params, header)),
  };
}

/** Up to `wanted` blocks that end with this one, oldest first. */
async function ancestors({ backend }: Context, newest: HeaderNode, wanted: number): Promise<HeaderNode[]> {
  const breather = new Breather();
  const blocks: HeaderNode[] = [];
  let block: HeaderNode | undefined = newest;
  while (block !== undefined && blocks.length < wanted) {
    blocks.push(block);
    block = backend.chain.header(block.header.parentHash);
    await breather.breathe();
  }
  return blocks.reverse();
}
