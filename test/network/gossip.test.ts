import { RLP } from '@ethereumjs/rlp';
import { afterEach, describe, expect, test } from 'vitest';
import { RuleError } from '../../src/base/errors.ts';
import { MAX_GOSSIP_BYTES } from '../../src/network/gossip.ts';
import { encodeList } from '../../src/network/messages.ts';
import { eventually, everybodyMet, startNode, startNodes, stopAll, type TestNode } from './harness.ts';
import { Stranger } from './stranger.ts';

afterEach(stopAll);

/** Looks like a block to the network, which only checks its shape. */
function block(number: number): Uint8Array {
  return RLP.encode([[Uint8Array.of(number)], new Uint8Array(0), [], new Uint8Array(0)]);
}

function count(node: TestNode, what: string): number {
  return node.happened.filter((event) => event.what === what).length;
}

describe('gossip', () => {
  test('a block reaches all of four nodes, once', async () => {
    const [first, ...others] = await startNodes(4);
    first?.network.publishBlock(block(1));
    await Promise.all(others.map((node) => node.until('block')));
    first?.network.publishBlock(block(2));
    await Promise.all(others.map((node) => node.until('block', (event) => event.bytes?.[2] === 2)));
    expect(others.map((node) => count(node, 'block'))).toEqual([2, 2, 2]);
    expect(others.map((node) => node.happened.find((event) => event.what === 'block')?.bytes)).toEqual([block(1), block(1), block(1)]);
  });

  test('transactions and large blocks pass, and what is accepted is passed on', async () => {
    // A line: the third hears of the first only through the second.
    const middle = await startNode(2);
    const left = await startNode(1, { bootnodes: [middle.address] });
    const right = await startNode(3, { bootnodes: [middle.address] });
    await everybodyMet([left, middle, right]);
    left.network.setPartition([middle.self]);
    right.network.setPartition([middle.self]);
    const large = RLP.encode([[], new Uint8Array(0), [new Uint8Array(MAX_GOSSIP_BYTES - 100)], new Uint8Array(0)]);
    await subscribed(left, 1);
    await subscribed(right, 1);
    left.network.publishBlock(large);
    left.network.publishTransactions(encodeList([new Uint8Array(100), new Uint8Array(200)]));
    expect((await right.until('block')).bytes?.length).toBe(large.length);
    expect((await right.until('transactions')).from).toBe(middle.self);
  });

  test('what is too large for gossip finds another way', async () => {
    const [first, second] = await startNodes(2);
    first?.network.publishConsensus(new Uint8Array(5 * 1024 * 1024).fill(9));
    expect((await second?.until('direct'))?.bytes?.length).toBe(5 * 1024 * 1024);
    first?.network.publishBlock(new Uint8Array(5 * 1024 * 1024));
    expect((await second?.until('status'))?.from).toBe(first?.self);
  });

  test('a broadcast consensus message has its author as sender, whoever passed it on, and may be said again', async () => {
    const middle = await startNode(2);
    const left = await startNode(1, { bootnodes: [middle.address] });
    const right = await startNode(3, { bootnodes: [middle.address] });
    await everybodyMet([left, middle, right]);
    await subscribed(left, 2);
    await subscribed(right, 2);
    left.network.publishConsensus(Uint8Array.of(7));
    left.network.publishConsensus(Uint8Array.of(7));
    await Promise.all([middle, right].map((node) => node.until('consensus', () => count(node, 'consensus') === 2)));
    for (const node of [middle, right]) {
      expect(node.happened.filter((event) => event.what === 'consensus')).toMatchObject([
        { from: left.self, bytes: Uint8Array.of(7) },
        { from: left.self, bytes: Uint8Array.of(7) },
      ]);
    }
    expect(count(left, 'consensus')).toBe(0);
  });

  test('whoever sends what is rejected is disconnected and banned, and the others go on', async () => {
    const judge = { onBlock: async () => 'reject' as const };
    const victim = await startNode(1, { handlers: judge });
    const friend = await startNode(2, { bootnodes: [victim.address] });
    const stranger = await Stranger.connect(3, victim);
    await victim.meets(friend);
    for (let i = 0; i < 4; i++) await stranger.publish('blocks', block(i));
    await victim.until('gone', (event) => event.from === stranger.self);
    expect(victim.network.peers().map((peer) => peer.id)).toEqual([friend.self]);
    await stranger.disconnected();
    await stranger.dial(victim).catch(() => undefined);
    await stranger.disconnected();
    friend.network.publishTransactions(encodeList([Uint8Array.of(1)]));
    await victim.until('transactions', (event) => event.from === friend.self);
    expect(victim.network.stats().denied).toMatchObject({ banned: expect.any(Number) });
  });

  test('an error with blame is a reject, one without is not, and one of our own is reported', async () => {
    let thrown: Error = new RuleError('block/early', 'Not yet.', {}, { blame: false });
    const victim = await startNode(1, {
      handlers: {
        onBlock: async () => {
          throw thrown;
        },
      },
    });
    const friend = await startNode(2, { bootnodes: [victim.address] });
    await everybodyMet([victim, friend]);
    await subscribed(friend, 1);
    friend.network.publishBlock(block(1));
    await victim.until('log', (event) => event.code === 'block/early');
    expect(victim.network.peers()[0]?.score).toBe(0);
    thrown = new RuleError('block/wrong', 'Wrong.');
    friend.network.publishBlock(block(2));
    await victim.until('log', (event) => event.code === 'network/rejected-gossip');
    expect(victim.network.peers()[0]?.score).toBeLessThan(-20);
    thrown = new TypeError('a bug');
    friend.network.publishBlock(block(3));
    expect((await victim.until('failure')).text).toContain('a bug');
  });

  test('oversized and unsigned messages do not reach a handler, and count against the sender', async () => {
    const victim = await startNode(1);
    const stranger = await Stranger.connect(3, victim);
    await stranger.publish('transactions', new Uint8Array(300 * 1024));
    await stranger.publish('consensus', encodeList([new Uint8Array(32), new Uint8Array(8), Uint8Array.of(1), new Uint8Array(64)]));
    await victim.until('log', (event) => event.code === 'network/bad-signature');
    await victim.until(
      'log',
      (event) =>
        event.text === 'Peer broke a rule' && victim.happened.filter((other) => other.code === 'network/rejected-gossip').length === 2,
    );
    expect(['transactions', 'consensus'].map((what) => count(victim, what))).toEqual([0, 0]);
  });

  test('a peer that skips the handshake is not heard, and is disconnected', async () => {
    const victim = await startNode(1, { timeouts: { handshakeMs: 500 } });
    const stranger = await Stranger.make(3);
    await stranger.dial(victim);
    await stranger.publish('blocks', block(1));
    await victim.until('log', (event) => event.code === 'network/handshake-timeout');
    await stranger.disconnected();
    expect(count(victim, 'block')).toBe(0);
    expect(victim.network.stats()).toMatchObject({ peers: 0, handshaking: 0, gossip: { peers: 0 } });
  });

  test('what is under validation is bounded: the rest is dropped unseen', async () => {
    const gate = Promise.withResolvers<'ignore'>();
    let validating = 0;
    const victim = await startNode(1, {
      handlers: {
        onTransactions: async () => {
          validating += 1;
          return gate.promise;
        },
      },
    });
    const stranger = await Stranger.connect(3, victim);
    for (let i = 0; i < 400; i++) await stranger.publish('transactions', RLP.encode([Uint8Array.of(i >> 8, i & 0xff, 1)]));
    await eventually(() => victim.network.stats().gossip.overflowed === 400 - 256);
    expect(validating).toBe(256);
    gate.resolve('ignore');
    await eventually(() => victim.network.stats().gossip.validating === 0);
  });
});

/** The node has heard that so many peers listen to gossip. */
function subscribed(node: TestNode, peers: number): Promise<void> {
  return eventually(() => node.network.stats().gossip.subscribers >= peers);
}
