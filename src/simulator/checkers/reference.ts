/**
 * A second ledger, by which the first is judged: every block is executed once more, from genesis on, by the plain rules of
 * transfers, written here a second time. Nothing that a node computed is used, and no code that a node executes by, so that
 * a mistake in that code shows.
 */
import { RuleError } from '../../base/errors.ts';
import type { Address, Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { EMPTY_TRIE_ROOT, hashHeader } from '../../chain/header.ts';
import type { AnyEngine } from '../../consensus/engine.ts';
import { lightBodyMatches } from '../light-ledger.ts';
import { addressOfAccount, type Balances, balancesRoot, decodeTransfer } from '../transfers.ts';

/** The state after a block, or why there is none. */
export type Replayed = { readonly state: Balances } | { readonly error: string };

const GAS_OF_A_TRANSFER = 21_000n;

export class ReferenceLedger {
  readonly #engine: AnyEngine;
  readonly #accounts: ReadonlyMap<Address, number>;
  readonly #results = new Map<Hash, Replayed>();

  constructor(engine: AnyEngine, genesis: Hash, state: Balances) {
    this.#engine = engine;
    this.#accounts = new Map(Array.from({ length: state.length / 2 }, (_, account) => [addressOfAccount(account), account]));
    this.#results.set(genesis, { state });
  }

  /** Undefined when the parent was never seen. */
  replay(block: Block): Replayed | undefined {
    const hash = hashHeader(block.header);
    const known = this.#results.get(hash);
    if (known !== undefined) return known;
    const parent = this.#results.get(block.header.parentHash);
    if (parent === undefined) return undefined;
    const result = 'error' in parent ? parent : this.#execute(block, parent.state);
    this.#results.set(hash, result);
    return result;
  }

  #execute(block: Block, parent: Balances): Replayed {
    const { header, transactions } = block;
    if (!lightBodyMatches(block)) return { error: 'the body is not that of the header' };
    const state = parent.slice();
    for (const [index, bytes] of transactions.entries()) {
      if (!carryOut(bytes, state)) return { error: `transfer ${index} of ${transactions.length} is not possible` };
    }
    for (const { to, amount } of this.#engine.rewards(block)) {
      const account = this.#accounts.get(to);
      if (account !== undefined) state[2 * account] = (state[2 * account] ?? 0) + Number(amount);
    }
    if (header.gasUsed !== GAS_OF_A_TRANSFER * BigInt(transactions.length)) return { error: 'the gas is not that of the transfers' };
    if (header.stateRoot !== balancesRoot(state)) return { error: 'the state is not that of the header' };
    if (header.receiptsRoot !== EMPTY_TRIE_ROOT) return { error: 'the header has receipts' };
    return { state };
  }
}

/** Whether a transfer is possible; then it is done. Each account is two numbers: balance and next nonce. */
function carryOut(bytes: Uint8Array, state: Balances): boolean {
  const transfer = decoded(bytes);
  if (transfer === null) return false;
  const { from, to, nonce, amount } = transfer;
  const [balance, next] = [state[2 * from], state[2 * from + 1]];
  if (balance === undefined || next === undefined || 2 * to >= state.length) return false;
  if (nonce !== next || amount > balance) return false;
  state[2 * from] = balance - amount;
  state[2 * from + 1] = next + 1;
  state[2 * to] = (state[2 * to] ?? 0) + amount;
  return true;
}

function decoded(bytes: Uint8Array): ReturnType<typeof decodeTransfer> | null {
  try {
    return decodeTransfer(bytes);
  } catch (error) {
    if (error instanceof RuleError) return null;
    throw error;
  }
}
