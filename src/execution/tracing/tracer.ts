/**
 * What a tracer sees of one transaction, in geth's terms: the frames of calls as they are entered and left, each step of
 * the interpreter before it is taken, the logs. `recorder.ts` derives these from the EVM; the tracers beside it make
 * their answers of them.
 */
import type { Address, Hash, Hex } from '../../base/types.ts';
import type { Fork } from '../../chain/params.ts';
import type { Authorization } from '../transaction-codec.ts';

export type FrameType = 'CALL' | 'CALLCODE' | 'DELEGATECALL' | 'STATICCALL' | 'CREATE' | 'CREATE2' | 'SELFDESTRUCT';

/** The state as it is at this moment; a tracer may read it, and must not write. */
export interface StateView {
  account(address: Address): { readonly nonce: bigint; readonly balance: bigint; readonly codeHash: Uint8Array } | null;
  /** Empty when there is none. */
  code(address: Address): Uint8Array;
  /** Without leading zeros; empty is zero. */
  slot(address: Address, slot: Hash): Uint8Array;
}

/** Before anything of the transaction is executed: the gas is not bought yet, the nonce not raised. */
export interface TransactionStart {
  readonly from: Address;
  /** Null creates a contract. */
  readonly to: Address | null;
  readonly gasLimit: bigint;
  readonly authorizationList: readonly Authorization[];
  readonly beneficiary: Address;
  readonly fork: Fork;
  readonly state: StateView;
  /** What the authorizations of EIP-7702 give back before the first step. */
  readonly refund: bigint;
  readonly precompiles: ReadonlySet<Address>;
  /** Absent for a call that is no transaction. */
  readonly place?: TransactionPlace;
}

/** Where a mined transaction stands. */
export interface TransactionPlace {
  readonly blockHash: Hash;
  readonly blockNumber: number;
  readonly transactionHash: Hash;
  readonly index: number;
}

export interface FrameStart {
  /** 0 for the transaction itself. */
  readonly depth: number;
  readonly type: FrameType;
  readonly from: Address;
  /** Of a creation: where the contract will be. */
  readonly to: Address;
  /** Valid during `enter` only: it may be a view of the caller's memory. */
  readonly input: Uint8Array;
  readonly gas: bigint;
  /** Wei; null for STATICCALL, which cannot have any. */
  readonly value: bigint | null;
}

export interface FrameEnd {
  readonly depth: number;
  /** Valid during `exit` only. */
  readonly output: Uint8Array;
  readonly gasUsed: bigint;
  /** Such as `out of gas`; null when it succeeded. */
  readonly error: string | null;
}

export const REVERTED = 'execution reverted';

/** The interpreter before a step. Valid during `step` only: nothing is copied. */
export interface Step {
  readonly pc: number;
  readonly op: number;
  readonly gas: bigint;
  /** With what a call hands on; what could be charged of it, when the step cannot be paid for. */
  readonly cost: bigint;
  /** 1 for the transaction's own code. */
  readonly depth: number;
  /** Whose storage it works on. */
  readonly address: Address;
  readonly refund: bigint;
  /** Whether there is no such opcode under the fork. */
  readonly undefined: boolean;
  /** Why the step cannot be taken; null for one that fails, if at all, while it is taken. */
  readonly error: string | null;
  readonly stackSize: number;
  /** In bytes, whole words. */
  readonly memorySize: number;
  /** What the last call returned. */
  readonly returnData: Uint8Array;
  /** A copy, the top word last. */
  readonly stack: readonly bigint[];
  /** A word of the stack, 0 being the top one; zero below its bottom. */
  peek(depth: number): bigint;
  /** A copy; beyond the end of memory there are zeros. */
  memory(offset: bigint, length: bigint): Uint8Array;
}

export interface TracedLog {
  readonly address: Address;
  readonly topics: readonly Hash[];
  readonly data: Hex;
  /** Among the logs of the block. */
  readonly index: number;
}

/** Everything that happens comes in its order. One tracer traces one transaction. */
export interface Tracer {
  begin?(start: TransactionStart): void;
  step?(step: Step): void;
  enter?(frame: FrameStart): void;
  exit?(end: FrameEnd): void;
  log?(log: TracedLog): void;
  /** The state is the one after the transaction. */
  end?(gasUsed: bigint): void;
  /** JSON text. */
  result(): string;
}
