/**
 * geth's prestateTracer: every account and slot that a transaction touches, as it was before; in diff mode, what it
 * changed, before and after (eth/tracers/native/prestate.go).
 */
import { bigToFixed, bytesToBig, equalBytes, toHex, toQuantity } from '../../base/bytes.ts';
import { type Address, type Hash, type Hex, type Json, ZERO_HASH } from '../../base/types.ts';
import { isAtLeast } from '../../chain/params.ts';
import { EMPTY_CODE_HASH } from '../account.ts';
import { isDelegation } from '../admission.ts';
import { signerOf } from '../authorizations.ts';
import { createdAddress } from '../block-run.ts';
import type { Allowance } from './allowance.ts';
import { isCall, OP } from './opcodes.ts';
import type { Step, Tracer, TransactionStart } from './tracer.ts';
import { addressFrom, hashFrom, saltedAddress } from './words.ts';

export interface PrestateOptions {
  readonly diffMode: boolean;
  readonly disableCode: boolean;
  readonly disableStorage: boolean;
  /** Accounts that did not exist as well. */
  readonly includeEmpty: boolean;
}

interface Snapshot {
  readonly balance: bigint;
  readonly nonce: bigint;
  readonly code: Uint8Array;
  readonly codeHash: Hash;
  readonly storage: Map<Hash, Hash>;
}

type AccountJson = { [key: string]: Json };

const READERS: ReadonlySet<number> = new Set([OP.extCodeCopy, OP.extCodeHash, OP.extCodeSize, OP.balance, OP.selfDestruct]);
const ACCOUNT_BYTES = 250;
const SLOT_BYTES = 140;

export class PrestateTracer implements Tracer {
  readonly #options: PrestateOptions;
  readonly #allowance: Allowance;
  readonly #before = new Map<Address, Snapshot>();
  readonly #created = new Set<Address>();
  readonly #deleted = new Set<Address>();
  #start: TransactionStart | null = null;
  #json: Json = {};

  constructor(options: PrestateOptions, allowance: Allowance) {
    this.#options = options;
    this.#allowance = allowance;
  }

  begin(start: TransactionStart): void {
    this.#start = start;
    const { from, to, beneficiary, state, authorizationList } = start;
    const target = to ?? createdAddress(from, state.account(from)?.nonce ?? 0n);
    if (to === null) this.#created.add(target);
    else this.#lookUpDelegate(to);
    for (const address of [from, target, beneficiary]) this.#lookUp(address);
    for (const authorization of authorizationList) {
      const signer = signerOf(authorization);
      if (signer !== null) this.#lookUp(signer);
    }
  }

  step(step: Step): void {
    const { op, error } = step;
    if (error !== null) return;
    if (op === OP.sload || op === OP.sstore) this.#lookUpSlot(step.address, hashFrom(step.peek(0)));
    else if (READERS.has(op)) {
      this.#lookUp(addressFrom(step.peek(0)));
      if (op === OP.selfDestruct) this.#noteDeletion(step.address);
    } else if (isCall(op)) {
      const callee = addressFrom(step.peek(1));
      this.#lookUp(callee);
      this.#lookUpDelegate(callee);
    } else if (op === OP.create) this.#lookUpCreated(createdAddress(step.address, this.#start?.state.account(step.address)?.nonce ?? 0n));
    else if (op === OP.create2) {
      const initcode = step.memory(step.peek(1), step.peek(2));
      this.#lookUpCreated(saltedAddress(step.address, bigToFixed(step.peek(3), 32), initcode));
    }
  }

  end(): void {
    const { diffMode, includeEmpty } = this.#options;
    if (diffMode) {
      this.#json = this.#difference();
      return;
    }
    const shown = [...this.#before].filter(([, account]) => includeEmpty || !isNothing(account));
    this.#json = Object.fromEntries(shown.map(([address, account]) => [address, this.#accountJson(account)]));
  }

  result(): string {
    return JSON.stringify(this.#json);
  }

  #lookUp(address: Address): void {
    if (this.#before.has(address)) return;
    const snapshot = this.#snapshot(address);
    this.#allowance.spend(ACCOUNT_BYTES + (this.#options.disableCode ? 0 : 2 * snapshot.code.length));
    this.#before.set(address, snapshot);
  }

  #lookUpDelegate(address: Address): void {
    if (this.#start === null || !isAtLeast(this.#start.fork, 'prague')) return;
    const code = this.#start.state.code(address);
    if (isDelegation(code)) this.#lookUp(toHex(code.subarray(3)) as Address);
  }

  #lookUpCreated(address: Address): void {
    this.#lookUp(address);
    this.#created.add(address);
  }

  #lookUpSlot(address: Address, slot: Hash): void {
    const storage = this.#before.get(address)?.storage;
    if (this.#options.disableStorage || storage === undefined || storage.has(slot)) return;
    this.#allowance.spend(SLOT_BYTES);
    storage.set(slot, this.#slot(address, slot));
  }

  /** From cancun on only a contract of the same transaction goes (EIP-6780). */
  #noteDeletion(address: Address): void {
    const survives = this.#start !== null && isAtLeast(this.#start.fork, 'cancun') && !this.#created.has(address);
    if (!survives) this.#deleted.add(address);
  }

  #snapshot(address: Address): Snapshot {
    const state = this.#start?.state;
    const account = state?.account(address);
    return {
      balance: account?.balance ?? 0n,
      nonce: account?.nonce ?? 0n,
      code: state?.code(address) ?? new Uint8Array(0),
      codeHash: account === null || account === undefined ? EMPTY_CODE_HASH : (toHex(account.codeHash) as Hash),
      storage: new Map(),
    };
  }

  #slot(address: Address, slot: Hash): Hash {
    const value = this.#start?.state.slot(address, slot);
    return value === undefined ? ZERO_HASH : hashFrom(bytesToBig(value));
  }

  #accountJson({ balance, nonce, code, codeHash, storage }: Snapshot): AccountJson {
    return {
      balance: toQuantity(balance),
      ...(code.length > 0 && !this.#options.disableCode && { code: toHex(code) }),
      ...(codeHash !== EMPTY_CODE_HASH && { codeHash }),
      ...(nonce > 0n && { nonce: Number(nonce) }),
      ...(storage.size > 0 && { storage: Object.fromEntries(storage) }),
    };
  }

  /** What was deleted stands in `pre` only, what was not changed in neither. */
  #difference(): Json {
    const post: { [address: Address]: Json } = {};
    const pre: { [address: Address]: Json } = {};
    for (const [address, before] of this.#before) {
      const deleted = this.#deleted.has(address);
      const change = deleted ? null : this.#changeOf(address, before);
      if (change !== null) post[address] = change;
      if ((deleted || change !== null) && !isNothing(before)) pre[address] = this.#accountJson(before);
    }
    return { post, pre };
  }

  /** Null when there is none. Leaves in `before` only the slots that were changed and were not empty. */
  #changeOf(address: Address, before: Snapshot): AccountJson | null {
    const after = this.#snapshot(address);
    const storage: { [slot: Hash]: Hex } = {};
    let isChanged = false;
    for (const [slot, old] of before.storage) {
      const value = this.#slot(address, slot);
      if (value === old || old === ZERO_HASH) before.storage.delete(slot);
      if (value === old) continue;
      isChanged = true;
      if (value !== ZERO_HASH) storage[slot] = value;
    }
    const change: AccountJson = {
      ...(after.balance !== before.balance && { balance: toQuantity(after.balance) }),
      ...(!equalBytes(after.code, before.code) && !this.#options.disableCode && { code: toHex(after.code) }),
      ...(after.codeHash !== before.codeHash && { codeHash: after.codeHash }),
      ...(after.nonce !== before.nonce && after.nonce > 0n && { nonce: Number(after.nonce) }),
      ...(Object.keys(storage).length > 0 && { storage }),
    };
    return isChanged || Object.keys(change).length > 0 || after.nonce !== before.nonce ? change : null;
  }
}

/** geth's test of emptiness, taken before the transaction. */
function isNothing({ balance, nonce, code }: Snapshot): boolean {
  return balance === 0n && nonce === 0n && code.length === 0;
}
