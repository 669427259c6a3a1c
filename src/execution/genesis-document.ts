/**
 * Reads a genesis document in geth's form, with an engine object inside `config`. The document comes from a person or
 * from another tool, so every complaint is a UsageError that names the field.
 *
 *     { "config": { "chainId": 31337, "engine": { "name": "pow", ... }, "osakaTime": 0, ... },
 *       "alloc": { "<address>": { "balance": "0x...", "nonce", "code", "storage" } },
 *       "gasLimit": "0x...", "difficulty", "timestamp", "extraData", "baseFeePerGas", "coinbase", "mixHash", "nonce" }
 *
 * Numbers are JSON integers, or decimal or 0x strings. A config that names no fork at all means the newest from the start.
 */
import { fromHex, toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import { Address, Hash, type Hex, type Json, quote, ZERO_ADDRESS, ZERO_HASH } from '../base/types.ts';
import type { BlobRules } from '../chain/blobs.ts';
import { EMPTY_NONCE } from '../chain/header.ts';
import { type EngineSettings, FORKS, type ForkActivation, type Genesis, type GenesisAccount } from '../chain/params.ts';
import { INITIAL_BASE_FEE, MAX_GAS_LIMIT, MIN_GAS_LIMIT } from '../chain/rules.ts';

type Fields = { readonly [key: string]: unknown };

const UINT64_MAX = 2n ** 64n - 1n;
const UINT256_MAX = 2n ** 256n - 1n;
const MAX_EXTRA_BYTES = 32;
const MAX_CODE_BYTES = 1024 * 1024;
const MAX_ACCOUNTS = 1_000_000;
const MAX_DEPTH = 64;
const MAX_BLOB_SETTING = 2 ** 32;

/** geth's config keys, and the fork that each activates. The upgrades that changed no rule we keep are listed with null. */
const FORK_KEYS = new Map<string, (typeof FORKS)[number] | null>([
  ['homesteadBlock', 'homestead'],
  ['eip150Block', 'tangerineWhistle'],
  ['eip155Block', null],
  ['eip158Block', 'spuriousDragon'],
  ['byzantiumBlock', 'byzantium'],
  ['constantinopleBlock', 'constantinople'],
  ['petersburgBlock', 'petersburg'],
  ['istanbulBlock', 'istanbul'],
  ['muirGlacierBlock', null],
  ['berlinBlock', 'berlin'],
  ['londonBlock', 'london'],
  ['arrowGlacierBlock', null],
  ['grayGlacierBlock', null],
  ['mergeNetsplitBlock', 'paris'],
  ['shanghaiTime', 'shanghai'],
  ['cancunTime', 'cancun'],
  ['pragueTime', 'prague'],
  ['osakaTime', 'osaka'],
]);

/** Throws UsageError with a code `genesis/<field>`. */
export function parseGenesis(document: unknown): Genesis {
  const root = object(document, 'document');
  const config = object(root.config, 'config');
  const chainId = number(config.chainId, 'config.chainId', BigInt(Number.MAX_SAFE_INTEGER));
  if (chainId === 0n) throw bad('config.chainId', 'is 0; use a positive number');
  const gasLimit = number(root.gasLimit, 'gasLimit', MAX_GAS_LIMIT);
  if (gasLimit < MIN_GAS_LIMIT) throw bad('gasLimit', `is ${gasLimit}; the least is ${MIN_GAS_LIMIT}`);
  return {
    chainId: Number(chainId),
    forks: parseForks(config),
    engine: parseEngine(config.engine),
    alloc: parseAlloc(root.alloc ?? {}),
    gasLimit,
    difficulty: number(root.difficulty ?? 0, 'difficulty', UINT256_MAX),
    timestamp: Number(number(root.timestamp ?? 0, 'timestamp', BigInt(Number.MAX_SAFE_INTEGER))),
    extraData: bytes(root.extraData ?? '0x', 'extraData', 0, MAX_EXTRA_BYTES),
    baseFeePerGas: number(root.baseFeePerGas ?? INITIAL_BASE_FEE.toString(), 'baseFeePerGas', UINT256_MAX),
    beneficiary: checked('coinbase', () => Address(text(root.coinbase ?? ZERO_ADDRESS, 'coinbase'))),
    mixHash: checked('mixHash', () => Hash(text(root.mixHash ?? root.mixhash ?? ZERO_HASH, 'mixHash'))),
    nonce: parseNonce(root.nonce ?? EMPTY_NONCE),
    blobs: parseBlobs(config),
    depositContract: parseDepositContract(config.depositContractAddress),
  };
}

function parseEngine(value: unknown): EngineSettings {
  if (value === undefined) {
    const advice = 'name one, such as { "name": "pow" }; the chain of another client is loaded with synod import';
    throw bad('config.engine', `is missing: ${advice}`);
  }
  const { name, transitions, ...settings } = object(value, 'config.engine');
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
    throw bad('config.engine.name', `is ${show(name)}; expected the name of an engine, such as "pow"`);
  }
  return {
    name,
    settings: json(settings, 'config.engine', 0) as EngineSettings['settings'],
    ...(transitions !== undefined && { transitions: json(transitions, 'config.engine.transitions', 0) }),
  };
}

function parseForks(config: Fields): readonly ForkActivation[] {
  const found: ForkActivation[] = [];
  for (const [key, value] of Object.entries(config)) {
    // geth's bpo forks change blob parameters only.
    if (!/(Block|Time)$/.test(key) || /^bpo\d+Time$/.test(key) || value === null) continue;
    const fork = FORK_KEYS.get(key);
    if (fork === undefined) throw bad(`config.${key}`, `names a fork that synod does not know; the newest is ${FORKS.at(-1)}`);
    const at = Number(number(value, `config.${key}`, BigInt(Number.MAX_SAFE_INTEGER)));
    if (fork !== null) found.push(key.endsWith('Time') ? { fork, time: at } : { fork, block: at });
  }
  if (found.length === 0)
    return FORKS.map((fork) => (FORKS.indexOf(fork) < FORKS.indexOf('shanghai') ? { fork, block: 0 } : { fork, time: 0 }));
  found.sort((a, b) => FORKS.indexOf(a.fork) - FORKS.indexOf(b.fork));
  addMerge(found, config.terminalTotalDifficulty);
  checkOrder(found);
  return found;
}

/** geth's way to say that the merge has happened: no difficulty is left to wait for. */
function addMerge(found: ForkActivation[], totalDifficulty: unknown): void {
  if (found.some(({ fork }) => fork === 'paris') || totalDifficulty === undefined || Number(totalDifficulty) !== 0) return;
  const later = found.findIndex(({ fork }) => FORKS.indexOf(fork) > FORKS.indexOf('paris'));
  const at = later < 0 ? found.length : later;
  found.splice(at, 0, { fork: 'paris', block: found[at - 1]?.block ?? 0 });
}

/** A later fork cannot start before an earlier one, nor leave one out that changed the header. */
function checkOrder(forks: readonly ForkActivation[]): void {
  for (const [index, activation] of forks.entries()) {
    const before = forks[index - 1];
    if (before === undefined) continue;
    const early = (activation.block ?? 0) < (before.block ?? 0) && activation.block !== undefined;
    const earlyTime = (activation.time ?? 0) < (before.time ?? 0) && activation.time !== undefined;
    if (early || earlyTime) throw badForks(`activates ${activation.fork} before ${before.fork}, which comes first`);
  }
  const names = new Set(forks.map(({ fork }) => fork));
  for (const fork of FORKS.slice(FORKS.indexOf('london'))) {
    const later = FORKS.slice(FORKS.indexOf(fork) + 1).find((name) => names.has(name));
    if (fork !== 'paris' && !names.has(fork) && later !== undefined) throw badForks(`leaves out ${fork}, which ${later} needs`);
  }
}

/** EIP-7840 and EIP-7892: each entry holds from the time of the upgrade that names it. */
function parseBlobs(config: Fields): readonly BlobRules[] {
  const schedule = object(config.blobSchedule ?? {}, 'config.blobSchedule');
  const rules = Object.entries(schedule).flatMap(([name, value]): BlobRules[] => {
    const start = config[`${name}Time`];
    if (start === undefined || start === null) return [];
    const entry = object(value, `config.blobSchedule.${name}`);
    const field = (key: string) => Number(number(entry[key], `config.blobSchedule.${name}.${key}`, BigInt(MAX_BLOB_SETTING)));
    const time = Number(number(start, `config.${name}Time`, BigInt(Number.MAX_SAFE_INTEGER)));
    const blobs = { time, target: field('target'), max: field('max'), updateFraction: field('baseFeeUpdateFraction') };
    if (blobs.max < Math.max(1, blobs.target) || blobs.updateFraction === 0) {
      throw bad(`config.blobSchedule.${name}`, 'needs a max of at least 1 and of at least target, and a baseFeeUpdateFraction above 0');
    }
    return [blobs];
  });
  return rules.sort((a, b) => a.time - b.time);
}

function parseDepositContract(value: unknown): Address | undefined {
  return value === undefined
    ? undefined
    : checked('config.depositContractAddress', () => Address(text(value, 'config.depositContractAddress')));
}

function parseAlloc(value: unknown): ReadonlyMap<Address, GenesisAccount> {
  const entries = Object.entries(object(value, 'alloc'));
  if (entries.length > MAX_ACCOUNTS) throw bad('alloc', `has ${entries.length} accounts; at most ${MAX_ACCOUNTS} are allowed`);
  const alloc = new Map<Address, GenesisAccount>();
  for (const [key, content] of entries) {
    const field = `alloc.${quote(key).slice(1, -1)}`;
    const address = checked(field, () => Address(key.startsWith('0x') ? key : `0x${key}`));
    if (alloc.has(address)) throw bad(field, 'is there twice (with and without 0x, or in another case)');
    alloc.set(address, parseAccount(object(content, field), field));
  }
  return alloc;
}

function parseAccount(account: Fields, field: string): GenesisAccount {
  const storage: Record<Hex, Hex> = {};
  for (const [slot, value] of Object.entries(object(account.storage ?? {}, `${field}.storage`))) {
    storage[word(slot, `${field}.storage`)] = word(value, `${field}.storage`);
  }
  return {
    balance: number(account.balance ?? 0, `${field}.balance`, UINT256_MAX),
    nonce: number(account.nonce ?? 0, `${field}.nonce`, UINT64_MAX),
    code: bytes(account.code ?? '0x', `${field}.code`, 0, MAX_CODE_BYTES),
    storage,
  };
}

/** geth writes the nonce as a number of eight bytes. */
function parseNonce(value: unknown): Hex {
  return `0x${number(value, 'nonce', UINT64_MAX).toString(16).padStart(16, '0')}`;
}

function object(value: unknown, field: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(field, `is ${show(value)}; expected an object`);
  return value as Fields;
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string') throw bad(field, `is ${show(value)}; expected a string`);
  return value;
}

/** A JSON integer, or a decimal or 0x string, from 0 to `max`. */
function number(value: unknown, field: string, max: bigint): bigint {
  const whole = typeof value === 'number' && Number.isSafeInteger(value);
  const digits = typeof value === 'string' && /^(0x[0-9a-fA-F]{1,64}|[0-9]{1,78})$/.test(value);
  if (!whole && !digits) throw bad(field, `is ${show(value)}; expected an integer, or one as a decimal or 0x string`);
  const result = BigInt(value as number | string);
  if (result < 0n || result > max) throw bad(field, `is ${result}; expected 0 to ${max}`);
  return result;
}

function bytes(value: unknown, field: string, minBytes: number, maxBytes: number): Hex {
  const content = checked(field, () => fromHex(text(value, field)));
  if (content.length < minBytes || content.length > maxBytes) {
    throw bad(field, `has ${content.length} bytes; expected ${minBytes} to ${maxBytes}`);
  }
  return toHex(content);
}

/** A storage slot or value; geth lets leading zeros be left out. */
function word(value: unknown, field: string): Hex {
  const digits = text(value, field).replace(/^0x/, '');
  if (!/^[0-9a-fA-F]{1,64}$/.test(digits)) throw bad(field, `holds ${show(value)}; expected up to 32 bytes in hex`);
  return `0x${digits.toLowerCase().padStart(64, '0')}`;
}

/** A copy that is JSON and nothing else, whatever object the caller passed in. */
function json(value: unknown, field: string, depth: number): Json {
  if (depth > MAX_DEPTH) throw bad(field, `is nested more than ${MAX_DEPTH} deep`);
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (Array.isArray(value)) return value.map((item) => json(item, field, depth + 1));
  const entries = Object.entries(object(value, field));
  return Object.fromEntries(entries.map(([key, item]) => [key, json(item, `${field}.${key}`, depth + 1)]));
}

function checked<T>(field: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw bad(field, 'is not what it should be', cause);
  }
}

function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return quote(String(value));
}

/** The code is made of the document's own key, so an address or a slot is in the message only. */
function bad(field: string, what: string, cause?: unknown): UsageError {
  const [top, below] = field.split('.');
  const key = top === 'config' && below !== undefined ? below : top;
  return new UsageError(`genesis/${key}`, `The genesis document's ${field} ${what}.`, { field }, cause);
}

function badForks(what: string): UsageError {
  return new UsageError('genesis/forks', `The genesis document's config ${what}.`, { field: 'config' });
}
