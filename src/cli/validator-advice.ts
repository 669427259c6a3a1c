/** What a transaction of a depositor will not bring about at once, or at all, in the state that the validator is in: said before it is sent. */
import { UsageError } from '../base/errors.ts';
import type { PublicKey } from '../base/signatures.ts';
import { warn } from './output.ts';
import type { RpcClient } from './rpc-client.ts';
import { askValidators, type Known } from './validator-status.ts';

/** Null where nothing is surprising. */
export type Advice = (validator: Known) => string | null;

/** A node that does not tell of validators (another client, a closed namespace) keeps nobody from sending. */
export async function warnBefore(keys: readonly PublicKey[], rpc: RpcClient, advice: Advice): Promise<void> {
  const known = await askValidators(rpc).catch((error: unknown) => {
    if (error instanceof UsageError) return [];
    throw error;
  });
  for (const validator of known) {
    const isMeant = keys.some((key) => key === validator.publicKey);
    const text = isMeant ? advice(validator) : null;
    if (text !== null) warn(`Validator ${validator.publicKey} ${text}`);
  }
}

export function exitAdvice({ exitEpoch, status, activationEpoch }: Known): string | null {
  if (exitEpoch !== null) return `${left(exitEpoch)} already; this changes nothing.`;
  if (status !== 'pending_queued') return null;
  return `is not active yet: it leaves not before epoch ${activationEpoch}, and is paid an unbonding period after that.`;
}

export function withdrawAdvice({ balance, exitEpoch, withdrawableEpoch, status }: Known): string | null {
  if (BigInt(balance) === 0n) return 'has no stake (any more): nothing will be paid.';
  if (exitEpoch === null)
    return 'has not been asked to exit (or only in the newest block): it is paid only when it has left and its stake is bound no longer.';
  return status === 'withdrawal_possible' ? null : `is paid not before epoch ${withdrawableEpoch}; it need not be asked again.`;
}

export function topUpAdvice({ exitEpoch }: Known): string | null {
  return exitEpoch === null ? null : `${left(exitEpoch)}: what is added has no weight, and goes back with the stake.`;
}

function left(exitEpoch: number): string {
  return `leaves, or has left, in epoch ${exitEpoch}`;
}
