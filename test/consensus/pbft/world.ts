/**
 * A network of PBFT members in memory (`../members/world.ts`): messages wait in a list until the test delivers them, time
 * stands still until it fires a timer.
 */
import type { Json, NodeId } from '../../../src/base/types.ts';
import type { Certificate } from '../../../src/consensus/engine.ts';
import { Council } from '../../../src/consensus/members/council.ts';
import { type Ballot, Ballots, type Phase } from '../../../src/consensus/pbft/ballots.ts';
import { createPbft } from '../../../src/consensus/pbft/engine.ts';
import type { PbftMessage } from '../../../src/consensus/pbft/messages.ts';
import { parseSettings } from '../../../src/consensus/pbft/settings.ts';
import type { PbftState } from '../../../src/consensus/pbft/state.ts';
import type { Votes } from '../../../src/consensus/votes.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { type LostMessage, NODES as MANY, MemberNetwork, MemberWorld, paramsFor, type WorldOptions } from '../members/world.ts';

export const NODES = MANY.slice(0, 4);
export const SETTINGS = { viewTimeoutMs: 1_000, maxViewTimeoutMs: 4_000, checkpointEvery: 2, blockIntervalMs: 0, emptyBlockMs: 0 };
const PBFT = { name: 'pbft', create: createPbft, settings: SETTINGS };

export const paramsOf = (changes: { readonly [name: string]: Json } = {}, nodes: readonly NodeId[] = NODES) =>
  paramsFor('pbft', nodes, { ...SETTINGS, ...changes });

const params = paramsOf();
export const COUNCIL = new Council(params, parseSettings(params.engine.settings, TAG_KEYS.signatures).membership, TAG_KEYS.signatures, []);
export const BALLOTS = new Ballots(COUNCIL, TAG_KEYS.signatures);

/** What a member says, signed with its key. */
export function voteOf(member: number, phase: Phase, ballot: Ballot): Votes {
  return BALLOTS.electorate(phase).vote(member, TAG_KEYS.signer(member, 0), BALLOTS.statement(phase, ballot));
}

/** What these members say together, encoded. */
export function certificateOf(members: readonly number[], phase: Phase, ballot: Ballot): Certificate {
  const signature = TAG_KEYS.signatures.aggregate(members.map((member) => voteOf(member, phase, ballot).signature));
  return BALLOTS.electorate(phase).encode({ members, signature, statement: BALLOTS.statement(phase, ballot) });
}

export class Member extends MemberWorld<PbftState, PbftMessage> {
  readonly place: number;

  constructor(place: number, settings: { readonly [name: string]: Json } = {}, disk: WorldOptions = {}) {
    super(PBFT, { ...disk, nodes: NODES, self: placeId(place), settings });
    this.place = place;
  }

  get height(): number {
    return this.head;
  }

  /** Another life with what is on disk: decided blocks, and durable records. */
  restart(settings: { readonly [name: string]: Json } = {}): Member {
    return new Member(this.place, settings, this.disk(this.chain.finalized));
  }

  hear(from: number | NodeId, message: PbftMessage): void {
    this.receive(typeof from === 'number' ? placeId(from) : from, message);
  }

  /** Messages of this type that left since the last time, once for everybody to whom they went. */
  said<Type extends PbftMessage['type']>(type: Type): Extract<PbftMessage, { type: Type }>[] {
    return this.take(type).map(({ message }) => message);
  }
}

export type Lost = LostMessage<PbftMessage>;

export class Network extends MemberNetwork<PbftMessage, Member> {
  constructor(settings: { readonly [name: string]: Json } = {}) {
    super(NODES.map((_, place) => new Member(place, settings)));
  }

  /** The primary has a transaction, and a block of it goes round. */
  block(name: number, isLost?: Lost): void {
    const primary = this.at(this.at(0).state.entered.view % NODES.length);
    primary.work(Uint8Array.of(name));
    this.deliver(isLost);
  }

  /** The view timers of these members run out. */
  timeOut(places: readonly number[], isLost?: Lost): void {
    for (const place of places) this.at(place).fire('view');
    this.deliver(isLost);
  }

  restart(place: number): void {
    this.members[place] = this.at(place).restart();
  }
}
