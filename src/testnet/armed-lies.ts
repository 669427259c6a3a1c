/**
 * What nodes were told to say twice and have not said yet, as far as is known here: a node that is started again is told once more. A
 * node that still answers knows better than this list. One that ended by itself may have said it since it was last asked, and then says
 * it again.
 */
import type { Json } from '../base/types.ts';
import type { Lie } from '../node/misbehaviour/engine.ts';

interface Known {
  readonly lies: readonly Lie[];
  /** Of the question that was answered with them, or of the change that made them. */
  readonly moment: number;
}

/** Of a node's status; `equivocations` counts since its process began. */
interface LieStatus {
  readonly armed?: readonly Lie[];
  readonly equivocations?: Readonly<Partial<Record<Lie, number>>>;
}

export class ArmedLies {
  readonly #known = new Map<number, Known>();
  /** Counts what was asked and what was changed: answers may come later than what has been said to the node since. */
  #moment = 0;
  #cleared = 0;

  of(node: number): readonly Lie[] {
    return this.#known.get(node)?.lies ?? [];
  }

  add(node: number, lie: Lie): void {
    this.#set(node, [...new Set([...this.of(node), lie])]);
  }

  remove(node: number, lie: Lie): void {
    this.#set(
      node,
      this.of(node).filter((other) => other !== lie),
    );
  }

  /** To be called before a node is asked for its status; `note` takes it with the answer. */
  asking(): number {
    return ++this.#moment;
  }

  /**
   * By the node's own `synod_status`; null where it did not answer. An answer that is older than what is known here changes nothing.
   * Answers with what it has said twice since it was last asked.
   */
  note(node: number, asked: number, status: Json): readonly Lie[] {
    const { armed, equivocations } = ((status ?? {}) as { readonly faults?: LieStatus | null }).faults ?? {};
    const since = this.#known.get(node)?.moment ?? this.#cleared;
    if (armed === undefined || asked <= since) return [];
    // A process that has only begun is not told yet, and has said nothing.
    const told = this.of(node).filter((lie) => !armed.includes(lie) && (equivocations?.[lie] ?? 0) > 0);
    this.#known.set(node, { lies: armed, moment: asked });
    return told;
  }

  clear(): void {
    this.#known.clear();
    this.#cleared = ++this.#moment;
  }

  /** In words, for people. */
  describe(node: number): string[] {
    return this.of(node).map(lieText);
  }

  #set(node: number, lies: readonly Lie[]): void {
    this.#known.set(node, { lies, moment: ++this.#moment });
  }
}

export function lieText(lie: Lie): string {
  return `will sign a second ${lie}`;
}
