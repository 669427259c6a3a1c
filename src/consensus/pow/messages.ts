/** Proof-of-work needs no messages of its own: a block says all there is to say. Whatever a peer sends is an offence. */
import { DecodeError, InternalError } from '../../base/errors.ts';

export type PowMessage = never;

export function encode(_message: PowMessage): Uint8Array {
  throw new InternalError('pow/no-messages', 'Proof-of-work has no messages to encode. This is a bug in synod; please report it.');
}

export function decode(bytes: Uint8Array): PowMessage {
  throw new DecodeError('decode/message', `Proof-of-work has no messages, but a peer sent one of ${bytes.length} bytes.`, {
    bytes: bytes.length,
  });
}
