/**
 * geth's prestateTracer: every account and slot that a transaction touches, as it was before; in diff mode, what it
 * changed, before and after (eth/tracers/native/prestate.go).
 */
import { equalBytes, toHex, toQuantity } from '../../base/bytes.ts';
import { type Address, type Hash, type Hex, type Json, ZERO_HASH } from '../../base/types.ts';
import { EMPTY_CODE_HASH } from '../account.ts';
import type { Allowance } from './allowance.ts';
import { isNothing, type Snapshot, type TouchedOptions, TouchedState } from './touched-state.ts';
import type { Step, Tracer, TransactionStart } from './tracer.ts';

export interface PrestateOptions extends TouchedOptions {
  readonly diffMode: boolean;
  /** Accounts that did not exist as well. */
  readonly includeEmpty: boolean;
}

type AccountJson = { [key: string]: Json };

export class PrestateTracer implements Tracer {
  readonly #options: PrestateOptions;
  readonly #allowance: Allowance;
  #touched: TouchedState | null = null;
  #json: Json = {};

  constructor(options: PrestateOptions, allowance: Allowance) {
    this.#options = options;
    this.#allowance = allowance;
  }

  begin(start: TransactionStart): void {
    this.#touched = new TouchedState(start, this.#options, this.#allowance);
  }

  step(step: Step): void {
    this.#touched?.step(step);
  }

  end(): void {
    if (this.#touched !== null) this.#json = this.#options.diffMode ? difference(this.#touched) : this.#prestate(this.#touched);
  }

  result(): string {
    return JSON.stringify(this.#json);
  }

  #prestate({ before }: TouchedState): Json {
    const shown = [...before].filter(([, account]) => this.#options.includeEmpty || !isNothing(account));
    return Object.fromEntries(shown.map(([address, account]) => [address, accountJson(account)]));
  }
}

function accountJson({ balance, nonce, code, codeHash, storage }: Snapshot): AccountJson {
  return {
    balance: toQuantity(balance),
    ...(code.length > 0 && { code: toHex(code) }),
    ...(codeHash !== EMPTY_CODE_HASH && { codeHash }),
    ...(nonce > 0n && { nonce: Number(nonce) }),
    ...(storage.size > 0 && { storage: Object.fromEntries(storage) }),
  };
}

/** What was deleted stands in `pre` only, what was not changed in neither. */
function difference(touched: TouchedState): Json {
  const post: { [address: Address]: Json } = {};
  const pre: { [address: Address]: Json } = {};
  for (const [address, before] of touched.before) {
    const deleted = touched.deleted.has(address);
    const change = deleted ? null : changeOf(touched, address, before);
    if (change !== null) post[address] = change;
    if ((deleted || change !== null) && !isNothing(before)) pre[address] = accountJson(before);
  }
  return { post, pre };
}

/** Null when there is none. Leaves in `before` only the slots that were changed and were not empty. */
function changeOf(touched: TouchedState, address: Address, before: Snapshot): AccountJson | null {
  const after = touched.now(address);
  const storage: { [slot: Hash]: Hex } = {};
  let isChanged = after.nonce !== before.nonce;
  for (const [slot, old] of before.storage) {
    const value = touched.slot(address, slot);
    if (value === old || old === ZERO_HASH) before.storage.delete(slot);
    if (value === old) continue;
    isChanged = true;
    if (value !== ZERO_HASH) storage[slot] = value;
  }
  const change: AccountJson = {
    ...(after.balance !== before.balance && { balance: toQuantity(after.balance) }),
    ...(!equalBytes(after.code, before.code) && { code: toHex(after.code) }),
    ...(after.codeHash !== before.codeHash && { codeHash: after.codeHash }),
    ...(after.nonce !== before.nonce && after.nonce > 0n && { nonce: Number(after.nonce) }),
    ...(Object.keys(storage).length > 0 && { storage }),
  };
  return isChanged || Object.keys(change).length > 0 ? change : null;
}
