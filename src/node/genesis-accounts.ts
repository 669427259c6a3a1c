/** Accounts that an engine needs from the first block on, made of its settings: for who writes a genesis document. */
import type { Json } from '../base/types.ts';
import { STAKING_ADDRESS, stakingAccount } from '../consensus/pos/contract.ts';
import { parseSettings } from '../consensus/pos/settings.ts';

type JsonObject = { [key: string]: Json };

/** `engine` is that of the document's config. Answers entries of its alloc. Throws UsageError for settings that make no sense. */
export function engineAccounts(engine: JsonObject): JsonObject {
  const { name, ...settings } = engine;
  return name === 'pos' ? { [STAKING_ADDRESS]: { ...stakingAccount(parseSettings(settings)) } } : {};
}
