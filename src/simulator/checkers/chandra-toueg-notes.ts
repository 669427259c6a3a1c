/**
 * What all nodes that run Chandra-Toueg have written down, and what they say: records of rounds and estimates, on disk when the
 * disk has said so. Nobody's own account of its state is used. What checkers of the protocol's invariants look at.
 */
import type { Hash, Json } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import type { ChandraTouegMessage } from '../../consensus/chandra-toueg/messages.ts';
import { decodeRecord } from '../../consensus/chandra-toueg/records.ts';
import type { Effect } from '../../consensus/engine.ts';
import { isOfNode, type Observation } from '../observations.ts';
import type { Checker, CheckerFactory, Setting } from './checker.ts';

/** A member has adopted this value in this round. */
export interface Adopted {
  readonly height: number;
  readonly round: number;
  readonly hash: Hash;
}

export interface NotesListener {
  /** Written, and perhaps not on disk yet. */
  wrote?(node: number, adopted: Adopted): void;
  /** On disk. */
  adopted?(node: number, adopted: Adopted): void;
  /** A message leaves the node. */
  sent?(node: number, message: ChandraTouegMessage): void;
  /** A coordinator says that a majority has acknowledged this. */
  decided?(node: number, adopted: Adopted): void;
}

const SEES: readonly Observation['type'][] = ['started', 'step', 'persisted', 'sending'];

/** One for all checkers of a run. */
export class Notes {
  readonly listeners: NotesListener[] = [];
  /** By node and height: the value of the last record. */
  readonly #values = new Map<string, Hash>();
  readonly #written = new Map<number, { readonly lsn: number; readonly adopted: Adopted }[]>();
  readonly #lsns = new Map<number, number>();
  readonly #holders = new Map<string, Set<number>>();
  #last: Observation | null = null;

  /** Each checker shows every observation; the first of them is the one that counts. */
  observe(observation: Observation): void {
    if (observation === this.#last || !isOfNode(observation)) return;
    this.#last = observation;
    const { node } = observation;
    if (observation.type === 'started') {
      this.#persisted(node, observation.lsn);
      this.#written.set(node, []);
      this.#lsns.set(node, observation.lsn);
    }
    if (observation.type === 'step') for (const effect of observation.effects) this.#effect(node, effect as Effect<ChandraTouegMessage>);
    if (observation.type === 'persisted') this.#persisted(node, observation.lsn);
    if (observation.type === 'sending') this.#tell('sent', node, observation.message as ChandraTouegMessage);
  }

  /** Nodes whose disk has, or had, this value as adopted in this round. */
  holders({ height, round, hash }: Adopted): ReadonlySet<number> {
    return this.#holders.get(`${height}/${round}/${hash}`) ?? new Set();
  }

  #effect(node: number, effect: Effect<ChandraTouegMessage>): void {
    if (effect.type === 'persist') for (const record of effect.records) this.#record(node, record);
    if (effect.type === 'trace' && effect.name === 'decided') this.#tell('decided', node, adoptedOf(effect.data));
  }

  #record(node: number, bytes: Uint8Array): void {
    const lsn = (this.#lsns.get(node) ?? 0) + 1;
    this.#lsns.set(node, lsn);
    const record = decodeRecord(bytes);
    if (record.type !== 'estimate') return;
    const { height, timestamp: round, block } = record;
    const key = `${node}/${height}`;
    const hash = block === null ? this.#values.get(key) : hashHeader(block.header);
    if (hash === undefined) return;
    this.#values.set(key, hash);
    const adopted = { height, round, hash };
    this.#written.set(node, [...(this.#written.get(node) ?? []), { lsn, adopted }]);
    this.#tell('wrote', node, adopted);
  }

  #persisted(node: number, lsn: number): void {
    const written = this.#written.get(node) ?? [];
    this.#written.set(
      node,
      written.filter((one) => one.lsn > lsn),
    );
    for (const { lsn: at, adopted } of written) {
      if (at > lsn) continue;
      const key = `${adopted.height}/${adopted.round}/${adopted.hash}`;
      this.#holders.set(key, new Set([...(this.#holders.get(key) ?? []), node]));
      this.#tell('adopted', node, adopted);
    }
  }

  #tell<Name extends keyof NotesListener>(name: Name, ...values: Parameters<NonNullable<NotesListener[Name]>>): void {
    for (const listener of this.listeners) (listener[name] as ((...values: unknown[]) => void) | undefined)?.(...values);
  }
}

function adoptedOf({ height, round, hash }: { readonly [key: string]: Json }): Adopted {
  return { height: Number(height), round: Number(round), hash: String(hash) as Hash };
}

const shared = new WeakMap<Setting['chainOf'], Notes>();

/** The same for all checkers of one run: they are given the same functions. */
function notesOf({ chainOf }: Pick<Setting, 'chainOf'>): Notes {
  const notes = shared.get(chainOf) ?? new Notes();
  shared.set(chainOf, notes);
  return notes;
}

/** `more` sees the observations of these types as well. */
export function notesChecker(
  name: string,
  listen: (setting: Setting, notes: Notes) => NotesListener & Partial<Pick<Checker, 'observe'>>,
  more: readonly Observation['type'][] = [],
): CheckerFactory {
  return (setting): Checker => {
    const notes = notesOf(setting);
    const listener = listen(setting, notes);
    notes.listeners.push(listener);
    const observe = (observation: Observation): void => {
      notes.observe(observation);
      listener.observe?.(observation);
    };
    return { name, sees: [...SEES, ...more], observe };
  };
}
