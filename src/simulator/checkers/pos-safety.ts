/**
 * Who must not be, and who must be, provably guilty.
 *
 * NoHonestSlashable: no key of a node that follows the protocol ever signs two votes or proposals that contradict, through crashes and
 * recoveries, and nobody has evidence against one. AccountableSafety: when two correct nodes finalize blocks of which neither descends
 * from the other, the messages that correct nodes have seen convict a third of the stake (Casper FFG, theorem 1). With less than a third
 * against it that is a violation all the same; with more it is what was to be expected.
 */
import { present } from '../../base/assert.ts';
import type { PublicKey } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import { decodePayload, decodeSeal } from '../../consensus/pos/codec.ts';
import { isActive } from '../../consensus/pos/committees.ts';
import { remembered } from '../../consensus/pos/memo.ts';
import type { PosMessage } from '../../consensus/pos/messages.ts';
import { convictedBy } from '../../consensus/pos/offences.ts';
import { epochOf } from '../../consensus/pos/time.ts';
import type { Attestation, Offence, StakeState } from '../../consensus/pos/types.ts';
import { isOfNode, type Observation } from '../observations.ts';
import { type CheckerFactory, nameOf } from './checker.ts';
import { honestKeys, type StakeReference, stakeReference } from './pos-reference.ts';
import { type Contradiction, SignedHistory } from './pos-votes.ts';

interface Listener {
  found?(node: number, contradiction: Contradiction): void;
  accused?(node: number, offence: Offence): void;
}

/** What correct nodes have seen and found good: votes and proposals in blocks, and what they send. One for the checkers of a run. */
class Witness {
  readonly history = new SignedHistory();
  readonly reference: StakeReference;
  readonly listeners: Listener[] = [];
  readonly #seen = new Set<Hash>();
  #last: Observation | null = null;

  constructor(reference: StakeReference) {
    this.reference = reference;
  }

  observe(observation: Extract<Observation, { type: 'inserted' | 'sending' }>): void {
    if (observation === this.#last) return;
    this.#last = observation;
    const { node } = observation;
    if (observation.type === 'inserted') return this.#block(node, observation.hash, observation.block);
    const message = observation.message as PosMessage;
    if (message.type === 'vote') this.#vote(node, message.vote);
    else this.#accuse(node, message.offence);
  }

  #block(node: number, hash: Hash, block: Block): void {
    if (this.#seen.has(hash)) return;
    this.#seen.add(hash);
    this.reference.learn(hash, block);
    const state = this.reference.state(hash);
    if (state === undefined) return;
    const key = present(state.validators[decodeSeal(block.seal).proposer], 'a proposer').publicKey;
    const twice = this.history.proposal(key, state.slot, hash);
    if (twice !== null) this.#found(node, twice);
    const { attestations, offences } = decodePayload(block.payload);
    for (const vote of attestations) this.#vote(node, vote);
    for (const offence of offences) this.#accuse(node, offence);
  }

  #vote(node: number, vote: Attestation): void {
    for (const contradiction of this.history.vote(this.reference.cast(vote))) this.#found(node, contradiction);
  }

  #found(node: number, contradiction: Contradiction): void {
    for (const { found } of this.listeners) found?.(node, contradiction);
  }

  #accuse(node: number, offence: Offence): void {
    for (const { accused } of this.listeners) accused?.(node, offence);
  }
}

const witnessOf = remembered((reference: StakeReference) => new Witness(reference));

export const noHonestSlashable: CheckerFactory = (setting) => {
  const { isCorrect, chainOf, report } = setting;
  const witness = witnessOf(stakeReference(setting));
  witness.listeners.push({
    found: (node, { key, what }) => {
      if (isHonest(key)) report({ node, message: `Has seen that ${key}, of a node that follows the protocol, signed ${what}.` });
    },
    accused: (node, offence) => {
      const state = stateOf(node);
      const honest = state && convictedBy(offence).find((index) => isHonest(state.validators[index]?.publicKey ?? '0x'));
      if (honest !== undefined)
        report({ node, message: `Has evidence (${offence.type}) against validator ${honest} of a node that follows the protocol.` });
    },
  });

  function stateOf(node: number): StakeState | undefined {
    const head = chainOf(node)?.head;
    return head && witness.reference.state(head.hash);
  }

  /** Whoever deposited for a key owns it, in every branch. */
  function isHonest(key: PublicKey): boolean {
    for (let node = 0; node < setting.nodes; node++) {
      const state = stateOf(node);
      if (state !== undefined && honestKeys(state, setting).has(key)) return true;
    }
    return false;
  }

  return {
    name: 'NoHonestSlashable',
    sees: ['inserted', 'sending'],
    observe(observation) {
      if (observation.type !== 'inserted' && observation.type !== 'sending') return;
      if (isCorrect(observation.node)) witness.observe(observation);
    },
  };
};

export const accountableSafety: CheckerFactory = (setting) => {
  const { isCorrect, nodes, report } = setting;
  const witness = witnessOf(stakeReference(setting));
  /** Final blocks of which none is an ancestor of another. */
  let isReported = false;
  let tips: { readonly block: HeaderNode; readonly node: number }[] = [];
  const badNodes = Array.from({ length: nodes }, (_, node) => node).filter((node) => !isCorrect(node)).length;

  function conflict(node: number, block: HeaderNode, other: HeaderNode, by: number): void {
    const state = witness.reference.state(block.hash);
    const [guilty, all] = state === undefined ? [0n, 1n] : weigh(state, witness.history.slashable, witness.reference);
    const percent = Number((1_000n * guilty) / all) / 10;
    const isAccountable = 3n * guilty >= all;
    const expected = isAccountable && 3 * badNodes >= nodes;
    report({
      node,
      expected,
      message: `Finalized ${nameOf(block)}; node ${by} has finalized ${nameOf(other)}, and neither descends from the other. What was seen convicts ${percent}% of the stake.`,
    });
  }

  return {
    name: 'AccountableSafety',
    sees: ['inserted', 'sending', 'finalized'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      if (observation.type === 'inserted' || observation.type === 'sending') return witness.observe(observation);
      if (observation.type !== 'finalized') return;
      const { node, block } = observation;
      const { reference } = witness;
      if (tips.some((tip) => reference.descends(tip.block.hash, block.hash))) return;
      const rival = tips.find((tip) => !reference.descends(block.hash, tip.block.hash));
      tips = [...tips.filter((tip) => !reference.descends(block.hash, tip.block.hash)), { block, node }];
      if (rival === undefined || isReported) return;
      isReported = true;
      conflict(node, block, rival.block, rival.node);
    },
  };
};

/** The stake of the guilty, and of all, when the block was made. */
function weigh({ validators, slot }: StakeState, guilty: ReadonlySet<PublicKey>, { rules }: StakeReference): [bigint, bigint] {
  let [part, all] = [0n, 0n];
  for (const validator of validators) {
    // Who has been slashed counts as well, though it may have left.
    const isGuilty = guilty.has(validator.publicKey);
    if (!isGuilty && !isActive(validator, epochOf(rules.settings, slot))) continue;
    all += validator.effectiveBalance;
    if (isGuilty) part += validator.effectiveBalance;
  }
  return [part, all];
}
