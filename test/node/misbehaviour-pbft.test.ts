/** Members of PBFT that lie: each of two statements is as good as the other, and who hears which is not left to chance. */
import { expect, it } from 'vitest';
import { hashHeader } from '../../src/chain/header.ts';
import type { AnyEngine, Context, Effect } from '../../src/consensus/engine.ts';
import { Council } from '../../src/consensus/members/council.ts';
import { Ballots } from '../../src/consensus/pbft/ballots.ts';
import { checkEvidence } from '../../src/consensus/pbft/evidence.ts';
import type { PbftMessage } from '../../src/consensus/pbft/messages.ts';
import { parseSettings } from '../../src/consensus/pbft/settings.ts';
import { paramsOf as phaseParams } from '../../src/consensus/phases/timeline.ts';
import type { Votes } from '../../src/consensus/votes.ts';
import { Misbehaviour } from '../../src/node/misbehaviour/engine.ts';
import { pbftLiar } from '../../src/node/misbehaviour/pbft.ts';
import { placeId } from '../../src/simulator/places.ts';
import { TAG_KEYS } from '../../src/simulator/tags.ts';
import { BALLOTS, paramsOf, voteOf } from '../consensus/pbft/world.ts';
import { childOf, GENESIS } from '../simulator/support.ts';

const [PRIMARY, OTHER] = [0, 1];
const EVENT = { type: 'timer', id: 'x' } as const;

/** A member that sends this proposal to each of the others, as messages of a phase. */
function liarOf(place: number, signedBy: number, phase = 0) {
  const block = childOf(GENESIS.block, 0);
  const vote = voteOf(signedBy, 'prepare', { view: 3, height: 1, hash: hashHeader(block.header) });
  const sends = [1, 2, 3].map((to): Effect<unknown> => {
    return { type: 'send', to: placeId(to), message: { type: 'inner', phase, message: { type: 'preprepare', block, vote } } };
  });
  const engine = { name: 'pbft', faults: 'byzantine', step: () => sends } as unknown as AnyEngine;
  const self = { params: paramsOf(), signatures: TAG_KEYS.signatures, signers: [TAG_KEYS.signer(place, 0)] };
  const liar = new Misbehaviour(engine, pbftLiar(self), () => undefined);
  liar.arm('proposal');
  const said = liar.engine.step(null, EVENT, {} as Context).map((effect) => (effect as { message: { message: Proposal } }).message.message);
  return { liar, block, said };
}

type Proposal = Extract<PbftMessage, { readonly type: 'preprepare' }>;

it('gives every other member another block, with its own good vote for it, and does so once', () => {
  const { liar, block, said } = liarOf(PRIMARY, PRIMARY);
  const hashes = said.map((proposal) => hashHeader(proposal.block.header));
  const first = hashHeader(block.header);
  expect(hashes).toEqual([first, hashes[1], first]);
  expect(hashes[1]).not.toBe(first);
  const lie = said[1]?.vote;
  if (lie === undefined) return expect.unreachable();
  expect(BALLOTS.ballotOf('prepare', lie)).toEqual({ view: 3, height: 1, hash: hashes[1] });
  expect(lie).toEqual(voteOf(PRIMARY, 'prepare', { view: 3, height: 1, hash: hashes[1] ?? first }));
  expect([liar.told.proposal, liar.armed.size]).toEqual([1, 0]);
});

/** A member that votes, in a phase of the chain whose state is given. */
function voterOf(place: number, signedBy: number, phase = 0, state: unknown = null, votes: typeof voteOf = voteOf) {
  const vote = votes(signedBy, 'commit', { view: 3, height: 1, hash: hashHeader(childOf(GENESIS.block, 0).header) });
  const sends = [1, 2].map((to): Effect<unknown> => {
    return { type: 'send', to: placeId(to), message: { type: 'inner', phase, message: { type: 'vote', phase: 'commit', vote } } };
  });
  const engine = { name: 'pbft', faults: 'byzantine', step: () => sends } as unknown as AnyEngine;
  const self = { params: paramsOf(), signatures: TAG_KEYS.signatures, signers: [TAG_KEYS.signer(place, 0)] };
  const liar = new Misbehaviour(engine, pbftLiar(self), () => undefined);
  liar.arm('vote');
  const said = liar.engine
    .step(state, EVENT, {} as Context)
    .map((effect) => effect as unknown as { to: string; message: { message: { vote: Votes } } });
  return { liar, vote, said: said.map(({ to, message }) => ({ to, vote: message.message.vote })) };
}

it('votes for the block and for another, tells everybody both, and is evidence against itself', () => {
  const { liar, vote, said } = voterOf(OTHER, OTHER);
  expect(said.map(({ to }) => to)).toEqual([placeId(1), placeId(1), placeId(2), placeId(2)]);
  const [first, second] = said.map((one) => one.vote);
  if (first === undefined || second === undefined) return expect.unreachable();
  expect(first).toEqual(vote);
  expect(() => checkEvidence(BALLOTS, { phase: 'commit', votes: [first, second] })).not.toThrow();
  expect([liar.told.vote, liar.armed.size]).toEqual([1, 0]);
  expect(voterOf(PRIMARY, OTHER).said).toHaveLength(2);
});

it('lies as a member of a later phase too, with its ballots', () => {
  const engine = paramsOf({ checkpointEvery: 4 }).engine;
  const running = { phase: { number: 2, settings: engine, anchor: { height: 9 } } };
  const params = phaseParams(paramsOf(), 2, engine, 9);
  const council = new Council(params, parseSettings(engine.settings, TAG_KEYS.signatures).membership, TAG_KEYS.signatures, []);
  const ballots = new Ballots(council, TAG_KEYS.signatures);
  const votes: typeof voteOf = (member, phase, ballot) =>
    ballots.electorate(phase).vote(member, TAG_KEYS.signer(member, 0), ballots.statement(phase, ballot));
  const [first, second] = voterOf(OTHER, OTHER, 2, { running }, votes).said.map(({ vote }) => vote);
  if (first === undefined || second === undefined) return expect.unreachable();
  expect(() => checkEvidence(ballots, { phase: 'commit', votes: [first, second] })).not.toThrow();
  // Of a phase that is over, or of another engine's.
  for (const phase of [
    { ...running.phase, number: 3 },
    { ...running.phase, settings: { ...engine, name: 'pos' } },
  ])
    expect(voterOf(OTHER, OTHER, 2, { running: { phase } }, votes).said).toHaveLength(2);
});

it('passes on what another has proposed as it is, and knows no members but those at the beginning', () => {
  for (const { liar, said } of [liarOf(OTHER, PRIMARY), liarOf(PRIMARY, PRIMARY, 1)]) {
    expect(new Set(said.map((proposal) => hashHeader(proposal.block.header))).size).toBe(1);
    expect([liar.told.proposal, liar.armed.size]).toEqual([0, 1]);
  }
});
