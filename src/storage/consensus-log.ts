/**
 * The consensus log: what this node must not forget (votes, terms, ballots), synced before a message that depends on it
 * leaves (reliability rule c). One row for each record under its position, so that a lost one is seen as a gap.
 *
 * It has a database of its own: a chain can be discarded and fetched again from peers, promises cannot.
 */
import { assert } from '../base/assert.ts';
import { StorageError } from '../base/errors.ts';
import { Lsn } from '../base/types.ts';
import { CheckedDatabase, deleteOperation, missing, putOperation } from './checked.ts';
import type { Database } from './database.ts';
import { TABLES } from './layout.ts';
import type { LogState } from './records.ts';
import { REMEDIES } from './remedies.ts';

/** What a restart begins with: the arguments of the driver's `start`, and the log. */
export interface RecoveredLog {
  readonly log: ConsensusLog;
  /** Every record since the last truncation, in order. */
  readonly records: readonly Uint8Array[];
  /** Raised by one, durably, at each opening. */
  readonly incarnation: number;
  /** Position of the last record that was ever written; 0 for none. */
  readonly lsn: Lsn;
}

export interface ConsensusLogOptions {
  /** False when the log is known to exist already: an empty one is then damage. */
  readonly create?: boolean;
  /** A write failed: the node must stop signing and end. */
  readonly fail: (error: unknown) => void;
}

/** The driver's log port. */
export class ConsensusLog {
  readonly #checked: CheckedDatabase;
  readonly #fail: (error: unknown) => void;
  #state: LogState;

  private constructor(checked: CheckedDatabase, state: LogState, fail: (error: unknown) => void) {
    this.#checked = checked;
    this.#state = state;
    this.#fail = fail;
  }

  /** Throws StorageError `storage/missing`, `storage/log-gap` or `storage/corrupt`. */
  static async open(database: Database, options: ConsensusLogOptions): Promise<RecoveredLog> {
    const checked = new CheckedDatabase(database);
    const found = checked.get(TABLES.logState, null);
    if (found === undefined && options.create === false) throw missing(TABLES.logState, 'this node');
    const { incarnation, first, last } = found ?? { incarnation: 0, first: Lsn(1), last: Lsn(0) };
    const records = await readRecords(checked, first, last);
    const state = { incarnation: incarnation + 1, first, last };
    await database.write([putOperation(TABLES.logState, null, state)]);
    return { log: new ConsensusLog(checked, state, options.fail), records, incarnation: state.incarnation, lsn: last };
  }

  /** `lsn` is the position of the last of `records`. Records below `truncateBelow` are dropped in the same batch. */
  append(lsn: Lsn, records: readonly Uint8Array[], truncateBelow: Lsn | undefined, done: () => void): void {
    const { incarnation, first, last } = this.#state;
    assert(lsn === last + records.length, `record ${lsn} follows ${last} by ${records.length} records`);
    const kept = Lsn(Math.max(first, Math.min(truncateBelow ?? first, lsn + 1)));
    this.#state = { incarnation, first: kept, last: lsn };
    const operations = [
      ...records.map((record, i) => putOperation(TABLES.logEntry, last + 1 + i, record)),
      ...Array.from({ length: kept - first }, (_, i) => deleteOperation(TABLES.logEntry, first + i)),
      putOperation(TABLES.logState, null, this.#state),
    ];
    this.#checked.database.write(operations).then(done).catch(this.#fail);
  }

  async close(): Promise<void> {
    await this.#checked.database.close();
  }
}

async function readRecords(checked: CheckedDatabase, first: Lsn, last: Lsn): Promise<Uint8Array[]> {
  const records: Uint8Array[] = [];
  for await (const [number, record] of checked.rows(TABLES.logEntry, 0, Number.MAX_SAFE_INTEGER)) {
    if (number !== first + records.length) throw gap(first + records.length);
    records.push(record);
  }
  if (records.length !== last - first + 1) throw gap(first + records.length);
  return records;
}

function gap(lsn: number): StorageError {
  const message = `Record ${lsn} of the consensus log is not what the log says: this node may have signed what it no longer knows. ${REMEDIES.consensus}`;
  return new StorageError('storage/log-gap', message, { lsn });
}
