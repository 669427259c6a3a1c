/** geth's 4byteTracer: which functions were called, by selector and length of the arguments (eth/tracers/native/4byte.go). */
import { toHex } from '../../base/bytes.ts';
import type { Address } from '../../base/types.ts';
import type { FrameStart, Tracer, TransactionStart } from './tracer.ts';

const SELECTOR_BYTES = 4;

export class FourByteTracer implements Tracer {
  readonly #counts = new Map<string, number>();
  #precompiles: ReadonlySet<Address> = new Set();

  begin({ precompiles }: TransactionStart): void {
    this.#precompiles = precompiles;
  }

  enter({ type, to, input }: FrameStart): void {
    const runsCode = type !== 'CREATE' && type !== 'CREATE2' && type !== 'SELFDESTRUCT';
    if (!runsCode || input.length < SELECTOR_BYTES || this.#precompiles.has(to)) return;
    const key = `${toHex(input.subarray(0, SELECTOR_BYTES))}-${input.length - SELECTOR_BYTES}`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
  }

  result(): string {
    return JSON.stringify(Object.fromEntries(this.#counts));
  }
}
