/**
 * One node with a real engine of proof-of-stake and nobody else: a chain in memory, a clock that the test turns, every effect carried
 * out at once. What the network would bring is made by a `StakeChain`.
 */
import { present } from '../../../src/base/assert.ts';
import type { Signer } from '../../../src/base/signatures.ts';
import { type Hash, type Json, Lsn, NodeId, ZERO_ADDRESS } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { hashHeader } from '../../../src/chain/header.ts';
import type { BlockStatus, ChainView, HeaderNode } from '../../../src/chain/tree.ts';
import type { Certificate, Context, Effect, Engine, Event, NodeSettings, Origin } from '../../../src/consensus/engine.ts';
import { encodePayload, encodeSeal } from '../../../src/consensus/pos/codec.ts';
import { posEngine } from '../../../src/consensus/pos/engine.ts';
import type { PosMessage } from '../../../src/consensus/pos/messages.ts';
import type { PosRules } from '../../../src/consensus/pos/rules.ts';
import type { PosState } from '../../../src/consensus/pos/state.ts';
import type { StakeBlock } from '../../../src/consensus/pos/transition.ts';
import type { Attestation, Slot } from '../../../src/consensus/pos/types.ts';
import { GENESIS_TIME, type StakeChain } from './stake-chain.ts';

export const PEER = NodeId('peer');

export function blockOf({ header, payload, seal }: StakeBlock): Block {
  return { header, payload: encodePayload(payload), seal: encodeSeal(seal), transactions: [] };
}

interface Stored {
  readonly node: HeaderNode;
  readonly block: Block;
  status: BlockStatus;
}

/** Blocks in memory. What was finalized has its certificate. */
export class MemoryChain implements ChainView {
  readonly stored = new Map<Hash, Stored>();
  readonly certificates = new Map<Hash, Certificate>();
  readonly genesis: HeaderNode;
  head: HeaderNode;
  finalized: HeaderNode;

  constructor({ genesis }: StakeChain) {
    const hash = hashHeader(genesis);
    const seal = new Uint8Array(0);
    this.genesis = { header: genesis, seal, hash, facts: { weight: 0n, carried: 0n } };
    this.head = this.genesis;
    this.finalized = this.genesis;
    const block = { header: genesis, seal, transactions: [], payload: new Uint8Array(0) };
    this.stored.set(hash, { node: this.genesis, block, status: 'executed' });
  }

  get maxHeight(): number {
    return Math.max(...[...this.stored.values()].map(({ node }) => node.header.number));
  }

  get(hash: Hash): HeaderNode | undefined {
    return this.stored.get(hash)?.node;
  }

  status(hash: Hash): BlockStatus | undefined {
    return this.stored.get(hash)?.status;
  }

  block(hash: Hash): Block | undefined {
    return this.stored.get(hash)?.block;
  }

  outputs(hash: Hash): [] | undefined {
    return this.status(hash) === 'executed' ? [] : undefined;
  }

  canonical(number: number): Hash | undefined {
    let node: HeaderNode | undefined = this.head;
    while (node !== undefined && node.header.number > number) node = this.get(node.header.parentHash);
    return node?.header.number === number ? node.hash : undefined;
  }

  atHeight(number: number, limit: number): HeaderNode[] {
    const nodes = [...this.stored.values()].map(({ node }) => node);
    return nodes.filter(({ header }) => header.number === number).slice(0, limit);
  }
}

type Of<T extends Effect<PosMessage>['type']> = Extract<Effect<PosMessage>, { type: T }>;

export class EngineNode {
  readonly chain: MemoryChain;
  readonly engine: Engine<PosState, PosMessage>;
  state: PosState;
  readonly traces: Of<'trace'>[] = [];
  readonly offences: Of<'offence'>[] = [];
  readonly sent: PosMessage[] = [];
  readonly fetched: Hash[] = [];
  readonly builds: Of<'build'>[] = [];
  records: Uint8Array[] = [];
  nowMs = 0;
  wallMs: number;
  #lsn = 0;
  #reply: Json | Error = null;
  readonly #timers = new Map<string, number>();
  readonly #queue: Event<PosMessage>[] = [];

  constructor(
    rules: PosRules,
    chain: MemoryChain,
    options: { readonly slot?: Slot; readonly signers?: readonly Signer[]; readonly settings?: Partial<NodeSettings> } = {},
  ) {
    const { slot = 0, signers = [], settings = {} } = options;
    this.chain = chain;
    this.wallMs = (GENESIS_TIME + slot * rules.settings.slotSeconds) * 1_000;
    this.engine = posEngine(rules, { beneficiary: ZERO_ADDRESS, produce: signers.length > 0, signers, ...settings });
    this.state = this.engine.init(this.#context());
  }

  /** Boots, with what an earlier life left in the log. */
  start(records: readonly Uint8Array[] = []): this {
    this.#lsn = records.length;
    this.records = [...records];
    this.post({ type: 'start', incarnation: 1, records, lsn: Lsn(records.length) });
    return this;
  }

  /** Lets time pass until a moment of a slot (0 to 1), and every timer run out that is due by then. */
  until(slot: Slot, part = 0, slotMs = 1_000): void {
    const targetMs = GENESIS_TIME * 1_000 + (slot + part) * slotMs;
    for (;;) {
      const [next] = [...this.#timers].sort(([, a], [, b]) => a - b);
      const dueMs = next === undefined ? Number.POSITIVE_INFINITY : this.wallMs + (next[1] - this.nowMs);
      if (next === undefined || dueMs > targetMs) break;
      this.#pass(dueMs - this.wallMs);
      this.#timers.delete(next[0]);
      this.post({ type: 'timer', id: next[0] });
    }
    this.#pass(targetMs - this.wallMs);
  }

  /** From a peer. */
  receive(block: StakeBlock, origin: Origin = 'gossip'): void {
    this.post({ type: 'block', block: blockOf(block), origin, from: origin === 'local' ? null : PEER });
  }

  vote(vote: Attestation): void {
    this.post({ type: 'message', from: PEER, message: { type: 'vote', vote } });
  }

  ask(name: string, values: { readonly [key: string]: Json } = {}): Json | Error {
    this.post({ type: 'admin', request: 1, command: { name, arguments: values } });
    return this.#reply;
  }

  /** Codes of blocks that were refused. */
  get refused(): string[] {
    return this.traces.filter(({ name }) => name === 'refused').map(({ data }) => String(data.code));
  }

  post(event: Event<PosMessage>): void {
    this.#queue.push(event);
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      for (const effect of this.engine.step(this.state, next, this.#context())) this.#carryOut(effect);
    }
  }

  #pass(ms: number): void {
    this.wallMs += ms;
    this.nowMs += ms;
  }

  #context(): Context {
    return { self: NodeId('self'), nowMs: this.nowMs, wallMs: this.wallMs, random: () => 0.5, chain: this.chain };
  }

  #carryOut(effect: Effect<PosMessage>): void {
    const { chain } = this;
    switch (effect.type) {
      case 'insert': {
        const { block, facts } = effect;
        const node = { header: block.header, seal: block.seal, hash: hashHeader(block.header), facts };
        chain.stored.set(node.hash, { node, block, status: 'stored' });
        return;
      }
      case 'check':
        present(chain.stored.get(effect.hash), 'a block').status = 'executed';
        return this.#later({ type: 'checked', hash: effect.hash, error: null });
      case 'setHead':
        chain.head = present(chain.get(effect.hash), 'the head');
        return this.#stored();
      case 'finalize':
        chain.finalized = present(chain.get(effect.hash), 'the finalized block');
        chain.certificates.set(effect.hash, effect.certificate);
        return this.#stored();
      case 'persist':
        this.#lsn += effect.records.length;
        this.records = effect.truncateBelow === undefined ? [...this.records, ...effect.records] : [...effect.records];
        return this.#later({ type: 'persisted', lsn: Lsn(this.#lsn) });
      case 'setTimer':
        return void this.#timers.set(effect.id, this.nowMs + effect.delayMs);
      case 'cancelTimer':
        return void this.#timers.delete(effect.id);
      case 'send':
        return void this.sent.push(effect.message);
      case 'fetch':
        return void this.fetched.push(effect.hash);
      case 'build':
        return void this.builds.push(effect);
      case 'offence':
        return void this.offences.push(effect);
      case 'trace':
        return void this.traces.push(effect);
      case 'reply':
        this.#reply = effect.result;
        return;
      default:
        return;
    }
  }

  #later(event: Event<PosMessage>): void {
    this.#queue.push(event);
  }

  #stored(): void {
    this.#later({ type: 'stored', head: this.chain.head.hash, finalized: this.chain.finalized.hash });
  }
}

/** A node that has followed a chain of so many slots, each block and each vote in its time. */
export function followed(stake: StakeChain, slots: number, node = new EngineNode(stake.rules, new MemoryChain(stake)).start()): EngineNode {
  while (stake.state.slot < slots) {
    const slot = stake.state.slot + 1;
    node.until(slot, 0.1);
    node.receive(stake.extend(slot));
    node.until(slot, 0.5);
    for (const vote of stake.waiting) node.vote(vote);
  }
  return node;
}
