/**
 * Parity's vmTrace: the steps of each frame as a tree. `push`, `mem` and `used` tell what a step left behind, so a step is
 * written once the next one of its frame, or the frame's end, shows it.
 */
import { toHex } from '../../base/bytes.ts';
import type { Address, Hex, Json } from '../../base/types.ts';
import { isDelegation } from '../admission.ts';
import type { Allowance } from './allowance.ts';
import { isCall, isCreate, memoryWritten, OP, opName, stackEffect } from './opcodes.ts';
import type { FrameEnd, FrameStart, StateView, Step, Tracer, TransactionStart } from './tracer.ts';
import { wordHex } from './words.ts';

type Operation = { [key: string]: Json };

interface VmFrame {
  readonly code: Hex;
  readonly ops: Operation[];
  /** The last step, whose effects are not seen yet. */
  pending: Pending | null;
}

interface Pending {
  readonly operation: Operation;
  readonly op: number;
  readonly written: { readonly offset: bigint; readonly length: bigint } | null;
  readonly store: Json;
}

const STEP_BYTES = 120;

export class VmTracer implements Tracer {
  readonly #allowance: Allowance;
  readonly #open: VmFrame[] = [];
  #top: VmFrame | null = null;
  #state: StateView | null = null;

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  begin({ state }: TransactionStart): void {
    this.#state = state;
  }

  enter({ type, to, input }: FrameStart): void {
    const isCreation = type === 'CREATE' || type === 'CREATE2';
    const code = isCreation ? toHex(input) : toHex(this.#codeOf(to));
    this.#allowance.spend(code.length + STEP_BYTES);
    const frame: VmFrame = { code, ops: [], pending: null };
    const parent = this.#open.at(-1);
    this.#open.push(frame);
    this.#top ??= frame;
    if (parent?.pending != null && type !== 'SELFDESTRUCT') parent.pending.operation.sub = { code, ops: frame.ops };
  }

  step(step: Step): void {
    const frame = this.#open.at(-1);
    if (frame === undefined) return;
    if (frame.pending !== null) this.#complete(frame.pending, step);
    const { op, pc, gas, cost, error } = step;
    this.#allowance.spend(STEP_BYTES);
    const operation: Operation = { cost: Number(cost), ex: null, pc, sub: null, op: opName(op) };
    frame.ops.push(operation);
    const store = op === OP.sstore ? { key: wordHex(step.peek(0)), val: wordHex(step.peek(1)) } : null;
    const ends = error !== null || step.undefined;
    frame.pending = ends ? null : { operation, op, written: memoryWritten(op, (depth) => step.peek(depth)), store };
    if (!ends) operation.ex = { mem: null, push: [], store, used: Number(gas - cost) };
  }

  exit(_: FrameEnd): void {
    this.#open.pop();
  }

  result(): string {
    return JSON.stringify(this.#top === null ? null : { code: this.#top.code, ops: this.#top.ops });
  }

  /** What the step before this one left behind. */
  #complete({ operation, op, written, store }: Pending, next: Step): void {
    const pushes = isCall(op) || isCreate(op) ? 1 : stackEffect(op)[1];
    const shown = isStackMove(op) ? pushes : Math.min(pushes, 1);
    const push = Array.from({ length: shown }, (_, at) => wordHex(next.peek(shown - 1 - at)));
    operation.ex = { mem: written === null ? null : this.#memory(written, next), push, store, used: Number(next.gas) };
  }

  #memory({ offset, length }: { readonly offset: bigint; readonly length: bigint }, next: Step): Json {
    if (length === 0n) return null;
    this.#allowance.spend(2 * Number(length));
    return { data: toHex(next.memory(offset, length)), off: Number(offset) };
  }

  #codeOf(address: Address): Uint8Array {
    const code = this.#state?.code(address) ?? new Uint8Array(0);
    return isDelegation(code) ? (this.#state?.code(toHex(code.subarray(3)) as Address) ?? code) : code;
  }
}

/** DUP and SWAP: Parity lists every word that they leave. */
function isStackMove(op: number): boolean {
  return op >= 0x80 && op < 0xa0;
}
