/** The genesis document that a datadir was made from, kept in it, so that later commands need not be told again. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function genesisFile(datadir: string): string {
  return join(datadir, 'genesis.json');
}

/**
 * The chain in the datadir was opened with the same genesis block. What the document says besides may be newer than the datadir's own: a
 * transition to another engine.
 */
export function keepGenesis(datadir: string, document: unknown): void {
  const file = genesisFile(datadir);
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
}
