import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { RLP } from '@ethereumjs/rlp';
import { noise } from '@libp2p/noise';
import { tcp } from '@libp2p/tcp';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { afterEach, describe, expect, test } from 'vitest';
import { nodeKeyFromSeed } from '../../src/network/node-key.ts';
import { cleanUp, eventually, everybodyMet, startNode, stopAll, type TestNode } from './harness.ts';
import { Stranger } from './stranger.ts';

afterEach(stopAll);

function rubbish(seed: string, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; parts.length * 32 < size; i++) parts.push(createHash('sha256').update(`${seed}${i}`).digest());
  return Buffer.concat(parts).subarray(0, size);
}

async function socketTo(node: TestNode): Promise<Socket> {
  const socket = connect(Number(node.address.split('/')[4]), '127.0.0.1');
  socket.on('error', () => undefined);
  cleanUp(async () => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));
}

/** Two nodes that are connected, and stay so whatever the test does to the first. */
async function pair(): Promise<[TestNode, TestNode]> {
  const victim = await startNode(1, { timeouts: { handshakeMs: 1_000 } });
  const friend = await startNode(2, { bootnodes: [victim.address] });
  await everybodyMet([victim, friend]);
  await eventually(() => friend.network.stats().gossip.subscribers === 1);
  return [victim, friend];
}

async function stillFine(victim: TestNode, friend: TestNode): Promise<void> {
  const bytes = RLP.encode([[rubbish(String(Math.random()), 8)], new Uint8Array(0), [], new Uint8Array(0)]);
  friend.network.publishBlock(bytes);
  await victim.until('block', (event) => Buffer.compare(event.bytes ?? new Uint8Array(0), bytes) === 0);
  expect(victim.happened.filter((event) => (event.what === 'gone' && event.from === friend.self) || event.what === 'failure')).toEqual([]);
}

describe('garbage on the port', () => {
  test.each([
    ['random bytes', rubbish('a', 100_000)],
    ['a request of another protocol', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
    ['an endless line of multistream', Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]), rubbish('b', 200_000)])],
    [
      'a Noise handshake with rubbish inside',
      Buffer.concat([Buffer.from('\x13/multistream/1.0.0\n\x07/noise\n'), Buffer.from([0xff, 0xff]), rubbish('c', 70_000)]),
    ],
  ])('%s ends that connection and nothing else', async (_name, bytes) => {
    const [victim, friend] = await pair();
    const socket = await socketTo(victim);
    socket.resume();
    socket.write(bytes);
    await closed(socket);
    await stillFine(victim, friend);
    expect(victim.network.stats()).toMatchObject({ peers: 1, handshaking: 0 });
  });

  test('connections that are opened and left alone are closed in time, and newcomers are still let in', async () => {
    const [victim, friend] = await pair();
    const sockets = await Promise.all(Array.from({ length: 30 }, () => socketTo(victim)));
    for (const socket of sockets) socket.resume();
    const newcomer = await startNode(3, { bootnodes: [victim.address] });
    await newcomer.meets(victim);
    await stillFine(victim, friend);
    await Promise.all(sockets.map(closed));
  });

  test('a yamux frame of 4 GiB ends the connection before it is collected', async () => {
    const [victim, friend] = await pair();
    const bomber = await createLibp2p({
      privateKey: await nodeKeyFromSeed(new Uint8Array(32).fill(9)),
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [
        () => ({
          protocol: '/yamux/1.0.0',
          createStreamMuxer: (connection) => {
            const header = new Uint8Array(12);
            header[3] = 1;
            header[7] = 1;
            header.fill(0xff, 8);
            connection.send(header);
            const feed = setInterval(() => connection.status === 'open' && connection.send(new Uint8Array(60_000)), 1);
            connection.addEventListener('close', () => clearInterval(feed));
            // Enough of a muxer for the dialler: nobody opens a stream on it.
            return Object.assign(new EventTarget(), {
              protocol: '/yamux/1.0.0',
              streams: [],
              status: 'open',
              close: async () => undefined,
              abort: () => undefined,
            }) as never;
          },
        }),
      ],
    });
    cleanUp(() => bomber.stop() as Promise<void>);
    const connection = await bomber.dial(multiaddr(victim.address));
    await eventually(() => connection.status !== 'open');
    await stillFine(victim, friend);
  });

  test('streams beyond the limit are refused, and a protocol that nobody knows too', async () => {
    const [victim, friend] = await pair();
    const stranger = await Stranger.connect(3, victim);
    const opened = await Promise.allSettled(Array.from({ length: 100 }, () => stranger.open(victim, 'direct')));
    expect(opened.filter((result) => result.status === 'fulfilled' && result.value.status === 'open').length).toBeLessThanOrEqual(32);
    await expect(stranger.open(victim, 'unheard-of')).rejects.toThrow();
    await stillFine(victim, friend);
  });

  test('rubbish in every protocol of ours is answered with nothing worse than a ban', async () => {
    const [victim, friend] = await pair();
    const stranger = await Stranger.connect(3, victim);
    for (const kind of ['status', 'headers', 'blocks', 'transactions', 'addresses', 'direct']) {
      const stream = await stranger.open(victim, kind).catch(() => null);
      stream?.send(rubbish(kind, 10_000));
      await delay(5);
    }
    const gossip = await stranger.libp2p
      .dial(multiaddr(victim.address))
      .then((connection) => connection.newStream('/meshsub/1.2.0'))
      .catch(() => null);
    gossip?.send(rubbish('gossip', 100_000));
    await victim.until(
      'log',
      (event) => event.from === stranger.self && (event.text === 'Banned peer' || event.text === 'Peer broke a rule'),
    );
    await stillFine(victim, friend);
  });
});
