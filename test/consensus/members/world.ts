/**
 * One member of a permissioned network in a small world: a chain in memory, effects carried out at once, the log on disk at
 * once or when the test says so, and what it sends in a list. What the other members say, the test says. Each engine's own
 * world says what its engine is, and what only its tests need.
 */
import { present } from '../../../src/base/assert.ts';
import { bigToFixed, EMPTY, toHex } from '../../../src/base/bytes.ts';
import { RuleError } from '../../../src/base/errors.ts';
import { type Hash, type Json, Lsn, type NodeId } from '../../../src/base/types.ts';
import { type Block, payloadCommitment } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { BlockStatus, ChainView, HeaderNode } from '../../../src/chain/tree.ts';
import type { AdminCommand, Certificate, Context, Effect, Engine, EngineFactory, Event } from '../../../src/consensus/engine.ts';
import { Membership } from '../../../src/consensus/members/membership.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS, nodeOf } from '../../simulator/support.ts';

export const NODES = [0, 1, 2, 3, 4].map(placeId);
/** Five members; the test plays all but the first. */
export const [SELF, B, C, D, E] = NODES as [NodeId, NodeId, NodeId, NodeId, NodeId];
export const STRANGER = placeId(9);
export const GENESIS_NODE = nodeOf(GENESIS.block);
/** So long ago was genesis when a world begins. */
export const AGE_SECONDS = 3_600;

type Settings = { readonly [name: string]: Json };

/** A network's parameters whose engine has these settings, besides its members. */
export function paramsFor(engine: string, nodes: readonly NodeId[], settings: Settings) {
  return { ...GENESIS.params, engine: { name: engine, settings: { members: membersOf(nodes, TAG_KEYS), ...settings } } };
}

const membershipOf = (nodes: readonly NodeId[]) =>
  new Membership(
    nodes.map((node, identity) => ({ node, publicKey: TAG_KEYS.signer(identity, 0).publicKey })),
    'crash',
  );

/** A block of this term, round, ballot or epoch. `name` tells siblings apart; with `isBusy` it has a transaction. */
export function blockOf(parent: Block, round: number, { name = 0, nodes = NODES, isBusy = false } = {}): Block {
  const header = { difficulty: 0n, mixHash: membershipOf(nodes).id, nonce: toHex(bigToFixed(BigInt(round), 8)) };
  const block = childOf(parent, name, { ...header, extraData: payloadCommitment(EMPTY) });
  return isBusy ? { ...block, transactions: [Uint8Array.of(name)] } : block;
}

/** One block on another, of these rounds. */
export function blocksOf(parent: Block, rounds: readonly number[], name = 0): Block[] {
  const blocks: Block[] = [];
  for (const round of rounds) blocks.push(blockOf(blocks.at(-1) ?? parent, round, { name }));
  return blocks;
}

export const hashOfBlock = ({ header }: Block): Hash => hashHeader(header);

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
    if (number > this.head.header.number) return undefined;
    let at = this.head;
    while (at.header.number > number) at = present(this.get(at.header.parentHash), 'a parent');
    return at.hash;
  }

  atHeight(number: number, limit: number): readonly HeaderNode[] {
    const here = [...this.blocks.values()].filter(({ header }) => header.number === number);
    return here.slice(0, limit).map((block) => nodeOf(block));
  }

  insert(block: Block): void {
    const hash = hashOfBlock(block);
    this.blocks.set(hash, block);
    if (!this.statuses.has(hash)) this.statuses.set(hash, 'stored');
  }

  /** As it is on disk: the canonical blocks up to this one, and none that is undecided. */
  upTo(head: HeaderNode): MemoryChain {
    const chain = new MemoryChain();
    for (let number = 1; number <= head.header.number; number++) {
      const hash = present(this.canonical(number), 'a canonical block');
      chain.insert(present(this.block(hash), 'its body'));
      chain.statuses.set(hash, 'executed');
    }
    chain.head = head;
    chain.finalized = this.finalized;
    return chain;
  }
}

/** What is to be run: an engine, with the settings of its network. */
export interface EngineUnderTest {
  readonly name: string;
  readonly create: EngineFactory;
  readonly settings: Settings;
}

export interface WorldOptions {
  readonly nodes?: readonly NodeId[];
  readonly self?: NodeId;
  /** In place of those of the engine's world. */
  readonly settings?: Settings;
  /** Of a life before this one. */
  readonly chain?: MemoryChain;
  readonly records?: readonly Uint8Array[];
  readonly incarnation?: number;
  /** Records stay in memory until `flush`. */
  readonly slowDisk?: boolean;
}

export class MemberWorld<State, Message extends { readonly type: string }> {
  readonly chain: MemoryChain;
  readonly engine: Engine<State, Message>;
  readonly state: State;
  readonly self: NodeId;
  readonly nodes: readonly NodeId[];
  /** What left, in order; `take` forgets. */
  sent: { readonly to: NodeId | '*'; readonly message: Message }[] = [];
  readonly offences: { readonly from: NodeId; readonly code: string }[] = [];
  readonly replies: { readonly request: number; readonly result: unknown }[] = [];
  readonly traces: { readonly name: string; readonly data: { readonly [key: string]: Json } }[] = [];
  readonly fetched: Hash[] = [];
  readonly certificates: Certificate[] = [];
  readonly timers = new Map<string, number>();
  /** On disk or on the way there; those that were dropped are not in it. */
  readonly records: Uint8Array[];
  /** Blocks that do not execute to what they say. */
  readonly bad = new Set<Hash>();
  /** Transactions for the next block. */
  pool: Uint8Array[] = [];
  canBuild = true;
  slowDisk: boolean;
  nowMs = 0;
  random = 0.5;
  /** By which its clock is ahead. */
  aheadSeconds = 0;
  readonly incarnation: number;
  #firstLsn = 1;
  #appended: number;
  #durable: number;
  #held: Effect<Message>[] = [];
  readonly #queue: Event<Message>[] = [];

  constructor(subject: EngineUnderTest, options: WorldOptions = {}) {
    const { nodes = NODES, self = SELF, chain = new MemoryChain(), records = [], incarnation = 1, slowDisk = false } = options;
    this.nodes = nodes;
    this.self = self;
    this.chain = chain;
    this.slowDisk = slowDisk;
    this.incarnation = incarnation;
    this.records = [...records];
    this.#appended = records.length;
    this.#durable = records.length;
    // Every node has its key, whether it is a member or not; a stranger has none.
    const place = NODES.indexOf(self);
    const signers = place === -1 ? [] : [TAG_KEYS.signer(place, 0)];
    const params = paramsFor(subject.name, nodes, { ...subject.settings, ...options.settings });
    this.engine = subject.create(params, { beneficiary: GENESIS.block.header.beneficiary, produce: true, signers }, TAG_KEYS.signatures);
    this.state = this.engine.init(this.#context());
    this.step({ type: 'start', incarnation, records, lsn: Lsn(records.length) });
  }

  /** For another life: what is on disk. */
  disk(head: HeaderNode = this.chain.head): WorldOptions {
    const records = this.records.slice(0, this.#durable - this.#firstLsn + 1);
    const { nodes, self, incarnation } = this;
    return { nodes, self, chain: this.chain.upTo(head), records, incarnation: incarnation + 1 };
  }

  step(event: Event<Message>): void {
    this.#queue.push(event);
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (next.type === 'timer') this.timers.delete(next.id);
      for (const effect of this.engine.step(this.state, next, this.#context())) this.#gate(effect);
      // A timer of no time asks for one more look at what this step has inserted.
      if (this.timers.get('settle') === 0) this.#queue.push({ type: 'timer', id: 'settle' });
    }
  }

  receive(from: NodeId, ...messages: readonly Message[]): void {
    for (const message of messages) this.step({ type: 'message', from, message: this.engine.decode(this.engine.encode(message)) });
  }

  fire(id: string): void {
    this.nowMs += this.timers.get(id) ?? 0;
    this.step({ type: 'timer', id });
  }

  admin(name: string, given: AdminCommand['arguments'] = {}, request = 1): void {
    this.step({ type: 'admin', request, command: { name, arguments: given } });
  }

  /** There are these transactions. */
  work(...transactions: readonly Uint8Array[]): void {
    this.pool.push(...transactions);
    this.step({ type: 'mempool', pending: this.pool.length });
  }

  /** Everything that was written is on disk now. */
  flush(): void {
    this.#durable = this.#appended;
    const held = this.#held;
    this.#held = [];
    for (const effect of held) this.#gate(effect);
    this.step({ type: 'persisted', lsn: Lsn(this.#durable) });
  }

  /** Messages of this type that left since the last time, and to whom. */
  take<Type extends Message['type']>(
    type: Type,
  ): { readonly to: NodeId | '*'; readonly message: Extract<Message, { readonly type: Type }> }[] {
    const taken = this.sent.filter(({ message }) => message.type === type);
    this.sent = this.sent.filter(({ message }) => message.type !== type);
    return taken as { to: NodeId | '*'; message: Extract<Message, { readonly type: Type }> }[];
  }

  get head(): number {
    return this.chain.head.header.number;
  }

  get results(): unknown[] {
    return this.replies.map(({ result }) => result);
  }

  get codes(): string[] {
    return this.offences.map(({ code }) => code);
  }

  #context(): Context {
    const { self, nowMs, chain } = this;
    const wallMs = 1_000 * (GENESIS.block.header.timestamp + AGE_SECONDS + this.aheadSeconds) + nowMs;
    return { self, nowMs, wallMs, random: () => this.random, chain };
  }

  #gate(effect: Effect<Message>): void {
    if ('after' in effect && (effect.after ?? 0) > this.#durable) this.#held.push(effect);
    else this.#carryOut(effect);
  }

  #carryOut(effect: Effect<Message>): void {
    const { chain } = this;
    switch (effect.type) {
      case 'persist':
        return this.#persist(effect);
      case 'send':
        this.sent.push(effect);
        return;
      case 'insert':
        return chain.insert(effect.block);
      case 'check':
        return this.#check(effect.hash);
      case 'setHead':
        chain.head = present(chain.get(effect.hash), 'the new head');
        this.#queue.push({ type: 'stored', head: effect.hash, finalized: chain.finalized.hash });
        return;
      case 'finalize':
        chain.finalized = present(chain.get(effect.hash), 'the final block');
        this.certificates.push(effect.certificate);
        this.#queue.push({ type: 'stored', head: chain.head.hash, finalized: effect.hash });
        return;
      case 'build':
        return this.#build(effect);
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
        this.replies.push(effect);
        return;
      case 'trace':
        this.traces.push(effect);
        return;
      case 'fetch':
        this.fetched.push(effect.hash);
        return;
    }
  }

  #persist({ lsn, records, truncateBelow = Lsn(0) }: Extract<Effect<Message>, { type: 'persist' }>): void {
    this.#appended = lsn;
    this.records.push(...records);
    this.records.splice(0, Math.max(0, truncateBelow - this.#firstLsn));
    this.#firstLsn = Math.max(this.#firstLsn, truncateBelow);
    if (this.slowDisk) return;
    this.#durable = lsn;
    this.#queue.push({ type: 'persisted', lsn });
  }

  #check(hash: Hash): void {
    const isBad = this.bad.has(hash);
    this.chain.statuses.set(hash, isBad ? 'invalid' : 'executed');
    this.#queue.push({ type: 'checked', hash, error: isBad ? new RuleError('test/bad', 'bad') : null });
  }

  #build({ request, parent, fields }: Extract<Effect<Message>, { type: 'build' }>): void {
    const { payload, ...header } = fields;
    const made = childOf(present(this.chain.block(parent), 'the parent'), 0, { ...header, extraData: payloadCommitment(payload) });
    const block = { ...made, payload };
    this.#queue.push({ type: 'built', request, block: this.canBuild ? { ...block, transactions: this.pool.splice(0) } : null });
  }
}

/** What is not to be delivered. Members by their places. */
export type LostMessage<Message> = (from: number, to: number, message: Message) => boolean;

/** Several of them: messages wait until the test delivers them, and time stands still until it fires a timer. */
export class MemberNetwork<Message extends { readonly type: string }, World extends MemberWorld<unknown, Message>> {
  readonly members: World[];

  constructor(members: readonly World[]) {
    this.members = [...members];
  }

  at(place: number): World {
    return present(this.members[place], `member ${place}`);
  }

  /** Delivers all messages, and those that come of them. */
  deliver(isLost: LostMessage<Message> = () => false): void {
    for (let isQuiet = false; !isQuiet; ) {
      isQuiet = true;
      for (const [place, member] of this.members.entries()) {
        for (const { to, message } of member.sent.splice(0)) {
          const at = member.nodes.indexOf(to as NodeId);
          if (at >= this.members.length || isLost(place, at, message)) continue;
          isQuiet = false;
          this.at(at).receive(member.self, message);
        }
      }
    }
  }

  get heights(): number[] {
    return this.members.map(({ head }) => head);
  }
}
