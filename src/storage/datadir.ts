/**
 * The data directory, laid out as geth's:
 *
 *   <datadir>/keystore               keys of accounts
 *   <datadir>/synod/identity.json    which network it belongs to (see `identity.ts`)
 *   <datadir>/synod/lock             an empty database, opened for its lock: one process at a time, freed when it dies
 *   <datadir>/synod/chaindata        the chain
 *   <datadir>/synod/consensus        what this node has signed
 *   <datadir>/synod/nodekey          this node's network key
 *   <datadir>/synod/transactions.journal   what clients sent and no block has yet
 *
 * A database is complete once its first batch is on disk, and is noted so in the identity file; only one that is not
 * complete is ever made. A crash at any point of that leaves nothing that was acknowledged, and the next start goes on.
 */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { StorageError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import type { GenesisState } from './chain-rows.ts';
import { ChainStore } from './chain-store.ts';
import { ConsensusLog, type RecoveredLog } from './consensus-log.ts';
import type { Database } from './database.ts';
import { syncDirectory } from './durable-file.ts';
import { checkNetwork, FORMAT_VERSION, type Identity, type Network, networkHashOf, readIdentity, writeIdentity } from './identity.ts';
import { onFiles } from './io-errors.ts';
import { openLevel, openLock } from './level.ts';
import { type DatabaseName, REMEDIES } from './remedies.ts';

export interface DatadirPaths {
  readonly root: string;
  readonly keystore: string;
  readonly synod: string;
  readonly identity: string;
  readonly lock: string;
  readonly chain: string;
  readonly consensus: string;
  readonly nodekey: string;
  readonly journal: string;
}

export interface DatadirOptions {
  /** Sets the chain aside (as `chaindata.old`, in place of an earlier one) and begins again from genesis. */
  readonly resync?: boolean;
}

type Closable = Pick<Database, 'close'>;

/** Its writes are few and small. */
const CONSENSUS_WRITE_BUFFER_BYTES = 1024 * 1024;
const CONSENSUS_CACHE_BYTES = 1024 * 1024;

export function datadirPaths(root: string): DatadirPaths {
  const synod = join(root, 'synod');
  return {
    root,
    keystore: join(root, 'keystore'),
    synod,
    identity: join(synod, 'identity.json'),
    lock: join(synod, 'lock'),
    chain: join(synod, 'chaindata'),
    consensus: join(synod, 'consensus'),
    nodekey: join(synod, 'nodekey'),
    journal: join(synod, 'transactions.journal'),
  };
}

/**
 * Opens or makes the data directory of this network, for this process alone. Throws UsageError `storage/wrong-genesis`
 * and `storage/wrong-network`; StorageError `storage/locked`, `storage/corrupt`, `storage/identity`, `storage/format`,
 * `storage/read-only`, `storage/full` and others of `io-errors.ts`.
 */
export async function openDatadir(root: string, network: Network, options: DatadirOptions = {}): Promise<Datadir> {
  const paths = datadirPaths(root);
  await onFiles(root, 'make the data directory', REMEDIES.chain, () => {
    for (const path of [paths.root, paths.keystore, paths.synod]) mkdirSync(path, { recursive: true, mode: 0o700 });
    syncDirectory(root);
  });
  const opened: Closable[] = [];
  try {
    opened.push(await openLock(paths.lock));
    const identity = await onFiles(paths.identity, 'read or write', REMEDIES.chain, () => prepare(paths, network, options));
    const create = (name: DatabaseName): boolean => !identity.complete.includes(name);
    const small = { cacheBytes: CONSENSUS_CACHE_BYTES, writeBufferBytes: CONSENSUS_WRITE_BUFFER_BYTES };
    const consensus = await openLevel(paths.consensus, { create: create('consensus'), remedy: REMEDIES.consensus, ...small });
    opened.push(consensus);
    const chain = await openLevel(paths.chain, { create: create('chain'), remedy: REMEDIES.chain });
    opened.push(chain);
    return new Datadir(paths, identity, { chain, consensus }, opened);
  } catch (error) {
    for (const database of opened.reverse()) await database.close();
    throw error;
  }
}

/** An open data directory. It is locked until `close`. */
export class Datadir {
  readonly paths: DatadirPaths;
  readonly #databases: Readonly<Record<DatabaseName, Database>>;
  readonly #opened: readonly Closable[];
  #identity: Identity;

  constructor(paths: DatadirPaths, identity: Identity, databases: Record<DatabaseName, Database>, opened: readonly Closable[]) {
    this.paths = paths;
    this.#identity = identity;
    this.#databases = databases;
    this.#opened = opened;
  }

  /** What names its network on the wire; see `networkHashOf`. */
  get networkHash(): Hash {
    return networkHashOf(this.#identity);
  }

  /** See `ChainStore.open`. */
  async openStore(genesis: GenesisState): Promise<ChainStore> {
    const store = await ChainStore.open(this.#databases.chain, genesis, { create: !this.#identity.complete.includes('chain') });
    await this.#complete('chain');
    return store;
  }

  /** See `ConsensusLog.open`. `fail` is told of a write that failed. */
  async openLog(fail: (error: unknown) => void): Promise<RecoveredLog> {
    const create = !this.#identity.complete.includes('consensus');
    const recovered = await ConsensusLog.open(this.#databases.consensus, { create, fail });
    await this.#complete('consensus');
    return recovered;
  }

  /** Closes both databases, after their writes, and gives up the lock. Close the store first: it may hold blocks. */
  async close(): Promise<void> {
    for (const database of [...this.#opened].reverse()) await database.close();
  }

  async #complete(name: DatabaseName): Promise<void> {
    if (this.#identity.complete.includes(name)) return;
    this.#identity = { ...this.#identity, complete: [...this.#identity.complete, name] };
    await onFiles(this.paths.identity, 'write', REMEDIES.chain, () => writeIdentity(this.paths.identity, this.#identity));
  }
}

/** Reads the identity and checks it, or makes it for a directory that holds nothing yet. Under the lock. */
function prepare(paths: DatadirPaths, network: Network, options: DatadirOptions): Identity {
  const found = readIdentity(paths.identity);
  if (found === null) return makeIdentity(paths, network);
  checkNetwork(found, network, paths.root);
  return options.resync === true ? setChainAside(paths, found) : found;
}

function makeIdentity(paths: DatadirPaths, network: Network): Identity {
  if (existsSync(paths.chain) || existsSync(paths.consensus)) {
    const message = `${paths.synod} holds databases, but not the file identity.json that says what they belong to. Restore it from a backup, or use another --datadir.`;
    throw new StorageError('storage/identity', message, { path: paths.identity });
  }
  const { genesisHash, chainId, engine } = network;
  const identity = { formatVersion: FORMAT_VERSION, genesisHash, chainId, engine, complete: [] };
  writeIdentity(paths.identity, identity);
  return identity;
}

/** The damaged files are kept until the next time, since a copy comes before every repair (reliability rule g). */
function setChainAside(paths: DatadirPaths, identity: Identity): Identity {
  const left = { ...identity, complete: identity.complete.filter((name) => name !== 'chain') };
  const old = `${paths.chain}.old`;
  // The old copy goes only when there is a newer one to take its place; a crash in between is finished by --resync.
  if (existsSync(paths.chain)) {
    rmSync(old, { recursive: true, force: true });
    writeIdentity(paths.identity, left);
    renameSync(paths.chain, old);
    syncDirectory(paths.synod);
  } else {
    writeIdentity(paths.identity, left);
  }
  return left;
}
