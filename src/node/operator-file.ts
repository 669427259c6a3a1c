/**
 * How commands on the same machine reach a node: while it runs, `<datadir>/synod/operator.json` (mode 0600) holds the
 * address of its RPC server and a token that opens every namespace there. Whoever may read the datadir may command it.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface OperatorFile {
  readonly url: string;
  readonly token: string;
}

const TOKEN_BYTES = 32;

const pathOf = (datadir: string) => join(datadir, 'synod', 'operator.json');

export function newOperatorToken(): string {
  return randomBytes(TOKEN_BYTES).toString('hex');
}

/** Written whole and then moved, so that a reader never sees half of it. */
export function writeOperatorFile(datadir: string, content: OperatorFile): void {
  const path = pathOf(datadir);
  writeFileSync(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function removeOperatorFile(datadir: string): void {
  rmSync(pathOf(datadir), { force: true });
}

/** Null when no node has left one; that of a node that was killed may be stale, and its address then does not answer. */
export function readOperatorFile(datadir: string): OperatorFile | null {
  try {
    const { url, token } = JSON.parse(readFileSync(pathOf(datadir), 'utf8')) as Partial<OperatorFile>;
    return typeof url === 'string' && typeof token === 'string' ? { url, token } : null;
  } catch {
    return null;
  }
}
