/** Where a node of a test network lives: what its datadir has before its first start, and its command line. */
import { DEFAULTS } from '../node/config.ts';
import { storeDevNodeKey } from '../node/dev-nodes.ts';
import { createDevValidators, devPasswordFile } from '../wallet/validator-dev.ts';
import { deriveValidatorKeys } from '../wallet/validator-keys.ts';
import { type Manifest, paths, type TestnetNode } from './manifest.ts';

export interface NodePlace {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Of node 0, the next one for node 1 and so on; 0 for free ones. */
  readonly rpcPort: number;
  /** The same for metrics; without it there are none. */
  readonly metricsPort?: number;
}

/** Its identity and its key files, which a first start makes and later ones find. */
export async function prepareDatadir({ directory, manifest }: NodePlace, index: number): Promise<void> {
  const datadir = paths.datadir(directory, index);
  storeDevNodeKey(datadir, manifest.options.mnemonic, index);
  const numbers = manifest.nodes[index]?.validators ?? [];
  if (numbers.length === 0) return;
  const keys = deriveValidatorKeys(manifest.options.mnemonic, Math.max(...numbers) + 1).filter((_, number) => numbers.includes(number));
  await createDevValidators(datadir, keys);
}

/** `port`: where it listens for peers. */
export function nodeArguments(place: NodePlace, node: TestnetNode, port: number, bootnodes: readonly string[]): string[] {
  const { directory, rpcPort, metricsPort, manifest } = place;
  const datadir = paths.datadir(directory, node.index);
  const flags = [
    ['--datadir', datadir],
    ['--genesis', paths.genesis(directory)],
    ['--port', String(port)],
    ['--http.port', String(rpcPort === 0 ? 0 : rpcPort + node.index)],
    ['--http.api', [...DEFAULTS.rpc.apis, ...DEFAULTS.rpc.testApis].join(',')],
    // Pages in a browser may ask for what is open. What commands a node takes its operator's token.
    ['--http.corsdomain', '*'],
    ['--miner.etherbase', node.etherbase],
    ...(node.mines ? [['--miner.hashrate', String(manifest.options.hashRateLimit)]] : []),
    ...(metricsPort === undefined ? [] : [['--metrics', '--metrics.port', String(metricsPort === 0 ? 0 : metricsPort + node.index)]]),
    ['--verbosity', '3'],
    ...(bootnodes.length === 0 ? [] : [['--bootnodes', bootnodes.join(',')]]),
  ].flat();
  const signs = manifest.options.engine === 'pos' ? '--stake' : '--member';
  const keys = [signs, '--validators.password', devPasswordFile(datadir)];
  return ['node', ...flags, '--faults', ...(node.mines ? ['--mine'] : []), ...(node.validators.length > 0 ? keys : [])];
}
