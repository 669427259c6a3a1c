/**
 * Every node of a running network is started again, one after the other, while the others go on: how a new version comes to a network
 * that must not stop. The next one's turn comes when the last is back: connected with all others, on their chain, and taking part in what
 * came after its start. Whoever leads hands that over first, where the engine can, and has its turn last.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { UsageError } from '../base/errors.ts';
import type { NodeId } from '../base/types.ts';
import type { NodeStatus } from '../node/status.ts';
import { callNode } from './launch.ts';
import type { NodeReport, Supervisor } from './supervisor.ts';

export type RollingNodes = Pick<Supervisor, 'report' | 'restart' | 'endpoints' | 'faults'>;

export interface RestartedNode {
  readonly node: number;
  /** Until it served again. */
  readonly startMs: number;
  /** From then on until it took part again. */
  readonly backMs: number;
  /** Whom it had handed the leadership to; null when it did not lead, or could not. */
  readonly handedTo: number | null;
}

interface Up {
  readonly index: number;
  readonly peerId: string;
  readonly status: NodeStatus;
}

/** Several epochs of proof-of-stake, or many elections. */
const BACK_TIMEOUT_MS = 120_000;
const POLL_MS = 200;
/** What comes after its start: one block could have been under way before. */
const BLOCKS_SINCE = 2;

/**
 * Throws UsageError `testnet/not-whole` when a node is missing or a fault is in force before the first or any later step, because one
 * more that is away could be one too many; and `testnet/not-back` for a node that does not come back. Then the others are left alone.
 */
export async function rollingRestart(
  nodes: RollingNodes,
  onRestarted: (done: RestartedNode) => void = () => undefined,
): Promise<RestartedNode[]> {
  const waiting = new Set((await whole(nodes)).map(({ index }) => index));
  const done: RestartedNode[] = [];
  while (waiting.size > 0) {
    const up = await whole(nodes);
    const leader = leaderAmong(up);
    // Handing over costs the others less than an election, but more than nothing.
    const turn = [...waiting].find((index) => index !== leader?.index) ?? [...waiting][0] ?? 0;
    waiting.delete(turn);
    const restarted = await restartOne(nodes, up, turn, leader?.index === turn);
    onRestarted(restarted);
    done.push(restarted);
  }
  return done;
}

async function restartOne(nodes: RollingNodes, up: readonly Up[], node: number, isLeader: boolean): Promise<RestartedNode> {
  const handedTo = isLeader ? await handOver(nodes, up, node) : null;
  const beginMs = performance.now();
  await nodes.restart(node);
  const startedMs = performance.now();
  await untilBack(nodes, node);
  return { node, handedTo, startMs: Math.round(startedMs - beginMs), backMs: Math.round(performance.now() - startedMs) };
}

/** Every node, each of which must answer. */
async function whole(nodes: RollingNodes): Promise<Up[]> {
  const [fault] = nodes.faults;
  if (fault !== undefined) throw notWhole(`the fault ${fault.fault.kind} is in force`);
  return (await nodes.report()).map((report) => upOf(report) ?? notUp(report));
}

function upOf({ index, peerId, status }: NodeReport): Up | null {
  return status === null || peerId === null ? null : { index, peerId, status: status as unknown as NodeStatus };
}

function notUp({ index, state }: NodeReport): never {
  throw notWhole(state === 'up' ? `node ${index} does not answer` : `node ${index} is ${state}`);
}

function notWhole(why: string): UsageError {
  return new UsageError(
    'testnet/not-whole',
    `The network is not whole, so none of its nodes can be spared: ${why}. Heal or restart it first.`,
  );
}

/** Under engines with a leader (or coordinator, or primary) that every node names; by most of them. */
function leaderAmong(up: readonly Up[]): Up | undefined {
  const named = up.map(({ status }) => (status.consensus as { readonly leader?: unknown } | null)?.leader);
  return up.find(({ peerId }) => named.filter((name) => name === peerId).length > up.length / 2);
}

/** To the node that comes next. Engines without a leader to hand over refuse, and the others then find another by themselves. */
async function handOver(nodes: RollingNodes, up: readonly Up[], from: number): Promise<number | null> {
  const others = up.filter(({ index }) => index !== from);
  const to = others.find(({ index }) => index > from) ?? others[0];
  const endpoints = nodes.endpoints(from);
  if (to === undefined || endpoints === null) return null;
  try {
    await callNode(endpoints, 'consensus_transfer', [to.peerId as NodeId]);
    return to.index;
  } catch (error) {
    if (error instanceof UsageError) return null;
    throw error;
  }
}

async function untilBack(nodes: RollingNodes, node: number): Promise<void> {
  const deadlineMs = performance.now() + BACK_TIMEOUT_MS;
  let goal: number | null = null;
  for (;;) {
    const up = (await nodes.report()).map(upOf);
    const others = up.flatMap((each) => (each === null || each.index === node ? [] : [each]));
    const own = up[node];
    // Of all others, or a node that is ahead and slow to answer would not be in it.
    if (others.length === up.length - 1) goal ??= Math.max(0, ...others.map(({ status }) => status.head.number)) + BLOCKS_SINCE;
    if (own !== undefined && own !== null && goal !== null && isBack(own, others, up.length, goal)) return;
    if (performance.now() > deadlineMs) throw notBack(node, own ?? null, goal);
    await delay(POLL_MS);
  }
}

/** A head of `goal` or more has blocks that were made after its start; its validators, if it has any, must have voted since as well. */
function isBack({ status }: Up, others: readonly Up[], nodes: number, goal: number): boolean {
  const { keys, counts } = (status.consensus ?? {}) as { readonly keys?: number; readonly counts?: { readonly voted?: number } };
  const takesPart = keys === undefined || keys === 0 || (counts?.voted ?? 0) > 0;
  return others.length === nodes - 1 && status.peers >= others.length && status.head.number >= goal && takesPart;
}

function notBack(node: number, own: Up | null, goal: number | null): UsageError {
  const state = own === null ? 'it does not answer' : `it has ${own.status.peers} peers, and its head is block ${own.status.head.number}`;
  const wanted = goal === null ? 'and not all others answer' : `and block ${goal} was waited for`;
  const message = `Node ${node} did not come back within ${BACK_TIMEOUT_MS / 1_000} s: ${state}, ${wanted}. The others were left alone; see its log.`;
  return new UsageError('testnet/not-back', message, { node });
}
