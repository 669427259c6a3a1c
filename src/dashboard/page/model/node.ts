/** What the page knows of one node: where it is, whether it answers, and what it says of itself (`synod_status`). */
import { countOrNull, type Fields, fieldsOf, listOf, numberOf, textOf, textOrNull } from './decode.ts';

/** How the page reaches it: `live` is told of new heads, `polling` asks for them. */
export type LinkState = 'connecting' | 'live' | 'polling' | 'down';

export interface Point {
  readonly number: number;
  readonly hash: string;
}

export interface NodeStatus {
  readonly version: string;
  readonly engine: string;
  readonly chainId: number;
  readonly genesis: string;
  readonly peerId: string;
  readonly uptimeSeconds: number;
  readonly head: Point;
  readonly headTime: number;
  readonly safe: Point;
  readonly finalized: Point;
  readonly peers: number;
  readonly syncState: string;
  readonly pending: number;
  readonly queued: number;
  readonly reorgs: number;
  readonly deepestReorg: number;
  readonly mining: Mining | null;
  readonly isPartitioned: boolean;
  readonly consensus: Fields;
}

export interface Mining {
  readonly isOn: boolean;
  readonly hashesPerSecond: number;
  readonly sealed: number;
  readonly abandoned: number;
  readonly beneficiary: string;
}

export interface NodeView {
  readonly index: number;
  /** Null while its process is down. */
  readonly url: string | null;
  readonly link: LinkState;
  readonly status: NodeStatus | null;
  /** The newest head it told of, which may be ahead of its status. */
  readonly head: Point | null;
  /** What the supervisor says of its process; null where there is none. */
  readonly process: string | null;
  /** Its side of a partition, from 0; null without one. */
  readonly side: number | null;
  /** Faults at work, in words. */
  readonly faults: readonly string[];
}

export function parseStatus(value: unknown): NodeStatus | null {
  const status = fieldsOf(value);
  if (textOf(status.engine) === '') return null;
  const [pool, reorgs, sync] = [fieldsOf(status.pool), fieldsOf(status.reorgs), fieldsOf(status.sync)];
  return {
    version: textOf(status.version),
    engine: textOf(status.engine),
    chainId: numberOf(status.chainId),
    genesis: textOf(status.genesis),
    peerId: textOf(status.peerId),
    uptimeSeconds: numberOf(status.uptimeSeconds),
    head: pointOf(status.head),
    headTime: numberOf(fieldsOf(status.head).timestamp),
    safe: pointOf(status.safe),
    finalized: pointOf(status.finalized),
    peers: numberOf(status.peers),
    syncState: textOf(sync.state),
    pending: numberOf(pool.pending),
    queued: numberOf(pool.queued),
    reorgs: numberOf(reorgs.count),
    deepestReorg: numberOf(reorgs.deepest),
    mining: miningOf(status.mining),
    isPartitioned: Array.isArray(status.partition),
    consensus: fieldsOf(status.consensus),
  };
}

function pointOf(value: unknown): Point {
  const point = fieldsOf(value);
  return { number: numberOf(point.number), hash: textOf(point.hash).toLowerCase() };
}

function miningOf(value: unknown): Mining | null {
  if (value === null || value === undefined) return null;
  const mining = fieldsOf(value);
  return {
    isOn: mining.enabled === true,
    hashesPerSecond: numberOf(mining.hashesPerSecond),
    sealed: numberOf(mining.sealed),
    abandoned: numberOf(mining.abandoned),
    beneficiary: textOf(mining.beneficiary),
  };
}

/** One entry of `testnet_nodes` or `testnet_status`; null for what is none. */
export interface NodeEntry {
  readonly index: number;
  readonly url: string | null;
  readonly process: string | null;
  readonly side: number | null;
  readonly faults: readonly string[];
}

export const MAX_NODES_SHOWN = 64;

export function parseNodes(value: unknown): readonly NodeEntry[] {
  const entries = Array.isArray(value) ? value : listOf(fieldsOf(value).nodes);
  return entries.slice(0, MAX_NODES_SHOWN).flatMap((entry) => {
    const fields = fieldsOf(entry);
    const index = countOrNull(fields.index);
    if (index === null) return [];
    const url = textOrNull(fields.rpcUrl);
    const isUrl = url !== null && /^https?:\/\//.test(url);
    return [
      { index, url: isUrl ? url : null, process: textOrNull(fields.state), side: countOrNull(fields.side), faults: faultsOf(fields) },
    ];
  });
}

function faultsOf({ faults }: Fields): readonly string[] {
  if (Array.isArray(faults)) return faults.flatMap((fault) => (typeof fault === 'string' ? fault : (describeFault(fault) ?? [])));
  return Object.entries(fieldsOf(faults)).flatMap(([name, value]) => describe(name, value) ?? []);
}

function describeFault(fault: unknown): string | null {
  const fields = fieldsOf(fault);
  const name = textOf(fields.type) || textOf(fields.name) || textOf(fields.kind);
  return name === '' ? null : name;
}

function describe(name: string, value: unknown): string | null {
  const word = name.replace(/([A-Z])/g, ' $1').toLowerCase();
  if (value === null || value === false || value === 0 || value === undefined || (Array.isArray(value) && value.length === 0)) return null;
  return typeof value === 'number' || typeof value === 'string' ? `${word} ${value}` : word;
}
