/**
 * A test network on disk: what it was made of (`testnet.json`) and its genesis document, so that a second start on the
 * same directory goes on from where it was. Layout: testnet.json, genesis.json, control.json (while it runs), and for
 * each node node-<i>/ with its datadir and node-<i>.log.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../base/errors.ts';
import type { Address, Json } from '../base/types.ts';
import { deriveAccounts } from '../wallet/mnemonic.ts';

export interface TestnetOptions {
  readonly nodes: number;
  readonly miners: number;
  readonly engine: string;
  readonly blockTimeSeconds: number;
  readonly chainId: number;
  readonly mnemonic: string;
  readonly accounts: number;
  /** Ether of each account. */
  readonly balance: number;
  /** Hashes a second of each mining node; 0 for no limit. */
  readonly hashRateLimit: number;
}

export interface TestnetNode {
  readonly index: number;
  readonly mines: boolean;
  readonly etherbase: Address;
}

export interface Manifest {
  readonly version: 1;
  readonly options: TestnetOptions;
  readonly nodes: readonly TestnetNode[];
}

export const MAX_NODES = 64;
/** A test network should leave the machine to its user: this is about 2% of a core with the SIMD kernel. */
export const DEFAULT_HASH_RATE = 100_000;
/** A gap of so many block times counts as a pause of the network (see the engine's settings). */
const PAUSE_BLOCK_TIMES = 20;
/** The first block after a pause is so much easier than the first of all: soon found, but not by all miners at once. */
const EASY_BLOCK_DIVISOR = 8;

export const paths = {
  manifest: (directory: string) => join(directory, 'testnet.json'),
  genesis: (directory: string) => join(directory, 'genesis.json'),
  control: (directory: string) => join(directory, 'control.json'),
  datadir: (directory: string, index: number) => join(directory, `node-${index}`),
  log: (directory: string, index: number) => join(directory, `node-${index}.log`),
};

export function loadManifest(directory: string): Manifest | null {
  const file = paths.manifest(directory);
  if (!existsSync(file)) return null;
  let value: Partial<Manifest>;
  try {
    value = JSON.parse(readFileSync(file, 'utf8')) as Partial<Manifest>;
  } catch (cause) {
    throw new UsageError('testnet/manifest', `${file} is not JSON; remove ${directory} to begin a new network`, {}, cause);
  }
  if (value.version !== 1 || value.options === undefined || !Array.isArray(value.nodes) || value.nodes.length === 0) {
    throw new UsageError(
      'testnet/manifest',
      `${file} was not written by this version of synod; remove ${directory} to begin a new network.`,
    );
  }
  return value as Manifest;
}

/** Makes a new network. `template` is the genesis document of the engine, of which timestamp, alloc and settings are set. */
export function createManifest(directory: string, options: TestnetOptions, template: unknown, nowMs: number): Manifest {
  const funded = deriveAccounts(options.mnemonic, options.accounts).map(({ address }) => address);
  // The miners' accounts come after the funded ones, whose balances then change by nothing but their own transactions.
  const nodes = deriveAccounts(options.mnemonic, options.nodes, options.accounts).map(({ address }, index) => ({
    index,
    mines: mines(index, options),
    etherbase: address,
  }));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(paths.genesis(directory), `${JSON.stringify(genesisDocument(template, options, funded, nowMs), null, 2)}\n`);
  const manifest: Manifest = { version: 1, options, nodes };
  writeFileSync(paths.manifest(directory), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  return manifest;
}

/** Spread over the nodes, so that both halves of a network that is cut in the middle go on mining. */
function mines(index: number, { nodes, miners }: TestnetOptions): boolean {
  return Math.floor(((index + 1) * miners - 1) / nodes) > Math.floor((index * miners - 1) / nodes);
}

type JsonObject = { [key: string]: Json };

/** Fills the template of an engine's development network with what this one should be. */
export function genesisDocument(template: unknown, options: TestnetOptions, funded: readonly Address[], nowMs: number): JsonObject {
  const document = structuredClone(template) as JsonObject;
  const config = document.config as JsonObject;
  const engine = config.engine as JsonObject;
  const alloc = { ...(document.alloc as JsonObject) };
  // The template's own accounts have a balance and no code; its system contracts have code and stay.
  for (const [address, account] of Object.entries(alloc)) {
    if ((account as JsonObject).code === undefined) delete alloc[address];
  }
  const difficulty = initialDifficulty(options);
  const balance = `0x${(BigInt(options.balance) * 10n ** 18n).toString(16)}`;
  for (const address of funded) alloc[address] = { balance };
  const blockTimeSeconds = options.blockTimeSeconds;
  const pauseAfterSeconds = PAUSE_BLOCK_TIMES * blockTimeSeconds;
  const minimumDifficulty = Math.max(1, Math.floor(difficulty / EASY_BLOCK_DIVISOR));
  return {
    ...document,
    config: { ...config, chainId: options.chainId, engine: { ...engine, blockTimeSeconds, pauseAfterSeconds, minimumDifficulty } },
    timestamp: `0x${Math.floor(nowMs / 1000).toString(16)}`,
    difficulty: `0x${difficulty.toString(16)}`,
    alloc,
  };
}

/** Without a limit the machine's speed is unknown: start low, and let the difficulty find it. */
const UNLIMITED_START_HASH_RATE = 500_000;

/** Half of what the miners can do in a block time, so that the first block does not keep anybody waiting. */
function initialDifficulty(options: TestnetOptions): number {
  const perMiner = options.hashRateLimit === 0 ? UNLIMITED_START_HASH_RATE : options.hashRateLimit;
  return Math.max(1, Math.floor((perMiner * Math.max(1, options.miners) * options.blockTimeSeconds) / 2));
}
