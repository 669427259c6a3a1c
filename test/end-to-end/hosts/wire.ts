/**
 * A wire with a delay, for kernels without tc's netem: each host sends its Ethernet frames in VXLAN packets (RFC 7348) over UDP to a
 * switch in this process, which keeps each for the time of the delay and sends it on. Loss and cuts are tc's (`lab.ts`).
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

const VXLAN_HEADER_BYTES = 8;
const ETHERNET_HEADER_BYTES = 14;
const MAC_BYTES = 6;
const ETHERTYPE_OFFSET = 12;
const IPV4 = 0x0800;
/** Where each protocol over IPv4 has its checksum. */
const CHECKSUM_OFFSETS: Readonly<Record<number, number>> = { 6: 16, 17: 6 };
const BUFFER_BYTES = 4 * 1024 * 1024;

export class Wire {
  /** UDP port of the switch and of the hosts' ends. */
  readonly port: number;
  readonly delayMs: number;
  readonly #socket: Socket;
  /** Underlay addresses of the hosts. */
  readonly #hosts = new Set<string>();
  /** Where each MAC address was seen. */
  readonly #places = new Map<string, string>();

  private constructor(socket: Socket, delayMs: number) {
    this.port = (socket.address() as AddressInfo).port;
    this.delayMs = delayMs;
    this.#socket = socket;
    socket.on('message', (packet, { address }) => this.#arrived(packet, address));
    // A host that is being taken down.
    socket.on('error', () => undefined);
  }

  static async open(delayMs: number): Promise<Wire> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES });
    socket.bind(0, '0.0.0.0');
    await once(socket, 'listening');
    return new Wire(socket, delayMs);
  }

  /** `address`: where its packets come from and go to. */
  join(address: string): void {
    this.#hosts.add(address);
  }

  close(): void {
    this.#socket.close();
  }

  #arrived(packet: Buffer, from: string): void {
    const frame = packet.subarray(VXLAN_HEADER_BYTES);
    if (!this.#hosts.has(from) || frame.length < ETHERNET_HEADER_BYTES) return;
    this.#places.set(frame.toString('hex', MAC_BYTES, 2 * MAC_BYTES), from);
    completeChecksum(frame);
    const place = this.#places.get(frame.toString('hex', 0, MAC_BYTES));
    const targets = place === undefined ? [...this.#hosts].filter((host) => host !== from) : [place];
    setTimeout(() => {
      for (const host of targets) this.#socket.send(packet, this.port, host, () => undefined);
    }, this.delayMs);
  }
}

/** The kernel leaves checksums to the network card, which is not there (RFC 1071; the pseudo-header is that of RFC 9293 and RFC 768). */
function completeChecksum(frame: Buffer): void {
  if (frame.readUInt16BE(ETHERTYPE_OFFSET) !== IPV4) return;
  const packet = frame.subarray(ETHERNET_HEADER_BYTES);
  const headerBytes = 4 * (packet.readUInt8(0) & 0x0f);
  const segment = packet.subarray(headerBytes, packet.readUInt16BE(2));
  const protocol = packet.readUInt8(9);
  const offset = CHECKSUM_OFFSETS[protocol];
  if (offset === undefined) return;
  segment.writeUInt16BE(0, offset);
  const sum = ~fold(wordSum(packet.subarray(12, 20)) + protocol + segment.length + wordSum(segment)) & 0xffff;
  segment.writeUInt16BE(sum === 0 ? 0xffff : sum, offset);
}

function wordSum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  return bytes.length % 2 === 0 ? sum : sum + 256 * bytes.readUInt8(bytes.length - 1);
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return folded;
}
