/** A host that vanishes without a word and comes back elsewhere: what is said to it from then on arrives there. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { cleanUp, eventually, startNode, stopAll, type TestNode } from './harness.ts';

afterEach(stopAll);

const HANDSHAKE_MS = 2_000;
const timeouts = { handshakeMs: HANDSHAKE_MS };

/** A way to a node that can fall silent: no packet passes any more, and no connection ends. */
async function wireTo(node: TestNode) {
  const port = Number(/tcp\/(\d+)/.exec(node.address)?.[1]);
  const sockets: Socket[] = [];
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    near.pipe(far).pipe(near);
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    address: `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}/p2p/${node.self}`,
    fallSilent() {
      for (const socket of sockets) socket.unpipe().pause();
    },
  };
}

it('is heard where it is now, though its old connection never ended', async () => {
  const node = await startNode(1, { timeouts });
  const wire = await wireTo(node);
  const before = await startNode(2, { bootnodes: [wire.address], timeouts });
  await Promise.all([node.meets(before), before.meets(node)]);
  node.network.sendDirect(before.self, Uint8Array.of(1));
  await before.until('direct');

  wire.fallSilent();
  await before.network.stop();
  const after = await startNode(2, { bootnodes: [node.address], timeouts });
  await after.meets(node);
  await eventually(() => node.network.stats().connections === 1);
  node.network.sendDirect(after.self, Uint8Array.of(2));
  expect((await after.until('direct')).bytes).toEqual(Uint8Array.of(2));
});
