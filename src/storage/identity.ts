/**
 * What a data directory belongs to, in a small file that is fsynced before anything else is written (reliability rule
 * a). It also says which databases are complete, because LevelDB would make a new one in place of one whose files were
 * lost.
 */
import { existsSync, readFileSync } from 'node:fs';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { fromHex, hashOf } from '../base/bytes.ts';
import { StorageError, UsageError } from '../base/errors.ts';
import { Hash, type Hex } from '../base/types.ts';
import { writeDurably } from './durable-file.ts';
import type { DatabaseName } from './remedies.ts';

/** Raised with every change of the layout that an older synod would misread. */
export const FORMAT_VERSION = 1;
const MAX_IDENTITY_BYTES = 64 * 1024;
/** 16 random bytes. */
const FORK = /^0x[0-9a-f]{32}$/;

/** The network that a node was started for. */
export interface Network {
  readonly genesisHash: Hash;
  readonly chainId: number;
  readonly engine: string;
}

export interface Identity extends Network {
  readonly formatVersion: number;
  /** Databases whose first batch is on disk. Others may be made (again). */
  readonly complete: readonly DatabaseName[];
  /**
   * Of a network that went on from a copy of another (testnet/snapshots): its own name. Its nodes talk to each other only, so that what
   * the same keys signed in the other cannot be held against them.
   */
  readonly fork?: Hex;
}

/** What names the network on the wire, and where keys are locked: the genesis block, and the fork if it is one. */
export function networkHashOf({ genesisHash, fork }: Pick<Identity, 'genesisHash' | 'fork'>): Hash {
  return fork === undefined ? genesisHash : hashOf(keccak_256(fromHex(`${genesisHash}${fork.slice(2)}`)));
}

/** Null when there is none. Throws StorageError `storage/identity` or `storage/format`. */
export function readIdentity(path: string): Identity | null {
  if (!existsSync(path)) return null;
  let found: unknown;
  try {
    found = JSON.parse(readFileSync(path, 'utf8').slice(0, MAX_IDENTITY_BYTES));
    return identityFrom(found, path);
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    const message = `${path} does not say what this data directory belongs to. Restore the file from a backup, or use another --datadir.`;
    throw new StorageError('storage/identity', message, { path }, cause);
  }
}

export function writeIdentity(path: string, identity: Identity): void {
  writeDurably(path, `${JSON.stringify(identity, null, 2)}\n`);
}

/** Throws UsageError `storage/wrong-genesis` or `storage/wrong-network`. */
export function checkNetwork(identity: Identity, network: Network, directory: string): void {
  if (identity.genesisHash !== network.genesisHash) {
    throw new UsageError(
      'storage/wrong-genesis',
      `The data directory ${directory} belongs to the network with genesis block ${identity.genesisHash}, but this network's is ${network.genesisHash}. Use another --datadir.`,
      { stored: identity.genesisHash, expected: network.genesisHash },
    );
  }
  for (const field of ['chainId', 'engine'] as const) {
    if (identity[field] === network[field]) continue;
    throw new UsageError(
      'storage/wrong-network',
      `The data directory ${directory} was made for ${field} ${identity[field]}, but this network has ${network[field]}. Use another --datadir.`,
      { field, stored: identity[field], expected: network[field] },
    );
  }
}

function identityFrom(found: unknown, path: string): Identity {
  const fields = found as Partial<Record<keyof Identity, unknown>>;
  const { formatVersion, genesisHash, chainId, engine, complete, fork } = fields;
  if (typeof formatVersion === 'number' && formatVersion !== FORMAT_VERSION) {
    // There has been no other format yet; a change of it comes with a migration of this one.
    const age = formatVersion > FORMAT_VERSION ? 'newer' : 'older';
    const message = `${path} has format version ${formatVersion}, of a ${age} synod; this one knows version ${FORMAT_VERSION}. Use the synod that made it, or another --datadir.`;
    throw new StorageError('storage/format', message, { found: formatVersion, known: FORMAT_VERSION });
  }
  const names = Array.isArray(complete) ? complete.filter((name) => name === 'chain' || name === 'consensus') : null;
  if (formatVersion !== FORMAT_VERSION || typeof genesisHash !== 'string' || typeof engine !== 'string' || names === null) {
    throw new StorageError('storage/identity', `${path} lacks fields. Restore it from a backup, or use another --datadir.`, { path });
  }
  if (typeof chainId !== 'number' || !Number.isSafeInteger(chainId)) {
    throw new StorageError('storage/identity', `${path} has no chain id. Restore it from a backup, or use another --datadir.`, { path });
  }
  const identity = { formatVersion, genesisHash: Hash(genesisHash), chainId, engine, complete: names };
  if (fork === undefined) return identity;
  if (typeof fork === 'string' && FORK.test(fork)) return { ...identity, fork: fork as Hex };
  throw new StorageError('storage/identity', `${path} names no fork. Restore it from a backup, or use another --datadir.`, { path });
}
