import { RLP } from '@ethereumjs/rlp';
import { afterEach, describe, expect, test } from 'vitest';
import { eventually, everybodyMet, startNode, startNodes, stopAll, stopNode, type TestNode } from './harness.ts';

afterEach(stopAll);

function portOf(node: TestNode): string {
  return node.address.split('/')[4] ?? '';
}

function block(number: number): Uint8Array {
  return RLP.encode([[Uint8Array.of(number)], new Uint8Array(0), [], new Uint8Array(0)]);
}

describe('a network that comes apart', () => {
  test('partition: two halves hear nothing of each other; heal: everybody hears everybody', async () => {
    const nodes = await startNodes(4);
    const [a, b, c, d] = nodes;
    if (a === undefined || b === undefined || c === undefined || d === undefined) return expect.unreachable();
    const parted = nodes.map((node) => node.next('gone'));
    for (const node of [a, b]) node.network.setPartition([a.self, b.self]);
    for (const node of [c, d]) node.network.setPartition([c.self, d.self]);
    await Promise.all(parted);
    await eventually(() => nodes.every((node) => node.network.peers().length === 1));
    expect(a.network.partition).toEqual([a.self, b.self]);
    a.network.publishBlock(block(1));
    c.network.publishBlock(block(2));
    a.network.publishConsensus(Uint8Array.of(1));
    a.network.sendDirect(c.self, Uint8Array.of(1));
    await b.until('block');
    await d.until('block');
    await expect(a.network.dial(c.address)).rejects.toMatchObject({ code: 'network/unreachable' });

    for (const node of nodes) node.network.setPartition(null);
    await everybodyMet(nodes);
    await eventually(() => nodes.every((node) => node.network.stats().gossip.subscribers === 3));
    a.network.publishBlock(block(3));
    await Promise.all([b, c, d].map((node) => node.until('block', (event) => event.bytes?.[2] === 3)));
    expect(c.happened.filter((event) => event.what === 'direct' || event.what === 'consensus')).toEqual([]);
    expect(c.happened.some((event) => event.what === 'block' && event.bytes?.[2] === 1)).toBe(false);
    expect(nodes.flatMap((node) => node.network.peers().map((peer) => peer.score))).toEqual(Array(12).fill(0));
  });

  test('one side alone can cut itself off', async () => {
    const [a, b] = await startNodes(2);
    if (a === undefined || b === undefined) return expect.unreachable();
    a.network.setPartition([]);
    await b.until('gone');
    await expect(b.network.dial(a.address)).rejects.toMatchObject({ code: 'network/unreachable' });
    expect(a.network.stats().denied.partition).toBeGreaterThan(0);
    a.network.setPartition(null);
    await Promise.all([a.next('peer'), b.next('peer')]);
  });

  test('a node that restarts on its address is found again, by nodes it never dialled', async () => {
    const [first, second, third] = await startNodes(3);
    if (first === undefined || second === undefined || third === undefined) return expect.unreachable();
    const listen = [`/ip4/127.0.0.1/tcp/${portOf(third)}`];
    await stopNode(third);
    await eventually(() => first.network.peers().length === 1 && second.network.peers().length === 1);
    const again = await startNode(3, { listen });
    await everybodyMet([first, second, again]);
    await eventually(() => again.network.stats().gossip.subscribers === 2);
    first.network.publishBlock(block(7));
    await again.until('block');
  });

  test('the operator is told once of a bootnode that is not there, and when it comes up later it is reached', async () => {
    const scout = await startNode(1);
    const address = scout.address;
    await stopNode(scout);
    const early = await startNode(2, { bootnodes: [address] });
    const isWarning = ({ what, text }: { what: string; text?: string }) =>
      what === 'log' && text?.startsWith('Bootnode not reached') === true;
    await early.until('log', isWarning);
    await early.until('log', ({ text }) => text === 'Peer not reached');
    const late = await startNode(1, { listen: [`/ip4/127.0.0.1/tcp/${address.split('/')[4]}`] });
    await everybodyMet([early, late]);
    expect(early.happened.filter(isWarning)).toHaveLength(1);
  });

  test('nodes that know one node in common find each other', async () => {
    const hub = await startNode(1);
    const one = await startNode(2, { bootnodes: [hub.address] });
    await one.meets(hub);
    const other = await startNode(3, { bootnodes: [hub.address] });
    await Promise.all([one.meets(other), other.meets(one)]);
  });

  test('addresses are remembered over a restart, without any bootnode', async () => {
    let remembered: readonly string[] = [];
    const addressStore = {
      load: () => remembered,
      save: (addresses: readonly string[]) => {
        remembered = addresses;
      },
    };
    const friend = await startNode(1);
    const node = await startNode(2, { addressStore });
    await friend.network.dial(node.address);
    // While it runs: it may be killed.
    await eventually(() => remembered.includes(friend.address));
    await stopNode(node);
    expect(remembered).toContain(friend.address);
    const again = await startNode(2, { addressStore });
    await again.meets(friend);
  });

  test('no more peers than allowed, and those who were refused do not fill anything', async () => {
    const small = await startNode(1, { maxPeers: 2 });
    const nodes: TestNode[] = [];
    for (let i = 2; i <= 5; i++) nodes.push(await startNode(i, { bootnodes: [small.address] }));
    await eventually(() => small.network.peers().length === 2 && (small.network.stats().denied['inbound connections'] ?? 0) >= 3);
    expect(small.network.stats().connections).toBeLessThanOrEqual(2);
  });

  test('an operator disconnects a peer, and it stays away for a while', async () => {
    const [a, b] = await startNodes(2);
    if (a === undefined || b === undefined) return expect.unreachable();
    a.network.disconnect(b.self);
    await a.until('gone');
    expect(a.network.peers()[0]?.score ?? 0).toBe(0);
  });
});
