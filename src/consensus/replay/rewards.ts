/**
 * What Ethereum's protocol credits beside fees: for the block and its uncles while it was mined (Yellow Paper 11.3, EIP-649,
 * EIP-1234), and what beacon validators withdraw since shanghai (EIP-4895).
 */
import type { Block } from '../../chain/block.ts';
import { foreignBody } from '../../chain/foreign-body.ts';
import { type Fork, type ForkActivation, forkAt, isAtLeast } from '../../chain/params.ts';
import type { Reward } from '../engine.ts';

const ETHER = 10n ** 18n;
const GWEI = 10n ** 9n;
/** An uncle gets an eighth less for each generation; who includes it gets a thirty-second of a whole reward. */
const UNCLE_SHARES = 8n;
const NEPHEW_SHARES = 32n;

export function creditsOf(block: Pick<Block, 'header' | 'payload'>, forks: readonly ForkActivation[]): readonly Reward[] {
  const { header } = block;
  const { uncles, withdrawals } = foreignBody(block);
  if (header.difficulty === 0n) {
    // A withdrawal of nothing must not make an account.
    return withdrawals
      .filter(({ amountGwei }) => amountGwei > 0n)
      .map(({ address, amountGwei }) => ({ to: address, amount: amountGwei * GWEI }));
  }
  const whole = blockReward(forkAt(forks, header.number, header.timestamp));
  const forUncles = uncles.map((uncle) => ({
    to: uncle.beneficiary,
    amount: (whole * (BigInt(uncle.number - header.number) + UNCLE_SHARES)) / UNCLE_SHARES,
  }));
  return [...forUncles, { to: header.beneficiary, amount: whole + (whole / NEPHEW_SHARES) * BigInt(uncles.length) }];
}

function blockReward(fork: Fork): bigint {
  if (isAtLeast(fork, 'constantinople')) return 2n * ETHER;
  return (isAtLeast(fork, 'byzantium') ? 3n : 5n) * ETHER;
}
