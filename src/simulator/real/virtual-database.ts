/**
 * A database on a virtual disk. Its content outlives crashes; each life reads and writes it through a `MemoryDatabase` of
 * its own. Batches reach the disk one after another, whole or not at all: of a batch that was torn in a crash, as of one
 * that was not written, nothing is left (LevelDB drops a log record whose checksum fails).
 */
import type { BatchOperation, Database } from '../../storage/database.ts';
import { keyText } from '../../storage/layout.ts';
import { MemoryDatabase } from '../../storage/memory.ts';
import type { Disk } from '../disk.ts';
import type { AsyncWork } from './async-work.ts';

export class VirtualDatabase {
  /** What is on the disk, by the latin-1 text of the key. */
  protected readonly entries = new Map<string, Uint8Array>();
  readonly #work: AsyncWork;

  constructor(work: AsyncWork) {
    this.#work = work;
  }

  /** For one life of the node. A write that the disk refuses rejects, and so does every one after it. */
  open(disk: Disk): Database {
    let refuse: (error: unknown) => void = () => undefined;
    const file = disk.open({
      onError: (error) => {
        this.#work.touch();
        refuse(error);
      },
    });
    const write = (operations: readonly BatchOperation[]) =>
      new Promise<void>((resolve, reject) => {
        refuse = reject;
        const done = () => {
          this.#work.touch();
          resolve();
        };
        file.write(() => this.apply(operations), done);
      });
    return new MemoryDatabase(write, this.entries);
  }

  protected apply(operations: readonly BatchOperation[]): void {
    for (const operation of operations) {
      const key = keyText(operation.key);
      if (operation.type === 'put') this.entries.set(key, operation.value);
      else this.entries.delete(key);
    }
  }
}
