/**
 * Reads all of a node's databases and says what in them is not what was written: the checksum and the encoding of every row, every header,
 * node and code under its own hash, bodies and receipts against their header, the canonical chain from genesis to the head, every part of
 * the head's state, and the consensus log without a gap.
 */
import { hashOf, toHex } from '../../base/bytes.ts';
import { type ErrorFields, StorageError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { hashHeader } from '../../chain/header.ts';
import { keccak256 } from '../../execution/keccak.ts';
import { receiptsRoot, transactionsRoot } from '../../execution/roots.ts';
import type { Receipt, StateSource } from '../../execution/types.ts';
import { checkBlock } from '../../storage/chain-check.ts';
import { type CheckedDatabase, readValue } from '../../storage/checked.ts';
import { type BlockId, numberOfKey, TABLES, type Table } from '../../storage/layout.ts';
import type { BodyRecord, HeaderRecord, LogState } from '../../storage/records.ts';
import type { DatabaseName } from '../../storage/remedies.ts';
import { walkState } from './state-walk.ts';
import { ALL_KEYS, DATABASES, type StoppedNode, tableOf } from './stopped.ts';

export interface Problem {
  readonly database: DatabaseName;
  readonly code: string;
  readonly message: string;
  readonly fields: ErrorFields;
}

export interface Verification {
  readonly rows: number;
  readonly blocks: number;
  /** Nodes and code of the head's state. */
  readonly stateParts: number;
  /** Of the canonical chain; null when there is no head to speak of. */
  readonly head: BlockId | null;
  /** The first `MAX_PROBLEMS`. */
  readonly problems: readonly Problem[];
  readonly problemCount: number;
}

export type Phase = 'rows' | 'blocks' | 'state';
type OnProgress = (phase: Phase, done: number) => void;

const MAX_PROBLEMS = 1_000;
const BLOCK_KEY_BYTES = 1 + 8 + 32;

class Findings {
  readonly problems: Problem[] = [];
  count = 0;

  add(database: DatabaseName, { code, message, fields }: StorageError): void {
    this.count += 1;
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ database, code, message, fields });
  }

  /** Runs a check; what it says of the store is noted. */
  check(database: DatabaseName, check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.add(database, error);
    }
  }
}

export async function verifyDatabases(node: StoppedNode, onProgress: OnProgress): Promise<Verification> {
  const findings = new Findings();
  const { chain, consensus } = node.databases;
  let rows = 0;
  for (const name of DATABASES) {
    const checked = node.databases[name];
    for await (const [key, stored] of checked.database.entries(ALL_KEYS)) {
      findings.check(name, () => checkRow(name, checked, key, stored));
      onProgress('rows', ++rows);
    }
  }
  await checkLog(consensus, findings);
  const head = headOf(chain, findings);
  for (let number = 0; head !== null && number <= head.number; number++) {
    findings.check('chain', () => checkBlock(chain, number, head));
    onProgress('blocks', number + 1);
  }
  const stateParts = head === null ? 0 : checkHeadState(chain, head, findings, onProgress);
  return { rows, blocks: head === null ? 0 : head.number + 1, stateParts, head, problems: findings.problems, problemCount: findings.count };
}

/** The state as it is stored, with every checksum checked. */
export function stateSource(chain: CheckedDatabase): StateSource {
  return { node: (hash) => chain.get(TABLES.node, hash), code: (hash) => chain.get(TABLES.code, hash) };
}

function checkRow(name: DatabaseName, checked: CheckedDatabase, key: Uint8Array, stored: Uint8Array): void {
  const table = tableOf(name, key);
  if (table === undefined) throw new StorageError('storage/unknown-row', `A row of no known kind: ${toHex(key)}.`, { row: toHex(key) });
  const value = readValue(table, key, stored);
  const says = (holds: boolean, what: string) => {
    if (!holds) throw contradiction(table, key, what);
  };
  switch (table.prefix) {
    case TABLES.node.prefix:
    case TABLES.code.prefix:
      return says(toHex(keccak256(value as Uint8Array)) === toHex(key.subarray(1)), 'its hash is another one');
    case TABLES.header.prefix: {
      const { header } = value as HeaderRecord;
      const { number, hash } = blockOf(table, key);
      says(header.number === number && hashHeader(header) === hash, 'it is that of another block');
      const parent = number === 0 ? key : TABLES.header.key({ number: number - 1, hash: header.parentHash });
      return says(checked.database.get(parent) !== undefined, "the block's parent is not there");
    }
    case TABLES.body.prefix: {
      const header = checked.get(TABLES.header, blockOf(table, key))?.header;
      const { transactions } = value as BodyRecord;
      return says(header !== undefined && transactionsRoot(transactions) === header.transactionsRoot, "it does not fit the block's header");
    }
    case TABLES.receipts.prefix: {
      const header = checked.get(TABLES.header, blockOf(table, key))?.header;
      return says(
        header !== undefined && receiptsRoot(value as readonly Receipt[]) === header.receiptsRoot,
        "they do not fit the block's header",
      );
    }
    default:
  }
}

function blockOf(table: Pick<Table<never, unknown>, 'name'>, key: Uint8Array): BlockId {
  if (key.length !== BLOCK_KEY_BYTES) throw contradiction(table, key, 'its key has the wrong length');
  return { number: numberOfKey(key), hash: hashOf(key.subarray(BLOCK_KEY_BYTES - 32)) };
}

function contradiction({ name }: Pick<Table<never, unknown>, 'name'>, key: Uint8Array, what: string): StorageError {
  const row = toHex(key.subarray(1));
  return new StorageError('storage/inconsistent', `The stored ${name} at ${row} is damaged: ${what}.`, { table: name, row });
}

function headOf(chain: CheckedDatabase, findings: Findings): BlockId | null {
  let head: BlockId | null = null;
  findings.check('chain', () => {
    const hash = chain.get(TABLES.head, null);
    const number = hash === undefined ? undefined : chain.get(TABLES.number, hash);
    if (hash === undefined || number === undefined)
      throw new StorageError('storage/missing', 'There is no head.', { table: TABLES.head.name });
    head = { number, hash };
  });
  findings.check('chain', () => {
    const final = chain.get(TABLES.finalized, null);
    const number = final === undefined ? undefined : chain.get(TABLES.number, final);
    if (number !== undefined && chain.get(TABLES.canonical, number)?.hash === final) return;
    throw new StorageError('storage/inconsistent', 'The finalized block is not on the canonical chain.', { table: TABLES.finalized.name });
  });
  return head;
}

function checkHeadState(chain: CheckedDatabase, head: BlockId, findings: Findings, onProgress: OnProgress): number {
  const seen = new Set<Hash>();
  findings.check('chain', () => {
    const record = chain.get(TABLES.header, head);
    // That it is missing has been said.
    if (record === undefined) return;
    walkState(stateSource(chain), record.header.stateRoot, {
      seen,
      onNode: () => onProgress('state', seen.size),
      onDamage: (error) => {
        findings.add('chain', error);
        return true;
      },
    });
  });
  return seen.size;
}

/** As the log itself would find it, but for counting the opening. */
async function checkLog(consensus: CheckedDatabase, findings: Findings): Promise<void> {
  const state = readState(consensus);
  if (state === null) return;
  let next: number = state.first;
  for await (const [key] of consensus.database.entries({
    from: TABLES.logEntry.key(0),
    to: TABLES.logEntry.key(Number.MAX_SAFE_INTEGER),
  })) {
    const number = numberOfKey(key);
    if (number !== next) findings.add('consensus', gap(next));
    next = number + 1;
  }
  if (next !== state.last + 1) findings.add('consensus', gap(next));
}

/** Null for a log that was never opened, and for a row that is damaged, which has been said. */
function readState(consensus: CheckedDatabase): LogState | null {
  try {
    return consensus.get(TABLES.logState, null) ?? null;
  } catch (error) {
    if (error instanceof StorageError) return null;
    throw error;
  }
}

function gap(lsn: number): StorageError {
  const message = `Record ${lsn} of the consensus log is missing: this node may have signed what it no longer knows.`;
  return new StorageError('storage/log-gap', message, { lsn });
}
