/**
 * What all checkers of proof-of-stake know of a run: every block that a correct node stored, the state after it, and who cast a vote.
 * States are made by the engine's own transition; what follows from votes is counted a second time (`pos-tally.ts`).
 */
import { present } from '../../base/assert.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { decodePayload, decodeSeal } from '../../consensus/pos/codec.ts';
import { indexedAttestation } from '../../consensus/pos/committees.ts';
import { processSlots } from '../../consensus/pos/epochs.ts';
import { genesisState } from '../../consensus/pos/genesis.ts';
import { rememberedOfTwo } from '../../consensus/pos/memo.ts';
import type { PosRules } from '../../consensus/pos/rules.ts';
import { applied } from '../../consensus/pos/states.ts';
import { epochOf, firstSlot, slotOfTimestamp } from '../../consensus/pos/time.ts';
import type { Attestation, Checkpoint, IndexedAttestation, Payload, StakeState } from '../../consensus/pos/types.ts';
import { depositorOf } from '../subjects/pos-clients.ts';
import { posRulesOf } from '../subjects/pos-rules.ts';
import type { Setting } from './checker.ts';

/** A vote, and whose it is in the branch that it is for. */
export interface CastVote extends IndexedAttestation {
  /** In the order of the indices. */
  readonly keys: readonly PublicKey[];
}

export class StakeReference {
  readonly rules: PosRules;
  readonly genesis: HeaderNode;
  readonly #blocks = new Map<Hash, Block>();
  readonly #states = new Map<Hash, StakeState>();
  readonly #checkpoints = new Map<string, StakeState>();

  constructor(rules: PosRules, genesis: HeaderNode) {
    this.rules = rules;
    this.genesis = genesis;
    this.#states.set(genesis.hash, genesisState(rules.settings, genesis.header));
  }

  learn(hash: Hash, block: Block): void {
    this.#blocks.set(hash, block);
  }

  block(hash: Hash): Block | undefined {
    return this.#blocks.get(hash);
  }

  payload(hash: Hash): Payload | undefined {
    const block = this.#blocks.get(hash);
    return block && decodePayload(block.payload);
  }

  slotOf(block: Block): number {
    const { timestamp } = this.genesis.header;
    return slotOfTimestamp(this.rules.settings, timestamp, block.header.timestamp) ?? Number.MAX_SAFE_INTEGER;
  }

  /** After a block whose ancestors are known. */
  state(hash: Hash): StakeState | undefined {
    const missing: Block[] = [];
    for (let at = hash; !this.#states.has(at); ) {
      const block = this.#blocks.get(at);
      if (block === undefined) return undefined;
      missing.push(block);
      at = block.header.parentHash;
    }
    for (const block of missing.reverse()) this.#apply(block);
    return this.#states.get(hash);
  }

  /** In the first slot of the epoch, or after the block where that is in the epoch. */
  stateAt({ epoch, root }: Checkpoint): StakeState | undefined {
    const name = `${epoch}/${root}`;
    const known = this.#checkpoints.get(name);
    const after = known ?? this.state(root);
    if (known !== undefined || after === undefined) return known;
    const { settings } = this.rules;
    const found = epochOf(settings, after.slot) >= epoch ? after : processSlots(settings, after, firstSlot(settings, epoch));
    this.#checkpoints.set(name, found);
    return found;
  }

  /** Whose vote it is; null where its target is unknown, or it fits no committee. Signatures are not looked at. */
  cast(vote: Attestation): CastVote | null {
    const judge = this.stateAt(vote.data.target);
    if (judge === undefined) return null;
    const indexed = indexedAttestation(this.rules.settings, judge, vote);
    return { ...indexed, keys: indexed.indices.map((index) => present(judge.validators[index], 'a voter').publicKey) };
  }

  /** Whether `hash` is `ancestor` or one of its descendants. */
  descends(hash: Hash, ancestor: Hash): boolean {
    const lowest = this.#blocks.get(ancestor)?.header.number ?? 0;
    let at = hash;
    for (let block = this.#blocks.get(at); block !== undefined && block.header.number > lowest; block = this.#blocks.get(at)) {
      at = block.header.parentHash;
    }
    return at === ancestor;
  }

  #apply(block: Block): void {
    const before = present(this.#states.get(block.header.parentHash), 'the state after the parent');
    const decoded = () => ({
      slot: this.slotOf(block),
      header: block.header,
      payload: decodePayload(block.payload),
      seal: decodeSeal(block.seal),
    });
    const after = applied(this.rules, before, block, decoded, { verify: false });
    this.#states.set(after.block, after);
  }
}

const referenceOf = rememberedOfTwo((rules: PosRules, genesis: HeaderNode) => new StakeReference(rules, genesis));

/** One for all checkers of a run. */
export function stakeReference({ genesis, params, signatures }: Pick<Setting, 'genesis' | 'params' | 'signatures'>): StakeReference {
  return referenceOf(posRulesOf(params, signatures), genesis);
}

/** Keys of nodes that follow the protocol: of each node those whose stake is its own. */
export function honestKeys({ validators }: StakeState, { nodes, isCorrect }: Pick<Setting, 'nodes' | 'isCorrect'>): Set<PublicKey> {
  const owners = new Set(
    Array.from({ length: nodes }, (_, place) => place).flatMap((place) => (isCorrect(place) ? depositorOf(place) : [])),
  );
  return new Set(validators.filter(({ depositor }) => owners.has(depositor)).map(({ publicKey }) => publicKey));
}
