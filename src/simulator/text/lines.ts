/** How the lines of a trace read in a text scenario, and which of them are shown. */
import type { Json } from '../../base/types.ts';
import type { Kind, TraceEntry } from '../trace.ts';
import type { Names } from './names.ts';

/** Each shows what the one before it shows, and more. */
export const LEVELS = ['none', 'decisions', 'messages', 'all'] as const;
export type Level = (typeof LEVELS)[number];

type Data = { readonly [key: string]: Json };
/** The rest of the line, after time and place. Null for what is not worth one. */
type Describe = (entry: TraceEntry, names: Names) => string | null;

const DESCRIPTIONS: { readonly [kind in Kind]?: readonly [Level, Describe] } = {
  start: ['decisions', ({ id }) => (id === 1 ? 'starts' : `starts, life ${id}`)],
  stop: ['decisions', ({ data }, names) => `stops${data === null ? '' : `: ${names.inText(String(data.error))}`}`],
  head: ['decisions', head],
  finalize: ['decisions', ({ what }, names) => `finalizes ${names.of(what)}`],
  offence: ['decisions', ({ peer, what }) => `blames node ${peer}: ${what}`],
  engine: ['decisions', ({ what, data }, names) => joined(what, names.fields(data))],
  violation: ['decisions', ({ what, data }, names) => `VIOLATION ${what}: ${names.inText(String(data?.message))}`],
  receive: ['messages', ({ what, data }, names) => joined(what, messageFields(data, names))],
  lost: ['messages', ({ what, data }, names) => `${joined(what, messageFields(data, names))} is lost: ${data?.why}`],
  peer: ['messages', ({ peer, what }, names) => `meets node ${peer}, which has ${names.of(what)}`],
  gone: ['messages', ({ peer }) => `loses sight of node ${peer}`],
  send: ['all', ({ peer, what, data }, names) => joined(`sends node ${peer} ${what}`, messageFields(data, names))],
  insert: ['all', ({ what, data }, names) => `stores ${names.of(what)} on ${names.of(String(data?.parent))}`],
  durable: ['all', ({ what }, names) => `has head ${names.of(what)} on disk`],
  persist: ['all', ({ id }) => `has its log up to record ${id} on disk`],
  build: ['all', ({ id }) => `builds a block of height ${id}`],
  timer: ['all', () => 'has a timer run out'],
};

/** An invalid block is a decision; that a block is what it should be is not worth a line at that level. */
function checkOf({ id, what, data }: TraceEntry, names: Names): readonly [Level, string] {
  if (id === 1) return ['all', `finds ${names.of(what)} valid`];
  return ['decisions', `finds ${names.of(what)} invalid: ${data?.code}`];
}

/** Whether lines of this kind are shown at all at this level. */
export function isShown(level: Level, entry: TraceEntry): boolean {
  const least = entry.kind === 'check' ? (entry.id === 1 ? 'all' : 'decisions') : DESCRIPTIONS[entry.kind]?.[0];
  return least !== undefined && LEVELS.indexOf(level) >= LEVELS.indexOf(least);
}

/** The line, without indentation; times are in seconds since the world began. */
export function lineOf(entry: TraceEntry, names: Names): string | null {
  const { atUs, kind, node, peer } = entry;
  const text = kind === 'check' ? checkOf(entry, names)[1] : (DESCRIPTIONS[kind]?.[1](entry, names) ?? null);
  if (text === null) return null;
  const isMessage = kind === 'receive' || kind === 'lost';
  const who = isMessage ? `${peer} -> ${node}` : node < 0 ? 'network' : `node ${node}`;
  return `${seconds(atUs)}  ${who.padEnd(7)} ${text}`;
}

export function seconds(atUs: number): string {
  return (atUs / 1_000_000).toFixed(3).padStart(7);
}

function head({ what, data }: TraceEntry, names: Names): string {
  const removed = Number(data?.removed ?? 0);
  if (removed === 0) return `head ${names.of(what)}`;
  return `head ${names.of(what)} instead of ${names.of(String(data?.old))}, gives up ${removed} ${removed === 1 ? 'block' : 'blocks'}`;
}

/** The block that a message is about goes first, by its name, which says its height too. What tells nothing is left out. */
function messageFields(data: Data | null, names: Names): string {
  const { request: _request, why: _why, block = null, height = null, ...rest } = data ?? {};
  const isNamed = typeof block === 'string' && names.isKnown(block);
  const about = block === null ? '' : names.value(block);
  return joined(about, names.fields(isNamed ? rest : { ...rest, height }));
}

function joined(name: string, fields: string): string {
  return [name, fields].filter((text) => text !== '').join(' ');
}
