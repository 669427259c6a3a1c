/**
 * The fork choice written a second time, from the root towards the leaves and by the definitions instead of for speed: what one node
 * knows of blocks and votes, and which block follows from that (consensus-specs phase0/fork-choice.md; Gasper, arXiv 2003.03052,
 * section 4.6). Names in quotes are functions of the specs.
 */
import type { Hash } from '../../base/types.ts';
import type { AttestationData, Checkpoint, Epoch, Gwei, Slot, ValidatorIndex } from '../../consensus/pos/types.ts';

export interface SeenBlock {
  readonly hash: Hash;
  readonly parent: Hash;
  readonly slot: Slot;
  /** After the block, and as if its epoch ended with it. */
  readonly justified: Checkpoint;
  readonly finalized: Checkpoint;
  readonly soonJustified: Checkpoint;
  readonly soonFinalized: Checkpoint;
}

interface CountedVote {
  readonly slot: Slot;
  readonly epoch: Epoch;
  readonly head: Hash;
}

/** A timely block has this part of what a slot's voters weigh on average. */
const BOOST_PERCENT = 40n;

export class GhostView {
  readonly slotsPerEpoch: number;
  slot: Slot;
  readonly #blocks = new Map<Hash, SeenBlock>();
  readonly #executed = new Set<Hash>();
  readonly #votes = new Map<ValidatorIndex, CountedVote>();
  /** Of slots that are not over. */
  #queued: { readonly vote: CountedVote; readonly voters: readonly ValidatorIndex[] }[] = [];
  readonly #equivocators = new Set<ValidatorIndex>();
  /** The first timely block of the slot, and of one that has begun by other clocks. */
  readonly #timely = new Map<Slot, Hash>();
  /** The newest that were true when an epoch ended, or that a block has said since. */
  #justified: Checkpoint;
  #finalized: Checkpoint;

  constructor(root: SeenBlock, slotsPerEpoch: number) {
    this.slotsPerEpoch = slotsPerEpoch;
    this.slot = root.slot;
    this.#blocks.set(root.hash, root);
    this.#executed.add(root.hash);
    this.#justified = root.justified;
    this.#finalized = root.finalized;
  }

  get justified(): Checkpoint {
    return this.#justified;
  }

  has(hash: Hash): boolean {
    return this.#blocks.has(hash);
  }

  isExecuted(hash: Hash): boolean {
    return this.#executed.has(hash);
  }

  /** "on_tick": also back, if a clock says so. */
  tick(slot: Slot): void {
    this.slot = slot;
    for (const each of this.#timely.keys()) if (each !== slot) this.#timely.delete(each);
    const due = this.#queued.filter(({ vote }) => vote.slot < slot);
    this.#queued = this.#queued.filter(({ vote }) => vote.slot >= slot);
    for (const { vote, voters } of due) this.#count(vote, voters);
    for (const block of this.#blocks.values()) this.#learn(block);
  }

  /** "on_block": the parent is known. */
  add(block: SeenBlock, isTimely: boolean): void {
    this.#blocks.set(block.hash, block);
    if (isTimely && !this.#timely.has(block.slot)) this.#timely.set(block.slot, block.hash);
    this.#learn(block);
  }

  executed(hash: Hash): void {
    this.#executed.add(hash);
  }

  /** What an invalid block and its descendants said is as if it had never been said. */
  invalid(hash: Hash, root: Checkpoint): void {
    for (const each of [...this.#blocks.keys()]) if (this.descends(each, hash)) this.#forget(each);
    this.#justified = this.#finalized = root;
    for (const block of this.#blocks.values()) this.#learn(block);
  }

  /** "on_attestation": counts from the slot after its own; one in a block (`isInBlock`) at once. */
  vote({ slot, target, head }: AttestationData, voters: readonly ValidatorIndex[], isInBlock: boolean): void {
    const vote = { slot, epoch: target.epoch, head };
    if (isInBlock || slot < this.slot) this.#count(vote, voters);
    else this.#queued.push({ vote, voters });
  }

  /** "on_attester_slashing" */
  discount(validators: Iterable<ValidatorIndex>): void {
    for (const validator of validators) this.#equivocators.add(validator);
  }

  /** Whether the vote's head and target are of one branch, and not later than the vote. */
  isConsistent({ head, slot, target }: AttestationData): boolean {
    const block = this.#blocks.get(head);
    return block !== undefined && block.slot <= slot && this.#ancestorAt(head, target.epoch * this.slotsPerEpoch) === target.root;
  }

  descends(hash: Hash, ancestor: Hash): boolean {
    const at = this.#blocks.get(ancestor);
    return at !== undefined && this.#ancestorAt(hash, at.slot) === ancestor;
  }

  /** Forgets what does not descend from a final block. */
  prune(root: Hash): void {
    for (const each of [...this.#blocks.keys()]) if (!this.descends(each, root)) this.#forget(each);
  }

  /** "get_head". `balances`: what the voters of the justified checkpoint's state weigh. */
  head(balances: readonly Gwei[]): Hash {
    const children = this.#viableChildren();
    const weights = this.#weights(balances);
    const weightOf = (hash: Hash) => weights.get(hash) ?? 0n;
    const isBetter = (a: Hash, b: Hash) => (weightOf(a) === weightOf(b) ? a > b : weightOf(a) > weightOf(b));
    for (let head = this.#justified.root; ; ) {
      const next = children.get(head)?.reduce((best, each) => (isBetter(each, best) ? each : best));
      if (next === undefined) return head;
      head = next;
    }
  }

  /** "get_weight" of all: each vote, and the boost, counts for its block and for what that descends from. */
  #weights(balances: readonly Gwei[]): Map<Hash, Gwei> {
    const weights = new Map<Hash, Gwei>();
    const support = (hash: Hash, weight: Gwei) => {
      for (let at = this.#blocks.get(hash); at !== undefined; at = this.#blocks.get(at.parent)) {
        weights.set(at.hash, (weights.get(at.hash) ?? 0n) + weight);
      }
    };
    for (const [validator, { head }] of this.#votes) {
      if (!this.#equivocators.has(validator)) support(head, balances[validator] ?? 0n);
    }
    const total = balances.reduce((sum, balance) => sum + balance, 0n);
    const timely = this.#timely.get(this.slot);
    if (timely !== undefined) support(timely, ((total / BigInt(this.slotsPerEpoch)) * BOOST_PERCENT) / 100n);
    return weights;
  }

  /** "filter_block_tree": executed blocks from which a leaf can be reached that agrees with what is justified and final. */
  #viableChildren(): Map<Hash, Hash[]> {
    const executed = [...this.#blocks.values()].filter(({ hash }) => this.#executed.has(hash));
    const parents = new Set(executed.map(({ parent }) => parent));
    const viable = new Set<Hash>();
    for (const leaf of executed) {
      if (parents.has(leaf.hash) || !this.#agrees(leaf)) continue;
      for (let at: SeenBlock | undefined = leaf; at !== undefined && !viable.has(at.hash); at = this.#blocks.get(at.parent)) {
        viable.add(at.hash);
      }
    }
    const children = new Map<Hash, Hash[]>();
    for (const { hash, parent } of executed) if (viable.has(hash)) children.set(parent, [...(children.get(parent) ?? []), hash]);
    return children;
  }

  #agrees({ hash, slot, justified, soonJustified }: SeenBlock): boolean {
    const now = this.#epochOf(this.slot);
    const source = this.#epochOf(slot) < now ? soonJustified : justified;
    const isOfNow = this.#justified.epoch === 0 || source.epoch === this.#justified.epoch || source.epoch + 2 >= now;
    return isOfNow && (this.#finalized.epoch === 0 || this.descends(hash, this.#finalized.root));
  }

  #count(vote: CountedVote, voters: readonly ValidatorIndex[]): void {
    for (const voter of voters) {
      const known = this.#votes.get(voter);
      if (known === undefined || known.epoch < vote.epoch) this.#votes.set(voter, vote);
    }
  }

  /** "update_checkpoints", and "compute_pulled_up_tip" for blocks of epochs that are over. */
  #learn(block: SeenBlock): void {
    const isOver = this.#epochOf(block.slot) < this.#epochOf(this.slot);
    for (const justified of isOver ? [block.justified, block.soonJustified] : [block.justified]) {
      if (justified.epoch > this.#justified.epoch) this.#justified = justified;
    }
    for (const finalized of isOver ? [block.finalized, block.soonFinalized] : [block.finalized]) {
      if (finalized.epoch > this.#finalized.epoch) this.#finalized = finalized;
    }
  }

  #ancestorAt(hash: Hash, slot: Slot): Hash | undefined {
    let block = this.#blocks.get(hash);
    while (block !== undefined && block.slot > slot) block = this.#blocks.get(block.parent);
    return block?.hash;
  }

  #forget(hash: Hash): void {
    this.#blocks.delete(hash);
    this.#executed.delete(hash);
  }

  #epochOf(slot: Slot): Epoch {
    return Math.floor(slot / this.slotsPerEpoch);
  }
}
