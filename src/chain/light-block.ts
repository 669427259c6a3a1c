/**
 * A block without its transactions: header, seal and payload, which is all that the engine of a block needs and the whole of what
 * light verification reads. RLP: [[header fields], seal, payload].
 */
import { DecodeError } from '../base/errors.ts';
import { MAX_PAYLOAD_BYTES } from './block.ts';
import { headerFields, headerFromFields, MAX_SEAL_BYTES, type SealedHeader } from './header.ts';
import { bytesField, decodeRlp, encodeRlp, listField } from './rlp.ts';

export interface LightBlock extends SealedHeader {
  readonly payload: Uint8Array;
}

/** A header has some 700 bytes at most. */
export const MAX_LIGHT_BLOCK_BYTES = MAX_PAYLOAD_BYTES + MAX_SEAL_BYTES + 1_024;

export function encodeLightBlock({ header, seal, payload }: LightBlock): Uint8Array {
  return encodeRlp([headerFields(header), seal, payload]);
}

/** Checks the size before it decodes. Throws DecodeError. Whether the payload is the header's is not looked at. */
export function decodeLightBlock(bytes: Uint8Array): LightBlock {
  if (bytes.length > MAX_LIGHT_BLOCK_BYTES) {
    throw new DecodeError('decode/block-size', `The block has ${bytes.length} bytes; at most ${MAX_LIGHT_BLOCK_BYTES} are allowed.`, {
      bytes: bytes.length,
    });
  }
  const parts = listField(decodeRlp(bytes, 'light block'), 'light block', 3);
  if (parts.length !== 3) throw new DecodeError('decode/block', `Expected 3 parts in a light block, got ${parts.length}.`);
  const seal = bytesField(parts[1], 'seal');
  if (seal.length > MAX_SEAL_BYTES) {
    throw new DecodeError('decode/length', `seal has ${seal.length} bytes; at most ${MAX_SEAL_BYTES} are allowed.`);
  }
  return { header: headerFromFields(parts[0]), seal, payload: bytesField(parts[2], 'payload') };
}
