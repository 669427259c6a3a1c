/** Accounts that an engine needs from the first block on, made of its settings: for who writes a genesis document, and for who reads one. */
import { UsageError } from '../base/errors.ts';
import type { Hash, Json } from '../base/types.ts';
import type { Genesis } from '../chain/params.ts';
import { MINIMUM_DEPOSIT_SLOT, STAKING_ADDRESS, stakingAccount } from '../consensus/pos/contract.ts';
import { parseSettings } from '../consensus/pos/settings.ts';

type JsonObject = { [key: string]: Json };

/** `engine` is that of the document's config. Answers entries of its alloc. Throws UsageError for settings that make no sense. */
export function engineAccounts(engine: JsonObject): JsonObject {
  const { name, ...settings } = engine;
  return name === 'pos' ? { [STAKING_ADDRESS]: { ...stakingAccount(parseSettings(settings)) } } : {};
}

/**
 * Settings and staking contract say twice what is the least deposit and whose the first validators are: were they to differ, deposits
 * would be taken and have no effect, or founders could not leave. Throws UsageError `genesis/staking`. A document with another
 * contract there, or none, is its author's business.
 */
export function checkEngineAccounts({ engine, alloc }: Pick<Genesis, 'engine' | 'alloc'>): void {
  const account = engine.name === 'pos' ? alloc.get(STAKING_ADDRESS) : undefined;
  if (account === undefined) return;
  const settings = parseSettings(engine.settings);
  const expected = stakingAccount(settings);
  if (account.code !== expected.code) return;
  const wrong = Object.entries(expected.storage).find(([slot, value]) => BigInt(account.storage[slot as Hash] ?? 0) !== BigInt(value));
  if (wrong === undefined) return;
  const [slot, value] = wrong;
  const what =
    slot === MINIMUM_DEPOSIT_SLOT
      ? 'does not take the deposits that the setting minimumDepositEther asks for'
      : 'does not know who deposited for every validator of the settings';
  throw new UsageError(
    'genesis/staking',
    `The staking contract in the genesis document ${what}: storage slot ${slot} of ${STAKING_ADDRESS} is ${account.storage[slot as Hash] ?? 'empty'}; set it to ${value}.`,
    { slot, expected: value },
  );
}
