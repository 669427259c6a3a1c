/**
 * Changes of who decides, one at a time, as the payloads of blocks. Source: Ongaro's dissertation, section 4.3 (joint
 * consensus) and 4.2.1 (a new server catches up as a learner before it votes).
 *
 *   plain --learning--> plain --promoting--> joint --settling--> plain
 *   plain --removing--> joint --settling--> plain
 *   plain --forgetting (a learner)--> plain
 *
 * The block that carries a membership is decided by it. A block that ends a joint one carries a certificate for a block
 * that the joint one decided: a quorum of the voters of before is in it, so whoever reads the chain from its genesis on
 * needs to trust no voter that an earlier one has not let in.
 */
import { equalBytes, toHex } from '../../base/bytes.ts';
import { DecodeError, RuleError } from '../../base/errors.ts';
import { PUBLIC_KEY_BYTES, type Signatures } from '../../base/signatures.ts';
import { NodeId } from '../../base/types.ts';
import { MAX_CERTIFICATE_BYTES } from '../../chain/block.ts';
import { bytesField, decodeRlp, encodeRlp, listField, safeNumber } from '../../chain/rlp.ts';
import type { Certificate } from '../engine.ts';
import { MAX_MEMBERS } from '../votes.ts';
import { type Faults, fieldsOfMembership, MEMBERSHIP_FORMAT, type Member, Membership } from './membership.ts';

export interface Change {
  readonly membership: Membership;
  /** That a block of the joint membership, which this one ends, is decided; null for all other changes. */
  readonly certificate: Certificate | null;
}

/** Longer names of nodes are of none. */
export const MAX_NODE_CHARACTERS = 128;
/** [format, voters, those to come, learners], and of a change the certificate. */
const MEMBERSHIP_FIELDS = 4;
/** Change, list of members, member. */
const MAX_NESTING = 3;

/** A new node, which is told everything from now on. It must not be known. */
export function learning(before: Membership, learner: Member): Membership {
  return new Membership(before.voters, before.faults, { learners: [...before.learners, learner] });
}

/** Without a learner. */
export function forgetting(before: Membership, node: NodeId): Membership {
  return new Membership(before.voters, before.faults, { learners: without(before.learners, node) });
}

/** A learner is to vote. Joint. */
export function promoting(before: Membership, learner: Member): Membership {
  const learners = without(before.learners, learner.node);
  return new Membership(before.voters, before.faults, { incoming: [...before.voters, learner], learners });
}

/** A voter, who must not be the only one, is to go. Joint. */
export function removing(before: Membership, node: NodeId): Membership {
  return new Membership(before.voters, before.faults, { incoming: without(before.voters, node), learners: before.learners });
}

/** The end of a joint membership: those to come have come. */
export function settling({ incoming, voters, faults, learners }: Membership): Membership {
  return new Membership(incoming ?? voters, faults, { learners });
}

function without(members: readonly Member[], node: NodeId): readonly Member[] {
  return members.filter((member) => member.node !== node);
}

/** Throws RuleError `members/change` unless the one may follow the other. */
export function checkChange(before: Membership, after: Membership, number: number): void {
  if (nextLike(before, after)?.id === after.id) return;
  const message = `Block ${number} changes the members ${before.id} to ${after.id}, which is more than one step; expected one learner more or less, one voter more or less by a joint membership, or the end of one.`;
  throw new RuleError('members/change', message, { number });
}

/** The one step from `before` that can lead to `after`, if any does. */
function nextLike(before: Membership, after: Membership): Membership | null {
  if (before.incoming !== null) return settling(before);
  if (after.incoming === null) {
    const joiner = after.learners.find(({ node }) => !before.has(node));
    if (joiner !== undefined) return learning(before, joiner);
    const leaver = before.learners.find(({ node }) => !after.has(node));
    return leaver === undefined ? null : forgetting(before, leaver.node);
  }
  const stays = new Set(after.incoming.map(({ node }) => node));
  const promoted = before.learners.find(({ node }) => stays.has(node));
  if (promoted !== undefined) return promoting(before, promoted);
  const removed = before.voters.find(({ node }) => !stays.has(node));
  return removed === undefined || before.voters.length === 1 ? null : removing(before, removed.node);
}

/** The payload of the block that carries it. */
export function encodeChange({ membership, certificate }: Change): Uint8Array {
  return encodeRlp([...fieldsOfMembership(membership), certificate ?? new Uint8Array(0)]);
}

/** Throws RuleError `members/payload`. */
export function decodeChange(payload: Uint8Array, faults: Faults, signatures: Signatures): Change {
  try {
    const fields = listField(decodeRlp(payload, 'change of members', MAX_NESTING), 'a change of members', MEMBERSHIP_FIELDS + 1);
    const bytes = bytesField(fields[MEMBERSHIP_FIELDS], 'certificate');
    if (bytes.length > MAX_CERTIFICATE_BYTES) throw new DecodeError('decode/members', `A certificate of ${bytes.length} bytes.`);
    const change = { membership: membershipOf(fields, faults, signatures), certificate: bytes.length === 0 ? null : bytes };
    if (equalBytes(encodeChange(change), payload)) return change;
    throw new DecodeError('decode/members', 'These are not the bytes that this change is written as.');
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    const message = `The payload of ${payload.length} bytes is no change of members: ${cause.message}`;
    throw new RuleError('members/payload', message, { bytes: payload.length }, { cause });
  }
}

/** As a message has it. */
export function encodeMembership(membership: Membership): Uint8Array {
  return encodeRlp(fieldsOfMembership(membership));
}

/** Throws DecodeError. */
export function decodeMembership(bytes: Uint8Array, faults: Faults, signatures: Signatures): Membership {
  const fields = listField(decodeRlp(bytes, 'membership', MAX_NESTING), 'a membership', MEMBERSHIP_FIELDS);
  const membership = membershipOf(fields, faults, signatures);
  if (equalBytes(encodeMembership(membership), bytes)) return membership;
  throw new DecodeError('decode/members', 'These are not the bytes that this membership is written as.');
}

function membershipOf(fields: readonly unknown[], faults: Faults, signatures: Signatures): Membership {
  const format = safeNumber(bytesField(fields[0], 'format'), 'format');
  if (format !== MEMBERSHIP_FORMAT) throw new DecodeError('decode/members', `Members of format ${format}; expected ${MEMBERSHIP_FORMAT}.`);
  const [voters = [], incoming = [], learners = []] = [1, 2, 3].map((at) => membersIn(fields[at], signatures));
  checkEachOnce(voters, incoming, learners);
  return new Membership(voters, faults, { incoming: incoming.length === 0 ? null : incoming, learners });
}

function membersIn(value: unknown, signatures: Signatures): Member[] {
  return listField(value, 'members', MAX_MEMBERS).map((item) => {
    const fields = listField(item, 'a member', 2);
    const node = NodeId(new TextDecoder().decode(bytesField(fields[0], 'node')));
    const publicKey = toHex(bytesField(fields[1], 'key'));
    const isKey = publicKey.length === 2 + 2 * PUBLIC_KEY_BYTES && signatures.isPublicKey(publicKey);
    if (isKey && node.length > 0 && node.length <= MAX_NODE_CHARACTERS) return { node, publicKey };
    throw new DecodeError('decode/members', `No member has the name of ${node.length} characters and the key ${publicKey}.`);
  });
}

/** Names and keys are of one member; and there are some, and not too many. */
function checkEachOnce(voters: readonly Member[], incoming: readonly Member[], learners: readonly Member[]): void {
  const joiners = incoming.filter(({ node, publicKey }) => !voters.some((voter) => voter.node === node && voter.publicKey === publicKey));
  const all = [...voters, ...joiners, ...learners];
  const [nodes, keys, stay] = [all.map(({ node }) => node), all.map(({ publicKey }) => publicKey), incoming.map(({ node }) => node)];
  const isEachOnce = [nodes, keys, stay].every((names) => new Set<string>(names).size === names.length);
  if (isEachOnce && voters.length > 0 && all.length <= MAX_MEMBERS) return;
  throw new DecodeError('decode/members', `Expected 1 to ${MAX_MEMBERS} members, each once and each with a key of its own.`);
}
