/** `synod export`: the chain as a file of RLP blocks, one after the other, as geth writes and reads them. */
import { createWriteStream, existsSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { present } from '../base/assert.ts';
import { UsageError } from '../base/errors.ts';
import { quote } from '../base/types.ts';
import { encodeEthereumBlock } from '../chain/ethereum-block.ts';
import type { OfflineChain } from '../node/offline.ts';
import { genesisFor } from './genesis.ts';
import { absolutePath, defaultDatadir, integerOption } from './options.ts';
import { argumentError, openProgress, print } from './output.ts';

export interface ChainFlags {
  readonly datadir: string;
  readonly genesis?: string;
  readonly json?: boolean;
}

interface ExportFlags extends ChainFlags {
  readonly from: number;
  readonly to?: number;
}

const height = (name: string) => integerOption(name, 0, Number.MAX_SAFE_INTEGER);

/** A command on a file of blocks. */
export function fileCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('<file>', 'the file of blocks')
    .option('--datadir <dir>', 'datadir of a node that does not run', absolutePath, defaultDatadir())
    .option('--genesis <file>', 'genesis document, for a datadir that has none')
    .option('--json', 'print JSON');
}

export function registerExport(program: Command): void {
  fileCommand(program, 'export', 'write the canonical chain to a file')
    .option('--from <height>', 'first block', height('from'), 0)
    .option('--to <height>', 'last block (default: the head)', height('to'))
    .addHelpText('after', '\nExamples:\n  synod export chain.rlp\n  synod export --from 100 --to 200 part.rlp')
    .action(runExport);
}

export async function openFileChain(flags: ChainFlags, options: { readonly replay?: boolean } = {}): Promise<OfflineChain> {
  const { openOffline } = await import('../node/offline.ts');
  return await openOffline(flags.datadir, genesisFor(flags.datadir, { ...flags, ...options }));
}

async function runExport(file: string, flags: ExportFlags): Promise<void> {
  const { datadirPaths } = await import('../storage/datadir.ts');
  if (!existsSync(datadirPaths(flags.datadir).identity)) {
    throw new UsageError('cli/no-chain', `There is no chain in ${flags.datadir}. Name the datadir of a node with --datadir.`);
  }
  const chain = await openFileChain(flags);
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

export function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
