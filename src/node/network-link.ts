/**
 * Ties the network to the rest of the node: what peers ask is answered from the durable chain, what they send goes to
 * the inbox, the driver or sync, and the driver's and sync's words go out as messages and requests.
 */
import { EMPTY } from '../base/bytes.ts';
import { RuleError, SynodError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { decodeProvenBlock, decodeSealedHeader, encodeBlock, encodeProvenBlock, encodeSealedHeader } from '../chain/block.ts';
import { hashHeader, type SealedHeader } from '../chain/header.ts';
import type { ChainParams } from '../chain/params.ts';
import type { Mempool } from '../mempool/mempool.ts';
import type { Network, NetworkHandlers } from '../network/host.ts';
import {
  configHash,
  decodeTransactions,
  type HeadersRequest,
  PROTOCOL_VERSION,
  type Status,
  type TransactionBatch,
} from '../network/messages.ts';
import { weightOf } from '../network/reputation.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import { serveBlocks, serveHeaders } from '../sync/serve.ts';
import type { Verdict } from './block-intake.ts';
import { believeSenders, decodeDirectWord, encodeDirectWord, sendersIn, sendersOf } from './direct-words.ts';
import type { Driver } from './driver.ts';
import type { Inbox } from './inbox.ts';
import type { TransportPort } from './ports.ts';
import type { TransactionRelay } from './relay.ts';
import type { SyncHost, SyncTransport } from './sync-host.ts';
import type { Withheld } from './withheld.ts';

/** What the handlers reach; bound once everything is made. */
export interface NodeParts {
  readonly params: ChainParams;
  /** The genesis block, and the fork if the network is one (storage/identity.ts). */
  readonly networkHash: Hash;
  readonly engineName: string;
  readonly store: ChainStore;
  readonly pool: Mempool;
  readonly inbox: Inbox;
  readonly driver: Driver;
  readonly sync: SyncHost;
  readonly relay: TransactionRelay;
  /** Blocks that peers must not hear of, in a test network; null in any other. */
  readonly withheld: Withheld | null;
  readonly agent: string;
  readonly fatal: (error: unknown) => void;
}

/** Pending transactions that a peer is given when it connects. */
const MAX_SHARED_TRANSACTIONS = 4_096;

/** `network` resolves once it is bound: a peer may be quicker than the composition root. */
export function networkHandlers(parts: NodeParts, network: Promise<Network>): NetworkHandlers {
  const { store, pool, inbox, driver, sync, withheld, fatal } = parts;
  const isPublic = (hash: Hash) => withheld?.has(hash) !== true;
  const status = statusOf(parts);
  const once = (action: (bound: Network) => void) => void network.then(action).catch(fatal);
  return {
    status,
    onBlock: async (bytes, from) => {
      await network;
      return inbox.block(bytes, from);
    },
    onTransactions: async (bytes) => {
      await network;
      return inbox.transactions(bytes);
    },
    onConsensus: async (bytes, from) => {
      await network;
      // An offence is held against the sender by the engine's own effect.
      const { promise, resolve } = Promise.withResolvers<Verdict>();
      const isTaken = driver.receiveMessage(from, bytes, (passOn) => resolve(passOn ? 'accept' : 'ignore'));
      return isTaken ? promise : 'ignore';
    },
    onDirect: (bytes, from) => once((bound) => receiveDirect(parts, bound, bytes, from)),
    onPeer: (peer, theirs) =>
      once((bound) => {
        sync.peer(peer, theirs);
        void learnTransactions(parts, bound, peer);
      }),
    onPeerGone: (peer) => once(() => sync.peerGone(peer)),
    onStatus: (peer, theirs) => once(() => sync.peer(peer, theirs)),
    serveHeaders: (request) =>
      serveHeaders(store, locatorOf(store, request), request.limit)
        .filter(({ header }) => withheld === null || isPublic(hashHeader(header)))
        .map(encodeSealedHeader),
    serveBlocks: (hashes) => serveBlocks(store, hashes.filter(isPublic)).map(encodeProvenBlock),
    serveTransactions: () => pool.executable(MAX_SHARED_TRANSACTIONS),
    onFailure: fatal,
  };
}

function statusOf({ params, networkHash, engineName, store, withheld, agent }: NodeParts): () => Status {
  const fixed = {
    protocolVersion: PROTOCOL_VERSION,
    genesisHash: networkHash,
    chainId: params.chainId,
    engine: engineName,
    configHash: configHash(params),
    agent,
  };
  return () => {
    const { finalized } = store;
    const head = withheld === null ? store.head : withheld.public(store.head, (hash) => store.header(hash));
    return {
      ...fixed,
      head: head.hash,
      height: head.header.number,
      weight: head.facts.weight,
      finalizedHeight: finalized.header.number,
    };
  };
}

/** A request by height is one whose locator is the canonical block below it. */
function locatorOf(store: ChainStore, request: HeadersRequest): readonly Hash[] {
  if ('locator' in request) return request.locator;
  const below = request.from > 0 ? store.canonical(request.from - 1) : undefined;
  return below === undefined ? [] : [below];
}

/** Gossip reaches only those who are there; who comes later, or was cut off, asks what is pending, and passes it on. */
async function learnTransactions({ inbox, relay, fatal }: NodeParts, network: Network, peer: NodeId): Promise<void> {
  try {
    const transactions = await network.requestTransactions(peer).catch((error: unknown) => {
      // No answer, or one that was malformed: the network has dealt with the peer.
      if (error instanceof RuleError) return [];
      throw error;
    });
    for (const transaction of inbox.pending(transactions)) relay.add(transaction);
  } catch (error) {
    if (error instanceof RuleError) network.offence(peer, error);
    else fatal(error);
  }
}

/** Transactions that were meant for the leader go on to the one there is now, where this node is none any more. */
function receiveDirect({ driver, inbox, relay }: NodeParts, network: Network, bytes: Uint8Array, from: NodeId): void {
  try {
    const { kind, content, senders } = decodeDirectWord(bytes);
    if (senders.length > 0 && driver.believes(from)) believeSenders(senders);
    if (kind === 'message') driver.receiveMessage(from, content);
    else for (const transaction of inbox.pending(decodeTransactions(content))) relay.add(transaction);
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    network.offence(from, error);
  }
}

/** To the node that makes the next block. False where it is not connected. */
export function forwardTransactions(network: Network, driver: Driver, to: NodeId, batch: TransactionBatch): boolean {
  if (!network.isConnected(to)) return false;
  const senders = driver.believes(to) ? sendersOf(batch.transactions) : EMPTY;
  network.sendDirect(to, encodeDirectWord({ kind: 'transactions', content: batch.message, senders }));
  return true;
}

/** `believes`: whose word is taken for senders of transactions, and who takes ours. */
export function transportPort(network: () => Network, sync: () => SyncHost, believes: (peer: NodeId) => boolean): TransportPort {
  return {
    send: (to, content, carried) => {
      if (to === '*') return network().publishConsensus(content);
      const senders = believes(to) ? sendersIn(carried()) : EMPTY;
      network().sendDirect(to, encodeDirectWord({ kind: 'message', content, senders }));
    },
    announce: (block) => network().publishBlock(encodeBlock(block)),
    fetch: (hash, from) => sync().wanted(hash, from),
    offence: (from, error) => network().offence(from, error, weightOf(error)),
  };
}

export function syncTransport(network: () => Network, fatal: (error: unknown) => void): SyncTransport {
  return {
    requestHeaders: (peer, locator, limit, done) =>
      answer(decoded(network(), peer, network().requestHeaders(peer, { locator, limit }), decodeSealedHeader), done, fatal),
    requestBlocks: (peer, hashes, done) =>
      answer(decoded(network(), peer, network().requestBlocks(peer, hashes), decodeProvenBlock), done, fatal),
    offence: (peer, error) => network().offence(peer, error, weightOf(error)),
  };
}

function answer<T>(reply: Promise<T>, done: (value: T | null) => void, fatal: (error: unknown) => void): void {
  reply.then(done, (error: unknown) => {
    // What a peer does wrong is the network's to punish; anything that is not an error of ours is a bug.
    if (error instanceof SynodError) done(null);
    else fatal(error);
  });
}

/** Decodes a reply; what cannot be decoded is an offence of the peer that sent it. */
async function decoded<T extends SealedHeader>(
  network: Network,
  peer: NodeId,
  reply: Promise<readonly Uint8Array[]>,
  decode: (bytes: Uint8Array) => T,
): Promise<readonly T[]> {
  const list = await reply;
  try {
    return list.map(decode);
  } catch (error) {
    if (error instanceof RuleError) network.offence(peer, error);
    throw error;
  }
}
