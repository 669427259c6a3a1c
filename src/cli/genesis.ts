/** Which network a command means: the datadir's own genesis document, the file that was named, or the built-in one. */
import { existsSync } from 'node:fs';
import { Option } from 'commander';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { ENGINE_NAMES } from '../consensus/registry.ts';
import { REPLAY_SETTINGS } from '../consensus/replay/settings.ts';
import { parseGenesis } from '../execution/genesis-document.ts';
import { genesisFile } from '../node/genesis-file.ts';
import { readJsonFile } from './options.ts';

const BUILT_IN = new URL('../../genesis/', import.meta.url);

/** A ready network that synod ships, by the name of its engine. */
export function builtInGenesis(engine: string): unknown {
  const file = new URL(`${engine}.json`, BUILT_IN);
  if (!/^[a-z-]+$/.test(engine) || !existsSync(file)) {
    throw new UsageError('arguments/engine', `There is no engine ${quote(engine)}; choose from ${ENGINE_NAMES.join(', ')}.`);
  }
  return readJsonFile(file.pathname, 'built-in genesis');
}

/** The engine of the built-in network that a command means if it names none: a node that is alone makes blocks with it. */
export const DEFAULT_ENGINE = 'pow';

/** Which of the networks that synod ships. */
export function engineOption(): Option {
  return new Option(
    '--engine <name>',
    `built-in network to use for a new datadir, if no genesis document is named (default: ${DEFAULT_ENGINE})`,
  ).choices(ENGINE_NAMES);
}

export interface Wanted {
  /** A file. */
  readonly genesis?: string | undefined;
  /** Chooses among the built-in networks; of any other network it must be the engine. */
  readonly engine?: string | undefined;
  readonly networkId?: number | undefined;
  /** A document without an engine is that of a chain to be replayed. */
  readonly replay?: boolean;
}

/** Throws `arguments/engine` and `arguments/networkid` for a network that is not the wanted one, and what parsing a genesis document throws. */
export function genesisFor(datadir: string, { genesis, engine, networkId, replay = false }: Wanted): unknown {
  const own = genesisFile(datadir);
  let document: unknown;
  if (genesis !== undefined) document = named(genesis, own, replay);
  else if (existsSync(own)) document = readJsonFile(own, 'genesis document');
  else document = builtInGenesis(engine ?? DEFAULT_ENGINE);
  const parsed = parseGenesis(document);
  if (engine !== undefined && engine !== parsed.engine.name) {
    const where = genesis ?? datadir;
    throw new UsageError('arguments/engine', `--engine is ${engine}, but the network of ${where} has the engine ${parsed.engine.name}.`);
  }
  if (networkId !== undefined && networkId !== parsed.chainId) {
    throw new UsageError('arguments/networkid', `--networkid is ${networkId}, but the network's chain id is ${parsed.chainId}.`);
  }
  return document;
}

/** Once a datadir holds a chain that is replayed, its document may be named again as it is. */
function named(genesis: string, own: string, replay: boolean): unknown {
  const document = readJsonFile(genesis, 'genesis document');
  const isReplayed = replay || (existsSync(own) && parseGenesis(readJsonFile(own, 'genesis document')).engine.name === 'replay');
  return isReplayed ? withReplayEngine(document) : document;
}

/** The document of another client, with the engine that replays its chain. One that names an engine is left as it is. */
function withReplayEngine(document: unknown): unknown {
  const { config } = (document ?? {}) as { readonly config?: { readonly [key: string]: unknown } | null };
  if (typeof config !== 'object' || config === null || config.engine !== undefined) return document;
  const settings = Object.fromEntries(REPLAY_SETTINGS.flatMap((name) => (name in config ? [[name, config[name]]] : [])));
  return { ...(document as object), config: { ...config, engine: { name: 'replay', ...settings } } };
}
