/**
 * A second node with validators' keys that another one signs with, which the command refuses to start: it says which keys it
 * uses where nobody looks. Run as a process, with one argument: its `TwinOptions` in JSON.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Address } from '../../src/base/types.ts';
import { buildGenesis, parseGenesis } from '../../src/execution/genesis.ts';
import { DEFAULTS, type NodeConfig } from '../../src/node/config.ts';
import { startNode } from '../../src/node/node.ts';
import { DEV_PASSWORD } from '../../src/wallet/validator-dev.ts';
import { openValidators } from '../../src/wallet/validator-signers.ts';

export interface TwinOptions {
  /** Of its own. */
  readonly datadir: string;
  readonly genesis: string;
  readonly bootnodes: readonly string[];
  /** With key files of test validators. */
  readonly validators: string;
  /** Another one than its twin's, or both would make the same blocks. */
  readonly beneficiary: Address;
  /** The file with the twin's key as a node: then both have one name, and only who is cut off from the one can meet the other. */
  readonly nodeKeyFile?: string;
}

const { datadir, genesis, bootnodes, validators, beneficiary, nodeKeyFile = null } = JSON.parse(process.argv[2] ?? '') as TwinOptions;
const document: unknown = JSON.parse(readFileSync(genesis, 'utf8'));
const { params } = await buildGenesis(parseGenesis(document));
const { signers } = await openValidators({
  directory: validators,
  password: () => DEV_PASSWORD,
  network: params.genesisHash,
  lockDirectory: join(datadir, 'locks'),
});
const config: NodeConfig = {
  datadir,
  genesis: document,
  resync: false,
  checkpoint: null,
  network: { ...DEFAULTS.network, port: 0, bootnodes, nodeKeyFile, mdns: false },
  rpc: { ...DEFAULTS.rpc, enabled: true, port: 0, corsDomains: [] },
  mining: { ...DEFAULTS.mining, enabled: false, hashRateLimit: 0, kernel: 'auto', beneficiary, gasLimit: null },
  signers,
  finality: DEFAULTS.finality,
  faults: true,
  log: { format: 'terminal', verbosity: 4, file: null },
  metrics: null,
};
const node = await startNode(config);
process.send?.({ type: 'ready', ...node.endpoints });
process.once('disconnect', () => node.stop('its test is over'));
process.once('SIGTERM', () => node.stop('SIGTERM'));
await node.stopped;
process.disconnect?.();
