/**
 * One proof-of-stake engine in a small world: a chain in memory, effects carried out at once, replies queued, both clocks moved by
 * hand. Blocks and votes of others come from a `StakeChain`, whose network it is.
 */
import { assert, present } from '../../../src/base/assert.ts';
import { RuleError } from '../../../src/base/errors.ts';
import { type Address, type Hash, type Json, Lsn, NodeId, ZERO_ADDRESS } from '../../../src/base/types.ts';
import { type Block, payloadCommitment } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import { forkFields } from '../../../src/chain/rules.ts';
import type { BlockStatus, ChainView, Facts, HeaderNode, Output } from '../../../src/chain/tree.ts';
import type { BuildFields, Context, Effect, Engine, Event, Origin, TrustedBlock } from '../../../src/consensus/engine.ts';
import { encodePayload, encodeSeal } from '../../../src/consensus/pos/codec.ts';
import { posEngine } from '../../../src/consensus/pos/engine.ts';
import type { PosMessage } from '../../../src/consensus/pos/messages.ts';
import type { PosState } from '../../../src/consensus/pos/state.ts';
import type { StakeBlock } from '../../../src/consensus/pos/transition.ts';
import type { Attestation, Offence } from '../../../src/consensus/pos/types.ts';
import { GENESIS_TIME, header, type StakeChain, signerAt } from './stake-chain.ts';

export class MemoryChain implements ChainView {
  readonly genesis: HeaderNode;
  head: HeaderNode;
  finalized: HeaderNode;
  maxHeight = 0;
  /** How often a block was read, as a measure of work. */
  blockReads = 0;
  readonly said = new Map<Hash, readonly Output[]>();
  readonly #nodes = new Map<Hash, HeaderNode>();
  readonly #blocks = new Map<Hash, Block>();
  readonly #statuses = new Map<Hash, BlockStatus>();
  readonly #canonical = new Map<number, Hash>();
  readonly #atHeight = new Map<number, HeaderNode[]>();

  constructor(genesis: HeaderNode) {
    this.genesis = genesis;
    this.head = genesis;
    this.finalized = genesis;
    this.#nodes.set(genesis.hash, genesis);
    this.#statuses.set(genesis.hash, 'executed');
    this.#canonical.set(0, genesis.hash);
  }

  get(hash: Hash): HeaderNode | undefined {
    return this.#nodes.get(hash);
  }

  status(hash: Hash): BlockStatus | undefined {
    return this.#statuses.get(hash);
  }

  block(hash: Hash): Block | undefined {
    this.blockReads++;
    return this.#blocks.get(hash);
  }

  outputs(hash: Hash, _contract: Address): readonly Output[] {
    return this.said.get(hash) ?? [];
  }

  canonical(number: number): Hash | undefined {
    return this.#canonical.get(number);
  }

  atHeight(number: number, limit: number): readonly HeaderNode[] {
    return (this.#atHeight.get(number) ?? []).slice(0, limit);
  }

  insert(block: Block, facts: Facts): void {
    const hash = hashHeader(block.header);
    assert(this.#nodes.has(block.header.parentHash), 'a block is inserted after its parent');
    const { number } = block.header;
    const node = { header: block.header, seal: block.seal, hash, facts };
    this.#nodes.set(hash, node);
    this.#blocks.set(hash, block);
    this.#statuses.set(hash, 'stored');
    this.#atHeight.set(number, [...(this.#atHeight.get(number) ?? []), node]);
    this.maxHeight = Math.max(this.maxHeight, number);
  }

  mark(hash: Hash, status: BlockStatus): void {
    this.#statuses.set(hash, status);
  }

  setHead(hash: Hash): void {
    assert(this.status(hash) === 'executed', 'the head is executed');
    const node = present(this.get(hash), 'the new head');
    for (let number = node.header.number + 1; this.#canonical.delete(number); number++);
    for (let at = node; this.#canonical.get(at.header.number) !== at.hash; at = present(this.get(at.header.parentHash), 'a parent')) {
      assert(at.header.number > this.finalized.header.number, 'the head stays on the finalized chain');
      this.#canonical.set(at.header.number, at.hash);
    }
    this.head = node;
  }

  finalize(hash: Hash): void {
    const node = present(this.get(hash), 'a final block');
    assert(node.header.number > this.finalized.header.number, 'finality ascends');
    assert(this.canonical(node.header.number) === hash, 'what is final is canonical');
    this.finalized = node;
  }
}

export type PosEffect = Effect<PosMessage>;
type PosEvent = Event<PosMessage>;

export interface WorldOptions {
  /** Numbers of the validator keys that it signs with. */
  readonly keys?: readonly number[];
  /** Replies of these kinds stay in `waiting` until the test delivers them. */
  readonly manual?: readonly PosEvent['type'][];
  readonly chain?: MemoryChain;
  readonly records?: readonly Uint8Array[];
  /** Where both clocks stand at the start, in slots since genesis. */
  readonly slot?: number;
  /** A block that its operator trusts. */
  readonly checkpoint?: TrustedBlock;
}

export class World {
  readonly stake: StakeChain;
  readonly chain: MemoryChain;
  readonly engine: Engine<PosState, PosMessage>;
  readonly state: PosState;
  readonly effects: PosEffect[] = [];
  readonly timers = new Map<string, number>();
  /** Of the consensus log, since its last truncation. */
  readonly records: Uint8Array[];
  /** Blocks that do not execute to what their header says. */
  readonly bad = new Set<Hash>();
  readonly invalid = new RuleError('block/stateRoot', 'wrong state root');
  readonly waiting: PosEvent[] = [];
  nowMs = 0;
  wallMs: number;
  readonly #manual: ReadonlySet<PosEvent['type']>;
  #turning = false;

  constructor(stake: StakeChain, options: WorldOptions = {}) {
    const { keys = [], manual = [], chain, records = [], slot = 0, checkpoint } = options;
    this.stake = stake;
    this.#manual = new Set(manual);
    const genesis = { header: stake.genesis, seal: new Uint8Array(0), hash: hashHeader(stake.genesis), facts: { weight: 0n, carried: 0n } };
    this.chain = chain ?? new MemoryChain(genesis);
    this.records = [...records];
    this.wallMs = (GENESIS_TIME + slot * stake.rules.settings.slotSeconds) * 1_000;
    const signers = keys.map(signerAt);
    const node = { beneficiary: ZERO_ADDRESS, produce: signers.length > 0, signers, ...(checkpoint !== undefined && { checkpoint }) };
    this.engine = posEngine(stake.rules, node);
    this.state = this.engine.init(this.#context());
    this.step({ type: 'start', incarnation: 1, records, lsn: Lsn(records.length) });
  }

  step(event: PosEvent): readonly PosEffect[] {
    if (event.type === 'checked') this.chain.mark(event.hash, event.error === null ? 'executed' : 'invalid');
    const effects = this.engine.step(this.state, event, this.#context());
    this.effects.push(...effects);
    for (const effect of effects) this.#carryOut(effect);
    if (!this.#turning) this.deliver();
    return effects;
  }

  /** Delivers waiting replies, oldest first: all but those that the test delivers itself, or those of one kind. */
  deliver(type?: PosEvent['type']): void {
    const isWanted = (event: PosEvent): boolean => (type === undefined ? !this.#manual.has(event.type) : event.type === type);
    this.#turning = true;
    for (let at = this.waiting.findIndex(isWanted); at >= 0; at = this.waiting.findIndex(isWanted)) {
      for (const event of this.waiting.splice(at, 1)) this.step(event);
    }
    this.#turning = false;
  }

  receive(block: StakeBlock | Block, from = 'peer', origin: Origin = 'gossip'): readonly PosEffect[] {
    const whole = 'slot' in block ? blockOf(block) : block;
    return this.step({ type: 'block', block: whole, origin, from: origin === 'local' ? null : NodeId(from), certificate: null });
  }

  vote(vote: Attestation, from = 'peer'): readonly PosEffect[] {
    return this.step({ type: 'message', from: NodeId(from), message: { type: 'vote', vote } });
  }

  evidence(offence: Offence, from = 'peer'): readonly PosEffect[] {
    return this.step({ type: 'message', from: NodeId(from), message: { type: 'evidence', offence } });
  }

  /** Moves both clocks and fires the timers that run out, in order. */
  advance(ms: number): void {
    const end = this.nowMs + ms;
    for (;;) {
      const [next] = [...this.timers].filter(([, due]) => due <= end).sort((a, b) => a[1] - b[1]);
      const due = next?.[1] ?? end;
      this.wallMs += due - this.nowMs;
      this.nowMs = due;
      if (next === undefined) return;
      this.timers.delete(next[0]);
      this.step({ type: 'timer', id: next[0] });
    }
  }

  /** Moves both clocks to so many milliseconds after the beginning of a slot. */
  advanceTo(slot: number, ms = 0): void {
    this.advance((GENESIS_TIME + slot * this.stake.rules.settings.slotSeconds) * 1_000 + ms - this.wallMs);
  }

  /** The system clock alone. */
  jump(ms: number): void {
    this.wallMs += ms;
  }

  admin(name: string, values: { readonly [key: string]: Json } = {}): Json {
    const effects = this.step({ type: 'admin', request: 1, command: { name, arguments: values } });
    const { result } = present(of(effects, 'reply')[0], 'a reply');
    assert(!(result instanceof Error), 'the command is answered');
    return result;
  }

  all<T extends PosEffect['type']>(type: T): Extract<PosEffect, { type: T }>[] {
    return of(this.effects, type);
  }

  sentVotes(): Attestation[] {
    return this.all('send').flatMap(({ message }) => (message.type === 'vote' ? [message.vote] : []));
  }

  traces(name: string): { readonly [key: string]: Json }[] {
    return this.all('trace').flatMap((effect) => (effect.name === name ? [effect.data] : []));
  }

  offences(): string[] {
    return this.all('offence').map(({ from, error }) => `${from} ${error.code}`);
  }

  #context(): Context {
    return { self: NodeId('self'), nowMs: this.nowMs, wallMs: this.wallMs, random: () => 0.5, chain: this.chain };
  }

  #carryOut(effect: PosEffect): void {
    switch (effect.type) {
      case 'persist': {
        const { lsn, records, truncateBelow } = effect;
        this.records.push(...records);
        if (truncateBelow !== undefined) this.records.splice(0, this.records.length - (lsn - truncateBelow + 1));
        this.waiting.push({ type: 'persisted', lsn });
        return;
      }
      case 'insert':
        return this.chain.insert(effect.block, effect.facts);
      case 'check':
        return this.#check(effect.hash);
      case 'setHead':
        this.chain.setHead(effect.hash);
        return this.#stored();
      case 'finalize':
        this.chain.finalize(effect.hash);
        this.engine.verifyCertificate(effect.hash, effect.certificate, this.chain);
        return this.#stored();
      case 'setTimer':
        this.timers.set(effect.id, this.nowMs + effect.delayMs);
        return;
      case 'cancelTimer':
        this.timers.delete(effect.id);
        return;
      case 'build':
        this.waiting.push({ type: 'built', request: effect.request, block: this.#build(effect.parent, effect.fields) });
        return;
    }
  }

  #stored(): void {
    const { head, finalized } = this.chain;
    this.waiting.push({ type: 'stored', head: head.hash, finalized: finalized.hash });
  }

  #check(hash: Hash): void {
    const parent = present(this.chain.get(hash), 'the block to check').header.parentHash;
    assert(this.chain.status(parent) === 'executed', 'a block is executed on an executed parent');
    const error = this.bad.has(hash) ? this.invalid : null;
    this.waiting.push({ type: 'checked', hash, error });
  }

  #build(parentHash: Hash, { payload, ...fields }: BuildFields): Block {
    const parent = present(this.chain.get(parentHash), 'a parent').header;
    const number = parent.number + 1;
    const { params } = this.stake.rules;
    const extraData = payloadCommitment(payload);
    const made = header({ parentHash, number, extraData, ...fields, ...forkFields(number, fields.timestamp, parent, params) });
    return { header: made, seal: new Uint8Array(0), transactions: [], payload };
  }
}

export function blockOf({ header, seal, payload }: StakeBlock): Block {
  return { header, seal: encodeSeal(seal), transactions: [], payload: encodePayload(payload) };
}

export function of<T extends PosEffect['type']>(effects: readonly PosEffect[], type: T): Extract<PosEffect, { type: T }>[] {
  return effects.filter((effect): effect is Extract<PosEffect, { type: T }> => effect.type === type);
}
