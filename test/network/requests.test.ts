import { RLP } from '@ethereumjs/rlp';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Hash } from '../../src/base/types.ts';
import { frame, readFrame } from '../../src/network/frames.ts';
import {
  encodeHashes,
  encodeResponse,
  encodeStatus,
  type HeadersRequest,
  MAX_BLOCK_HASHES,
  MAX_HEADERS,
  TARGET_RESPONSE_BYTES,
} from '../../src/network/messages.ts';
import { codeOf, eventually, hash, startNode, startNodes, status, stopAll } from './harness.ts';
import { Stranger } from './stranger.ts';

afterEach(stopAll);
afterEach(() => void vi.restoreAllMocks());

function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'answered', codeOf);
}

describe('requests', () => {
  test('headers are served as asked for, and never more than that', async () => {
    const asked: HeadersRequest[] = [];
    const headers = Array.from({ length: MAX_HEADERS + 5 }, (_, i) => RLP.encode([Uint8Array.of(i & 0xff, i >> 8)]));
    const [server, client] = await startNodes(2, () => ({
      handlers: {
        serveHeaders: (request) => {
          asked.push(request);
          return headers;
        },
      },
    }));
    if (server === undefined || client === undefined) return expect.unreachable();
    expect(await client.network.requestHeaders(server.self, { from: 7, limit: 3 })).toEqual(headers.slice(0, 3));
    expect(await client.network.requestHeaders(server.self, { locator: [hash('a')], limit: 1e6 })).toEqual(headers.slice(0, MAX_HEADERS));
    expect(asked).toEqual([
      { from: 7, limit: 3 },
      { locator: [hash('a')], limit: MAX_HEADERS },
    ]);
  });

  test('an answer of blocks ends early, and whoever asked goes on from there', async () => {
    const size = 3 * 1024 * 1024;
    const loaded: Hash[] = [];
    const [server, client] = await startNodes(2, () => ({
      handlers: {
        serveBlocks: (hashes) => {
          loaded.push(...hashes);
          return hashes.filter((wanted) => wanted !== hash('unknown')).map(() => new Uint8Array(size));
        },
      },
    }));
    if (server === undefined || client === undefined) return expect.unreachable();
    const hashes = ['unknown', 'a', 'b', 'c', 'd'].map(hash);
    const blocks = await client.network.requestBlocks(server.self, hashes);
    expect(blocks.map((block) => block.length)).toEqual([size]);
    // It looked for the one that did not fit any more, and for none after that.
    expect(loaded).toEqual(hashes.slice(0, 3));
    expect(size).toBeLessThan(TARGET_RESPONSE_BYTES);
  });

  test('a block larger than an answer usually is comes alone', async () => {
    const [server, client] = await startNodes(2, () => ({ handlers: { serveBlocks: () => [new Uint8Array(8 * 1024 * 1024)] } }));
    if (server === undefined || client === undefined) return expect.unreachable();
    expect((await client.network.requestBlocks(server.self, [hash('a'), hash('b')])).map((block) => block.length)).toEqual([
      8 * 1024 * 1024,
    ]);
  });

  test('pending transactions are served', async () => {
    const [server, client] = await startNodes(2, () => ({ handlers: { serveTransactions: () => [Uint8Array.of(1), Uint8Array.of(2)] } }));
    if (server === undefined || client === undefined) return expect.unreachable();
    expect(await client.network.requestTransactions(server.self)).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  });

  test('a peer that never answers costs one timeout, and too many requests at once are refused here', async () => {
    const node = await startNode(1, { timeouts: { requestMs: 300 } });
    const stranger = await Stranger.connect(2, node);
    await stranger.serve('blocks', () => undefined);
    const asked = Array.from({ length: 5 }, () => failure(node.network.requestBlocks(stranger.self, [hash('a')])));
    expect(await Promise.all(asked)).toEqual([...Array(4).fill('network/timeout'), 'network/busy']);
    expect(node.network.stats().requests).toBe(0);
    // Slow is not wrong: the connection stands.
    expect(node.network.peers().map((peer) => peer.id)).toEqual([stranger.self]);
  });

  test.each([
    [
      'a frame without end',
      (reply: (bytes: Uint8Array) => void) => reply(Uint8Array.of(0xff, 0xff, 0xff, 0xff)),
      'network/frame-too-large',
    ],
    ['rubbish', (reply: (bytes: Uint8Array) => void) => reply(frame(Uint8Array.of(1, 2, 3))), 'decode/rlp'],
    [
      'more than was asked for',
      (reply: (bytes: Uint8Array) => void) => reply(frame(encodeResponse(Array(9).fill(new Uint8Array(1))))),
      'decode/too-many',
    ],
    ['a giant item', (reply: (bytes: Uint8Array) => void) => reply(frame(encodeResponse([new Uint8Array(3_000)]))), 'decode/length'],
  ])('%s instead of headers is an error with blame, and counts', async (_name, answer, code) => {
    const node = await startNode(1);
    const stranger = await Stranger.connect(2, node);
    await stranger.serve('headers', (stream) => answer((bytes) => stream.send(bytes)));
    expect(await failure(node.network.requestHeaders(stranger.self, { from: 0, limit: 4 }))).toBe(code);
    expect(node.network.peers()[0]?.score).toBeLessThan(-20);
  });

  test('a stream that ends early, a peer that is gone and one that was never there are errors without blame', async () => {
    const node = await startNode(1);
    const stranger = await Stranger.connect(2, node);
    await stranger.serve('headers', (stream) => stream.abort(new Error('no')));
    const headers = () => failure(node.network.requestHeaders(stranger.self, { from: 0, limit: 4 }));
    expect(await headers()).toBe('network/closed');
    expect(node.network.peers()[0]?.score).toBe(0);
    await stranger.libp2p.stop();
    await node.until('gone');
    expect(await headers()).toBe('network/not-connected');
  });

  test('hostile requests are refused and counted, and a flood of fair ones is refused', async () => {
    const node = await startNode(1, { handlers: { serveBlocks: () => [new Uint8Array(8 * 1024 * 1024)] } });
    const stranger = await Stranger.connect(2, node);
    const ask = (message: Uint8Array) => stranger.ask(node, 'blocks', message);
    await expect(ask(new Uint8Array(10).fill(0xc0))).rejects.toThrow();
    await expect(ask(encodeHashes(Array.from({ length: MAX_BLOCK_HASHES + 1 }, (_, i) => hash(String(i)))))).rejects.toThrow();
    expect(node.network.peers()[0]?.score).toBeLessThan(-45);
    // Large answers cost more than small ones, so a few are enough.
    const refused = (answer: Uint8Array) => answer.length < 100;
    let served = 0;
    // A machine that is busy might never ask for more than is regained meanwhile: so no time passes.
    vi.spyOn(performance, 'now').mockReturnValue(performance.now());
    while (!refused(await ask(encodeHashes([hash('a')])))) served += 1;
    expect(served).toBeGreaterThanOrEqual(6);
    // Whoever has downloaded that much may still say how far it is.
    await stranger.shakeHands(node, encodeStatus(status({ height: 9 })));
    await node.until('status', (event) => event.status?.height === 9);
  });

  test('addresses that are none, or are not to be believed, are not kept', async () => {
    const node = await startNode(1);
    const told = [
      'rubbish',
      '/ip4/127.0.0.1/tcp/1',
      `/ip4/127.0.0.1/udp/1/p2p/${node.self}`,
      node.address,
      '/ip4/127.0.0.1/tcp/1/p2p/abc',
      '',
    ];
    const stranger = await Stranger.make(2);
    const answered = Promise.withResolvers<void>();
    await stranger.serve('addresses', (stream) => {
      stream.send(frame(encodeResponse(told.map((text) => new TextEncoder().encode(text)))));
      answered.resolve();
    });
    await stranger.dial(node);
    await stranger.shakeHands(node, encodeStatus(status()));
    await answered.promise;
    await eventually(() => node.network.stats().requests === 0);
    // Only the stranger itself, once it has told by identify where it listens.
    expect(node.network.stats().knownAddresses).toBeLessThanOrEqual(1);
    expect(node.network.peers()[0]?.score).toBe(0);
  });

  test('a request that is announced and never sent ends in time', async () => {
    const node = await startNode(1, { timeouts: { requestMs: 200 } });
    const stranger = await Stranger.connect(2, node);
    const stream = await stranger.open(node, 'headers');
    stream.send(Uint8Array.of(0, 0, 0, 100, 1));
    expect(
      await readFrame(stream, 1_000, AbortSignal.timeout(5_000)).then(
        () => 'answered',
        (error: Error) => error.name,
      ),
    ).not.toBe('TimeoutError');
  });
});

describe('direct messages', () => {
  test('arrive in order and whole, from one word to the largest', async () => {
    const [first, second] = await startNodes(2);
    if (first === undefined || second === undefined) return expect.unreachable();
    for (let i = 0; i < 50; i++) first.network.sendDirect(second.self, Uint8Array.of(i));
    first.network.sendDirect(second.self, new Uint8Array(8 * 1024 * 1024).fill(3));
    await second.until('direct', (event) => (event.bytes?.length ?? 0) > 1);
    const messages = second.happened.filter((event) => event.what === 'direct');
    expect(messages.slice(0, 50).map((event) => event.bytes?.[0])).toEqual(Array.from({ length: 50 }, (_, i) => i));
    expect(messages.every((event) => event.from === first.self)).toBe(true);
    expect(messages[50]?.bytes?.length).toBe(8 * 1024 * 1024);
    second.network.sendDirect(first.self, Uint8Array.of(9));
    expect((await first.until('direct')).bytes).toEqual(Uint8Array.of(9));
  });

  test('to nobody are lost, and too large ones are refused', async () => {
    const [first, second] = await startNodes(2);
    if (first === undefined || second === undefined) return expect.unreachable();
    first.network.sendDirect('nobody' as never, Uint8Array.of(1));
    expect(first.network.stats().droppedMessages).toBe(1);
    expect(() => first.network.sendDirect(second.self, new Uint8Array(9 * 1024 * 1024))).toThrow(
      expect.objectContaining({ code: 'network/too-large' }),
    );
  });

  test('a reader that stands still costs a bounded amount of memory', async () => {
    const node = await startNode(1);
    const stranger = await Stranger.connect(2, node);
    await stranger.serve('direct', (stream) => stream.pause());
    for (let i = 0; i < 200; i++) {
      node.network.sendDirect(stranger.self, new Uint8Array(1024 * 1024));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(node.network.stats().droppedMessages).toBeGreaterThan(150);
    expect(node.network.peers()).toHaveLength(1);
  });
});
