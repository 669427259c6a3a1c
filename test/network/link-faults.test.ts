/** Faults of links, with a clock and a die of our own; then on real connections. */
import { afterEach, describe, expect, it } from 'vitest';
import { NodeId } from '../../src/base/types.ts';
import { type LinkFault, LinkFaults, MAX_HELD_BYTES, MAX_HELD_MESSAGES } from '../../src/network/link-faults.ts';
import { eventually, startNodes, stopAll, type TestNode } from './harness.ts';

afterEach(stopAll);

const [ANNE, BERT] = [NodeId('anne'), NodeId('bert')];

function fault(fields: Partial<LinkFault> = {}): LinkFault {
  return { from: ANNE, isCut: false, delayMs: 0, jitterMs: 0, loss: 0, ...fields };
}

/** Time that stands still until it is told to go on, and a die that shows what it is told. */
function bench(rolls: readonly number[] = []) {
  let nowMs = 0;
  let last = 0;
  const dice = [...rolls];
  const timers = new Map<number, { readonly atMs: number; readonly callback: () => void }>();
  const clock = {
    nowMs: () => nowMs,
    setTimer: (delayMs: number, callback: () => void) => {
      timers.set(++last, { atMs: nowMs + delayMs, callback });
      return last;
    },
    cancelTimer: (handle: unknown) => void timers.delete(Number(handle)),
  };
  const links = new LinkFaults(clock, () => dice.shift() ?? 0.5);
  const arrived: string[] = [];
  const send = (text: string, from = ANNE, bytes = 1) => links.pass(from, bytes, () => arrived.push(text));
  const until = (ms: number) => {
    for (;;) {
      const due = [...timers].filter(([, { atMs }]) => atMs <= ms).sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      timers.delete(due[0]);
      nowMs = due[1].atMs;
      due[1].callback();
    }
    nowMs = ms;
    return arrived;
  };
  return { links, send, until, arrived, timers };
}

describe('a link', () => {
  it('that nobody touched passes everything on at once', () => {
    const { links, send, arrived } = bench();
    links.set([fault({ from: BERT, isCut: true })]);
    send('a');
    send('b', BERT);
    expect(arrived).toEqual(['a']);
    expect(links.stats()).toEqual({ held: 0, lost: 1, overflowed: 0 });
  });

  it('that is slow keeps the order, also when it becomes less slow', () => {
    const { links, send, until } = bench();
    links.set([fault({ delayMs: 100 })]);
    send('a');
    expect(until(99)).toEqual([]);
    send('b');
    expect(until(100)).toEqual(['a']);
    links.set([fault({ delayMs: 10 })]);
    send('c');
    expect(until(198)).toEqual(['a']);
    expect(until(199)).toEqual(['a', 'b', 'c']);
  });

  it('with jitter lets one message overtake another', () => {
    const { links, send, until } = bench([1, 0]);
    links.set([fault({ delayMs: 100, jitterMs: 50 })]);
    send('slow');
    send('quick');
    expect(until(50)).toEqual(['quick']);
    expect(until(150)).toEqual(['quick', 'slow']);
  });

  it('that loses some loses those on whom the die falls', () => {
    const { links, send, arrived } = bench([0.19, 0.2, 0.9]);
    links.set([fault({ loss: 0.2 })]);
    for (const text of ['a', 'b', 'c']) send(text);
    expect(arrived).toEqual(['b', 'c']);
    links.set([fault({ loss: 1 })]);
    send('d');
    expect(arrived).toEqual(['b', 'c']);
    expect(links.stats().lost).toBe(2);
  });

  it('that is healed gives out what it held, in order; one that is cut does not', () => {
    const { links, send, until, arrived, timers } = bench();
    links.set([fault({ delayMs: 1_000 }), fault({ from: BERT, delayMs: 1_000 })]);
    for (const text of ['a', 'b']) send(text);
    send('x', BERT);
    links.set([fault({ from: BERT, isCut: true })]);
    expect(arrived).toEqual(['a', 'b']);
    expect(until(5_000)).toEqual(['a', 'b']);
    expect([links.has(ANNE), links.has(BERT), timers.size]).toEqual([false, true, 0]);
    expect(links.stats()).toEqual({ held: 0, lost: 1, overflowed: 0 });
  });

  it('whose connection ends loses what was under way', () => {
    const { links, send, until } = bench();
    links.set([fault({ delayMs: 100 })]);
    send('a');
    links.forget(ANNE);
    expect(until(1_000)).toEqual([]);
    send('b');
    expect(until(1_100)).toEqual(['b']);
  });

  it('holds no more than it may', () => {
    const { links, send, until } = bench();
    links.set([fault({ delayMs: 100 })]);
    send('large', ANNE, MAX_HELD_BYTES - 1);
    send('too large', ANNE, 2);
    for (let sent = 0; sent < MAX_HELD_MESSAGES; sent++) send('empty', ANNE, 0);
    expect(links.stats()).toEqual({ held: MAX_HELD_MESSAGES, lost: 0, overflowed: 2 });
    expect(until(100)).toHaveLength(MAX_HELD_MESSAGES);
    send('again', ANNE, MAX_HELD_BYTES);
    expect(links.stats()).toMatchObject({ held: 1, overflowed: 2 });
  });
});

describe('real connections', () => {
  const isDirect = (byte: number) => (event: { readonly what: string; readonly bytes?: Uint8Array }) => event.bytes?.[0] === byte;
  const pair = async (requestMs = 10_000): Promise<readonly [TestNode, TestNode]> => {
    const [a, b] = await startNodes(2, () => ({
      timeouts: { requestMs },
      handlers: { serveHeaders: () => [Uint8Array.of(1)] },
    }));
    return a === undefined || b === undefined ? expect.unreachable() : [a, b];
  };

  it('that are cut one way: one hears nothing, the other everything, and the connection stays', async () => {
    const [a, b] = await pair(300);
    b.network.setLinkFaults([fault({ from: a.self, isCut: true })]);
    a.network.publishConsensus(Uint8Array.of(1));
    a.network.sendDirect(b.self, Uint8Array.of(2));
    b.network.publishConsensus(Uint8Array.of(3));
    b.network.sendDirect(a.self, Uint8Array.of(4));
    await Promise.all([a.until('consensus', isDirect(3)), a.until('direct', isDirect(4))]);
    // Neither are questions heard, nor answers.
    await expect(a.network.requestHeaders(b.self, { from: 0, limit: 1 })).rejects.toMatchObject({ code: 'network/timeout' });
    await expect(b.network.requestHeaders(a.self, { from: 0, limit: 1 })).rejects.toMatchObject({ code: 'network/timeout' });
    await eventually(() => b.network.stats().links.lost >= 4);
    expect(b.happened.filter(({ what }) => what === 'consensus' || what === 'direct')).toEqual([]);
    expect(b.happened.some(({ what }) => what === 'gone')).toBe(false);

    b.network.setLinkFaults([]);
    a.network.publishConsensus(Uint8Array.of(5));
    await b.until('consensus', isDirect(5));
    expect(await b.network.requestHeaders(a.self, { from: 0, limit: 1 })).toHaveLength(1);
    expect([...a.network.peers(), ...b.network.peers()].map(({ score }) => score)).toEqual([0, 0]);
  });

  it('that are slow: everything arrives, in order', async () => {
    const [a, b] = await pair();
    const delayMs = 150;
    b.network.setLinkFaults([fault({ from: a.self, delayMs })]);
    const beganMs = performance.now();
    for (const byte of [1, 2, 3]) a.network.sendDirect(b.self, Uint8Array.of(byte));
    a.network.publishConsensus(Uint8Array.of(4));
    await Promise.all([b.until('direct', isDirect(3)), b.until('consensus')]);
    expect(await b.network.requestHeaders(a.self, { from: 0, limit: 1 })).toHaveLength(1);
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(2 * delayMs - 1);
    expect(b.happened.filter(({ what }) => what === 'direct').map(({ bytes }) => bytes?.[0])).toEqual([1, 2, 3]);
    expect(b.network.stats().links).toEqual({ held: 0, lost: 0, overflowed: 0 });
  });
});
