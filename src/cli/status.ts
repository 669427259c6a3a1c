/** `synod status`: one look at a running node. */
import type { Command } from 'commander';
import type { NodeStatus } from '../node/status.ts';
import { type OperatorFlags, operatorClient, operatorOptions } from './operator.ts';
import { print } from './output.ts';
import { hashRate, staking } from './testnet-display.ts';

interface StatusFlags extends OperatorFlags {
  readonly json?: boolean;
}

export function registerStatus(program: Command): void {
  operatorOptions(program.command('status').description('what a running node is doing'))
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Examples:
  synod status
  synod status --rpc http://127.0.0.1:8546 --json`,
    )
    .action(async (flags: StatusFlags) => {
      const status = (await operatorClient(flags).call('synod_status')) as NodeStatus;
      print(flags.json, status, () => statusText(status));
    });
}

export function statusText(status: NodeStatus): string {
  const { head, safe, finalized, pool, reorgs, mining } = status;
  const stake = staking(status);
  const block = ({ number, hash }: NodeStatus['head']) => `${number}  ${hash}`;
  const lines: [string, string][] = [
    ['version', status.version],
    ['network', `chain ${status.chainId}, engine ${status.engine}, genesis ${status.genesis}`],
    ['head', `${block(head)}  ${age(head.timestamp)}`],
    ['safe', block(safe)],
    ['finalized', block(finalized)],
    ...(stake === null || finalized.number === 0 ? [] : [['checkpoint', checkpoint(finalized)] as [string, string]]),
    ['state root', head.stateRoot],
    ['peers', `${status.peers}  (this node: ${status.peerId})`],
    ['sync', syncText(status)],
    ['pool', `${pool.pending} pending, ${pool.queued} queued`],
    ['reorgs', reorgs.count === 0 ? 'none since start' : `${reorgs.count} since start, the deepest ${reorgs.deepest} blocks`],
    ...(mining === null ? [] : [['mining', miningText(mining)] as [string, string]]),
    ...(stake === null ? [] : [['staking', stakingText(stake)] as [string, string]]),
    ...(status.partition === null ? [] : [['partition', `may talk to ${status.partition.length} peers only`] as [string, string]]),
  ];
  return lines.map(([name, value]) => `${name.padEnd(12)}${value}`).join('\n');
}

function syncText({ sync, peers }: NodeStatus): string {
  if (sync.state !== 'idle') return `${sync.state}: ${sync.current} of ${sync.target}`;
  return peers === 0 ? 'nobody to compare with: no peers' : 'level with its peers';
}

/** As `synod node --checkpoint` takes it. */
function checkpoint({ hash, number }: NodeStatus['finalized']): string {
  return `${hash}:${number}`;
}

export function miningText(mining: NonNullable<NodeStatus['mining']>): string {
  if (!mining.enabled) return 'off';
  const limit = mining.hashRateLimit === 0 ? '' : ` of at most ${hashRate(mining.hashRateLimit)}`;
  const work = `${hashRate(mining.hashesPerSecond)}${limit} on ${mining.threads} threads (${mining.kernel})`;
  return `${work}, ${mining.sealed} sealed, ${mining.abandoned} abandoned, fees to ${mining.beneficiary}`;
}

function stakingText({ keys, validators, slot, epoch, counts }: NonNullable<ReturnType<typeof staking>>): string {
  const done = keys === 0 ? '' : `: ${counts.proposed} blocks, ${counts.voted} votes, ${counts.missed} blocks missed`;
  return `slot ${slot}, epoch ${epoch}; ${validators} validators, ${keys} ${keys === 1 ? 'key' : 'keys'} here${done}`;
}

function age(timestamp: number): string {
  return `${Math.max(0, Math.round(Date.now() / 1000 - timestamp))} s ago`;
}
