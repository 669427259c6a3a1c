/**
 * Remembers the transactions that this node took from its own clients, as geth's journal does, so that a node that dies
 * right after its answer still has them at the next start. (What peers sent, they have themselves.)
 *
 * `<datadir>/synod/transactions.journal` is a row of [length, CRC-32 of the bytes, bytes], both numbers in 4 bytes, big
 * endian. It is written before the client is answered and not synced: it outlives the process, not a power failure. A
 * torn end is cut off. When it has grown it is written again with what the pool still holds.
 */
import { closeSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import type { Hash } from '../base/types.ts';
import { MAX_TRANSACTION_BYTES } from '../execution/transaction.ts';

export interface JournalPorts {
  /** Puts a transaction back into the pool. Throws for one that it does not take any more. */
  readonly add: (bytes: Uint8Array) => Hash;
  /** Whether the pool still holds it. */
  readonly has: (hash: Hash) => boolean;
  readonly warn: (message: string, fields: { readonly [name: string]: string | number }) => void;
}

interface Entry {
  readonly hash: Hash;
  readonly bytes: Uint8Array;
}

const HEAD_BYTES = 8;
/** Written again at twice what was kept, and not below this. */
const MIN_ROTATE_BYTES = 4 * 1024 * 1024;
/** More than the pool's own clients could fill it with. */
const MAX_FILE_BYTES = 512 * 1024 * 1024;

export class PoolJournal {
  readonly #path: string;
  readonly #ports: JournalPorts;
  #entries: Entry[] = [];
  #bytes = 0;
  #rotateAtBytes = MIN_ROTATE_BYTES;
  /** Null once writing has failed: the node goes on without a journal, and has said so. */
  #file: number | null = null;

  constructor(path: string, ports: JournalPorts) {
    this.#path = path;
    this.#ports = ports;
  }

  /** Puts what an earlier run left back into the pool, and answers how many that were. Call it once, before anything else. */
  open(): number {
    try {
      for (const bytes of this.#read()) {
        try {
          this.#note({ hash: this.#ports.add(bytes), bytes });
        } catch {
          // Mined since, or replaced, or no longer paid for.
        }
      }
      this.#rotate();
    } catch (error) {
      this.#fail(error);
    }
    return this.#entries.length;
  }

  append(hash: Hash, bytes: Uint8Array): void {
    if (this.#file === null) return;
    try {
      writeSync(this.#file, record(bytes));
      this.#note({ hash, bytes });
      if (this.#bytes >= this.#rotateAtBytes) this.#rotate();
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }

  #read(): Uint8Array[] {
    const content = readIfThere(this.#path);
    const found: Uint8Array[] = [];
    let at = 0;
    while (at + HEAD_BYTES <= content.length) {
      const length = content.readUInt32BE(at);
      const bytes = content.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length);
      if (length > MAX_TRANSACTION_BYTES || bytes.length < length || crc32(bytes) !== content.readUInt32BE(at + 4)) break;
      found.push(new Uint8Array(bytes));
      at += HEAD_BYTES + length;
    }
    if (at < content.length) {
      this.#ports.warn('The end of the transaction journal was torn and is left out', {
        kept: found.length,
        bytesLost: content.length - at,
      });
    }
    return found;
  }

  #note(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += HEAD_BYTES + entry.bytes.length;
  }

  #rotate(): void {
    this.#entries = this.#entries.filter(({ hash }) => this.#ports.has(hash));
    const content = Buffer.concat(this.#entries.map(({ bytes }) => record(bytes)));
    writeFileSync(`${this.#path}.new`, content, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
    this.close();
    this.#file = openSync(this.#path, 'a', 0o600);
    this.#bytes = content.length;
    this.#rotateAtBytes = Math.max(MIN_ROTATE_BYTES, 2 * content.length);
  }

  #fail(error: unknown): void {
    this.#ports.warn('Transactions of clients are not remembered over a restart from now on', { file: this.#path, reason: String(error) });
    try {
      this.close();
    } catch {
      this.#file = null;
    }
  }
}

function record(bytes: Uint8Array): Uint8Array {
  const whole = Buffer.alloc(HEAD_BYTES + bytes.length);
  whole.writeUInt32BE(bytes.length, 0);
  whole.writeUInt32BE(crc32(bytes), 4);
  whole.set(bytes, HEAD_BYTES);
  return whole;
}

function readIfThere(path: string): Buffer {
  try {
    const content = readFileSync(path);
    return content.subarray(0, MAX_FILE_BYTES);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}
