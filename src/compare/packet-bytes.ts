/** About how many bytes a packet of the simulator would be in a real network, without what encloses it. */
import type { Packet } from '../simulator/packets.ts';
import { blockBytes } from '../sync/size.ts';

const HASH_BYTES = 32;
/** A header with its seal, as `sync/size.ts` has it. */
const HEADER_BYTES = 1_024;
/** Hashes, heights and weights. */
const STATUS_BYTES = 128;
const SMALL_BYTES = 16;

export function packetBytes(packet: Packet): number {
  switch (packet.type) {
    case 'message':
    case 'transaction':
      return packet.bytes.length;
    case 'block':
      return blockBytes(packet.block);
    case 'blocks':
      return packet.blocks.reduce((sum, block) => sum + blockBytes(block), SMALL_BYTES);
    case 'headers':
      return SMALL_BYTES + HEADER_BYTES * packet.headers.length;
    case 'getHeaders':
      return SMALL_BYTES + HASH_BYTES * packet.locator.length;
    case 'getBlocks':
      return SMALL_BYTES + HASH_BYTES * packet.hashes.length;
    case 'status':
      return STATUS_BYTES;
    case 'refused':
      return SMALL_BYTES;
  }
}
