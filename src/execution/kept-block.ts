/**
 * The block that calls run in, kept from one call to the next: to open it and to read the first accounts of its state takes
 * four times as long as a small call (measured). Whoever has taken it has it alone, and keeps it only if it is as it was.
 */
import type { Environment } from './environment.ts';

/** Of all calls together: bounds what a state has read and remembers, some 8,000 accounts or slots. */
const MAX_GAS = 20_000_000n;

export class KeptBlock {
  #kept: { readonly key: string; readonly environment: Environment } | null = null;
  #gasUsed = 0n;

  /** Undefined when another block was kept, or none. */
  take(key: string): Environment | undefined {
    const kept = this.#kept;
    this.#kept = null;
    if (kept?.key === key) return kept.environment;
    this.#gasUsed = 0n;
    return undefined;
  }

  /** `gasUsed`: by whoever took it. */
  keep(key: string, environment: Environment, gasUsed: bigint): void {
    this.#gasUsed += gasUsed;
    if (this.#gasUsed <= MAX_GAS) this.#kept = { key, environment };
  }
}
