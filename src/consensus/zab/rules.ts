/** What makes a block Zab's, besides what holds for every permissioned engine: its nonce is the epoch whose leader made it. */
import { RuleError } from '../../base/errors.ts';
import { roundOf } from '../members/building.ts';
import { type Council, rulesOf } from '../members/council.ts';
import { epochOf } from './state.ts';

/** Epochs are safe integers from 1 on, and never descend along a chain. */
export function zabRules(council: Council): ReturnType<typeof rulesOf> {
  const rules = rulesOf(council);
  return {
    ...rules,
    verifyHeader(sealed, parent, ancestors, wallMs) {
      const facts = rules.verifyHeader(sealed, parent, ancestors, wallMs);
      const epoch = roundOf(sealed);
      const least = Math.max(1, epochOf(parent));
      if (epoch >= BigInt(least) && epoch <= BigInt(Number.MAX_SAFE_INTEGER)) return facts;
      const { number } = sealed.header;
      throw new RuleError('zab/block-epoch', `Block ${number} is of epoch ${epoch}; expected one from ${least} to 2^53 - 1.`, { number });
    },
  };
}
