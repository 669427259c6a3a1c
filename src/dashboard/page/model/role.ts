/** What an engine says of this node's part in agreeing, in the few words that fit on a card. Unknown engines say what they can. */
import { countOrNull, fieldsOf, textOf } from './decode.ts';
import { metric, plural, short } from './format.ts';
import type { NodeStatus } from './node.ts';

export interface Role {
  /** `leader`, `2 validators`, `mining 90.5 kH/s`. */
  readonly work: string;
  /** `term 3`, `view 0`, `epoch 6, slot 25`; empty where time is not counted so. */
  readonly round: string;
  /** Peer id of who leads; null where nobody does, or nobody is known to. */
  readonly leader: string | null;
  /** Whether it is this node. */
  readonly leads: boolean;
}

/** The engines' words for the round of a leader, in the order in which they are looked for. */
const ROUNDS = ['term', 'view', 'epoch', 'ballot', 'round'];

export function roleOf(status: NodeStatus): Role {
  if (status.engine === 'pow') return { work: miningWork(status), round: '', leader: null, leads: false };
  if (status.engine === 'pos') return validatorRole(status);
  const { consensus } = status;
  const leader = textOf(consensus.leader) || textOf(consensus.coordinator) || textOf(consensus.primary) || null;
  return { work: textOf(consensus.role) || 'follower', round: roundOf(status), leader, leads: leader === status.peerId };
}

function miningWork({ mining }: NodeStatus): string {
  return mining?.isOn === true ? `mines at ${metric(mining.hashesPerSecond, 'H/s')}` : 'follows';
}

function validatorRole({ consensus }: NodeStatus): Role {
  const keys = countOrNull(consensus.keys) ?? 0;
  const work = keys === 0 ? 'follows' : plural(keys, 'validator');
  return {
    work,
    round: `epoch ${countOrNull(consensus.epoch) ?? 0}, slot ${countOrNull(consensus.slot) ?? 0}`,
    leader: null,
    leads: false,
  };
}

export function roundOf({ consensus }: NodeStatus): string {
  for (const name of ROUNDS) {
    const value = consensus[name];
    if (typeof value === 'number') return `${name} ${value}`;
    const number = countOrNull(fieldsOf(value).round ?? fieldsOf(value).number);
    if (number !== null) return `${name} ${number}`;
  }
  return '';
}

/** The engine's name as people write it. */
const NAMES: { readonly [engine: string]: string } = {
  pos: 'Proof of stake',
  pow: 'Proof of work',
  raft: 'Raft',
  pbft: 'PBFT',
  paxos: 'Multi-Paxos',
  zab: 'Zab',
  'chandra-toueg': 'Chandra-Toueg',
  replay: 'Replay',
};

export function engineName(engine: string): string {
  return NAMES[engine] ?? short(engine, 20);
}
