/**
 * Which addresses may be stored, dialled and passed on, and which belong together. Ranges from RFC 1918, 4193, 3927,
 * 6598 and 4291. We dial TCP over IPv4, IPv6 and DNS names, and only where the peer id is known beforehand: without it
 * anybody who answers would be the peer.
 */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { peerIdFromString } from '@libp2p/peer-id';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import { DecodeError } from '../base/errors.ts';
import { NodeId, quote } from '../base/types.ts';
import { MAX_ADDRESS_BYTES } from './messages.ts';

export interface PeerAddress {
  readonly id: NodeId;
  /** The multiaddr, which ends in /p2p/<id>. */
  readonly text: string;
  /** IP address or DNS name. */
  readonly host: string;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

const private_ = new BlockList();
private_.addSubnet('10.0.0.0', 8, 'ipv4');
private_.addSubnet('172.16.0.0', 12, 'ipv4');
private_.addSubnet('192.168.0.0', 16, 'ipv4');
private_.addSubnet('169.254.0.0', 16, 'ipv4');
private_.addSubnet('100.64.0.0', 10, 'ipv4');
private_.addSubnet('fc00::', 7, 'ipv6');
private_.addSubnet('fe80::', 10, 'ipv6');

/** 'public' for names too: what a name resolves to is not known here. */
export type Reach = 'loopback' | 'private' | 'public';

export function reachOf(host: string): Reach {
  const ip = plainIp(host);
  if (isIP(ip) === 0) return 'public';
  const family = isIPv6(ip) ? 'ipv6' : 'ipv4';
  if (loopback.check(ip, family)) return 'loopback';
  return private_.check(ip, family) ? 'private' : 'public';
}

/** May somebody who is reached at `at` be told of, or tell of, an address that is reached at `other`? */
export function mayShare(at: Reach, other: Reach): boolean {
  const rank = { loopback: 2, private: 1, public: 0 };
  return rank[other] <= rank[at];
}

/** The /24 of an IPv4 address or the /64 of an IPv6 address: the least that one attacker gets cheaply. */
export function subnetOf(host: string): string {
  const ip = plainIp(host);
  if (!isIPv6(ip)) return ip.split('.').slice(0, 3).join('.');
  const [head = '', tail] = ip.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** The host of any multiaddr that begins with an IP address or a name; '' when it has none. */
export function hostOf(address: Multiaddr): string {
  const [first] = address.getComponents();
  return first?.value ?? '';
}

/** Throws DecodeError `network/bad-address` for anything that we would not dial. */
export function parsePeerAddress(text: string): PeerAddress {
  const bad = (why: string) =>
    new DecodeError(
      'network/bad-address',
      `${quote(text)} is not the address of a node: ${why}. Expected /ip4/<address>/tcp/<port>/p2p/<peer id>.`,
    );
  if (text.length > MAX_ADDRESS_BYTES) throw bad(`it is longer than ${MAX_ADDRESS_BYTES} characters`);
  let parts: readonly { readonly name: string; readonly value?: string | undefined }[];
  try {
    parts = multiaddr(text).getComponents();
  } catch {
    throw bad('it is not a multiaddr');
  }
  const [host, port, peer] = parts;
  if (parts.length !== 3 || host?.value === undefined || port?.value === undefined || peer?.value === undefined)
    throw bad('it needs three parts');
  if (!['ip4', 'ip6', 'dns', 'dns4', 'dns6'].includes(host.name)) throw bad(`${host.name} is not supported`);
  if (port.name !== 'tcp' || Number(port.value) === 0) throw bad('it needs a TCP port');
  if (peer.name !== 'p2p') throw bad('it must end in /p2p/<peer id>');
  if (host.value === '0.0.0.0' || host.value === '::') throw bad('nobody is reached at the unspecified address');
  try {
    return { id: NodeId(peerIdFromString(peer.value).toString()), text, host: host.value };
  } catch {
    throw bad('its peer id is malformed');
  }
}

/** The same, or null for what is not such an address. */
export function tryPeerAddress(text: string): PeerAddress | null {
  try {
    return parsePeerAddress(text);
  } catch {
    return null;
  }
}

/** IPv4 inside IPv6 (::ffff:1.2.3.4) is IPv4. */
function plainIp(host: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host);
  return mapped?.[1] ?? host;
}
