/**
 * The chain as the engine of a later phase sees it: its genesis is the anchor, weights count from there, and of each height it is
 * shown its own blocks. The first phase sees the chain as it is.
 */
import { present } from '../../base/assert.ts';
import type { Address, Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { BlockStatus, BlockView, ChainView, HeaderNode, Output } from '../../chain/tree.ts';
import { innerFacts, type Phase, phaseOf } from './timeline.ts';

/** A header as the engine of this phase sees it. */
export type SeenAs = (node: HeaderNode) => HeaderNode;

/** The same node for the same node, so that engines may compare them. */
export function seenBy(phase: Phase): SeenAs {
  if (phase.number === 0) return (node) => node;
  const seen = new WeakMap<HeaderNode, HeaderNode>();
  return (node) => {
    const known = seen.get(node);
    if (known !== undefined) return known;
    const made = translated(phase, node);
    seen.set(node, made);
    return made;
  };
}

function translated(phase: Phase, node: HeaderNode): HeaderNode {
  const { number } = node.header;
  if (number === phase.anchor.height && phaseOf(node) < phase.number) return { ...node, facts: phase.engine.genesisFacts(node.header) };
  return phaseOf(node) === phase.number ? { ...node, facts: innerFacts(phase.number, node.facts) } : node;
}

export class PhaseView implements ChainView {
  readonly #chain: ChainView;
  readonly #phase: Phase;
  readonly #seen: SeenAs;

  constructor(chain: ChainView, phase: Phase, seen: SeenAs) {
    this.#chain = chain;
    this.#phase = phase;
    this.#seen = seen;
  }

  get genesis(): HeaderNode {
    return this.#seen(present(this.#chain.get(present(this.#phase.anchor.hash, 'a settled anchor')), 'the anchor'));
  }

  get head(): HeaderNode {
    return this.#seen(this.#chain.head);
  }

  get finalized(): HeaderNode {
    return this.#seen(this.#chain.finalized);
  }

  get maxHeight(): number {
    return this.#chain.maxHeight;
  }

  get(hash: Hash): HeaderNode | undefined {
    const node = this.#chain.get(hash);
    return node && this.#seen(node);
  }

  status(hash: Hash): BlockStatus | undefined {
    return this.#chain.status(hash);
  }

  block(hash: Hash): Block | undefined {
    return this.#chain.block(hash);
  }

  outputs(hash: Hash, contract: Address): readonly Output[] | undefined {
    return this.#chain.outputs(hash, contract);
  }

  canonical(number: number): Hash | undefined {
    return this.#chain.canonical(number);
  }

  certificate(hash: Hash): Uint8Array | undefined {
    return this.#chain.certificate?.(hash);
  }

  atHeight(number: number, limit: number): readonly HeaderNode[] {
    const all = this.#chain.atHeight(number, limit);
    const { height } = this.#phase.anchor;
    const own = number <= height ? all : all.filter((node) => phaseOf(node) === this.#phase.number);
    return own.map(this.#seen);
  }
}

/** The same of a view that has no more than headers, and perhaps blocks. */
export function seenThrough(view: Partial<BlockView> & Pick<BlockView, 'get'>, seen: SeenAs): BlockView {
  return {
    get: (hash) => {
      const node = view.get(hash);
      return node && seen(node);
    },
    block: (hash) => view.block?.(hash),
  };
}
