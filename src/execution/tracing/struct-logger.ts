/**
 * geth's default tracer: what the interpreter was about to do at every step, with stack, memory and storage
 * (eth/tracers/logger/logger.go; in the spirit of EIP-3155). Kept as text from the start, since it only grows.
 */
import { bytesToHex } from '@noble/hashes/utils.js';
import { bytesToBig, EMPTY, toHex } from '../../base/bytes.ts';
import type { Address, Hash } from '../../base/types.ts';
import type { Allowance } from './allowance.ts';
import { OP, opName } from './opcodes.ts';
import { type FrameEnd, REVERTED, type StateView, type Step, type Tracer, type TransactionStart } from './tracer.ts';
import { hashFrom, wordHex } from './words.ts';

export interface StructLoggerOptions {
  readonly disableStack: boolean;
  readonly disableStorage: boolean;
  readonly enableMemory: boolean;
  readonly enableReturnData: boolean;
  /** Bytes of logs after which no more are added; 0 for no such limit. */
  readonly limit: number;
}

const WORD = 32;

export class StructLogger implements Tracer {
  readonly #options: StructLoggerOptions;
  readonly #allowance: Allowance;
  readonly #logs: string[] = [];
  /** What each contract has read and written so far. */
  readonly #storage = new Map<Address, Map<Hash, Hash>>();
  #state: StateView | null = null;
  #refund = 0n;
  #bytes = 0;
  #gasUsed = 0n;
  #output: Uint8Array = EMPTY;
  #failed = false;

  constructor(options: StructLoggerOptions, allowance: Allowance) {
    this.#options = options;
    this.#allowance = allowance;
  }

  begin({ state, refund }: TransactionStart): void {
    this.#state = state;
    this.#refund = refund;
  }

  step(step: Step): void {
    const { limit } = this.#options;
    if (limit !== 0 && this.#bytes > limit) return;
    const text = this.#entry(step);
    this.#bytes += text.length;
    this.#allowance.spend(text.length + 1);
    this.#logs.push(text);
  }

  exit({ depth, output, error }: FrameEnd): void {
    if (depth > 0) return;
    this.#failed = error !== null;
    this.#output = error === null || error === REVERTED ? output : EMPTY;
  }

  end(gasUsed: bigint): void {
    this.#gasUsed = gasUsed;
  }

  result(): string {
    const { length } = this.#output;
    this.#allowance.spend(2 * length);
    const outcome = `"gas":${this.#gasUsed},"failed":${this.#failed},"returnValue":"${toHex(this.#output)}"`;
    return `{${outcome},"structLogs":[${this.#logs.join(',')}]}`;
  }

  /** By hand, in geth's order: everything here is a number or plain hex, and there may be a million of them. */
  #entry(step: Step): string {
    const { disableStack, disableStorage, enableMemory, enableReturnData } = this.#options;
    const refund = this.#refund + step.refund;
    const parts = [`"pc":${step.pc},"op":"${opName(step.op)}","gas":${step.gas},"gasCost":${step.cost},"depth":${step.depth}`];
    if (step.error !== null) parts.push(`"error":${JSON.stringify(step.error)}`);
    if (!disableStack) parts.push(`"stack":[${step.stack.map((word) => `"${wordHex(word)}"`).join(',')}]`);
    if (enableReturnData && step.returnData.length > 0) parts.push(`"returnData":"${this.#hex(step.returnData)}"`);
    if (enableMemory && step.memorySize > 0) parts.push(`"memory":[${this.#words(step)}]`);
    if (!disableStorage) parts.push(...this.#storageOf(step));
    if (refund > 0n) parts.push(`"refund":${refund}`);
    return `{${parts.join(',')}}`;
  }

  /** Asked before they are made, so that a giant memory is refused and not copied first. */
  #hex(bytes: Uint8Array): string {
    this.#allowance.spend(2 * bytes.length);
    return toHex(bytes);
  }

  #words(step: Step): string {
    this.#allowance.spend(2 * step.memorySize);
    const digits = bytesToHex(step.memory(0n, BigInt(step.memorySize)));
    const words: string[] = [];
    for (let at = 0; at < digits.length; at += 2 * WORD) words.push(`"0x${digits.slice(at, at + 2 * WORD)}"`);
    return words.join(',');
  }

  /** At SLOAD and SSTORE, with all that the contract touched before. */
  #storageOf(step: Step): string[] {
    const { op, stackSize } = step;
    const isRead = op === OP.sload && stackSize >= 1;
    const isWrite = op === OP.sstore && stackSize >= 2;
    if (!isRead && !isWrite) return [];
    const { address } = step;
    const slots = this.#storage.get(address) ?? new Map<Hash, Hash>();
    this.#storage.set(address, slots);
    const slot = hashFrom(step.peek(0));
    slots.set(slot, hashFrom(isWrite ? step.peek(1) : bytesToBig(this.#state?.slot(address, slot) ?? EMPTY)));
    const entries = [...slots].map(([key, value]) => `"${key}":"${value}"`);
    return [`"storage":{${entries.join(',')}}`];
  }
}
