/** What PBFT's signed bytes say, read a second time: checkers do not rely on the code that they judge. */
import { toHex } from '../../base/bytes.ts';
import type { Hash } from '../../base/types.ts';
import type { Evidence, NewView, PbftMessage, ViewChange } from '../../consensus/pbft/messages.ts';

export type { Evidence, NewView, PbftMessage, ViewChange };

export interface Said {
  readonly member: number;
  readonly view: number;
  readonly height: number;
  readonly hash: Hash;
}

/** A vote or a certificate, as bytes or as its parts. */
interface Votes {
  readonly members: readonly number[];
  readonly statement: Uint8Array;
}

const SIGNATURE_BYTES = 96;
/** Height, view, block, membership. */
const COMMIT_BYTES = 8 + 8 + 32 + 32;

/** A statement of either phase: a prepare has one byte in front. */
export function saidIn({ members, statement }: Votes): Said {
  const plain = statement.subarray(statement.length - COMMIT_BYTES);
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  return {
    member: members[0] ?? -1,
    height: Number(view.getBigUint64(0)),
    view: Number(view.getBigUint64(8)),
    hash: toHex(plain.subarray(16, 48)) as Hash,
  };
}

/** An encoded certificate; null for none. */
export function certified(bytes: Uint8Array): (Said & { readonly members: readonly number[] }) | null {
  if (bytes.length === 0) return null;
  const count = bytes[0] ?? 0;
  const members = [...bytes.subarray(1, 1 + count)];
  return { ...saidIn({ members, statement: bytes.subarray(1 + count + SIGNATURE_BYTES) }), members };
}

/** The view that a view change or a new view is for. */
export function viewIn({ vote: { statement } }: ViewChange | NewView): number {
  return Number(new DataView(statement.buffer, statement.byteOffset, statement.length).getBigUint64(1));
}

/** What a node itself says in this message: its prepare (a proposal is one) or its commit. */
export function ownVote(node: number, message: PbftMessage): (Said & { readonly phase: 'prepare' | 'commit' }) | null {
  if (message.type !== 'preprepare' && message.type !== 'vote') return null;
  const said = saidIn(message.vote);
  return said.member === node ? { ...said, phase: message.type === 'vote' ? message.phase : 'prepare' } : null;
}

/** Section 4.4: what follows from the view changes of a new view. */
export function outcome({ changes }: NewView): { readonly base: number; readonly carried: Hash | null } {
  const base = Math.max(...changes.map(({ checkpoint }) => certified(checkpoint)?.height ?? 0));
  let highest: Said | null = null;
  for (const { prepared } of changes) {
    const said = certified(prepared);
    if (said !== null && said.height === base + 1 && said.view > (highest?.view ?? -1)) highest = said;
  }
  return { base, carried: highest?.hash ?? null };
}

/** The fewest of so many of whom any two groups have a correct member in common. */
export function quorumOf(nodes: number): number {
  return nodes - Math.floor(nodes / 3);
}

/** How many of so many may lie. */
export function faultyOf(nodes: number): number {
  return Math.floor((nodes - 1) / 3);
}
