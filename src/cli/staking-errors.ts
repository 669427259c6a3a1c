/** Why the staking contract (`native/staking/Staking.sol`) reverted, in words: its errors by their selectors. */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { checksummed } from '../wallet/private-key.ts';
import { formatAmount } from './output.ts';

type Explain = (words: readonly bigint[]) => string;

const REASONS: ReadonlyMap<string, { readonly code: string; readonly explain: Explain }> = new Map(
  (
    [
      ['BadPublicKey()', 'bad-key', () => 'The public key is no point of the group.'],
      ['BadProof()', 'bad-proof', () => 'The proof of possession is not by this key, for this depositor and this chain.'],
      ['TooLittle(uint256,uint256)', 'too-little', ([, minimum]) => `That is too little: at least ${ether(minimum)} ETH are needed.`],
      ['NotWholeGwei(uint256)', 'not-whole-gwei', () => 'Stake is counted in gwei; the amount must be a whole number of them.'],
      ['TooMuch(uint256,uint256)', 'too-much', ([, maximum]) => `That is more than the contract takes, ${ether(maximum)} ETH.`],
      ['AlreadyDeposited(address)', 'already-deposited', ([by]) => `${account(by)} has deposited for this key before; top up instead.`],
      ['UnknownKey()', 'unknown-key', () => 'Nobody has deposited for this key.'],
      ['NotTheDepositor(address)', 'not-the-depositor', ([by]) => `Only ${account(by)}, who deposited for this key, may do that.`],
      ['AlreadyExiting()', 'already-exiting', () => 'This validator was asked to exit before.'],
    ] satisfies [string, string, Explain][]
  ).map(([signature, code, explain]) => [selectorOf(signature), { code: `staking/${code}`, explain }]),
);

/** The contract's own error in place of a node's "execution reverted"; any other error as it is. */
export function stakingError(error: unknown, publicKey: string): unknown {
  if (!(error instanceof UsageError) || typeof error.fields.data !== 'string') return error;
  const { data } = error.fields;
  const reason = REASONS.get(data.slice(0, 10));
  if (reason === undefined) return error;
  const words = (data.slice(10).match(/[0-9a-f]{64}/gi) ?? []).map((word) => BigInt(`0x${word}`));
  return new UsageError(reason.code, `The staking contract refuses this for ${publicKey}. ${reason.explain(words)}`, { publicKey });
}

function selectorOf(signature: string): string {
  return toHex(keccak_256(new TextEncoder().encode(signature)).subarray(0, 4));
}

function ether(wei: bigint | undefined): string {
  return formatAmount(wei ?? 0n);
}

function account(word: bigint | undefined): string {
  return checksummed(`0x${(word ?? 0n).toString(16).padStart(40, '0').slice(-40)}` as Parameters<typeof checksummed>[0]);
}
