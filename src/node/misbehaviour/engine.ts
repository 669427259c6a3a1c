/**
 * A node of a test network that does not do as it should: the honest engine, and around its `step` somebody who changes what it
 * decides and says. Pure like the engine itself. What each engine's lies look like is in the files beside this one.
 *
 * - idle: it makes no blocks; under proof-of-stake its validators have nothing to sign with.
 * - withholding: what it would announce is kept back (`onWithheld`) until somebody publishes it.
 * - equivocating: at its next opportunity it signs two statements where it may sign one, once for each time it was asked to.
 */
import { RuleError } from '../../base/errors.ts';
import type { Signatures, Signer } from '../../base/signatures.ts';
import type { Block } from '../../chain/block.ts';
import type { ChainParams } from '../../chain/params.ts';
import type { AnyEngine, Context, Effect, Event } from '../../consensus/engine.ts';

export const LIES = ['proposal', 'vote'] as const;
/** What is said twice: a block of the same height or slot, or a vote. */
export type Lie = (typeof LIES)[number];

type AnyEffect = Effect<unknown>;
export type Effects = readonly AnyEffect[];

/** What an engine's step answers, and how to ask it. */
export interface Turn {
  readonly state: unknown;
  readonly event: Event<unknown>;
  readonly context: Context;
  readonly step: (event: Event<unknown>) => Effects;
}

/** How one engine equivocates. */
export interface Liar {
  readonly lies: readonly Lie[];
  /** The effects of this turn with `lie` told in them, and whether it was. Without an opportunity those of the honest engine. */
  turn(turn: Turn, lie: Lie): { readonly effects: Effects; readonly isTold: boolean };
  /** How the engine steps while its node is idle, where answering its wish for a block with none is not enough. */
  readonly idle?: (turn: Turn) => Effects;
}

/** Whom it lies for. */
export interface Self {
  readonly params: ChainParams;
  readonly signatures: Signatures;
  readonly signers: readonly Signer[];
}

/** What an engine may ask for again as soon as it was refused; then it is refused no more in this step. */
const MAX_REFUSALS = 8;

export class Misbehaviour {
  isIdle = false;
  isWithholding = false;
  /** What it was told to say twice, and how often it has. */
  readonly armed = new Set<Lie>();
  readonly told: Record<Lie, number> = { proposal: 0, vote: 0 };
  readonly engine: AnyEngine;
  readonly #liar: Liar | null;
  readonly #onWithheld: (block: Block) => void;

  constructor(honest: AnyEngine, liar: Liar | null, onWithheld: (block: Block) => void) {
    this.#liar = liar;
    this.#onWithheld = onWithheld;
    this.engine = Object.create(honest) as AnyEngine;
    this.engine.step = (state, event, context) => this.#change({ state, event, context, step: (one) => honest.step(state, one, context) });
  }

  /** Throws RuleError `fault/cannot-lie` where the engine has nothing of the kind. */
  arm(lie: Lie): void {
    if (this.#liar?.lies.includes(lie) !== true) throw cannotLie(this.engine, lie, this.#liar?.lies ?? []);
    this.armed.add(lie);
  }

  #change(turn: Turn): Effects {
    const effects = this.isIdle ? this.#idle(turn) : this.#lying(turn);
    if (!this.isWithholding) return effects;
    for (const effect of effects) if (effect.type === 'announce') this.#onWithheld(effect.block);
    return effects.filter(({ type }) => type !== 'announce');
  }

  #lying(turn: Turn): Effects {
    for (const lie of this.armed) {
      const { effects, isTold } = this.#liar?.turn(turn, lie) ?? { effects: turn.step(turn.event), isTold: false };
      if (isTold) {
        this.armed.delete(lie);
        this.told[lie] += 1;
      }
      // One lie in a step: the step is done.
      return effects;
    }
    return turn.step(turn.event);
  }

  #idle(turn: Turn): Effects {
    return this.#liar?.idle === undefined ? withoutBlocks(turn) : this.#liar.idle(turn);
  }
}

/** Every wish for a block is answered at once: it could not be built. */
function withoutBlocks({ event, step }: Turn): Effects {
  const kept: AnyEffect[] = [];
  let effects = step(event);
  for (let refusals = 0; refusals < MAX_REFUSALS; refusals++) {
    const wish = effects.find((effect) => effect.type === 'build');
    kept.push(...effects.filter((effect) => effect !== wish));
    if (wish?.type !== 'build') return kept;
    effects = step({ type: 'built', request: wish.request, block: null });
  }
  return [...kept, ...effects];
}

function cannotLie(engine: AnyEngine, lie: Lie, lies: readonly Lie[]): RuleError {
  const why =
    engine.faults === 'crash'
      ? `members of ${engine.name} are trusted not to lie: it bears crashes only, and nobody would notice a second ${lie}`
      : `under ${engine.name} there is no second ${lie}; there is ${lies.length === 0 ? 'nothing to say twice' : lies.join(' or ')}`;
  return new RuleError('fault/cannot-lie', `This node cannot equivocate: ${why}.`, { engine: engine.name });
}
