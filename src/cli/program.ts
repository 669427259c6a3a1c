/** The tree of commands: one file for each. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerExport } from './chain.ts';
import { registerCompare } from './compare.ts';
import { registerConsensus } from './consensus.ts';
import { registerDatabase } from './db.ts';
import { registerDoctor } from './doctor.ts';
import { registerGenesis } from './genesis-new.ts';
import { registerImport } from './import.ts';
import { registerInit } from './init.ts';
import { registerMiner } from './miner.ts';
import { registerNode } from './node.ts';
import { applyConventions } from './output.ts';
import { registerSimulate } from './simulate.ts';
import { registerStatus } from './status.ts';
import { registerTestnet } from './testnet.ts';
import { registerValidator } from './validator.ts';
import { registerVerify } from './verify.ts';
import { registerWallet } from './wallet.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

const COMMANDS = [
  registerTestnet,
  registerNode,
  registerInit,
  registerGenesis,
  registerWallet,
  registerValidator,
  registerMiner,
  registerConsensus,
  registerStatus,
  registerVerify,
  registerExport,
  registerImport,
  registerDatabase,
  registerDoctor,
  registerSimulate,
  registerCompare,
];

export function createProgram(): Command {
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
  for (const register of COMMANDS) register(program);
  return program;
}
