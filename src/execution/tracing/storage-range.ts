/**
 * A piece of an account's storage in the order of its trie, as debug_storageRangeAt gives it: by the hashes of the slots,
 * whose names no node that follows the protocol needs to keep.
 */
import { RLP } from '@ethereumjs/rlp';
import { bigToFixed, bytesToBig, fromHex, hashOf, toHex } from '../../base/bytes.ts';
import { RuleError } from '../../base/errors.ts';
import type { Hash, Json } from '../../base/types.ts';
import type { WorldState } from '../state.ts';
import { StateReader } from '../state-reader.ts';
import { Trie } from '../trie.ts';
import type { StateSource } from '../types.ts';
import type { StorageRange } from './trace-request.ts';

/** JSON text. Ends the use of the state. Throws RuleError for an account that does not exist. */
export async function storageRange(source: StateSource, state: WorldState, { address, start, maxEntries }: StorageRange): Promise<string> {
  const { root, nodes, codes } = await state.finish();
  const settled: StateSource = {
    node: (hash) => nodes.get(hash) ?? source.node(hash),
    code: (hash) => codes.get(hash) ?? source.code(hash),
  };
  const account = new StateReader(settled).account({ stateRoot: root }, address);
  if (account === undefined) throw new RuleError('trace/no-account', `account ${address} doesn't exist`);
  const storage: { [slot: Hash]: Json } = {};
  let shown = 0;
  for (const [key, encoded] of new Trie(settled, account.storageRoot).entriesFrom(fromHex(start))) {
    const slot = hashOf(key);
    if (shown++ === maxEntries) return JSON.stringify({ storage, nextKey: slot });
    storage[slot] = { key: null, value: wordIn(encoded) };
  }
  return JSON.stringify({ storage, nextKey: null });
}

function wordIn(encoded: Uint8Array): Json {
  const value = RLP.decode(encoded);
  return value instanceof Uint8Array ? toHex(bigToFixed(bytesToBig(value), 32)) : null;
}
