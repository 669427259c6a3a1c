/** Block 0 of the real tier: the newest rules from the start, and money for the clients. */
import { type BuiltGenesis, buildGenesis, parseGenesis } from '../../execution/genesis.ts';
import { GENESIS_SECONDS } from '../genesis.ts';
import type { Options } from '../options.ts';
import type { Subject } from '../subject.ts';
import type { ClientKey } from './keys.ts';

const CHAIN_ID = 1_337;
const GAS_LIMIT = 30_000_000;
/** Ten ether: what a client can do with it does not depend on what a block costs. */
const CLIENT_WEI = 10n ** 19n;

export async function realGenesis(subject: Subject, options: Options, clients: readonly ClientKey[]): Promise<BuiltGenesis> {
  const hashRate = options.hashRates.reduce((sum, rate) => sum + rate, 0);
  const genesis = parseGenesis({
    config: { chainId: CHAIN_ID, engine: { name: 'simulated' } },
    alloc: Object.fromEntries(clients.map(({ address }) => [address, { balance: CLIENT_WEI.toString() }])),
    gasLimit: GAS_LIMIT,
    difficulty: subject.difficulty(options.engine, hashRate).toString(),
    timestamp: GENESIS_SECONDS,
  });
  const alloc = new Map([...genesis.alloc, ...(subject.genesisAccounts?.(options.engine) ?? [])]);
  // Past the parser: a user's engine is named by its file.
  return buildGenesis({ ...genesis, alloc, engine: { name: subject.name, settings: options.engine } });
}
