/** What the load knows of a system that replicates: clients that commit one thing after another, each over a connection of its own. */

export type PeerName = 'synod' | 'etcd' | 'zookeeper';

export interface Connection {
  /** Commits something new of 110 bytes or so, and resolves when the system says that it is committed. */
  commit(): Promise<void>;
  close(): void;
}

/** What opens connections for one run. */
export interface Opened {
  readonly connections: readonly Connection[];
  close(): void;
}

/** Opens `clients` connections, in turn to each of `urls`, and prepares what is not to be measured. */
export type Opener = (urls: readonly string[], clients: number, perClient: number) => Promise<Opened>;

/** About what a signed transfer has. */
export const VALUE_BYTES = 110;

/** A cluster that runs, whose members serve at these addresses: the leader first. */
export interface Cluster {
  readonly urls: readonly string[];
  stop(): Promise<void>;
}
