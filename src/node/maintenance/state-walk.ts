/**
 * All of a state: every node of the trie of accounts, of the tries of their storage, and their code (Yellow Paper, 4.1 and appendix D).
 * Without recursion, since a damaged trie may be of any shape.
 */
import { hashOf, toHex } from '../../base/bytes.ts';
import { StorageError } from '../../base/errors.ts';
import type { Hash } from '../../base/types.ts';
import { EMPTY_TRIE_ROOT } from '../../chain/header.ts';
import { decodeAccount, hasCode } from '../../execution/account.ts';
import { decodeStored, type Stored } from '../../execution/stored.ts';
import type { StateSource } from '../../execution/types.ts';

type Kind = 'accounts' | 'storage';

interface Step {
  readonly node: Hash | Stored;
  readonly kind: Kind;
}

const HASH_BYTES = 32;
const BRANCH_ITEMS = 17;
/** The first nibble of a path: 2 and 3 are leaves'. */
const LEAF_FLAG = 0x20;

export interface WalkOptions {
  /** Nodes and code that were visited before, which are not entered again; those of this walk are added. */
  readonly seen: Set<Hash>;
  /** Hears of each part that is missing or damaged. Answers whether to go on. */
  readonly onDamage: (error: StorageError) => boolean;
  readonly onNode?: () => void;
}

/** False when `onDamage` ended it. */
export function walkState(source: StateSource, root: Hash, { seen, onDamage, onNode }: WalkOptions): boolean {
  const steps: Step[] = [{ node: root, kind: 'accounts' }];
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    if (typeof step.node === 'string' && (step.node === EMPTY_TRIE_ROOT || seen.has(step.node))) continue;
    try {
      if (typeof step.node === 'string') {
        seen.add(step.node);
        onNode?.();
      }
      steps.push(...below(source, step, seen));
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (!onDamage(error)) return false;
    }
  }
  return true;
}

/** What a node refers to: by hash, or in itself when it is shorter than one. */
function below(source: StateSource, { node, kind }: Step, seen: Set<Hash>): Step[] {
  const items = typeof node === 'string' ? readNode(source, node) : node;
  if (items instanceof Uint8Array) throw shape('no trie node');
  if (items.length === BRANCH_ITEMS) return items.slice(0, BRANCH_ITEMS - 1).flatMap((child) => childOf(child, kind));
  const [path, value] = items;
  if (items.length !== 2 || !(path instanceof Uint8Array) || value === undefined) throw shape('no trie node');
  if (((path[0] ?? 0) & LEAF_FLAG) === 0) return childOf(value, kind);
  return kind === 'storage' ? [] : accountParts(source, value, seen);
}

function readNode(source: StateSource, hash: Hash): Stored {
  const bytes = source.node(hash);
  if (bytes === undefined) throw new StorageError('execution/state-missing', `The trie node ${hash} is not in the store.`, { hash });
  return decodeStored(bytes, 'trie node');
}

function childOf(child: Stored, kind: Kind): Step[] {
  if (!(child instanceof Uint8Array)) return [{ node: child, kind }];
  if (child.length === 0) return [];
  if (child.length !== HASH_BYTES) throw shape(`a reference of ${child.length} bytes`);
  return [{ node: hashOf(child), kind }];
}

function accountParts(source: StateSource, value: Stored, seen: Set<Hash>): Step[] {
  if (!(value instanceof Uint8Array)) throw shape('an account in the wrong place');
  const account = decodeAccount(value);
  const code = toHex(account.codeHash) as Hash;
  if (hasCode(account) && !seen.has(code)) {
    if (source.code(code) === undefined)
      throw new StorageError('execution/state-missing', `The code ${code} is not in the store.`, { hash: code });
    seen.add(code);
  }
  return [{ node: hashOf(account.storageRoot), kind: 'storage' }];
}

function shape(what: string): StorageError {
  return new StorageError('execution/state-corrupt', `A part of the state is ${what}; the store cannot be trusted.`);
}
