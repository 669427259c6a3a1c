/**
 * A test network on disk: what it was made of (`testnet.json`) and its genesis document, so that a second start on the
 * same directory goes on from where it was. Layout: testnet.json, genesis.json, addresses.json, control.json (while it
 * runs), and for each node node-<i>/ with its datadir and node-<i>.log.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { Address, type NodeId } from '../base/types.ts';
import { devNodeId } from '../node/dev-nodes.ts';
import { engineAccounts } from '../node/genesis-accounts.ts';
import { deriveAccounts } from '../wallet/mnemonic.ts';
import { engineOf, type JsonObject, membersAmong } from './engines.ts';

const Count = z.int().min(0);
const AddressText = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/)
  .transform((text) => Address(text));

const Options = z.object({
  nodes: Count,
  /** Nodes that mine, under proof-of-work. */
  miners: Count,
  /** Validators of the whole network, under proof-of-stake; as many as members under a permissioned engine. */
  validators: Count,
  engine: z.string(),
  /** Of proof-of-stake: the length of a slot. Of permissioned engines: how long they wait for work before a block without. */
  blockTimeSeconds: Count,
  chainId: Count,
  mnemonic: z.string(),
  accounts: Count,
  /** Ether of each account. */
  balance: Count,
  /** Hashes a second of each mining node; 0 for no limit. */
  hashRateLimit: Count,
});

const Node = z.object({
  index: Count,
  mines: z.boolean(),
  /** Numbers of the keys that it signs with, as a validator or as a member. */
  validators: z.array(Count).readonly(),
  etherbase: AddressText,
});

const Manifest = z.object({
  version: z.literal(1),
  options: Options,
  nodes: z.array(Node).min(1).readonly(),
  /** RPC port of node 0, unless a start names another: that of a fork, which runs beside the network that it comes from. */
  rpcPort: Count.max(65_535).optional(),
});

export type TestnetOptions = Readonly<z.infer<typeof Options>>;
export type TestnetNode = Readonly<z.infer<typeof Node>>;
export type Manifest = Readonly<z.infer<typeof Manifest>>;

export const MAX_NODES = 64;
/** Below the working directory. */
export const DEFAULT_DIRECTORY = '.synod/testnet';
export const paths = {
  manifest: (directory: string) => join(directory, 'testnet.json'),
  genesis: (directory: string) => join(directory, 'genesis.json'),
  control: (directory: string) => join(directory, 'control.json'),
  addresses: (directory: string) => join(directory, 'addresses.json'),
  datadir: (directory: string, index: number) => join(directory, `node-${index}`),
  log: (directory: string, index: number) => join(directory, `node-${index}.log`),
};

export function loadManifest(directory: string): Manifest | null {
  const file = paths.manifest(directory);
  if (!existsSync(file)) return null;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new UsageError('testnet/manifest', `${file} is not JSON; remove ${directory} to begin a new network`, {}, cause);
  }
  const result = Manifest.safeParse(value);
  if (result.success) return result.data;
  const { path = [], message = '' } = result.error.issues[0] ?? {};
  const reason = `${path.join('.') || 'it'}: ${message}`;
  throw new UsageError(
    'testnet/manifest',
    `${file} was not written by this version of synod (${reason}). Remove ${directory} to begin a new network, or name another --dir.`,
  );
}

/** Makes a new network. `template` is the genesis document of the engine, of which timestamp, alloc and settings are set. */
export async function createManifest(directory: string, options: TestnetOptions, template: unknown, nowMs: number): Promise<Manifest> {
  const funded = deriveAccounts(options.mnemonic, options.accounts).map(({ address }) => address);
  // The miners' accounts come after the funded ones, whose balances then change by nothing but their own transactions.
  const nodes = deriveAccounts(options.mnemonic, options.nodes, options.accounts).map(({ address }, index) => ({
    index,
    mines: options.engine === 'pow' && mines(index, options),
    validators: keysOf(index, options),
    etherbase: address,
  }));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Two networks that are made in one second are two networks: their nodes, and the locks of their keys, tell them apart by it.
  const identities = await Promise.all(nodes.map(({ index }) => devNodeId(options.mnemonic, index)));
  const genesis = { ...genesisDocument(template, options, funded, identities, nowMs), mixHash: toHex(randomBytes(32)) };
  writeFileSync(paths.genesis(directory), `${JSON.stringify(genesis, null, 2)}\n`);
  const manifest: Manifest = { version: 1, options, nodes };
  writeFileSync(paths.manifest(directory), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  return manifest;
}

/** Spread over the nodes, so that both halves of a network that is cut in the middle go on mining. */
function mines(index: number, { nodes, miners }: TestnetOptions): boolean {
  return Math.floor(((index + 1) * miners - 1) / nodes) > Math.floor((index * miners - 1) / nodes);
}

/**
 * Under a permissioned engine every node has one key: who is no member yet may become one. Validators go to the nodes in turn, so that every node has
 * as many as the others, or one more.
 */
function keysOf(index: number, { engine, nodes, validators }: TestnetOptions): number[] {
  if (engine !== 'pos') return membersAmong(nodes, engine) > 0 ? [index] : [];
  return Array.from({ length: validators }, (_, key) => key).filter((key) => key % nodes === index);
}

/** Fills the template of an engine's development network with what this one should be. */
export function genesisDocument(
  template: unknown,
  options: TestnetOptions,
  funded: readonly Address[],
  identities: readonly NodeId[],
  nowMs: number,
): JsonObject {
  const document = structuredClone(template) as JsonObject;
  const config = document.config as JsonObject;
  const alloc = { ...(document.alloc as JsonObject) };
  // The template's own accounts have a balance and no code; its system contracts have code and stay.
  for (const [address, account] of Object.entries(alloc)) {
    if ((account as JsonObject).code === undefined) delete alloc[address];
  }
  const balance = `0x${(BigInt(options.balance) * 10n ** 18n).toString(16)}`;
  for (const address of funded) alloc[address] = { balance };
  const { engine, difficulty, startsInSeconds } = engineOf(config.engine as JsonObject, options, funded, identities);
  return {
    ...document,
    config: { ...config, chainId: options.chainId, engine },
    timestamp: `0x${(Math.floor(nowMs / 1000) + startsInSeconds).toString(16)}`,
    difficulty: `0x${difficulty.toString(16)}`,
    alloc: { ...alloc, ...engineAccounts(engine) },
  };
}
