/**
 * Just enough of LevelDB's file formats to tell whether a file is what was written: log_format.md, table_format.md and
 * version_edit.cc of LevelDB 1.20. Readers call `fail` for damage, which does not return.
 */
import { createCRC32 } from 'hash-wasm';

export type Fail = (offset: number, what: string) => never;

export interface LogRecord {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What the manifest says of the database. */
export interface Version {
  logNumber: number;
  previousLogNumber: number;
  lastSequence: number;
  /** Size in bytes of each live table by its number. */
  readonly tables: Map<number, number>;
}

/** CRC-32C, reflected polynomial; one instance that is never awaited in between. */
const castagnoli = await createCRC32(0x82f63b78);
const LOG_BLOCK_BYTES = 32_768;
const LOG_HEADER_BYTES = 7;
const FRAGMENT = { none: 0, full: 1, first: 2, middle: 3, last: 4 } as const;
const FOOTER_BYTES = 48;
const BLOCK_TRAILER_BYTES = 5;
const UNCOMPRESSED = 0;
const TABLE_MAGIC = 0xdb4775248b80fb57n;

/** The stored form of a CRC: rotated and offset, because a CRC of data that holds CRCs is weak. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = Number.parseInt(castagnoli.init().update(bytes).digest('hex'), 16);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/**
 * The records of a log or manifest. A record that is cut off by the end of the file is a write that a crash interrupted
 * and nobody was told of; it is left out. Everything else that is not a record is damage, although LevelDB skips it.
 */
export function* logRecords(file: Uint8Array, fail: Fail): Generator<LogRecord> {
  let fragments: Uint8Array[] = [];
  let start = 0;
  for (let offset = 0; offset + LOG_HEADER_BYTES <= file.length; ) {
    const blockLeft = LOG_BLOCK_BYTES - (offset % LOG_BLOCK_BYTES);
    const { length, type } = logHeader(file, offset);
    if (blockLeft < LOG_HEADER_BYTES || (type === FRAGMENT.none && length === 0)) {
      offset += blockLeft;
      continue;
    }
    const end = offset + LOG_HEADER_BYTES + length;
    if (end > offset + blockLeft) fail(offset, 'a record is longer than its block');
    if (end > file.length) {
      if (holdsRecord(file, offset)) fail(offset, 'the length of a record is wrong');
      return;
    }
    if (!isRecord(file, offset, length)) fail(offset, 'the checksum of a record does not match');
    const continues = type === FRAGMENT.middle || type === FRAGMENT.last;
    if (type > FRAGMENT.last || continues !== fragments.length > 0) fail(offset, 'the parts of a record are out of order');
    if (!continues) start = offset;
    fragments.push(file.subarray(offset + LOG_HEADER_BYTES, end));
    if (type === FRAGMENT.full || type === FRAGMENT.last) {
      yield { offset: start, bytes: Buffer.concat(fragments) };
      fragments = [];
    }
    offset = end;
  }
}

function logHeader(file: Uint8Array, offset: number): { length: number; type: number } {
  return { length: (file[offset + 4] ?? 0) | ((file[offset + 5] ?? 0) << 8), type: file[offset + 6] ?? 0 };
}

function isRecord(file: Uint8Array, offset: number, length: number): boolean {
  const end = offset + LOG_HEADER_BYTES + length;
  return end <= file.length && littleEndian(file, offset) === maskedCrc(file.subarray(offset + LOG_HEADER_BYTES - 1, end));
}

/**
 * Tells a damaged length from an interrupted write at the end of a file: the rest is then exactly one record, or has
 * whole records further on.
 */
function holdsRecord(file: Uint8Array, offset: number): boolean {
  if (isRecord(file, offset, file.length - offset - LOG_HEADER_BYTES)) return true;
  for (let at = offset + 1; at + LOG_HEADER_BYTES <= file.length; at++) {
    const { length, type } = logHeader(file, at);
    if (type >= FRAGMENT.full && type <= FRAGMENT.last && isRecord(file, at, length)) return true;
  }
  return false;
}

/** A batch in a log begins with the number of its first write; numbers have no gaps. */
export function batchSequence({ bytes }: LogRecord): { first: number; count: number } {
  return { first: littleEndian(bytes, 4) * 2 ** 32 + littleEndian(bytes, 0), count: littleEndian(bytes, 8) };
}

export function readManifest(file: Uint8Array, fail: Fail): Version {
  const version: Version = { logNumber: 0, previousLogNumber: 0, lastSequence: 0, tables: new Map() };
  for (const { offset, bytes } of logRecords(file, fail)) {
    const reader = new Reader(bytes, () => fail(offset, 'an entry cannot be read'));
    while (!reader.atEnd) applyEdit(version, reader, () => fail(offset, 'an entry is of an unknown kind'));
  }
  return version;
}

function applyEdit(version: Version, reader: Reader, unknown: () => never): void {
  const tag = reader.varint();
  if (tag === 1) reader.skipBytes();
  else if (tag === 2) version.logNumber = reader.varint();
  else if (tag === 3) reader.varint();
  else if (tag === 4) version.lastSequence = reader.varint();
  else if (tag === 5) {
    reader.varint();
    reader.skipBytes();
  } else if (tag === 6) {
    reader.varint();
    version.tables.delete(reader.varint());
  } else if (tag === 7) {
    reader.varint();
    version.tables.set(reader.varint(), reader.varint());
    reader.skipBytes();
    reader.skipBytes();
  } else if (tag === 9) version.previousLogNumber = reader.varint();
  else unknown();
}

/** Checks every block of a table. */
export function checkTable(file: Uint8Array, fail: Fail): void {
  const footerAt = file.length - FOOTER_BYTES;
  if (footerAt < 0) fail(0, 'it is too short for a table');
  const footer = file.subarray(footerAt);
  if (new DataView(file.buffer, file.byteOffset + footerAt).getBigUint64(FOOTER_BYTES - 8, true) !== TABLE_MAGIC) {
    fail(footerAt, 'its last bytes are not those of a table');
  }
  const reader = new Reader(footer, () => fail(footerAt, 'its footer cannot be read'));
  const metaindex = reader.handle();
  const index = reader.handle();
  for (const table of [metaindex, index]) {
    const block = checkedBlock(file, table, fail);
    for (const value of blockValues(block, () => fail(table.offset, 'an index cannot be read'))) {
      checkedBlock(file, new Reader(value, () => fail(table.offset, 'an index entry cannot be read')).handle(), fail);
    }
  }
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

function checkedBlock(file: Uint8Array, { offset, size }: Handle, fail: Fail): Uint8Array {
  const end = offset + size;
  if (end + BLOCK_TRAILER_BYTES > file.length) fail(offset, 'a block lies beyond its end');
  if (littleEndian(file, end + 1) !== maskedCrc(file.subarray(offset, end + 1))) fail(offset, 'the checksum of a block does not match');
  if (file[end] !== UNCOMPRESSED) fail(offset, 'a block is compressed, which synod never does');
  return file.subarray(offset, end);
}

/** The values of a block's entries: (shared, unshared, value length, key bytes, value), then the restart points. */
function* blockValues(block: Uint8Array, fail: () => never): Generator<Uint8Array> {
  const entriesEnd = block.length - 4 - 4 * littleEndian(block, block.length - 4);
  if (entriesEnd < 0) fail();
  const reader = new Reader(block.subarray(0, entriesEnd), fail);
  while (!reader.atEnd) {
    reader.varint();
    const keyBytes = reader.varint();
    const valueBytes = reader.varint();
    reader.take(keyBytes);
    yield reader.take(valueBytes);
  }
}

/** LevelDB's varints (seven bits a byte, low first) and length-prefixed bytes. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #fail: () => never;
  #at = 0;

  constructor(bytes: Uint8Array, fail: () => never) {
    this.#bytes = bytes;
    this.#fail = fail;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 63; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) return this.#fail();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return this.#fail();
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) this.#fail();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  skipBytes(): void {
    this.take(this.varint());
  }

  handle(): Handle {
    return { offset: this.varint(), size: this.varint() };
  }
}

function littleEndian(bytes: Uint8Array, offset: number): number {
  const at = (i: number): number => bytes[offset + i] ?? 0;
  return (at(0) | (at(1) << 8) | (at(2) << 16) | (at(3) << 24)) >>> 0;
}
