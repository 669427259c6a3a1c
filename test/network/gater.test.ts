import type { Connection, MultiaddrConnection, PeerId } from '@libp2p/interface';
import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, test } from 'vitest';
import { Gater, gaterLimits } from '../../src/network/gater.ts';
import { nodeKeyFromSeed } from '../../src/network/node-key.ts';
import { Offenders } from '../../src/network/offenders.ts';
import { BAN_THRESHOLD } from '../../src/network/reputation.ts';
import { nodeId } from '../../src/network/sessions.ts';

const [alice, bob] = await Promise.all(
  [1, 2].map(async (seed) => peerIdFromPrivateKey(await nodeKeyFromSeed(new Uint8Array(32).fill(seed))) as PeerId),
);
if (alice === undefined || bob === undefined) throw new TypeError('no keys');

function socket(host: string): MultiaddrConnection {
  return { remoteAddr: multiaddr(`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/1`) } as MultiaddrConnection;
}

function world(maxPeers = 40, local = false) {
  const connections: Connection[] = [];
  const offenders = new Offenders();
  const gater = new Gater(
    gaterLimits(maxPeers, local),
    offenders,
    () => connections,
    (id) => id === nodeId(bob as PeerId),
  );
  const add = (direction: 'inbound' | 'outbound', host: string, remotePeer = bob as PeerId) =>
    void connections.push({ direction, remotePeer, remoteAddr: socket(host).remoteAddr } as Connection);
  return { gater, offenders, add };
}

describe('gater', () => {
  test('keeps places for connections of our own choice', () => {
    const { gater, add } = world(40);
    for (let i = 0; i < 30; i++) {
      expect(gater.denyInboundConnection(socket('9.9.9.9'))).toBe(false);
      add('inbound', `8.${i}.0.1`);
    }
    expect(gater.denyInboundConnection(socket('9.9.9.9'))).toBe(true);
    expect(gaterLimits(40, true).maxInbound).toBe(40);
  });

  test('caps connections of one subnet, in both directions, except for private ranges and bootnodes', () => {
    const { gater, add } = world(100);
    for (let i = 0; i < 16; i++) {
      add('inbound', `1.2.3.${i}`);
      add('inbound', `10.0.0.${i}`);
      add('inbound', `2001:db8::${i + 1}`);
    }
    expect(gater.denyInboundConnection(socket('1.2.3.200'))).toBe(true);
    expect(gater.denyInboundConnection(socket('1.2.4.200'))).toBe(false);
    expect(gater.denyInboundConnection(socket('10.0.0.200'))).toBe(false);
    expect(gater.denyInboundConnection(socket('2001:db8::ffff'))).toBe(true);
    expect(gater.denyInboundConnection(socket('2001:db8:0:1::ffff'))).toBe(false);
    add('outbound', '1.2.3.1');
    add('outbound', '1.2.3.2');
    expect(gater.denyDialMultiaddr(multiaddr(`/ip4/1.2.3.4/tcp/1/p2p/${alice}`))).toBe(true);
    expect(gater.denyDialMultiaddr(multiaddr(`/ip4/1.2.3.4/tcp/1/p2p/${bob}`))).toBe(false);
    expect(gater.denyDialMultiaddr(multiaddr(`/ip4/127.0.0.1/tcp/1/p2p/${alice}`))).toBe(false);
  });

  test('denies those who are banned, by name and by address', () => {
    const { gater, offenders } = world();
    const now = performance.now();
    offenders.offence(nodeId(alice), '1.2.3.4', BAN_THRESHOLD, now);
    expect(gater.denyDialPeer(alice)).toBe(true);
    expect(gater.denyOutboundEncryptedConnection(alice)).toBe(true);
    expect(gater.denyInboundEncryptedConnection(alice, socket('5.6.7.8'))).toBe(true);
    expect(gater.denyInboundConnection(socket('1.2.3.4'))).toBe(true);
    expect(gater.denyInboundEncryptedConnection(bob, socket('5.6.7.8'))).toBe(false);
    offenders.forgive(nodeId(alice));
    expect(gater.denyDialPeer(alice)).toBe(false);
  });

  test('allows two connections of one peer, not three', () => {
    const { gater, add } = world();
    add('inbound', '127.0.0.1', alice);
    expect(gater.denyInboundEncryptedConnection(alice, socket('127.0.0.1'))).toBe(false);
    add('outbound', '127.0.0.1', alice);
    expect(gater.denyInboundEncryptedConnection(alice, socket('127.0.0.1'))).toBe(true);
  });

  test('a partition denies everybody who is not in it', () => {
    const { gater } = world();
    gater.setPartition(new Set([nodeId(alice)]));
    expect([gater.denyDialPeer(alice), gater.denyDialPeer(bob)]).toEqual([false, true]);
    expect(gater.denyInboundEncryptedConnection(bob, socket('127.0.0.1'))).toBe(true);
    gater.setPartition(null);
    expect(gater.denyDialPeer(bob)).toBe(false);
    expect(gater.denied()).toEqual({ partition: 1 });
  });
});
