/** The clients of a comparison on real processes: they do what those of the simulator do (`simulated-clients.ts`), by the same rules. */
import { present } from '../base/assert.ts';
import type { Address, Hash } from '../base/types.ts';
import type { LoadBook } from './book.ts';
import { NodeLink } from './node-link.ts';
import type { FinalityRule } from './plan.ts';
import { PATIENCE_MS } from './simulated-clients.ts';
import { type SignedTransfer, signTransfer } from './transfers.ts';

export interface Wallet {
  readonly address: Address;
  readonly secret: Uint8Array;
}

interface Client {
  readonly wallet: Wallet;
  readonly to: Address;
  node: number;
  nonce: number;
  waiting: SignedTransfer | null;
  /** To this node, first and last. */
  firstMs: number;
  sentMs: number;
}

/** A case under way. */
interface Turn {
  readonly book: LoadBook;
  readonly startedMs: number;
  readonly cutOff: ReadonlySet<number>;
  isOpen: boolean;
}

const LOOK_MS = 100;
const AGAIN_MS = 1_000;

export class ProcessClients {
  readonly links: readonly NodeLink[];
  readonly #chainId: number;
  readonly #clients: readonly Client[];
  /** By what they wait for. */
  readonly #byHash = new Map<Hash, Client>();
  readonly #timer: NodeJS.Timeout;
  #turn: Turn | null = null;

  constructor(chainId: number, wallets: readonly Wallet[], nodes: number, finality: FinalityRule) {
    this.#chainId = chainId;
    this.links = Array.from(
      { length: nodes },
      (_, node) => new NodeLink(finality, { included: (hashes) => this.#included(node, hashes), final: (hashes) => this.#final(hashes) }),
    );
    this.#clients = wallets.map((wallet, i) => {
      const { address } = present(wallets[(i + 1) % wallets.length], 'a wallet');
      return { wallet, to: address, node: i % nodes, nonce: 0, waiting: null, firstMs: 0, sentMs: 0 };
    });
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Clients send from now on, until `rest`. `cutOff` says at each moment which nodes are. */
  begin(book: LoadBook, cutOff: ReadonlySet<number>): void {
    this.#turn = { book, startedMs: performance.now(), cutOff, isOpen: true };
    for (const [i, client] of this.#clients.entries()) {
      client.node = i % this.links.length;
      this.#next(client);
    }
  }

  /** Nothing new is sent; what is under way is still waited for. */
  rest(): void {
    if (this.#turn !== null) this.#turn.isOpen = false;
  }

  close(): void {
    clearInterval(this.#timer);
    for (const link of this.links) link.leave();
  }

  /** Since the case began. */
  get #nowMs(): number {
    return performance.now() - (this.#turn?.startedMs ?? 0);
  }

  #next(client: Client): void {
    const turn = this.#turn;
    if (turn === null || !turn.isOpen) return;
    // What an earlier case did not see the end of comes first: the same transfer, since its nonce is not used.
    client.waiting ??= signTransfer(this.#chainId, client.wallet.secret, client.nonce, client.to);
    this.#byHash.set(client.waiting.hash, client);
    turn.book.sent(client.waiting.hash, turn.cutOff.has(client.node) ? 'minority' : 'majority', this.#nowMs);
    client.firstMs = performance.now();
    this.#send(client);
  }

  #send(client: Client): void {
    client.sentMs = performance.now();
    if (client.waiting !== null) this.links[client.node]?.send(client.waiting.raw);
  }

  #look(): void {
    for (const client of this.#clients) {
      if (client.waiting === null) continue;
      if (this.#isLost(client)) {
        client.node = this.#upAfter(client.node);
        client.firstMs = performance.now();
        client.sentMs = client.firstMs - AGAIN_MS;
      }
      if (this.links[client.node]?.has(client.waiting.hash) === true) this.#taken(client, client.waiting);
      else if (performance.now() - client.sentMs >= AGAIN_MS) this.#send(client);
    }
  }

  #isLost({ node, firstMs }: Client): boolean {
    if (this.links[node]?.isUp !== true) return true;
    return this.#turn?.cutOff.size === 0 && performance.now() - firstMs >= PATIENCE_MS;
  }

  #upAfter(node: number): number {
    const count = this.links.length;
    const others = this.links.map((_, i) => (node + 1 + i) % count);
    return others.find((other) => this.links[other]?.isUp === true) ?? node;
  }

  #included(node: number, hashes: readonly Hash[]): void {
    for (const hash of hashes) {
      const client = this.#byHash.get(hash);
      if (client?.node === node && client.waiting?.hash === hash) this.#taken(client, client.waiting);
    }
  }

  #taken(client: Client, { hash }: SignedTransfer): void {
    this.#turn?.book.included(hash, this.#nowMs);
    // Its node may have said that it is final before this client was there.
    if (this.links[client.node]?.isFinal(hash) === true) this.#turn?.book.final(hash, this.#nowMs);
    this.#byHash.delete(hash);
    client.waiting = null;
    client.nonce++;
    this.#next(client);
  }

  #final(hashes: readonly Hash[]): void {
    for (const hash of hashes) if (!this.#byHash.has(hash)) this.#turn?.book.final(hash, this.#nowMs);
  }
}
