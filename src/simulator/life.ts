/**
 * One life of a node, from its start to its crash: the real driver, engine and sync over virtual ports. It is the
 * simulator's counterpart of `node/node.ts` and `node/network-link.ts`, and decides as little.
 */
import { RuleError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import type { Hash, Json, Lsn, NodeId } from '../base/types.ts';
import type { Block, ProvenBlock } from '../chain/block.ts';
import { hashHeader } from '../chain/header.ts';
import type { ChainView, HeaderNode } from '../chain/tree.ts';
import type { AdminCommand, AnyEngine } from '../consensus/engine.ts';
import { type BlockIntake, takeBlock } from '../node/block-intake.ts';
import { type AdminReply, Driver } from '../node/driver.ts';
import type { ClockPort, LogPort, SealerPort, TransportPort } from '../node/ports.ts';
import { SyncHost, type SyncTransport } from '../node/sync-host.ts';
import { serveBlocks, serveHeaders } from '../sync/serve.ts';
import type { PeerStatus } from '../sync/types.ts';
import { Heard } from './heard.ts';
import type { Observe } from './observations.ts';
import { OpenRequests } from './open-requests.ts';
import type { Packet } from './packets.ts';
import type { LedgerEvents, OpenLedger, PoolPort, Tier } from './tier.ts';
import { blockByWire, headerByWire, readAll } from './wire.ts';
import { US_PER_MS, type World } from './world.ts';

/** What a life is born into. */
export interface Surroundings {
  readonly world: World;
  readonly engine: AnyEngine;
  readonly place: number;
  readonly self: NodeId;
  readonly tier: Pick<Tier, 'checkBody' | 'bodyMatches'>;
  readonly open: OpenLedger;
  readonly sealer: SealerPort;
  /** For the engine. */
  readonly random: Random;
  readonly localClock: ClockPort;
  readonly observe: Observe;
  /** Of those this node has a session with. */
  peers(): Iterable<number>;
  hasSession(peer: number): boolean;
  idOf(place: number): NodeId;
  placesOf(id: NodeId): readonly number[];
  send(to: number, packet: Packet): void;
  offence(against: number, error: RuleError): void;
  fatal(error: unknown): void;
}

/** A head is told to peers at most this often. */
const ANNOUNCE_INTERVAL_US = 200 * US_PER_MS;
/** Transfers that a peer is given when it connects. */
const MAX_SHARED_TRANSFERS = 64;

export class Life {
  readonly driver: Driver;
  readonly chain: ChainView;
  readonly pool: PoolPort;
  readonly #here: Surroundings;
  readonly #sync: SyncHost;
  readonly #intake: BlockIntake;
  readonly #requests = new OpenRequests();
  /** Gossip handles a message once; a changed copy of a block is another message. */
  readonly #seen = new WeakSet<Block>();
  readonly #heard = new Heard();
  #alive = true;
  #announcing: 'no' | 'resting' | 'again' = 'no';

  constructor(here: Surroundings) {
    this.#here = here;
    const { engine, random, open, tier } = here;
    this.chain = open.view;
    this.pool = open.pool;
    const clock = this.#clock();
    const fatal = (error: unknown) => this.#fatal(error);
    this.driver = new Driver(
      engine,
      {
        clock,
        log: this.#log(),
        transport: this.#transport(),
        ledger: open.ledger(this.#ledgerEvents()),
        sealer: here.sealer,
        observer: { trace: (name, data) => this.#engineTrace(name, data), fatal },
        random: random.float,
      },
      here.self,
    );
    this.#sync = new SyncHost({
      engine,
      view: this.chain,
      clock,
      transport: this.#syncTransport(),
      bodyMatches: (block) => tier.bodyMatches(block),
      deliver: (block, from, processed) =>
        this.driver.receiveBlock({ block, certificate: block.certificate, origin: 'sync', from }, processed),
      settings: { minimumWeight: 0n },
      onProgress: () => undefined,
      fatal,
    });
    this.#intake = {
      engine,
      view: this.chain,
      clock,
      checkBody: (block) => tier.checkBody(block),
      deliver: (block, from) => this.driver.receiveBlock({ block, origin: 'gossip', from }),
    };
  }

  start(): void {
    const { open, observe, place } = this.#here;
    const { incarnation, lsn } = open.recovered;
    observe({ type: 'started', node: place, incarnation, chain: this.chain, lsn });
    this.driver.start(open.recovered);
  }

  /** Power off: nothing that was under way is carried out or answered. */
  stop(): void {
    this.#alive = false;
    this.driver.stop();
    this.#sync.stop();
  }

  status(): PeerStatus {
    const { head, finalized } = this.#here.open.durable;
    return { head: head.hash, height: head.header.number, weight: head.facts.weight, finalizedHeight: finalized.header.number };
  }

  connected(peer: number, status: PeerStatus): void {
    const { world, place, idOf, send } = this.#here;
    world.trace.note(world.nowUs, 'peer', place, peer, 0, status.head);
    this.#sync.peer(idOf(peer), status);
    for (const bytes of this.pool.some(MAX_SHARED_TRANSFERS)) send(peer, { type: 'transaction', bytes });
  }

  disconnected(peer: number): void {
    const { world, place, idOf } = this.#here;
    world.trace.note(world.nowUs, 'gone', place, peer);
    this.#requests.gone(peer);
    this.#sync.peerGone(idOf(peer));
  }

  /** A client's transfer. True when the pool took it. */
  submit(bytes: Uint8Array): boolean {
    return this.#takeTransfer(bytes, null);
  }

  admin(command: AdminCommand, reply: AdminReply): void {
    this.driver.admin(command, reply);
  }

  receive(from: number, packet: Packet): void {
    try {
      this.#handle(from, packet);
    } catch (error) {
      if (!(error instanceof RuleError)) return this.#fatal(error);
      this.#here.observe({ type: 'refused', node: this.#here.place, from, error });
      this.#here.offence(from, error);
    }
  }

  #handle(from: number, packet: Packet): void {
    const { idOf, send } = this.#here;
    switch (packet.type) {
      case 'block':
        return this.#receiveBlock(from, packet.block);
      case 'transaction':
        this.#takeTransfer(packet.bytes, from);
        return;
      case 'message':
        return this.#receiveMessage(from, packet);
      case 'status':
        return this.#sync.peer(idOf(from), packet.status);
      case 'getHeaders': {
        const { request, locator, limit } = packet;
        return send(from, { type: 'headers', request, headers: serveHeaders(this.#here.open.durable, locator, limit) });
      }
      case 'getBlocks': {
        const { request, hashes } = packet;
        return send(from, { type: 'blocks', request, blocks: this.#serveBlocks(hashes) });
      }
      case 'headers':
      case 'blocks':
      case 'refused':
        return this.#requests.answered(from, packet);
    }
  }

  #serveBlocks(hashes: readonly Hash[]): readonly ProvenBlock[] {
    const { durable } = this.#here.open;
    return serveBlocks({ block: (hash) => this.chain.block(hash), certificate: (hash) => durable.certificate(hash) }, hashes);
  }

  #receiveBlock(from: number, block: Block): void {
    if (this.#seen.has(block)) return;
    this.#seen.add(block);
    if (takeBlock(this.#intake, block, this.#here.idOf(from)) === 'accept') this.#flood({ type: 'block', block }, from);
  }

  /** Gossip goes on once the engine has taken its step, unless it ignores the message or blames its sender for it. */
  #receiveMessage(from: number, packet: Extract<Packet, { type: 'message' }>): void {
    const { idOf, world } = this.#here;
    const { bytes, gossip } = packet;
    if (gossip !== true) return void this.driver.receiveMessage(idOf(from), bytes);
    if (!this.#heard.isNew(bytes, world.nowMs)) return;
    this.driver.receiveMessage(idOf(from), bytes, (passOn) => {
      if (passOn && this.#alive) this.#flood(packet, from);
    });
  }

  #takeTransfer(bytes: Uint8Array, from: number | null): boolean {
    if (!this.pool.add(bytes, from === null ? 'local' : 'gossip')) return false;
    this.#flood({ type: 'transaction', bytes }, from);
    this.driver.mempoolChanged(this.pool.size);
    return true;
  }

  #publish(bytes: Uint8Array): void {
    // Else it would come back and be taken for another's.
    this.#heard.isNew(bytes, this.#here.world.nowMs);
    this.#flood({ type: 'message', bytes, gossip: true }, null);
  }

  #flood(packet: Packet, except: number | null): void {
    const { peers, send } = this.#here;
    for (const peer of peers()) if (peer !== except) send(peer, packet);
  }

  #clock(): ClockPort {
    const { world, place, localClock } = this.#here;
    return {
      nowMs: () => localClock.nowMs(),
      wallMs: () => localClock.wallMs(),
      setTimer: (delayMs, callback) =>
        localClock.setTimer(delayMs, () => {
          if (!this.#alive) return;
          world.trace.note(world.nowUs, 'timer', place);
          callback();
        }),
      cancelTimer: (handle) => localClock.cancelTimer(handle),
    };
  }

  /** What is written is a part of the course, whether or not anybody ever reads it again. */
  #log(): LogPort {
    const { open, world } = this.#here;
    const log = open.log((lsn) => this.#persisted(lsn));
    return {
      append: (lsn, records, truncateBelow, done) => {
        for (const record of records) world.trace.content(record);
        log.append(lsn, records, truncateBelow, done);
      },
    };
  }

  #transport(): TransportPort {
    const { idOf, placesOf, hasSession, send, offence } = this.#here;
    return {
      send: (to, bytes) => {
        this.#here.world.trace.content(bytes);
        if (to === '*') return this.#publish(bytes);
        for (const peer of placesOf(to)) if (hasSession(peer)) send(peer, { type: 'message', bytes });
      },
      announce: (block) => {
        this.#here.observe({ type: 'announced', node: this.#here.place, block });
        this.#seen.add(block);
        this.#flood({ type: 'block', block }, null);
      },
      fetch: (hash, from) => this.#sync.wanted(hash, from),
      offence: (from, error) => {
        for (const peer of this.#here.peers()) if (idOf(peer) === from) offence(peer, error);
      },
    };
  }

  #syncTransport(): SyncTransport {
    const offence = (peer: NodeId, error: RuleError) => {
      for (const place of this.#here.placesOf(peer)) this.#here.offence(place, error);
    };
    return {
      requestHeaders: (peer, locator, limit, done) =>
        this.#request(
          peer,
          (request) => ({ type: 'getHeaders', request, locator, limit }),
          (reply) => done(reply?.type === 'headers' ? readAll(reply.headers, headerByWire, (error) => offence(peer, error)) : null),
        ),
      requestBlocks: (peer, hashes, done) =>
        this.#request(
          peer,
          (request) => ({ type: 'getBlocks', request, hashes }),
          (reply) => done(reply?.type === 'blocks' ? readAll(reply.blocks, blockByWire, (error) => offence(peer, error)) : null),
        ),
      offence,
    };
  }

  #request(to: NodeId, toPacket: (request: number) => Packet, done: (packet: Packet | null) => void): void {
    const { placesOf, hasSession, send } = this.#here;
    const peer = placesOf(to).find(hasSession);
    if (peer === undefined) {
      this.#after(0, () => done(null));
      return;
    }
    send(peer, toPacket(this.#requests.add(peer, done)));
  }

  #ledgerEvents(): LedgerEvents {
    const { place, observe, world } = this.#here;
    const { trace } = world;
    return {
      onBuilt: (block) => {
        trace.note(world.nowUs, 'build', place, -1, block.header.number);
        observe({ type: 'built', node: place, block });
      },
      onInserted: (block) => this.#inserted(block),
      onChecked: (hash, error) => {
        trace.note(world.nowUs, 'check', place, -1, error === null ? 1 : 0, hash, error && { code: error.code });
        observe({ type: 'checked', node: place, hash, error });
        this.#sync.settled(hash, error === null ? 'executed' : 'invalid');
      },
      onHead: ({ oldHead, newHead, removed }) => {
        const data = trace.isRead ? { old: oldHead.hash, removed: removed.length } : null;
        trace.note(world.nowUs, 'head', place, -1, newHead.header.number, newHead.hash, data);
        observe({ type: 'head', node: place, head: newHead, old: oldHead, removed });
      },
      onDurable: (head) => this.#headDurable(head),
      onFinalized: (block, certificate) => {
        trace.note(world.nowUs, 'finalize', place, -1, block.header.number, block.hash);
        observe({ type: 'finalized', node: place, block, certificate });
      },
      onFinalDurable: (block) => observe({ type: 'finalDurable', node: place, block }),
      onReturned: (bytes) => {
        this.#flood({ type: 'transaction', bytes }, null);
        this.driver.mempoolChanged(this.pool.size);
      },
    };
  }

  #persisted(lsn: Lsn): void {
    const { world, place, observe } = this.#here;
    if (world.trace.isRead) world.trace.detail(world.nowUs, 'persist', place, lsn, '');
    observe({ type: 'persisted', node: place, lsn });
  }

  #inserted(block: Block): void {
    const { world, place, observe } = this.#here;
    const { header, transactions } = block;
    const hash = hashHeader(header);
    if (world.trace.isRead) {
      world.trace.detail(world.nowUs, 'insert', place, header.number, hash, {
        parent: header.parentHash,
        transactions: transactions.length,
      });
    }
    observe({ type: 'inserted', node: place, block, hash });
  }

  #headDurable(head: HeaderNode): void {
    const { world, place, observe } = this.#here;
    world.trace.note(world.nowUs, 'durable', place, -1, head.header.number, head.hash);
    observe({ type: 'durable', node: place, head });
    this.#sync.headChanged();
    if (this.#announcing === 'no') this.#announce();
    else this.#announcing = 'again';
  }

  #announce(): void {
    this.#announcing = 'resting';
    this.#flood({ type: 'status', status: this.status() }, null);
    this.#after(ANNOUNCE_INTERVAL_US, () => {
      const again = this.#announcing === 'again';
      this.#announcing = 'no';
      if (again) this.#announce();
    });
  }

  #engineTrace(name: string, data: { readonly [key: string]: Json }): void {
    const { world, place, observe } = this.#here;
    world.trace.note(world.nowUs, 'engine', place, -1, 0, name, data);
    observe({ type: 'engine', node: place, name, data });
  }

  #after(delayUs: number, action: () => void): ReturnType<World['after']> {
    return this.#here.world.after(delayUs, () => {
      if (this.#alive) action();
    });
  }

  #fatal(error: unknown): void {
    if (this.#alive) this.#here.fatal(error);
  }
}
