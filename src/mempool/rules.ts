/**
 * What the pool asks of a transaction beyond the rules of the chain, in geth's sentences (core/txpool), which wallets and
 * libraries match. Another node's head or pool may explain any of it, so none is held against whoever sent it.
 */
import { type ErrorFields, RuleError } from '../base/errors.ts';
import { type ChainParams, type Fork, forkAt } from '../chain/params.ts';
import { decodeTransaction, type Tx } from '../execution/transaction.ts';
import { costOf, type SenderQueue } from './account.ts';
import type { PoolLimits } from './limits.ts';

/** Code `mempool/<what>`. */
export function refusal(what: string, message: string, fields: ErrorFields): RuleError {
  return new RuleError(`mempool/${what}`, message, fields, { blame: false });
}

/** Decodes under the fork of the next block; blames for nothing that is allowed at another time of this network. */
export class ForkAwareDecoder {
  readonly #params: ChainParams;
  /** Every fork that is ever in force on this network. */
  readonly #forks: ReadonlySet<Fork>;

  constructor(params: ChainParams) {
    this.#params = params;
    const { forks } = params;
    // Every activation by height comes before any by time.
    this.#forks = new Set(forks.map(({ block, time }) => forkAt(forks, block ?? Number.MAX_SAFE_INTEGER, time ?? 0)));
  }

  /** Throws RuleError `tx/...`. */
  decode(bytes: Uint8Array, fork: Fork): Tx {
    try {
      return decodeTransaction(bytes, this.#params, fork);
    } catch (error) {
      if (!(error instanceof RuleError) || !this.#isValidUnderAnother(bytes, fork)) throw error;
      throw new RuleError(error.code, error.message, error.fields, { blame: false, cause: error });
    }
  }

  #isValidUnderAnother(bytes: Uint8Array, fork: Fork): boolean {
    return [...this.#forks].some((other) => other !== fork && this.#isValid(bytes, other));
  }

  #isValid(bytes: Uint8Array, fork: Fork): boolean {
    try {
      decodeTransaction(bytes, this.#params, fork);
      return true;
    } catch (error) {
      if (error instanceof RuleError) return false;
      throw error;
    }
  }
}

/** What it offers and which place it wants, apart from what its sender can pay. Throws RuleError `mempool/...`. */
export function checkOffer(tx: Tx, queue: SenderQueue, limits: PoolLimits): void {
  const { nonce, gasLimit } = queue.standing;
  const fields = { hash: tx.hash };
  if (tx.gasLimit > gasLimit) {
    throw refusal('gas-limit', `exceeds block gas limit: the transaction wants ${tx.gasLimit} gas, a block has ${gasLimit}.`, fields);
  }
  if (tx.maxPriorityFeePerGas < limits.minTip) {
    const tip = `gas tip cap ${tx.maxPriorityFeePerGas}, minimum needed ${limits.minTip}`;
    throw refusal('underpriced', `transaction underpriced: ${tip}.`, fields);
  }
  if (tx.nonce < nonce) throw refusal('nonce-too-low', `nonce too low: next nonce ${nonce}, tx nonce ${tx.nonce}.`, fields);
  const replaced = queue.at(tx.nonce)?.tx;
  if (replaced !== undefined) checkBump(tx, replaced, limits.priceBumpPercent);
}

/** A replacement raises both fee caps, so that spreading it to every node is paid for. */
function checkBump(tx: Tx, old: Tx, percent: bigint): void {
  const fee = raised(old.maxFeePerGas, percent);
  const tip = raised(old.maxPriorityFeePerGas, percent);
  if (tx.maxFeePerGas >= fee && tx.maxPriorityFeePerGas >= tip) return;
  const needed = `raise both fee caps by ${percent}%, to ${fee} and ${tip} wei.`;
  throw refusal('replacement-underpriced', `replacement transaction underpriced: ${needed}`, { hash: tx.hash, replaces: old.hash });
}

/** Rounded down as geth does, but always more. */
function raised(cap: bigint, percent: bigint): bigint {
  const threshold = (cap * (100n + percent)) / 100n;
  return threshold > cap ? threshold : cap + 1n;
}

/** What its sender can pay, and may have waiting. Throws RuleError `mempool/...`. */
export function checkSender(tx: Tx, queue: SenderQueue): void {
  checkFunds(tx, queue);
  if (queue.at(tx.nonce) === undefined) checkDelegation(tx, queue);
}

/** The balance must cover the worst case of this one and of those that it would share it with. */
function checkFunds(tx: Tx, queue: SenderQueue): void {
  const { balance } = queue.standing;
  const cost = costOf(tx);
  const beside = queue.costBeside(tx.nonce);
  if (beside + cost <= balance) return;
  const queued = cost > balance ? '' : `queued cost ${beside}, `;
  const over = (cost > balance ? cost : beside + cost) - balance;
  const funds = `balance ${balance}, ${queued}tx cost ${cost}, overshot ${over}`;
  throw refusal('insufficient-funds', `insufficient funds for gas * price + value: ${funds}.`, { hash: tx.hash });
}

/**
 * EIP-7702: anyone whom an account delegates to may empty it, and with it void all its transactions for the price of one.
 * So it has one at a time.
 */
function checkDelegation(tx: Tx, queue: SenderQueue): void {
  if (!queue.standing.delegated) return;
  const fields = { hash: tx.hash };
  if (tx.nonce > queue.nextNonce) {
    const next = `${queue.nextNonce}, not ${tx.nonce}`;
    throw refusal('delegated', `gapped-nonce tx from delegated accounts: the account delegates to a contract; send nonce ${next}.`, fields);
  }
  if (queue.size > 0) {
    const wait = 'the account delegates to a contract; wait until its pending transaction is mined, or replace it';
    throw refusal('delegated', `in-flight transaction limit reached for delegated accounts: ${wait}.`, fields);
  }
}
