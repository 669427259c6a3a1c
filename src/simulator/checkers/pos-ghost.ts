/**
 * HeadIsGhost. Whenever a correct node looks for its head, it takes the block that follows from the blocks it has stored and executed, the
 * votes that it has taken and the offences that it knows of, by a second fork choice (`pos-ghost-view.ts`). So it shows what a vote
 * weighs that should not, or does not that should: a missing boost, a vote of this slot, an equivocator, a checkpoint that waits
 * for a block to say it.
 */
import { present } from '../../base/assert.ts';
import { type Hash, ZERO_HASH } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { ChainView } from '../../chain/tree.ts';
import type { Effect, Event } from '../../consensus/engine.ts';
import { decodePayload } from '../../consensus/pos/codec.ts';
import { VOTE_TIMER } from '../../consensus/pos/duties.ts';
import type { PosMessage } from '../../consensus/pos/messages.ts';
import { convictedBy } from '../../consensus/pos/offences.ts';
import { decodeRecord } from '../../consensus/pos/records.ts';
import { orNull } from '../../consensus/pos/requests.ts';
import { attestationRoot } from '../../consensus/pos/signing.ts';
import type { Attestation, Gwei, Slot } from '../../consensus/pos/types.ts';
import { isOfNode } from '../observations.ts';
import type { CheckerFactory, Setting } from './checker.ts';
import { GhostView, type SeenBlock } from './pos-ghost-view.ts';
import { type StakeReference, stakeReference } from './pos-reference.ts';
import { type Tallies, talliesOf } from './pos-tally.ts';

type Step = { readonly event: Event<unknown>; readonly effects: readonly Effect<unknown>[] };

const MS_PER_SECOND = 1_000;
/** Votes are due, and blocks are timely, until a third of the slot is over. */
const TIMELY_PART = 3;
/** How early a vote may be, by the clock of who takes it. */
const DISPARITY_MS = 500;
const MAX_SIBLINGS = 1_024;

/** What one node knows in one life. */
class Knowledge {
  readonly view: GhostView;
  readonly chain: ChainView;
  readonly #reference: StakeReference;
  readonly #tallies: Tallies;
  readonly #setting: Setting;
  head: Hash;
  /** Votes for blocks that were not there when they came. */
  #held: Attestation[] = [];

  constructor(setting: Setting, reference: StakeReference, tallies: Tallies, chain: ChainView) {
    this.#setting = setting;
    this.#reference = reference;
    this.#tallies = tallies;
    this.chain = chain;
    this.head = chain.head.hash;
    const { finalized } = chain;
    this.view = new GhostView(this.#seen(finalized.hash, Number(finalized.facts.carried)), reference.rules.settings.slotsPerEpoch);
    for (let number = finalized.header.number + 1; number <= chain.maxHeight; number++) {
      for (const { hash, header } of chain.atHeight(number, MAX_SIBLINGS)) this.#stored(hash, header.parentHash);
    }
  }

  /** At the beginning of a step: time goes on before anything else is looked at, and back only with a jump. True when a slot begins. */
  tick(wallMs: number, effects: readonly Effect<unknown>[]): boolean {
    const slot = Math.max(0, Math.floor((wallMs - this.#startMs(0)) / this.#slotMs));
    const before = this.view.slot;
    const hasJumped = effects.some((effect) => effect.type === 'trace' && effect.name === 'clockJump');
    if (slot > before || (slot < before && hasJumped)) this.view.tick(slot);
    return slot > before;
  }

  /** What was decided before the head was looked for: blocks that were stored, evidence that was found. */
  takeEffects(effects: readonly Effect<unknown>[], wallMs: number): void {
    for (const effect of effects) {
      if (effect.type === 'insert') this.#insert(effect.block, wallMs);
      if (effect.type === 'setHead') this.head = effect.hash;
      if (effect.type !== 'send') continue;
      const message = effect.message as PosMessage;
      if (message.type === 'evidence') this.view.discount(convictedBy(message.offence));
    }
  }

  /** What a step was told. True when it has to look for its head after that. */
  takeEvent({ event, effects }: Step, wallMs: number): boolean {
    if (event.type === 'message') this.#heard(event.message as PosMessage, effects, wallMs);
    if (event.type === 'checked') {
      if (event.error === null) this.view.executed(event.hash);
      else this.#drop(event.hash);
    }
    if (event.type !== 'block' && event.type !== 'checked' && event.type !== 'persisted') return false;
    this.#retry(wallMs);
    return true;
  }

  /** Own votes, and sums of votes that were taken; after a start those of the life before, whose blocks may be gone. */
  takeVotes(effects: readonly Effect<unknown>[]): void {
    for (const effect of effects) {
      const message = effect.type === 'send' ? (effect.message as PosMessage) : null;
      if (message?.type !== 'vote') continue;
      if (this.view.isConsistent(message.vote.data)) this.#count(message.vote, false);
      else this.#held.push(message.vote);
    }
  }

  /** A start tells of evidence that waits for a block. */
  remember(records: readonly Uint8Array[]): void {
    for (const bytes of records) {
      const record = decodeRecord(bytes);
      if (record.type === 'snapshot') for (const offence of record.snapshot.offences) this.view.discount(convictedBy(offence));
    }
  }

  expected(): Hash {
    return this.view.head(this.#balances());
  }

  #balances(): readonly Gwei[] {
    const { justified } = this.view;
    const state = present(this.#reference.stateAt(justified), 'the justified state');
    return state.validators.map(({ activationEpoch, exitEpoch, slashed, effectiveBalance }) =>
      activationEpoch <= justified.epoch && justified.epoch < exitEpoch && !slashed ? effectiveBalance : 0n,
    );
  }

  #stored(hash: Hash, parent: Hash): void {
    const block = this.chain.block(hash);
    const status = this.chain.status(hash);
    if (block === undefined || status === 'invalid' || !this.view.has(parent)) return;
    this.#add(hash, block, false);
    if (status === 'executed') this.view.executed(hash);
  }

  #insert(block: Block, wallMs: number): void {
    const slot = this.#reference.slotOf(block);
    const isTimely = slot >= this.view.slot && wallMs < this.#startMs(slot) + Math.floor(this.#slotMs / TIMELY_PART);
    this.#add(hashHeader(block.header), block, isTimely);
  }

  #add(hash: Hash, block: Block, isTimely: boolean): void {
    this.#reference.learn(hash, block);
    this.view.add(this.#seen(hash, this.#reference.slotOf(block), block.header.parentHash), isTimely);
    const { attestations, offences } = decodePayload(block.payload);
    for (const vote of attestations) if (this.view.isConsistent(vote.data)) this.#count(vote, true);
    for (const offence of offences) this.view.discount(convictedBy(offence));
  }

  #seen(hash: Hash, slot: Slot, parent: Hash = ZERO_HASH): SeenBlock {
    const { currentJustified, finalized } = present(this.#reference.state(hash), 'the state after a stored block');
    const ended = present(this.#tallies.ended(hash), 'the tally after a stored block');
    return { hash, parent, slot, justified: currentJustified, finalized, soonJustified: ended.newest, soonFinalized: ended.final };
  }

  #heard(message: PosMessage, effects: readonly Effect<unknown>[], wallMs: number): void {
    const isTaken = !effects.some(({ type }) => type === 'ignore' || type === 'offence');
    if (message.type === 'evidence') {
      if (isTaken) this.view.discount(convictedBy(message.offence));
    } else if (isTaken) this.#count(message.vote, false);
    else if (!this.view.has(message.vote.data.head) && this.#isOfNow(message.vote, wallMs)) this.#held.push(message.vote);
  }

  /** Votes whose block has come, and that are right and not too old. */
  #retry(wallMs: number): void {
    const ready = this.#held.filter(({ data }) => this.view.has(data.head));
    this.#held = this.#held.filter(({ data }) => !this.view.has(data.head) && data.slot + this.view.slotsPerEpoch >= this.view.slot);
    for (const vote of ready) if (this.#isOfNow(vote, wallMs) && this.#isRight(vote)) this.#count(vote, false);
  }

  #isOfNow({ data: { slot } }: Attestation, wallMs: number): boolean {
    return slot + this.view.slotsPerEpoch >= this.view.slot && this.#startMs(slot) - wallMs <= DISPARITY_MS;
  }

  #isRight(vote: Attestation): boolean {
    const { data, signature } = vote;
    const judge = this.view.isConsistent(data) ? this.#reference.stateAt(data.target) : undefined;
    if (judge?.currentJustified.epoch !== data.source.epoch || judge.currentJustified.root !== data.source.root) return false;
    const cast = orNull(() => this.#reference.cast(vote));
    const message = attestationRoot(this.#setting.params, data);
    return cast !== null && this.#setting.signatures.verify({ publicKeys: cast.keys, message, signature });
  }

  #count(vote: Attestation, isInBlock: boolean): void {
    this.view.vote(vote.data, this.#reference.cast(vote)?.indices ?? [], isInBlock);
  }

  #drop(hash: Hash): void {
    const { finalized } = this.chain;
    this.view.invalid(hash, { epoch: 0, root: finalized.hash });
  }

  get #slotMs(): number {
    return this.#reference.rules.settings.slotSeconds * MS_PER_SECOND;
  }

  #startMs(slot: Slot): number {
    return this.#reference.genesis.header.timestamp * MS_PER_SECOND + slot * this.#slotMs;
  }
}

/** Of the duties of a slot: what comes before it in a step was done, and the head looked for, when the slot began. */
function isBeginning(effect: Effect<unknown>): boolean {
  return effect.type === 'setTimer' && effect.id === VOTE_TIMER;
}

export const headIsGhost: CheckerFactory = (setting) => {
  const { isCorrect, wallMsOf, report } = setting;
  const reference = stakeReference(setting);
  const tallies = talliesOf(reference);
  const nodes = new Map<number, Knowledge>();

  function compare(node: number, known: Knowledge): void {
    const { view, chain, head } = known;
    const expected = known.expected();
    if (expected === head || !view.isExecuted(expected) || !view.descends(expected, chain.finalized.hash)) return;
    report({ node, message: `Has the head ${head}; by what it has seen until slot ${view.slot} it is ${expected}.` });
  }

  return {
    name: 'HeadIsGhost',
    sees: ['started', 'step', 'finalized'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'started') nodes.set(node, new Knowledge(setting, reference, tallies, observation.chain));
      const known = nodes.get(node);
      if (known === undefined) return;
      if (observation.type === 'finalized') known.view.prune(observation.block.hash);
      if (observation.type !== 'step') return;
      const { event, effects } = observation;
      const wallMs = wallMsOf(node);
      if (event.type === 'start') known.remember(event.records);
      const isNewSlot = known.tick(wallMs, effects);
      const begun = event.type === 'start' ? -1 : effects.findIndex(isBeginning);
      if (isNewSlot && begun >= 0) {
        known.takeEffects(effects.slice(0, begun), wallMs);
        compare(node, known);
      }
      known.takeEffects(effects.slice(isNewSlot ? Math.max(0, begun) : 0), wallMs);
      if (known.takeEvent(observation, wallMs) || event.type === 'start') compare(node, known);
      known.takeVotes(effects);
    },
  };
};
