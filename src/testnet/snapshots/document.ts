/**
 * What a snapshot says of itself (`snapshot.json`): of which network and moment it is, and every file with its size and checksum. It
 * is written last, and has a checksum of its own, so that a snapshot is whole or is not taken for one.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../../base/errors.ts';
import { quote } from '../../base/types.ts';
import { DATABASE_FORMAT } from '../../node/datadir-copy.ts';

const DOCUMENT_VERSION = 1;
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;
const MAX_PATH_CHARACTERS = 1_024;
const MAX_NAME_CHARACTERS = 64;
const NAME = /^[a-z0-9_-]+$/;

const Count = z.int().min(0);

const Entry = z.object({
  /** Below the network's directory, with slashes. */
  path: z.string().max(MAX_PATH_CHARACTERS).refine(isInside, 'leads out of the snapshot'),
  bytes: Count,
  crc32: Count,
});

const Content = z.object({
  version: z.literal(DOCUMENT_VERSION),
  /** Of the nodes' databases. */
  format: z.literal(DATABASE_FORMAT),
  name: z.string(),
  createdMs: Count,
  engine: z.string(),
  /** Height of each node's head when the snapshot was taken, or a block later; null for one that did not say. */
  heads: z.array(Count.nullable()).min(1).readonly(),
  /** By how much each node's wall clock was set wrong. */
  clocksMs: z.array(z.int()).readonly(),
  files: z.array(Entry).readonly(),
});

export type SnapshotDocument = Readonly<z.infer<typeof Content>>;
/** What is not said by the version of synod. */
export type SnapshotContent = Omit<SnapshotDocument, 'version' | 'format'>;

export const snapshotPaths = {
  /** Beside the network, on the same file system: so files can be shared, and a network that is moved takes them along. */
  all: (directory: string) => join(directory, 'snapshots'),
  one: (directory: string, name: string) => join(directory, 'snapshots', name),
  document: (snapshot: string) => join(snapshot, 'snapshot.json'),
};

/** The only letters that mean the same in every file system, and nothing to any shell. Throws `testnet/snapshot-name`. */
export function checkName(name: string): string {
  if (name.length <= MAX_NAME_CHARACTERS && NAME.test(name)) return name;
  const message = `Expected a name of at most ${MAX_NAME_CHARACTERS} letters a to z, digits, - and _, got ${quote(name)}.`;
  throw new UsageError('testnet/snapshot-name', message);
}

export function writeDocument(snapshot: string, content: SnapshotContent): void {
  const document = { version: DOCUMENT_VERSION, format: DATABASE_FORMAT, ...content } as const;
  const text = JSON.stringify({ ...document, checksum: checksumOf(document) });
  writeFileSync(snapshotPaths.document(snapshot), text, { mode: 0o600, flush: true });
}

/** Throws UsageError `testnet/snapshot-damaged` and `testnet/snapshot-version`. */
export function readDocument(snapshot: string): SnapshotDocument {
  const file = snapshotPaths.document(snapshot);
  const found = parse(file);
  const { version, format, checksum, ...rest } = found;
  if (typeof version === 'number' && typeof format === 'number' && (version !== DOCUMENT_VERSION || format !== DATABASE_FORMAT)) {
    const message = `${file} is of version ${version} with databases of format ${format}; this synod knows version ${DOCUMENT_VERSION} and format ${DATABASE_FORMAT}. Use the synod that made it.`;
    throw new UsageError('testnet/snapshot-version', message, { version, format });
  }
  const result = Content.safeParse({ version, format, ...rest });
  if (!result.success) {
    const { path = [], message = '' } = result.error.issues[0] ?? {};
    throw damaged(file, `${path.join('.') || 'it'}: ${message}`);
  }
  if (checksum !== checksumOf(result.data)) throw damaged(file, 'its checksum does not match');
  return result.data;
}

export function damaged(path: string, reason: string, cause?: unknown): UsageError {
  const message = `The snapshot is damaged at ${path}: ${reason}. Take another, or remove it with \`synod testnet snapshot --remove\``;
  return new UsageError('testnet/snapshot-damaged', cause === undefined ? `${message}.` : message, { path }, cause);
}

function parse(file: string): Record<string, unknown> {
  try {
    const { size } = statSync(file);
    if (size > MAX_DOCUMENT_BYTES) throw damaged(file, `it has ${size} bytes, and no snapshot's has more than ${MAX_DOCUMENT_BYTES}`);
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch (cause) {
    throw cause instanceof UsageError ? cause : damaged(file, 'it cannot be read', cause);
  }
  throw damaged(file, 'it is not an object');
}

/** Against accidents, not against somebody who means harm: whoever can write here can write the nodes' files as well. */
function checksumOf({ version, format, name, createdMs, engine, heads, clocksMs, files }: SnapshotDocument): string {
  const entries = files.map(({ path, bytes, crc32 }) => [path, bytes, crc32]);
  const text = JSON.stringify([version, format, name, createdMs, engine, heads, clocksMs, entries]);
  return createHash('sha256').update(text).digest('hex');
}

function isInside(path: string): boolean {
  const parts = path.split('/');
  return !/[\\\0:]/.test(path) && parts.every((part) => part !== '' && part !== '.' && part !== '..');
}
