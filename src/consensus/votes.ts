/**
 * Votes of a fixed list of members, which add up: what one member says is a vote, and what a quorum says in the same words
 * is a certificate, of the same form. Engines whose members sign make their finality certificates of these.
 *
 * The encoding is: number of members (1 byte), their places in the list (1 byte each, ascending), the sum of their
 * signatures (96 bytes), what they say (as many bytes as the engine's statements have). No other bytes mean the same.
 */
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { assert, present } from '../base/assert.ts';
import { concatBytes, equalBytes, fromHex } from '../base/bytes.ts';
import { DecodeError } from '../base/errors.ts';
import { keccak256 } from '../base/keccak.ts';
import { type PublicKey, SIGNATURE_BYTES, type Signature, type Signatures, type Signer } from '../base/signatures.ts';
import type { ChainParams } from '../chain/params.ts';

export interface Votes {
  /** Places in the list of members, ascending; at least one. */
  readonly members: readonly number[];
  readonly signature: Signature;
  /** What they say, in the engine's own words. */
  readonly statement: Uint8Array;
}

export const MAX_MEMBERS = 255;

export interface ElectorateOptions {
  /** What is signed in one network and for one engine means nothing in another. */
  readonly params: Pick<ChainParams, 'genesisHash' | 'engine'>;
  readonly signatures: Signatures;
  /** Of all members, in the order of the genesis settings. */
  readonly keys: readonly PublicKey[];
  /** So many are enough. */
  readonly quorum: number;
  /** Where more is asked of them than to be so many (a quorum of each of two lists). */
  readonly isQuorum?: (members: readonly number[]) => boolean;
  readonly statementBytes: number;
}

/** The fewest of so many members of whom any two groups have one member in common. */
export function majority(members: number): number {
  return Math.floor(members / 2) + 1;
}

export class Electorate {
  readonly #options: ElectorateOptions;
  readonly #domain: Uint8Array;

  constructor(options: ElectorateOptions) {
    const { keys, params } = options;
    assert(keys.length <= MAX_MEMBERS, `at most ${MAX_MEMBERS} members vote, not ${keys.length}`);
    this.#options = options;
    this.#domain = concatBytes(utf8ToBytes(`synod/${params.engine.name}/votes/`), fromHex(params.genesisHash));
  }

  /** A member's own vote. What it must not contradict later has to be durable before anybody gets to see it. */
  vote(member: number, signer: Signer, statement: Uint8Array): Votes {
    return { members: [member], signature: signer.sign(this.#message(statement)), statement };
  }

  encode({ members, signature, statement }: Votes): Uint8Array {
    return concatBytes(Uint8Array.of(members.length), Uint8Array.from(members), signature, statement);
  }

  /** A vote that came as a message. Throws DecodeError unless it is that of one member, and signed. */
  decodeVote(bytes: Uint8Array): Votes {
    const votes = this.decode(bytes);
    this.checkVote(votes);
    return votes;
  }

  /** Throws DecodeError `votes/unsigned` for what is not the vote of one member, and signed. */
  checkVote(votes: Votes): void {
    if (votes.members.length === 1 && this.isSigned(votes)) return;
    throw new DecodeError('votes/unsigned', `Not a vote that member ${votes.members.join(', ')} signed.`);
  }

  /** Throws DecodeError. Whether the signature is good is another question. */
  decode(bytes: Uint8Array): Votes {
    const signatureAt = 1 + (bytes[0] ?? 0);
    const statementAt = signatureAt + SIGNATURE_BYTES;
    const members = [...bytes.subarray(1, signatureAt)];
    const isAscending = members.every((member, i) => member > (members[i - 1] ?? -1));
    if (members.length === 0 || !isAscending || bytes.length !== statementAt + this.#options.statementBytes) {
      throw new DecodeError('decode/votes', `${bytes.length} bytes are no votes: ascending members, a signature, a statement.`);
    }
    return { members, signature: bytes.slice(signatureAt, statementAt), statement: bytes.slice(statementAt) };
  }

  /** The certificate that these bytes are; null for what is none. */
  certificate(bytes: Uint8Array): Votes | null {
    try {
      const votes = this.decode(bytes);
      return this.#isQuorum(votes.members) && this.isSigned(votes) ? votes : null;
    } catch (error) {
      if (error instanceof DecodeError) return null;
      throw error;
    }
  }

  /** Adds a vote (`decodeVote`) in place of its member's last one. The certificate, when a quorum says the same now. */
  count(votes: Map<number, Votes>, vote: Votes): Votes | null {
    votes.set(memberOf(vote), vote);
    const same = [...votes.values()].filter(({ statement }) => equalBytes(statement, vote.statement));
    same.sort((a, b) => memberOf(a) - memberOf(b));
    if (!this.#isQuorum(same.map(memberOf))) return null;
    const signature = this.#options.signatures.aggregate(same.map((one) => one.signature));
    return { members: same.map(memberOf), signature, statement: vote.statement };
  }

  /** Whether these members, all of whom there are, have said this. */
  isSigned({ members, signature, statement }: Votes): boolean {
    const { keys, signatures } = this.#options;
    const publicKeys = members.flatMap((member) => keys[member] ?? []);
    if (publicKeys.length !== members.length) return false;
    return signatures.verify({ publicKeys, message: this.#message(statement), signature });
  }

  #isQuorum(members: readonly number[]): boolean {
    const { quorum, isQuorum } = this.#options;
    return members.length >= quorum && (isQuorum?.(members) ?? true);
  }

  #message(statement: Uint8Array): Uint8Array {
    return keccak256(concatBytes(this.#domain, statement));
  }
}

function memberOf({ members }: Votes): number {
  return present(members[0], 'a member who voted');
}
