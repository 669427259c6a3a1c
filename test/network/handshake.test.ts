import { afterEach, describe, expect, test, vi } from 'vitest';
import { decodeStatus, encodeStatus, PROTOCOL_VERSION } from '../../src/network/messages.ts';
import { eventually, hash, startNode, status, stopAll } from './harness.ts';
import { Stranger } from './stranger.ts';

afterEach(stopAll);
afterEach(() => void vi.restoreAllMocks());

describe('handshake', () => {
  test.each([
    ['network/wrong-genesis', { genesisHash: hash('other') }],
    ['network/wrong-chain', { chainId: 5 }],
    ['network/wrong-engine', { engine: 'raft' }],
    ['network/wrong-config', { configHash: hash('other') }],
    ['network/wrong-protocol', { protocolVersion: PROTOCOL_VERSION + 1 }],
  ])('%s: both sides say so and part, and neither tries again soon', async (code, difference) => {
    const ours = await startNode(1);
    const theirs = await startNode(2, { bootnodes: [ours.address], handlers: { status: () => status(difference) } });
    await ours.until('log', (event) => event.code === code && event.from === theirs.self);
    await theirs.until('log', (event) => event.code === code && event.from === ours.self);
    await eventually(() => ours.network.stats().connections + theirs.network.stats().connections === 0);
    expect([...ours.happened, ...theirs.happened].filter((event) => event.what === 'peer')).toEqual([]);
    // The next moments would bring another attempt, were the peer not held off.
    const friend = await startNode(3, { bootnodes: [ours.address] });
    await friend.meets(ours);
    expect(theirs.happened.filter((event) => event.text === 'Handshake failed')).toHaveLength(1);
  });

  test('statuses are told, and told again when they change', async () => {
    let height = 5;
    const first = await startNode(1, { handlers: { status: () => status({ height, agent: 'first/1' }) } });
    const second = await startNode(2, { bootnodes: [first.address] });
    expect((await second.until('peer')).status).toEqual(status({ height: 5, agent: 'first/1' }));
    await first.until('peer');
    height = 6;
    first.network.announceStatus();
    height = 7;
    first.network.announceStatus();
    await second.until('status', (event) => event.status?.height === 7);
    expect(second.network.peers()).toMatchObject([
      { id: first.self, agent: 'first/1', direction: 'outbound', status: { height: 7 }, score: 0 },
    ]);
    expect(first.network.peers()).toMatchObject([{ id: second.self, direction: 'inbound' }]);
    expect(second.network.peers()[0]?.latencyMs).toBeGreaterThanOrEqual(0);
  });

  test('a stranger is told who we are even when we part', async () => {
    const node = await startNode(1);
    const stranger = await Stranger.make(2);
    const answer = await stranger.shakeHands(node, encodeStatus(status({ chainId: 5 })));
    expect(decodeStatus(answer)).toEqual(status());
    await stranger.disconnected();
  });

  test.each([
    ['rubbish', new Uint8Array(100).fill(0xc1)],
    ['nothing', new Uint8Array(0)],
    ['too much', new Uint8Array(5_000)],
  ])('%s instead of a status ends the connection and counts against the sender', async (_name, message) => {
    const node = await startNode(1);
    const stranger = await Stranger.make(2);
    await stranger.shakeHands(node, message).catch(() => undefined);
    await stranger.disconnected();
    await node.until('log', (event) => event.text === 'Peer broke a rule' && event.from === stranger.self);
    expect(node.network.stats()).toMatchObject({ peers: 0, handshaking: 0, connections: 0 });
  });

  test('whoever is silent is disconnected, on either side', async () => {
    const node = await startNode(1, { timeouts: { handshakeMs: 300 } });
    const caller = await Stranger.make(2);
    await caller.dial(node);
    await caller.disconnected();
    const listener = await Stranger.make(3);
    await listener.libp2p.handle('/synod/status/1', () => undefined);
    await node.network.dial(listener.address).catch(() => undefined);
    await listener.disconnected();
    expect(node.happened.filter((event) => event.code === 'network/handshake-timeout').map((event) => event.from)).toEqual([
      caller.self,
      listener.self,
    ]);
    expect(node.network.peers()).toEqual([]);
  });

  test('nothing else is answered before the handshake', async () => {
    const node = await startNode(1, { timeouts: { handshakeMs: 300 }, handlers: { serveHeaders: () => [Uint8Array.of(1)] } });
    const stranger = await Stranger.make(2);
    const asked = await Promise.allSettled(
      ['headers', 'blocks', 'transactions', 'addresses', 'direct'].map((kind) => stranger.ask(node, kind, new Uint8Array(0))),
    );
    expect(asked.map((result) => result.status)).toEqual(Array(5).fill('rejected'));
    expect(node.happened.filter((event) => event.what === 'direct')).toEqual([]);
  });

  test('too many statuses in a row are refused', async () => {
    const node = await startNode(1);
    const stranger = await Stranger.connect(2, node);
    const message = encodeStatus(status());
    const once = () => stranger.shakeHands(node, message);
    // A machine that is busy might never send more than is regained meanwhile: so no time passes.
    vi.spyOn(performance, 'now').mockReturnValue(performance.now());
    await expect(
      (async () => {
        for (let i = 0; i < 100; i++) await Promise.all([once(), once(), once()]);
      })(),
    ).rejects.toThrow();
    await node.until('log', (event) => event.code === 'network/flood');
  });

  test('a port that is taken, or an address that is none, is a usage error', async () => {
    const node = await startNode(1);
    const port = node.address.split('/')[4];
    await expect(startNode(2, { listen: [`/ip4/127.0.0.1/tcp/${port}`] })).rejects.toMatchObject({ code: 'network/listen' });
    await expect(startNode(2, { bootnodes: ['enode://abc'] })).rejects.toMatchObject({ code: 'network/bad-address' });
  });
});
