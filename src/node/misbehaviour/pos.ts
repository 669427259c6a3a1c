/**
 * Validators that sign what contradicts what they have signed: two blocks for one slot, or two votes for one target epoch, which
 * is what Casper FFG slashes for (arXiv 1710.09437, section 2). Both are as good as the first, so everybody passes them on.
 */
import type { Signer } from '../../base/signatures.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Context, Effect } from '../../consensus/engine.ts';
import { decodeSeal, encodeSeal } from '../../consensus/pos/codec.ts';
import { committeeOf, dutiesOf, membersOf } from '../../consensus/pos/committees.ts';
import { checkpointOf } from '../../consensus/pos/forkchoice.ts';
import type { PosMessage } from '../../consensus/pos/messages.ts';
import type { PosRules } from '../../consensus/pos/rules.ts';
import { parseSettings } from '../../consensus/pos/settings.ts';
import { attestationRoot, proposalRoot } from '../../consensus/pos/signing.ts';
import type { PosState, Turn as PosTurn } from '../../consensus/pos/state.ts';
import { stateInEpoch } from '../../consensus/pos/states.ts';
import { epochOf, slotOfTimestamp } from '../../consensus/pos/time.ts';
import type { Attestation, AttestationData, StakeState, ValidatorIndex } from '../../consensus/pos/types.ts';
import type { Effects, Liar, Self, Turn } from './engine.ts';

const NO_SIGNERS: PosState['signers'] = new Map();

export function posLiar({ params, signatures, signers }: Self): Liar {
  const rules: PosRules = { params, settings: parseSettings(params.engine.settings), signatures };
  const keys = new Map(signers.map((signer) => [signer.publicKey as string, signer]));
  const signerOf = ({ validators }: Pick<StakeState, 'validators'>, index: ValidatorIndex): Signer | undefined =>
    keys.get(validators[index]?.publicKey ?? '');

  /** The same block in all but one field, signed by the same validator; null where that is nobody of ours. */
  function secondBlock(state: PosState, { chain }: Context, block: Block): Block | null {
    const { proposer } = decodeSeal(block.seal);
    const signer = signerOf(state.anchor.state, proposer);
    const slot = slotOfTimestamp(rules.settings, chain.genesis.header.timestamp, block.header.timestamp);
    if (signer === undefined || slot === null) return null;
    const header = { ...block.header, gasLimit: block.header.gasLimit - 1n };
    const signature = signer.sign(proposalRoot(params, epochOf(rules.settings, slot), slot, hashHeader(header)));
    return { ...block, header, seal: encodeSeal({ proposer, signature }) };
  }

  /** The same validators' vote for the head's parent; null where others signed with them, or the parent is of another checkpoint. */
  function secondVote(state: PosState, context: Context, { data, bits }: Attestation): Attestation | null {
    const turn: PosTurn = { rules, state, context, effects: [], fresh: new Map() };
    const parent = context.chain.get(data.head)?.header.parentHash;
    const judge = stateInEpoch(turn, data.target.root, data.target.epoch);
    if (parent === undefined || judge === undefined || checkpointOf(state.store, parent, data.target.epoch) !== data.target.root)
      return null;
    const duties = dutiesOf(rules.settings, judge, data.target.epoch);
    const voters = membersOf(committeeOf(rules.settings, duties, data.slot, data.committee), bits).map((index) => signerOf(judge, index));
    if (!voters.every((signer) => signer !== undefined)) return null;
    const said: AttestationData = { ...data, head: parent };
    const message = attestationRoot(params, said);
    return { data: said, bits, signature: signatures.aggregate(voters.map((signer) => signer.sign(message))) };
  }

  function second(state: PosState, context: Context, effect: Effect<unknown>, lie: 'proposal' | 'vote'): Effect<unknown> | null {
    if (lie === 'proposal' && effect.type === 'announce') {
      const block = secondBlock(state, context, effect.block);
      return block && { ...effect, block };
    }
    if (lie === 'vote' && effect.type === 'send') {
      const message = effect.message as PosMessage;
      const vote = message.type === 'vote' ? secondVote(state, context, message.vote) : null;
      return vote && { ...effect, message: { type: 'vote', vote } };
    }
    return null;
  }

  return {
    lies: ['proposal', 'vote'],
    turn({ state, event, context, step }, lie) {
      const effects = step(event);
      for (const [at, effect] of effects.entries()) {
        const other = second(state as PosState, context, effect, lie);
        if (other !== null) return { effects: effects.toSpliced(at + 1, 0, other), isTold: true };
      }
      return { effects, isTold: false };
    },
    idle: withoutKeys,
  };
}

/** For this step nobody is a validator here: nothing is proposed, and nothing voted for. */
function withoutKeys({ state, event, step }: Turn): Effects {
  const held = state as { signers: PosState['signers'] };
  const { signers } = held;
  held.signers = NO_SIGNERS;
  try {
    return step(event);
  } finally {
    held.signers = signers;
  }
}
