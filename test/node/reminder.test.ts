/** Transactions that came into no block are sent again, ever more seldom, and no longer than they wait. */
import { describe, expect, it } from 'vitest';
import type { Hash, NodeId } from '../../src/base/types.ts';
import type { Tx } from '../../src/execution/transaction.ts';
import { POOL_LIMITS } from '../../src/mempool/limits.ts';
import type { ClockPort } from '../../src/node/ports.ts';
import { Reminder } from '../../src/node/reminder.ts';

function tx(index: number): Tx {
  return { hash: `0x${index.toString(16).padStart(64, '0')}` as Hash } as Tx;
}

function open() {
  let nowMs = 0;
  let timer: { readonly dueMs: number; readonly callback: () => void } | null = null;
  const clock: ClockPort = {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    setTimer: (delayMs, callback) => {
      timer = { dueMs: nowMs + delayMs, callback };
      return timer;
    },
    cancelTimer: (handle) => {
      if (timer === handle) timer = null;
    },
  };
  const waiting = new Set<Hash>();
  const sent: string[] = [];
  /** How many at once. */
  const told: number[] = [];
  const leader: { node: NodeId | null } = { node: null };
  const reminder = new Reminder({
    clock,
    leader: () => leader.node,
    isWaiting: (hash) => waiting.has(hash),
    sendToLeader: ({ hash }) => sent.push(`${Number(hash)} to ${leader.node} at ${nowMs}`),
    sendToAll: (transactions) => {
      told.push(transactions.length);
      for (const { hash } of transactions) sent.push(`${Number(hash)} at ${nowMs}`);
    },
  });
  const until = (ms: number) => {
    while (timer !== null && timer.dueMs <= ms) {
      const { dueMs, callback } = timer;
      [nowMs, timer] = [dueMs, null];
      callback();
    }
    nowMs = ms;
  };
  const watch = (index: number) => {
    waiting.add(tx(index).hash);
    reminder.watch(tx(index));
  };
  return { reminder, leader, waiting, sent, told, until, watch, hasTimer: () => timer !== null };
}

describe('the reminder', () => {
  it('sends again what waits, after ever longer times, a minute at most', () => {
    const { sent, until, watch } = open();
    watch(1);
    until(200_000);
    expect(sent).toEqual([3, 9, 21, 45, 93, 153].map((seconds) => `1 at ${seconds * 1_000}`));
  });

  it('sends what waits to the next leader as soon as there is one, and to all as before', () => {
    const { leader, waiting, sent, until, watch } = open();
    leader.node = 'a' as NodeId;
    watch(1);
    watch(2);
    until(1_000);
    waiting.delete(tx(1).hash);
    leader.node = 'b' as NodeId;
    until(4_000);
    expect(sent).toEqual(['2 to b at 1250', '2 at 3000']);
  });

  it('forgets what came into a block, and rests when nothing waits', () => {
    const { waiting, sent, until, watch, hasTimer } = open();
    watch(1);
    watch(2);
    until(2_000);
    waiting.delete(tx(1).hash);
    until(4_000);
    waiting.delete(tx(2).hash);
    until(60_000);
    expect(sent).toEqual(['2 at 3000']);
    expect(hasTimer()).toBe(false);
  });

  it('remembers as many as the pool holds, and tells all of them at once', () => {
    const { sent, told, until, watch } = open();
    const most = POOL_LIMITS.globalSlots + POOL_LIMITS.globalQueue;
    for (let index = 0; index < most + 4; index++) watch(index);
    until(3_000);
    expect(sent).toHaveLength(most);
    expect(sent[0]).toBe('4 at 3000');
    expect(told).toEqual([most]);
  });

  it('does nothing once it is stopped', () => {
    const { reminder, sent, until, watch, hasTimer } = open();
    watch(1);
    reminder.stop();
    until(60_000);
    expect({ sent, hasTimer: hasTimer() }).toEqual({ sent: [], hasTimer: false });
  });
});
