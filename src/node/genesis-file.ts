/** The genesis document that a datadir was made from, kept in it, so that later commands need not be told again. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function genesisFile(datadir: string): string {
  return join(datadir, 'genesis.json');
}

/** Does nothing when the datadir has one: the chain in it was opened with the same genesis block. */
export function keepGenesis(datadir: string, document: unknown): void {
  const file = genesisFile(datadir);
  if (!existsSync(file)) writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
}
