/**
 * Members of PBFT that lie: a primary that proposes two blocks for one height, one to half of the members and the other to the rest; and
 * a member that votes twice in one phase, view and height, for the block and for one that there is not, and tells everybody both.
 */
import { fromHex, toHex } from '../../base/bytes.ts';
import { Hash } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { Effect } from '../../consensus/engine.ts';
import { Council } from '../../consensus/members/council.ts';
import { Ballots, type Phase } from '../../consensus/pbft/ballots.ts';
import type { PbftMessage } from '../../consensus/pbft/messages.ts';
import { parseSettings } from '../../consensus/pbft/settings.ts';
import type { PhaseMessage } from '../../consensus/phases/messages.ts';
import type { PhasesState } from '../../consensus/phases/state.ts';
import { type Phase as PhaseSettings, paramsOf } from '../../consensus/phases/timeline.ts';
import type { Votes } from '../../consensus/votes.ts';
import type { Liar, Lie, Self } from './engine.ts';

type Proposal = Extract<PbftMessage, { readonly type: 'preprepare' }>;
type PhaseOfChain = Pick<PhaseSettings, 'number' | 'settings'> & { readonly anchor: { readonly height: number } };
type Inner = Extract<PhaseMessage, { readonly type: 'inner' }>;

export function pbftLiar({ params, signatures, signers }: Self): Liar {
  /** Of the members that lied last: who they are changes with the phases of a chain. */
  let latest: { readonly number: number; readonly council: Council; readonly ballots: Ballots } | null = null;

  /** Null for the members of another engine. */
  function membersOf({ number, settings, anchor }: PhaseOfChain) {
    if (settings.name !== 'pbft') return null;
    if (latest?.number !== number) {
      const { membership } = parseSettings(settings.settings, signatures);
      const council = new Council(paramsOf(params, number, settings, anchor.height), membership, signatures, signers);
      latest = { number, council, ballots: new Ballots(council, signatures) };
    }
    return latest;
  }

  /** The same member's vote for another block; null where it is not of this node. */
  function secondVote(of: PhaseOfChain, phase: Phase, vote: Votes, hashOf: (hash: Hash) => Hash): Votes | null {
    const members = membersOf(of);
    const [place] = vote.members;
    if (members === null || place === undefined) return null;
    const { council, ballots } = members;
    const { signer, membership } = council;
    if (signer === null || membership.members[place]?.publicKey !== signer.publicKey) return null;
    const first = ballots.ballotOf(phase, vote);
    const ballot = { ...first, hash: hashOf(first.hash) };
    return ballots.electorate(phase).vote(place, signer, ballots.statement(phase, ballot));
  }

  /** Another block with the primary's good signature; null where this node is not the one that proposed the first. */
  function secondBlock(of: PhaseOfChain, { block, vote }: Proposal): Proposal | null {
    const other: Block = { ...block, header: { ...block.header, gasLimit: block.header.gasLimit - 1n } };
    const signed = secondVote(of, 'prepare', vote, () => hashHeader(other.header));
    return signed && { type: 'preprepare', block: other, vote: signed };
  }

  /** The phase in which a message was said; null for one that is over. */
  function phaseIn(state: unknown, { phase }: Inner): PhaseOfChain | null {
    if (phase === 0) return { number: 0, settings: params.engine, anchor: { height: 0 } };
    const running = (state as PhasesState | null)?.running?.phase;
    return running?.number === phase ? running : null;
  }

  /** What is said in place of this message, and may have it in it. */
  function said(lie: Lie, of: PhaseOfChain, message: PbftMessage, isOther: () => boolean): readonly PbftMessage[] {
    if (lie === 'vote' && message.type === 'vote') {
      const vote = secondVote(of, message.phase, message.vote, anotherHash);
      return vote === null ? [message] : [message, { ...message, vote }];
    }
    if (lie !== 'proposal' || message.type !== 'preprepare' || !isOther()) return [message];
    return [secondBlock(of, message) ?? message];
  }

  return {
    lies: ['proposal', 'vote'],
    turn({ event, state, step }, lie) {
      let proposals = 0;
      let isTold = false;
      // Every other one hears something else.
      const isOther = () => proposals++ % 2 === 1;
      const effects = step(event).flatMap((effect): Effect<unknown>[] => {
        const outer = innerOf(effect);
        const of = outer && phaseIn(state, outer);
        if (effect.type !== 'send' || outer === null || of === null) return [effect];
        const honest = outer.message as PbftMessage;
        const messages = said(lie, of, honest, isOther);
        isTold ||= messages.some((message) => message !== honest);
        return messages.map((message) => ({ ...effect, message: { ...outer, message } }));
      });
      return { effects, isTold };
    },
  };
}

/** What the engine of a phase sends; null for what is no such message. */
function innerOf(effect: Effect<unknown>): Inner | null {
  const message = effect.type === 'send' ? (effect.message as PhaseMessage) : null;
  return message?.type === 'inner' ? message : null;
}

/** Of no block that anybody has. */
function anotherHash(hash: Hash): Hash {
  return Hash(toHex(fromHex(hash).map((byte) => byte ^ 0xff)));
}
