/**
 * The ports on which the nodes of a test network listen for each other, kept over restarts (`ports.json`): what others remember of a
 * node then still holds, and nodes that are started at one moment, without a bootnode, find each other. Losing the file costs nothing
 * but time.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { z } from 'zod';
import { paths } from './manifest.ts';

const Ports = z.record(z.string().regex(/^\d+$/), z.int().min(1).max(65_535));
const ANY = 0;

export class PeerPorts {
  readonly #file: string;
  readonly #last: Map<number, number>;
  readonly #next = new Map<number, number>();

  constructor(directory: string) {
    this.#file = paths.ports(directory);
    this.#last = load(this.#file);
  }

  /** To be awaited before a node's start: its last port, unless somebody else has that now. */
  async choose(index: number): Promise<void> {
    const last = this.#last.get(index) ?? ANY;
    this.#next.set(index, last !== ANY && (await isFree(last)) ? last : ANY);
  }

  /** What was chosen; 0 for any. */
  next(index: number): number {
    return this.#next.get(index) ?? ANY;
  }

  /** The node is up, and says that it listens there. */
  note(index: number, addresses: readonly string[]): void {
    const [, port] = /\/tcp\/(\d+)/.exec(addresses[0] ?? '') ?? [];
    if (port === undefined || this.#last.get(index) === Number(port)) return;
    this.#last.set(index, Number(port));
    writeFileSync(this.#file, JSON.stringify(Object.fromEntries(this.#last)), { mode: 0o600 });
  }
}

function load(file: string): Map<number, number> {
  try {
    const ports = Ports.parse(JSON.parse(readFileSync(file, 'utf8')));
    return new Map(Object.entries(ports).map(([index, port]) => [Number(index), port]));
  } catch {
    return new Map();
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
