/**
 * A network of PBFT members in memory: effects are carried out at once, messages wait in a list until the test delivers them,
 * time stands still until it fires a timer.
 */
import { present } from '../../../src/base/assert.ts';
import { RuleError } from '../../../src/base/errors.ts';
import { type Hash, type Json, Lsn, type NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { BlockStatus, ChainView, HeaderNode } from '../../../src/chain/tree.ts';
import type { Certificate, Context, Effect, Engine, Event } from '../../../src/consensus/engine.ts';
import { Council } from '../../../src/consensus/members/council.ts';
import { type Ballot, Ballots, type Phase } from '../../../src/consensus/pbft/ballots.ts';
import { createPbft } from '../../../src/consensus/pbft/engine.ts';
import type { PbftMessage } from '../../../src/consensus/pbft/messages.ts';
import { parseSettings } from '../../../src/consensus/pbft/settings.ts';
import type { PbftState } from '../../../src/consensus/pbft/state.ts';
import type { Votes } from '../../../src/consensus/votes.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS, nodeOf } from '../../simulator/support.ts';

export const NODES = [0, 1, 2, 3].map(placeId);
export const STRANGER = placeId(9);
export const SETTINGS = { viewTimeoutMs: 1_000, maxViewTimeoutMs: 4_000, checkpointEvery: 2, blockIntervalMs: 0, emptyBlockMs: 0 };
export const GENESIS_NODE = nodeOf(GENESIS.block);

export const paramsOf = (changes: { readonly [name: string]: Json } = {}, nodes: readonly NodeId[] = NODES) => ({
  ...GENESIS.params,
  engine: { name: 'pbft', settings: { members: membersOf(nodes, TAG_KEYS), ...SETTINGS, ...changes } },
});

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

export class MemoryChain implements ChainView {
  readonly genesis = GENESIS_NODE;
  head: HeaderNode = GENESIS_NODE;
  finalized: HeaderNode = GENESIS_NODE;
  readonly blocks = new Map<Hash, Block>([[GENESIS_NODE.hash, GENESIS.block]]);
  readonly statuses = new Map<Hash, BlockStatus>([[GENESIS_NODE.hash, 'executed']]);

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
    let at: HeaderNode | undefined = this.head;
    while (at !== undefined && at.header.number > number) at = this.get(at.header.parentHash);
    return at?.header.number === number ? at.hash : undefined;
  }

  atHeight(number: number, limit: number): readonly HeaderNode[] {
    const here = [...this.blocks.values()].filter(({ header }) => header.number === number);
    return here.slice(0, limit).map((block) => nodeOf(block));
  }
}

type PbftEffect = Effect<PbftMessage>;

/** Of a life before. */
interface Disk {
  readonly chain: MemoryChain;
  readonly records: readonly Uint8Array[];
}

export class Member {
  readonly place: number;
  readonly chain: MemoryChain;
  readonly engine: Engine<PbftState, PbftMessage>;
  readonly state: PbftState;
  sent: { readonly to: NodeId | '*'; readonly message: PbftMessage }[] = [];
  readonly offences: { readonly from: NodeId; readonly code: string }[] = [];
  readonly replies: unknown[] = [];
  readonly traces: { readonly name: string; readonly data: { readonly [key: string]: Json } }[] = [];
  readonly fetched: Hash[] = [];
  readonly certificates: Certificate[] = [];
  readonly timers = new Map<string, number>();
  records: Uint8Array[];
  pool: Uint8Array[] = [];
  /** Blocks that do not execute to what they say. */
  readonly bad = new Set<Hash>();
  /** Records stay in memory until it is false again and `flush` is called. */
  slowDisk = false;
  nowMs = 0;
  /** The ledger cannot build now. */
  isStuck = false;
  /** Seconds by which its clock is ahead. */
  aheadSeconds = 0;
  #firstLsn = 1;
  #appended: number;
  #durable: number;
  #held: { readonly after: number; readonly effect: PbftEffect }[] = [];
  readonly #queue: Event<PbftMessage>[] = [];

  constructor(place: number, settings: { readonly [name: string]: Json } = {}, disk: Disk = { chain: new MemoryChain(), records: [] }) {
    this.place = place;
    this.chain = disk.chain;
    this.records = [...disk.records];
    this.#appended = disk.records.length;
    this.#durable = disk.records.length;
    const node = { beneficiary: GENESIS.block.header.beneficiary, produce: true, signers: [TAG_KEYS.signer(place, 0)] };
    this.engine = createPbft(paramsOf(settings), node, TAG_KEYS.signatures) as Engine<PbftState, PbftMessage>;
    this.state = this.engine.init(this.#context());
    this.step({ type: 'start', incarnation: 1, records: disk.records, lsn: Lsn(disk.records.length) });
  }

  get id(): NodeId {
    return placeId(this.place);
  }

  get height(): number {
    return this.chain.head.header.number;
  }

  /** Another life with what is on disk: decided blocks, and durable records. */
  restart(settings: { readonly [name: string]: Json } = {}): Member {
    const chain = new MemoryChain();
    for (let number = 1; number <= this.chain.finalized.header.number; number++) {
      const hash = present(this.chain.canonical(number), 'a block');
      chain.blocks.set(hash, present(this.chain.block(hash), 'a block'));
      chain.statuses.set(hash, 'executed');
    }
    chain.head = this.chain.finalized;
    chain.finalized = this.chain.finalized;
    return new Member(this.place, settings, { chain, records: this.records.slice(0, this.#durable - this.#firstLsn + 1) });
  }

  step(event: Event<PbftMessage>): void {
    this.#queue.push(event);
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (next.type === 'timer') this.timers.delete(next.id);
      for (const effect of this.engine.step(this.state, next, this.#context())) this.#gate(effect);
      if (this.timers.get('settle') === 0) this.#queue.push({ type: 'timer', id: 'settle' });
    }
  }

  receive(from: number | NodeId, message: PbftMessage): void {
    const id = typeof from === 'number' ? placeId(from) : from;
    this.step({ type: 'message', from: id, message: this.engine.decode(this.engine.encode(message)) });
  }

  fire(id: string): void {
    this.nowMs += this.timers.get(id) ?? 0;
    this.step({ type: 'timer', id });
  }

  /** There are transactions. */
  work(...transactions: readonly Uint8Array[]): void {
    this.pool.push(...transactions);
    this.step({ type: 'mempool', pending: this.pool.length });
  }

  flush(): void {
    this.#durable = this.#appended;
    const held = this.#held;
    this.#held = [];
    for (const { effect } of held) this.#carryOut(effect);
    this.step({ type: 'persisted', lsn: Lsn(this.#durable) });
  }

  /** Messages of this type that left since the last time. */
  take<Type extends PbftMessage['type']>(type: Type): Extract<PbftMessage, { type: Type }>[] {
    const taken = this.sent.filter(({ message }) => message.type === type).map(({ message }) => message);
    this.sent = this.sent.filter(({ message }) => message.type !== type);
    return taken as Extract<PbftMessage, { type: Type }>[];
  }

  #context(): Context {
    const { id: self, nowMs, chain } = this;
    const wallMs = 1_000 * (GENESIS.block.header.timestamp + 1_000 + this.aheadSeconds) + nowMs;
    return { self, nowMs, wallMs, random: () => 0.5, chain };
  }

  #gate(effect: PbftEffect): void {
    const after = 'after' in effect ? (effect.after ?? 0) : 0;
    if (after > this.#durable) this.#held.push({ after, effect });
    else this.#carryOut(effect);
  }

  #carryOut(effect: PbftEffect): void {
    const { chain } = this;
    switch (effect.type) {
      case 'persist':
        return this.#persist(effect);
      case 'send':
        this.sent.push(effect);
        return;
      case 'insert': {
        const hash = hashHeader(effect.block.header);
        chain.blocks.set(hash, effect.block);
        if (!chain.statuses.has(hash)) chain.statuses.set(hash, 'stored');
        return;
      }
      case 'check': {
        const isBad = this.bad.has(effect.hash);
        chain.statuses.set(effect.hash, isBad ? 'invalid' : 'executed');
        this.#queue.push({ type: 'checked', hash: effect.hash, error: isBad ? new RuleError('test/bad', 'bad') : null });
        return;
      }
      case 'setHead':
        chain.head = present(chain.get(effect.hash), 'the new head');
        this.#queue.push({ type: 'stored', head: effect.hash, finalized: chain.finalized.hash });
        return;
      case 'finalize':
        chain.finalized = present(chain.get(effect.hash), 'the final block');
        this.certificates.push(effect.certificate);
        this.#queue.push({ type: 'stored', head: chain.head.hash, finalized: effect.hash });
        return;
      case 'build': {
        const parent = present(chain.block(effect.parent), 'the parent');
        const block = { ...childOf(parent, 0, effect.fields), transactions: this.pool.splice(0) };
        this.#queue.push({ type: 'built', request: effect.request, block: this.isStuck ? null : block });
        return;
      }
      case 'setTimer':
        this.timers.set(effect.id, effect.delayMs);
        return;
      case 'cancelTimer':
        this.timers.delete(effect.id);
        return;
      case 'offence':
        this.offences.push({ from: effect.from, code: effect.error.code });
        return;
      case 'reply':
        this.replies.push(effect.result);
        return;
      case 'trace':
        this.traces.push(effect);
        return;
      case 'fetch':
        this.fetched.push(effect.hash);
        return;
    }
  }

  #persist({ lsn, records, truncateBelow = Lsn(0) }: Extract<PbftEffect, { type: 'persist' }>): void {
    this.#appended = lsn;
    this.records.push(...records);
    this.records.splice(0, Math.max(0, truncateBelow - this.#firstLsn));
    this.#firstLsn = Math.max(this.#firstLsn, truncateBelow);
    if (this.slowDisk) return;
    this.#durable = lsn;
    this.#queue.push({ type: 'persisted', lsn });
  }
}

/** What is not to be delivered. */
export type Lost = (from: number, to: number, message: PbftMessage) => boolean;

export class Network {
  readonly members: Member[];

  constructor(settings: { readonly [name: string]: Json } = {}) {
    this.members = NODES.map((_, place) => new Member(place, settings));
  }

  at(place: number): Member {
    return present(this.members[place], `member ${place}`);
  }

  /** Delivers all messages, and those that come of them. */
  deliver(isLost: Lost = () => false): void {
    for (let isQuiet = false; !isQuiet; ) {
      isQuiet = true;
      for (const member of this.members) {
        for (const { to, message } of member.sent.splice(0)) {
          const place = NODES.indexOf(to as NodeId);
          if (isLost(member.place, place, message)) continue;
          isQuiet = false;
          this.at(place).receive(member.place, message);
        }
      }
    }
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

  get heights(): number[] {
    return this.members.map(({ height }) => height);
  }
}
