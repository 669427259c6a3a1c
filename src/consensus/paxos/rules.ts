/** What makes a block Multi-Paxos's, besides what holds for every permissioned engine: its nonce is the ballot whose owner made it. */
import { RuleError } from '../../base/errors.ts';
import type { SealedHeader } from '../../chain/header.ts';
import type { Facts, HeaderNode } from '../../chain/tree.ts';
import { roundOf } from '../members/building.ts';
import { type Council, rulesOf } from '../members/council.ts';
import { placeOfBallot } from './ballots.ts';

type Rules = ReturnType<typeof rulesOf>;

/** Ballots belong to members and never descend along a chain: what is new comes after what was taken over from others. */
export function paxosRules(council: Council): Rules {
  const rules = rulesOf(council);
  return {
    ...rules,
    verifyHeader(sealed, parent, ancestors, wallMs): Facts {
      const facts = rules.verifyHeader(sealed, parent, ancestors, wallMs);
      checkBallot(council, sealed, parent);
      return facts;
    },
  };
}

/** The ballot under which a block was made; it may have been decided under a later one. Whatever genesis says, it is of ballot 0. */
export function ballotOf(node: Pick<HeaderNode, 'header'>): number {
  return node.header.number === 0 ? 0 : Number(roundOf(node));
}

function checkBallot({ membership }: Council, sealed: SealedHeader, parent: HeaderNode): void {
  const { number } = sealed.header;
  const ballot = roundOf(sealed);
  const least = Math.max(1, ballotOf(parent));
  const isMembers = ballot <= BigInt(Number.MAX_SAFE_INTEGER) && placeOfBallot(Number(ballot)) < membership.size;
  if (ballot >= BigInt(least) && isMembers) return;
  const message = `Block ${number} is of ballot ${ballot}; expected one of a member, from ${least} on, since its parent is of ballot ${ballotOf(parent)}.`;
  throw new RuleError('paxos/block-ballot', message, { number });
}
