/**
 * What the disks of nodes that run Zab have: epochs and histories, as the records that they write say, once the disk has
 * said that they are there. Nobody's own account is used. What checkers of Zab's invariants look at.
 */
import type { Hash, Json } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import type { ChainView, HeaderNode } from '../../chain/tree.ts';
import type { Effect } from '../../consensus/engine.ts';
import type { ZabMessage } from '../../consensus/zab/messages.ts';
import { decodeRecord, type ZabRecord } from '../../consensus/zab/records.ts';
import { isOfNode, type Observation } from '../observations.ts';
import type { Checker, CheckerFactory, Setting } from './checker.ts';

export interface Place {
  readonly height: number;
  readonly hash: Hash;
}

/** What a leader says of its epoch: a place in its history. */
export interface Claim extends Place {
  readonly epoch: number;
}

/** What happened, for those who check. */
export interface ZabListener {
  /** A quorum acknowledged the epoch, which begins with the history up to here. */
  chosen?(node: number, claim: Claim): void;
  /** A leader says that a quorum has this block, or the history with which the epoch began. */
  committed?(node: number, claim: Claim): void;
  /** The record that this epoch is the current one came to be on disk. */
  entered?(node: number, epoch: number): void;
  sent?(node: number, message: ZabMessage): void;
  delivered?(node: number, head: HeaderNode, old: HeaderNode): void;
}

interface Tail extends Place {
  readonly parent: Hash;
}

/** Of one node. */
class NodeDisk {
  /** Of the epoch that is the current one. */
  current = 0;
  stored: HeaderNode | null = null;
  chain: ChainView | null = null;
  lsn = 0;
  waiting: { readonly lsn: number; readonly record: ZabRecord }[] = [];
  readonly #tail = new Map<number, Tail>();

  write(record: ZabRecord): void {
    if (record.type === 'epochs') {
      this.current = record.epochs.current;
      return;
    }
    const keep = record.type === 'cut' ? record.height : record.block.header.number - 1;
    for (const height of [...this.#tail.keys()]) if (height > keep || height <= this.#storedHeight) this.#tail.delete(height);
    if (record.type === 'cut') return;
    const { header } = record.block;
    this.#tail.set(header.number, { height: header.number, hash: hashHeader(header), parent: header.parentHash });
  }

  has({ height, hash }: Place): boolean {
    const { stored, chain } = this;
    if (stored === null || chain === null) return false;
    if (height <= this.#storedHeight) return chain.canonical(height) === hash;
    let parent = stored.hash;
    for (let at = this.#storedHeight + 1; at <= height; at++) {
      const next = this.#tail.get(at);
      if (next?.parent !== parent) return false;
      parent = next.hash;
    }
    return parent === hash;
  }

  get #storedHeight(): number {
    return this.stored?.header.number ?? 0;
  }
}

/** One for all checkers of a run. */
export class ZabDisks {
  readonly listeners: ZabListener[] = [];
  readonly #disks = new Map<number, NodeDisk>();
  #last: Observation | null = null;

  /** Each checker shows every observation; the first of them is the one that counts. */
  observe(observation: Observation): void {
    if (observation === this.#last || !isOfNode(observation)) return;
    this.#last = observation;
    const { node } = observation;
    const disk = this.#of(node);
    switch (observation.type) {
      case 'started':
        this.#persisted(node, observation.lsn);
        Object.assign(disk, { waiting: [], lsn: observation.lsn, chain: observation.chain, stored: observation.chain.head });
        return;
      case 'step':
        for (const effect of observation.effects) this.#effect(node, effect as Effect<ZabMessage>);
        return;
      case 'persisted':
        return this.#persisted(node, observation.lsn);
      case 'durable':
        disk.stored = observation.head;
        return;
      case 'sending':
        return this.#tell('sent', node, observation.message as ZabMessage);
      case 'head':
        return this.#tell('delivered', node, observation.head, observation.old);
    }
  }

  /** Whether this block is on the node's disk, in a record or in the chain, so that a crash cannot take it. */
  has(node: number, place: Place): boolean {
    return this.#of(node).has(place);
  }

  currentOf(node: number): number {
    return this.#of(node).current;
  }

  #of(node: number): NodeDisk {
    const known = this.#disks.get(node);
    if (known !== undefined) return known;
    const disk = new NodeDisk();
    this.#disks.set(node, disk);
    return disk;
  }

  #effect(node: number, effect: Effect<ZabMessage>): void {
    const disk = this.#of(node);
    if (effect.type === 'persist') {
      for (const bytes of effect.records) disk.waiting.push({ lsn: ++disk.lsn, record: decodeRecord(bytes) });
    }
    if (effect.type !== 'trace') return;
    if (effect.name === 'newLeader') this.#tell('chosen', node, claimOf(effect.data));
    if (effect.name === 'established' || effect.name === 'committed') this.#tell('committed', node, claimOf(effect.data));
  }

  #persisted(node: number, lsn: number): void {
    const disk = this.#of(node);
    const before = disk.current;
    for (const { lsn: at, record } of disk.waiting) if (at <= lsn) disk.write(record);
    disk.waiting = disk.waiting.filter(({ lsn: at }) => at > lsn);
    if (disk.current > before) this.#tell('entered', node, disk.current);
  }

  #tell<Name extends keyof ZabListener>(name: Name, ...values: Parameters<NonNullable<ZabListener[Name]>>): void {
    for (const listener of this.listeners) (listener[name] as ((...values: unknown[]) => void) | undefined)?.(...values);
  }
}

function claimOf(data: { readonly [key: string]: Json }): Claim {
  return { epoch: Number(data.epoch), height: Number(data.height), hash: String(data.hash) as Hash };
}

const shared = new WeakMap<Setting['chainOf'], ZabDisks>();

/** The same for all checkers of one run: they are given the same functions. */
function disksOf({ chainOf }: Pick<Setting, 'chainOf'>): ZabDisks {
  const known = shared.get(chainOf);
  if (known !== undefined) return known;
  const disks = new ZabDisks();
  shared.set(chainOf, disks);
  return disks;
}

const SEES: readonly Observation['type'][] = ['started', 'step', 'persisted', 'durable', 'sending', 'head'];

export function zabChecker(name: string, listen: (setting: Setting, disks: ZabDisks) => ZabListener): CheckerFactory {
  return (setting): Checker => {
    const disks = disksOf(setting);
    disks.listeners.push(listen(setting, disks));
    return { name, sees: SEES, observe: (observation) => disks.observe(observation) };
  };
}
