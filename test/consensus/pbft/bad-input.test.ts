/**
 * What a peer may send that no member following the protocol does, where up to a third less one of them do as they like: each is
 * refused by its own error, or is dropped where an honest message that comes late looks the same; and the node is afterwards as
 * it was before.
 */
import { describe, expect, it } from 'vitest';
import { EMPTY } from '../../../src/base/bytes.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { NEW_VIEW, VIEW_CHANGE } from '../../../src/consensus/pbft/ballots.ts';
import { changeDigest, newViewDigest, type PbftMessage, type ViewChange } from '../../../src/consensus/pbft/messages.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS } from '../../simulator/support.ts';
import { STRANGER } from '../members/world.ts';
import { BALLOTS, COUNCIL, certificateOf, Member, Network, voteOf } from './world.ts';

const blockOf = (parent: Block, name: number, view = 0): Block => {
  const nonce = `0x${view.toString(16).padStart(16, '0')}` as const;
  return childOf(parent, name, { difficulty: 0n, mixHash: COUNCIL.membership.id, nonce });
};
const A1 = blockOf(GENESIS.block, 0);
const X1 = blockOf(GENESIS.block, 7);
const FAR = { ...A1, header: { ...A1.header, number: 900 } };
const ballotOf = (block: Block, view = 0) => ({ view, height: block.header.number, hash: hashHeader(block.header) });
const proposal = (block: Block, view = 0, signer = view % 4): PbftMessage => ({
  type: 'preprepare',
  block,
  vote: voteOf(signer, 'prepare', ballotOf(block, view)),
});
const vote = (member: number, block: Block, view = 0, phase: 'prepare' | 'commit' = 'prepare'): PbftMessage => ({
  type: 'vote',
  phase,
  vote: voteOf(member, phase, ballotOf(block, view)),
});
/** Signed by one member, and said to be another's. */
const forged = (member: number, block: Block, view = 0) => ({ ...voteOf(3, 'prepare', ballotOf(block, view)), members: [member] });
const NOTHING = { checkpoint: EMPTY, prepared: EMPTY };

function changeOf(member: number, view: number, said: Omit<ViewChange, 'vote'> = NOTHING, signer = member): ViewChange {
  const statement = BALLOTS.turnStatement(VIEW_CHANGE, view, changeDigest(said));
  return { ...said, vote: { ...BALLOTS.turns.vote(signer, TAG_KEYS.signer(signer, 0), statement), members: [member] } };
}

const viewChange = (change: ViewChange, block: Block | null = null): PbftMessage => ({ type: 'viewChange', change, block });

function newView(primary: number, view: number, changes: readonly ViewChange[]): PbftMessage {
  const statement = BALLOTS.turnStatement(NEW_VIEW, view, newViewDigest(BALLOTS, changes));
  return { type: 'newView', newView: { changes, vote: BALLOTS.turns.vote(primary, TAG_KEYS.signer(primary, 0), statement) } };
}

const FEW = certificateOf([2, 3], 'prepare', ballotOf(A1));
const FEW_COMMITS = certificateOf([2, 3], 'commit', ballotOf(A1));
const ENOUGH = certificateOf([0, 2, 3], 'prepare', ballotOf(A1));
const HIGH = certificateOf([0, 2, 3], 'prepare', ballotOf(FAR));
const picture = (member: Member) => ({
  inspected: member.engine.inspect(member.state),
  head: member.head,
  blocks: member.chain.blocks.size,
});

describe('a member', () => {
  const refused: readonly (readonly [string, PbftMessage, string])[] = [
    ['a proposal of another than the primary', proposal(A1, 0, 3), 'pbft/not-primary'],
    ['a proposal for one block with another', { ...proposal(A1), block: X1 } as PbftMessage, 'pbft/proposal'],
    ['a proposal that its primary did not sign', { type: 'preprepare', block: A1, vote: forged(0, A1) }, 'pbft/signature'],
    ['a block that says it was made in another view', proposal(blockOf(GENESIS.block, 0, 5)), 'pbft/round'],
    ['a proposal of a view to come, of another than its primary', proposal(A1, 6, 3), 'pbft/not-primary'],
    ['a proposal of a view to come that nobody signed', { type: 'preprepare', block: A1, vote: forged(2, A1, 6) }, 'pbft/signature'],
    ['a vote that its member did not sign', { type: 'vote', phase: 'prepare', vote: forged(2, A1) }, 'pbft/signature'],
    [
      'a vote of another chain',
      { type: 'vote', phase: 'prepare', vote: { ...voteOf(3, 'prepare', ballotOf(A1)), statement: new Uint8Array(81).fill(1) } },
      'members/statement',
    ],
    ['a certificate of too few', { type: 'certificate', certificate: FEW_COMMITS }, 'members/certificate'],
    ['a prepared certificate in place of a commit’s', { type: 'certificate', certificate: ENOUGH }, 'members/certificate'],
    ['a view change that its member did not sign', viewChange(changeOf(2, 1, NOTHING, 3)), 'pbft/view-change'],
    [
      'a view change with a prepared certificate of too few',
      viewChange(changeOf(3, 1, { ...NOTHING, prepared: FEW }), A1),
      'pbft/view-change',
    ],
    [
      'a view change whose checkpoint nobody signed',
      viewChange(changeOf(3, 1, { ...NOTHING, checkpoint: FEW_COMMITS })),
      'members/certificate',
    ],
    [
      'a view change with a gap below what is prepared',
      viewChange(changeOf(3, 1, { ...NOTHING, prepared: HIGH }), FAR),
      'pbft/view-change',
    ],
    ['a view change with another block', viewChange(changeOf(3, 1, { ...NOTHING, prepared: ENOUGH }), X1), 'pbft/view-change'],
    ['a view change without the block that it claims', viewChange(changeOf(3, 1, { ...NOTHING, prepared: ENOUGH })), 'pbft/view-change'],
    ['a new view that too few want', newView(1, 1, [changeOf(0, 1), changeOf(3, 1)]), 'pbft/new-view'],
    [
      'a new view of another than its primary',
      newView(
        3,
        1,
        [0, 2, 3].map((member) => changeOf(member, 1)),
      ),
      'pbft/new-view',
    ],
    [
      'evidence that is none',
      { type: 'evidence', evidence: { phase: 'prepare', votes: [voteOf(2, 'prepare', ballotOf(A1)), voteOf(2, 'prepare', ballotOf(A1))] } },
      'pbft/evidence',
    ],
    [
      'evidence against one who said the two things in two views',
      {
        type: 'evidence',
        evidence: { phase: 'prepare', votes: [voteOf(2, 'prepare', ballotOf(A1)), voteOf(2, 'prepare', ballotOf(X1, 1))] },
      },
      'pbft/evidence',
    ],
    [
      'evidence that somebody made up',
      { type: 'evidence', evidence: { phase: 'prepare', votes: [forged(2, A1), forged(2, X1)] } },
      'pbft/evidence',
    ],
  ];
  it.each(refused)('refuses %s', (_what, message, code) => {
    const member = new Member(1);
    const before = picture(member);
    member.hear(3, message);
    expect(member.codes).toEqual([code]);
    expect(picture(member)).toEqual(before);
  });

  it('refuses anything of a stranger, whatever it proves', () => {
    const member = new Member(1);
    member.hear(STRANGER, proposal(A1));
    expect(member.codes).toEqual(['members/stranger']);
    expect(member.said('vote')).toEqual([]);
  });

  const late: readonly (readonly [string, PbftMessage])[] = [
    ['a proposal beyond the water marks', proposal(FAR)],
    ['an answer to a read that it did not ask', { type: 'answer', read: { incarnation: 1, number: 9 }, committed: EMPTY, prepared: FEW }],
    ['a view change for a view that it is in', viewChange(changeOf(3, 0))],
  ];
  it.each(late)('drops %s', (_what, message) => {
    const member = new Member(1);
    const before = picture(member);
    member.hear(3, message);
    expect(member.codes).toEqual([]);
    expect(picture(member)).toEqual(before);
  });

  it('keeps little of a flood from the future, and takes what is right afterwards', () => {
    const member = new Member(1);
    for (let view = 1; view < 300; view++) member.hear(3, vote(3, A1, view));
    for (let height = 2; height < 300; height++) member.hear(3, vote(3, { ...A1, header: { ...A1.header, number: height } }));
    expect([...member.state.future.values()].flat().length).toBeLessThanOrEqual(16);
    expect(member.state.rounds.size).toBeLessThanOrEqual(4);
    member.hear(0, proposal(A1));
    for (const other of [2, 3]) member.hear(other, vote(other, A1));
    for (const other of [0, 2, 3]) member.hear(other, vote(other, A1, 0, 'commit'));
    expect(member.head).toBe(1);
  });

  it('keeps the proposal of the nearest view to come, whatever the primaries of later ones send', () => {
    const member = new Member(2);
    const next = blockOf(GENESIS.block, 0, 1);
    member.hear(1, proposal(next, 1));
    member.hear(3, proposal(blockOf(GENESIS.block, 0, 3), 3));
    member.hear(
      1,
      newView(
        1,
        1,
        [0, 1, 3].map((from) => changeOf(from, 1)),
      ),
    );
    expect(member.said('vote').map(({ vote: { statement } }) => statement)).toEqual(
      Array.from({ length: 3 }, () => BALLOTS.statement('prepare', ballotOf(next, 1))),
    );
  });

  it('does not move because one member alone wants another view, however late', () => {
    const member = new Member(1);
    member.hear(3, viewChange(changeOf(3, 2 ** 50)));
    expect(member.state).toMatchObject({ view: 0, isChanging: false });
    member.hear(2, viewChange(changeOf(2, 1)));
    expect(member.state).toMatchObject({ view: 1, isChanging: true });
  });

  it('counts no answer to a read of an earlier life', () => {
    const network = new Network();
    network.block(1);
    const before = network.at(3);
    before.admin('read');
    const [old] = before.said('ask');
    const after = before.restart();
    after.admin('read');
    const [fresh] = after.said('ask');
    expect(fresh?.read).not.toEqual(old?.read);
    const read = old?.read ?? { incarnation: 0, number: 0 };
    for (const from of [0, 1, 2]) after.hear(from, { type: 'answer', read, committed: EMPTY, prepared: EMPTY });
    expect(after.results).toEqual([]);
  });

  it('says why nobody hands over, and which commands there are', () => {
    const member = new Member(0);
    member.admin('transfer', { to: 'node-1' });
    member.admin('dance');
    expect(member.results).toEqual([expect.objectContaining({ code: 'pbft/transfer' }), expect.objectContaining({ code: 'pbft/admin' })]);
  });
});
