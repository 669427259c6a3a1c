/** The tree of commands: one file for each. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { applyConventions } from './output.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

type Register = (program: Command) => void;

/** In the order of the help. Each is loaded when it is asked for: all together take far more modules than any of them needs. */
const COMMANDS: ReadonlyMap<string, () => Promise<Register>> = new Map([
  ['testnet', async () => (await import('./testnet.ts')).registerTestnet],
  ['node', async () => (await import('./node.ts')).registerNode],
  ['init', async () => (await import('./init.ts')).registerInit],
  ['genesis', async () => (await import('./genesis-new.ts')).registerGenesis],
  ['wallet', async () => (await import('./wallet.ts')).registerWallet],
  ['validator', async () => (await import('./validator.ts')).registerValidator],
  ['miner', async () => (await import('./miner.ts')).registerMiner],
  ['consensus', async () => (await import('./consensus.ts')).registerConsensus],
  ['status', async () => (await import('./status.ts')).registerStatus],
  ['verify', async () => (await import('./verify.ts')).registerVerify],
  ['export', async () => (await import('./chain.ts')).registerExport],
  ['import', async () => (await import('./import.ts')).registerImport],
  ['db', async () => (await import('./db.ts')).registerDatabase],
  ['doctor', async () => (await import('./doctor.ts')).registerDoctor],
  ['simulate', async () => (await import('./simulate.ts')).registerSimulate],
  ['compare', async () => (await import('./compare.ts')).registerCompare],
]);

/** With this command alone where there is one of that name, else with all. */
export async function createProgram(name = ''): Promise<Command> {
  const program = new Command('synod')
    .description('A blockchain node whose consensus is a plug-in: Ethereum ledger, wallets and RPC.')
    .version(version, '--version', 'print the version')
    .addHelpText(
      'after',
      `
Examples:
  synod testnet                          four nodes with two validators each, and funded accounts
  synod node --mine                      one node that mines, with RPC on http://127.0.0.1:8545
  synod wallet new                       make an account
  synod validator keys new               make a validator's key
  synod doctor                           what would keep this machine's node from running well
  synod status                           what the node at http://127.0.0.1:8545 is doing
  synod simulate --seed 7                a network in virtual time, with faults
  synod compare --engines raft,pbft      engines side by side, under the same load and faults`,
    );
  applyConventions(program);
  const named = COMMANDS.get(name);
  const wanted = await Promise.all((named === undefined ? [...COMMANDS.values()] : [named]).map((load) => load()));
  for (const register of wanted) register(program);
  return program;
}
