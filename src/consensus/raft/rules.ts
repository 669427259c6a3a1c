/** What makes a block Raft's, besides what holds for every permissioned engine: its nonce is the term of the leader who made it. */
import { RuleError } from '../../base/errors.ts';
import type { SealedHeader } from '../../chain/header.ts';
import type { Facts, HeaderNode } from '../../chain/tree.ts';
import { roundOf } from '../members/building.ts';
import { type Council, rulesOf } from '../members/council.ts';
import { termOf } from './state.ts';

type Rules = ReturnType<typeof rulesOf>;

/** Terms are safe integers, and never descend along a chain. */
export function raftRules(council: Council): Rules {
  const rules = rulesOf(council);
  return {
    ...rules,
    verifyHeader(sealed, parent, ancestors, wallMs): Facts {
      const facts = rules.verifyHeader(sealed, parent, ancestors, wallMs);
      checkTerm(sealed, parent);
      return facts;
    },
  };
}

function checkTerm(sealed: SealedHeader, parent: HeaderNode): void {
  const { number } = sealed.header;
  const term = roundOf(sealed);
  if (term >= BigInt(termOf(parent)) && term > 0n && term <= BigInt(Number.MAX_SAFE_INTEGER)) return;
  const message = `Block ${number} is of term ${term}; expected one from ${Math.max(1, termOf(parent))} on, since its parent is of term ${termOf(parent)}.`;
  throw new RuleError('raft/block-term', message, { number });
}
