/** What a node of a network made by `createManifest` takes part with: its keys in its datadir, and the flags that name them. */

import { storeDevNodeKey } from '../../src/node/dev-nodes.ts';
import type { Manifest } from '../../src/testnet/manifest.ts';
import { createDevValidators, devPasswordFile } from '../../src/wallet/validator-dev.ts';
import { deriveValidatorKeys } from '../../src/wallet/validator-keys.ts';

export async function roleOf({ nodes, options }: Manifest, index: number, datadir: string): Promise<string[]> {
  const node = nodes[index];
  if (node === undefined) throw new Error(`The network has no node ${index}`);
  storeDevNodeKey(datadir, options.mnemonic, index);
  const etherbase = ['--miner.etherbase', node.etherbase];
  if (node.mines) return [...etherbase, '--mine', '--miner.hashrate', String(options.hashRateLimit)];
  if (node.validators.length === 0) return etherbase;
  const keys = deriveValidatorKeys(options.mnemonic, Math.max(...node.validators) + 1);
  const own = keys.filter((_, number) => node.validators.includes(number));
  await createDevValidators(datadir, own);
  return [...etherbase, options.engine === 'pos' ? '--stake' : '--member', '--validators.password', devPasswordFile(datadir)];
}
