/**
 * The learner: what is decided, and the blocks of it that are not here. Source: Paxos Made Simple, section 2.3 (a distinguished
 * learner, here the leader, tells the others). Members only crash, so what one calls decided is.
 */
import { present } from '../../base/assert.ts';
import { RuleError } from '../../base/errors.ts';
import type { Hash, NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import { decide } from '../members/decisions.ts';
import { fitting, insertRun } from '../members/runs.ts';
import { type Position, positionOf } from './log.ts';
import type { PaxosMessage } from './messages.ts';
import { tell } from './persist.ts';
import { paxosRules } from './rules.ts';
import type { Turn } from './state.ts';

type Ask = Extract<PaxosMessage, { type: 'ask' }>;
type Blocks = Extract<PaxosMessage, { type: 'blocks' }>;

/** Blocks that are walked back over to find the way to one that is not decided. */
const MAX_WALK = 1_024;

/** `from` says that this is decided. Throws RuleError `paxos/contradicts-decided`. */
export function learnCommit(turn: Turn, from: NodeId, commit: Position): void {
  const { state, chain } = turn;
  const { height, hash } = commit;
  const here = chain.canonical(height);
  if (here !== undefined && here !== hash) {
    throw new RuleError('paxos/contradicts-decided', `Node ${from} has decided ${hash} at height ${height}, and this node ${here}.`, {
      height,
    });
  }
  if (commit.height > state.commit.height) state.commit = commit;
  decide(turn, commit);
  // It may be on its way: what is proposed next to this message comes first mostly.
  if (chain.get(commit.hash) === undefined && commit.height > chain.head.header.number + 1) ask(turn, from, commit.hash);
}

/** The blocks that lead to this one, from the head on. Not more often than answers take. */
export function ask(turn: Turn, from: NodeId, tip: Hash): void {
  const { state, nowMs, settings } = turn;
  if (nowMs - state.askedMs < settings.suspicionMs) return;
  state.askedMs = nowMs;
  tell(turn, from, { type: 'ask', above: turn.chain.head.header.number, tip });
}

export function receiveAsk(turn: Turn, from: NodeId, { above, tip }: Ask): void {
  const { chain } = turn;
  const blocks = fitting(blocksTo(turn, above, tip));
  if (blocks.length > 0) tell(turn, from, { type: 'blocks', blocks, decided: chain.head.header.number });
}

/** Until one is missing. */
function* blocksTo(turn: Turn, above: number, tip: Hash): Generator<Block> {
  for (const hash of wayTo(turn, above, tip)) {
    const block = turn.chain.block(hash);
    if (block === undefined) return;
    yield block;
  }
}

/** Hashes of the blocks above a height that lead to this one, lowest first; those that are decided come first. */
function* wayTo({ chain }: Turn, above: number, tip: Hash): Generator<Hash> {
  const undecided: Hash[] = [];
  const head = chain.head.header.number;
  let at = chain.get(tip);
  while (at !== undefined && at.header.number > Math.max(head, above) && undecided.length < MAX_WALK) {
    undecided.push(at.hash);
    at = chain.get(at.header.parentHash);
  }
  const isOnHead = at !== undefined && (at.header.number <= above || chain.canonical(at.header.number) === at.hash);
  const last = at?.header.number ?? 0;
  for (let height = above + 1; isOnHead && height <= last; height++) yield present(chain.canonical(height), 'a decided block');
  if (isOnHead) yield* undecided.reverse();
}

/** Throws RuleError. */
export function receiveBlocks(turn: Turn, { blocks, decided }: Blocks): void {
  const { state, effects } = turn;
  const nodes = insertRun(turn, 'paxos', paxosRules(turn.council), blocks, decided);
  if (nodes === null) return;
  effects.push({ type: 'trace', name: 'caughtUp', data: { blocks: blocks.length, decided } });
  // The rest may be asked for at once.
  state.askedMs = Number.NEGATIVE_INFINITY;
  const last = nodes.findLast(({ header }) => header.number <= decided);
  if (last === undefined) return;
  const goal = positionOf(last);
  if (goal.height > state.commit.height) state.commit = goal;
  decide(turn, goal);
}

/** At the beginning of every step: sync and certificates move the head as well. */
export function followHead({ state, chain }: Turn): void {
  if (chain.head.header.number > state.commit.height) state.commit = positionOf(chain.head);
}
