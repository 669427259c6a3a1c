/**
 * What a new leader has to propose, from what phase 1 has shown. Source: Paxos Made Simple, section 2.2 (P2c: in each slot the
 * value of the highest ballot among a majority) and 3. That values are chained makes it shorter: see README.md, "Taking over".
 */
import type { Hash, NodeId } from '../../base/types.ts';
import type { Position } from './log.ts';
import type { Promise1b, Vote } from './messages.ts';

/** What one acceptor has accepted; null: this node's own. */
export interface Report extends Pick<Promise1b, 'below' | 'votes'> {
  readonly from: NodeId | null;
}

export interface Choice extends Position {
  /** Under which it was accepted. */
  readonly ballot: number;
  /** Who has it. */
  readonly from: NodeId | null;
}

export interface Takeover {
  /** One after another, from the slot above the start on. */
  readonly choices: readonly Choice[];
  /** There are values in slots above that do not follow from these. They cannot have been chosen. */
  readonly hasGap: boolean;
}

interface Candidate extends Choice {
  readonly parent: Hash;
}

/** `start` is decided, and no member of the majority knew of anything decided above it. */
export function chooseChain(start: Position, reports: readonly Report[]): Takeover {
  const choices: Choice[] = [];
  let parent = start.hash;
  for (let height = start.height + 1; ; height++) {
    const values = reports.flatMap((report) => valueAt(report, height) ?? []);
    const highest = values.reduce<Candidate | null>((best, value) => (best === null || value.ballot > best.ballot ? value : best), null);
    if (highest === null || highest.parent !== parent) return { choices, hasGap: highest !== null };
    const { hash, ballot, from } = highest;
    choices.push({ height, hash, ballot, from });
    parent = hash;
  }
}

function valueAt({ below, votes, from }: Report, height: number): Candidate | null {
  const index = height - below.height - 1;
  const vote: Vote | undefined = votes[index];
  if (vote === undefined) return null;
  return { height, ...vote, from, parent: votes[index - 1]?.hash ?? below.hash };
}
