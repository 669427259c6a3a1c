/** `synod node --stake` and `--member`: opens the keys of validators or of the member for the node, and says what would keep them from signing. */
import { UsageError } from '../base/errors.ts';
import type { Signer } from '../base/signatures.ts';
import type { Hash } from '../base/types.ts';
import type { ChainParams } from '../chain/params.ts';
import { planOf } from '../consensus/phases/plan.ts';
import { parseSettings } from '../consensus/pos/settings.ts';
import { datadirPaths } from '../storage/datadir.ts';
import { networkHashOf, readIdentity } from '../storage/identity.ts';
import { validatorDirectory } from '../wallet/validator-directory.ts';
import { openValidators } from '../wallet/validator-signers.ts';
import { note, warn } from './output.ts';
import { readPassword } from './prompt.ts';

export interface StakeFlags {
  readonly stake?: boolean;
  readonly member?: boolean;
  readonly 'validators.dir'?: string;
  readonly 'validators.password'?: string;
}

export interface Staking {
  readonly signers: readonly Signer[];
  /** To be called once the node has stopped. */
  release(): void;
}

const NOT_STAKING: Staking = { signers: [], release: () => undefined };

/** `genesis` is the genesis document of the node's network. Throws what `openValidators` throws, and `arguments/stake`. */
export async function openStaking(flags: StakeFlags, datadir: string, genesis: unknown): Promise<Staking> {
  if (flags.stake !== true && flags.member !== true) {
    refuseUnused(flags);
    return NOT_STAKING;
  }
  const { buildGenesis, parseGenesis } = await import('../execution/genesis.ts');
  const { params } = await buildGenesis(parseGenesis(genesis));
  const { name } = params.engine;
  const { first, transitions } = planOf(params.engine);
  const engines = [first, ...transitions.map(({ engine }) => engine)];
  if (flags.stake === true && engines.every((engine) => engine.name !== 'pos'))
    throw new UsageError('arguments/stake', `--stake is for proof-of-stake; the engine of this network is ${name}.`);
  if (flags.member === true && engines.every(({ settings }) => !Array.isArray(settings.members)))
    throw new UsageError(
      'arguments/member',
      `--member is for permissioned engines; the engine of this network is ${name}, which has no members.`,
    );
  const directory = flags['validators.dir'] ?? validatorDirectory(datadir);
  const opened = await openValidators({
    directory,
    network: networkOf(datadir, params.genesisHash),
    password: (keys) =>
      readPassword({
        prompt: `Password of ${keys.length === 1 ? "the validator's key" : `the ${keys.length} validators' keys`} in ${directory}`,
        file: flags['validators.password'],
        option: '--validators.password',
      }),
  });
  for (const { path, reason } of opened.unreadable) warn(`${path} was left out. ${reason}`);
  const staked = engines.find((engine) => engine.name === 'pos');
  if (flags.stake === true && staked !== undefined) noteNewcomers(opened.signers, staked.settings);
  return opened;
}

/** A fork of a network is another one: its keys may be in use in both. */
function networkOf(datadir: string, genesisHash: Hash): Hash {
  const identity = readIdentity(datadirPaths(datadir).identity);
  return identity === null ? genesisHash : networkHashOf({ ...identity, genesisHash });
}

function noteNewcomers(signers: readonly Signer[], settings: ChainParams['engine']['settings']): void {
  const ofGenesis = new Set(parseSettings(settings).validators.map(({ publicKey }) => publicKey));
  const others = signers.filter(({ publicKey }) => !ofGenesis.has(publicKey)).length;
  if (others > 0)
    note(
      `${others} of ${signers.length} keys are of no validator of genesis; they sign once a deposit made them validators (\`synod validator status\`).`,
    );
}

/** Whoever names keys wants them to be used. */
function refuseUnused(flags: StakeFlags): void {
  for (const name of ['validators.dir', 'validators.password'] as const) {
    if (flags[name] !== undefined) throw new UsageError('arguments/stake', `--${name} is of no use without --stake or --member.`);
  }
}
