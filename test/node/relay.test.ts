/** Transactions go out at once after a pause, and together when they come in a burst. */
import { expect, it } from 'vitest';
import { decodeTransactions } from '../../src/network/messages.ts';
import type { ClockPort } from '../../src/node/ports.ts';
import { TransactionRelay } from '../../src/node/relay.ts';

function open() {
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
  const relay = new TransactionRelay(clock, (message) => {
    sent.push(`${nowMs}: ${decodeTransactions(message).map(([first]) => first)}`);
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
