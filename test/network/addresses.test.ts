import { describe, expect, test } from 'vitest';
import { mayShare, parsePeerAddress, reachOf, subnetOf, tryPeerAddress } from '../../src/network/addresses.ts';

const ID = '12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq';

describe('addresses', () => {
  test.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.0.9', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['169.254.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fe80::1', 'private'],
    ['fd00::1', 'private'],
    ['8.8.8.8', 'public'],
    ['2001:db8::1', 'public'],
    ['node.example', 'public'],
    ['', 'public'],
  ])('%s is %s', (host, reach) => {
    expect(reachOf(host)).toBe(reach);
  });

  test.each([
    ['1.2.3.4', '1.2.3'],
    ['::ffff:1.2.3.4', '1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::6', '2001:db8:0:0'],
    ['2001:0db8:0000::1', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['1::', '1:0:0:0'],
  ])('the subnet of %s is %s', (host, subnet) => {
    expect(subnetOf(host)).toBe(subnet);
  });

  test('private addresses are not told to the public, nor believed from it', () => {
    expect(mayShare('public', 'private')).toBe(false);
    expect(mayShare('public', 'loopback')).toBe(false);
    expect(mayShare('private', 'loopback')).toBe(false);
    expect(mayShare('private', 'private')).toBe(true);
    expect(mayShare('loopback', 'loopback')).toBe(true);
    expect(mayShare('loopback', 'public')).toBe(true);
  });

  test.each([`/ip4/1.2.3.4/tcp/30303/p2p/${ID}`, `/ip6/2001:db8::1/tcp/1/p2p/${ID}`, `/dns4/node.example/tcp/1/p2p/${ID}`])(
    '%s is the address of a node',
    (text) => {
      expect(parsePeerAddress(text)).toMatchObject({ id: ID, text });
    },
  );

  test.each([
    '',
    'enode://abc@1.2.3.4:30303',
    '/ip4/1.2.3.4/tcp/30303',
    `/ip4/1.2.3.4/udp/30303/p2p/${ID}`,
    `/ip4/1.2.3.4/tcp/0/p2p/${ID}`,
    `/ip4/0.0.0.0/tcp/1/p2p/${ID}`,
    `/ip4/1.2.3.4/tcp/99999/p2p/${ID}`,
    '/ip4/1.2.3.4/tcp/1/p2p/nonsense',
    `/ip4/1.2.3.4/tcp/1/p2p/${ID}/p2p-circuit/p2p/${ID}`,
    `/unix/tmp/p2p/${ID}`,
    `/dns4/${'a'.repeat(200)}/tcp/1/p2p/${ID}`,
  ])('%s is not', (text) => {
    expect(tryPeerAddress(text)).toBeNull();
    expect(() => parsePeerAddress(text)).toThrow(expect.objectContaining({ code: 'network/bad-address' }));
  });
});
