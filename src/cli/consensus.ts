/**
 * `synod consensus status|transfer|add|remove|transition`: the members of a permissioned network, as a running member sees and leads
 * them, and how they change.
 */
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { Json } from '../base/types.ts';
import { builtInGenesis } from './genesis.ts';
import { type OperatorFlags, operatorCall, operatorClient, operatorOptions } from './operator.ts';
import { readJsonFile } from './options.ts';
import { argumentError, print } from './output.ts';

interface ConsensusFlags extends OperatorFlags {
  readonly json?: boolean;
}

interface ChangeFlags extends ConsensusFlags {
  readonly force?: boolean;
}

interface AddFlags extends ChangeFlags {
  readonly member: readonly string[];
  readonly node: readonly string[];
  readonly key: readonly string[];
  readonly possession: readonly string[];
}

interface TransitionFlags extends ChangeFlags {
  readonly engine?: string;
  readonly engineFile?: string;
}

type JsonObject = { readonly [field: string]: Json };

/** What engines with members have in common, and take over from each other. */
const COMMON_SETTINGS = ['members', 'blockIntervalMs', 'emptyBlockMs'];

export function registerConsensus(program: Command): void {
  const consensus = program.command('consensus').description('the members of a permissioned network (raft, pbft, ...)');
  const add = (name: string, description: string) =>
    operatorOptions(consensus.command(name).description(description)).option('--json', 'print JSON');

  add('status', 'role, round and leader, and how far the others are')
    .addHelpText('after', '\nExample:\n  synod consensus status --datadir .synod/testnet/node-0')
    .action(async (flags: ConsensusFlags) => {
      const status = await operatorCall(operatorClient(flags), 'consensus_status');
      print(flags.json, status, () => lines(status));
    });
  add('transfer <member>', 'hand the leadership of this node to another member')
    .addHelpText('after', '\nExample:\n  synod consensus transfer 12D3KooWB8eD... --datadir .synod/testnet/node-0')
    .action(async (member: string, flags: ConsensusFlags) => {
      await operatorCall(operatorClient(flags), 'consensus_transfer', [member]);
      print(flags.json, { leader: member }, () => `${member} leads.`);
    });
  registerChanges((name, description) =>
    add(name, description).option('--force', 'also if too few of the members that there would be are connected to this node'),
  );
}

/** Where members may lie, the operators of a quorum of them give the same command, each to their own node. */
function registerChanges(add: (name: string, description: string) => Command): void {
  const collect = (value: string, before: readonly string[]) => [...before, value];
  add('add', 'add members: nodes that follow the chain already')
    .option('--member <file>', 'a member as `synod genesis member` on its node prints it (several members: several times)', collect, [])
    .option('--node <peer id>', 'or by its parts: who it is', collect, [])
    .option('--key <public key>', 'its key', collect, [])
    .option('--possession <signature>', 'that the key is its own', collect, [])
    .addHelpText(
      'after',
      '\nExamples:\n  synod genesis member --datadir .synod/testnet/node-3 > three.json\n  synod consensus add --member three.json --datadir .synod/testnet/node-0',
    )
    .action(async (flags: AddFlags) => change(flags, 'consensus_add', membersOf(flags)));
  add('remove <nodes...>', 'remove members; their nodes go on as followers')
    .addHelpText('after', '\nExample:\n  synod consensus remove 12D3KooWB8eD... --datadir .synod/testnet/node-0')
    .action(async (nodes: readonly string[], flags: ChangeFlags) => change(flags, 'consensus_remove', [...nodes]));
  add('transition', 'go on with another engine, or with other settings')
    .option('--engine <name>', 'this engine, with the members and the pace of blocks that there are')
    .option('--engine-file <file>', 'the engine of this file: an object as `config.engine` of a genesis file')
    .addHelpText(
      'after',
      '\nExamples:\n  synod consensus transition --engine zab --datadir .synod/testnet/node-0\n  synod consensus transition --engine-file pbft.json',
    )
    .action(async (flags: TransitionFlags) => change(flags, 'consensus_transition', await engineOf(flags)));
}

async function change(flags: ChangeFlags, method: string, what: Json): Promise<void> {
  const result = (await operatorCall(operatorClient(flags), method, [what, flags.force === true])) as JsonObject | null;
  print(flags.json, result, () => {
    if (result?.isApproved === false)
      return `Approved by ${result.approvals} of the ${result.needed} members that it takes; the others' operators give the same command.`;
    if (result?.phase !== undefined) return `Done: above block ${result.above} the engine is ${result.engine} (phase ${result.phase}).`;
    return 'Done.';
  });
}

function membersOf({ member, node, key, possession }: AddFlags): JsonObject[] {
  if (member.length === 0 && node.length === 0)
    throw new UsageError('arguments/members', 'Name the members to add: --member with a file for each.');
  if (node.length !== key.length || (possession.length > 0 && possession.length !== node.length)) {
    const got = `${node.length} --node, ${key.length} --key and ${possession.length} --possession`;
    throw new UsageError('arguments/members', `Every member has one --node, one --key and (if any has) one --possession; got ${got}.`);
  }
  const named = node.map((each, i) => ({
    node: each,
    publicKey: key[i] ?? '',
    ...(possession[i] !== undefined && { proofOfPossession: possession[i] }),
  }));
  return [...member.map((file) => readJsonFile(file, 'member') as JsonObject), ...named];
}

async function engineOf(flags: TransitionFlags): Promise<Json> {
  const { engine, engineFile } = flags;
  if ((engine === undefined) === (engineFile === undefined)) {
    throw new UsageError('arguments/transition', 'Name either an --engine or an --engine-file.');
  }
  if (engineFile !== undefined) return readJsonFile(engineFile, 'engine') as Json;
  const { config } = builtInGenesis(engine ?? '') as { readonly config: { readonly engine: JsonObject } };
  if (!Array.isArray(config.engine.members)) {
    throw argumentError(
      'engine',
      `Members can agree on engines with members; ${engine} has none. It can follow by a transition in the genesis file.`,
    );
  }
  const client = operatorClient(flags);
  const settings = (await operatorCall(client, 'consensus_settings')) as JsonObject;
  checkSame(settings, (await operatorCall(client, 'consensus_status')) as JsonObject);
  const taken = Object.entries(settings).filter(([field]) => COMMON_SETTINGS.includes(field));
  return { name: engine ?? '', ...Object.fromEntries(taken) };
}

/** An engine that changes its members itself says who they are by now; their keys have to be written down then. */
function checkSame({ members }: JsonObject, { voters, members: names = voters }: JsonObject): void {
  const known = (members as readonly JsonObject[]).map(({ node }) => String(node));
  const now = Array.isArray(names) ? names.map(String) : known;
  if (now.length === known.length && now.every((node) => known.includes(node))) return;
  throw new UsageError('arguments/transition', 'The members have changed since this engine began; name all of them in an --engine-file.');
}

/** One line for each field; lists of objects one line for each object. */
function lines(status: Json): string {
  if (typeof status !== 'object' || status === null || Array.isArray(status)) return JSON.stringify(status);
  return Object.entries(status)
    .map(([name, value]) => {
      if (!Array.isArray(value)) return line(name, text(value));
      return [line(name, value.length === 0 ? 'none' : ''), ...value.map((item) => `    ${text(item)}`)].join('\n');
    })
    .join('\n');
}

function text(value: Json | undefined): string {
  if (typeof value !== 'object' || value === null) return String(value ?? 'none');
  if (Array.isArray(value)) return value.map(text).join(', ');
  return Object.entries(value)
    .map(([name, field]) => `${name} ${text(field)}`)
    .join('  ');
}

function line(name: string, value: string): string {
  return `${name.padEnd(12)} ${value}`.trimEnd();
}
