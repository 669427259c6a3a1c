import { afterEach, describe, expect, test } from 'vitest';
import { isReachable } from '../../src/network/transport.ts';
import { startNode, stopAll } from './harness.ts';

afterEach(stopAll);

describe('transport', () => {
  test('multicast is only for nodes that somebody could reach', () => {
    expect(isReachable(['/ip4/127.0.0.1/tcp/30303', '/ip6/::1/tcp/30303'])).toBe(false);
    expect(isReachable(['/ip4/127.0.0.1/tcp/30303', '/ip4/0.0.0.0/tcp/30303'])).toBe(true);
  });

  test('a node on loopback opens no multicast socket, though it was asked to', async () => {
    const before = process.getActiveResourcesInfo().filter((name) => name.startsWith('UDP')).length;
    await startNode(1, { mdns: true });
    expect(process.getActiveResourcesInfo().filter((name) => name.startsWith('UDP')).length).toBe(before);
  });
});
