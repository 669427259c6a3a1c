/** The consensus log on a virtual disk: what was acknowledged survives, in order and without gaps. */
import { assert } from '../base/assert.ts';
import { Lsn } from '../base/types.ts';
import type { LogPort } from '../node/ports.ts';
import type { DiskFile } from './disk.ts';

/** What is on the disk. */
export class DurableLog {
  records: Uint8Array[] = [];
  /** Positions of the first record that is kept and of the last that was ever written. */
  first: Lsn = Lsn(1);
  last: Lsn = Lsn(0);
  /** Raised, durably, at each start. */
  incarnation = 0;
}

/** One life's port. */
export function logPort(durable: DurableLog, file: DiskFile, onDurable: (lsn: Lsn) => void): LogPort {
  let appended = durable.last;
  return {
    append(lsn, records, truncateBelow, done) {
      assert(lsn === appended + records.length, () => `record ${lsn} follows ${appended} by ${records.length} records`);
      appended = lsn;
      const copies = records.map((record) => record.slice());
      const apply = () => {
        durable.records.push(...copies);
        durable.last = lsn;
        const first = Lsn(Math.max(durable.first, Math.min(truncateBelow ?? durable.first, lsn + 1)));
        durable.records.splice(0, first - durable.first);
        durable.first = first;
      };
      file.write(apply, () => {
        onDurable(lsn);
        done();
      });
    },
  };
}
