/** The frames of a transaction in the order in which they were entered, each with its depth: what Otterscan shows. */
import { toHex, toQuantity } from '../../base/bytes.ts';
import type { Address, Hex } from '../../base/types.ts';
import type { Allowance } from './allowance.ts';
import type { FrameEnd, FrameStart, FrameType, Tracer } from './tracer.ts';

export interface ListedFrame {
  readonly type: FrameType;
  readonly depth: number;
  readonly from: Address;
  /** Of a creation, even one that failed: where the contract was to be. */
  readonly to: Address;
  /** Null where the frame moves nothing by itself. */
  readonly value: Hex | null;
  readonly input: Hex;
  output: Hex;
  error: string | null;
}

const FRAME_BYTES = 300;

export class FrameLister implements Tracer {
  readonly #allowance: Allowance;
  readonly #frames: ListedFrame[] = [];
  readonly #open: ListedFrame[] = [];

  constructor(allowance: Allowance) {
    this.#allowance = allowance;
  }

  enter({ type, depth, from, to, value, input }: FrameStart): void {
    this.#allowance.spend(FRAME_BYTES + 2 * input.length);
    const wei = value === null || type === 'DELEGATECALL' ? null : toQuantity(value);
    const frame: ListedFrame = { type, depth, from, to, value: wei, input: toHex(input), output: '0x', error: null };
    this.#frames.push(frame);
    this.#open.push(frame);
  }

  exit({ output, error }: FrameEnd): void {
    const frame = this.#open.pop();
    if (frame === undefined) return;
    this.#allowance.spend(2 * output.length);
    frame.output = toHex(output);
    frame.error = error;
  }

  result(): string {
    return JSON.stringify(this.#frames);
  }
}
