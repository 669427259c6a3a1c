/** A primary of PBFT that proposes two blocks: each is as good as the other, and who hears which is not left to chance. */
import { expect, it } from 'vitest';
import { hashHeader } from '../../src/chain/header.ts';
import type { AnyEngine, Context, Effect } from '../../src/consensus/engine.ts';
import type { PbftMessage } from '../../src/consensus/pbft/messages.ts';
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

it('passes on what another has proposed as it is, and knows no members but those at the beginning', () => {
  for (const { liar, said } of [liarOf(OTHER, PRIMARY), liarOf(PRIMARY, PRIMARY, 1)]) {
    expect(new Set(said.map((proposal) => hashHeader(proposal.block.header))).size).toBe(1);
    expect([liar.told.proposal, liar.armed.size]).toEqual([0, 1]);
  }
});
