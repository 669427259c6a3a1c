/**
 * The same chain in synod and in anvil, to be read from: OpenZeppelin's ERC-20, there from the beginning, and blocks with
 * a few of its transfers each. synod imports it and anvil mines it block by block; neither makes blocks afterwards.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { present } from '../../src/base/assert.ts';
import { bigToFixed, concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { Address, type Hex } from '../../src/base/types.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { openOffline } from '../../src/node/offline.ts';
import { type Anvil, findAnvil, startAnvil } from './anvil.ts';
import { ChainMaker } from './chain.ts';
import { type Child, startNode, temporaryDirectory } from './processes.ts';
import { tokenTransfer } from './token.ts';
import { CHAIN_ID, GAS_LIMIT, genesisDocument, recipient, type Sender, senders, signed } from './transfers.ts';

export const TOKEN = Address(`0x${'20'.repeat(20)}`);
/** Answers after as many rounds of a loop as the first word of its calldata says. */
export const LOOP = Address(`0x${'10'.repeat(20)}`);
/** 72 gas a round: keccak-256 of a word, over and over. */
const LOOP_CODE: Hex = '0x5f355b60205f205f5260019003806002575f5ff3';
export const BLOCKS = 500;
export const LOGS_PER_BLOCK = 4;
const SENDERS = 40;
const TOKEN_BALANCE = 10n ** 18n;
const CHAIN_AGE_SECONDS = 86_400;
/** Where OpenZeppelin's ERC-20 keeps the mapping of balances. */
const BALANCES_SLOT = 0n;
const WORD_BYTES = 32;

export interface Served {
  readonly url: string;
  /** synod's process. */
  readonly child?: Child;
  stop(): Promise<void>;
}

export const word = (value: bigint): Uint8Array => bigToFixed(value, WORD_BYTES);

/** Where a mapping keeps the value of an address. */
export function balanceSlot(holder: Address): Hex {
  return toHex(keccak256(concatBytes(word(BigInt(holder)), word(BALANCES_SLOT))));
}

/** Whom the transfers of a block went to, in order: everybody gets one. */
export function recipientsOf(block: number): Address[] {
  return Array.from({ length: LOGS_PER_BLOCK }, (_, place) => recipient((block - 1) * LOGS_PER_BLOCK + place));
}

/** anvil is null where it is not installed. */
export async function startBoth(): Promise<{ readonly synod: Served; readonly anvil: Served | null }> {
  const rich = senders(SENDERS);
  const code = tokenCode();
  const blocks = Array.from({ length: BLOCKS }, (_, index) => transfersOf(index + 1, rich));
  const binary = findAnvil();
  return { synod: await serveSynod(rich, code, blocks), anvil: binary === null ? null : await serveAnvil(binary, rich, code, blocks) };
}

function transfersOf(block: number, rich: readonly Sender[]): Uint8Array[] {
  return recipientsOf(block).map((to, place) => {
    const index = (block - 1) * LOGS_PER_BLOCK + place;
    const sender = present(rich[index % SENDERS], 'a sender');
    return signed(sender, Math.floor(index / SENDERS), { ...tokenTransfer(to), to: TOKEN });
  });
}

async function serveSynod(rich: readonly Sender[], code: Hex, blocks: readonly Uint8Array[][]): Promise<Served> {
  const storage = Object.fromEntries(rich.map(({ address }) => [balanceSlot(address), toHex(word(TOKEN_BALANCE))]));
  const document = genesisDocument(rich, Math.floor(Date.now() / 1000) - CHAIN_AGE_SECONDS, 1, {
    [TOKEN]: { balance: '0', code, storage },
    [LOOP]: { balance: '0', code: LOOP_CODE },
  });
  const datadir = join(temporaryDirectory(), 'datadir');
  const maker = await ChainMaker.open(document);
  for (const transactions of blocks) await maker.add(transactions);
  const chain = await openOffline(datadir, document);
  for (const block of maker.blocks) await chain.add(block);
  await chain.close();
  const { child, url } = await startNode(document, { probe: true, datadir });
  return { url, child, stop: () => child.stop() };
}

async function serveAnvil(binary: string, rich: readonly Sender[], code: Hex, blocks: readonly Uint8Array[][]): Promise<Served> {
  const addresses = rich.map(({ address }) => address);
  const anvil: Anvil = await startAnvil(binary, { chainId: CHAIN_ID, gasLimit: GAS_LIMIT, blockTimeSeconds: null, rich: addresses });
  await call(anvil.url, [
    ['anvil_setCode', TOKEN, code],
    ['anvil_setCode', LOOP, LOOP_CODE],
    ...addresses.map((address) => ['anvil_setStorageAt', TOKEN, balanceSlot(address), toHex(word(TOKEN_BALANCE))]),
  ]);
  for (const transactions of blocks) {
    await call(anvil.url, [...transactions.map((bytes) => ['eth_sendRawTransaction', toHex(bytes)]), ['evm_mine']]);
  }
  return anvil;
}

/** In one batch, in order. */
async function call(url: string, calls: readonly (readonly string[])[]): Promise<void> {
  const body = JSON.stringify(calls.map(([method, ...params], id) => ({ jsonrpc: '2.0', id, method, params })));
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const failed = ((await response.json()) as readonly { readonly error?: unknown }[]).find(({ error }) => error !== undefined);
  if (failed !== undefined) throw new Error(`anvil would not make the chain: ${JSON.stringify(failed)}`);
}

interface Compiler {
  compile(input: string, callbacks: { import(path: string): { contents: string } }): string;
}

interface Compiled {
  readonly contracts: { readonly [file: string]: { readonly [name: string]: { readonly evm: { readonly deployedBytecode: Deployed } } } };
}

interface Deployed {
  readonly object: string;
}

/** As it is once deployed. */
function tokenCode(): Hex {
  const { compile } = createRequire(import.meta.url)('solc') as Compiler;
  const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
  const source = new URL('../end-to-end/toolchains/contracts/Token.sol', import.meta.url);
  const input = {
    language: 'Solidity',
    sources: { 'Token.sol': { content: readFileSync(source, 'utf8') } },
    settings: {
      evmVersion: 'prague',
      optimizer: { enabled: true },
      outputSelection: { 'Token.sol': { Token: ['evm.deployedBytecode.object'] } },
    },
  };
  const found = { import: (path: string) => ({ contents: readFileSync(join(modules, path), 'utf8') }) };
  const { contracts } = JSON.parse(compile(JSON.stringify(input), found)) as Compiled;
  const object = present(contracts['Token.sol']?.Token, 'the compiled token').evm.deployedBytecode.object;
  return toHex(fromHex(`0x${object}`));
}
