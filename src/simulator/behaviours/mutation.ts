/** Small changes to what is sent, each of which breaks something. After ByzzFuzz (Winter et al., OOPSLA 2023). */
import type { Random } from '../../base/random.ts';
import type { Hash } from '../../base/types.ts';
import type { Block, ProvenBlock } from '../../chain/block.ts';
import type { Header } from '../../chain/header.ts';
import { hexOfWord } from '../digest.ts';
import type { Packet } from '../packets.ts';

export function mutatePacket(packet: Packet, random: Random): Packet {
  switch (packet.type) {
    case 'block':
      return { ...packet, block: mutateBlock(packet.block, random) };
    case 'transaction':
    case 'message':
      return { ...packet, bytes: flipBit(packet.bytes, random) };
    case 'status': {
      const { status } = packet;
      const weight = random.chance(0.5) ? status.weight * 2n : status.weight / 2n;
      return { ...packet, status: { ...status, head: randomHash(random), weight, height: random.below(1_000_000) } };
    }
    case 'headers': {
      const headers = [...packet.headers];
      const index = headers.length === 0 ? 0 : random.below(headers.length);
      const sealed = headers[index];
      if (sealed !== undefined) headers[index] = { ...sealed, header: mutateHeader(sealed.header, random) };
      return { ...packet, headers: random.chance(0.2) ? headers.reverse() : headers };
    }
    case 'blocks':
      return { ...packet, blocks: packet.blocks.map((block) => (random.chance(0.5) ? mutateProvenBlock(block, random) : block)) };
    case 'getHeaders':
      return { ...packet, limit: random.pick([-1, 0, 1.5, 1e9]) };
    case 'getBlocks':
      return { ...packet, hashes: Array.from({ length: random.below(100) }, () => randomHash(random)) };
    case 'refused':
      return packet;
  }
}

/** The block, or what is said to prove it. */
export function mutateProvenBlock(block: ProvenBlock, random: Random): ProvenBlock {
  const { certificate } = block;
  if (certificate !== null && random.chance(0.3)) return { ...block, certificate: flipBit(certificate, random) };
  return { ...mutateBlock(block, random), certificate };
}

export function mutateBlock(block: Block, random: Random): Block {
  switch (random.below(4)) {
    case 0:
      return { ...block, transactions: [...block.transactions, ...block.transactions.slice(-1), randomBytes(random, 14)] };
    case 1:
      return { ...block, seal: randomBytes(random, 1 + random.below(64)) };
    case 2:
      return { ...block, payload: randomBytes(random, 1 + random.below(64)) };
    default:
      return { ...block, header: mutateHeader(block.header, random) };
  }
}

export function mutateHeader(header: Header, random: Random): Header {
  switch (random.below(7)) {
    case 0:
      return { ...header, parentHash: randomHash(random) };
    case 1:
      return { ...header, stateRoot: randomHash(random) };
    case 2:
      return { ...header, number: Math.abs(header.number + random.pick([-1, 1, 1_000])) };
    case 3:
      return { ...header, timestamp: Math.abs(header.timestamp + random.pick([-1_000, -1, 1, 1_000])) };
    case 4:
      return { ...header, difficulty: random.pick([1n, header.difficulty + 1n, header.difficulty * 1_000n]) };
    case 5:
      return { ...header, mixHash: randomHash(random) };
    default:
      return { ...header, gasLimit: header.gasLimit * 2n };
  }
}

export function randomHash(random: Random): Hash {
  let digits = '';
  while (digits.length < 64) digits += hexOfWord(random.uint32());
  return `0x${digits}` as Hash;
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length === 0) return randomBytes(random, 1);
  const changed = bytes.slice();
  const at = random.below(changed.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
  return changed;
}
