/**
 * The phases of a chain: which engine makes which blocks. The first is that of the genesis file. Each ends with an anchor: the
 * block at a transition's height, or one that carries an agreed change (`change.ts`). The next begins on it.
 *
 * What is settled comes from final blocks alone, so it never changes; what is planned is what the genesis file says of heights
 * above. The phase's number is in the high bits of a block's weight: a later phase outweighs an earlier one, and whoever has a
 * header of this chain knows its phase.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { assert, present } from '../../base/assert.ts';
import { BoundedMap } from '../../base/bounded.ts';
import { fromHex, hashOf } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import type { ChainParams, EngineSettings } from '../../chain/params.ts';
import { encodeRlp } from '../../chain/rlp.ts';
import type { BlockView, ChainView, Facts, HeaderNode } from '../../chain/tree.ts';
import type { AnyEngine } from '../engine.ts';
import { type Change, isChange } from './change.ts';
import type { Plan, Transition } from './plan.ts';

export interface Phase {
  /** Counted from 0. */
  readonly number: number;
  readonly settings: EngineSettings;
  readonly engine: AnyEngine;
  /** The block below its first one. The hash is null while that block is not final here. */
  readonly anchor: { readonly height: number; readonly hash: Hash | null };
}

/** Makes the engine of a phase; `isFollower`: without the node's keys. */
export type MakeEngine = (params: ChainParams, isFollower: boolean) => AnyEngine;

const PHASE_BITS = 64n;
/** The extraData of a block that carries nothing. */
export const NO_PAYLOAD = '0x';
/** Phases of chains that are only looked at. */
const MAX_REMEMBERED = 16;

/** The phase of a block, by the facts that are kept with it. */
export function phaseOf({ facts }: Pick<HeaderNode, 'facts'>): number {
  return Number(facts.weight >> PHASE_BITS);
}

/** As an engine of this phase gives them, to what is kept. */
export function outerFacts(phase: number, { weight, carried }: Facts): Facts {
  return phase === 0 ? { weight, carried } : { weight: weight + (BigInt(phase) << PHASE_BITS), carried };
}

export function innerFacts(phase: number, { weight, carried }: Facts): Facts {
  return { weight: weight - (BigInt(phase) << PHASE_BITS), carried };
}

/** Reads an agreed change out of a block of this phase; null when what the block carries is none. */
export type ReadChange = (phase: Phase, payload: Uint8Array) => Change | null;

export class Timeline {
  readonly #params: ChainParams;
  readonly #transitions: readonly Transition[];
  readonly #make: MakeEngine;
  readonly #readChange: ReadChange;
  readonly #settled: Phase[] = [];
  /** By anchor: phases of blocks that are not final here. */
  readonly #remembered = new BoundedMap<Hash, Phase>(MAX_REMEMBERED);
  /** Made when they are asked for. Whatever is settled anew makes them anew. */
  #planned: (Phase | undefined)[] = [];

  /** Throws UsageError for settings of any engine that make no sense. */
  constructor(params: ChainParams, plan: Plan, make: MakeEngine, readChange: ReadChange) {
    this.#params = params;
    this.#transitions = plan.transitions;
    this.#make = make;
    this.#readChange = readChange;
    this.#settled.push(this.#phase(0, plan.first, { height: 0, hash: params.genesisHash }));
    for (const [i] of plan.transitions.entries()) this.at(i + 1);
  }

  /** An engine as a phase of this number would have it. Throws UsageError for settings that make no sense. */
  trial(number: number, settings: EngineSettings, height = 0): AnyEngine {
    return this.#make(paramsOf(this.#params, number, settings, height), true);
  }

  /** The phase that is known to have begun last. */
  get last(): Phase {
    return present(this.#settled.at(-1), 'the first phase');
  }

  /** The phase of this number, settled or planned; undefined for one of which nothing is known. */
  at(number: number): Phase | undefined {
    return this.#settled[number] ?? this.#plannedAt(number - this.#settled.length);
  }

  /** The height at which this phase ends; null while that is open. */
  endOf({ number, anchor }: Phase): number | null {
    const next = this.#settled[number + 1]?.anchor.height;
    return next ?? this.#transitions.find(({ height }) => height > anchor.height)?.height ?? null;
  }

  /** Whether a block of this phase is its last, should it become final. */
  isAnchor(phase: Phase, node: HeaderNode, chain: BlockView): boolean {
    const { number } = node.header;
    if (number <= phase.anchor.height) return false;
    const settled = this.#settled[phase.number + 1];
    if (settled !== undefined) return settled.anchor.hash === node.hash;
    return number === this.endOf(phase) || this.#changeOf(phase, node, chain) !== null;
  }

  /** The final block of the newest phase ends it: the next one has begun. Answers the next. */
  settle(node: HeaderNode, chain: BlockView): Phase {
    const { last } = this;
    assert(phaseOf(node) === last.number, 'a phase ends with a block of its own');
    const engine = present(this.#engineAbove(last, node, chain), 'a transition or a change');
    const next = this.#phase(last.number + 1, engine, { height: node.header.number, hash: node.hash });
    this.#settled.push(next);
    this.#planned = [];
    return next;
  }

  /**
   * The phase of a block on a chain that this timeline has not followed: by the anchors below it. `chain` has all blocks back to the
   * newest phase that is known. Undefined where it has not.
   */
  along(node: HeaderNode, chain: BlockView): Phase | undefined {
    const number = phaseOf(node);
    if (number <= this.last.number) return this.at(number);
    let anchor: HeaderNode | undefined = node;
    while (anchor !== undefined && phaseOf(anchor) === number) anchor = chain.get(anchor.header.parentHash);
    if (anchor === undefined) return undefined;
    return this.#remembered.get(anchor.hash) ?? this.#above(anchor, chain);
  }

  /** The phase that an anchor begins. */
  #above(anchor: HeaderNode, chain: BlockView): Phase | undefined {
    const before = this.along(anchor, chain);
    const engine = before && this.#engineAbove(before, anchor, chain);
    if (before === undefined || engine === null || engine === undefined) return undefined;
    const phase = this.#phase(before.number + 1, engine, { height: anchor.header.number, hash: anchor.hash });
    this.#remembered.set(anchor.hash, phase);
    return phase;
  }

  /** With which engine the chain goes on above a block of this phase; null where the phase goes on. */
  #engineAbove(phase: Phase, node: HeaderNode, chain: BlockView): EngineSettings | null {
    const { number } = node.header;
    const transition = number === this.endOf(phase) ? this.#transitions.find(({ height }) => height === number) : undefined;
    return transition?.engine ?? this.#changeOf(phase, node, chain)?.engine ?? null;
  }

  /** The phase of a child of this block, which is one of this phase; the chain may not have the block's payload, then undefined. */
  next(phase: Phase, parent: HeaderNode, chain: BlockView): Phase | undefined {
    const settled = this.#settled[phase.number + 1];
    if (settled !== undefined) return settled.anchor.hash === parent.hash ? settled : phase;
    if (parent.header.number === this.endOf(phase)) return this.at(phase.number + 1);
    const isOpen = parent.header.extraData !== NO_PAYLOAD && phase.engine.finality === 'instant';
    if (!isOpen) return phase;
    if (chain.block(parent.hash) === undefined) return undefined;
    return this.#changeOf(phase, parent, chain) === null ? phase : (this.#remembered.get(parent.hash) ?? this.#above(parent, chain));
  }

  /** By height alone: what is true of all blocks, if only in the part of the chain that is settled or planned. */
  byHeight(height: number): Phase {
    let number = 0;
    for (let next = this.at(1); next !== undefined && next.anchor.height < height; next = this.at(number + 1)) number++;
    return present(this.at(number), 'a phase');
  }

  /** Settles what the final part of the chain says: after a start. Of each phase, one search for its last block. */
  learn(chain: ChainView): void {
    for (;;) {
      const end = lastOf(chain, this.last);
      if (end === undefined || !this.isAnchor(this.last, end, chain)) return;
      this.settle(end, chain);
    }
  }

  #changeOf(phase: Phase, { hash, header }: HeaderNode, chain: BlockView): Change | null {
    // Only what is decided at once can carry a decision that all have to know of from the next block on.
    if (header.extraData === NO_PAYLOAD || phase.engine.finality !== 'instant') return null;
    const payload = chain.block(hash)?.payload;
    return payload !== undefined && isChange(payload) ? this.#readChange(phase, payload) : null;
  }

  #plannedAt(index: number): Phase | undefined {
    const { number, anchor } = this.last;
    const known = this.#planned[index];
    if (known !== undefined || index < 0) return known;
    const transition = this.#transitions.filter(({ height }) => height > anchor.height)[index];
    if (transition === undefined) return undefined;
    const phase = this.#phase(number + 1 + index, transition.engine, { height: transition.height, hash: null });
    this.#planned[index] = phase;
    return phase;
  }

  #phase(number: number, settings: EngineSettings, anchor: Phase['anchor']): Phase {
    return { number, settings, engine: this.#make(paramsOf(this.#params, number, settings, anchor.height), false), anchor };
  }

  /** The engine of a phase, for a node that has no vote in it. */
  follower({ number, settings, anchor }: Phase): AnyEngine {
    return this.trial(number, settings, anchor.height);
  }
}

/** What is signed in one phase means nothing in another, even if both have the same engine with the same members. */
export function paramsOf(params: ChainParams, phase: number, engine: EngineSettings, baseHeight: number): ChainParams {
  if (phase === 0) return { ...params, engine };
  return { ...params, engine, baseHeight, genesisHash: hashOf(keccak_256(encodeRlp([fromHex(params.genesisHash), phase]))) };
}

/** The highest final block of this phase; undefined where there is none above its anchor. */
function lastOf(chain: ChainView, { number, anchor }: Phase): HeaderNode | undefined {
  let low = anchor.height;
  let high = chain.finalized.header.number;
  const at = (height: number): HeaderNode => present(chain.get(present(chain.canonical(height), 'a final block')), 'its header');
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (phaseOf(at(middle)) <= number) low = middle;
    else high = middle - 1;
  }
  return low > anchor.height ? at(low) : undefined;
}
