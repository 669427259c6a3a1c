/**
 * What proof-of-stake nodes gossip besides blocks: votes (of one committee for one data, added up as far as the sender could)
 * and evidence. RLP: [0, vote] or [1, evidence]. Each proves its author itself, by signatures inside.
 */
import { DecodeError } from '../../base/errors.ts';
import { encodeRlp } from '../../chain/rlp.ts';
import {
  attestationFields,
  attestationFrom,
  decode as decodeBounded,
  fields,
  MAX_EVIDENCE_BYTES,
  number,
  offenceFields,
  offenceFrom,
} from './codec.ts';
import type { Attestation, Offence } from './types.ts';

export type PosMessage = { readonly type: 'vote'; readonly vote: Attestation } | { readonly type: 'evidence'; readonly offence: Offence };

const VOTE = 0;
const EVIDENCE = 1;
const MAX_MESSAGE_BYTES = MAX_EVIDENCE_BYTES + 16;

export function encode(message: PosMessage): Uint8Array {
  return message.type === 'vote'
    ? encodeRlp([VOTE, attestationFields(message.vote)])
    : encodeRlp([EVIDENCE, offenceFields(message.offence)]);
}

/** Throws DecodeError. */
export function decode(bytes: Uint8Array): PosMessage {
  const [kind, body] = fields(decodeBounded(bytes, 'a message of proof-of-stake', MAX_MESSAGE_BYTES), 'a message of proof-of-stake', 2);
  switch (number(kind, 'kind')) {
    case VOTE:
      return { type: 'vote', vote: attestationFrom(body) };
    case EVIDENCE:
      return { type: 'evidence', offence: offenceFrom(body) };
    default:
      throw new DecodeError(
        'decode/message',
        `Proof-of-stake has messages of kind ${VOTE} and ${EVIDENCE}, and not ${number(kind, 'kind')}.`,
      );
  }
}
