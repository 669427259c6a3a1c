/**
 * What nodes were told to say twice and have not said yet, as far as is known here: a node that is started again is told once more. A
 * node that still answers knows better than this list. One that ended by itself may have said it since it was last asked, and then says
 * it again.
 */
import type { Json } from '../base/types.ts';
import type { Lie } from '../node/misbehaviour/engine.ts';

export class ArmedLies {
  readonly #lies = new Map<number, readonly Lie[]>();

  of(node: number): readonly Lie[] {
    return this.#lies.get(node) ?? [];
  }

  add(node: number, lie: Lie): void {
    this.#lies.set(node, [...new Set([...this.of(node), lie])]);
  }

  remove(node: number, lie: Lie): void {
    this.#lies.set(
      node,
      this.of(node).filter((other) => other !== lie),
    );
  }

  /** By the node's own `synod_status`; null where it did not answer. */
  note(node: number, status: Json): void {
    const { faults } = (status ?? {}) as { readonly faults?: { readonly armed?: readonly Lie[] } | null };
    if (faults?.armed !== undefined) this.#lies.set(node, faults.armed);
  }

  clear(): void {
    this.#lies.clear();
  }

  /** In words, for people. */
  describe(node: number): string[] {
    return this.of(node).map(lieText);
  }
}

export function lieText(lie: Lie): string {
  return `will sign a second ${lie}`;
}
