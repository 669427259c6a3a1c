/**
 * Gives the pure sync machine its world: the network's requests, the driver's queue, the clock. What sync asks for and
 * what becomes of it is its own affair; this only carries the words.
 */
import { unreachable } from '../base/assert.ts';
import type { RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import type { Block, ProvenBlock } from '../chain/block.ts';
import { hashHeader, type SealedHeader } from '../chain/header.ts';
import type { BlockStatus, ChainView } from '../chain/tree.ts';
import type { AnyEngine } from '../consensus/engine.ts';
import { initSync, type SyncState } from '../sync/state.ts';
import { step } from '../sync/step.ts';
import type { PeerStatus, Progress, SyncContext, SyncEffect, SyncEvent, SyncSettings } from '../sync/types.ts';
import type { ClockPort } from './ports.ts';
import { Timers } from './timers.ts';

/** One for each request under way, and a few of its own. */
const MAX_TIMERS = 1_024;

/** What sync needs of the network: requests that are answered once, with a decoded reply, or with null when none can come. */
export interface SyncTransport {
  requestHeaders(peer: NodeId, locator: readonly Hash[], limit: number, done: (headers: readonly SealedHeader[] | null) => void): void;
  requestBlocks(peer: NodeId, hashes: readonly Hash[], done: (blocks: readonly ProvenBlock[] | null) => void): void;
  offence(peer: NodeId, error: RuleError): void;
}

export interface SyncHostOptions {
  readonly engine: AnyEngine;
  readonly view: ChainView;
  readonly clock: ClockPort;
  readonly transport: SyncTransport;
  readonly bodyMatches: (block: Block) => boolean;
  /** Hands a block to the driver, which calls back after the engine's step for it; false when its queue is full. */
  readonly deliver: (block: ProvenBlock, from: NodeId, processed: () => void) => boolean;
  readonly settings: Omit<SyncSettings, 'weightMayFall'>;
  /** Whenever sync begins, learns more of what is ahead, or ends. */
  readonly onProgress: (progress: Progress) => void;
  readonly fatal: (error: unknown) => void;
}

export class SyncHost {
  readonly #options: SyncHostOptions;
  readonly #state: SyncState;
  readonly #timers: Timers;
  readonly #verifyHeader: SyncContext['verifyHeader'];
  /** What came while another was at work. */
  readonly #queue: SyncEvent[] = [];
  #turning = false;
  #stopped = false;
  #progress: Progress;

  constructor(options: SyncHostOptions) {
    this.#options = options;
    const { engine } = options;
    this.#verifyHeader = (sealed, parent, ancestors, wallMs) => engine.verifyHeader(sealed, parent, ancestors, wallMs);
    this.#state = initSync({ ...options.settings, weightMayFall: options.engine.finality === 'gadget' });
    this.#timers = new Timers(options.clock, MAX_TIMERS, (id) => this.#post({ type: 'timer', id }));
    const height = options.view.head.header.number;
    this.#progress = { phase: 'idle', from: height, current: height, target: height };
  }

  progress(): Progress {
    return { ...this.#progress, current: this.#options.view.head.header.number };
  }

  peer(peer: NodeId, status: PeerStatus): void {
    this.#post({ type: 'peer', peer, status });
  }

  peerGone(peer: NodeId): void {
    this.#post({ type: 'peerGone', peer });
  }

  /** The engine's `fetch` effect. */
  wanted(hash: Hash, from: NodeId | null): void {
    this.#post({ type: 'wanted', hash, from });
  }

  settled(hash: Hash, status: BlockStatus | 'refused'): void {
    this.#post({ type: 'settled', hash, status });
  }

  headChanged(): void {
    this.#post({ type: 'head' });
  }

  stop(): void {
    this.#stopped = true;
    this.#timers.clear();
  }

  #post(event: SyncEvent): void {
    if (this.#stopped) return;
    if (this.#turning) return void this.#queue.push(event);
    this.#turning = true;
    try {
      for (let next: SyncEvent | undefined = event; next !== undefined && !this.#stopped; next = this.#queue.shift()) {
        for (const effect of step(this.#state, next, this.#context())) this.#carryOut(effect);
      }
    } catch (error) {
      this.stop();
      this.#options.fatal(error);
    } finally {
      this.#turning = false;
    }
  }

  #context(): SyncContext {
    const { clock, view, bodyMatches } = this.#options;
    return { nowMs: clock.nowMs(), wallMs: clock.wallMs(), chain: view, verifyHeader: this.#verifyHeader, bodyMatches };
  }

  #carryOut(effect: SyncEffect): void {
    const { transport } = this.#options;
    switch (effect.type) {
      case 'requestHeaders': {
        const { peer, request, locator, limit } = effect;
        return transport.requestHeaders(peer, locator, limit, (headers) =>
          this.#post(headers === null ? { type: 'failed', peer, request } : { type: 'headers', peer, request, headers }),
        );
      }
      case 'requestBlocks': {
        const { peer, request, hashes } = effect;
        return transport.requestBlocks(peer, hashes, (blocks) =>
          this.#post(blocks === null ? { type: 'failed', peer, request } : { type: 'blocks', peer, request, blocks }),
        );
      }
      case 'deliver':
        return this.#deliver(effect.block, effect.from);
      case 'offence':
        return transport.offence(effect.peer, effect.error);
      case 'setTimer':
        return this.#timers.set(effect.id, effect.delayMs);
      case 'cancelTimer':
        return this.#timers.cancel(effect.id);
      case 'progress':
        this.#progress = effect.progress;
        return this.#options.onProgress(effect.progress);
      default:
        return unreachable(effect);
    }
  }

  #deliver(block: ProvenBlock, from: NodeId): void {
    const hash = hashHeader(block.header);
    // 'stored' is told here; 'executed' and 'invalid' follow from the ledger.
    const settle = () => this.settled(hash, this.#options.view.status(hash) ?? 'refused');
    if (!this.#options.deliver(block, from, settle)) this.settled(hash, 'refused');
  }
}
