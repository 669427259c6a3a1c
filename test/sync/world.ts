/**
 * A virtual world around one syncing node: an engine that executes one block after the other, peers that answer, lie,
 * are silent or vanish, time that jumps from event to event. Same seed, same course. After each step every invariant
 * of sync is checked.
 */
import { assert } from '../../src/base/assert.ts';
import { RuleError } from '../../src/base/errors.ts';
import { Random } from '../../src/base/random.ts';
import { type Hash, NodeId } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { hashHeader, type SealedHeader } from '../../src/chain/header.ts';
import type { HeaderNode } from '../../src/chain/tree.ts';
import { brokenInvariants } from '../../src/sync/invariants.ts';
import { serveBlocks, serveHeaders } from '../../src/sync/serve.ts';
import { initSync, type SyncState } from '../../src/sync/state.ts';
import { step } from '../../src/sync/step.ts';
import type { PeerStatus, Progress, SyncContext, SyncEffect, SyncEvent } from '../../src/sync/types.ts';
import { BAD_GAS, bodyMatches, FakeChain, verifyHeader } from './fake-chain.ts';

/** `null`: silence. `'failed'`: the request breaks at once. */
export type Reply<T> = readonly T[] | null | 'failed';

export interface PeerModel {
  status(): PeerStatus;
  headers(locator: readonly Hash[], limit: number, world: World): Reply<SealedHeader>;
  blocks(hashes: readonly Hash[], world: World): Reply<Block>;
  readonly latencyMs?: number;
  /** Share of replies that get lost. */
  readonly loss?: number;
}

export function statusOf(node: HeaderNode): PeerStatus {
  return { head: node.hash, height: node.header.number, weight: node.facts.weight, finalizedHeight: 0 };
}

export function honest(chain: FakeChain, options: Partial<PeerModel> = {}): PeerModel {
  return {
    status: () => statusOf(chain.head),
    headers: (locator, limit) => serveHeaders(chain, locator, limit),
    blocks: (hashes) => serveBlocks({ block: (hash) => chain.block(hash), certificate: () => undefined }, hashes),
    ...options,
  };
}

export function at<T>(items: readonly T[], index: number): T {
  const item = items.at(index);
  assert(item !== undefined, `there is an item ${index}`);
  return item;
}

/** Whether the node has come as far as this block. */
export function reached(world: World, block: Block): boolean {
  return world.chain.head.hash === hashHeader(block.header);
}

interface Scheduled {
  readonly atMs: number;
  readonly sequence: number;
  readonly action: () => void;
}

export interface WorldOptions {
  readonly seed?: string | number;
  readonly chain?: FakeChain;
  readonly executionMs?: number;
  readonly minimumWeight?: bigint;
  readonly weightMayFall?: boolean;
  /** Blocks that the engine does not take, for reasons of its own. */
  readonly refuses?: (block: Block) => boolean;
  /** False: the engine executes blocks, but waits for something before it makes one its head. */
  readonly adopts?: boolean;
}

export class World {
  readonly chain: FakeChain;
  readonly state: SyncState;
  readonly random: Random;
  readonly peers = new Map<NodeId, PeerModel>();
  readonly offences: { readonly peer: NodeId; readonly code: string }[] = [];
  readonly delivered: Block[] = [];
  readonly effects: SyncEffect[] = [];
  readonly progress: Progress[] = [];
  nowMs = 1_000;
  wallMs = 1_000_000_000_000;
  steps = 0;
  verified = 0;
  maxSlots = 0;
  maxBufferedBytes = 0;
  maxInEngine = 0;
  /** Sent to any peer. */
  headerRequests = 0;
  blockRequests = 0;
  readonly #options: WorldOptions;
  #queue: Scheduled[] = [];
  #sequence = 0;
  #timer: Scheduled | null = null;
  #inEngine = 0;
  #executing: HeaderNode | null = null;
  /** To be executed next, last first. */
  #path: HeaderNode[] = [];

  constructor(options: WorldOptions = {}) {
    this.chain = options.chain ?? new FakeChain();
    this.random = new Random(options.seed ?? 'world');
    this.#options = options;
    this.state = initSync({ minimumWeight: options.minimumWeight ?? 0n, weightMayFall: options.weightMayFall ?? false });
  }

  connect(name: string, model: PeerModel): void {
    this.peers.set(NodeId(name), model);
    this.post({ type: 'peer', peer: NodeId(name), status: model.status() });
  }

  /** The peer's chain moved. */
  announce(name: string): void {
    const model = this.peers.get(NodeId(name));
    if (model !== undefined) this.post({ type: 'peer', peer: NodeId(name), status: model.status() });
  }

  disconnect(name: string): void {
    this.peers.delete(NodeId(name));
    this.post({ type: 'peerGone', peer: NodeId(name) });
  }

  at(atMs: number, action: () => void): void {
    this.#schedule(atMs, action);
  }

  /** Runs until `done` or until `forMs` of virtual time have passed; says whether `done` came true. */
  run(done: () => boolean, forMs = 600_000): boolean {
    const endMs = this.nowMs + forMs;
    while (!done()) {
      const next = this.#next(endMs);
      if (next === undefined) return false;
      assert(++this.steps < 1_000_000, 'the world comes to an end');
      this.wallMs += next.atMs - this.nowMs;
      this.nowMs = next.atMs;
      next.action();
    }
    return true;
  }

  post(event: SyncEvent): void {
    const context = this.#context();
    const effects = step(this.state, event, context);
    // Checking walks over all pending headers, so it is done more rarely when there are thousands of them.
    if ((this.state.session?.slots.size ?? 0) < 512 || this.steps % 32 === 0) this.#checkInvariants(event.type, context);
    this.maxSlots = Math.max(this.maxSlots, this.state.session?.slots.size ?? 0);
    this.maxBufferedBytes = Math.max(this.maxBufferedBytes, this.state.session?.bufferedBytes ?? 0);
    for (const effect of effects) this.#carryOut(effect);
  }

  #checkInvariants(after: string, context: SyncContext): void {
    const broken = brokenInvariants(this.state, context);
    assert(broken.length === 0, `${broken.join('; ')} (after ${after} at ${this.nowMs} ms)`);
  }

  #context(): SyncContext {
    return {
      nowMs: this.nowMs,
      wallMs: this.wallMs,
      chain: this.chain,
      bodyMatches,
      verifyHeader: (sealed, parent, ancestors, wallMs) => {
        this.verified++;
        assert(ancestors.get(parent.hash) !== undefined, 'the parent is among the ancestors');
        return verifyHeader(sealed, parent, wallMs);
      },
    };
  }

  #schedule(atMs: number, action: () => void): Scheduled {
    const item = { atMs, sequence: this.#sequence++, action };
    let index = this.#queue.length;
    while (index > 0 && this.#isAfter(this.#queue[index - 1], item)) index--;
    this.#queue.splice(index, 0, item);
    return item;
  }

  #isAfter(a: Scheduled | undefined, b: Scheduled): boolean {
    return a !== undefined && (a.atMs > b.atMs || (a.atMs === b.atMs && a.sequence > b.sequence));
  }

  #next(endMs: number): Scheduled | undefined {
    const [next] = this.#queue;
    if (next === undefined || next.atMs > endMs) return undefined;
    return this.#queue.shift();
  }

  #carryOut(effect: SyncEffect): void {
    switch (effect.type) {
      case 'requestHeaders': {
        const { peer, request, locator, limit } = effect;
        this.headerRequests++;
        return this.#answer(
          peer,
          request,
          (model) => model.headers(locator, limit, this),
          (headers) => ({ type: 'headers', peer, request, headers }),
        );
      }
      case 'requestBlocks': {
        const { peer, request, hashes } = effect;
        this.blockRequests++;
        return this.#answer(
          peer,
          request,
          (model) => model.blocks(hashes, this),
          (blocks) => ({ type: 'blocks', peer, request, blocks: blocks.map((block) => ({ certificate: null, ...block })) }),
        );
      }
      case 'deliver':
        return this.#engine(effect.block);
      case 'offence':
        this.offences.push({ peer: effect.peer, code: effect.error.code });
        return;
      case 'setTimer':
        return this.#setTimer(effect.delayMs);
      case 'cancelTimer':
        return this.#cancelTimer();
      case 'progress':
        this.progress.push(effect.progress);
        return;
    }
  }

  #setTimer(delayMs: number): void {
    this.#cancelTimer();
    this.#timer = this.#schedule(this.nowMs + delayMs, () => {
      this.#timer = null;
      this.post({ type: 'timer', id: 'sync' });
    });
  }

  #cancelTimer(): void {
    this.#queue = this.#queue.filter((item) => item !== this.#timer);
    this.#timer = null;
  }

  #answer<T>(peer: NodeId, request: number, ask: (model: PeerModel) => Reply<T>, toEvent: (items: readonly T[]) => SyncEvent): void {
    const model = this.peers.get(peer);
    assert(model !== undefined, 'only connected peers are asked');
    const lost = this.random.chance(model.loss ?? 0);
    const delayMs = (model.latencyMs ?? 20) * (0.5 + this.random.float());
    this.#schedule(this.nowMs + delayMs, () => {
      // It answers with what it has when the question arrives.
      const items = this.peers.get(peer) === model ? ask(model) : null;
      if (items === null || lost) return;
      this.#schedule(this.nowMs + delayMs, () => {
        if (this.peers.get(peer) !== model) return;
        this.post(items === 'failed' ? { type: 'failed', peer, request } : toEvent(items));
      });
    });
  }

  /** As a real one: checks the header, stores, and executes heavier branches one block at a time. */
  #engine(block: Block): void {
    this.delivered.push(block);
    this.#inEngine++;
    this.maxInEngine = Math.max(this.maxInEngine, this.#inEngine);
    const hash = hashHeader(block.header);
    this.#schedule(this.nowMs, () => {
      this.#inEngine--;
      if (this.#options.refuses?.(block) !== true) this.gossip(block);
      this.post({ type: 'settled', hash, status: this.chain.status(hash) ?? 'refused' });
    });
  }

  /** A block reaches the engine; an orphan makes it ask for the parent. */
  gossip(block: Block, from: string | null = null): void {
    const { parentHash } = block.header;
    const parent = this.chain.get(parentHash);
    if (parent === undefined) {
      this.post({ type: 'wanted', hash: parentHash, from: from === null ? null : NodeId(from) });
      return;
    }
    if (this.chain.status(parentHash) === 'invalid' || this.chain.get(hashHeader(block.header)) !== undefined) return;
    try {
      verifyHeader(block, parent, this.wallMs);
    } catch (error) {
      if (error instanceof RuleError) return;
      throw error;
    }
    this.chain.insert(block);
    this.#execute();
  }

  #execute(): void {
    if (this.#executing !== null) return;
    const next = this.#nextToExecute();
    if (next === null) return;
    this.#executing = next;
    this.#schedule(this.nowMs + (this.#options.executionMs ?? 1), () => {
      this.#executing = null;
      const valid = next.header.gasUsed !== BAD_GAS;
      this.chain.mark(next.hash, valid ? 'executed' : 'invalid');
      const isBetter = valid && this.#options.adopts !== false && next.facts.weight > this.chain.head.facts.weight;
      if (isBetter) this.chain.setHead(next);
      this.post({ type: 'settled', hash: next.hash, status: valid ? 'executed' : 'invalid' });
      if (isBetter) this.post({ type: 'head' });
      this.#execute();
    });
  }

  /** The lowest block that is not executed on the heaviest branch without an invalid block. */
  #nextToExecute(): HeaderNode | null {
    const next = this.#path.pop();
    if (next !== undefined && this.chain.status(next.header.parentHash) === 'executed') return next;
    this.#path = [];
    let bestWeight = this.chain.head.facts.weight;
    for (const tip of this.chain.stored()) {
      if (tip.facts.weight <= bestWeight) continue;
      const path: HeaderNode[] = [];
      let at: HeaderNode | undefined = tip;
      for (; at !== undefined && this.chain.status(at.hash) === 'stored'; at = this.chain.get(at.header.parentHash)) path.push(at);
      if (at === undefined || this.chain.status(at.hash) === 'invalid') continue;
      this.#path = path;
      bestWeight = tip.facts.weight;
    }
    return this.#path.pop() ?? null;
  }
}
