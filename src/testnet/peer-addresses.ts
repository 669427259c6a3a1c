/**
 * Where the nodes of a test network listened for each other when they were last up (`addresses.json`). Each starts on the port that it
 * had, and is told the last addresses of all others: so what others remember of it holds, and nodes that are started at one moment,
 * none of which is up yet, find each other. Losing the file costs nothing but that.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { z } from 'zod';
import { paths } from './manifest.ts';

const Addresses = z.record(z.string().regex(/^\d+$/), z.array(z.string().regex(/^\/ip4\/127\.0\.0\.1\/tcp\/\d{1,5}\/p2p\/\w+$/)));
const ANY_PORT = 0;
const MAX_PORT = 65_535;

export class PeerAddresses {
  readonly #file: string;
  readonly #last: Map<number, readonly string[]>;
  readonly #ports = new Map<number, number>();

  constructor(directory: string) {
    this.#file = paths.addresses(directory);
    this.#last = load(this.#file);
  }

  /** To be awaited before a node's start: its port will be that of the last, unless somebody else has that now. */
  async choosePort(index: number): Promise<void> {
    const port = portOf(this.of(index));
    this.#ports.set(index, port !== ANY_PORT && (await isFree(port)) ? port : ANY_PORT);
  }

  /** What was chosen; 0 for any. */
  port(index: number): number {
    return this.#ports.get(index) ?? ANY_PORT;
  }

  /** Where the node is, or was when it was last up. */
  of(index: number): readonly string[] {
    return this.#last.get(index) ?? [];
  }

  /** The node is up, and says that it listens there. */
  note(index: number, addresses: readonly string[]): void {
    if (this.of(index).join() === addresses.join()) return;
    this.#last.set(index, addresses);
    writeFileSync(this.#file, JSON.stringify(Object.fromEntries(this.#last)), { mode: 0o600 });
  }
}

function load(file: string): Map<number, readonly string[]> {
  try {
    const addresses = Addresses.parse(JSON.parse(readFileSync(file, 'utf8')));
    return new Map(Object.entries(addresses).map(([index, of]) => [Number(index), of]));
  } catch {
    return new Map();
  }
}

function portOf([address = '']: readonly string[]): number {
  const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1] ?? ANY_PORT);
  return port <= MAX_PORT ? port : ANY_PORT;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
