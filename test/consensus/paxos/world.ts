/** One member of a Multi-Paxos network (`../members/world.ts`), networks of them, and the ways to where a test begins. */
import type { Json, NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { nextBallot } from '../../../src/consensus/paxos/ballots.ts';
import { createPaxos } from '../../../src/consensus/paxos/engine.ts';
import { type Position, positionOf } from '../../../src/consensus/paxos/log.ts';
import type { PaxosMessage } from '../../../src/consensus/paxos/messages.ts';
import type { PaxosState } from '../../../src/consensus/paxos/state.ts';
import { GENESIS } from '../../simulator/support.ts';
import { blocksOf, type LostMessage, MemberNetwork, MemberWorld, NODES, type WorldOptions } from '../members/world.ts';

export const SETTINGS = {
  election: 'timeout',
  heartbeatMs: 100,
  suspicionMs: 500,
  maxSuspicionMs: 500,
  window: 8,
  blockIntervalMs: 0,
  emptyBlockMs: 0,
};
const PAXOS = { name: 'paxos', create: createPaxos, settings: SETTINGS };
export const GENESIS_AT: Position = positionOf(GENESIS.block);

/** The first ballots of members: of one place, in this round. */
export function ballotAt(place: number, round = 1): number {
  let ballot = 0;
  for (let i = 0; i < round; i++) ballot = nextBallot(ballot, place);
  return ballot;
}

/** One block on another, made under these ballots. */
export const chainOf = (parent: Block, ballots: readonly number[], name = 0): Block[] => blocksOf(parent, ballots, name);

export class World extends MemberWorld<PaxosState, PaxosMessage> {
  constructor(options: WorldOptions = {}) {
    super(PAXOS, options);
  }

  /** Another life with what is on disk. */
  restart(): World {
    return new World(this.disk());
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) this.fire('tick');
  }

  /** Until its elector calls it. */
  stand(): void {
    while (this.state.role.role === 'follower') this.tick();
  }

  /** A member says that it promises this member's ballot, and has accepted nothing. */
  promise(...from: readonly NodeId[]): void {
    const { role } = this.state;
    if (role.role !== 'candidate') return;
    const { ballot } = role;
    for (const node of from) this.receive(node, { type: 'promise', ballot, decided: GENESIS_AT, below: GENESIS_AT, votes: [] });
  }

  /** That it has accepted everything up to this height under this member's ballot. */
  accepted(height: number, from: readonly NodeId[], round = 0): void {
    const { role } = this.state;
    if (role.role === 'follower') return;
    for (const node of from) this.receive(node, { type: 'accepted', ballot: role.ballot, height, round });
  }
}

export class Network extends MemberNetwork<PaxosMessage, World> {
  constructor(settings: { readonly [name: string]: Json } = {}) {
    super(NODES.map((self, place) => Object.assign(new World({ self, settings }), { random: place / NODES.length })));
  }

  tick(times = 1, isLost?: LostMessage<PaxosMessage>): void {
    for (let i = 0; i < times; i++) {
      for (const member of this.members) member.tick();
      this.deliver(isLost);
    }
  }

  get leaders(): number[] {
    return this.members.flatMap(({ state: { role } }, place) => (role.role === 'leader' ? [place] : []));
  }

  transfer(from: number, to: number): void {
    this.at(from).admin('transfer', { to: NODES[to] ?? '' });
  }
}
