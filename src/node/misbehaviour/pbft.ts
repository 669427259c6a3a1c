/** A primary of PBFT that proposes two blocks for one height, one to half of the members and the other to the rest. */
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Effect } from '../../consensus/engine.ts';
import { Council } from '../../consensus/members/council.ts';
import { Ballots } from '../../consensus/pbft/ballots.ts';
import type { PbftMessage } from '../../consensus/pbft/messages.ts';
import { parseSettings } from '../../consensus/pbft/settings.ts';
import type { PhaseMessage } from '../../consensus/phases/messages.ts';
import type { Votes } from '../../consensus/votes.ts';
import type { Liar, Self } from './engine.ts';

type Proposal = Extract<PbftMessage, { readonly type: 'preprepare' }>;

export function pbftLiar({ params, signatures, signers }: Self): Liar {
  const { membership } = parseSettings(params.engine.settings, signatures);
  const council = new Council(params, membership, signatures, signers);
  const ballots = new Ballots(council, signatures);

  /** Another block with the primary's good signature; null where this node is not the one that proposed the first. */
  function second({ block, vote }: Proposal): Proposal | null {
    const { signer } = council;
    const [member] = vote.members;
    if (signer === null || member === undefined || membership.members[member]?.publicKey !== signer.publicKey) return null;
    const other: Block = { ...block, header: { ...block.header, gasLimit: block.header.gasLimit - 1n } };
    const ballot = { ...ballots.ballotOf('prepare', vote), hash: hashHeader(other.header) };
    const signed: Votes = ballots.electorate('prepare').vote(member, signer, ballots.statement('prepare', ballot));
    return { type: 'preprepare', block: other, vote: signed };
  }

  return {
    lies: ['proposal'],
    turn({ event, step }) {
      let sent = 0;
      let isTold = false;
      const effects = step(event).map((effect): Effect<unknown> => {
        const first = proposalIn(effect);
        // Every other one hears something else.
        const other = first === null || sent++ % 2 === 0 ? null : second(first);
        if (other === null || effect.type !== 'send') return effect;
        isTold = true;
        return { ...effect, message: { ...(effect.message as PhaseMessage), message: other } };
      });
      return { effects, isTold };
    },
  };
}

/** A proposal of the members that the network began with; others have other ballots. */
function proposalIn(effect: Effect<unknown>): Proposal | null {
  if (effect.type !== 'send') return null;
  const outer = effect.message as PhaseMessage;
  if (outer.type !== 'inner' || outer.phase !== 0) return null;
  const inner = outer.message as PbftMessage;
  return inner.type === 'preprepare' ? inner : null;
}
