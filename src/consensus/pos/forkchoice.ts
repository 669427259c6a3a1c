/**
 * Which block is the head: LMD-GHOST from the justified checkpoint (consensus-specs phase0/fork-choice.md; the names in
 * quotes are its functions). Only blocks that were executed can be the head; votes for others count for their ancestors.
 *
 * Against known attacks: a proposer's timely block weighs 40% of a committee until its slot ends (ex-ante reorganisations,
 * balancing), only the first block of a slot is given that weight, validators that were seen to equivocate weigh
 * nothing, a vote counts from the slot after its own, and what a branch has justified counts as soon as its epoch is
 * over, whether or not a later block has said so (bouncing).
 */
import { assert, present } from '../../base/assert.ts';
import { type Hash, ZERO_HASH } from '../../base/types.ts';
import type { AttestationData, Checkpoint, Epoch, Gwei, Slot, ValidatorIndex } from './types.ts';

/** A block as the fork choice sees it. */
export interface ForkBlock {
  readonly hash: Hash;
  readonly parent: Hash;
  readonly slot: Slot;
  /** Of the state after the block. */
  readonly justified: Checkpoint;
  readonly finalized: Checkpoint;
  /** What these would be if the epoch ended with this block ("compute_pulled_up_tip"). */
  readonly unrealizedJustified: Checkpoint;
  readonly unrealizedFinalized: Checkpoint;
}

/** Where a validator's newest vote points. */
export interface LatestVote {
  readonly epoch: Epoch;
  readonly head: Hash;
}

interface Entry extends ForkBlock {
  isExecuted: boolean;
}

/** "Store". Changed in place by the functions below. */
export interface ForkChoice {
  readonly slotsPerEpoch: number;
  slot: Slot;
  justified: Checkpoint;
  finalized: Checkpoint;
  /** The best that any block would justify if its epoch were over: becomes real when it is. For those who ask. */
  unrealizedJustified: Checkpoint;
  /** The first timely block of the current slot, from its arrival until the slot ends. */
  boosted: Hash | null;
  /** The same of the next slot, which has begun by some clock or other, and not here yet. */
  early: { readonly hash: Hash; readonly slot: Slot } | null;
  /** Parents come before their children. */
  readonly blocks: Map<Hash, Entry>;
  readonly latest: Map<ValidatorIndex, LatestVote>;
  readonly equivocating: Set<ValidatorIndex>;
  /** The finalized checkpoint below which everything is forgotten. */
  root: Checkpoint;
  /** The last answer of `headOf`, while nothing has changed. */
  chosen: { readonly head: Hash; readonly balances: Balances } | null;
}

/** Weights of votes by validator, of the state at the justified checkpoint: 0 for whom is slashed or not active there. */
export type Balances = readonly Gwei[];

/** In percent of the average weight of a slot's committees. */
export const PROPOSER_BOOST_PERCENT = 40n;
/** Blocks above the finalized one: hours of lost finality. What comes on top is refused. */
export const MAX_UNFINALIZED_BLOCKS = 32_768;
/**
 * On top of these, for blocks of the last epoch's slots: after a pause of days a few validators can fill all other room with blocks
 * for slots that were left empty, and nothing would become final ever again if there were none for what goes on.
 */
export const MAX_RECENT_BLOCKS = 4_096;

/** Begins at a block that is final, as far as this node knows: nothing below it matters. */
export function newForkChoice(hash: Hash, slot: Slot, epoch: Epoch, slotsPerEpoch: number): ForkChoice {
  const at: Checkpoint = { epoch, root: hash };
  const anchor: Entry = {
    hash,
    parent: ZERO_HASH,
    slot,
    justified: at,
    finalized: at,
    unrealizedJustified: at,
    unrealizedFinalized: at,
    isExecuted: true,
  };
  return {
    slotsPerEpoch,
    slot,
    justified: at,
    finalized: at,
    unrealizedJustified: at,
    boosted: null,
    early: null,
    blocks: new Map([[hash, anchor]]),
    latest: new Map(),
    equivocating: new Set(),
    root: at,
    chosen: null,
  };
}

/** "on_tick". Slots in between need no step of their own. Back it goes only after a jump of the clock; what is justified stays so. */
export function atSlot(store: ForkChoice, slot: Slot): void {
  if (slot === store.slot) return;
  const isNewEpoch = epochOf(store, slot) > epochOf(store, store.slot);
  store.slot = slot;
  store.boosted = store.early?.slot === slot ? store.early.hash : null;
  store.early = null;
  store.chosen = null;
  // Not what the new epoch's first block says, which may have come a little before it did: that epoch is not over.
  if (isNewEpoch) for (const block of store.blocks.values()) learnCheckpoints(store, block);
}

/**
 * "on_block", once the state after it is known; its execution may come later (`executed`). `isTimely`: it arrived before the
 * votes of its slot are due, maybe a little before its slot. False when there is no room for it, or it is not above the finalized block.
 */
export function addBlock(store: ForkChoice, block: ForkBlock, isTimely: boolean): boolean {
  const { blocks } = store;
  if (blocks.has(block.hash)) return true;
  if (blocks.size >= roomFor(store, block) || !blocks.has(block.parent)) return false;
  assert(block.slot > present(blocks.get(block.parent), 'the parent').slot, 'a block is in a later slot than its parent');
  blocks.set(block.hash, { ...block, isExecuted: false });
  if (isTimely) boost(store, block);
  store.chosen = null;
  learnCheckpoints(store, block);
  return true;
}

function roomFor({ slot, slotsPerEpoch }: ForkChoice, block: ForkBlock): number {
  return MAX_UNFINALIZED_BLOCKS + (block.slot + slotsPerEpoch >= slot ? MAX_RECENT_BLOCKS : 0);
}

function boost(store: ForkChoice, { hash, slot }: ForkBlock): void {
  if (slot === store.slot) store.boosted ??= hash;
  else if (slot > store.slot && store.early?.slot !== slot) store.early = { hash, slot };
}

/** From now on it may be the head. */
export function executed(store: ForkChoice, hash: Hash): void {
  const block = store.blocks.get(hash);
  if (block !== undefined) block.isExecuted = true;
  store.chosen = null;
}

/**
 * Takes out a block that turned out to be invalid, with its descendants. Votes for them count for nobody any more, and what they
 * had justified is not justified: on Holesky (February 2025) most of the stake did so for an invalid block.
 */
export function removeInvalid(store: ForkChoice, hash: Hash): void {
  const removed = new Set([hash]);
  for (const { hash: each, parent } of store.blocks.values()) if (removed.has(parent)) removed.add(each);
  for (const each of removed) store.blocks.delete(each);
  if (store.boosted !== null && removed.has(store.boosted)) store.boosted = null;
  if (store.early !== null && removed.has(store.early.hash)) store.early = null;
  store.chosen = null;
  store.justified = store.finalized = store.unrealizedJustified = store.root;
  for (const block of store.blocks.values()) learnCheckpoints(store, block);
}

/**
 * "update_latest_messages": of each validator the vote with the highest target epoch counts, the first of an epoch. The
 * caller has checked the vote, and that its slot is over.
 */
export function addVote(store: ForkChoice, validators: Iterable<ValidatorIndex>, epoch: Epoch, head: Hash): void {
  for (const validator of validators) {
    const known = store.latest.get(validator);
    if (store.equivocating.has(validator) || (known !== undefined && known.epoch >= epoch)) continue;
    store.latest.set(validator, { epoch, head });
    store.chosen = null;
  }
}

/** "validate_on_attestation", as far as it is about blocks: the head is known, not later than the vote, and has this target. */
export function isConsistent(store: ForkChoice, { head, slot, target }: AttestationData): boolean {
  const block = store.blocks.get(head);
  return block !== undefined && block.slot <= slot && checkpointOf(store, head, target.epoch) === target.root;
}

/** "on_attester_slashing": whoever has equivocated counts for nobody, now and later. */
export function discount(store: ForkChoice, validators: Iterable<ValidatorIndex>): void {
  for (const validator of validators) {
    store.equivocating.add(validator);
    store.latest.delete(validator);
  }
  store.chosen = null;
}

/** "get_head". `balances` are those of the justified checkpoint's state; the heavier child each time, the higher hash among equals. */
export function headOf(store: ForkChoice, balances: Balances): Hash {
  if (store.chosen?.balances !== balances) store.chosen = { head: chooseHead(store, balances), balances };
  return store.chosen.head;
}

/** Whether it is the boost alone that makes the head. */
export function isHeadByBoost(store: ForkChoice, balances: Balances): boolean {
  return store.boosted !== null && chooseHead({ ...store, boosted: null }, balances) !== headOf(store, balances);
}

function chooseHead(store: ForkChoice, balances: Balances): Hash {
  const weights = weightsOf(store, balances);
  const viable = viableBlocks(store);
  const best = new Map<Hash, Entry>();
  for (const block of viable) {
    const rival = best.get(block.parent);
    if (rival === undefined || isBetter(block, rival, weights)) best.set(block.parent, block);
  }
  let head = store.justified.root;
  for (let next = best.get(head); next !== undefined; next = best.get(head)) head = next.hash;
  return head;
}

/** "get_weight" of every block at once: votes are added up from the leaves to the root. */
export function weightsOf(store: ForkChoice, balances: Balances): Map<Hash, Gwei> {
  const weights = new Map<Hash, Gwei>();
  const add = (hash: Hash, weight: Gwei) => void weights.set(hash, (weights.get(hash) ?? 0n) + weight);
  for (const [validator, { head }] of store.latest) add(head, balances[validator] ?? 0n);
  if (store.boosted !== null) add(store.boosted, boostOf(store, balances));
  for (const { hash, parent } of [...store.blocks.values()].reverse()) {
    const weight = weights.get(hash);
    if (weight !== undefined) add(parent, weight);
  }
  return weights;
}

/** The block of this branch at the slot, or the last before it ("get_ancestor"). Undefined below the finalized block. */
export function ancestorAt(store: ForkChoice, hash: Hash, slot: Slot): Hash | undefined {
  let block = store.blocks.get(hash);
  while (block !== undefined && block.slot > slot) block = store.blocks.get(block.parent);
  return block?.hash;
}

/** "get_checkpoint_block": what a vote for this head must have as its target's root. */
export function checkpointOf(store: ForkChoice, head: Hash, epoch: Epoch): Hash | undefined {
  return ancestorAt(store, head, epoch * store.slotsPerEpoch);
}

export function descendsFrom(store: ForkChoice, hash: Hash, ancestor: Hash): boolean {
  const at = store.blocks.get(ancestor);
  return at !== undefined && ancestorAt(store, hash, at.slot) === ancestor;
}

/** Forgets what does not descend from a finalized block. Answers what was forgotten. */
export function prune(store: ForkChoice, final: Checkpoint): Hash[] {
  const root = present(store.blocks.get(final.root), 'the finalized block');
  const kept = new Set([root.hash]);
  for (const { hash, parent } of store.blocks.values()) if (kept.has(parent)) kept.add(hash);
  const forgotten = [...store.blocks.keys()].filter((hash) => !kept.has(hash));
  for (const hash of forgotten) store.blocks.delete(hash);
  store.root = final;
  store.chosen = null;
  return forgotten;
}

/** What a block says is justified and final, at once, and once its epoch is over. */
function learnCheckpoints(store: ForkChoice, { slot, justified, finalized, unrealizedJustified, unrealizedFinalized }: ForkBlock): void {
  updateCheckpoints(store, justified, finalized);
  if (later(unrealizedJustified, store.unrealizedJustified)) store.unrealizedJustified = unrealizedJustified;
  if (epochOf(store, slot) < epochOf(store, store.slot)) updateCheckpoints(store, unrealizedJustified, unrealizedFinalized);
}

/** The same without what is neither an ancestor nor a descendant of this block, as if it had never come. */
export function branchOf(store: ForkChoice, hash: Hash): ForkChoice {
  const [root] = store.blocks.values();
  assert(root !== undefined, 'a fork choice begins with a block');
  const branch = newForkChoice(root.hash, root.slot, root.finalized.epoch, store.slotsPerEpoch);
  branch.slot = store.slot;
  const slot = present(store.blocks.get(hash), 'the block of the branch').slot;
  for (const block of [...store.blocks.values()].slice(1)) {
    if (block.slot <= slot ? ancestorAt(store, hash, block.slot) !== block.hash : ancestorAt(store, block.hash, slot) !== hash) continue;
    addBlock(branch, block, false);
    if (block.isExecuted) executed(branch, block.hash);
  }
  for (const [validator, vote] of store.latest) branch.latest.set(validator, vote);
  for (const validator of store.equivocating) branch.equivocating.add(validator);
  return branch;
}

/** "update_checkpoints". */
function updateCheckpoints(store: ForkChoice, justified: Checkpoint, finalized: Checkpoint): void {
  if (later(justified, store.justified)) store.justified = justified;
  if (later(finalized, store.finalized)) store.finalized = finalized;
}

/**
 * "filter_block_tree": executed blocks on a way from the justified block to a leaf that agrees with what is justified and
 * final. Going from the leaves up, a block stays when it is such a leaf or a child of it stays.
 */
function viableBlocks(store: ForkChoice): Entry[] {
  const root = store.blocks.get(store.justified.root);
  assert(root !== undefined, `the justified block ${store.justified.root} is known`);
  const isViable = leafRule(store);
  const withChildren = new Set<Hash>();
  const kept = new Set<Hash>();
  const viable: Entry[] = [];
  for (const block of [...store.blocks.values()].reverse()) {
    if (!block.isExecuted) continue;
    withChildren.add(block.parent);
    if (withChildren.has(block.hash) ? !kept.has(block.hash) : !isViable(block)) continue;
    kept.add(block.parent);
    viable.push(block);
  }
  return viable;
}

/** For all leaves at once: to go down from each would take as long as all branches together. */
function leafRule(store: ForkChoice): (leaf: Entry) => boolean {
  const { justified, finalized } = store;
  const now = epochOf(store, store.slot);
  const checkpoints = ancestorsAt(store, finalized.epoch * store.slotsPerEpoch);
  return (leaf) => {
    // "get_voting_source": of an epoch that is over, what it has justified in the end.
    const source = epochOf(store, leaf.slot) < now ? leaf.unrealizedJustified : leaf.justified;
    const agrees = justified.epoch === 0 || source.epoch === justified.epoch || source.epoch + 2 >= now;
    return agrees && (finalized.epoch === 0 || checkpoints.get(leaf.hash) === finalized.root);
  };
}

/** `ancestorAt` of every block. */
function ancestorsAt({ blocks }: ForkChoice, slot: Slot): Map<Hash, Hash | undefined> {
  const found = new Map<Hash, Hash | undefined>();
  for (const block of blocks.values()) found.set(block.hash, block.slot <= slot ? block.hash : found.get(block.parent));
  return found;
}

function isBetter(block: Entry, rival: Entry, weights: ReadonlyMap<Hash, Gwei>): boolean {
  const [weight, other] = [weights.get(block.hash) ?? 0n, weights.get(rival.hash) ?? 0n];
  return weight === other ? block.hash > rival.hash : weight > other;
}

/** "get_proposer_score". */
function boostOf({ slotsPerEpoch }: ForkChoice, balances: Balances): Gwei {
  const total = balances.reduce((sum, balance) => sum + balance, 0n);
  return ((total / BigInt(slotsPerEpoch)) * PROPOSER_BOOST_PERCENT) / 100n;
}

function later(checkpoint: Checkpoint, than: Checkpoint): boolean {
  return checkpoint.epoch > than.epoch;
}

function epochOf({ slotsPerEpoch }: ForkChoice, slot: Slot): Epoch {
  return Math.floor(slot / slotsPerEpoch);
}
