/** `synod export` and `synod import`: chains as files of RLP blocks, one after the other, as geth writes and reads them. */

import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { present } from '../base/assert.ts';
import { concatBytes, EMPTY } from '../base/bytes.ts';
import { DecodeError, UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { type Block, MAX_BLOCK_BYTES } from '../chain/block.ts';
import { decodeEthereumBlock, encodeEthereumBlock, listLength } from '../chain/ethereum-block.ts';
import { hashHeader } from '../chain/header.ts';
import type { OfflineChain } from '../node/offline.ts';
import { genesisFor } from './genesis.ts';
import { absolutePath, defaultDatadir, integerOption } from './options.ts';
import { argumentError, openProgress, print } from './output.ts';

interface ChainFlags {
  readonly datadir: string;
  readonly genesis?: string;
  readonly json?: boolean;
}

interface ExportFlags extends ChainFlags {
  readonly from: number;
  readonly to?: number;
}

const READ_BYTES = 1024 * 1024;
const height = (name: string) => integerOption(name, 0, Number.MAX_SAFE_INTEGER);

export function registerChain(program: Command): void {
  const add = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .argument('<file>', 'the file of blocks')
      .option('--datadir <dir>', 'datadir of a node that does not run', absolutePath, defaultDatadir())
      .option('--genesis <file>', 'genesis document, for a datadir that has none')
      .option('--json', 'print JSON');

  add('export', 'write the canonical chain to a file')
    .option('--from <height>', 'first block', height('from'), 0)
    .option('--to <height>', 'last block (default: the head)', height('to'))
    .addHelpText('after', '\nExamples:\n  synod export chain.rlp\n  synod export --from 100 --to 200 part.rlp')
    .action(runExport);
  add('import', 'add the blocks of a file to the chain, each checked as if a peer had sent it')
    .addHelpText('after', '\nExamples:\n  synod import chain.rlp\n  synod import --genesis genesis.json --datadir ./copy chain.rlp')
    .action(runImport);
}

async function open(flags: ChainFlags): Promise<OfflineChain> {
  const { openOffline } = await import('../node/offline.ts');
  return await openOffline(flags.datadir, genesisFor(flags.datadir, flags));
}

async function runExport(file: string, flags: ExportFlags): Promise<void> {
  const { datadirPaths } = await import('../storage/datadir.ts');
  if (!existsSync(datadirPaths(flags.datadir).identity)) {
    throw new UsageError('cli/no-chain', `There is no chain in ${flags.datadir}. Name the datadir of a node with --datadir.`);
  }
  const chain = await open(flags);
  try {
    const head = chain.store.head.header.number;
    const to = flags.to ?? head;
    if (flags.from > to || to > head) throw argumentError('range', `Blocks ${flags.from} to ${to} are not all there; the head is ${head}.`);
    const count = await writeBlocks(chain, file, flags.from, to);
    print(flags.json, { file, from: flags.from, to, blocks: count }, () => `Exported ${count} blocks (${flags.from} to ${to}) to ${file}`);
  } finally {
    await chain.close();
  }
}

/** One block at a time, as fast as the file takes them. Throws UsageError when it cannot be written. */
async function writeBlocks(chain: OfflineChain, file: string, from: number, to: number): Promise<number> {
  const progress = openProgress('Exporting blocks', { total: to - from + 1 });
  let count = 0;
  async function* encodedBlocks(): AsyncGenerator<Uint8Array> {
    for (let number = from; number <= to; number++) {
      const hash = present(chain.store.canonical(number), `canonical block ${number}`);
      yield encodeEthereumBlock(present(chain.store.block(hash), `block ${number}`));
      progress.update(++count);
    }
  }
  try {
    await pipeline(encodedBlocks, createWriteStream(file, { mode: 0o644 }));
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new UsageError('cli/unwritable-file', `Cannot write ${quote(file)}`, {}, cause);
  } finally {
    progress.end();
  }
  return count;
}

async function runImport(file: string, flags: ChainFlags): Promise<void> {
  const bytes = sizeOf(file);
  const chain = await open(flags);
  const progress = openProgress('Importing blocks');
  let imported = 0;
  let known = 0;
  try {
    let offset = 0;
    for await (const { block, end } of readBlocks(file)) {
      offset = end;
      if (await addBlock(chain, block)) imported++;
      else known++;
      progress.update(imported + known, bytes === 0 ? '' : `${Math.floor((100 * offset) / bytes)}% of the file`);
    }
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

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

async function* readChunks(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: READ_BYTES });
  } catch (cause) {
    throw isSystemError(cause) ? unreadable(file, cause) : cause;
  }
}

/** One block at a time; memory holds no more than that and a read buffer. Throws DecodeError with the place in the file. */
async function* readBlocks(file: string): AsyncGenerator<{ readonly block: Block; readonly end: number }> {
  let buffer: Uint8Array = EMPTY;
  let offset = 0;
  for await (const chunk of readChunks(file)) {
    buffer = concatBytes(buffer, chunk);
    let start = 0;
    for (;;) {
      const rest = buffer.subarray(start);
      const length = at(file, offset, () => listLength(rest, MAX_BLOCK_BYTES));
      if (length === null || rest.length < length) break;
      const block = at(file, offset, () => decodeEthereumBlock(rest.subarray(0, length)));
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
