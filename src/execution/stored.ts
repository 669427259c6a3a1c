/** Reading what the state is made of (RLP, Yellow Paper, appendices B and D). The store is ours: what is wrong in it is damage, and nobody's fault. */
import { DecodeError, StorageError } from '../base/errors.ts';
import { decodeRlp } from '../chain/rlp.ts';

export type Stored = Uint8Array | readonly Stored[];

/** Throws StorageError `execution/state-corrupt`. */
export function decodeStored(bytes: Uint8Array, what: string): Stored {
  try {
    return decodeRlp(bytes, what) as Stored;
  } catch (cause) {
    if (cause instanceof DecodeError) throw corrupt('not RLP', cause);
    throw cause;
  }
}

/** `what`: what a part of the state turned out to be. */
export function corrupt(what: string, cause?: unknown): StorageError {
  return new StorageError(
    'execution/state-corrupt',
    `A part of the state is ${what}; the store cannot be trusted. Resync this node.`,
    {},
    cause,
  );
}
