/** `synod genesis`: the genesis document of a network of one's own, and what each of its members has to send to who writes it. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { Address, type Json, quote, ZERO_ADDRESS } from '../base/types.ts';
import { possessionMessage } from '../consensus/members/possession.ts';
import { createEngine, ENGINE_NAMES } from '../consensus/registry.ts';
import { engineAccounts } from '../node/genesis-accounts.ts';
import { datadirPaths } from '../storage/datadir.ts';
import { builtInGenesis } from './genesis.ts';
import { absolutePath, integerOption, readJsonFile } from './options.ts';
import { argumentError, note, parseAmount, print } from './output.ts';
import { readPassword } from './prompt.ts';
import {
  addDatadirOption,
  addDirectoryOption,
  directoryOf,
  localValidators,
  parsePublicKey,
  type ValidatorFlags,
} from './validator-options.ts';

type JsonObject = { [key: string]: Json };

interface NewFlags {
  readonly engine: string;
  readonly chainId: number;
  readonly member: readonly string[];
  readonly validator: readonly JsonObject[];
  readonly fund: ReadonlyMap<Address, string>;
  readonly gasLimit?: number;
  readonly timestamp?: number;
  readonly out?: string;
}

interface MemberFlags extends ValidatorFlags {
  readonly 'validators.password'?: string;
}

const MAX_SECONDS = 2 ** 40;
const DEFAULT_STAKE_ETHER = 32;
const MAX_STAKE_ETHER = 1_000_000;

export function registerGenesis(program: Command): void {
  const genesis = program.command('genesis').description('make the genesis document of a network of your own');
  genesis
    .command('new')
    .description('print a genesis document')
    .requiredOption('--engine <name>', `how the nodes agree: ${ENGINE_NAMES.join(', ')}`)
    .requiredOption(
      '--chain-id <id>',
      'chain id, which no other network that your wallets know should have',
      integerOption('chain-id', 1, 2 ** 48),
    )
    .option('--member <file>', 'permissioned engines: a member, as `synod genesis member` prints it; once for each', collect, [])
    .option(
      '--validator <key:depositor[:ether]>',
      'pos: a validator, its depositor, and its stake (default 32); once for each',
      validators,
      [],
    )
    .option('--fund <address=ether>', 'an account with a balance from the start; once for each', funds, new Map())
    .option('--gas-limit <gas>', 'gas limit of a block (default: 60 million)', integerOption('gas-limit', 5_000, 1e10))
    .option(
      '--timestamp <seconds>',
      'time of the first block, in seconds since 1970 (default: now)',
      integerOption('timestamp', 0, MAX_SECONDS),
    )
    .option('--out <file>', 'write it to this file, which must not be there yet', absolutePath)
    .addHelpText(
      'after',
      `
The document is only a beginning: engines have more settings, which their READMEs describe. Every node of the network needs the
same document.

Examples:
  synod genesis new --engine raft --chain-id 7001 --member a.json --member b.json --member c.json --fund 0xf39F...2266=1000 --out genesis.json
  synod genesis new --engine pos --chain-id 7002 --validator 0xa398...c3ad5:0xf39F...2266:32 ... --out genesis.json
  synod genesis new --engine pow --chain-id 7003 --out genesis.json`,
    )
    .action(runNew);
  const member = genesis
    .command('member')
    .description('print what a genesis document must say of this node as a member: its peer id, its key, and that it has it');
  addDirectoryOption(addDatadirOption(member))
    .addOption(
      new Option(
        '--validators.password <file>',
        'take the password of the key file from the first line of a file instead of asking for it',
      ),
    )
    .addHelpText(
      'after',
      `
The node's network key is made where there is none; the member's key must be there (\`synod validator keys new\`). Nothing that is
printed is secret.

Examples:
  synod validator keys new --datadir ./a
  synod genesis member --datadir ./a > a.json`,
    )
    .action(runMember);
}

const collect = (text: string, before: readonly string[]): readonly string[] => [...before, absolutePath(text)];

function validators(text: string, before: readonly JsonObject[]): readonly JsonObject[] {
  const [key = '', depositor = '', ether = String(DEFAULT_STAKE_ETHER), ...rest] = text.split(':');
  if (rest.length > 0 || !/^0x[0-9a-fA-F]{40}$/.test(depositor) || !/^\d{1,7}$/.test(ether) || Number(ether) > MAX_STAKE_ETHER) {
    throw argumentError(
      'validator',
      `--validator expects a public key, a depositor's address and an amount of whole ether, such as 0xa398...:0xf39F...:32, got ${quote(text)}.`,
    );
  }
  return [...before, { publicKey: parsePublicKey(key), depositor, stakeEther: Number(ether) }];
}

function funds(text: string, before: ReadonlyMap<Address, string>): ReadonlyMap<Address, string> {
  const [, address, amount] = /^(0x[0-9a-fA-F]{40})=(.+)$/.exec(text) ?? [];
  if (address === undefined || amount === undefined)
    throw argumentError('fund', `--fund expects an address and an amount of ether, such as 0xf39F...2266=1000, got ${quote(text)}.`);
  const account = Address(address);
  if (before.has(account)) throw argumentError('fund', `--fund names the account ${address} twice.`);
  return new Map(before).set(account, `0x${parseAmount(amount).toString(16)}`);
}

async function runNew(flags: NewFlags): Promise<void> {
  const document = await documentOf(flags, Math.floor(Date.now() / 1_000));
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (flags.out === undefined) return void process.stdout.write(text);
  if (existsSync(flags.out))
    throw new UsageError('arguments/out', `${flags.out} is there already. Name another file with --out, or remove it.`);
  writeFileSync(flags.out, text);
  note(`Wrote ${flags.out}. Give it to every node: synod init ${flags.out} --datadir <dir>`);
}

/** Throws UsageError where the engine would not take it: whoever runs the network should not be the first to learn. */
async function documentOf(
  { engine: name, chainId, member, validator, fund, gasLimit, timestamp }: NewFlags,
  nowSeconds: number,
): Promise<JsonObject> {
  const template = structuredClone(builtInGenesis(name)) as JsonObject;
  const config = template.config as JsonObject;
  const engine = engineOf(config.engine as JsonObject, name, member, validator);
  const accounts = Object.fromEntries([...fund].map(([address, balance]) => [address, { balance }]));
  const contracts = Object.entries(template.alloc as JsonObject).filter(([, account]) => (account as JsonObject).code !== undefined);
  const document: JsonObject = {
    ...template,
    config: { ...config, chainId, engine },
    timestamp: `0x${(timestamp ?? nowSeconds).toString(16)}`,
    ...(gasLimit !== undefined && { gasLimit: `0x${gasLimit.toString(16)}` }),
    alloc: { ...Object.fromEntries(contracts), ...accounts, ...engineAccounts(engine) },
  };
  const { buildGenesis, parseGenesis } = await import('../execution/genesis.ts');
  const { blsSignatures } = await import('../wallet/bls.ts');
  const { params } = await buildGenesis(parseGenesis(document));
  createEngine(params, { beneficiary: ZERO_ADDRESS, produce: false, signers: [] }, blsSignatures);
  return document;
}

/** The built-in network's settings with other members or validators. Throws `arguments/...` for what the engine has none of. */
function engineOf(template: JsonObject, name: string, files: readonly string[], stakes: readonly JsonObject[]): JsonObject {
  for (const [flag, given, setting] of [
    ['member', files.length, 'members'],
    ['validator', stakes.length, 'validators'],
  ] as const) {
    const isWanted = Array.isArray(template[setting]);
    if (given > 0 && !isWanted) throw argumentError(flag, `--${flag} is of no use with --engine ${name}.`);
    if (given === 0 && isWanted)
      throw argumentError(flag, `A network with --engine ${name} needs ${setting}: give --${flag} once for each.`);
  }
  if (files.length > 0) return { ...template, members: files.map((file) => readJsonFile(file, 'member') as Json) };
  // The built-in network's times suit those who watch it for an hour; another has the engine's defaults.
  return stakes.length > 0 ? { name, validators: [...stakes] } : template;
}

async function runMember(flags: MemberFlags): Promise<void> {
  const keys = await localValidators(flags);
  const [key, ...others] = keys;
  if (key === undefined || others.length > 0) {
    const found =
      key === undefined ? 'there is none; `synod validator keys new` makes one' : `there are ${keys.length}; move the others away`;
    throw new UsageError('genesis/member-key', `A member has one key in ${directoryOf(flags)}: ${found}.`);
  }
  const { openNodeKey, nodeIdOf } = await import('../network/node-key.ts');
  const { unlockValidator } = await import('../wallet/validator-directory.ts');
  const { blsSigner } = await import('../wallet/bls.ts');
  const { nodekey, synod } = datadirPaths(flags.datadir);
  const password = await readPassword({
    prompt: `Password of the key in ${directoryOf(flags)}`,
    file: flags['validators.password'],
    option: '--validators.password',
  });
  const secret = await unlockValidator(key.path, password);
  const proofOfPossession = toHex(blsSigner(secret).sign(possessionMessage(key.publicKey)));
  secret.fill(0);
  mkdirSync(synod, { recursive: true, mode: 0o700 });
  print(true, { node: nodeIdOf(await openNodeKey(nodekey, true)), publicKey: key.publicKey, proofOfPossession }, () => '');
}
