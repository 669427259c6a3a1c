/**
 * RLP of the values that travel or are stored: votes, evidence, requests, payload, seal (the state: `state-codec.ts`). One
 * value has one encoding, and decoders take nothing else: what they return encodes to the bytes they were given. They throw
 * DecodeError only, and are bounded before they build anything. The rules of consensus are not checked here.
 */

import { assert } from '../../base/assert.ts';
import { addressOf, fromHex, hashOf, toHex } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import { PUBLIC_KEY_BYTES, type PublicKey, SIGNATURE_BYTES, type Signature } from '../../base/signatures.ts';
import type { Address, Hash } from '../../base/types.ts';
import { MAX_PAYLOAD_BYTES } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, integer, listField, type RlpValue, safeNumber } from '../../chain/rlp.ts';
import { remembered } from './memo.ts';
import { MAX_ATTESTATIONS, MAX_COMMITTEE_SIZE, MAX_OFFENCES, MAX_REPORTS, MAX_REQUESTS, MAX_WITHDRAWALS } from './settings.ts';
import type {
  Attestation,
  AttestationData,
  Gwei,
  IndexedAttestation,
  Offence,
  Payload,
  Request,
  SignedProposal,
  ValidatorIndex,
  Withdrawal,
} from './types.ts';

/** Enough for 2^63 gwei, which the staking contract takes at most at once, many times over. */
const MAX_GWEI_BYTES = 12;
/** Two votes of the largest committees. The staking contract takes more, but nothing that is longer has an effect. */
export const MAX_EVIDENCE_BYTES = 20_480;
/** Payload, offences, offence, vote, its indices. */
const MAX_NESTING = 6;

/** A vote of a full committee, a deposit, a withdrawal; and what a payload has once. A test encodes the largest of each. */
const ATTESTATION_BYTES = 512;
const REQUEST_BYTES = 192;
const WITHDRAWAL_BYTES = 48;
const FRAME_BYTES = 512;
/** Who has executed a block knows what its child must carry: were that too long for a payload, the chain would end there. */
const LARGEST_PAYLOAD_BYTES =
  FRAME_BYTES +
  MAX_ATTESTATIONS * ATTESTATION_BYTES +
  (MAX_OFFENCES + MAX_REPORTS) * MAX_EVIDENCE_BYTES +
  MAX_REQUESTS * REQUEST_BYTES +
  MAX_WITHDRAWALS * WITHDRAWAL_BYTES;
assert(LARGEST_PAYLOAD_BYTES <= MAX_PAYLOAD_BYTES, 'whatever a payload must carry fits');

/** Outside the hash of a header: who proposed it, and the signature that says so. */
export interface Seal {
  readonly proposer: ValidatorIndex;
  readonly signature: Signature;
}

// Votes

/** Flat, so that a vote is one list: slot, committee, head, source, target. */
export function attestationDataFields({ slot, committee, head, source, target }: AttestationData): RlpValue[] {
  return [slot, committee, fromHex(head), source.epoch, fromHex(source.root), target.epoch, fromHex(target.root)];
}

function attestationData(value: unknown): AttestationData {
  const [slot, committee, head, sourceEpoch, sourceRoot, targetEpoch, targetRoot] = fields(value, 'a vote', 7);
  return {
    slot: number(slot, 'slot'),
    committee: number(committee, 'committee'),
    head: hash(head, 'head'),
    source: { epoch: number(sourceEpoch, 'source epoch'), root: hash(sourceRoot, 'source') },
    target: { epoch: number(targetEpoch, 'target epoch'), root: hash(targetRoot, 'target') },
  };
}

export function attestationFields({ data, bits, signature }: Attestation): RlpValue[] {
  return [attestationDataFields(data), bits, signature];
}

/** For messages that carry one among other things. */
export function attestationFrom(value: unknown): Attestation {
  const [data, bits, signature] = fields(value, 'an attestation', 3);
  return { data: attestationData(data), bits: bytes(bits, 'bits', MAX_COMMITTEE_SIZE / 8), signature: signatureOf(signature) };
}

export function indexedFields({ data, indices, signature }: IndexedAttestation): RlpValue[] {
  return [attestationDataFields(data), indices, signature];
}

export function indexedFrom(value: unknown): IndexedAttestation {
  const [data, indices, signature] = fields(value, 'an indexed attestation', 3);
  return {
    data: attestationData(data),
    indices: list(indices, 'indices', MAX_COMMITTEE_SIZE, (index) => number(index, 'a validator index')),
    signature: signatureOf(signature),
  };
}

// Evidence

function proposalFields({ proposer, slot, block, signature }: SignedProposal): RlpValue[] {
  return [proposer, slot, fromHex(block), signature];
}

function proposalFrom(value: unknown): SignedProposal {
  const [proposer, slot, block, signature] = fields(value, 'a signed proposal', 4);
  return {
    proposer: number(proposer, 'proposer'),
    slot: number(slot, 'slot'),
    block: hash(block, 'block'),
    signature: signatureOf(signature),
  };
}

const PROPOSALS = 0;
const VOTES = 1;

export function offenceFields(offence: Offence): RlpValue[] {
  return offence.type === 'proposals'
    ? [PROPOSALS, proposalFields(offence.first), proposalFields(offence.second)]
    : [VOTES, indexedFields(offence.first), indexedFields(offence.second)];
}

export function offenceFrom(value: unknown): Offence {
  const [kind, first, second] = fields(value, 'an offence', 3);
  switch (number(kind, 'kind of offence')) {
    case PROPOSALS:
      return { type: 'proposals', first: proposalFrom(first), second: proposalFrom(second) };
    case VOTES:
      return { type: 'votes', first: indexedFrom(first), second: indexedFrom(second) };
    default:
      throw new DecodeError('decode/pos-kind', 'An offence is of kind 0 (proposals) or 1 (votes).');
  }
}

export function encodeOffence(offence: Offence): Uint8Array {
  return encodeRlp(offenceFields(offence));
}

export function decodeOffence(encoded: Uint8Array): Offence {
  return offenceFrom(decode(encoded, 'offence', MAX_EVIDENCE_BYTES));
}

// Requests

const DEPOSIT = 0;
const TOP_UP = 1;
const EXIT = 2;
const WITHDRAW = 3;
const REPORT = 4;

export function requestFields(request: Request): RlpValue[] {
  switch (request.type) {
    case 'deposit':
      return [DEPOSIT, fromHex(request.publicKey), fromHex(request.depositor), request.amount, request.signature];
    case 'topUp':
      return [TOP_UP, fromHex(request.publicKey), request.amount];
    case 'exit':
      return [EXIT, fromHex(request.publicKey), fromHex(request.sender)];
    case 'withdraw':
      return [WITHDRAW, fromHex(request.publicKey), fromHex(request.sender)];
    case 'report':
      return [REPORT, request.evidence, fromHex(request.reporter)];
  }
}

function requestFrom(value: unknown): Request {
  const [kind, ...rest] = listField(value, 'a request', 5);
  switch (number(kind, 'kind of request')) {
    case DEPOSIT: {
      const [key, depositor, amount, signature] = fields(rest, 'a deposit', 4);
      return {
        type: 'deposit',
        publicKey: publicKey(key),
        depositor: address(depositor, 'depositor'),
        amount: gwei(amount, 'amount'),
        signature: signatureOf(signature),
      };
    }
    case TOP_UP: {
      const [key, amount] = fields(rest, 'a top-up', 2);
      return { type: 'topUp', publicKey: publicKey(key), amount: gwei(amount, 'amount') };
    }
    case EXIT: {
      const [key, sender] = fields(rest, 'an exit', 2);
      return { type: 'exit', publicKey: publicKey(key), sender: address(sender, 'sender') };
    }
    case WITHDRAW: {
      const [key, sender] = fields(rest, 'a wish to withdraw', 2);
      return { type: 'withdraw', publicKey: publicKey(key), sender: address(sender, 'sender') };
    }
    case REPORT: {
      const [evidence, reporter] = fields(rest, 'a report', 2);
      return { type: 'report', evidence: bytes(evidence, 'evidence', MAX_EVIDENCE_BYTES), reporter: address(reporter, 'reporter') };
    }
    default:
      throw new DecodeError('decode/pos-kind', 'A request is of kind 0 to 4.');
  }
}

function withdrawalFields({ validator, to, amount }: Withdrawal): RlpValue[] {
  return [validator, fromHex(to), amount];
}

function withdrawalFrom(value: unknown): Withdrawal {
  const [validator, to, amount] = fields(value, 'a withdrawal', 3);
  return { validator: number(validator, 'validator'), to: address(to, 'receiver'), amount: gwei(amount, 'amount') };
}

// Payload and seal

export function encodePayload(payload: Payload): Uint8Array {
  return encodeRlp([
    payload.randaoReveal,
    fromHex(payload.parentState),
    fromHex(payload.votersRoot),
    payload.attestations.map(attestationFields),
    payload.offences.map(offenceFields),
    payload.requests.map(requestFields),
    payload.withdrawals.map(withdrawalFields),
  ]);
}

/** A block's payload is asked for again and again; neither its bytes nor what they say ever change. */
export const decodePayload = remembered((encoded: Uint8Array): Payload => {
  const value = decode(encoded, 'payload', MAX_PAYLOAD_BYTES);
  const [randaoReveal, parentState, votersRoot, attestations, offences, requests, withdrawals] = fields(value, 'a payload', 7);
  return {
    randaoReveal: signatureOf(randaoReveal),
    parentState: hash(parentState, 'parentState'),
    votersRoot: hash(votersRoot, 'votersRoot'),
    attestations: list(attestations, 'attestations', MAX_ATTESTATIONS, attestationFrom),
    offences: list(offences, 'offences', MAX_OFFENCES, offenceFrom),
    requests: list(requests, 'requests', MAX_REQUESTS, requestFrom),
    withdrawals: list(withdrawals, 'withdrawals', MAX_WITHDRAWALS, withdrawalFrom),
  };
});

export function encodeSeal({ proposer, signature }: Seal): Uint8Array {
  return encodeRlp([proposer, signature]);
}

const MAX_SEAL_BYTES = 128;

export function decodeSeal(encoded: Uint8Array): Seal {
  const [proposer, signature] = fields(decode(encoded, 'seal', MAX_SEAL_BYTES), 'a seal', 2);
  return { proposer: number(proposer, 'proposer'), signature: signatureOf(signature) };
}

// Fields

/** Checks the size before it decodes. */
export function decode(encoded: Uint8Array, what: string, maxBytes: number): unknown {
  if (encoded.length > maxBytes) {
    throw new DecodeError('decode/length', `The ${what} has ${encoded.length} bytes; at most ${maxBytes} are allowed.`, {
      bytes: encoded.length,
    });
  }
  return decodeRlp(encoded, what, MAX_NESTING);
}

/** A list of exactly this many. */
export function fields(value: unknown, what: string, count: number): readonly unknown[] {
  const found = listField(value, what, count);
  if (found.length !== count) throw new DecodeError('decode/pos-fields', `Expected ${count} fields in ${what}, got ${found.length}.`);
  return found;
}

export function list<T>(value: unknown, what: string, maxItems: number, item: (value: unknown) => T): T[] {
  return listField(value, what, maxItems).map(item);
}

export function number(value: unknown, what: string): number {
  return safeNumber(bytesField(value, what), what);
}

export function gwei(value: unknown, what: string): Gwei {
  return integer(bytesField(value, what), MAX_GWEI_BYTES, what);
}

export function hash(value: unknown, what: string): Hash {
  return hashOf(bytesField(value, what));
}

export function address(value: unknown, what: string): Address {
  return addressOf(bytesField(value, what));
}

export function publicKey(value: unknown): PublicKey {
  return toHex(exactly(bytesField(value, 'public key'), PUBLIC_KEY_BYTES, 'public key'));
}

export function signatureOf(value: unknown): Signature {
  return exactly(bytesField(value, 'signature'), SIGNATURE_BYTES, 'signature');
}

function exactly(found: Uint8Array, length: number, what: string): Uint8Array {
  if (found.length !== length) throw new DecodeError('decode/length', `A ${what} has ${length} bytes, not ${found.length}.`);
  return found;
}

function bytes(value: unknown, what: string, maxBytes: number): Uint8Array {
  const found = bytesField(value, what);
  if (found.length > maxBytes)
    throw new DecodeError('decode/length', `${what} has ${found.length} bytes; at most ${maxBytes} are allowed.`);
  return found;
}
