/** Which network a command means: the datadir's own genesis document, the file that was named, or the built-in one. */
import { existsSync } from 'node:fs';
import { UsageError } from '../base/errors.ts';
import { parseGenesis } from '../execution/genesis-document.ts';
import { genesisFile } from '../node/genesis-file.ts';
import { readJsonFile } from './options.ts';

const BUILT_IN = new URL('../../genesis/', import.meta.url);

/** A ready network that synod ships, by the name of its engine. */
export function builtInGenesis(engine: string): unknown {
  const file = new URL(`${engine}.json`, BUILT_IN);
  if (!/^[a-z-]+$/.test(engine) || !existsSync(file)) {
    throw new UsageError('arguments/engine', `There is no built-in network for the engine '${engine}'; see the files in genesis/.`);
  }
  return readJsonFile(file.pathname, 'built-in genesis');
}

export function genesisFor(datadir: string, named: string | undefined, networkId?: number): unknown {
  const own = genesisFile(datadir);
  let document: unknown;
  if (named !== undefined) document = readJsonFile(named, 'genesis document');
  else if (existsSync(own)) document = readJsonFile(own, 'genesis document');
  else document = builtInGenesis('pow');
  const { chainId } = parseGenesis(document);
  if (networkId !== undefined && networkId !== chainId) {
    throw new UsageError('arguments/networkid', `--networkid is ${networkId}, but the network's chain id is ${chainId}.`);
  }
  return document;
}
