/** `synod validator slashing-protection`: the history of keys, in and out as EIP-3076 files, while the node is stopped. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from '../base/errors.ts';
import type { PublicKey } from '../base/signatures.ts';
import { genesisFile } from '../node/genesis-file.ts';
import { readInterchange, type Watermark, writeInterchange } from '../wallet/slashing-protection.ts';
import { genesisFor } from './genesis.ts';
import { readJsonFile } from './options.ts';
import { note, print, table, toJsonText } from './output.ts';
import { addDatadirOption, publicKeysArgument } from './validator-options.ts';
import { jsonOption } from './wallet-options.ts';

interface ProtectionFlags {
  readonly datadir: string;
  readonly genesis?: string;
  readonly json?: boolean;
}

const EXPLANATION = 'The node in the datadir must be stopped: a file that it goes on signing after is worse than none.';

export function registerSlashingProtection(validator: Command): void {
  const protection = validator.command('slashing-protection').description('move what keys have signed from one program to another');
  addDatadirOption(protection.command('import').description('never sign again what the keys in a file have signed elsewhere'))
    .argument('<file>', 'a file of EIP-3076')
    .option('--genesis <file>', 'genesis document, for a datadir that has none yet')
    .addOption(jsonOption())
    .addHelpText('after', `\n${EXPLANATION}\n\nExamples:\n  synod validator slashing-protection import history.json`)
    .action(importHistory);
  addDatadirOption(protection.command('export').description('print what the keys of this datadir have signed'))
    .argument('[publicKeys...]', 'only these keys', publicKeysArgument)
    .addOption(jsonOption())
    .addHelpText('after', `\n${EXPLANATION}\n\nExamples:\n  synod validator slashing-protection export > history.json`)
    .action(exportHistory);
}

async function importHistory(file: string, flags: ProtectionFlags): Promise<void> {
  const document = readJsonFile(file, 'slashing protection file');
  if (flags.genesis === undefined && !existsSync(genesisFile(flags.datadir))) {
    const advice = 'Name its genesis document with --genesis, or prepare the datadir with `synod init`.';
    throw new UsageError('slashing-protection/no-datadir', `Which network ${flags.datadir} is for is not known yet. ${advice}`);
  }
  const { openHistory } = await import('./validator-history.ts');
  const history = await openHistory(flags.datadir, genesisFor(flags.datadir, flags));
  try {
    const found = readInterchange(document, history.network);
    const raised = await history.raise(found);
    const keys = [...found.keys()].map((publicKey) => ({ publicKey, ...shown(history.signed.get(publicKey)) }));
    const human = () =>
      keys.length === 0
        ? 'The file says nothing of any key.'
        : `${table(['Public key', 'Slot', 'Source', 'Target'], keys.map(cells), [1, 2, 3])}\n\n${raised} of ${keys.length} keys may sign less than before.`;
    print(flags.json, { raised, keys }, human);
  } finally {
    await history.close();
  }
}

async function exportHistory(named: readonly PublicKey[], flags: ProtectionFlags): Promise<void> {
  if (!existsSync(genesisFile(flags.datadir)))
    throw new UsageError('slashing-protection/no-datadir', `No node has ever run in ${flags.datadir}, so nothing was signed there.`);
  const { openHistory } = await import('./validator-history.ts');
  const history = await openHistory(flags.datadir, genesisFor(flags.datadir, {}));
  try {
    const chosen = [...history.signed].filter(([key]) => named.length === 0 || named.includes(key));
    if (chosen.length === 0) note('These keys have signed nothing in this datadir.');
    const interchange = writeInterchange(chosen, history.network);
    // The file format is the result, and is JSON with and without --json.
    print(flags.json, interchange, () => toJsonText(interchange));
  } finally {
    await history.close();
  }
}

interface Shown {
  readonly slot: number | null;
  readonly source: number | null;
  readonly target: number | null;
}

/** Null for what was never signed. */
function shown(mark: Watermark | undefined): Shown {
  const orNull = (value: number | undefined) => (value === undefined || value < 0 ? null : value);
  return { slot: orNull(mark?.slot), source: orNull(mark?.source), target: orNull(mark?.target) };
}

function cells({ publicKey, slot, source, target }: Shown & { readonly publicKey: PublicKey }): string[] {
  return [publicKey, ...[slot, source, target].map((value) => (value === null ? '-' : String(value)))];
}
