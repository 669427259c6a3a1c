/** A peer that speaks plain libp2p and says to a node whatever a test wants, with or without the handshake. */
import { type GossipSub, gossipsub } from '@libp2p/gossipsub';
import { type Identify, identify } from '@libp2p/identify';
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { NodeId } from '../../src/base/types.ts';
import { frame, readFrame } from '../../src/network/frames.ts';
import type { Topic } from '../../src/network/gossip.ts';
import { encodeStatus, type Status } from '../../src/network/messages.ts';
import { nodeKeyFromSeed } from '../../src/network/node-key.ts';
import { STATUS_PROTOCOL } from '../../src/network/sessions.ts';
import { cleanUp, hash, status, type TestNode } from './harness.ts';

const GENESIS = hash('genesis').slice(2);

function protocol(kind: string): string {
  return kind === 'status' ? STATUS_PROTOCOL : `/synod/${GENESIS.slice(0, 8)}/${kind}/1`;
}

export class Stranger {
  readonly self: NodeId;
  readonly libp2p: Libp2p<{ identify: Identify; pubsub: GossipSub }>;

  constructor(libp2p: Libp2p<{ identify: Identify; pubsub: GossipSub }>) {
    this.libp2p = libp2p;
    this.self = NodeId(libp2p.peerId.toString());
  }

  static async make(seed: number): Promise<Stranger> {
    const libp2p = await createLibp2p({
      privateKey: await nodeKeyFromSeed(new Uint8Array(32).fill(seed)),
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        pubsub: gossipsub({ globalSignaturePolicy: 'StrictNoSign', allowPublishToZeroTopicPeers: false, floodPublish: true }),
      },
    });
    cleanUp(() => libp2p.stop() as Promise<void>);
    return new Stranger(libp2p);
  }

  /** Handshake and gossip stream done. */
  static async connect(seed: number, node: TestNode, changes: Partial<Status> = {}): Promise<Stranger> {
    const stranger = await Stranger.make(seed);
    await stranger.dial(node);
    await stranger.shakeHands(node, encodeStatus(status(changes)));
    return stranger;
  }

  get address(): string {
    return String(this.libp2p.getMultiaddrs()[0]);
  }

  /** Answers requests of a node, in its own way. */
  async serve(kind: string, answer: (stream: Stream) => void): Promise<void> {
    await this.libp2p.handle(protocol(kind), (stream) => {
      stream.addEventListener('message', () => undefined);
      answer(stream);
    });
  }

  async dial(node: TestNode): Promise<Connection> {
    return this.libp2p.dial(multiaddr(node.address));
  }

  /** Any stream of a protocol of ours, by its name without prefix. */
  async open(node: TestNode, kind: string): Promise<Stream> {
    const connection = await this.dial(node);
    return connection.newStream(protocol(kind));
  }

  async shakeHands(node: TestNode, message: Uint8Array): Promise<Uint8Array> {
    return this.ask(node, 'status', message);
  }

  async ask(node: TestNode, kind: string, message: Uint8Array): Promise<Uint8Array> {
    const stream = await this.open(node, kind);
    stream.send(frame(message));
    const answer = await readFrame(stream, 2 ** 31, AbortSignal.timeout(10_000));
    await stream.close();
    return answer;
  }

  /** Waits for somebody who listens, and sends. */
  async publish(topic: Topic, bytes: Uint8Array): Promise<void> {
    const name = `/synod/${GENESIS}/${topic}`;
    const { pubsub } = this.libp2p.services;
    if (!pubsub.getTopics().includes(name)) pubsub.subscribe(name);
    const deadline = Date.now() + 3_000;
    while (pubsub.getSubscribers(name).length === 0 && Date.now() < deadline && this.libp2p.getConnections().length > 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    await pubsub.publish(name, bytes).catch(() => undefined);
  }

  async disconnected(): Promise<void> {
    while (this.libp2p.getConnections().length > 0) {
      await new Promise((resolve) => this.libp2p.addEventListener('connection:close', resolve, { once: true }));
    }
  }
}
