/**
 * What members of a PBFT network sign. Every statement says how it is meant in its first byte or by its length, and the
 * network, the engine and the membership are in each (`votes.ts`, `../members/council.ts`).
 *
 *   prepare      1, height, view, block, membership      a quorum of these is a prepared certificate (section 4.2)
 *   commit       height, view, block, membership         a quorum of these is the certificate that makes a block final
 *   view change  2, view, digest                         section 4.4
 *   new view     3, view, digest                         section 4.4
 */
import { bigToFixed, bytesToBig, concatBytes, equalBytes } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import type { Signatures } from '../../base/signatures.ts';
import type { Hash } from '../../base/types.ts';
import type { Council, Decision } from '../members/council.ts';
import { Electorate, type Votes } from '../votes.ts';

export const PHASES = ['prepare', 'commit'] as const;
export type Phase = (typeof PHASES)[number];

/** What one prepare or commit is about. */
export interface Ballot {
  readonly view: number;
  readonly height: number;
  readonly hash: Hash;
}

const PREPARE = 1;
export const VIEW_CHANGE = 2;
export const NEW_VIEW = 3;
const VIEW_BYTES = 8;
const DIGEST_BYTES = 32;
const TURN_BYTES = 1 + VIEW_BYTES + DIGEST_BYTES;

export class Ballots {
  readonly #council: Council;
  readonly #prepares: Electorate;
  /** Of view changes and new views, each of which one member signs alone. */
  readonly turns: Electorate;

  constructor(council: Council, signatures: Signatures) {
    this.#council = council;
    const { params, membership } = council;
    const keys = membership.members.map(({ publicKey }) => publicKey);
    const statementBytes = 1 + council.statement({ height: 0, hash: membership.id }).length;
    this.#prepares = new Electorate({ params, signatures, keys, quorum: membership.quorum, statementBytes });
    this.turns = new Electorate({ params, signatures, keys, quorum: membership.quorum, statementBytes: TURN_BYTES });
  }

  electorate(phase: Phase): Electorate {
    return phase === 'prepare' ? this.#prepares : this.#council.electorate;
  }

  statement(phase: Phase, { view, ...decision }: Ballot): Uint8Array {
    const said = this.#council.statement(decision, view);
    return phase === 'prepare' ? concatBytes(Uint8Array.of(PREPARE), said) : said;
  }

  /** Throws RuleError for a statement that no member of this network can have made. */
  ballotOf(phase: Phase, votes: Votes): Ballot {
    if (phase === 'commit') return this.#parsed(votes);
    if (votes.statement[0] !== PREPARE) throw new RuleError('pbft/statement', `A prepare says ${votes.statement[0]}; expected ${PREPARE}.`);
    return this.#parsed({ ...votes, statement: votes.statement.slice(1) });
  }

  #parsed(votes: Votes): Ballot {
    const { height, hash }: Decision = this.#council.decisionOf(votes);
    return { view: this.#council.roundOf(votes), height, hash };
  }

  /** What an encoded prepared certificate proves; null for one that proves nothing. */
  prepared(bytes: Uint8Array): Ballot | null {
    const votes = this.#prepares.certificate(bytes);
    return votes && this.ballotOf('prepare', votes);
  }

  turnStatement(kind: typeof VIEW_CHANGE | typeof NEW_VIEW, view: number, digest: Uint8Array): Uint8Array {
    return concatBytes(Uint8Array.of(kind), bigToFixed(BigInt(view), VIEW_BYTES), digest);
  }

  /** Whether this member signed this view change or new view. */
  isTurn(kind: typeof VIEW_CHANGE | typeof NEW_VIEW, votes: Votes, digest: Uint8Array): boolean {
    return equalBytes(votes.statement, this.turnStatement(kind, viewOf(votes), digest)) && this.turns.isSigned(votes);
  }
}

/** Of a signed view change or new view. */
export function viewOf({ statement }: Votes): number {
  return Number(bytesToBig(statement.subarray(1, 1 + VIEW_BYTES)));
}
