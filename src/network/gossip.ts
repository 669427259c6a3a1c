/**
 * Gossip of blocks, transactions and broadcast consensus messages over gossipsub v1.2 (libp2p specification, pubsub).
 * The package is @libp2p/gossipsub, to which @chainsafe/libp2p-gossipsub has moved.
 *
 * - gossipsub stands behind a gate and sees a peer only once its handshake has passed.
 * - Messages carry no libp2p signature and their id is the hash of topic and content: the same block from two miners'
 *   neighbours is one message. Our validators decide whether it goes on (accept), is dropped (ignore) or counts against
 *   whoever passed it on (reject). How much may be under validation at once is bounded; what comes on top is dropped.
 * - gossipsub never ends a connection and does not reopen a stream that broke. `tend` does both.
 */

import {
  type GossipSub,
  type GossipSubComponents,
  type GossipsubMessage,
  gossipsub,
  type Message,
  TopicValidatorResult,
} from '@libp2p/gossipsub';
import { createTopicScoreParams } from '@libp2p/gossipsub/score';
import type { Connection, PeerId, StreamHandler, StreamHandlerOptions, Topology } from '@libp2p/interface';
import { sha256 } from '@noble/hashes/sha2.js';
import { RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { owned } from './frames.ts';
import type { LinkFaults } from './link-faults.ts';
import { MAX_TRANSACTIONS_BYTES } from './messages.ts';
import { nodeId, type Session } from './sessions.ts';

export type Topic = 'blocks' | 'transactions' | 'consensus';
const TOPICS: readonly Topic[] = ['blocks', 'transactions', 'consensus'];
/** What gossipsub can send at all, in one piece: it frames with it-length-prefixed, whose own limit it does not raise. */
const MAX_RPC_BYTES = 4 * 1024 * 1024;
/** Announcements of other messages may be packed into the same piece. Callers have another way for what is larger. */
export const MAX_GOSSIP_BYTES = MAX_RPC_BYTES - 512 * 1024;
const MAX_TOPIC_BYTES: Record<Topic, number> = {
  blocks: MAX_GOSSIP_BYTES,
  transactions: MAX_TRANSACTIONS_BYTES,
  consensus: MAX_GOSSIP_BYTES,
};

/** 'accept' passes it on, 'reject' counts against the sender, 'ignore' does neither. */
export type Verdict = 'accept' | 'reject' | 'ignore';

export interface GossipPorts {
  /** The session of the connection once its handshake has passed; null when it has not. */
  whenReady(connection: Connection): Promise<Session | null>;
  /** Must not throw. */
  validate(topic: Topic, bytes: Uint8Array, from: NodeId): Promise<Verdict>;
  /** The validator said 'reject', or the message is larger than its topic allows. */
  onReject(from: NodeId, topic: Topic): void;
}

/** What of gossipsub's messages to each other is of interest here. */
interface Rpc {
  readonly subscriptions?: readonly unknown[];
  readonly messages: readonly { readonly data?: Uint8Array }[];
  readonly control?: { readonly ihave?: readonly unknown[] };
}

const HEARTBEAT_MS = 500;
/** A message can be passed on for this many heartbeats after it came, so that is how long a validator has. */
const CACHED_HEARTBEATS = 20;
const MAX_OUTBOUND_BYTES = 32 * 1024 * 1024;
const MAX_VALIDATING = 1024;
const MAX_VALIDATING_BYTES = 64 * 1024 * 1024;
const MAX_VALIDATING_OF_PEER = 256;
const MAX_VALIDATING_BYTES_OF_PEER = 16 * 1024 * 1024;
const REOPEN_SECONDS = 5;
const MAX_STREAMLESS_SECONDS = 20;
/** Below this gossipsub no longer listens to a peer; then we part with it. */
const GRAYLIST_SCORE = -80;

/** What gossipsub's class offers beyond its exported interface. */
interface Router extends GossipSub {
  readonly peers: ReadonlyMap<string, PeerId>;
  readonly streamsOutbound: Map<string, unknown>;
  readonly streamsInbound: Map<string, unknown>;
  readonly score: { score(id: string): number; readonly size: number };
  handleReceivedRpc(from: PeerId, rpc: Rpc): Promise<void>;
  reportMessageValidationResult(messageId: string, source: string, verdict: TopicValidatorResult): void;
}

interface Load {
  messages: number;
  bytes: number;
}

export interface GossipStats {
  readonly peers: number;
  /** Peers that said they want blocks: what we publish goes to them. */
  readonly subscribers: number;
  readonly streamsOutbound: number;
  readonly streamsInbound: number;
  readonly scores: number;
  readonly validating: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly ignored: number;
  /** Dropped unseen because too much was under validation. */
  readonly overflowed: number;
}

export class Gossip {
  readonly #prefix: string;
  readonly #ports: GossipPorts;
  readonly #links: LinkFaults;
  #router: Router | null = null;
  #topology: Topology | null = null;
  readonly #load = new Map<NodeId, Load>();
  /** Peers to which there is no gossip stream, and for how many seconds. */
  readonly #streamless = new Map<NodeId, number>();
  readonly #total: Load = { messages: 0, bytes: 0 };
  readonly #counts = { accept: 0, reject: 0, ignore: 0, overflow: 0 };

  constructor(genesisHash: Hash, ports: GossipPorts, links: LinkFaults) {
    this.#prefix = `/synod/${genesisHash.slice(2)}/`;
    this.#ports = ports;
    this.#links = links;
  }

  /** For libp2p's `services`. */
  service(): (components: GossipSubComponents) => GossipSub {
    const make = gossipsub({
      globalSignaturePolicy: 'StrictNoSign',
      msgIdFn: (message: Message) => sha256.create().update(new TextEncoder().encode(message.topic)).update(message.data).digest(),
      allowedTopics: TOPICS.map((topic) => this.#name(topic)),
      asyncValidation: true,
      emitSelf: false,
      allowPublishToZeroTopicPeers: true,
      ignoreDuplicatePublishError: true,
      fallbackToFloodsub: false,
      floodPublish: true,
      doPX: false,
      tagMeshPeers: false,
      // A network of up to nine nodes is one full mesh; a larger one keeps eight neighbours.
      D: 8,
      Dlo: 6,
      Dhi: 12,
      Dscore: 4,
      Dout: 2,
      heartbeatInterval: HEARTBEAT_MS,
      mcacheLength: CACHED_HEARTBEATS,
      mcacheGossip: 6,
      gossipsubIWantFollowupMs: 10_000,
      maxInboundStreams: 2,
      maxOutboundStreams: 2,
      maxInboundDataLength: MAX_RPC_BYTES,
      maxOutboundBufferSize: MAX_OUTBOUND_BYTES,
      maxTopicBytesPerPeer: 8 * 1024,
      decodeRpcLimits: {
        maxSubscriptions: 16,
        maxMessages: 512,
        maxIhaveMessageIDs: 5_000,
        maxIwantMessageIDs: 5_000,
        maxIdontwantMessageIDs: 512,
        maxControlMessages: 64,
        maxPeerInfos: 0,
      },
      scoreParams: this.#scoreParams(),
      scoreThresholds: { gossipThreshold: -20, publishThreshold: -40, graylistThreshold: GRAYLIST_SCORE },
    });
    return (components) => {
      const { privateKey, peerId, peerStore, connectionManager, logger } = components;
      const router = make({ privateKey, peerId, peerStore, connectionManager, logger, registrar: this.#gate(components.registrar) });
      this.#router = router as Router;
      this.#breakLinks(this.#router);
      router.addEventListener('gossipsub:message', (event) => void this.#received(event.detail));
      return router;
    };
  }

  /**
   * Before gossipsub sees it: a message that is lost on one link may come on another. Offers of messages (IHAVE) do not pass a
   * faulty link, since gossipsub would hold it against a peer that what it asks for then is lost.
   */
  #breakLinks(router: Router): void {
    const handle = router.handleReceivedRpc.bind(router);
    router.handleReceivedRpc = async (peer, rpc) => {
      const from = nodeId(peer);
      if (!this.#links.has(from)) return await handle(peer, rpc);
      const messages = rpc.messages.filter(() => !this.#links.loses(from));
      const bytes = messages.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
      const control = rpc.control === undefined ? undefined : { ...rpc.control, ihave: [] };
      const left = { ...rpc, messages, ...(control !== undefined && { control }) };
      this.#links.hold(from, bytes, () => void handle(peer, left).catch(() => undefined));
    };
  }

  /** Once libp2p has started. */
  subscribe(): void {
    for (const topic of TOPICS) this.#router?.subscribe(this.#name(topic));
  }

  admit(session: Session): void {
    const [connection] = session.connections;
    if (connection !== undefined) void this.#topology?.onConnect?.(session.peerId, connection);
  }

  remove(session: Session): void {
    this.#streamless.delete(session.id);
    void this.#topology?.onDisconnect?.(session.peerId);
  }

  async publish(topic: Topic, bytes: Uint8Array): Promise<void> {
    if (bytes.length > MAX_TOPIC_BYTES[topic]) {
      const maxBytes = MAX_TOPIC_BYTES[topic];
      throw new RuleError('network/too-large', `A message of ${bytes.length} bytes on ${topic}; at most ${maxBytes} are allowed.`, {
        maxBytes,
      });
    }
    await this.#router?.publish(this.#name(topic), bytes);
  }

  /**
   * To be called every second. Reopens streams of peers that are connected but lost theirs, and forgets peers that are
   * gone. (Earlier versions of gossipsub kept streams of peers that went while theirs was being opened. Behind the gate,
   * 240 reconnects left none; this makes sure.) Answers the sessions to part with, and why: without blame where the peer may
   * only be slow.
   */
  tend(sessions: ReadonlyMap<string, Session>): { session: Session; reason: RuleError }[] {
    const router = this.#router;
    if (router === null) return [];
    for (const map of [router.streamsOutbound, router.streamsInbound]) {
      for (const id of map.keys()) if (!sessions.has(id)) map.delete(id);
    }
    for (const [id, peerId] of router.peers) if (!sessions.has(id)) void this.#topology?.onDisconnect?.(peerId);
    return [...sessions.values()].flatMap((session) => {
      const reason = this.#ailment(session, router);
      return reason === null ? [] : [{ session, reason }];
    });
  }

  #ailment(session: Session, router: Router): RuleError | null {
    if (router.score.score(session.id) < GRAYLIST_SCORE) {
      return new RuleError(
        'network/gossip',
        'The peer sends what is not gossip, or so much that is wrong that gossipsub no longer listens.',
      );
    }
    // Gossipsub takes nobody in by a connection that was about to end; the session may have another.
    if (router.peers.has(session.id) && router.streamsOutbound.has(session.id)) {
      this.#streamless.delete(session.id);
      return null;
    }
    const seconds = (this.#streamless.get(session.id) ?? 0) + 1;
    this.#streamless.set(session.id, seconds);
    // Not at once and not every second: gossipsub opens one stream after the other, and a peer that does not answer holds up the rest.
    if (seconds % REOPEN_SECONDS === 2) this.admit(session);
    if (seconds < MAX_STREAMLESS_SECONDS) return null;
    const message = `The peer has taken no stream for gossip in ${seconds} s.`;
    return new RuleError('network/no-gossip', message, { seconds }, { blame: false });
  }

  stats(): GossipStats {
    return {
      peers: this.#router?.peers.size ?? 0,
      subscribers: this.#router?.getSubscribers(this.#name('blocks')).length ?? 0,
      streamsOutbound: this.#router?.streamsOutbound.size ?? 0,
      streamsInbound: this.#router?.streamsInbound.size ?? 0,
      scores: this.#router?.score.size ?? 0,
      validating: this.#total.messages,
      accepted: this.#counts.accept,
      rejected: this.#counts.reject,
      ignored: this.#counts.ignore,
      overflowed: this.#counts.overflow,
    };
  }

  #name(topic: Topic): string {
    return `${this.#prefix}${topic}`;
  }

  #topicOf(name: string): Topic | undefined {
    return TOPICS.find((topic) => this.#name(topic) === name);
  }

  async #received({ msg, msgId, propagationSource }: GossipsubMessage): Promise<void> {
    const from = nodeId(propagationSource);
    const topic = this.#topicOf(msg.topic);
    const verdict = topic === undefined ? 'ignore' : await this.#judge(topic, owned(msg.data), from);
    this.#counts[verdict] += 1;
    this.#router?.reportMessageValidationResult(msgId, from, RESULTS[verdict]);
    if (verdict === 'reject' && topic !== undefined) this.#ports.onReject(from, topic);
  }

  async #judge(topic: Topic, bytes: Uint8Array, from: NodeId): Promise<Verdict> {
    if (bytes.length > MAX_TOPIC_BYTES[topic]) return 'reject';
    const load = this.#load.get(from) ?? { messages: 0, bytes: 0 };
    if (!fits(load, bytes.length, MAX_VALIDATING_OF_PEER, MAX_VALIDATING_BYTES_OF_PEER)) return this.#overflow();
    if (!fits(this.#total, bytes.length, MAX_VALIDATING, MAX_VALIDATING_BYTES)) return this.#overflow();
    this.#load.set(from, load);
    add(load, 1, bytes.length);
    add(this.#total, 1, bytes.length);
    try {
      return await this.#ports.validate(topic, bytes, from);
    } finally {
      add(load, -1, -bytes.length);
      add(this.#total, -1, -bytes.length);
      if (load.messages === 0) this.#load.delete(from);
    }
  }

  #overflow(): Verdict {
    this.#counts.overflow += 1;
    return 'ignore';
  }

  /** gossipsub's own registrar calls pass through here: streams wait for the handshake, and so does news of peers. */
  #gate(registrar: GossipSubComponents['registrar']): GossipSubComponents['registrar'] {
    const gated = Object.create(registrar) as GossipSubComponents['registrar'];
    gated.handle = (protocol: string, handler: StreamHandler, options?: StreamHandlerOptions) =>
      registrar.handle(
        protocol,
        async (stream, connection) => {
          const session = await this.#ports.whenReady(connection);
          if (session === null || connection.status !== 'open') throw new RuleError('network/no-handshake', 'Gossip before the handshake.');
          await handler(stream, connection);
        },
        options,
      );
    // It registers one topology for each protocol version; they are all the same.
    gated.register = async (protocol: string, topology: Topology) => {
      this.#topology = topology;
      return protocol;
    };
    gated.unregister = () => {
      this.#topology = null;
    };
    return gated;
  }

  #scoreParams() {
    const topic = createTopicScoreParams({
      topicWeight: 1,
      timeInMeshWeight: 0.01,
      timeInMeshQuantum: 1_000,
      timeInMeshCap: 100,
      firstMessageDeliveriesWeight: 0.1,
      firstMessageDeliveriesDecay: 0.99,
      firstMessageDeliveriesCap: 100,
      // A network that is quiet, or a node that is far away, is no offence.
      meshMessageDeliveriesWeight: 0,
      meshFailurePenaltyWeight: 0,
      // Our own account bans at four rejected messages in short order; gossipsub stops listening at five.
      invalidMessageDeliveriesWeight: -5,
      invalidMessageDeliveriesDecay: 0.99,
    });
    return {
      topics: Object.fromEntries(TOPICS.map((name) => [this.#name(name), topic])),
      // Several nodes behind one address are normal in a test network; the gater has the caps for the rest.
      IPColocationFactorWeight: 0,
      // Among these are promises that a busy machine keeps late.
      behaviourPenaltyThreshold: 6,
      behaviourPenaltyWeight: -1,
      retainScore: 10 * 60_000,
    };
  }
}

const RESULTS: Record<Verdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  reject: TopicValidatorResult.Reject,
  ignore: TopicValidatorResult.Ignore,
};

function fits(load: Load, bytes: number, maxMessages: number, maxBytes: number): boolean {
  return load.messages < maxMessages && load.bytes + bytes <= maxBytes;
}

function add(load: Load, messages: number, bytes: number): void {
  load.messages += messages;
  load.bytes += bytes;
}
