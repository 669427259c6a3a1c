/** Snapshots of a network whose nodes run under a supervisor. */
import { UsageError } from '../../base/errors.ts';
import type { NodeStatus } from '../../node/status.ts';
import type { Supervisor } from '../supervisor.ts';
import { whilePaused } from './pause.ts';
import { finishRestore, stageRestore } from './restore.ts';
import { removeSnapshot, type SnapshotSummary, takeSnapshot } from './store.ts';

/** What it takes of a supervisor. */
export type Nodes = Pick<
  Supervisor,
  'directory' | 'manifest' | 'nodes' | 'report' | 'kill' | 'restart' | 'heal' | 'faults' | 'beginAtStart'
>;

export interface Taken extends SnapshotSummary {
  /** For how long no node did anything. */
  readonly pausedMs: number;
}

export interface Restored extends SnapshotSummary {
  /** Until the files of all nodes were in their place, most of it while the nodes still ran. */
  readonly filesMs: number;
  /** From then on until every node served. */
  readonly startMs: number;
}

/** Somebody else may start a node while the others are being ended. */
const MAX_KILL_ROUNDS = 3;

export class RunningSnapshots {
  readonly #nodes: Nodes;
  #busy = false;

  constructor(nodes: Nodes) {
    this.#nodes = nodes;
  }

  /** The nodes are held still while their files are copied, for some hundredths of a second. Throws what `takeSnapshot` throws. */
  async take(name: string): Promise<Taken> {
    return await this.#alone(async () => {
      let pausedMs = 0;
      const { directory, manifest } = this.#nodes;
      const subject = {
        directory,
        manifest,
        clocksMs: manifest.nodes.map(({ index }) => this.#clockOf(index)),
        heads: () => this.#heads(),
        quietly: async (copy: () => void) => {
          pausedMs = await whilePaused({ pids: () => this.#pids(), isHeld: (pid) => this.#isPaused(pid) }, copy);
        },
      };
      const summary = await takeSnapshot(subject, name, Date.now());
      return { ...summary, pausedMs: Math.round(pausedMs) };
    });
  }

  /**
   * Ends the nodes, puts the snapshot in the place of what they had, ends every fault but that clocks are wrong as they were then, and
   * starts every node. Until the snapshot has been checked and copied nothing changes. Throws what `stageRestore` throws, and what keeps
   * a node from starting.
   */
  async restore(name: string): Promise<Restored> {
    return await this.#alone(async () => {
      const { directory, manifest } = this.#nodes;
      const beginMs = performance.now();
      const summary = await stageRestore(directory, name);
      await this.#endAll();
      // From the last look at the nodes to the last file nothing else runs here.
      finishRestore(directory);
      const placedMs = performance.now();
      await this.#nodes.heal();
      this.#setClocks(summary.clocksMs);
      await Promise.all(manifest.nodes.map(({ index }) => this.#nodes.restart(index)));
      return { ...summary, filesMs: Math.round(placedMs - beginMs), startMs: Math.round(performance.now() - placedMs) };
    });
  }

  async remove(name: string): Promise<void> {
    await this.#alone(async () => removeSnapshot(this.#nodes.directory, name));
  }

  async #alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw new UsageError('testnet/busy', 'Another snapshot is being taken or restored; wait until that is done.');
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }

  async #heads(): Promise<(number | null)[]> {
    const report = await this.#nodes.report();
    return report.map(({ status }) => (status === null ? null : (status as unknown as NodeStatus).head.number));
  }

  /** A node that is down does not change its files either. */
  #pids(): number[] {
    const nodes = this.#nodes.nodes();
    const starting = nodes.find(({ state }) => state === 'starting');
    if (starting !== undefined) throw new UsageError('testnet/starting', `Node ${starting.index} is just starting; try again in a moment.`);
    return nodes.flatMap(({ pid }) => pid ?? []);
  }

  #isPaused(pid: number): boolean {
    return this.#nodes.nodes().some((node) => node.pid === pid && node.state === 'paused');
  }

  #clockOf(node: number): number {
    const offsets = this.#nodes.faults.map(({ fault }) => (fault.kind === 'clock' && fault.node === node ? fault.offsetMs : 0));
    return offsets.find((offsetMs) => offsetMs !== 0) ?? 0;
  }

  /** Before the nodes are started: blocks of the snapshot may be of a time that has come for them only. */
  #setClocks(clocksMs: readonly number[]): void {
    for (const [node, offsetMs] of clocksMs.entries()) if (offsetMs !== 0) this.#nodes.beginAtStart({ kind: 'clock', node, offsetMs });
  }

  async #endAll(): Promise<void> {
    const running = () => this.#nodes.nodes().filter(({ state }) => state !== 'down');
    for (let round = 0; round < MAX_KILL_ROUNDS && running().length > 0; round++) {
      // What they would still write is given up, so there is nothing to wait for.
      await Promise.all(running().map(({ index }) => this.#nodes.kill(index)));
    }
    if (running().length === 0) return;
    throw new UsageError(
      'testnet/busy',
      'Nodes are being started by somebody else; the snapshot is restored at the next start of the network.',
    );
  }
}
