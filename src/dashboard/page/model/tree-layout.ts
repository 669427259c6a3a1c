/**
 * Where the blocks of a stretch of heights are drawn: the main chain along the first lane, each branch beside it on the
 * nearest lane that is free as far as it goes. A branch that finds none is counted, not drawn.
 *
 * What a block's state says, by the nodes whose chain it is on:
 *
 *   final    at or below what one of them holds for final
 *   safe     at or below what one of them holds for safe (under proof-of-stake: justified)
 *   live     on the chain of one of them at least
 *   left     on none any more
 */
import type { Block } from './block.ts';
import type { Chain } from './chain.ts';

export type BlockState = 'final' | 'safe' | 'live' | 'left';

/** What one node says of its chain. */
export interface Tip {
  readonly node: number;
  readonly head: string;
  readonly safe: number;
  readonly finalized: number;
}

export interface Cell {
  readonly block: Block;
  readonly lane: number;
  readonly state: BlockState;
  /** The lane of its parent, where that is drawn as well. */
  readonly parentLane: number | null;
  /** Nodes whose head it is. */
  readonly nodes: readonly number[];
}

export interface TreeLayout {
  readonly cells: readonly Cell[];
  readonly lanes: number;
  /** Branches that found no lane. */
  readonly hidden: number;
}

export const MAX_LANES = 7;
/** Branches deeper than this are followed no further: their lower part is drawn when one looks there. */
const MAX_BRANCH_BLOCKS = 2_048;

export function layOut(chain: Chain, from: number, to: number, tips: readonly Tip[], maxLanes = MAX_LANES): TreeLayout {
  const states = new States(chain, tips);
  const lanes = new Map<string, number>();
  const side: Block[] = [];
  for (let height = to; height >= from; height--) {
    for (const block of chain.at(height)) {
      if (chain.isMain(block)) lanes.set(block.hash, 0);
      else side.push(block);
    }
  }
  const hidden = placeBranches(chain, side, lanes, maxLanes);
  const heads = new Map<string, number[]>();
  for (const { node, head } of tips) heads.set(head, [...(heads.get(head) ?? []), node]);
  const cells = [...lanes].flatMap(([hash, lane]): Cell[] => {
    const block = chain.get(hash);
    if (block === undefined) return [];
    return [{ block, lane, state: states.of(block), parentLane: lanes.get(block.parent) ?? null, nodes: heads.get(hash) ?? [] }];
  });
  return { cells, lanes: Math.max(1, ...cells.map(({ lane }) => lane + 1)), hidden };
}

/** Highest leaves first; a branch's lane is free from the height of the fork to its leaf, and one more. */
function placeBranches(chain: Chain, side: readonly Block[], lanes: Map<string, number>, maxLanes: number): number {
  const taken: [from: number, to: number][][] = [];
  let hidden = 0;
  const inSight = new Set(side);
  const seen = new Set<string>();
  for (const leaf of side) {
    if (seen.has(leaf.hash)) continue;
    const branch = [leaf];
    let next = chain.get(leaf.parent);
    while (next !== undefined && inSight.has(next) && !seen.has(next.hash) && next.number === (branch.at(-1)?.number ?? 0) - 1) {
      branch.push(next);
      next = chain.get(next.parent);
    }
    for (const { hash } of branch) seen.add(hash);
    const top = leaf.number + 1;
    const bottom = (branch.at(-1)?.number ?? 0) - 1;
    // Beside its parent's lane, never inside it.
    const least = next === undefined ? 1 : (lanes.get(next.hash) ?? 0) + 1;
    let lane = least;
    while (lane < maxLanes && (taken[lane] ?? []).some(([low, high]) => low <= top && bottom <= high)) lane++;
    if (lane >= maxLanes) {
      hidden++;
      continue;
    }
    taken[lane] = [...(taken[lane] ?? []), [bottom, top]];
    for (const { hash } of branch) lanes.set(hash, lane);
  }
  return hidden;
}

class States {
  readonly #chain: Chain;
  readonly #branches = new Map<string, BlockState>();
  #mainTop = -1;
  #mainSafe = -1;
  #mainFinal = -1;

  constructor(chain: Chain, tips: readonly Tip[]) {
    this.#chain = chain;
    for (const tip of tips) this.#follow(tip);
  }

  of(block: Block): BlockState {
    if (!this.#chain.isMain(block)) return this.#branches.get(block.hash) ?? 'left';
    const { number } = block;
    return number <= this.#mainFinal ? 'final' : number <= this.#mainSafe ? 'safe' : number <= this.#mainTop ? 'live' : 'left';
  }

  /** Along the node's branch down to the main chain; below that point its word counts for the main chain. */
  #follow({ head, safe, finalized }: Tip): void {
    let block = this.#chain.get(head);
    for (let steps = 0; block !== undefined && !this.#chain.isMain(block) && steps < MAX_BRANCH_BLOCKS; steps++) {
      const state = block.number <= finalized ? 'final' : block.number <= safe ? 'safe' : 'live';
      if (rank(state) > rank(this.#branches.get(block.hash) ?? 'left')) this.#branches.set(block.hash, state);
      block = this.#chain.get(block.parent);
    }
    if (block === undefined || !this.#chain.isMain(block)) return;
    this.#mainTop = Math.max(this.#mainTop, block.number);
    this.#mainSafe = Math.max(this.#mainSafe, Math.min(block.number, safe));
    this.#mainFinal = Math.max(this.#mainFinal, Math.min(block.number, finalized));
  }
}

const ORDER: readonly BlockState[] = ['left', 'live', 'safe', 'final'];

function rank(state: BlockState): number {
  return ORDER.indexOf(state);
}

/**
 * The head that most nodes follow. Among equals the one that goes on from the present main chain, so that halves of a
 * network do not change places with every block; then the higher one, then the smaller hash.
 */
export function mostFollowed(chain: Chain, tips: readonly Tip[]): string | null {
  const votes = new Map<string, number>();
  for (const { head } of tips) if (chain.get(head) !== undefined) votes.set(head, (votes.get(head) ?? 0) + 1);
  const heads = [...votes.keys()];
  const top = chain.top?.hash;
  // A node that is a block behind is on the same branch: its voice counts for those above it.
  const isBelow = (lower: string, upper: string) => lower === upper || chain.fork(lower, upper)?.left === 0;
  const ranked = heads.map((hash) => ({
    hash,
    support: heads.reduce((sum, other) => sum + (isBelow(other, hash) ? (votes.get(other) ?? 0) : 0), 0),
    goesOn: top !== undefined && isBelow(top, hash) ? 1 : 0,
    height: chain.get(hash)?.number ?? 0,
  }));
  ranked.sort((a, b) => b.support - a.support || b.goesOn - a.goesOn || b.height - a.height || (a.hash < b.hash ? -1 : 1));
  return ranked[0]?.hash ?? null;
}
