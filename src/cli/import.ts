/**
 * `synod import`: adds the blocks of a file to a chain, each checked as if a peer had sent it. A chain of another client
 * (a genesis document without an engine) is replayed: see `consensus/replay`.
 */
import { createReadStream, existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { concatBytes, EMPTY } from '../base/bytes.ts';
import { DecodeError, UsageError } from '../base/errors.ts';
import { type Json, quote, ZERO_HASH } from '../base/types.ts';
import { type Block, MAX_BLOCK_BYTES } from '../chain/block.ts';
import { decodeEthereumBlock, listLength } from '../chain/ethereum-block.ts';
import { hashHeader } from '../chain/header.ts';
import { FORKCHOICE } from '../consensus/replay/step.ts';
import type { OfflineChain } from '../node/offline.ts';
import { type ChainFlags, fileCommand, isSystemError, openFileChain } from './chain.ts';
import { readJsonFile } from './options.ts';
import { openProgress, print } from './output.ts';

interface ImportFlags extends ChainFlags {
  readonly forkchoice?: string;
}

const READ_BYTES = 1024 * 1024;
/** What the conformance suite of ethereum/execution-apis calls the file beside its chain. */
const USUAL_FORKCHOICE = 'headfcu.json';

export function registerImport(program: Command): void {
  fileCommand(program, 'import', 'add the blocks of a file to the chain, each checked as if a peer had sent it')
    .option(
      '--forkchoice <file>',
      `for the chain of another client: the engine_forkchoiceUpdated request that names head, safe and finalized block (default: ${USUAL_FORKCHOICE} beside the file; without one, its last block is all three)`,
    )
    .addHelpText(
      'after',
      `
A genesis document without an engine is that of another client's chain: it is loaded read-only, for synod node to serve.

Examples:
  synod import chain.rlp
  synod import --genesis genesis.json --datadir ./copy chain.rlp`,
    )
    .action(runImport);
}

async function runImport(file: string, flags: ImportFlags): Promise<void> {
  const bytes = sizeOf(file);
  const chain = await openFileChain(flags, { replay: true });
  const isReplayed = chain.engineName === 'replay';
  if (flags.forkchoice !== undefined && !isReplayed) {
    await chain.close();
    throw new UsageError(
      'cli/forkchoice',
      `--forkchoice is for chains of other clients; the engine ${chain.engineName} decides by itself.`,
    );
  }
  const progress = openProgress('Importing blocks');
  let imported = 0;
  let known = 0;
  try {
    for await (const { block, end } of readBlocks(file, isReplayed)) {
      if (await addBlock(chain, block)) imported++;
      else known++;
      progress.update(imported + known, bytes === 0 ? '' : `${Math.floor((100 * end) / bytes)}% of the file`);
    }
    if (isReplayed) await chain.command(FORKCHOICE, forkchoiceFor(chain, file, flags.forkchoice));
  } finally {
    progress.end();
    await chain.close();
  }
  const { number } = chain.store.head.header;
  const { hash } = chain.store.head;
  print(
    flags.json,
    { file, imported, known, head: { number, hash } },
    () => `Imported ${imported} blocks (${known} known). Head ${number} ${hash}`,
  );
}

/** Head, safe and finalized block: as a file says, or the end of the chain for all three. */
function forkchoiceFor(chain: OfflineChain, blocks: string, named: string | undefined): { readonly [key: string]: Json } {
  const usual = join(dirname(blocks), USUAL_FORKCHOICE);
  const file = named ?? (existsSync(usual) ? usual : undefined);
  if (file === undefined) {
    const { hash } = chain.store.view.head;
    return { head: hash, safe: hash, finalized: hash };
  }
  const document = readJsonFile(file, 'forkchoice') as { readonly params?: readonly unknown[] } | null;
  const state = (document?.params?.[0] ?? document ?? {}) as { readonly [key: string]: unknown };
  const block = (role: string) => {
    const hash = state[`${role}BlockHash`];
    if (typeof hash !== 'string') {
      throw new UsageError('cli/forkchoice', `${quote(file)} has no ${role}BlockHash; expected a request of engine_forkchoiceUpdated.`);
    }
    // How a beacon chain says that there is none yet.
    return hash === ZERO_HASH ? chain.genesisHash : hash.toLowerCase();
  };
  return { head: block('head'), safe: block('safe'), finalized: block('finalized') };
}

async function addBlock(chain: OfflineChain, block: Block): Promise<boolean> {
  if (block.header.number === 0 && hashHeader(block.header) !== chain.genesisHash) {
    throw new UsageError(
      'cli/other-genesis',
      `The file begins with another genesis block than ${chain.genesisHash}; name its document with --genesis.`,
    );
  }
  return await chain.add(block);
}

/** 0 for a pipe, whose size nobody knows. */
function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function unreadable(file: string, cause: unknown): UsageError {
  return new UsageError('cli/unreadable-file', `Cannot read ${quote(file)}`, {}, cause);
}

async function* readChunks(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: READ_BYTES });
  } catch (cause) {
    throw isSystemError(cause) ? unreadable(file, cause) : cause;
  }
}

/** One block at a time; memory holds no more than that and a read buffer. Throws DecodeError with the place in the file. */
async function* readBlocks(file: string, foreign: boolean): AsyncGenerator<{ readonly block: Block; readonly end: number }> {
  let buffer: Uint8Array = EMPTY;
  let offset = 0;
  for await (const chunk of readChunks(file)) {
    buffer = concatBytes(buffer, chunk);
    let start = 0;
    for (;;) {
      const rest = buffer.subarray(start);
      const length = at(file, offset, () => listLength(rest, MAX_BLOCK_BYTES));
      if (length === null || rest.length < length) break;
      const block = at(file, offset, () => decodeEthereumBlock(rest.subarray(0, length), { foreign }));
      start += length;
      offset += length;
      yield { block, end: offset };
    }
    buffer = buffer.slice(start);
  }
  if (buffer.length > 0)
    throw new DecodeError('decode/truncated', `${file} ends in the middle of a block that begins at byte ${offset}.`, { offset });
}

function at<T>(file: string, offset: number, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (!(cause instanceof DecodeError)) throw cause;
    throw new DecodeError(cause.code, `${file} is not a file of blocks at byte ${offset}`, { offset }, { cause });
  }
}
