/**
 * All that acceptors ever accepted and promised, as what they write says: a vote is a record, and counts when the disk has it.
 * Nobody's own account is used, and nothing is ever taken back. What checkers of Paxos's invariants look at.
 */
import type { Hash } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import type { HeaderNode } from '../../chain/tree.ts';
import type { Effect } from '../../consensus/engine.ts';
import type { PaxosMessage } from '../../consensus/paxos/messages.ts';
import { decodeRecord, type PaxosRecord } from '../../consensus/paxos/records.ts';
import { majority } from '../../consensus/votes.ts';
import { isOfNode, type Observation } from '../observations.ts';
import type { Setting } from './checker.ts';

export interface Vote {
  readonly ballot: number;
  readonly height: number;
  readonly hash: Hash;
}

export interface PaxosListener {
  /** It accepts, and has written so; not on disk yet. */
  voted?(node: number, vote: Vote): void;
  /** A majority has accepted this under one ballot, on disk, for the first time. */
  chosen?(vote: Vote): void;
  decided?(node: number, head: HeaderNode, old: HeaderNode): void;
  /** A message left. */
  sent?(node: number, message: PaxosMessage, life: number): void;
}

interface Written {
  readonly lsn: number;
  readonly ballot: number;
  readonly vote: Vote | null;
}

/** Of one height: who has accepted which block under which ballot, on disk. */
export type Slot = Map<number, Map<Hash, Set<number>>>;

/** Heights that are remembered: far more than are ever open. */
const MAX_SLOTS = 4_096;

/** One for all checkers of a run. */
export class PaxosHistory {
  readonly listeners: PaxosListener[] = [];
  readonly slots = new Map<number, Slot>();
  /** The first value that was chosen in each slot. */
  readonly chosen = new Map<number, Vote>();
  /** By block that was ever accepted. */
  readonly parents = new Map<Hash, Hash>();
  /** By node: the highest ballot that is promised on its disk. */
  readonly promised = new Map<number, number>();
  readonly #nodes: number;
  readonly #written = new Map<number, Written[]>();
  readonly #lsns = new Map<number, number>();
  readonly #lives = new Map<number, number>();
  readonly #stored = new Map<number, HeaderNode>();
  #last: Observation | null = null;

  constructor(nodes: number) {
    this.#nodes = nodes;
  }

  /** Each checker shows every observation; the first of them is the one that counts. */
  observe(observation: Observation): void {
    if (observation === this.#last || !isOfNode(observation)) return;
    this.#last = observation;
    const { node } = observation;
    switch (observation.type) {
      case 'started':
        this.#onDisk(node, observation.lsn);
        this.#written.set(node, []);
        this.#lsns.set(node, observation.lsn);
        this.#lives.set(node, observation.incarnation);
        this.#stored.set(node, observation.chain.head);
        return;
      case 'step':
        for (const effect of observation.effects) this.#effect(node, effect as Effect<PaxosMessage>);
        return;
      case 'sending':
        return this.#tell('sent', node, observation.message as PaxosMessage, this.#lives.get(node) ?? 0);
      case 'persisted':
        return this.#onDisk(node, observation.lsn);
      case 'head':
        return this.#tell('decided', node, observation.head, observation.old);
      case 'durable':
        this.#stored.set(node, observation.head);
        return;
    }
  }

  /** Whether a crash cannot make this node forget that it has accepted everything up to this height under the ballot, or that it is decided. */
  hasUpTo(node: number, ballot: number, height: number): boolean {
    const stored = this.#stored.get(node)?.header.number ?? 0;
    for (let at = stored + 1; at <= height; at++) {
      const values = this.slots.get(at)?.get(ballot) ?? new Map<Hash, Set<number>>();
      if (![...values.values()].some((voters) => voters.has(node))) return false;
    }
    return true;
  }

  #effect(node: number, effect: Effect<PaxosMessage>): void {
    if (effect.type === 'persist') for (const record of effect.records) this.#record(node, decodeRecord(record));
  }

  #record(node: number, record: PaxosRecord): void {
    const lsn = (this.#lsns.get(node) ?? 0) + 1;
    this.#lsns.set(node, lsn);
    const vote = voteOf(record);
    if (record.type === 'accepted') this.parents.set(hashHeader(record.block.header), record.block.header.parentHash);
    this.#written.set(node, [...(this.#written.get(node) ?? []), { lsn, ballot: record.ballot, vote }]);
    if (vote !== null) this.#tell('voted', node, vote);
  }

  #onDisk(node: number, lsn: number): void {
    const written = this.#written.get(node) ?? [];
    this.#written.set(
      node,
      written.filter(({ lsn: at }) => at > lsn),
    );
    for (const { lsn: at, ballot, vote } of written) {
      if (at > lsn) continue;
      this.promised.set(node, Math.max(this.promised.get(node) ?? 0, ballot));
      if (vote !== null) this.#count(node, vote);
    }
  }

  #count(node: number, vote: Vote): void {
    const { ballot, height, hash } = vote;
    const slot: Slot = this.slots.get(height) ?? new Map();
    this.slots.set(height, slot);
    const values = slot.get(ballot) ?? new Map<Hash, Set<number>>();
    slot.set(ballot, values);
    const voters = values.get(hash) ?? new Set<number>();
    values.set(hash, voters);
    voters.add(node);
    this.slots.delete(height - MAX_SLOTS);
    if (voters.size !== majority(this.#nodes)) return;
    this.#tell('chosen', vote);
    if (!this.chosen.has(height)) this.chosen.set(height, vote);
  }

  #tell<Name extends keyof PaxosListener>(name: Name, ...values: Parameters<NonNullable<PaxosListener[Name]>>): void {
    for (const listener of this.listeners) (listener[name] as ((...values: unknown[]) => void) | undefined)?.(...values);
  }
}

function voteOf(record: PaxosRecord): Vote | null {
  if (record.type === 'promised') return null;
  if (record.type === 'again') return { ballot: record.ballot, height: record.height, hash: record.hash };
  const { header } = record.block;
  return { ballot: record.ballot, height: header.number, hash: hashHeader(header) };
}

const shared = new WeakMap<Setting['chainOf'], PaxosHistory>();

/** The same for all checkers of one run: they are given the same functions. */
export function historyOf({ chainOf, nodes }: Pick<Setting, 'chainOf' | 'nodes'>): PaxosHistory {
  const known = shared.get(chainOf) ?? new PaxosHistory(nodes);
  shared.set(chainOf, known);
  return known;
}

/** What a checker of this history sees. */
export const SEES: readonly Observation['type'][] = ['started', 'step', 'sending', 'persisted', 'head', 'durable'];
