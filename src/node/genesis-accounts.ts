/** Accounts that an engine needs from the first block on, made of its settings: for who writes a genesis document, and for who reads one. */
import { UsageError } from '../base/errors.ts';
import type { Hash, Json } from '../base/types.ts';
import type { Genesis } from '../chain/params.ts';
import { planOf } from '../consensus/phases/plan.ts';
import { MINIMUM_DEPOSIT_SLOT, STAKING_ADDRESS, stakingAccount } from '../consensus/pos/contract.ts';
import { parseSettings } from '../consensus/pos/settings.ts';

type JsonObject = { [key: string]: Json };

/** `engine` is that of the document's config. Answers entries of its alloc. Throws UsageError for settings that make no sense. */
export function engineAccounts(engine: JsonObject): JsonObject {
  const { name, transitions: _, ...settings } = engine;
  return name === 'pos' ? { [STAKING_ADDRESS]: { ...stakingAccount(parseSettings(settings)) } } : {};
}

/**
 * The settings and the staking contract both say what the least deposit is: were they to differ, deposits would be taken and have no
 * effect. Throws UsageError `genesis/staking`. A document with another contract there, or none, is its author's business.
 */
export function checkEngineAccounts(genesis: Pick<Genesis, 'engine' | 'alloc'>): void {
  const wrong = stakingDifferences(genesis).find(({ slot }) => slot === MINIMUM_DEPOSIT_SLOT);
  if (wrong === undefined) return;
  const { slot, found, expected } = wrong;
  throw new UsageError(
    'genesis/staking',
    `The setting minimumDepositEther is not the least deposit of the staking contract in the genesis document: storage slot ${slot} of ${STAKING_ADDRESS} is ${found}; set it to ${expected}, or change the setting.`,
    { slot, expected },
  );
}

/** Throws UsageError `genesis/staking` where the chain is to go on with proof-of-stake later: its contract must be there from the start. */
export function checkLaterAccounts({ engine, alloc }: Pick<Genesis, 'engine' | 'alloc'>): void {
  for (const { height, engine: later } of planOf(engine).transitions) {
    const found = alloc.get(STAKING_ADDRESS)?.code;
    if (later.name !== 'pos' || found === stakingAccount(parseSettings(later.settings)).code) continue;
    throw new UsageError(
      'genesis/staking',
      `Above block ${height} the engine is pos, and the genesis document has not its staking contract at ${STAKING_ADDRESS}: a chain that was made without it cannot go on with proof-of-stake.`,
      { height },
    );
  }
}

/** What should be known of a document that can be used all the same: null, or a sentence for whoever starts a node with it. */
export function engineAccountsAdvice(genesis: Pick<Genesis, 'engine' | 'alloc'>): string | null {
  const [first, ...others] = stakingDifferences(genesis);
  if (first === undefined) return null;
  const { slot, expected } = first;
  const more = others.length === 0 ? '' : `, and likewise for ${others.length} more`;
  return `The staking contract in the genesis document does not know who deposited for some validators of the settings; they cannot exit. In a new network's document set storage slot ${slot} of ${STAKING_ADDRESS} to ${expected}${more}.`;
}

interface Difference {
  readonly slot: Hash;
  readonly found: string;
  readonly expected: Hash;
}

function stakingDifferences({ engine, alloc }: Pick<Genesis, 'engine' | 'alloc'>): Difference[] {
  const account = engine.name === 'pos' ? alloc.get(STAKING_ADDRESS) : undefined;
  if (account === undefined) return [];
  const { code, storage } = stakingAccount(parseSettings(engine.settings));
  if (account.code !== code) return [];
  const all = Object.entries(storage).map(([slot, expected]) => ({
    slot: slot as Hash,
    found: account.storage[slot as Hash] ?? 'empty',
    expected,
  }));
  return all.filter(({ found, expected }) => BigInt(found === 'empty' ? 0 : found) !== BigInt(expected));
}
