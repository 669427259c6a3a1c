/**
 * The logs of all nodes that run Raft, as what they write says: records of blocks and terms, on disk when the disk has said
 * so, and heads. Nobody's own account of its log is used. What checkers of Raft's invariants look at.
 */
import { present } from '../../base/assert.ts';
import type { Signatures } from '../../base/signatures.ts';
import type { Hash, Json, NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { hashHeader } from '../../chain/header.ts';
import type { ChainView, HeaderNode } from '../../chain/tree.ts';
import type { Effect } from '../../consensus/engine.ts';
import { decodeChange } from '../../consensus/members/changes.ts';
import { type Member, Membership } from '../../consensus/members/membership.ts';
import type { RaftMessage } from '../../consensus/raft/messages.ts';
import { decodeRecord } from '../../consensus/raft/records.ts';
import { termOf } from '../../consensus/raft/state.ts';
import { isOfNode, type Observation } from '../observations.ts';
import type { Setting } from './checker.ts';

export interface Place {
  readonly height: number;
  readonly hash: Hash;
  readonly term: number;
  readonly parent: Hash;
  /** Who decides on it, as its header says (genesis: nothing that counts). */
  readonly members: Hash;
}

/** Of one node. Blocks up to the head are those of its chain. */
export class NodeLog {
  /** Above the head, by height. */
  readonly #tail = new Map<number, Place>();
  #last: Place;
  #chain: ChainView;

  constructor(chain: ChainView, head: HeaderNode = chain.head) {
    this.#chain = chain;
    this.#last = placeOf(head);
  }

  get last(): Place {
    return this.#last;
  }

  hashAt(height: number): Hash | undefined {
    return this.#tail.get(height)?.hash ?? this.#chain.canonical(height);
  }

  /** Above the head. */
  placeAt(height: number): Place | undefined {
    return this.#tail.get(height);
  }

  /** Who decides on this block below the last; undefined for one that is not there, and for genesis. */
  membersAt(height: number, hash: Hash): Hash | undefined {
    return height === 0 ? undefined : (this.#tail.get(height)?.members ?? this.#chain.get(hash)?.header.mixHash);
  }

  /** How many blocks it takes the place of. */
  append(place: Place): number {
    let dropped = 0;
    for (let height = place.height; this.#tail.delete(height); height++) dropped++;
    this.#tail.set(place.height, place);
    this.#last = place;
    return dropped;
  }

  /** Whether blocks above this head were dropped because the chain went another way. */
  headMoved(head: HeaderNode): boolean {
    const { number } = head.header;
    const own = this.#tail.get(number);
    const isOther = this.#last.height >= number && own !== undefined && own.hash !== head.hash;
    if (isOther || this.#last.height <= number) {
      this.#tail.clear();
      this.#last = placeOf(head);
    } else for (const height of [...this.#tail.keys()]) if (height <= number) this.#tail.delete(height);
    return isOther;
  }

  /** After a crash: what the records say, as far as it follows the head on disk. */
  restarted(chain: ChainView, records: readonly Place[]): void {
    this.#chain = chain;
    this.#tail.clear();
    this.#last = placeOf(chain.head);
    for (const place of records) {
      if (place.height === this.#last.height + 1 && place.parent === this.#last.hash) this.append(place);
    }
  }
}

export interface TermAndVote {
  readonly term: number;
  readonly vote: NodeId | null;
}

interface Written {
  readonly lsn: number;
  readonly what: Place | TermAndVote;
}

/** What happened to a log, for those who check. */
export interface LogListener {
  appended?(node: number, place: Place, dropped: number): void;
  /** Blocks were dropped because the chain went another way; or the node came back with what its disk had. */
  reset?(node: number): void;
  role?(node: number, role: string, term: number): void;
  /** A leader says that this is decided by a quorum that has it. */
  committed?(node: number, commit: Commit): void;
  decided?(node: number, head: HeaderNode): void;
  /** A message left: `to` is who gets it. */
  sent?(node: number, to: NodeId | '*', message: RaftMessage): void;
}

export interface Commit {
  readonly height: number;
  readonly hash: Hash;
  /** Of the leader. */
  readonly term: number;
}

/** One for all checkers of a run. */
export class RaftLogs {
  readonly listeners: LogListener[] = [];
  /** Of those that are up. */
  readonly logs = new Map<number, NodeLog>();
  /** What the disk has of the records, by node: the last block of each height, and none above the last. */
  readonly #onDisk = new Map<number, Map<number, Place>>();
  readonly #written = new Map<number, Written[]>();
  readonly #terms = new Map<number, TermAndVote>();
  readonly #lsns = new Map<number, number>();
  readonly #stored = new Map<number, HeaderNode>();
  readonly #recipients = new WeakMap<object, NodeId | '*'>();
  readonly #chains = new Map<number, ChainView>();
  readonly #genesis: Membership;
  readonly #signatures: Signatures;
  /** Memberships that blocks have carried. */
  readonly #memberships = new Map<Hash, Membership>();
  #last: Observation | null = null;

  constructor({ params, signatures }: Pick<Setting, 'params' | 'signatures'>) {
    const members = params.engine.settings.members as unknown as readonly Member[];
    this.#genesis = new Membership(members, 'crash');
    this.#signatures = signatures;
  }

  /** In force where the log ends here: the newest that the log has. */
  membershipAt({ height, members }: Place): Membership {
    return height === 0 ? this.#genesis : (this.#memberships.get(members) ?? this.#genesis);
  }

  /** Each checker shows every observation; the first of them is the one that counts. */
  observe(observation: Observation): void {
    if (observation === this.#last || !isOfNode(observation)) return;
    this.#last = observation;
    const { node } = observation;
    switch (observation.type) {
      case 'started':
        return this.#started(node, observation.chain, observation.lsn);
      case 'stopped':
        this.logs.delete(node);
        return;
      case 'step':
        for (const effect of observation.effects) this.#effect(node, effect as Effect<RaftMessage>);
        return;
      case 'sending': {
        const to = this.#recipients.get(observation.message as object);
        if (to !== undefined) this.#tell('sent', node, to, observation.message as RaftMessage);
        return;
      }
      case 'persisted':
        return this.#persisted(node, observation.lsn);
      case 'head':
        if (this.logs.get(node)?.headMoved(observation.head) === true) this.#tell('reset', node);
        return this.#tell('decided', node, observation.head);
      case 'durable':
        this.#stored.set(node, observation.head);
        return;
    }
  }

  /** Whether this block is on the node's disk, in a record or in the chain, so that a crash cannot take it. */
  isOnDisk(node: number, { height, hash }: Pick<Place, 'height' | 'hash'>): boolean {
    const stored = this.#stored.get(node);
    if (stored === undefined) return false;
    if (height <= stored.header.number) return this.#chains.get(node)?.canonical(height) === hash;
    let parent = stored.hash;
    for (let at = stored.header.number + 1; at <= height; at++) {
      const place = this.#onDisk.get(node)?.get(at);
      if (place?.parent !== parent) return false;
      parent = place.hash;
    }
    return parent === hash;
  }

  /** Term and vote as the node's disk has them. */
  termOnDisk(node: number): TermAndVote {
    return this.#terms.get(node) ?? { term: 0, vote: null };
  }

  #started(node: number, chain: ChainView, lsn: number): void {
    this.#persisted(node, lsn);
    this.#written.set(node, []);
    this.#lsns.set(node, lsn);
    this.#stored.set(node, chain.head);
    this.#chains.set(node, chain);
    // A block that sync brought says its term as a record does; nobody has voted in one that was not heard of before.
    const term = termOf(chain.head);
    if (term > this.termOnDisk(node).term) this.#terms.set(node, { term, vote: null });
    const log = new NodeLog(chain);
    log.restarted(
      chain,
      [...(this.#onDisk.get(node)?.values() ?? [])].sort((a, b) => a.height - b.height),
    );
    this.logs.set(node, log);
    this.#tell('reset', node);
  }

  #effect(node: number, effect: Effect<RaftMessage>): void {
    if (effect.type === 'persist') for (const record of effect.records) this.#record(node, record);
    if (effect.type === 'send') this.#recipients.set(effect.message, effect.to);
    if (effect.type !== 'trace') return;
    const { data, name } = effect;
    if (name === 'role') this.#tell('role', node, String(data.role), Number(data.term));
    if (name === 'committed') this.#tell('committed', node, commitOf(data));
  }

  #record(node: number, bytes: Uint8Array): void {
    const lsn = (this.#lsns.get(node) ?? 0) + 1;
    this.#lsns.set(node, lsn);
    const record = decodeRecord(bytes);
    if (record.type === 'block') this.#learn(record.block);
    const place = record.type === 'block' ? placeOf(nodeOf(record.block.header)) : null;
    this.#written.set(node, [...(this.#written.get(node) ?? []), { lsn, what: place ?? (record as TermAndVote) }]);
    if (place === null) return;
    const dropped = present(this.logs.get(node), 'the log of a node that runs').append(place);
    this.#tell('appended', node, place, dropped);
  }

  #learn({ header, payload }: Block): void {
    if (payload.length === 0 || this.#memberships.has(header.mixHash)) return;
    this.#memberships.set(header.mixHash, decodeChange(payload, 'crash', this.#signatures).membership);
  }

  #persisted(node: number, lsn: number): void {
    const written = this.#written.get(node) ?? [];
    const onDisk = this.#onDisk.get(node) ?? new Map<number, Place>();
    this.#onDisk.set(node, onDisk);
    const stored = this.#stored.get(node)?.header.number ?? 0;
    for (const { lsn: at, what } of written) {
      if (at > lsn) continue;
      if ('vote' in what) this.#terms.set(node, what);
      else {
        for (const height of [...onDisk.keys()]) if (height >= what.height || height <= stored) onDisk.delete(height);
        onDisk.set(what.height, what);
      }
    }
    this.#written.set(
      node,
      written.filter(({ lsn: at }) => at > lsn),
    );
  }

  #tell<Name extends keyof LogListener>(name: Name, ...values: Parameters<NonNullable<LogListener[Name]>>): void {
    for (const listener of this.listeners) (listener[name] as ((...values: unknown[]) => void) | undefined)?.(...values);
  }
}

function commitOf(data: { readonly [key: string]: Json }): Commit {
  return { height: Number(data.height), hash: String(data.hash) as Hash, term: Number(data.term) };
}

function nodeOf(header: HeaderNode['header']): Pick<HeaderNode, 'header' | 'hash'> {
  return { header, hash: hashHeader(header) };
}

function placeOf({ header, hash }: Pick<HeaderNode, 'header' | 'hash'>): Place {
  return { height: header.number, hash, term: termOf({ header }), parent: header.parentHash, members: header.mixHash };
}

const shared = new WeakMap<Setting['chainOf'], RaftLogs>();

/** The same for all checkers of one run: they are given the same functions. */
export function logsOf(setting: Pick<Setting, 'chainOf' | 'params' | 'signatures'>): RaftLogs {
  const known = shared.get(setting.chainOf);
  if (known !== undefined) return known;
  const logs = new RaftLogs(setting);
  shared.set(setting.chainOf, logs);
  return logs;
}

/** What a checker of logs sees. */
export const SEES: readonly Observation['type'][] = ['started', 'stopped', 'step', 'sending', 'persisted', 'head', 'durable'];
