/**
 * One member of a Raft network in a small world: a chain in memory, effects carried out at once, the log on disk at once or
 * when the test says so, and what it sends in a list. What the other members say, the test says.
 */
import { present } from '../../../src/base/assert.ts';
import { bigToFixed, toHex } from '../../../src/base/bytes.ts';
import { RuleError } from '../../../src/base/errors.ts';
import { type Hash, type Json, Lsn, type NodeId } from '../../../src/base/types.ts';
import { type Block, payloadCommitment } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { BlockStatus, ChainView, HeaderNode } from '../../../src/chain/tree.ts';
import type { AdminCommand, BuildFields, Certificate, Context, Effect, Engine, Event } from '../../../src/consensus/engine.ts';
import { encodeChange } from '../../../src/consensus/members/changes.ts';
import { Membership } from '../../../src/consensus/members/membership.ts';
import { createRaft } from '../../../src/consensus/raft/engine.ts';
import type { RaftMessage } from '../../../src/consensus/raft/messages.ts';
import type { RaftState } from '../../../src/consensus/raft/state.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS, nodeOf } from '../../simulator/support.ts';

export const NODES = [0, 1, 2, 3, 4].map(placeId);
export const [SELF, B, C, D, E] = NODES as [NodeId, NodeId, NodeId, NodeId, NodeId];
export const STRANGER = placeId(9);
export const SETTINGS = { heartbeatMs: 100, electionMinMs: 1_000, electionMaxMs: 2_000, blockIntervalMs: 0, emptyBlockMs: 0 };

export const paramsOf = (nodes: readonly NodeId[], changes: { readonly [name: string]: Json } = {}) => ({
  ...GENESIS.params,
  engine: { name: 'raft', settings: { members: membersOf(nodes, TAG_KEYS), ...SETTINGS, ...changes } },
});

const membershipOf = (nodes: readonly NodeId[]) =>
  new Membership(
    nodes.map((node, identity) => ({ node, publicKey: TAG_KEYS.signer(identity, 0).publicKey })),
    'crash',
  );

export const GENESIS_NODE = nodeOf(GENESIS.block);

/** A block of this term. `name` tells siblings apart; with `isBusy` it has a transaction. */
export function blockOf(parent: Block, term: number, { name = 0, nodes = NODES, isBusy = false } = {}): Block {
  const header = { difficulty: 0n, mixHash: membershipOf(nodes).id, nonce: toHex(bigToFixed(BigInt(term), 8)) };
  const block = childOf(parent, name, { ...header, extraData: '0x' });
  return isBusy ? { ...block, transactions: [Uint8Array.of(name)] } : block;
}

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

/** One block on another, of these terms. */
export function blocksOf(parent: Block, terms: readonly number[], name = 0): Block[] {
  const blocks: Block[] = [];
  for (const term of terms) blocks.push(blockOf(blocks.at(-1) ?? parent, term, { name }));
  return blocks;
}

export const hashOfBlock = ({ header }: Block): Hash => hashHeader(header);

/** The place of a block in a log, as messages name it. */
export const placeOf = (block: Block) => ({
  height: block.header.number,
  hash: hashOfBlock(block),
  term: block.header.number === 0 ? 0 : Number(block.header.nonce),
});

class MemoryChain implements ChainView {
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
}

type RaftEffect = Effect<RaftMessage>;
type Sent<Type> = Extract<RaftMessage, { type: Type }>;

export interface WorldOptions {
  readonly nodes?: NodeId[];
  readonly self?: NodeId;
  readonly settings?: { readonly [name: string]: Json };
  /** Of a life before this one. */
  readonly chain?: MemoryChain;
  readonly records?: readonly Uint8Array[];
  readonly incarnation?: number;
  /** Records stay in memory until `flush`. */
  readonly slowDisk?: boolean;
}

export class World {
  readonly chain: MemoryChain;
  readonly engine: Engine<RaftState, RaftMessage>;
  readonly state: RaftState;
  readonly self: NodeId;
  readonly nodes: NodeId[];
  /** What left, in order; `take` forgets. */
  sent: { readonly to: NodeId | '*'; readonly message: RaftMessage }[] = [];
  readonly offences: { readonly from: NodeId; readonly code: string }[] = [];
  readonly replies: { readonly request: number; readonly result: unknown }[] = [];
  readonly traces: { readonly name: string; readonly data: { readonly [key: string]: Json } }[] = [];
  readonly certificates: Certificate[] = [];
  readonly timers = new Map<string, number>();
  readonly records: Uint8Array[] = [];
  /** Blocks that do not execute to what they say. */
  readonly bad = new Set<Hash>();
  /** Transactions for the next block. */
  pool: Uint8Array[] = [];
  canBuild = true;
  slowDisk: boolean;
  nowMs = 0;
  random = 0.5;
  #firstLsn = 1;
  #appended = 0;
  #durable = 0;
  #held: { readonly after: number; readonly effect: RaftEffect }[] = [];
  readonly #queue: Event<RaftMessage>[] = [];

  constructor(options: WorldOptions = {}) {
    const { nodes = NODES, self = SELF, settings, chain = new MemoryChain(), records = [], incarnation = 1, slowDisk = false } = options;
    this.nodes = nodes;
    this.self = self;
    this.chain = chain;
    this.slowDisk = slowDisk;
    // Every node has its key, whether it is a member or not; a stranger has none.
    const place = NODES.indexOf(self);
    const signers = place === -1 ? [] : [TAG_KEYS.signer(place, 0)];
    const node = { beneficiary: GENESIS.block.header.beneficiary, produce: true, signers };
    this.engine = createRaft(paramsOf(nodes, settings), node, TAG_KEYS.signatures) as Engine<RaftState, RaftMessage>;
    this.records.push(...records);
    this.#appended = records.length;
    this.#durable = records.length;
    this.state = this.engine.init(this.#context());
    this.step({ type: 'start', incarnation, records, lsn: Lsn(records.length) });
  }

  /** Another life with what is on disk. */
  restart(): World {
    const durable = this.records.slice(0, this.#durable - this.#firstLsn + 1);
    // Undecided blocks are not in the chain on disk.
    const chain = new MemoryChain();
    const canonical = [...Array(this.chain.head.header.number).keys()].map((i) => present(this.chain.canonical(i + 1), 'a block'));
    for (const hash of canonical) {
      chain.blocks.set(hash, present(this.chain.block(hash), 'a block'));
      chain.statuses.set(hash, 'executed');
    }
    chain.head = this.chain.head;
    chain.finalized = this.chain.finalized;
    return new World({ nodes: this.nodes, self: this.self, chain, records: durable, incarnation: this.state.incarnation + 1 });
  }

  step(event: Event<RaftMessage>): void {
    this.#queue.push(event);
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (next.type === 'timer') this.timers.delete(next.id);
      for (const effect of this.engine.step(this.state, next, this.#context())) this.#gate(effect);
    }
  }

  receive(from: NodeId, message: RaftMessage): void {
    this.step({ type: 'message', from, message: this.engine.decode(this.engine.encode(message)) });
  }

  fire(id: string): void {
    this.nowMs += this.timers.get(id) ?? 0;
    this.step({ type: 'timer', id });
  }

  admin(name: string, given: AdminCommand['arguments'] = {}, request = 1): void {
    this.step({ type: 'admin', request, command: { name, arguments: given } });
  }

  /** Everything that was written is on disk now. */
  flush(): void {
    this.#durable = this.#appended;
    const held = this.#held;
    this.#held = [];
    for (const { effect } of held) this.#carryOut(effect);
    this.step({ type: 'persisted', lsn: Lsn(this.#durable) });
  }

  /** Messages of this type that left since the last time, and to whom. */
  take<Type extends RaftMessage['type']>(type: Type): { readonly to: NodeId | '*'; readonly message: Sent<Type> }[] {
    const taken = this.sent.filter(({ message }) => message.type === type);
    this.sent = this.sent.filter(({ message }) => message.type !== type);
    return taken as { to: NodeId | '*'; message: Sent<Type> }[];
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

  get head(): number {
    return this.chain.head.header.number;
  }

  #context(): Context {
    const { self, nowMs, chain } = this;
    return { self, nowMs, wallMs: 1_000 * GENESIS.block.header.timestamp + 3_600_000 + nowMs, random: () => this.random, chain };
  }

  #gate(effect: RaftEffect): void {
    const after = 'after' in effect ? (effect.after ?? 0) : 0;
    if (after > this.#durable) this.#held.push({ after, effect });
    else this.#carryOut(effect);
  }

  #carryOut(effect: RaftEffect): void {
    const { chain } = this;
    switch (effect.type) {
      case 'persist':
        this.#appended = effect.lsn;
        this.records.push(...effect.records);
        this.records.splice(0, Math.max(0, (effect.truncateBelow ?? 0) - this.#firstLsn));
        this.#firstLsn = Math.max(this.#firstLsn, effect.truncateBelow ?? 0);
        if (this.slowDisk) return;
        this.#durable = this.#appended;
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
        this.#queue.push({ type: 'built', request: effect.request, block: this.#build(effect.parent, effect.fields) });
        return;
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
    }
  }

  #check(hash: Hash): void {
    const isBad = this.bad.has(hash);
    this.chain.statuses.set(hash, isBad ? 'invalid' : 'executed');
    this.#queue.push({ type: 'checked', hash, error: isBad ? new RuleError('test/bad', 'bad') : null });
  }

  #build(parent: Hash, { nonce, mixHash, payload }: BuildFields): Block | null {
    if (!this.canBuild) return null;
    const header = { difficulty: 0n, mixHash, nonce, extraData: payloadCommitment(payload) };
    const block = childOf(present(this.chain.block(parent), 'the parent'), 0, header);
    const transactions = this.pool;
    this.pool = [];
    return { ...block, payload, transactions };
  }
}
