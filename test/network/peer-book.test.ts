import { peerIdFromPrivateKey } from '@libp2p/peer-id';
import { describe, expect, test } from 'vitest';
import { NodeId } from '../../src/base/types.ts';
import { parsePeerAddress } from '../../src/network/addresses.ts';
import { nodeKeyFromSeed } from '../../src/network/node-key.ts';
import { MAX_ADDRESSES_PER_PEER, MAX_BOOK_ENTRIES, PeerBook } from '../../src/network/peer-book.ts';

const IDS = await Promise.all(
  Array.from({ length: MAX_BOOK_ENTRIES + 10 }, async (_, i) => {
    const seed = new Uint8Array(32);
    new DataView(seed.buffer).setUint32(0, i + 1);
    return peerIdFromPrivateKey(await nodeKeyFromSeed(seed)).toString();
  }),
);

function address(index: number, port = 30303, host = '127.0.0.1') {
  return parsePeerAddress(`/ip4/${host}/tcp/${port}/p2p/${IDS[index]}`);
}

function id(index: number): NodeId {
  return NodeId(IDS[index] ?? '');
}

function book(): PeerBook {
  return new PeerBook(NodeId('1'), { firstMs: 100, maxMs: 1_000 }, () => 1);
}

const everybody = () => true;

describe('peer book', () => {
  test('waiting times grow to the cap and stay there for ever', () => {
    const peers = book();
    peers.addBootnode(address(0));
    const waits: number[] = [];
    let nowMs = 0;
    for (let i = 0; i < 8; i++) {
      peers.failed(id(0), nowMs);
      let wait = 0;
      while (peers.due(nowMs + wait, 1, everybody).length === 0) wait += 100;
      waits.push(wait);
      nowMs += wait;
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000]);
  });

  test('a connection resets the waiting time, and healing makes everybody due', () => {
    const peers = book();
    peers.addBootnode(address(0));
    for (let i = 0; i < 8; i++) peers.failed(id(0), 0);
    peers.connected(id(0));
    peers.lost(id(0), 0);
    expect(peers.due(99, 1, everybody)).toHaveLength(0);
    expect(peers.due(100, 1, everybody)).toHaveLength(1);
    peers.hold(id(0), 1e9);
    expect(peers.due(1_000, 1, everybody)).toHaveLength(0);
    peers.retryAll(0);
    expect(peers.due(0, 1, everybody)).toHaveLength(1);
  });

  test('of two nodes that learn of each other at once, one goes first', () => {
    const later = new PeerBook(NodeId('z'), { firstMs: 100, maxMs: 1_000 }, () => 1);
    const earlier = book();
    for (const peers of [later, earlier]) peers.learn(address(0), 0);
    expect([earlier.due(0, 1, everybody).length, later.due(0, 1, everybody).length, later.due(200, 1, everybody).length]).toEqual([
      1, 0, 1,
    ]);
  });

  test('a hold outlasts failures and losses', () => {
    const peers = book();
    peers.learn(address(0), 0);
    peers.hold(id(0), 50_000);
    peers.failed(id(0), 0);
    peers.lost(id(0), 0);
    expect(peers.due(49_999, 1, everybody)).toHaveLength(0);
  });

  test('is bounded, and forgets those it met, not its bootnodes', () => {
    const peers = book();
    peers.addBootnode(address(0));
    for (let i = 1; i < IDS.length; i++) peers.learn(address(i), 0);
    expect(peers.size).toBe(MAX_BOOK_ENTRIES);
    expect(peers.addressesOf(id(0))).toHaveLength(1);
    expect(peers.addressesOf(id(1))).toHaveLength(0);
    expect(peers.addressesOf(id(IDS.length - 1))).toHaveLength(1);
  });

  test('a bootnode keeps the address it was given, whatever is said about it', () => {
    const peers = book();
    peers.addBootnode(address(0, 1));
    for (let port = 2; port < 20; port++) peers.learn(address(0, port), 0);
    expect(peers.addressesOf(id(0))).toHaveLength(MAX_ADDRESSES_PER_PEER);
    expect(peers.addressesOf(id(0))[0]).toBe(address(0, 1).text);
    expect(peers.addressesOf(id(0))).toContain(address(0, 19).text);
  });

  test('what is remembered is recalled, without lines that are damaged', () => {
    const peers = book();
    for (let i = 0; i < 3; i++) peers.learn(address(i), 0);
    peers.connected(id(1));
    const again = book();
    again.recall([...peers.remembered(), 'rubbish', '/ip4/1.2.3.4/tcp/1'], 0);
    expect(again.remembered()).toEqual(peers.remembered());
    expect(again.remembered()[0]).toBe(address(1).text);
  });
});
