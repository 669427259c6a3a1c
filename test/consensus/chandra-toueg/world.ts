/** One member of a Chandra-Toueg network (`../members/world.ts`). */
import type { Json, NodeId } from '../../../src/base/types.ts';
import { createChandraToueg } from '../../../src/consensus/chandra-toueg/engine.ts';
import type { ChandraTouegMessage } from '../../../src/consensus/chandra-toueg/messages.ts';
import type { ChandraTouegState } from '../../../src/consensus/chandra-toueg/state.ts';
import { MemberWorld, paramsFor, type WorldOptions } from '../members/world.ts';

export const SETTINGS = { heartbeatMs: 100, suspicionMs: 500, maxSuspicionMs: 2_000, blockIntervalMs: 0, emptyBlockMs: 0 };
const CHANDRA_TOUEG = { name: 'chandra-toueg', create: createChandraToueg, settings: SETTINGS };

export const paramsOf = (nodes: readonly NodeId[], changes: { readonly [name: string]: Json } = {}) =>
  paramsFor('chandra-toueg', nodes, { ...SETTINGS, ...changes });

export class World extends MemberWorld<ChandraTouegState, ChandraTouegMessage> {
  constructor(options: WorldOptions = {}) {
    super(CHANDRA_TOUEG, options);
  }

  /** Another life with what is on disk. */
  restart(): World {
    return new World(this.disk());
  }
}
