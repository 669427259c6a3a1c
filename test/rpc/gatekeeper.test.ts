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

  it.each(['127.0.0.1', '::ffff:127.0.0.1', '::1'])('is the connection for programs on this machine (%s)', (address) => {
    expect(client(address, 1)).toBe(client(address, 1));
    expect(client(address, 1)).not.toBe(client(address, 2));
  });
});
