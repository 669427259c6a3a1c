import { afterEach, describe, expect, test } from 'vitest';
import { encodeStatus } from '../../src/network/messages.ts';
import { eventually, startNode, status, stopAll } from './harness.ts';
import { Stranger } from './stranger.ts';

afterEach(stopAll);

const RECONNECTS = 200;

describe('churn', () => {
  test(`${RECONNECTS} quick reconnects leave nothing behind`, async () => {
    const node = await startNode(1);
    const stranger = await Stranger.make(2);
    const message = encodeStatus(status());
    for (let i = 0; i < RECONNECTS; i++) {
      const connection = await stranger.dial(node);
      // Some end before the handshake, some in the middle of it, some as soon as gossip opens its streams.
      if (i % 3 > 0) {
        const greeting = stranger.shakeHands(node, message).catch(() => undefined);
        if (i % 3 === 2) await greeting;
      }
      connection.abort(new Error('gone'));
    }
    await eventually(() => node.network.stats().connections === 0);
    await eventually(() => {
      const { handshaking, peers, directStreams, requests, gossip } = node.network.stats();
      return handshaking + peers + directStreams + requests + gossip.peers + gossip.streamsInbound + gossip.streamsOutbound === 0;
    });
    const { gossip, knownAddresses } = node.network.stats();
    expect(gossip.scores).toBeLessThanOrEqual(1);
    expect(knownAddresses).toBeLessThanOrEqual(1);
    // And it is as welcome as ever.
    await stranger.dial(node);
    await stranger.shakeHands(node, message);
    await node.network.peers().find((peer) => peer.id === stranger.self);
    await eventually(() => node.network.stats().gossip.streamsOutbound === 1);
  });
});
