/** What a permissioned engine of one network knows from its genesis settings and of this node, and the rules of its blocks. */
import { bigToFixed, bytesToBig, concatBytes, fromHex, hashOf } from '../../base/bytes.ts';
import { DecodeError, RuleError, UsageError } from '../../base/errors.ts';
import type { PublicKey, Signatures, Signer } from '../../base/signatures.ts';
import type { Hash, NodeId } from '../../base/types.ts';
import type { Block } from '../../chain/block.ts';
import type { Header, SealedHeader } from '../../chain/header.ts';
import type { ChainParams } from '../../chain/params.ts';
import { checkHeader } from '../../chain/rules.ts';
import type { BlockView, Facts, HeaderNode } from '../../chain/tree.ts';
import type { AnyEngine, Certificate } from '../engine.ts';
import { Electorate, type Votes } from '../votes.ts';
import type { Membership } from './membership.ts';

/** That this block is decided, and so are its ancestors. */
export interface Decision {
  readonly height: number;
  readonly hash: Hash;
}

/** The extraData of a block that carries nothing. */
const NO_PAYLOAD = '0x';
const HEIGHT_BYTES = 8;
const ROUND_BYTES = 8;
const HASH_AT = HEIGHT_BYTES + ROUND_BYTES;
const STATEMENT_BYTES = HASH_AT + 32 + 32;

/** Where members change while the chain goes on: what is known of the other councils of the network (`councils.ts`). */
export interface Family {
  known(id: Hash): Council | undefined;
  idAfter(header: Header): Hash;
  at(node: Pick<HeaderNode, 'header' | 'hash'>, chain: BlockView): Council | undefined;
  admit(block: Block, parent: HeaderNode, chain: BlockView): Council;
}

export class Council {
  readonly params: ChainParams;
  readonly membership: Membership;
  /** What members say of a decided block: its height, the round, its hash, and who decided (the membership's id). */
  readonly electorate: Electorate;
  /** Null on a node that only follows. */
  readonly signer: Signer | null;
  readonly #signers: readonly Signer[];
  readonly #family: Family | null;

  /** `family`: null where members never change. */
  constructor(
    params: ChainParams,
    membership: Membership,
    signatures: Signatures,
    signers: readonly Signer[],
    family: Family | null = null,
  ) {
    this.params = params;
    this.membership = membership;
    const keys = membership.members.map(({ publicKey }) => publicKey);
    const { quorum } = membership;
    const isQuorum = (places: readonly number[]): boolean => membership.isQuorum(places);
    this.electorate = new Electorate({ params, signatures, keys, quorum, isQuorum, statementBytes: STATEMENT_BYTES });
    this.signer = signers.find(({ publicKey }) => keys.includes(publicKey)) ?? null;
    this.#signers = signers;
    this.#family = family;
  }

  /**
   * This node's place among the members; null for one that only follows (it has no key, or `node` is no member). Throws
   * UsageError `members/key-mismatch` for a member whose key is another's.
   */
  placeOf(node: NodeId): number | null {
    const place = this.membership.placeOf(node);
    if (place === undefined || this.signer === null) return null;
    const expected = this.membership.members[place]?.publicKey;
    if (this.signer.publicKey === expected) return place;
    const message = `This node (${node}) has the key ${this.signer.publicKey}; the genesis file names ${expected} for it. Start it with that key.`;
    throw new UsageError('members/key-mismatch', message, { node });
  }

  /** As `placeOf`; null for a member whose key is another's as well: members may be added while nodes run. */
  seatOf(node: NodeId): number | null {
    const place = this.membership.placeOf(node);
    return place !== undefined && this.#hasKey(this.membership.members[place]?.publicKey) ? place : null;
  }

  /** Whether this node is a learner, and has the key that it should have. */
  isLearner(node: NodeId): boolean {
    return this.#hasKey(this.membership.learner(node)?.publicKey);
  }

  /** The council whose statement this is; undefined for one that this node does not know, or not yet. */
  whose({ statement }: Pick<Votes, 'statement'>): Council | undefined {
    const id = hashOf(statement.slice(HASH_AT + 32));
    return this.#family === null || id === this.membership.id ? this : this.#family.known(id);
  }

  /** Who decides on a block of the chain; undefined where the blocks are missing that say so. */
  at(node: Pick<HeaderNode, 'header' | 'hash'>, chain: BlockView): Council | undefined {
    return this.#family === null ? this : this.#family.at(node, chain);
  }

  /** Who decides on this block. Throws RuleError for a change of members that is not allowed (`Councils.admit`). */
  admit(block: Block, parent: HeaderNode, chain: BlockView): Council {
    return this.#family === null ? this : this.#family.admit(block, parent, chain);
  }

  /** What this header has to say of who decides on its block; null where its payload decides that. */
  expectedId(header: Header, parent: Header): Hash | null {
    if (this.#family === null) return this.membership.id;
    return header.extraData === NO_PAYLOAD ? this.#family.idAfter(parent) : null;
  }

  #hasKey(key: PublicKey | undefined): boolean {
    return key !== undefined && this.#signers.some(({ publicKey }) => publicKey === key);
  }

  /**
   * `round`: where the signatures are the protocol's own, the view in which they were given; else 0. Votes of two views for one
   * block must not add up: a member that voted in the first may have voted for another block in between.
   */
  statement({ height, hash }: Decision, round = 0): Uint8Array {
    const numbers = concatBytes(bigToFixed(BigInt(height), HEIGHT_BYTES), bigToFixed(BigInt(round), ROUND_BYTES));
    return concatBytes(numbers, fromHex(hash), fromHex(this.membership.id));
  }

  /** Throws RuleError for what this membership cannot have said. */
  decisionOf({ statement }: Votes): Decision {
    const height = Number(bytesToBig(statement.subarray(0, HEIGHT_BYTES)));
    const id = hashOf(statement.slice(HASH_AT + 32));
    if (Number.isSafeInteger(height) && id === this.membership.id) {
      return { height, hash: hashOf(statement.slice(HASH_AT, HASH_AT + 32)) };
    }
    throw new RuleError('members/statement', `A vote of the members ${id} for height ${height}; expected one of ${this.membership.id}.`);
  }

  /** See `statement`. Throws RuleError for a number that no round has. */
  roundOf({ statement }: Votes): number {
    const round = Number(bytesToBig(statement.subarray(HEIGHT_BYTES, HASH_AT)));
    if (Number.isSafeInteger(round)) return round;
    throw new RuleError('members/statement', `A vote in round ${round}; expected one below 2^53.`);
  }

  /** What a certificate of this council proves. Throws RuleError `members/certificate` for one that proves nothing. */
  proven(certificate: Certificate): Decision {
    const votes = this.electorate.certificate(certificate);
    if (votes !== null) return this.decisionOf(votes);
    const { quorum, size, id } = this.membership;
    throw new RuleError('members/certificate', `This is not signed by ${quorum} of the ${size} members ${id}.`);
  }

  /** What a certificate says, whether it proves it or not. Throws RuleError for what this membership cannot have said. */
  claimed(certificate: Certificate): Decision {
    return this.decisionOf(this.#decode(certificate));
  }

  /** The council whose certificate this seems to be: as `whose`. Throws RuleError for bytes that are none. */
  whoseCertificate(certificate: Certificate): Council | undefined {
    return this.whose(this.#decode(certificate));
  }

  #decode(certificate: Certificate): Votes {
    try {
      return this.electorate.decode(certificate);
    } catch (cause) {
      if (!(cause instanceof DecodeError)) throw cause;
      throw new RuleError('members/certificate', `These ${certificate.length} bytes are no certificate.`, {}, { cause });
    }
  }
}

/** Weight is height: of two chains with finality, the longer one is that of those who know more. */
export function factsOf({ number }: Header): Facts {
  return { weight: BigInt(number), carried: 0n };
}

type Rules = Pick<AnyEngine, 'genesisFacts' | 'verifyHeader' | 'verifySeal' | 'verifyCertificate' | 'randomness' | 'rewards'>;

/** The part of an engine that is the same for all permissioned ones: a block proves nothing itself, a certificate does. */
export function rulesOf(council: Council): Rules {
  return {
    genesisFacts: factsOf,
    verifyHeader: (sealed, parent) => verifyHeader(council, sealed, parent),
    verifySeal,
    verifyCertificate(hash, certificate, chain) {
      const node = chain.get(hash);
      const decision = ((node && council.at(node, chain)) ?? council).proven(certificate);
      if (decision.hash === hash) return;
      throw new RuleError('members/certificate', `The certificate is for block ${decision.hash}, and not for ${hash}.`, { hash });
    },
    // Nobody can tell it before the parent is made, and nobody but the proposer of the parent can choose it.
    randomness: ({ parentHash }) => parentHash,
    rewards: () => [],
  };
}

function verifyHeader(council: Council, sealed: SealedHeader, parent: HeaderNode): Facts {
  const { header } = sealed;
  verifySeal(sealed);
  checkHeader(header, parent.header, council.params);
  const { number } = header;
  // Blocks may be quicker than seconds.
  if (header.timestamp < parent.header.timestamp) {
    const message = `Block ${number} has the time ${header.timestamp}; expected one that is not before its parent's, ${parent.header.timestamp}.`;
    throw new RuleError('members/timestamp', message, { number });
  }
  if (header.difficulty !== 0n) {
    throw new RuleError('members/difficulty', `Block ${number} has the difficulty ${header.difficulty}; expected 0.`, { number });
  }
  const expected = council.expectedId(header, parent.header);
  if (expected !== null && header.mixHash !== expected) throw wrongId(number, header.mixHash, expected);
  return factsOf(header);
}

function verifySeal({ header, seal }: SealedHeader): void {
  if (seal.length === 0) return;
  const { number } = header;
  throw new RuleError('members/seal', `Block ${number} has a seal of ${seal.length} bytes; expected none: certificates prove blocks.`, {
    number,
  });
}

/** A block that names others than decide on it. */
export function wrongId(number: number, found: Hash, expected: Hash): RuleError {
  return new RuleError('members/membership', `Block ${number} names the members ${found}; expected ${expected}.`, { number });
}
