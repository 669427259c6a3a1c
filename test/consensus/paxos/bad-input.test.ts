/**
 * What a peer may send that no member following the protocol does: each is refused by its own error, or is dropped where an
 * honest message that comes late looks the same; and the node is afterwards as it was before.
 */
import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { MAX_ACCEPTED } from '../../../src/consensus/paxos/log.ts';
import type { PaxosMessage } from '../../../src/consensus/paxos/messages.ts';
import { GENESIS } from '../../simulator/support.ts';
import { B, C, D, hashOfBlock, STRANGER } from '../members/world.ts';
import { ballotAt, chainOf, GENESIS_AT, World } from './world.ts';

const OF_B = ballotAt(1);
const OF_C = ballotAt(2);
const [A1, A2, A3, A4] = chainOf(GENESIS.block, [OF_B, OF_B, OF_B, OF_B]) as [Block, Block, Block, Block];
const [X1, X2, X3] = chainOf(GENESIS.block, [OF_B, OF_B, OF_B], 7) as [Block, Block, Block];
const [OLD] = chainOf(A2, [1]) as [Block];
const [STRANGE] = chainOf(A2, [OF_B + 40]) as [Block];
const at = ({ header }: Block) => ({ height: header.number, hash: hashOfBlock({ header } as Block) });
const FAR = { height: 2 ** 40, hash: hashOfBlock(X1) };
const LEAP = ballotAt(1) + 256 * 2 ** 40;
const accept = (block: Block, ballot = OF_B, commit = GENESIS_AT): PaxosMessage => ({ type: 'accept', ballot, block, commit });
const lead = (commit: { height: number; hash: Block['header']['parentHash'] }, ballot = OF_B): PaxosMessage => ({
  type: 'lead',
  ballot,
  commit,
  round: 1,
});

/** Follows B, whose ballot is promised; blocks 1 and 2 are decided. */
function following(): World {
  const world = new World();
  world.receive(B, accept(A1), accept(A2), lead(at(A2)));
  expect(world.head).toBe(2);
  world.sent = [];
  return world;
}

const picture = ({ engine, state, head, chain }: World) => ({ inspected: engine.inspect(state), head, blocks: chain.blocks.size });

describe('an acceptor', () => {
  const refused: readonly (readonly [string, NodeId, PaxosMessage, string])[] = [
    ['anything of a stranger', STRANGER, { type: 'prepare', ballot: OF_C, height: 0 }, 'members/stranger'],
    ['a ballot that leaps', B, { type: 'prepare', ballot: LEAP, height: 0 }, 'paxos/ballot-leap'],
    ['a promise that leaps', D, { type: 'alive', promised: LEAP }, 'paxos/ballot-leap'],
    ['a ballot of another member', D, { type: 'prepare', ballot: ballotAt(2, 4), height: 0 }, 'paxos/ballot-owner'],
    ['a proposal under a ballot of another member', D, accept(A3), 'paxos/ballot-owner'],
    ['a decision at a height that leaps', B, lead(FAR), 'paxos/height-leap'],
    ['a decision of another block than was decided', B, lead(at(X2)), 'paxos/contradicts-decided'],
    ['a block whose ballot is before its parent’s', B, accept(OLD), 'paxos/block-ballot'],
    ['a block whose ballot is no member’s', B, accept(STRANGE), 'paxos/block-ballot'],
    ['blocks that are no chain', D, { type: 'blocks', blocks: [A3, X3], decided: 4 }, 'paxos/not-a-child'],
    ['decided blocks of another history', D, { type: 'blocks', blocks: [X1, X2, X3], decided: 3 }, 'paxos/contradicts-decided'],
    ['a certificate that nobody signed', D, { type: 'certificate', certificate: new Uint8Array(180) }, 'members/certificate'],
  ];
  it.each(refused)('refuses %s', (_what, from, message, code) => {
    const world = following();
    const before = picture(world);
    world.receive(from, message);
    expect(world.offences).toEqual([{ from, code }]);
    expect(picture(world)).toEqual(before);
  });

  const late: readonly (readonly [string, NodeId, PaxosMessage])[] = [
    ['undecided blocks that have lost since', D, { type: 'blocks', blocks: [X1, X2, X3], decided: 0 }],
    ['blocks that begin nobody knows where', D, { type: 'blocks', blocks: [A4], decided: 4 }],
    ['a promise of a ballot that is not its own', D, { type: 'promise', ballot: OF_C, decided: GENESIS_AT, below: GENESIS_AT, votes: [] }],
    ['what is accepted, where it does not lead', D, { type: 'accepted', ballot: OF_B, height: 9, round: 9 }],
    ['that somebody else makes way', C, { type: 'stand', ballot: OF_B }],
    ['an answer to a read that it did not ask', B, { type: 'readAt', read: { incarnation: 1, number: 7 }, height: 0 }],
  ];
  it.each(late)('drops %s', (_what, from, message) => {
    const world = following();
    const before = picture(world);
    world.receive(from, message);
    expect(world.offences).toEqual([]);
    expect(picture(world)).toEqual(before);
  });

  it('keeps little of a flood from the future, and goes on with what is right', () => {
    const world = following();
    const blocks = world.chain.blocks.size;
    for (let i = 0; i < 1_000; i++) {
      const far = { ...A4, header: { ...A4.header, number: 5 + i, extraData: hashOfBlock(A1) } };
      world.receive(B, accept(far));
    }
    expect(world.chain.blocks.size).toBe(blocks);
    expect(world.state.ahead.size).toBeLessThanOrEqual(MAX_ACCEPTED);
    world.receive(B, accept(A3), accept(A4), lead(at(A4)));
    expect(world.chain.head.hash).toBe(hashOfBlock(A4));
  });
});

describe('a proposer', () => {
  it.each([
    ['under its own ballot or a higher one', [{ ballot: ballotAt(4, 9), hash: hashOfBlock(A1) }]],
    [
      'under ballots that ascend along the chain',
      [
        { ballot: 1, hash: hashOfBlock(A1) },
        { ballot: 2, hash: hashOfBlock(A2) },
      ],
    ],
  ])('refuses a promise that shows blocks %s', (_what, votes) => {
    const world = new World();
    world.stand();
    const { role } = world.state;
    const ballot = role.role === 'candidate' ? role.ballot : 0;
    world.receive(B, { type: 'promise', ballot, decided: GENESIS_AT, below: GENESIS_AT, votes });
    expect(world.offences).toEqual([{ from: B, code: 'paxos/promise' }]);
    world.promise(C);
    expect(world.state.role.role).toBe('candidate');
  });

  it('refuses an answer to a heartbeat that it never sent', () => {
    const world = new World();
    world.stand();
    world.promise(B, C);
    world.accepted(0, [B], 99);
    expect(world.offences).toEqual([{ from: B, code: 'paxos/accepted' }]);
  });

  it('has no command that it does not know', () => {
    const world = new World();
    world.admin('dance');
    expect(world.results).toEqual([expect.objectContaining({ code: 'paxos/admin' })]);
  });
});
