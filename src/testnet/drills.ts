/**
 * Events that are hard to come by elsewhere, made to order in a running test network: a reorganisation of a depth, and finality that
 * stands still for a time. Both are made of faults (`faults.ts`) that end with them; whatever else is wrong with the network stays.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '../base/errors.ts';
import { epochMs } from '../node/genesis-epoch.ts';
import type { ActiveFault } from './faults.ts';
import { paths, type TestnetNode } from './manifest.ts';
import { type BlockId, blockAt, forkPoint, idOf, type Observer, type TestNode } from './observer.ts';
import type { Supervisor } from './supervisor.ts';

export interface Reorganisation {
  /** Blocks that the node left; at least what was asked for. */
  readonly depth: number;
  /** The last block that both branches have. */
  readonly ancestor: BlockId;
  /** The head of the branch that was left, and the one of the branch that was taken. */
  readonly left: BlockId;
  readonly taken: BlockId;
}

export interface ReorgOptions {
  /** How many blocks the node leaves. */
  readonly depth: number;
  /** The node that leaves them. By default node 0. */
  readonly node?: number;
  readonly timeoutMs?: number;
  /** Called when the branch that will be left is as long as it will be: the place to look at what is about to vanish. */
  readonly beforeHeal?: () => void | Promise<void>;
}

export interface StallOptions {
  readonly forMs: number;
  /** Called as soon as nothing becomes final any more: the place to look at what an application makes of it. */
  readonly whileStalled?: () => void | Promise<void>;
}

export interface Stall {
  /** What was final all the time, on the node that was furthest. */
  readonly finalized: BlockId;
  /** The highest head at the end: above the first one where blocks went on. */
  readonly head: BlockId;
  /** Whether blocks went on: under engines whose blocks are final at once they cannot. */
  readonly goesOn: boolean;
}

/** Of a block time: a branch may need luck. */
const BLOCK_TIMES_PER_BLOCK = 12;
/** In blocks: each of them has to be made first. */
export const MAX_REORG_DEPTH = 1_000;
export const MAX_STALL_MS = 24 * 3_600_000;
/** The epoch in which they fall silent may still be justified at its end, or with late votes at the end of the next. */
const SETTLE_EPOCHS = 2;

export class Drills {
  readonly #supervisor: Supervisor;
  readonly #observer: Observer;

  constructor(supervisor: Supervisor, observer: Observer) {
    this.#supervisor = supervisor;
    this.#observer = observer;
  }

  /**
   * Makes one node leave `depth` blocks: it is cut off with a branch of its own until that is long enough and the others' is
   * heavier, and then meets them again. The network must not be partitioned already
   * (UsageError `testing/partitioned`). Throws UsageError `testing/depth` for none from 1 to `MAX_REORG_DEPTH`, `testing/no-reorgs` under
   * engines whose blocks are final at once, and where nobody would make the one branch or the other as things are.
   */
  async reorg({ depth, node: index = 0, timeoutMs, beforeHeal }: ReorgOptions): Promise<Reorganisation> {
    if (!Number.isSafeInteger(depth) || depth < 1 || depth > MAX_REORG_DEPTH)
      throw new UsageError('testing/depth', `Expected a depth from 1 to ${MAX_REORG_DEPTH} blocks, got ${depth}.`);
    const side = this.#losingSide(index);
    const others = this.#nodes.map((node) => node.index).filter((other) => !side.includes(other));
    const [loser, winner] = [this.#observer.node(index), this.#observer.node(others[0] ?? 0)];
    const { nodes, blockTimeSeconds } = this.#options;
    const boundMs =
      timeoutMs ?? this.#observer.timeoutMs + BLOCK_TIMES_PER_BLOCK * depth * blockTimeSeconds * 1_000 * (nodes / side.length);
    // Neither may be down: that has to be found before the network is cut.
    await Promise.all([loser.status(), winner.status()]);
    await this.#observer.agreed();
    this.#checkJoined('testing/partitioned');
    const until = <T>(what: string, ask: () => Promise<T | null | false>) => this.#observer.until(what, boundMs, ask);
    const faults = [await this.#supervisor.begin({ kind: 'partition', sides: [side, others] })];
    try {
      await this.#branch(loser, winner, depth, boundMs);
      if (this.#options.engine === 'pow') faults.push(...(await this.#idle(side.filter((one) => this.#nodes[one]?.mines === true))));
      await until('the branch of the others is the heavier one', async () => {
        const [ours, theirs] = await Promise.all([loser.status(), winner.status()]);
        return BigInt(theirs.weight) > BigInt(ours.weight) && theirs.head.number > ours.head.number;
      });
      const ancestor = await forkPoint(loser, winner);
      await beforeHeal?.();
      const { head: left } = await loser.status();
      await this.#endAll(faults.splice(0, 1));
      await until(`node ${index} leaves its branch`, async () => (await blockAt(loser, left.number))?.hash !== left.hash);
      const { head: taken } = await loser.status();
      return { depth: left.number - ancestor.number, ancestor, left: idOf(left), taken: idOf(taken) };
    } finally {
      await this.#endAll(faults);
    }
  }

  /**
   * Lets nothing become final for so long, and answers when that is over. Under proof-of-stake just over a third of the stake falls
   * silent, and blocks go on in the slots of the others; what has its votes already becomes final first, which takes two epochs at
   * most. Under engines whose blocks are final at once every node is cut off from the others, and under proof-of-work nobody mines:
   * there blocks stand still as well. Throws UsageError `testing/stall` where that cannot be.
   */
  async stallFinality({ forMs, whileStalled }: StallOptions): Promise<Stall> {
    checkStall(forMs);
    const faults = await this.#silence(null);
    try {
      await delay(this.#settleMs(), undefined, { signal: this.#supervisor.stopping });
      const endMs = performance.now() + forMs;
      const { finalized, head: before } = await this.#furthest();
      await whileStalled?.();
      await delay(Math.max(0, endMs - performance.now()), undefined, { signal: this.#supervisor.stopping });
      const { head } = await this.#furthest();
      return { finalized, head, goesOn: head.number > before.number };
    } finally {
      await this.#endAll(faults);
    }
  }

  /**
   * The same, but answers at once: how long it may take until nothing becomes final, and whether blocks go on meanwhile. `heal` ends
   * it early.
   */
  async beginStall(forMs: number): Promise<{ readonly settleMs: number; readonly goesOn: boolean }> {
    checkStall(forMs);
    const settleMs = this.#settleMs();
    await this.#silence(settleMs + forMs);
    return { settleMs, goesOn: this.#options.engine === 'pos' };
  }

  async #silence(forMs: number | null): Promise<(ActiveFault | null)[]> {
    const { engine } = this.#options;
    if (engine === 'pos') return await this.#idle(this.#thirdOfStake(), forMs);
    if (engine === 'pow')
      return await this.#idle(
        this.#nodes.flatMap(({ index, mines }) => (mines ? index : [])),
        forMs,
      );
    this.#checkJoined('testing/stall');
    const apart = this.#nodes.map(({ index }) => [index]);
    if (apart.length < 2) throw new UsageError('testing/stall', 'A network of one node cannot be cut; pause the node instead.');
    return [await this.#supervisor.begin({ kind: 'partition', sides: apart }, forMs)];
  }

  /** Those that are down are silent anyway. */
  async #idle(nodes: readonly number[], forMs: number | null = null): Promise<(ActiveFault | null)[]> {
    const begun: (ActiveFault | null)[] = [];
    try {
      for (const node of nodes) {
        if (this.#supervisor.endpoints(node) !== null) begun.push(await this.#supervisor.begin({ kind: 'idle', node }, forMs));
      }
    } catch (error) {
      await this.#endAll(begun);
      throw error;
    }
    return begun;
  }

  async #endAll(faults: readonly (ActiveFault | null)[]): Promise<void> {
    for (const fault of faults) if (fault !== null) await this.#supervisor.end(fault);
  }

  /** Until what has its votes is final. */
  #settleMs(): number {
    if (this.#options.engine !== 'pos') return 0;
    // A network that is kept may have a genesis document that was written by hand.
    const document: unknown = JSON.parse(readFileSync(paths.genesis(this.#supervisor.directory), 'utf8'));
    return SETTLE_EPOCHS * epochMs(document);
  }

  /** The fewest nodes, last ones first, without whose validators there are no two thirds. */
  #thirdOfStake(): number[] {
    const total = this.#nodes.reduce((sum, { validators }) => sum + validators.length, 0);
    const silent: number[] = [];
    let silenced = 0;
    for (const node of [...this.#nodes].reverse().filter(({ validators }) => validators.length > 0)) {
      // Two thirds exactly are enough to justify, so one less has to be left.
      if (3 * (total - silenced) < 2 * total) break;
      silent.push(node.index);
      silenced += node.validators.length;
    }
    return silent;
  }

  async #furthest(): Promise<{ readonly head: BlockId; readonly finalized: BlockId }> {
    const statuses = await Promise.all(this.#observer.running().map((node) => node.status()));
    const highest = (blocks: readonly BlockId[]) => idOf(blocks.reduce((a, b) => (b.number > a.number ? b : a)));
    if (statuses.length === 0) throw new UsageError('testnet/down', 'No node is running.');
    return { head: highest(statuses.map(({ head }) => head)), finalized: highest(statuses.map(({ finalized }) => finalized)) };
  }

  #checkJoined(code: string): void {
    if (this.#supervisor.faults.some(({ fault }) => fault.kind === 'partition'))
      throw new UsageError(code, 'The network is partitioned already; heal it first.');
  }

  get #options() {
    return this.#supervisor.manifest.options;
  }

  get #nodes() {
    return this.#supervisor.manifest.nodes;
  }

  /** The node, and under proof-of-work a miner with it. What is left must make the heavier branch. */
  #losingSide(index: number): number[] {
    const { engine } = this.#options;
    this.#observer.node(index);
    if (engine === 'pos') return this.#checkSides([index], ({ validators }) => validators.length);
    if (engine === 'pow') {
      const nodes = this.#nodes;
      const miner = nodes[index]?.mines === true ? undefined : nodes.find(({ mines }) => mines)?.index;
      return this.#checkSides(miner === undefined ? [index] : [index, miner], ({ mines }) => Number(mines));
    }
    throw new UsageError('testing/no-reorgs', `Under ${engine} a block is final at once: there are no reorganisations. Use pow or pos.`);
  }

  #checkSides(side: number[], strength: (node: TestnetNode) => number): number[] {
    const working = this.#nodes.filter(({ index }) => this.#works(index));
    const of = (isInside: boolean) =>
      working.filter(({ index }) => side.includes(index) === isInside).reduce((sum, node) => sum + strength(node), 0);
    const [inside, outside] = [of(true), of(false)];
    if (inside > 0 && outside >= inside) return side;
    const message = `Node ${side[0]} would make its branch with ${inside} of the ${inside + outside} miners or validators that work now; for a reorganisation both sides need some, and the others no fewer. Nodes that are down, paused or told to make no blocks do not count.`;
    throw new UsageError('testing/no-reorgs', message);
  }

  /** Whether it makes blocks, if it can. */
  #works(node: number): boolean {
    const stops = ({ fault }: ActiveFault) => (fault.kind === 'idle' || fault.kind === 'pause') && fault.node === node;
    return this.#supervisor.endpoints(node) !== null && !this.#supervisor.faults.some(stops);
  }

  /** Resolves when the branch of the cut-off node is long enough. */
  async #branch(loser: TestNode, winner: TestNode, depth: number, timeoutMs: number): Promise<void> {
    await this.#observer.until(`node ${loser.index} has ${depth} blocks that the others have not`, timeoutMs, async () => {
      const [{ head }, ancestor] = await Promise.all([loser.status(), forkPoint(loser, winner)]);
      return head.number - ancestor.number >= depth;
    });
  }
}

function checkStall(forMs: number): void {
  if (!(forMs > 0 && forMs <= MAX_STALL_MS))
    throw new UsageError('testing/stall', `Finality can stand still for up to ${MAX_STALL_MS / 3_600_000} hours, not for ${forMs} ms.`);
}
