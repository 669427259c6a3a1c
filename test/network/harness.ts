/** Real nodes on loopback, whose handlers write down what happened, so that tests can wait for it instead of sleeping. */
import { createHash } from 'node:crypto';
import type { RuleError } from '../../src/base/errors.ts';
import { Hash, type NodeId } from '../../src/base/types.ts';
import { Network } from '../../src/network/host.ts';
import type { NetworkHandlers, NetworkOptions } from '../../src/network/interface.ts';
import { PROTOCOL_VERSION, type Status } from '../../src/network/messages.ts';
import { nodeKeyFromSeed } from '../../src/network/node-key.ts';

export function hash(text: string): Hash {
  return Hash(`0x${createHash('sha256').update(text).digest('hex')}`);
}

export function status(changes: Partial<Status> = {}): Status {
  return {
    protocolVersion: PROTOCOL_VERSION,
    genesisHash: hash('genesis'),
    chainId: 1337,
    engine: 'pow',
    configHash: hash('config'),
    head: hash('head'),
    height: 0,
    weight: 0n,
    finalizedHeight: 0,
    agent: 'synod/test',
    ...changes,
  };
}

export interface Happened {
  readonly what: 'block' | 'transactions' | 'consensus' | 'direct' | 'peer' | 'gone' | 'status' | 'log' | 'failure';
  readonly from?: NodeId;
  readonly bytes?: Uint8Array;
  readonly status?: Status;
  readonly code?: string;
  readonly text?: string;
}

export class TestNode {
  readonly network: Network;
  readonly happened: Happened[];
  readonly #waiting: Set<() => void>;

  constructor(network: Network, happened: Happened[], waiting: Set<() => void>) {
    this.network = network;
    this.happened = happened;
    this.#waiting = waiting;
  }

  get self(): NodeId {
    return this.network.self;
  }

  get address(): string {
    return this.network.addresses()[0] ?? '';
  }

  /** The first event, from the first on or one that is still to come, that fits. */
  until(what: Happened['what'], fits: (event: Happened) => boolean = () => true): Promise<Happened> {
    const { promise, resolve } = Promise.withResolvers<Happened>();
    const look = () => {
      const event = this.happened.find((candidate) => candidate.what === what && fits(candidate));
      if (event === undefined) return;
      this.#waiting.delete(look);
      resolve(event);
    };
    this.#waiting.add(look);
    look();
    return promise;
  }

  /** From now on only. */
  next(what: Happened['what'], fits: (event: Happened) => boolean = () => true): Promise<Happened> {
    const seen = new Set(this.happened);
    return this.until(what, (event) => !seen.has(event) && fits(event));
  }

  knows(other: TestNode): boolean {
    return this.network.peers().some((peer) => peer.id === other.self);
  }

  async meets(other: TestNode): Promise<void> {
    if (!this.knows(other)) await this.next('peer', (event) => event.from === other.self);
  }
}

export interface Setup extends Partial<Omit<NetworkOptions, 'key'>> {
  readonly handlers?: Partial<NetworkHandlers>;
}

const running = new Set<TestNode>();

export async function startNode(seed: number, setup: Setup = {}): Promise<TestNode> {
  const { handlers, ...options } = setup;
  const happened: Happened[] = [];
  const waiting = new Set<() => void>();
  const note = (event: Happened) => {
    happened.push(event);
    for (const look of waiting) look();
  };
  const network = await Network.start(
    {
      key: await nodeKeyFromSeed(new Uint8Array(32).fill(seed)),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootnodes: [],
      maxPeers: 32,
      local: true,
      mdns: false,
      log: (_level, text, fields) => note({ what: 'log', text, code: String(fields.code ?? ''), from: fields.peer as NodeId }),
      ...options,
    },
    {
      status: () => status(),
      onBlock: async (bytes, from) => {
        note({ what: 'block', bytes, from });
        return 'accept';
      },
      onTransactions: async (bytes, from) => {
        note({ what: 'transactions', bytes, from });
        return 'accept';
      },
      onConsensus: async (bytes, from) => {
        note({ what: 'consensus', bytes, from });
        return 'accept';
      },
      onDirect: (bytes, from) => note({ what: 'direct', bytes, from }),
      onPeer: (from, theirs) => note({ what: 'peer', from, status: theirs }),
      onPeerGone: (from) => note({ what: 'gone', from }),
      onStatus: (from, theirs) => note({ what: 'status', from, status: theirs }),
      serveHeaders: () => [],
      serveBlocks: () => [],
      onFailure: (error) => note({ what: 'failure', text: String(error) }),
      ...handlers,
    },
  );
  const node = new TestNode(network, happened, waiting);
  running.add(node);
  return node;
}

/** Connected to the first, and to each other by what it tells them. */
export async function startNodes(count: number, setup: (index: number) => Setup = () => ({})): Promise<TestNode[]> {
  const first = await startNode(1, setup(0));
  const nodes = [first];
  for (let i = 1; i < count; i++) nodes.push(await startNode(i + 1, { bootnodes: [first.address], ...setup(i) }));
  await everybodyMet(nodes);
  return nodes;
}

/** All have sessions with all, and gossip goes between them. */
export async function everybodyMet(nodes: readonly TestNode[]): Promise<void> {
  await Promise.all(nodes.flatMap((node) => nodes.filter((other) => other !== node).map((other) => node.meets(other))));
  await eventually(() => nodes.every((node) => node.network.stats().gossip.subscribers >= nodes.length - 1));
}

export async function stopNode(node: TestNode): Promise<void> {
  running.delete(node);
  await node.network.stop();
}

const cleanUps: (() => Promise<void>)[] = [];

export function cleanUp(action: () => Promise<void>): void {
  cleanUps.push(action);
}

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(stopNode));
  await Promise.all(cleanUps.splice(0).map((action) => action()));
}

/** For what no event tells. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

export function codeOf(error: unknown): string {
  return (error as RuleError).code;
}
