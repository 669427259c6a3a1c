/**
 * One member of a Zab network in a small world: a chain in memory, effects carried out at once, the log on disk at once or
 * when the test says so, and what it sends in a list. What the other members say, the test says.
 */
import { present } from '../../../src/base/assert.ts';
import { type Hash, type Json, Lsn, type NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import type { BlockStatus, ChainView, HeaderNode } from '../../../src/chain/tree.ts';
import type { AdminCommand, Context, Effect, Engine, Event } from '../../../src/consensus/engine.ts';
import { createZab } from '../../../src/consensus/zab/engine.ts';
import type { Position } from '../../../src/consensus/zab/history.ts';
import type { ZabMessage } from '../../../src/consensus/zab/messages.ts';
import { positionOf, type ZabState } from '../../../src/consensus/zab/state.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { GENESIS, nodeOf } from '../../simulator/support.ts';
import { blockOf, hashOfBlock, NODES } from '../raft/world.ts';

/** Members; the test plays all but the first. */
export const [SELF, B, C, D, E] = NODES as [NodeId, NodeId, NodeId, NodeId, NodeId];
export const SETTINGS = { tickMs: 100, initLimit: 20, syncLimit: 5, blockIntervalMs: 0, emptyBlockMs: 0 };

export const paramsOf = (changes: { readonly [name: string]: Json } = {}) => ({
  ...GENESIS.params,
  engine: { name: 'zab', settings: { members: membersOf(NODES, TAG_KEYS), ...SETTINGS, ...changes } },
});

/** A block's place in a history. */
export const placeOf = (block: Block): Position => positionOf(nodeOf(block));

class MemoryChain implements ChainView {
  readonly genesis = nodeOf(GENESIS.block);
  head: HeaderNode = this.genesis;
  finalized: HeaderNode = this.genesis;
  readonly blocks = new Map<Hash, Block>([[this.genesis.hash, GENESIS.block]]);
  readonly statuses = new Map<Hash, BlockStatus>([[this.genesis.hash, 'executed']]);

  get maxHeight(): number {
    return Math.max(...[...this.blocks.values()].map(({ header }) => header.number));
  }

  get(hash: Hash): HeaderNode | undefined {
    const block = this.blocks.get(hash);
    return block && nodeOf(block);
  }

  status(hash: Hash): BlockStatus | undefined {
    return this.statuses.get(hash);
  }

  block(hash: Hash): Block | undefined {
    return this.blocks.get(hash);
  }

  outputs(): undefined {
    return undefined;
  }

  canonical(number: number): Hash | undefined {
    if (number > this.head.header.number) return undefined;
    let at = this.head;
    while (at.header.number > number) at = present(this.get(at.header.parentHash), 'a parent');
    return at.hash;
  }

  atHeight(number: number, limit: number): readonly HeaderNode[] {
    return [...this.blocks.values()]
      .filter(({ header }) => header.number === number)
      .slice(0, limit)
      .map((block) => nodeOf(block));
  }
}

export interface WorldOptions {
  readonly chain?: MemoryChain;
  readonly records?: readonly Uint8Array[];
  /** Records stay in memory until `flush`. */
  readonly slowDisk?: boolean;
}

export class World {
  readonly chain: MemoryChain;
  readonly engine = createZab(
    paramsOf(),
    { beneficiary: GENESIS.block.header.beneficiary, produce: true, signers: [TAG_KEYS.signer(0, 0)] },
    TAG_KEYS.signatures,
  ) as Engine<ZabState, ZabMessage>;
  readonly state: ZabState;
  sent: { readonly to: NodeId | '*'; readonly message: ZabMessage }[] = [];
  readonly offences: string[] = [];
  readonly replies: unknown[] = [];
  readonly timers = new Map<string, number>();
  readonly records: Uint8Array[];
  /** Transactions for the next block. */
  pool: Uint8Array[] = [];
  readonly #slowDisk: boolean;
  #durable: number;
  #held: Effect<ZabMessage>[] = [];
  readonly #queue: Event<ZabMessage>[] = [];
  #nowMs = 0;

  constructor({ chain = new MemoryChain(), records = [], slowDisk = false }: WorldOptions = {}) {
    this.chain = chain;
    this.records = [...records];
    this.#durable = records.length;
    this.#slowDisk = slowDisk;
    this.state = this.engine.init(this.#context());
    this.step({ type: 'start', incarnation: 1, records, lsn: Lsn(records.length) });
  }

  /** Another life with the records that are on disk. Records are never dropped in these tests, so all are there. */
  restart(): World {
    return new World({ chain: this.chain, records: this.records.slice(0, this.#durable) });
  }

  step(event: Event<ZabMessage>): void {
    this.#queue.push(event);
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      for (const effect of this.engine.step(this.state, next, this.#context())) this.#gate(effect);
    }
  }

  receive(from: NodeId, ...messages: readonly ZabMessage[]): void {
    for (const message of messages) this.step({ type: 'message', from, message: this.engine.decode(this.engine.encode(message)) });
  }

  tick(times = 1): void {
    for (let i = 0; i < times; i++) {
      this.#nowMs += SETTINGS.tickMs;
      this.step({ type: 'timer', id: 'tick' });
    }
  }

  admin(name: string, given: AdminCommand['arguments'] = {}): void {
    this.step({ type: 'admin', request: 1, command: { name, arguments: given } });
  }

  flush(): void {
    this.#durable = this.records.length;
    const held = this.#held;
    this.#held = [];
    for (const effect of held) this.#carryOut(effect);
    this.step({ type: 'persisted', lsn: Lsn(this.#durable) });
  }

  /** Messages of this type that left since the last time; all others are forgotten as well. */
  take<Type extends ZabMessage['type']>(
    type: Type,
  ): { readonly to: NodeId | '*'; readonly message: Extract<ZabMessage, { type: Type }> }[] {
    const taken = this.sent.filter(({ message }) => message.type === type);
    this.sent = [];
    return taken as { to: NodeId | '*'; message: Extract<ZabMessage, { type: Type }> }[];
  }

  get head(): number {
    return this.chain.head.header.number;
  }

  #context(): Context {
    const nowMs = this.#nowMs;
    return { self: SELF, nowMs, wallMs: 1_000 * GENESIS.block.header.timestamp + 3_600_000 + nowMs, random: () => 0.5, chain: this.chain };
  }

  #gate(effect: Effect<ZabMessage>): void {
    if ('after' in effect && (effect.after ?? 0) > this.#durable) this.#held.push(effect);
    else this.#carryOut(effect);
  }

  #carryOut(effect: Effect<ZabMessage>): void {
    const { chain } = this;
    switch (effect.type) {
      case 'persist':
        this.records.push(...effect.records);
        if (this.#slowDisk) return;
        this.#durable = effect.lsn;
        this.#queue.push({ type: 'persisted', lsn: effect.lsn });
        return;
      case 'send':
        this.sent.push(effect);
        return;
      case 'insert':
        chain.blocks.set(hashOfBlock(effect.block), effect.block);
        chain.statuses.set(hashOfBlock(effect.block), 'stored');
        return;
      case 'check':
        chain.statuses.set(effect.hash, 'executed');
        this.#queue.push({ type: 'checked', hash: effect.hash, error: null });
        return;
      case 'setHead':
        chain.head = present(chain.get(effect.hash), 'the new head');
        this.#queue.push({ type: 'stored', head: effect.hash, finalized: chain.finalized.hash });
        return;
      case 'build': {
        const block = blockOf(present(chain.block(effect.parent), 'the parent'), Number(effect.fields.nonce));
        this.#queue.push({ type: 'built', request: effect.request, block: { ...block, transactions: this.pool } });
        this.pool = [];
        return;
      }
      case 'setTimer':
        this.timers.set(effect.id, effect.delayMs);
        return;
      case 'offence':
        this.offences.push(effect.error.code);
        return;
      case 'reply':
        this.replies.push(effect.result);
        return;
    }
  }
}

const GENESIS_ZXID = { epoch: 0, height: 0 };

/** Elected by the votes of all, with followers B and C in this epoch, whose histories are empty. */
export function lead(world: World): number {
  const own = { leader: SELF, current: world.state.epochs.current, last: world.state.history.last };
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

/** Follows B, which leads; in discovery. */
export function follow(world: World): void {
  const vote = { leader: B, current: 0, last: GENESIS_ZXID };
  world.receive(B, { type: 'notification', round: world.state.round, status: 'established', vote });
}
