/** Databases with bugs that the simulator must find. */
import { VirtualDatabase } from '../../src/simulator/real/virtual-database.ts';
import type { BatchOperation, Database } from '../../src/storage/database.ts';

const FORGOTTEN = 9;

/** Acknowledges every batch, and has every ninth only in memory. */
export class ForgetfulDatabase extends VirtualDatabase {
  #batches = 0;

  protected override apply(operations: readonly BatchOperation[]): void {
    if (++this.#batches % FORGOTTEN !== 0) super.apply(operations);
  }
}

/** Writes the first half of a batch before the rest: a crash in between leaves that. */
export class TornDatabase extends VirtualDatabase {
  override open(disk: Parameters<VirtualDatabase['open']>[0]): Database {
    const whole = super.open(disk);
    return {
      get: (key) => whole.get(key),
      entries: (range) => whole.entries(range),
      close: () => whole.close(),
      write: (operations) => {
        this.apply(operations.slice(0, Math.ceil(operations.length / 2)));
        return whole.write(operations);
      },
    };
  }
}
