/**
 * `synod consensus status|transfer|add|remove|transition`: the members of a permissioned network, as a running member sees and leads
 * them, and how they change.
 */
import { dirname } from 'node:path';
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import { type Json, type NodeId, quote } from '../base/types.ts';
import { devMembers, devNodeId } from '../node/dev-nodes.ts';
import { loadManifest, type Manifest, paths } from '../testnet/manifest.ts';
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

/** With fewer members, the loss of any of them stops the network. */
const FEWEST_THAT_BEAR_A_LOSS = 3;
const NODE_NUMBER = /^\d{1,3}$/;
const BY_NUMBER = '\nOf a test network, the number of a node does as well: 2.';

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
      const names = await testNodes(flags);
      print(flags.json, status, () => named(lines(status), names));
    });
  add('transfer <member>', 'hand the leadership of this node to another member')
    .addHelpText('after', `\nExample:\n  synod consensus transfer 12D3KooWB8eD... --datadir .synod/testnet/node-0\n${BY_NUMBER}`)
    .action(async (named: string, flags: ConsensusFlags) => {
      const [member = named] = await peersNamed([named], flags);
      await leaderCall(flags, 'consensus_transfer', [member]);
      print(flags.json, { leader: member }, () => `${member} leads.`);
    });
  registerChanges((name, description) =>
    add(name, description).option('--force', 'also if too few of the members that there would be are connected to this node'),
  );
}

/** Where members may lie, the operators of a quorum of them give the same command, each to their own node. */
function registerChanges(add: (name: string, description: string) => Command): void {
  const collect = (value: string, before: readonly string[]) => [...before, value];
  add('add [numbers...]', 'add members: nodes that follow the chain already; of a test network, by their numbers')
    .option('--member <file>', 'a member as `synod genesis member` on its node prints it (several members: several times)', collect, [])
    .option('--node <peer id>', 'or by its parts: who it is', collect, [])
    .option('--key <public key>', 'its key', collect, [])
    .option('--possession <signature>', 'that the key is its own', collect, [])
    .addHelpText(
      'after',
      '\nExamples:\n  synod genesis member --datadir .synod/testnet/node-3 > three.json\n  synod consensus add --member three.json --datadir .synod/testnet/node-0\n  synod consensus add 3 --datadir .synod/testnet/node-0',
    )
    .action(async (numbers: readonly string[], flags: AddFlags) =>
      change(flags, 'consensus_add', [...(await testMembers(numbers, flags)), ...membersOf(flags, numbers.length > 0)]),
    );
  add('remove <nodes...>', 'remove members; their nodes go on as followers')
    .addHelpText('after', `\nExample:\n  synod consensus remove 12D3KooWB8eD... --datadir .synod/testnet/node-0\n${BY_NUMBER}`)
    .action(async (nodes: readonly string[], flags: ChangeFlags) => change(flags, 'consensus_remove', await peersNamed(nodes, flags)));
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
  const result = (await leaderCall(flags, method, [what, flags.force === true])) as JsonObject | null;
  print(flags.json, result, () => {
    if (result?.isApproved === false)
      return `Change ${result.id} is approved by ${result.approvals} of the ${result.needed} members that it takes; the others' operators give the same command.`;
    if (result?.phase !== undefined) return `Done: above block ${result.above} the engine is ${result.engine} (phase ${result.phase}).`;
    return `Done.${bearsNone(result)}`;
  });
}

/** Of an engine that changes its members itself, and says who they are. */
function bearsNone(result: JsonObject | null): string {
  const voters = result?.voters;
  if (!Array.isArray(voters) || voters.length >= FEWEST_THAT_BEAR_A_LOSS) return '';
  return ` ${voters.length === 1 ? 'One member decides' : `${voters.length} members decide`} now: the loss of one stops the network. Add others.`;
}

function membersOf({ member, node, key, possession }: AddFlags, areOthersNamed: boolean): JsonObject[] {
  if (!areOthersNamed && member.length === 0 && node.length === 0)
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
  checkMembers(engine ?? '', settings, (await operatorCall(client, 'consensus_status')) as JsonObject);
  const taken = Object.entries(settings).filter(([field]) => COMMON_SETTINGS.includes(field));
  return { name: engine ?? '', ...Object.fromEntries(taken) };
}

/** Where members may lie, each proves that its key is its own; Raft keeps no proofs of those that it let in. */
function checkMembers(engine: string, { members }: JsonObject, { incoming = null }: JsonObject): void {
  if (incoming !== null) {
    throw new UsageError('arguments/transition', 'A change of members is under way; give the command again when it is done: see status.');
  }
  const unproven = (members as readonly JsonObject[]).find(({ proofOfPossession }) => proofOfPossession === undefined);
  if (engine !== 'pbft' || unproven === undefined) return;
  const node = String(unproven.node);
  throw new UsageError(
    'arguments/transition',
    `Under pbft each member proves that its key is its own, and the proof of ${node} is not known here. \`synod genesis member\` on that node prints it; name all members in an --engine-file.`,
  );
}

/** A follower's refusal names the leader by its peer id, which says nothing of where it is. */
async function leaderCall(flags: OperatorFlags, method: string, params: readonly Json[]): Promise<Json> {
  try {
    return await operatorCall(operatorClient(flags), method, params);
  } catch (error) {
    if (!(error instanceof UsageError) || flags.datadir === undefined) throw error;
    throw new UsageError(
      error.code,
      withDatadirs(error.message, await testNodes(flags), dirname(flags.datadir)),
      error.fields,
      error.cause,
    );
  }
}

/** Each peer id of a test network, in the directory `root`, with the number of its node; and of the leader the datadir to name. */
function withDatadirs(message: string, names: readonly string[], root: string): string {
  const leader = names.findIndex((name) => message.includes(`The leader is ${name}`));
  const advice = leader < 0 ? '' : ` Name its datadir: --datadir ${paths.datadir(root, leader)}`;
  return `${named(message, names)}${advice}`;
}

/** The test network that this datadir is of; null for any other. */
function testNetwork({ datadir }: OperatorFlags): Manifest | null {
  return datadir === undefined ? null : loadManifest(dirname(datadir));
}

/** Peer ids of its nodes; none where it is no test network. */
async function testNodes(flags: OperatorFlags): Promise<NodeId[]> {
  const network = testNetwork(flags);
  return network === null ? [] : await Promise.all(network.nodes.map(({ index }) => devNodeId(network.options.mnemonic, index)));
}

/** Nodes of a test network as members: their keys are those of its words. */
async function testMembers(numbers: readonly string[], flags: OperatorFlags): Promise<JsonObject[]> {
  const network = testNetwork(flags);
  const members = network === null || numbers.length === 0 ? [] : devMembers(network.options.mnemonic, await testNodes(flags));
  return numbers.map((number) => {
    const found = NODE_NUMBER.test(number) ? members[Number(number)] : undefined;
    if (found !== undefined) return found;
    const message = `There is no node ${quote(number)} in a test network of this --datadir; name members elsewhere with --member.`;
    throw new UsageError('arguments/members', message);
  });
}

/** Numbers of nodes stand for their peer ids. */
async function peersNamed(words: readonly string[], flags: OperatorFlags): Promise<string[]> {
  const names = words.some((word) => NODE_NUMBER.test(word)) ? await testNodes(flags) : [];
  return words.map((word) => (NODE_NUMBER.test(word) ? names[Number(word)] : undefined) ?? word);
}

function named(text: string, names: readonly string[]): string {
  return names.reduce((all, name, index) => all.replaceAll(name, `${name} (node ${index})`), text);
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
  if (Object.keys(value).length === 0) return 'none';
  if (Array.isArray(value)) return value.map(text).join(', ');
  return Object.entries(value)
    .map(([name, field]) => `${name} ${text(field)}`)
    .join('  ');
}

function line(name: string, value: string): string {
  return `${name.padEnd(12)} ${value}`.trimEnd();
}
