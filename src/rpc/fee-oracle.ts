/**
 * What transactions pay: a suggestion for the priority fee from recent blocks (geth's method: of each recent block the
 * three lowest tips, and of those the 60th percentile), and the fee history of EIP-1559 with tips by percentile.
 */
import { BoundedMap } from '../base/bounded.ts';
import type { Hash } from '../base/types.ts';
import type { HeaderNode } from '../chain/tree.ts';
import type { Backend } from './backend.ts';
import { Breather } from './breather.ts';
import { effectiveTip } from './format/transaction.ts';

const SAMPLED_BLOCKS = 20;
const SAMPLES_PER_BLOCK = 3;
const PERCENTILE = 60;
/** What is suggested when nobody has paid anything lately: 1 gwei. */
const DEFAULT_TIP = 1_000_000_000n;
/** A few absurd tips in a quiet chain must not make wallets pay them: 500 gwei. */
const MAX_TIP = 500_000_000_000n;
const CACHED_BLOCKS = 2_048;

/** What one transaction paid above the base fee, and how much gas it used. */
interface Tip {
  readonly wei: bigint;
  readonly gasUsed: bigint;
}

export class FeeOracle {
  readonly #backend: Backend;
  /** Ascending tips of a block. */
  readonly #tips = new BoundedMap<Hash, readonly Tip[]>(CACHED_BLOCKS);
  #suggestion: { readonly head: Hash; readonly tip: Promise<bigint> } | undefined;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Wei. Computed once for each head. */
  suggestTip(): Promise<bigint> {
    const { head } = this.#backend.chain;
    if (this.#suggestion?.head !== head.hash) this.#suggestion = { head: head.hash, tip: this.#sample(head) };
    return this.#suggestion.tip;
  }

  /** Wei per gas for a transaction that has one price and is to be mined next. */
  async suggestGasPrice(): Promise<bigint> {
    const { head } = this.#backend.chain;
    const tip = await this.suggestTip();
    return tip + (this.#backend.chain.nextBaseFee(head.header) ?? 0n);
  }

  /** For each percentile (ascending, 0 to 100) the tip at that share of the block's gas; zeros for an empty block. */
  rewards(block: HeaderNode, percentiles: readonly number[]): bigint[] {
    const tips = this.#ofBlock(block);
    const total = Number(block.header.gasUsed);
    let index = 0;
    let gas = Number(tips[0]?.gasUsed ?? 0n);
    return percentiles.map((percentile) => {
      const threshold = (total * percentile) / 100;
      while (gas < threshold && index < tips.length - 1) {
        index++;
        gas += Number(tips[index]?.gasUsed ?? 0n);
      }
      return tips[index]?.wei ?? 0n;
    });
  }

  async #sample(head: HeaderNode): Promise<bigint> {
    const { chain, pool } = this.#backend;
    const breather = new Breather();
    const samples: bigint[] = [];
    let block: HeaderNode | undefined = head;
    for (let count = 0; count < SAMPLED_BLOCKS && block !== undefined; count++) {
      samples.push(
        ...this.#ofBlock(block)
          .slice(0, SAMPLES_PER_BLOCK)
          .map(({ wei }) => wei),
      );
      block = chain.header(block.header.parentHash);
      await breather.breathe();
    }
    samples.sort(ascending);
    const middle = samples[Math.floor(((samples.length - 1) * PERCENTILE) / 100)] ?? DEFAULT_TIP;
    return clamp(middle, pool.minTip, MAX_TIP);
  }

  #ofBlock(block: HeaderNode): readonly Tip[] {
    const known = this.#tips.get(block.hash);
    if (known !== undefined) return known;
    const tips = block.header.gasUsed === 0n ? [] : this.#read(block);
    this.#tips.set(block.hash, tips);
    return tips;
  }

  #read({ hash, header }: HeaderNode): readonly Tip[] {
    const { chain } = this.#backend;
    const receipts = chain.receipts(hash) ?? [];
    const baseFee = header.baseFeePerGas ?? 0n;
    const tips = (chain.block(hash)?.transactions ?? []).map(
      (bytes, index): Tip => ({ wei: effectiveTip(chain.fees(bytes), baseFee), gasUsed: receipts[index]?.gasUsed ?? 0n }),
    );
    return tips.sort((a, b) => ascending(a.wei, b.wei));
  }
}

function ascending(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  if (value < low) return low;
  return value > high ? high : value;
}
