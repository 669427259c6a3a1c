/** `synod consensus status|transfer`: the members of a permissioned network, as a running member sees and leads them. */
import type { Command } from 'commander';
import type { Json } from '../base/types.ts';
import { type OperatorFlags, operatorCall, operatorClient, operatorOptions } from './operator.ts';
import { print } from './output.ts';

interface ConsensusFlags extends OperatorFlags {
  readonly json?: boolean;
}

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
