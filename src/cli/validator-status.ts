/** `synod validator status`: what the network knows of validators, as a node says. */
import type { Command } from 'commander';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import type { PublicKey } from '../base/signatures.ts';
import { argumentError, formatAmount, print, table, visibleWidth } from './output.ts';
import { createRpcClient, type RpcClient, rpcOption } from './rpc-client.ts';
import {
  addDatadirOption,
  addDirectoryOption,
  directoryOf,
  localValidators,
  publicKeysArgument,
  type ValidatorFlags,
} from './validator-options.ts';
import { jsonOption } from './wallet-options.ts';

interface StatusFlags extends ValidatorFlags {
  readonly all?: boolean;
  readonly rpc: string;
  readonly json?: boolean;
}

const Gwei = z.string().regex(/^\d{1,20}$/);
const EpochOrNever = z.number().nullable();
/** An answer of `synod_getValidators`. Amounts are in gwei, in decimal; null is an epoch that is not set. */
const Validators = z.array(
  z.looseObject({
    index: z.number(),
    publicKey: z.string(),
    status: z.string(),
    balance: Gwei,
    effectiveBalance: Gwei,
    slashed: z.boolean(),
    activationEpoch: EpochOrNever,
    exitEpoch: EpochOrNever,
    withdrawableEpoch: EpochOrNever,
  }),
);
export type Known = z.infer<typeof Validators>[number];
/** A key that no deposit was made for, or whose deposit is in no block yet. */
interface Unknown {
  readonly publicKey: PublicKey;
  readonly status: 'unknown';
}
const WEI_PER_GWEI = 1_000_000_000n;

export function registerValidatorStatus(validator: Command): void {
  const command = validator
    .command('status')
    .description('show what the network knows of validators: whether they vote, their stake, when they come and go')
    .argument('[publicKeys...]', 'the validators (default: those whose keys are here)', publicKeysArgument)
    .option('--all', 'all validators of the network');
  addDirectoryOption(addDatadirOption(command))
    .addOption(rpcOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExamples:\n  synod validator status\n  synod validator status --all --json')
    .action(showStatus);
}

async function showStatus(named: readonly PublicKey[], flags: StatusFlags): Promise<void> {
  if (flags.all === true && named.length > 0) throw argumentError('all', 'Either name validators or ask for --all.');
  const wanted = flags.all === true ? null : await keysFor(named, flags);
  const all = await askValidators(createRpcClient(flags.rpc));
  const known = new Map(all.map((validator) => [validator.publicKey, validator]));
  const rows = wanted === null ? all : wanted.map((publicKey): Known | Unknown => known.get(publicKey) ?? { publicKey, status: 'unknown' });
  print(flags.json, rows, () => statusTable(rows, process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY));
}

/** All that the node knows. Throws UsageError `rpc/bad-reply`, and what the call throws. */
export async function askValidators(rpc: RpcClient): Promise<readonly Known[]> {
  const answer = Validators.safeParse(await rpc.call('synod_getValidators'));
  if (answer.success) return answer.data;
  const { path = [], message = '' } = answer.error.issues[0] ?? {};
  throw new UsageError('rpc/bad-reply', `The node's validators are not in the expected form: ${path.join('.')}: ${message}.`);
}

/** With whole keys where they have room, and in a pipe. */
function statusTable(rows: readonly (Known | Unknown)[], columns: number): string {
  const header = ['Index', 'Public key', 'Status', 'ETH', 'Effective', 'Active', 'Exit', 'Withdrawable'];
  const draw = (keyOf: (key: string) => string) =>
    table(
      header,
      rows.map((row) => cells({ ...row, publicKey: keyOf(row.publicKey) as PublicKey })),
      [0, 3, 4, 5, 6, 7],
    );
  const whole = draw((key) => key);
  return Math.max(...whole.split('\n').map(visibleWidth)) <= columns ? whole : draw((key) => `${key.slice(0, 10)}..${key.slice(-4)}`);
}

async function keysFor(named: readonly PublicKey[], flags: StatusFlags): Promise<readonly PublicKey[]> {
  if (named.length > 0) return named;
  const local = await localValidators(flags);
  if (local.length === 0)
    throw new UsageError('wallet/no-validators', `No validators' keys in ${directoryOf(flags)}. Name validators, or ask for --all.`);
  return local.map(({ publicKey }) => publicKey);
}

function cells(row: Known | Unknown): string[] {
  if (!('index' in row)) return ['', row.publicKey, row.status];
  const { index, publicKey, status, balance, effectiveBalance, activationEpoch, exitEpoch, withdrawableEpoch } = row;
  const epochs = [activationEpoch, exitEpoch, withdrawableEpoch].map((epoch) => (epoch === null ? '-' : String(epoch)));
  return [String(index), publicKey, status, inEther(balance), inEther(effectiveBalance), ...epochs];
}

function inEther(gwei: string): string {
  return formatAmount(BigInt(gwei) * WEI_PER_GWEI);
}
