/**
 * Justification and finality counted a second time, from the votes in blocks and by the definitions of the papers instead of bits:
 * a link from a justified checkpoint to a later one is made when two thirds of the later one's epoch voted for it in blocks up to the
 * end of the next epoch; its target is justified; its source is final when the target is the next epoch's, or the one after that with
 * the one in between justified too (Casper FFG, arXiv 1710.09437, section 2; Gasper, arXiv 2003.03052, definition 4.9, k = 2).
 */
import { present } from '../../base/assert.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { decodePayload } from '../../consensus/pos/codec.ts';
import { remembered } from '../../consensus/pos/memo.ts';
import type { Checkpoint, Epoch, Validator, ValidatorIndex } from '../../consensus/pos/types.ts';
import type { StakeReference } from './pos-reference.ts';

/** What a chain has counted so far. */
export interface Tally {
  /** Of its last block. */
  readonly epoch: Epoch;
  /** By epoch, the last block at or before its first slot. */
  readonly roots: ReadonlyMap<Epoch, Hash>;
  /** By epoch, who voted for its checkpoint. */
  readonly votes: ReadonlyMap<Epoch, ReadonlySet<ValidatorIndex>>;
  /** By epoch, what was justified when it began: where its votes start. */
  readonly sources: ReadonlyMap<Epoch, Checkpoint>;
  readonly justified: ReadonlySet<Epoch>;
  readonly newest: Checkpoint;
  readonly final: Checkpoint;
}

export class Tallies {
  readonly #reference: StakeReference;
  readonly #tallies = new Map<Hash, Tally>();

  constructor(reference: StakeReference) {
    this.#reference = reference;
    const genesis: Checkpoint = { epoch: 0, root: reference.genesis.hash };
    this.#tallies.set(genesis.root, {
      epoch: 0,
      roots: new Map([[0, genesis.root]]),
      votes: new Map(),
      sources: new Map([[0, genesis]]),
      justified: new Set([0]),
      newest: genesis,
      final: genesis,
    });
  }

  /** After a block. */
  of(hash: Hash): Tally | undefined {
    const missing: Hash[] = [];
    for (let at = hash; !this.#tallies.has(at); ) {
      const block = this.#reference.block(at);
      if (block === undefined) return undefined;
      missing.push(at);
      at = block.header.parentHash;
    }
    for (const each of missing.reverse()) this.#count(each);
    return this.#tallies.get(hash);
  }

  /** As if the epoch of this block were over. */
  ended(hash: Hash): Tally | undefined {
    const tally = this.of(hash);
    const state = this.#reference.state(hash);
    return tally && state && endEpoch(tally, state.validators);
  }

  #count(hash: Hash): void {
    const block = this.#reference.block(hash);
    const before = block && this.#tallies.get(block.header.parentHash);
    const parent = block && this.#reference.state(block.header.parentHash);
    if (block === undefined || before === undefined || parent === undefined) return;
    const epoch = this.#epochOf(block);
    const began =
      epoch === before.epoch ? before : beginEpoch(endEpoch(before, parent.validators), epoch, this.#rootsUntil(before, hash, block));
    this.#tallies.set(hash, { ...began, votes: this.#votesWith(began, hash, block) });
  }

  #votesWith({ votes, epoch }: Tally, hash: Hash, block: Block): Tally['votes'] {
    const counted = new Map([...votes].filter(([target]) => target + 1 >= epoch));
    const { validators } = present(this.#reference.state(hash), 'the state after a block');
    for (const vote of decodePayload(block.payload).attestations) {
      const { target } = vote.data;
      // Who was slashed before, or in this block, has no voice any more; what it has said before counts.
      const indices = (this.#reference.cast(vote)?.indices ?? []).filter((index) => validators[index]?.slashed === false);
      counted.set(target.epoch, new Set([...(counted.get(target.epoch) ?? []), ...indices]));
    }
    return counted;
  }

  /** A new epoch's checkpoint is its first slot's block, or else the one before. */
  #rootsUntil({ epoch, roots }: Tally, hash: Hash, block: Block): Tally['roots'] {
    const found = new Map(roots);
    const last = this.#epochOf(block);
    for (let each = Math.max(epoch + 1, last - 2); each <= last; each++) found.set(each, block.header.parentHash);
    if (this.#reference.slotOf(block) === last * this.#reference.rules.settings.slotsPerEpoch) found.set(last, hash);
    return found;
  }

  #epochOf(block: Block): Epoch {
    return Math.floor(this.#reference.slotOf(block) / this.#reference.rules.settings.slotsPerEpoch);
  }
}

/** One for all checkers of a run. */
export const talliesOf = remembered((reference: StakeReference) => new Tallies(reference));

function beginEpoch(ended: Tally, epoch: Epoch, roots: Tally['roots']): Tally {
  const sources = new Map(ended.sources);
  for (let each = Math.max(ended.epoch + 1, epoch - 2); each <= epoch; each++) sources.set(each, ended.newest);
  return { ...ended, epoch, roots, sources };
}

/** The votes of the epoch and of the one before are weighed by the stake as it is now. */
function endEpoch(tally: Tally, validators: readonly Validator[]): Tally {
  const { epoch, votes, roots, sources } = tally;
  // The first epoch's checkpoint is final from the start.
  if (epoch === 0) return tally;
  const justified = new Set(tally.justified);
  let { newest, final } = tally;
  for (const target of [epoch - 1, epoch]) {
    const [root, source] = [roots.get(target), sources.get(target)];
    if (root === undefined || source === undefined || !isLinked(target, votes.get(target) ?? new Set(), validators)) continue;
    justified.add(target);
    if (target > newest.epoch) newest = { epoch: target, root };
    const isFinal = target === source.epoch + 1 || (target === source.epoch + 2 && justified.has(source.epoch + 1));
    if (isFinal && source.epoch > final.epoch) final = source;
  }
  return { ...tally, justified, newest, final };
}

function isLinked(epoch: Epoch, voted: ReadonlySet<ValidatorIndex>, validators: readonly Validator[]): boolean {
  let [all, part] = [0n, 0n];
  for (const [index, { activationEpoch, exitEpoch, effectiveBalance }] of validators.entries()) {
    if (epoch < activationEpoch || epoch >= exitEpoch) continue;
    all += effectiveBalance;
    if (voted.has(index)) part += effectiveBalance;
  }
  return 3n * part >= 2n * all;
}
