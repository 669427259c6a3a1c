/** Transactions go out at once after a pause, and together when they come in a burst; to one node where one makes the next block. */
import { expect, it } from 'vitest';
import type { NodeId } from '../../src/base/types.ts';
import { decodeTransactions } from '../../src/network/messages.ts';
import type { ClockPort } from '../../src/node/ports.ts';
import { TransactionRelay } from '../../src/node/relay.ts';

const SELF = 'self' as NodeId;
const OTHER = 'other' as NodeId;

/** `connected`: whether the other node is. */
function open({ leader = null, connected = true }: { leader?: NodeId | null; connected?: boolean } = {}) {
  let nowMs = 1_000;
  let timer: { readonly dueMs: number; readonly callback: () => void } | null = null;
  const clock: ClockPort = {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    setTimer: (delayMs, callback) => {
      timer = { dueMs: nowMs + delayMs, callback };
      return timer;
    },
    cancelTimer: () => {
      timer = null;
    },
  };
  const sent: string[] = [];
  const note = (to: string, message: Uint8Array) => {
    sent.push(`${nowMs}${to}: ${decodeTransactions(message).map(([first]) => first)}`);
  };
  const relay = new TransactionRelay(clock, {
    self: SELF,
    leader: () => leader,
    forward: (to, { message }) => {
      if (connected) note(` to ${to}`, message);
      return connected;
    },
    publish: (message) => note('', message),
  });
  const until = (ms: number) => {
    const due = timer;
    if (due !== null && due.dueMs <= ms) {
      nowMs = due.dueMs;
      timer = null;
      due.callback();
    }
    nowMs = ms;
  };
  const add = (byte: number) => relay.add(Uint8Array.of(byte));
  return { relay, sent, until, add };
}

it('sends the first at once, gathers what follows, and begins anew after a pause', () => {
  const { sent, until, add } = open();
  add(1);
  add(2);
  until(1_001);
  add(3);
  until(1_030);
  add(4);
  expect(sent).toEqual(['1000: 1', '1003: 2,3', '1030: 4']);
});

it('sends nothing once it is stopped', () => {
  const { relay, sent, until, add } = open();
  add(1);
  add(2);
  relay.stop();
  until(2_000);
  expect(sent).toEqual(['1000: 1']);
});

it('tells only the node that makes the next block, in the same way', () => {
  const { relay, sent, until, add } = open({ leader: OTHER });
  add(1);
  add(2);
  until(1_010);
  relay.publish([Uint8Array.of(2)]);
  expect(sent).toEqual(['1000 to other: 1', '1003 to other: 2', '1010: 2']);
});

it('tells all where that node is not connected, and nobody where it is this one', () => {
  const away = open({ leader: OTHER, connected: false });
  away.add(1);
  const own = open({ leader: SELF });
  own.add(1);
  own.until(2_000);
  expect([away.sent, own.sent]).toEqual([['1000: 1'], []]);
});
