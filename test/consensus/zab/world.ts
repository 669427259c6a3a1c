/** One member of a Zab network (`../members/world.ts`), and the ways to bring it to where a test begins. */
import type { Json, NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { createZab } from '../../../src/consensus/zab/engine.ts';
import type { Position } from '../../../src/consensus/zab/history.ts';
import type { ZabMessage } from '../../../src/consensus/zab/messages.ts';
import { positionOf, type ZabState } from '../../../src/consensus/zab/state.ts';
import { GENESIS, nodeOf } from '../../simulator/support.ts';
import { B, C, D, E, MemberWorld, NODES, paramsFor, SELF, type WorldOptions } from '../members/world.ts';

export const SETTINGS = { tickMs: 100, initLimit: 20, syncLimit: 5, blockIntervalMs: 0, emptyBlockMs: 0 };
const ZAB = { name: 'zab', create: createZab, settings: SETTINGS };

export const paramsOf = (changes: { readonly [name: string]: Json } = {}) => paramsFor('zab', NODES, { ...SETTINGS, ...changes });

/** A block's place in a history. */
export const placeOf = (block: Block): Position => positionOf(nodeOf(block));

export class World extends MemberWorld<ZabState, ZabMessage> {
  constructor(options: WorldOptions = {}) {
    super(ZAB, options);
  }

  /** Another life with what is on disk. */
  restart(): World {
    return new World(this.disk());
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) this.fire('tick');
  }
}

const GENESIS_ZXID = { epoch: 0, height: 0 };

/** Elected by the votes of all, with followers B and C in this epoch, whose histories are empty. */
export function lead(world: World): number {
  const own = { leader: SELF, current: world.state.epochs.current, last: world.state.history.last, isDesignated: false };
  for (const from of [B, C, D, E]) {
    world.receive(from, { type: 'notification', round: world.state.round, status: 'looking', vote: own });
  }
  for (const from of [B, C]) world.receive(from, { type: 'followerInfo', accepted: 0, current: 0, last: GENESIS_ZXID });
  const epoch = world.state.epochs.accepted;
  for (const from of [B, C]) {
    const last = placeOf(GENESIS.block);
    world.receive(from, { type: 'ackEpoch', epoch, isCounted: true, current: 0, last, decided: 0 });
  }
  return epoch;
}

/** Follows this node, which leads; in discovery. */
export function follow(world: World, leader: NodeId = B): void {
  const vote = { leader, current: 0, last: GENESIS_ZXID, isDesignated: false };
  world.receive(leader, { type: 'notification', round: world.state.round, status: 'established', vote });
}
