/**
 * One engine in a small world: a chain in memory, effects carried out at once, replies queued, timers moved by hand.
 * After every step it checks the engine's invariants.
 */

import { expect } from 'vitest';
import { assert, present } from '../../../src/base/assert.ts';
import { RuleError, type SynodError } from '../../../src/base/errors.ts';
import { type Hash, type Json, Lsn, NodeId } from '../../../src/base/types.ts';
import type { Block } from '../../../src/chain/block.ts';
import { type Header, hashHeader } from '../../../src/chain/header.ts';
import type { BlockStatus, ChainView, HeaderNode } from '../../../src/chain/tree.ts';
import type { AnyEngine, BuildFields, Context, Effect, Event, Origin } from '../../../src/consensus/engine.ts';
import { createPow } from '../../../src/consensus/pow/engine.ts';
import type { PowState } from '../../../src/consensus/pow/state.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { blockOf, draft, GENESIS_TIME, MINER, mine, type TestNet } from './support.ts';

export class MemoryChain implements ChainView {
  readonly genesis: HeaderNode;
  head: HeaderNode;
  finalized: HeaderNode;
  maxHeight = 0;
  /** How often the engine asked, as a measure of its work. */
  statusReads = 0;
  readonly nodes = new Map<Hash, HeaderNode>();
  readonly statuses = new Map<Hash, BlockStatus>();
  readonly #canonical = new Map<number, Hash>();
  readonly #atHeight = new Map<number, readonly HeaderNode[]>();

  constructor(genesis: HeaderNode) {
    this.genesis = genesis;
    this.head = genesis;
    this.finalized = genesis;
    this.nodes.set(genesis.hash, genesis);
    this.statuses.set(genesis.hash, 'executed');
    this.#canonical.set(0, genesis.hash);
  }

  get(hash: Hash): HeaderNode | undefined {
    return this.nodes.get(hash);
  }

  status(hash: Hash): BlockStatus | undefined {
    this.statusReads++;
    return this.statuses.get(hash);
  }

  /** Proof-of-work reads headers only. */
  block(): undefined {
    return undefined;
  }

  outputs(): undefined {
    return undefined;
  }

  canonical(number: number): Hash | undefined {
    return this.#canonical.get(number);
  }

  atHeight(number: number, limit: number): readonly HeaderNode[] {
    return (this.#atHeight.get(number) ?? []).slice(0, limit);
  }

  insert(node: HeaderNode): void {
    assert(this.statuses.has(node.header.parentHash), 'a block is inserted after its parent');
    this.nodes.set(node.hash, node);
    this.statuses.set(node.hash, 'stored');
    this.#atHeight.set(node.header.number, [...(this.#atHeight.get(node.header.number) ?? []), node]);
    this.maxHeight = Math.max(this.maxHeight, node.header.number);
  }

  setHead(hash: Hash): void {
    assert(this.statuses.get(hash) === 'executed', 'the head is executed');
    const node = present(this.nodes.get(hash), 'the new head');
    for (let number = node.header.number + 1; this.#canonical.delete(number); number++);
    for (let at = node; this.#canonical.get(at.header.number) !== at.hash; at = present(this.nodes.get(at.header.parentHash), 'parent')) {
      assert(at.header.number > this.finalized.header.number, 'the head stays on the finalized chain');
      this.#canonical.set(at.header.number, at.hash);
    }
    this.head = node;
  }
}

type AnyEffect = Effect<unknown>;

export interface WorldOptions {
  readonly produce?: boolean;
  /** Replies to check, build and seal stay in `waiting` until the test delivers them. */
  readonly manual?: boolean;
  readonly chain?: MemoryChain;
}

export class World {
  readonly net: TestNet;
  readonly chain: MemoryChain;
  readonly engine: AnyEngine;
  readonly state: PowState;
  readonly effects: AnyEffect[] = [];
  readonly timers = new Map<string, number>();
  /** Blocks that do not execute to what their header says. */
  readonly bad = new Set<Hash>();
  readonly waiting: Event<never>[] = [];
  /** Of the blocks this world builds. */
  transactions: Uint8Array[] = [];
  canBuild = true;
  nowMs = 0;
  wallMs = GENESIS_TIME * 1_000;
  readonly #manual: boolean;

  constructor(net: TestNet, options: WorldOptions = {}) {
    this.net = net;
    this.#manual = options.manual ?? false;
    this.chain = options.chain ?? new MemoryChain(net.genesis);
    this.engine = createPow(net.params, { beneficiary: MINER, produce: options.produce ?? false, signers: [] }, TAG_KEYS.signatures);
    this.state = this.engine.init(this.#context());
    this.step({ type: 'start', incarnation: 1, records: [], lsn: Lsn(0) });
  }

  step(event: Event<never>): readonly AnyEffect[] {
    const weight = this.chain.head.facts.weight;
    const effects = this.engine.step(this.state, event, this.#context());
    this.effects.push(...effects);
    for (const effect of effects) this.#carryOut(effect);
    expect(this.chain.head.facts.weight >= weight, 'WorkMonotone').toBe(true);
    expect(this.state.head.hash).toBe(this.chain.head.hash);
    for (const { node } of this.state.candidates.values()) expect(node.facts.weight > this.chain.head.facts.weight).toBe(true);
    if (!this.#manual) this.deliver();
    return effects;
  }

  /** Delivers waiting replies, oldest first, until none is left (or only the next one). */
  deliver(limit = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < limit; i++) {
      const event = this.waiting.shift();
      if (event === undefined) return;
      this.step(event);
    }
  }

  receive(block: Block | Header, from = 'peer', origin: Origin = 'gossip'): readonly AnyEffect[] {
    const whole = 'header' in block ? block : blockOf(block);
    return this.step({ type: 'block', block: whole, origin, from: origin === 'local' ? null : NodeId(from), certificate: null });
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

  admin(name: string, values: { readonly [key: string]: Json } = {}): Json | SynodError {
    const effects = this.step({ type: 'admin', request: 1, command: { name, arguments: values } });
    return present(of(effects, 'reply')[0], 'a reply').result;
  }

  all<T extends AnyEffect['type']>(type: T): Extract<AnyEffect, { type: T }>[] {
    return of(this.effects, type);
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

  #carryOut(effect: AnyEffect): void {
    switch (effect.type) {
      case 'insert': {
        const { header, seal } = effect.block;
        return this.chain.insert({ header, seal, hash: hashHeader(header), facts: effect.facts });
      }
      case 'check':
        return this.#check(effect.hash);
      case 'setHead':
        return this.chain.setHead(effect.hash);
      case 'setTimer':
        this.timers.set(effect.id, this.nowMs + effect.delayMs);
        return;
      case 'cancelTimer':
        this.timers.delete(effect.id);
        return;
      case 'build':
        this.waiting.push({ type: 'built', request: effect.request, block: this.build(effect.parent, effect.fields) });
        return;
    }
  }

  #check(hash: Hash): void {
    const parent = present(this.chain.get(hash), 'the block to check').header.parentHash;
    assert(this.chain.status(parent) === 'executed', 'a block is executed on an executed parent');
    const error = this.bad.has(hash) ? new RuleError('block/stateRoot', 'wrong state root') : null;
    this.chain.statuses.set(hash, error === null ? 'executed' : 'invalid');
    this.waiting.push({ type: 'checked', hash, error });
  }

  /** What the ledger would build. */
  build(parent: Hash, fields: BuildFields): Block | null {
    if (!this.canBuild) return null;
    const { payload: _, ...given } = fields;
    return blockOf(draft(this.net, present(this.chain.get(parent), 'a parent'), this.chain, given), this.transactions);
  }
}

export function of<T extends AnyEffect['type']>(effects: readonly AnyEffect[], type: T): Extract<AnyEffect, { type: T }>[] {
  return effects.filter((effect): effect is Extract<AnyEffect, { type: T }> => effect.type === type);
}

/** The order of effects, for assertions about sequences; traces left out. */
export function kinds(effects: readonly AnyEffect[]): string[] {
  return effects.filter(({ type }) => type !== 'trace').map(({ type }) => type);
}

export function seal(world: World): { request: number; header: Header } {
  const { request, header } = present(world.all('seal').at(-1), 'a seal request');
  return { request, header: mine(header) };
}
