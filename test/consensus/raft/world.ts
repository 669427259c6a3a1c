/** One member of a Raft network (`../members/world.ts`). */
import { bigToFixed, toHex } from '../../../src/base/bytes.ts';
import type { Json, NodeId } from '../../../src/base/types.ts';
import { type Block, payloadCommitment } from '../../../src/chain/block.ts';
import { encodeChange } from '../../../src/consensus/members/changes.ts';
import type { Membership } from '../../../src/consensus/members/membership.ts';
import { createRaft } from '../../../src/consensus/raft/engine.ts';
import type { RaftMessage } from '../../../src/consensus/raft/messages.ts';
import type { RaftState } from '../../../src/consensus/raft/state.ts';
import { childOf } from '../../simulator/support.ts';
import { hashOfBlock, MemberWorld, paramsFor, type WorldOptions } from '../members/world.ts';

export const SETTINGS = { heartbeatMs: 100, electionMinMs: 1_000, electionMaxMs: 2_000, blockIntervalMs: 0, emptyBlockMs: 0 };
const RAFT = { name: 'raft', create: createRaft, settings: SETTINGS };

export const paramsOf = (nodes: readonly NodeId[], changes: { readonly [name: string]: Json } = {}) =>
  paramsFor('raft', nodes, { ...SETTINGS, ...changes });

/** A block that changes the members. */
export function changeBlock(
  parent: Block,
  term: number,
  membership: Membership,
  changes: Partial<Block['header']> = {},
  payload = encodeChange({ membership, certificate: null }),
): Block {
  const header = { difficulty: 0n, mixHash: membership.id, nonce: toHex(bigToFixed(BigInt(term), 8)) };
  return { ...childOf(parent, 0, { ...header, extraData: payloadCommitment(payload), ...changes }), payload };
}

/** The place of a block in a log, as messages name it. */
export const placeOf = (block: Block) => ({
  height: block.header.number,
  hash: hashOfBlock(block),
  term: block.header.number === 0 ? 0 : Number(block.header.nonce),
});

export class World extends MemberWorld<RaftState, RaftMessage> {
  constructor(options: WorldOptions = {}) {
    super(RAFT, options);
  }

  /** Another life with what is on disk. */
  restart(): World {
    return new World(this.disk());
  }

  /** To a candidate of the next term, and then the leader. The others grant whatever they are asked. */
  elect(): void {
    this.fire('election');
    const term = this.state.term + 1;
    const others = this.nodes.filter((node) => node !== this.self);
    for (const from of others) this.receive(from, { type: 'vote', term, isPre: true, granted: true });
    for (const from of others) this.receive(from, { type: 'vote', term, isPre: false, granted: true });
  }

  get role(): string {
    return this.state.role.role;
  }
}
