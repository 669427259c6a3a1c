import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { clientOf } from '../../src/rpc/gatekeeper.ts';

const client = (remoteAddress: string | undefined, remotePort: number) => clientOf({ remoteAddress, remotePort } as Socket);

describe('whom a request counts for', () => {
  it('is the address, whatever the connection', () => {
    expect(client('203.0.113.5', 1)).toBe(client('::ffff:203.0.113.5', 2));
    expect(client('203.0.113.5', 1)).not.toBe(client('203.0.113.6', 1));
    // A socket that is closed already.
    expect(client(undefined, 1)).toBe('');
  });

  it('is the first 64 bits of an IPv6 address: who has one has them all', () => {
    expect(client('2001:db8:0:7:1:2:3:4', 1)).toBe(client('2001:db8:0:7::1', 2));
    expect(client('2001:db8:0:7::1', 1)).not.toBe(client('2001:db8:0:8::1', 1));
    expect(client('2001:db8::1', 1)).toBe(client('2001:db8:0:0:5:6:7:8', 1));
    expect(client('2001:db8::', 1)).toBe('2001:db8:0:0::/64');
    expect(client('2001:db8::7:0:0:0:1', 1)).toBe(client('2001:db8:0:7::2', 1));
    expect(client('fe80::1%eth0', 1)).toBe('fe80:0:0:0::/64');
  });

  it.each(['127.0.0.1', '::ffff:127.0.0.1', '::1'])('is the connection for programs on this machine (%s)', (address) => {
    expect(client(address, 1)).toBe(client(address, 1));
    expect(client(address, 1)).not.toBe(client(address, 2));
  });
});
