/**
 * The one driver: takes an event, calls the engine's `step`, carries out the effects. It knows nothing of any protocol,
 * and everything that could differ between a node and the simulator is behind `ports.ts`.
 *
 * It is synchronous: ports answer by calling back later, and every call back becomes an event in one queue. What it
 * adds to the engine's decisions is only this:
 * - an effect with `after: n` waits until the log is durable up to n (persist before send);
 * - a timer that was cancelled or replaced never fires, and a reply to a superseded request is never delivered;
 * - what comes from outside is bounded: when the queue is full, the newest message is dropped and counted, because
 *   every protocol must bear message loss anyway;
 * - an engine that throws or breaks the contract stops the node, with the event that did it.
 */
import { assert, unreachable } from '../base/assert.ts';
import { BoundedQueue } from '../base/bounded.ts';
import { InternalError, RuleError, SynodError } from '../base/errors.ts';
import { type Hash, type Json, Lsn, type NodeId } from '../base/types.ts';
import type { Block } from '../chain/block.ts';
import type { AdminCommand, AnyEngine, Certificate, Context, Effect, Event, Origin, Present, RequestId } from '../consensus/engine.ts';
import { blockBytes } from '../sync/size.ts';
import type { Ports } from './ports.ts';
import { Timers } from './timers.ts';

export interface DriverLimits {
  /** Events from peers that may wait, by number and by their size in bytes. */
  readonly maxQueuedInputs: number;
  readonly maxQueuedBytes: number;
  readonly maxTimers: number;
  readonly maxHeldEffects: number;
  readonly maxAdminRequests: number;
}

export const DRIVER_LIMITS: DriverLimits = {
  maxQueuedInputs: 4_096,
  maxQueuedBytes: 64 * 1024 * 1024,
  maxTimers: 1_024,
  maxHeldEffects: 65_536,
  maxAdminRequests: 64,
};

/** Timers and replies are bounded by what the engine asked for; this only catches an engine that asks without end. */
const MAX_QUEUED_EVENTS = 1_000_000;

export interface DriverStats {
  readonly steps: number;
  readonly queued: number;
  readonly heldEffects: number;
  /** Events from peers that found the queue full. */
  readonly dropped: number;
  readonly durable: Lsn;
}

/** A block from outside, and what came with it. See the engine's event. */
export interface BlockArrival {
  readonly block: Block;
  readonly origin: Origin;
  readonly from: NodeId | null;
  readonly certificate?: Certificate | null;
}

type AnyEvent = Event<unknown>;
type AnyEffect = Effect<unknown>;
interface Queued {
  readonly event: AnyEvent;
  /** 0 for events that this node asked for itself. */
  readonly bytes: number;
  readonly processed: ((passOn: boolean) => void) | undefined;
}
/** The ends of the chain that is on disk. */
type StoredEnds = { readonly head: Hash; readonly finalized: Hash };
export type AdminReply = (result: Json | SynodError) => void;

export class Driver {
  readonly engine: AnyEngine;
  readonly #ports: Ports;
  readonly self: NodeId;
  readonly #limits: DriverLimits;
  readonly #queue = new BoundedQueue<Queued>(MAX_QUEUED_EVENTS);
  readonly #timers: Timers;
  readonly #admin = new Map<RequestId, AdminReply>();
  readonly #random = () => this.#ports.random();
  #held: { readonly after: Lsn; readonly effect: AnyEffect }[] = [];
  #state: unknown;
  #running: 'new' | 'started' | 'stopped' = 'new';
  #turning = false;
  #inputs = 0;
  #inputBytes = 0;
  /** What the pool said that the engine has not heard yet: queued, or kept until the build under way has ended. */
  #mempool: 'heard' | 'queued' | { readonly pending: number } = 'heard';
  #isBuilding = false;
  #appended = Lsn(0);
  #durable = Lsn(0);
  #finalizedHeight = 0;
  #stored: StoredEnds;
  #nextAdmin: RequestId = 1;
  #latestBuild: RequestId = 0;
  #latestSeal: RequestId = 0;
  #steps = 0;
  #dropped = 0;

  constructor(engine: AnyEngine, ports: Ports, self: NodeId, limits: DriverLimits = DRIVER_LIMITS) {
    this.engine = engine;
    this.#ports = ports;
    this.self = self;
    this.#limits = limits;
    const { head, finalized } = ports.ledger.view;
    this.#stored = { head: head.hash, finalized: finalized.hash };
    this.#timers = new Timers(ports.clock, limits.maxTimers, (id) => this.#post({ type: 'timer', id }));
  }

  /** `records` is what the consensus log holds, `lsn` the position of the last of them. */
  start(recovered: { readonly incarnation: number; readonly records: readonly Uint8Array[]; readonly lsn: Lsn }): void {
    assert(this.#running === 'new', 'a driver is started once');
    this.#running = 'started';
    this.#appended = recovered.lsn;
    this.#durable = recovered.lsn;
    this.#finalizedHeight = this.#ports.ledger.view.finalized.header.number;
    try {
      this.#state = this.engine.init(this.#context());
    } catch (error) {
      this.#fatal('init', error);
    }
    const { incarnation, records, lsn } = recovered;
    this.#post({ type: 'start', incarnation, records, lsn });
  }

  /** After this no effect leaves and no callback does anything. */
  stop(): void {
    this.#running = 'stopped';
    this.#timers.clear();
    this.#held = [];
    for (const reply of this.#admin.values()) {
      reply(new InternalError('node/stopped', 'The node is stopping; the command was not carried out.'));
    }
    this.#admin.clear();
  }

  /**
   * A direct message or gossip of the engine's protocol. What cannot be decoded is an offence. False: dropped. `processed`
   * is called after the engine's step for it, with whether gossip may pass it on.
   */
  receiveMessage(from: NodeId, bytes: Uint8Array, processed?: (passOn: boolean) => void): boolean {
    let message: unknown;
    try {
      message = this.engine.decode(bytes);
      const wrong = this.engine.carried?.(message).find((block) => !this.#ports.ledger.bodyMatches(block));
      if (wrong !== undefined) throw otherBody(wrong);
    } catch (error) {
      if (!(error instanceof RuleError)) return this.#fatal('decode', error);
      this.#ports.transport.offence(from, error);
      return false;
    }
    return this.#receive({ type: 'message', from, message }, Math.max(1, bytes.length), processed);
  }

  /**
   * False when the queue is full: the caller may offer the block again later. `processed` is called after the engine's
   * step for this block, which may be later when the driver is at work already.
   */
  receiveBlock({ block, origin, from, certificate = null }: BlockArrival, processed?: () => void): boolean {
    return this.#receive({ type: 'block', block, origin, from, certificate }, blockBytes({ ...block, certificate }), processed);
  }

  /**
   * The pool changed. Said often, delivered once until the engine has seen it; and not before `built`, or an engine would
   * take for done with an empty block what came after that block had looked at the pool.
   */
  mempoolChanged(pending: number): void {
    if (this.#mempool === 'queued') return;
    this.#mempool = this.#isBuilding ? { pending } : 'queued';
    if (!this.#isBuilding) this.#post({ type: 'mempool', pending });
  }

  admin(command: AdminCommand, reply: AdminReply): void {
    if (this.#running !== 'started' || this.#admin.size >= this.#limits.maxAdminRequests) {
      reply(new InternalError('node/busy', `The node does not take commands now (${this.#admin.size} are waiting); try again.`));
      return;
    }
    const request = this.#nextAdmin++;
    this.#admin.set(request, reply);
    this.#post({ type: 'admin', request, command });
  }

  /** See `Engine.present`. */
  present(): Present {
    const { engine } = this;
    const now = this.#running === 'new' ? undefined : engine.present?.(this.#state);
    return now ?? { name: engine.name, finality: engine.finality, faults: engine.faults };
  }

  /** See `Engine.safe`. */
  safe(): Hash | null {
    return this.#running === 'new' ? null : (this.engine.safe?.(this.#state) ?? null);
  }

  /** See `Engine.leader`. */
  leader(): NodeId | null {
    return this.#running === 'new' ? null : (this.engine.leader?.(this.#state) ?? null);
  }

  /** See `Engine.believes`. */
  believes(node: NodeId): boolean {
    return this.#running !== 'new' && this.engine.believes?.(this.#state, node) === true;
  }

  /** See `Engine.sizes`. */
  sizes(): Readonly<Record<string, number>> {
    return this.#running === 'new' ? {} : (this.engine.sizes?.(this.#state) ?? {});
  }

  inspect(): Json {
    return this.#running === 'new' ? null : this.engine.inspect(this.#state);
  }

  stats(): DriverStats {
    const { size } = this.#queue;
    return { steps: this.#steps, queued: size, heldEffects: this.#held.length, dropped: this.#dropped, durable: this.#durable };
  }

  #receive(event: AnyEvent, bytes: number, processed?: (passOn: boolean) => void): boolean {
    const full = this.#inputs >= this.#limits.maxQueuedInputs || this.#inputBytes + bytes > this.#limits.maxQueuedBytes;
    if (full || this.#running !== 'started') {
      this.#dropped++;
      return false;
    }
    this.#inputs++;
    this.#inputBytes += bytes;
    this.#post(event, bytes, processed);
    return true;
  }

  #post(event: AnyEvent, bytes = 0, processed?: (passOn: boolean) => void): void {
    if (this.#running !== 'started') return;
    if (!this.#queue.push({ event, bytes, processed })) {
      this.#fatal(event.type, new InternalError('driver/queue', `${MAX_QUEUED_EVENTS} events are waiting; the engine asks without end.`));
      return;
    }
    // A port may answer while an effect is being carried out; its event waits for its turn.
    if (this.#turning) return;
    this.#turning = true;
    try {
      this.#turn();
    } finally {
      this.#turning = false;
    }
  }

  #turn(): void {
    for (let next = this.#queue.shift(); next !== undefined && this.#running === 'started'; next = this.#queue.shift()) {
      const { event, bytes, processed } = next;
      if (bytes > 0) {
        this.#inputs--;
        this.#inputBytes -= bytes;
      }
      if (event.type === 'mempool') this.#mempool = 'heard';
      this.#steps++;
      const passOn = this.#step(event);
      processed?.(passOn);
    }
  }

  /** Engine code, and the effects that came of it. Whatever it throws ends the node. Answers whether gossip may pass the event on. */
  #step(event: AnyEvent): boolean {
    let passOn = true;
    try {
      if (event.type === 'persisted') this.#release(event.lsn);
      for (const effect of this.engine.step(this.#state, event, this.#context())) {
        if (effect.type === 'ignore' || effect.type === 'offence') passOn = false;
        this.#gate(effect);
      }
    } catch (error) {
      this.#fatal(event.type, error);
    }
    return passOn;
  }

  #context(): Context {
    const { clock, ledger } = this.#ports;
    return { self: this.self, nowMs: clock.nowMs(), wallMs: clock.wallMs(), random: this.#random, chain: ledger.view };
  }

  /** Carries the effect out now, or holds it until the log is durable up to its `after`. */
  #gate(effect: AnyEffect): void {
    // An effect before this one may have ended the node.
    if (this.#running !== 'started') return;
    const after = afterOf(effect);
    if (after === undefined || after <= this.#durable) {
      this.#carryOut(effect);
      return;
    }
    assert(after <= this.#appended, () => `effect ${effect.type} waits for record ${after}, but only ${this.#appended} were appended`);
    assert(this.#held.length < this.#limits.maxHeldEffects, () => `at most ${this.#limits.maxHeldEffects} effects wait for the log`);
    this.#held.push({ after, effect });
  }

  #carryOut(effect: AnyEffect): void {
    const { transport, ledger, observer } = this.#ports;
    switch (effect.type) {
      case 'persist':
        return this.#persist(effect);
      case 'send':
        return transport.send(effect.to, this.engine.encode(effect.message), () => this.engine.carried?.(effect.message) ?? []);
      case 'announce':
        return transport.announce(effect.block);
      case 'setTimer':
        return this.#timers.set(effect.id, effect.delayMs);
      case 'cancelTimer':
        return this.#timers.cancel(effect.id);
      case 'build':
        return this.#build(effect);
      case 'seal':
        return this.#seal(effect);
      case 'unseal':
        this.#latestSeal = 0;
        return this.#ports.sealer.unseal(effect.request);
      case 'insert':
        return ledger.insert(effect.block, effect.facts);
      case 'check':
        return this.#check(effect.hash);
      case 'setHead':
        return this.#setHead(effect.hash);
      case 'finalize':
        return this.#finalize(effect);
      case 'fetch':
        return transport.fetch(effect.hash, effect.from);
      case 'offence':
        return transport.offence(effect.from, effect.error);
      case 'reply':
        return this.#reply(effect.request, effect.result);
      case 'ignore':
        return;
      case 'trace':
        return observer.trace(effect.name, effect.data);
      default:
        return unreachable(effect);
    }
  }

  #persist(effect: Extract<AnyEffect, { type: 'persist' }>): void {
    const { lsn, records, truncateBelow } = effect;
    assert(lsn === this.#appended + records.length, () => `lsn ${lsn} follows ${this.#appended} by ${records.length} records`);
    this.#appended = lsn;
    this.#ports.log.append(lsn, records, truncateBelow, () => {
      this.#post({ type: 'persisted', lsn });
    });
  }

  /** In a turn of its own, so that no step comes between the effects that waited together. */
  #release(lsn: Lsn): void {
    assert(lsn >= this.#durable, 'the log becomes durable in order');
    this.#durable = lsn;
    const ready = this.#held.filter(({ after }) => after <= this.#durable);
    this.#held = this.#held.filter(({ after }) => after > this.#durable);
    for (const { effect } of ready) this.#gate(effect);
  }

  #build(effect: Extract<AnyEffect, { type: 'build' }>): void {
    const { request, parent, fields } = effect;
    this.#latestBuild = request;
    this.#isBuilding = true;
    this.#ports.ledger.build(parent, fields, (block) => {
      if (request !== this.#latestBuild) return;
      this.#isBuilding = false;
      this.#post({ type: 'built', request, block });
      if (typeof this.#mempool === 'object') this.mempoolChanged(this.#mempool.pending);
    });
  }

  #seal(effect: Extract<AnyEffect, { type: 'seal' }>): void {
    const { request, header, target } = effect;
    this.#latestSeal = request;
    this.#ports.sealer.seal(request, header, target, (sealed) => {
      if (request === this.#latestSeal) this.#post({ type: 'sealed', request, header: sealed });
    });
  }

  #check(hash: Hash): void {
    this.#ports.ledger.check(hash, (error) => this.#post({ type: 'checked', hash, error }));
  }

  #setHead(hash: Hash): void {
    this.#ports.ledger.setHead(hash, () => this.#nowStored({ head: hash }));
  }

  #finalize(effect: Extract<AnyEffect, { type: 'finalize' }>): void {
    const node = this.#ports.ledger.view.get(effect.hash);
    assert(node !== undefined, `finalized block ${effect.hash} is known`);
    assert(node.header.number > this.#finalizedHeight, `finalized height ${node.header.number} is above ${this.#finalizedHeight}`);
    this.#finalizedHeight = node.header.number;
    this.#ports.ledger.finalize(effect.hash, effect.certificate, () => this.#nowStored({ finalized: effect.hash }));
  }

  #nowStored(ends: Partial<StoredEnds>): void {
    this.#stored = { ...this.#stored, ...ends };
    this.#post({ type: 'stored', ...this.#stored });
  }

  #reply(request: RequestId, result: Json | SynodError): void {
    const reply = this.#admin.get(request);
    this.#admin.delete(request);
    reply?.(result);
  }

  /** Ends the node, with what led to it. */
  #fatal(what: string, cause: unknown): false {
    this.stop();
    const code = cause instanceof SynodError ? cause.code : 'engine/threw';
    this.#ports.observer.fatal(
      new InternalError(
        'driver/failed',
        `Engine ${this.engine.name} failed on '${what}' (step ${this.#steps}, ${code})`,
        { event: what },
        cause,
      ),
    );
    return false;
  }
}

/** The record that this effect waits for. Asked of every effect: by its type, which is several times as quick as by the field. */
function afterOf(effect: AnyEffect): Lsn | undefined {
  switch (effect.type) {
    case 'send':
    case 'announce':
    case 'setHead':
    case 'finalize':
      return effect.after;
    default:
      return undefined;
  }
}

function otherBody({ header: { number } }: Block): RuleError {
  return new RuleError('message/body', `A message carries block ${number} with transactions or a payload that are not its header's.`, {
    number,
  });
}
