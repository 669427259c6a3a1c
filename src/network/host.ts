/**
 * The network as the node sees it: peers that are in the same network, gossip, direct messages, requests. Everything
 * that a peer can do wrong ends here, as an offence against it.
 */
import type { Connection, Libp2p } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import { type ErrorFields, explain, RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { hostOf, parsePeerAddress } from './addresses.ts';
import { Dialer, type DialerPorts } from './dialer.ts';
import { Direct } from './direct.ts';
import { ENVELOPE_BYTES, Sealer } from './envelope.ts';
import { Gater, gaterLimits } from './gater.ts';
import { Gossip, type GossipPorts, MAX_GOSSIP_BYTES, type Topic } from './gossip.ts';
import { Intake } from './intake.ts';
import type { NetworkHandlers, NetworkOptions, NetworkStats, PeerInfo } from './interface.ts';
import { type LinkFault, LinkFaults } from './link-faults.ts';
import type { HeadersRequest } from './messages.ts';
import { Offenders } from './offenders.ts';
import { LOCAL_PACE, type Pace, PUBLIC_PACE } from './pace.ts';
import { PeerBook } from './peer-book.ts';
import { DEFAULT_OFFENCE } from './reputation.ts';
import { Requests } from './requests.ts';
import { nodeId, type Session, type SessionHandlers, Sessions } from './sessions.ts';
import { createTransport, isReachable, startTransport } from './transport.ts';

const REQUEST_TIMEOUT_MS = 10_000;
/** About; for the account of what is held on a slow link. */
const STATUS_BYTES = 256;
/** Two peers may hold two connections for a moment. */
const SPARE_CONNECTIONS = 8;
const TEND_INTERVAL_MS = 1_000;
const FORGET_INTERVAL_MS = 30_000;
const DISCONNECT_HOLD_MS = 60_000;
/** Any private address: what is found by multicast may be private, and must not be loopback. */
const LOCAL_SEGMENT = '10.0.0.1';

export type { AddressStore, NetworkHandlers, NetworkLog, NetworkOptions, NetworkStats, PeerInfo } from './interface.ts';

export class Network {
  readonly self: NodeId;
  readonly #options: NetworkOptions;
  readonly #pace: Pace;
  readonly #intake: Intake;
  readonly #genesisHash: Hash;
  readonly #libp2p: Libp2p;
  readonly #gater: Gater;
  readonly #gossip: Gossip;
  readonly #offenders: Offenders;
  readonly #sessions: Sessions;
  readonly #requests: Requests;
  readonly #direct: Direct;
  readonly #dialer: Dialer;
  readonly #book: PeerBook;
  readonly #sealer: Sealer;
  readonly #links: LinkFaults;
  readonly #timers: NodeJS.Timeout[] = [];
  #remembered = '';
  #stopped = false;

  /** Throws UsageError `network/listen`, and DecodeError `network/bad-address` for a bootnode that is no address. */
  static async start(options: NetworkOptions, handlers: NetworkHandlers): Promise<Network> {
    const pace = options.local ? LOCAL_PACE : PUBLIC_PACE;
    const bootnodes = options.bootnodes.map(parsePeerAddress);
    const offenders = new Offenders();
    const { genesisHash, agent } = handlers.status();
    // The parts know each other in a circle, so these two reach the network through a name that is bound below.
    const gater = new Gater(
      gaterLimits(options.maxPeers, options.local),
      offenders,
      () => network.#libp2p.getConnections(),
      (id) => network.#book.isBootnode(id),
    );
    const links = new LinkFaults();
    const ports: GossipPorts = {
      whenReady: (connection) => network.#sessions.whenReady(connection),
      validate: (topic, bytes, from) => network.#intake.validate(topic, bytes, from),
      onReject: (from, topic) =>
        network.offence(from, new RuleError('network/rejected-gossip', `An invalid message on ${topic}.`, { topic })),
    };
    const gossip = new Gossip(genesisHash, ports, links);
    const libp2p = await createTransport(
      {
        key: options.key,
        listen: options.listen,
        announce: options.announce ?? [],
        agent,
        genesisHash,
        maxConnections: options.maxPeers + SPARE_CONNECTIONS,
        maxInboundPerSecond: pace.maxInboundPerSecond,
        handshakeTimeoutMs: options.timeouts?.handshakeMs ?? pace.handshakeMs,
        dialTimeoutMs: pace.dialTimeoutMs,
        mdns:
          options.mdns && isReachable(options.listen)
            ? (id, addresses) => network.#dialer.learnListening(id, addresses, LOCAL_SEGMENT)
            : null,
      },
      gater,
      gossip,
    );
    const network = new Network(options, handlers, pace, libp2p, gater, gossip, offenders, links);
    for (const bootnode of bootnodes) if (bootnode.id !== network.self) network.#book.addBootnode(bootnode);
    await network.#run();
    return network;
  }

  private constructor(
    options: NetworkOptions,
    handlers: NetworkHandlers,
    pace: Pace,
    libp2p: Libp2p,
    gater: Gater,
    gossip: Gossip,
    offenders: Offenders,
    links: LinkFaults,
  ) {
    const { handshakeMs = pace.handshakeMs, requestMs = REQUEST_TIMEOUT_MS } = options.timeouts ?? {};
    const onOffence = (peer: NodeId, error: RuleError) => this.offence(peer, error);
    this.#options = options;
    this.#pace = pace;
    this.#genesisHash = handlers.status().genesisHash;
    this.#libp2p = libp2p;
    this.#gater = gater;
    this.#gossip = gossip;
    this.#offenders = offenders;
    this.#links = links;
    this.self = nodeId(libp2p.peerId);
    const listensTo = (id: NodeId) => id !== this.self && gater.allows(id);
    this.#intake = new Intake(handlers, this.#genesisHash, listensTo, (level, text, fields) => this.#log(level, text, fields), onOffence);
    this.#sealer = new Sealer(options.key, this.#genesisHash);
    this.#book = new PeerBook(this.self, pace.backoff, Math.random);
    this.#sessions = new Sessions(libp2p, this.#sessionHandlers(handlers), handshakeMs);
    const served = this.#intake.served((session) => this.#dialer.share(session.id));
    this.#requests = new Requests(libp2p, this.#sessions, served, this.#genesisHash, requestMs, onOffence, links);
    const receive = (bytes: Uint8Array, from: NodeId) => links.pass(from, bytes.length, () => this.#intake.direct(bytes, from));
    this.#direct = new Direct(libp2p, this.#sessions, this.#genesisHash, receive, onOffence);
    this.#dialer = new Dialer(libp2p, this.#book, this.#dialerPorts(), pace);
  }

  #sessionHandlers(handlers: NetworkHandlers): SessionHandlers {
    return {
      ourStatus: () => handlers.status(),
      onReady: (session) => this.#ready(session),
      onStatus: (session) => this.#links.pass(session.id, STATUS_BYTES, () => this.#intake.status(session)),
      onGone: (session) => this.#gone(session),
      onFailed: (connection, error) => this.#handshakeFailed(connection, error),
    };
  }

  #dialerPorts(): DialerPorts {
    return {
      wanted: () => this.#wanted(),
      connected: () => new Set([this.self, ...this.#libp2p.getPeers().map(nodeId)]),
      mayDial: (id) => this.#gater.allows(id),
      peers: () => [...this.#sessions.all().keys()],
      ask: (peer) => this.#requests.addresses(peer),
      hostOf: (peer) => this.#hostOf(peer),
      log: (level, text, fields) => this.#log(level, text, fields),
    };
  }

  async #run(): Promise<void> {
    this.#book.recall(this.#options.addressStore?.load() ?? [], performance.now());
    this.#libp2p.addEventListener(
      'peer:identify',
      (event) => void this.#identified(event.detail.connection, event.detail.listenAddrs.map(String)),
    );
    await this.#sessions.start();
    await this.#requests.start();
    await this.#direct.start();
    await startTransport(this.#libp2p, this.#options.listen);
    this.#gossip.subscribe();
    this.#dialer.start();
    this.#timers.push(
      setInterval(() => this.#tend(), TEND_INTERVAL_MS),
      setInterval(() => void this.#forget(), FORGET_INTERVAL_MS),
    );
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#remember();
    this.#dialer.stop();
    this.#sessions.stop();
    this.#links.stop();
    await this.#libp2p.stop();
  }

  /** Whether this peer's handshake has passed. */
  isConnected(peer: NodeId): boolean {
    return this.#sessions.get(peer) !== undefined;
  }

  /** Multiaddrs that end in our peer id, as others would dial them. */
  addresses(): string[] {
    return this.#libp2p.getMultiaddrs().map(String);
  }

  /** Peers whose handshake has passed. */
  peers(): PeerInfo[] {
    return [...this.#sessions.all().values()].flatMap((session) => {
      const [connection] = session.connections;
      return connection === undefined ? [] : [this.#describe(session, connection)];
    });
  }

  /** One that is too large for gossip is left to the peers to fetch: they hear of it by our status. */
  publishBlock(bytes: Uint8Array): void {
    if (bytes.length <= MAX_GOSSIP_BYTES) void this.#publish('blocks', bytes);
    else this.announceStatus();
  }

  /** A batch of `packTransactions`. */
  publishTransactions(bytes: Uint8Array): void {
    void this.#publish('transactions', bytes);
  }

  /** Signed, so that peers learn who said it however it reaches them. What is too large for gossip goes straight to each. */
  publishConsensus(message: Uint8Array): void {
    if (message.length + ENVELOPE_BYTES <= MAX_GOSSIP_BYTES) void this.#publish('consensus', message);
    else for (const peer of this.#sessions.all().keys()) this.#direct.send(peer, message);
  }

  /** May be lost. To ourselves it is not sent at all. */
  sendDirect(to: NodeId, message: Uint8Array): void {
    this.#direct.send(to, message);
  }

  /**
   * Encoded sealed headers; at most as many as asked for, ascending. These three throw RuleError without blame when the
   * peer is gone, busy, silent or refuses (`network/...`), and with blame for an answer that is malformed.
   */
  requestHeaders(peer: NodeId, request: HeadersRequest): Promise<readonly Uint8Array[]> {
    return this.#requests.headers(peer, request);
  }

  /** Encoded blocks in the order asked for, without those that the peer lacks or that would have made it too large. */
  requestBlocks(peer: NodeId, hashes: readonly Hash[]): Promise<readonly Uint8Array[]> {
    return this.#requests.blocks(peer, hashes);
  }

  requestTransactions(peer: NodeId): Promise<readonly Uint8Array[]> {
    return this.#requests.transactions(peer);
  }

  /** Our status has changed: tells all peers, soon and not more often than they need. */
  announceStatus(): void {
    this.#sessions.announce();
  }

  /** Errors without blame count for nothing. Enough of the others in short order, and the peer is banned for a while. */
  offence(peer: NodeId, error: RuleError, weight = DEFAULT_OFFENCE): void {
    if (!error.blame || peer === this.self) return;
    const host = this.#hostOf(peer);
    const banned = this.#offenders.offence(peer, host === '' || this.#gater.isExempt(host) ? null : host, weight, performance.now());
    this.#log(banned ? 'warn' : 'debug', banned ? 'Banned peer' : 'Peer broke a rule', { peer, code: error.code, reason: error.message });
    if (!banned) return;
    this.#book.hold(peer, performance.now() + this.#offenders.bannedForMs(peer, performance.now()));
    this.#cut((id) => id === peer, error);
  }

  /** Connects, and keeps trying ever after should it fail. Throws DecodeError, or RuleError `network/unreachable`. */
  async dial(address: string): Promise<NodeId> {
    const peer = parsePeerAddress(address);
    this.#book.addBootnode(peer);
    this.#offenders.forgive(peer.id);
    try {
      const connection = await this.#libp2p.dial(multiaddr(address));
      if ((await this.#sessions.whenReady(connection)) !== null) return peer.id;
    } catch (cause) {
      throw new RuleError('network/unreachable', `${address} does not answer: ${explain(cause)}.`, { address }, { blame: false, cause });
    }
    throw new RuleError('network/unreachable', `${address} is of another network, or ended the handshake.`, { address }, { blame: false });
  }

  /** Not dialled again for a minute, but it may come back. */
  disconnect(peer: NodeId): void {
    this.#book.hold(peer, performance.now() + DISCONNECT_HOLD_MS);
    this.#cut((id) => id === peer, new RuleError('network/disconnected', 'Disconnected by the operator.', {}, { blame: false }));
  }

  /**
   * For tests of a running network: from now on only these peers exist for us; null ends that. The others' connections
   * end at once, new ones are refused in both directions, and messages they wrote are ignored.
   */
  setPartition(allowed: readonly NodeId[] | null): void {
    this.#gater.setPartition(allowed === null ? null : new Set(allowed));
    this.#cut((id) => !this.#gater.allows(id), new RuleError('network/partition', 'Beyond a partition.', {}, { blame: false }));
    this.#book.retryAll(performance.now());
    this.#dialer.tick();
  }

  /** For tests of a running network, too: what becomes of messages from these peers, instead of what was set before. */
  setLinkFaults(faults: readonly LinkFault[]): void {
    this.#links.set(faults);
  }

  get partition(): readonly NodeId[] | null {
    const { partition } = this.#gater;
    return partition === null ? null : [...partition];
  }

  stats(): NetworkStats {
    return {
      peers: this.#sessions.size,
      connections: this.#libp2p.getConnections().length,
      handshaking: this.#sessions.pendingCount,
      knownAddresses: this.#book.size,
      offenders: this.#offenders.size,
      denied: this.#gater.denied(),
      directStreams: this.#direct.outboxes,
      droppedMessages: this.#direct.dropped,
      requests: this.#requests.active,
      gossip: this.#gossip.stats(),
      links: this.#links.stats(),
    };
  }

  async #publish(topic: Topic, bytes: Uint8Array): Promise<void> {
    if (this.#stopped) return;
    try {
      await this.#gossip.publish(topic, topic === 'consensus' ? await this.#sealer.seal(bytes) : bytes);
    } catch (error) {
      this.#log('warn', 'Could not publish', { topic, bytes: bytes.length, reason: explain(error) });
    }
  }

  #ready(session: Session): void {
    this.#log('info', 'Peer connected', { peer: session.id, agent: session.status.agent, height: session.status.height });
    this.#gossip.admit(session);
    this.#book.connected(session.id);
    this.#intake.peer(session);
    this.#dialer.explore(session.id);
  }

  #gone(session: Session): void {
    this.#gossip.remove(session);
    this.#direct.forget(session.id);
    this.#links.forget(session.id);
    this.#book.lost(session.id, performance.now());
    if (this.#stopped) return;
    this.#log('info', 'Peer disconnected', { peer: session.id });
    this.#intake.gone(session);
  }

  #handshakeFailed(connection: Connection, error: RuleError): void {
    const peer = nodeId(connection.remotePeer);
    this.#log(error.blame ? 'info' : 'debug', 'Handshake failed', {
      peer,
      address: connection.remoteAddr.toString(),
      code: error.code,
      reason: error.message,
    });
    if (!error.blame) return this.#dialer.unreached(peer, error.message);
    this.#book.hold(peer, performance.now() + this.#pace.strangerHoldMs);
    this.offence(peer, error);
  }

  /** Only peers of our own network are believed. */
  async #identified(connection: Connection, listen: readonly string[]): Promise<void> {
    const session = await this.#sessions.whenReady(connection);
    if (session === null) return;
    this.#dialer.learnListening(session.id, listen, hostOf(connection.remoteAddr));
    this.#book.connected(session.id);
  }

  #tend(): void {
    this.#remember();
    for (const { session, reason } of this.#gossip.tend(this.#sessions.all())) {
      this.#log('info', 'Parting with peer', { peer: session.id, code: reason.code, reason: reason.message });
      this.offence(session.id, reason);
      this.#cut((id) => id === session.id, reason);
    }
  }

  /** libp2p remembers every peer that it ever met. Our own book has those that matter. */
  async #forget(): Promise<void> {
    const connected = new Set([this.self, ...this.#libp2p.getPeers().map(nodeId)]);
    for (const peer of await this.#libp2p.peerStore.all()) {
      if (!connected.has(nodeId(peer.id))) await this.#libp2p.peerStore.delete(peer.id);
    }
  }

  /** Soon after each change: a node that is killed a moment later has nothing else to find its peers by. */
  #remember(): void {
    const addresses = this.#book.remembered();
    if (addresses.join() === this.#remembered) return;
    this.#remembered = addresses.join();
    this.#options.addressStore?.save(addresses);
  }

  #cut(which: (id: NodeId) => boolean, reason: RuleError): void {
    for (const connection of this.#libp2p.getConnections()) {
      if (which(nodeId(connection.remotePeer))) connection.abort(reason);
    }
  }

  #wanted(): number {
    const { maxPeers, local } = this.#options;
    const outbound = this.#libp2p.getConnections().filter((connection) => connection.direction === 'outbound').length;
    const maxOutbound = local ? maxPeers : Math.ceil(maxPeers / 2);
    return Math.min(maxPeers - this.#sessions.size, maxOutbound - outbound);
  }

  #hostOf(peer: NodeId): string {
    const [connection] = this.#sessions.get(peer)?.connections ?? [];
    return connection === undefined ? '' : hostOf(connection.remoteAddr);
  }

  #describe(session: Session, connection: Connection): PeerInfo {
    return {
      id: session.id,
      address: connection.remoteAddr.toString(),
      direction: connection.direction,
      status: session.status,
      latencyMs: connection.rtt ?? Math.round(session.handshakeMs),
      score: this.#offenders.score(session.id, performance.now()),
      connectedSince: session.sinceMs,
      agent: session.status.agent,
    };
  }

  #log(level: 'debug' | 'info' | 'warn', message: string, fields: ErrorFields): void {
    this.#options.log?.(level, message, fields);
  }
}
