/**
 * OffencesFound. A correct node that has two contradicting votes of a key, or two of its blocks for one slot, in blocks that it
 * stores or in votes that it takes, knows of the offence when that step is over: it says so (trace `offence`), or has said so before,
 * or its chain has dealt with it.
 */
import type { PublicKey } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Effect, Event } from '../../consensus/engine.ts';
import { decodePayload, decodeSeal } from '../../consensus/pos/codec.ts';
import type { PosMessage } from '../../consensus/pos/messages.ts';
import { convictedBy } from '../../consensus/pos/offences.ts';
import type { StakeState } from '../../consensus/pos/types.ts';
import { isOfNode } from '../observations.ts';
import type { CheckerFactory } from './checker.ts';
import { stakeReference } from './pos-reference.ts';
import { type Contradiction, SignedHistory } from './pos-votes.ts';

/** What one node has seen and said in one life. */
class Watch {
  readonly history = new SignedHistory();
  readonly accused = new Set<PublicKey>();
  open: Contradiction[] = [];
}

export const offencesFound: CheckerFactory = (setting) => {
  const { isCorrect, chainOf, report } = setting;
  const reference = stakeReference(setting);
  const watches = new Map<number, Watch>();

  function takeBlock(watch: Watch, block: Block): void {
    const hash = hashHeader(block.header);
    reference.learn(hash, block);
    const state = reference.state(hash);
    const key = state?.validators[decodeSeal(block.seal).proposer]?.publicKey;
    if (state === undefined || key === undefined) return;
    const twice = watch.history.proposal(key, state.slot, hash);
    if (twice !== null) watch.open.push(twice);
    const { attestations, offences } = decodePayload(block.payload);
    for (const offence of offences) accuse(watch, state, convictedBy(offence));
    for (const vote of attestations) watch.open.push(...watch.history.vote(reference.cast(vote)));
  }

  function takeEvent(watch: Watch, event: Event<unknown>, effects: readonly Effect<unknown>[], state: StakeState): void {
    if (event.type !== 'message' || effects.some(({ type }) => type === 'ignore' || type === 'offence')) return;
    const message = event.message as PosMessage;
    if (message.type === 'evidence') return accuse(watch, state, convictedBy(message.offence));
    watch.open.push(...watch.history.vote(reference.cast(message.vote)));
  }

  return {
    name: 'OffencesFound',
    sees: ['started', 'step'],
    observe(observation) {
      if (!isOfNode(observation) || !isCorrect(observation.node)) return;
      const { node } = observation;
      if (observation.type === 'started') watches.set(node, new Watch());
      const watch = watches.get(node);
      const state = stateOf(chainOf(node)?.head.hash);
      if (observation.type !== 'step' || watch === undefined || state === undefined) return;
      const { event, effects } = observation;
      for (const effect of effects) if (effect.type === 'insert') takeBlock(watch, effect.block);
      takeEvent(watch, event, effects, state);
      // Said also when a block that comes too early is found to be a second one: it is stored later.
      for (const effect of effects) {
        if (effect.type === 'trace' && effect.name === 'offence') accuse(watch, state, effect.data.validators as number[]);
      }
      if (watch.open.length === 0) return;
      const missed = watch.open.filter(({ key }) => !watch.accused.has(key) && !isDealtWith(state, key));
      watch.open = [];
      for (const { key, what } of missed) report({ node, message: `Does not notice that ${key} has signed ${what}.` });
    },
  };

  function stateOf(head: Hash | undefined): StakeState | undefined {
    return head && reference.state(head);
  }
};

function accuse(watch: Watch, { validators }: StakeState, accused: readonly number[]): void {
  for (const index of accused) {
    const key = validators[index]?.publicKey;
    if (key !== undefined) watch.accused.add(key);
  }
}

/** A validator that has been slashed, or that this branch does not know. */
function isDealtWith({ validators }: StakeState, key: PublicKey): boolean {
  return validators.find(({ publicKey }) => publicKey === key)?.slashed !== false;
}
