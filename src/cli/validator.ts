/** `synod validator`: keys of validators, their stake, and what they have signed. `synod node --stake` signs with them. */
import type { Command } from 'commander';
import { registerKeys } from './validator-keys.ts';
import { registerSlashingProtection } from './validator-protection.ts';
import { registerValidatorStatus } from './validator-status.ts';
import { registerTransactions } from './validator-transactions.ts';

export function registerValidator(program: Command): void {
  const validator = program
    .command('validator')
    .description('stake: make keys, deposit, watch, leave')
    .addHelpText(
      'after',
      `
From nothing to a validator:
  synod validator keys new
  synod validator deposit <publicKey> --from <account> --wait
  synod node --stake --miner.etherbase <account>
  synod validator status`,
    );
  registerKeys(validator);
  registerTransactions(validator);
  registerValidatorStatus(validator);
  registerSlashingProtection(validator);
}
