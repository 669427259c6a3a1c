/**
 * Everything that arrives passes through here on its way to the node's handlers: checked as far as it can be without
 * knowing the chain, and with every error caught. What a peer caused becomes a verdict; what failed on our side is told
 * to the node, since an exception inside one of libp2p's events would be lost, or end the process.
 */
import { RuleError } from '../base/errors.ts';
import type { Hash, NodeId } from '../base/types.ts';
import { openEnvelope } from './envelope.ts';
import type { Topic, Verdict } from './gossip.ts';
import type { NetworkHandlers, NetworkLog } from './interface.ts';
import type { HeadersRequest } from './messages.ts';
import type { Served } from './requests.ts';
import type { Session } from './sessions.ts';

export class Intake {
  readonly #handlers: NetworkHandlers;
  readonly #genesisHash: Hash;
  readonly #listensTo: (id: NodeId) => boolean;
  readonly #log: NetworkLog;
  readonly #offence: (peer: NodeId, error: RuleError) => void;

  constructor(
    handlers: NetworkHandlers,
    genesisHash: Hash,
    listensTo: (id: NodeId) => boolean,
    log: NetworkLog,
    offence: (peer: NodeId, error: RuleError) => void,
  ) {
    this.#handlers = handlers;
    this.#genesisHash = genesisHash;
    this.#listensTo = listensTo;
    this.#log = log;
    this.#offence = offence;
  }

  /** Of a gossip message. Does not throw. */
  async validate(topic: Topic, bytes: Uint8Array, from: NodeId): Promise<Verdict> {
    if (!this.#listensTo(from)) return 'ignore';
    try {
      return await this.#judge(topic, bytes, from);
    } catch (error) {
      if (error instanceof RuleError) {
        this.#log('debug', 'Gossip refused', { peer: from, topic, code: error.code, reason: error.message });
        return error.blame ? 'reject' : 'ignore';
      }
      this.#handlers.onFailure(error);
      return 'ignore';
    }
  }

  direct(bytes: Uint8Array, from: NodeId): void {
    if (this.#listensTo(from)) this.#tell(from, () => this.#handlers.onDirect(bytes, from));
  }

  peer(session: Session): void {
    this.#tell(session.id, () => this.#handlers.onPeer(session.id, session.status));
  }

  status(session: Session): void {
    this.#tell(session.id, () => this.#handlers.onStatus(session.id, session.status));
  }

  gone(session: Session): void {
    this.#tell(session.id, () => this.#handlers.onPeerGone(session.id));
  }

  /** What we answer to requests. A RuleError is the asker's: it is thrown on, and ends the request. */
  served(addresses: (session: Session) => readonly string[]): Served {
    return {
      serveHeaders: (request: HeadersRequest) => this.#call(() => this.#handlers.serveHeaders(request), []),
      serveBlocks: (hashes: readonly Hash[]) => this.#call(() => this.#handlers.serveBlocks(hashes), []),
      serveTransactions: () => this.#call(() => this.#handlers.serveTransactions?.() ?? [], []),
      serveAddresses: addresses,
    };
  }

  async #judge(topic: Topic, bytes: Uint8Array, from: NodeId): Promise<Verdict> {
    switch (topic) {
      case 'blocks':
        return this.#handlers.onBlock(bytes, from);
      case 'transactions':
        return this.#handlers.onTransactions(bytes, from);
      case 'consensus': {
        const { author, message } = await openEnvelope(bytes, this.#genesisHash);
        return this.#listensTo(author) ? this.#handlers.onConsensus(message, author) : 'ignore';
      }
    }
  }

  #call<T>(handler: () => T, otherwise: T): T {
    try {
      return handler();
    } catch (error) {
      if (error instanceof RuleError) throw error;
      this.#handlers.onFailure(error);
      return otherwise;
    }
  }

  #tell(peer: NodeId, handler: () => void): void {
    try {
      this.#call(handler, undefined);
    } catch (error) {
      this.#offence(peer, error as RuleError);
    }
  }
}
