/**
 * What a transaction touches, as it was before: every account and slot that it may read or write, found by its opcodes in
 * the way of geth's prestate tracer (eth/tracers/native/prestate.go).
 */
import { bigToFixed, bytesToBig, EMPTY, toHex } from '../../base/bytes.ts';
import { type Address, type Hash, ZERO_HASH } from '../../base/types.ts';
import { isAtLeast } from '../../chain/params.ts';
import { EMPTY_CODE_HASH } from '../account.ts';
import { isDelegation } from '../admission.ts';
import { signerOf } from '../authorizations.ts';
import { createdAddress } from '../block-run.ts';
import type { Allowance } from './allowance.ts';
import { isCall, OP } from './opcodes.ts';
import type { Step, TransactionStart } from './tracer.ts';
import { addressFrom, hashFrom, saltedAddress } from './words.ts';

export interface Snapshot {
  readonly balance: bigint;
  readonly nonce: bigint;
  readonly code: Uint8Array;
  readonly codeHash: Hash;
  readonly storage: Map<Hash, Hash>;
}

export interface TouchedOptions {
  readonly disableCode: boolean;
  readonly disableStorage: boolean;
}

const READERS: ReadonlySet<number> = new Set([OP.extCodeCopy, OP.extCodeHash, OP.extCodeSize, OP.balance, OP.selfDestruct]);
const ACCOUNT_BYTES = 250;
const SLOT_BYTES = 140;

export class TouchedState {
  /** In the order in which they were met. */
  readonly before = new Map<Address, Snapshot>();
  /** What the transaction destroyed. */
  readonly deleted = new Set<Address>();
  readonly #options: TouchedOptions;
  readonly #allowance: Allowance;
  readonly #start: TransactionStart;
  readonly #created = new Set<Address>();

  constructor(start: TransactionStart, options: TouchedOptions, allowance: Allowance) {
    this.#start = start;
    this.#options = options;
    this.#allowance = allowance;
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
    } else if (op === OP.create) this.#lookUpCreated(createdAddress(step.address, this.#start.state.account(step.address)?.nonce ?? 0n));
    else if (op === OP.create2) {
      const initcode = step.memory(step.peek(1), step.peek(2));
      this.#lookUpCreated(saltedAddress(step.address, bigToFixed(step.peek(3), 32), initcode));
    }
  }

  /** As it is at this moment, without storage. */
  now(address: Address): Snapshot {
    const { state } = this.#start;
    const account = state.account(address);
    return {
      balance: account?.balance ?? 0n,
      nonce: account?.nonce ?? 0n,
      code: this.#options.disableCode ? EMPTY : state.code(address),
      codeHash: account === null ? EMPTY_CODE_HASH : (toHex(account.codeHash) as Hash),
      storage: new Map(),
    };
  }

  /** At this moment. */
  slot(address: Address, slot: Hash): Hash {
    const value = this.#start.state.slot(address, slot);
    return value.length === 0 ? ZERO_HASH : hashFrom(bytesToBig(value));
  }

  #lookUp(address: Address): void {
    if (this.before.has(address)) return;
    const snapshot = this.now(address);
    this.#allowance.spend(ACCOUNT_BYTES + 2 * snapshot.code.length);
    this.before.set(address, snapshot);
  }

  #lookUpDelegate(address: Address): void {
    if (!isAtLeast(this.#start.fork, 'prague')) return;
    const code = this.#start.state.code(address);
    if (isDelegation(code)) this.#lookUp(toHex(code.subarray(3)) as Address);
  }

  #lookUpCreated(address: Address): void {
    this.#lookUp(address);
    this.#created.add(address);
  }

  #lookUpSlot(address: Address, slot: Hash): void {
    const storage = this.before.get(address)?.storage;
    if (this.#options.disableStorage || storage === undefined || storage.has(slot)) return;
    this.#allowance.spend(SLOT_BYTES);
    storage.set(slot, this.slot(address, slot));
  }

  /** From cancun on only a contract of the same transaction goes (EIP-6780). */
  #noteDeletion(address: Address): void {
    const survives = isAtLeast(this.#start.fork, 'cancun') && !this.#created.has(address);
    if (!survives) this.deleted.add(address);
  }
}

/** Neither balance, nonce nor code: as good as absent (EIP-161). */
export function isNothing({ balance, nonce, codeHash }: Snapshot): boolean {
  return balance === 0n && nonce === 0n && codeHash === EMPTY_CODE_HASH;
}
