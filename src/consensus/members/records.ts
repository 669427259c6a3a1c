/**
 * How a permissioned engine reads its records in the consensus log. RLP: [format, kind, ...]. A log that this version of synod
 * did not write, or nobody did, ends the start: a member that goes on without what it has said may say the contrary.
 */
import { DecodeError, StorageError } from '../../base/errors.ts';
import { Lsn } from '../../base/types.ts';
import { bytesField, decodeRlp, listField, safeNumber } from '../../chain/rlp.ts';
import type { Event } from '../engine.ts';
import { Fields } from './fields.ts';

export interface RecordFormat {
  /** As the genesis file calls it, for codes: `zab/record`, `zab/record-format`. */
  readonly engine: string;
  /** For people: "Zab". */
  readonly name: string;
  /** Raised with every change of what the records are. */
  readonly format: number;
  /** Format and kind count. */
  readonly maxFields: number;
  /** What to do, and what not. */
  readonly advice: string;
}

/** Throws StorageError `<engine>/record-format` for what another version of synod wrote, `<engine>/record` for what none did. */
export function readRecord<Kept>(bytes: Uint8Array, format: RecordFormat, recordOf: (kind: number, fields: Fields) => Kept): Kept {
  const { engine, name, advice, maxFields } = format;
  try {
    const [version, kind, ...rest] = listField(decodeRlp(bytes, `record of ${name}`), `a record of ${name}`, maxFields);
    const found = safeNumber(bytesField(version, 'format'), 'format');
    if (found !== format.format) throw otherFormat(format, found);
    const fields = new Fields(`${engine}/record`, rest);
    const record = recordOf(safeNumber(bytesField(kind, 'kind'), 'kind'), fields);
    fields.end();
    return record;
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new StorageError(`${engine}/record`, `A record of the consensus log is not one of ${name}. ${advice}`, {}, cause);
  }
}

function otherFormat({ engine, format, advice }: RecordFormat, found: number): StorageError {
  const message = `The consensus log of this datadir was written by another version of synod: expected records of format ${format}, found ${found}. ${advice}`;
  return new StorageError(`${engine}/record-format`, message, { expected: format, found });
}

/** What was on disk before the crash, with the position of each record. */
export function* recordsOf<Kept>(
  { records, lsn }: Pick<Extract<Event<never>, { type: 'start' }>, 'records' | 'lsn'>,
  decode: (bytes: Uint8Array) => Kept,
): Generator<readonly [Kept, Lsn]> {
  for (const [index, bytes] of records.entries()) yield [decode(bytes), Lsn(lsn - records.length + 1 + index)];
}
