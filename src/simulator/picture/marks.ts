/** Moments on the lines of nodes, in columns. */
import { MARK_KINDS, type MarkKind } from './model.ts';

/** A run has some ten for each block and node; more would be gigabytes. */
const MAX_MARKS_KEPT = 1_500_000;
const CODE_OF = Object.fromEntries(MARK_KINDS.map((kind, code) => [kind, code])) as { readonly [kind in MarkKind]: number };

export interface MarkFields {
  /** A height; of a reorganisation its depth; of an offence or a session the peer. */
  readonly value?: number;
  /** Places in the tables of blocks and texts. */
  readonly block?: number;
  readonly name?: number;
  readonly text?: number;
}

export class MarkCollector {
  readonly atUs: number[] = [];
  readonly kind: number[] = [];
  readonly node: number[] = [];
  readonly value: number[] = [];
  readonly block: number[] = [];
  readonly name: number[] = [];
  readonly text: number[] = [];
  /** Marks for which there was no room. */
  forgotten = 0;

  add(atUs: number, kind: MarkKind, node: number, { value = 0, block = 0, name = 0, text = 0 }: MarkFields = {}): void {
    if (this.atUs.length >= MAX_MARKS_KEPT) {
      this.forgotten++;
      return;
    }
    this.atUs.push(atUs);
    this.kind.push(CODE_OF[kind]);
    this.node.push(node);
    this.value.push(value);
    this.block.push(block);
    this.name.push(name);
    this.text.push(text);
  }
}
