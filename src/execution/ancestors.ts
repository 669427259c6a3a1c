/** The hashes that BLOCKHASH can ask for. */
import { StorageError } from '../base/errors.ts';
import type { Hash } from '../base/types.ts';
import { type Header, hashHeader } from '../chain/header.ts';
import type { HeaderView } from '../chain/tree.ts';

/** The EVM looks back no further than this (Yellow Paper, appendix H.2), so neither does the walk. */
const MAX_ANCESTORS = 256;

/** From a height to the hash of that ancestor: `parent` itself or one before it. Walks back only as far as is asked. */
export function ancestorHashes(parent: Header, headers: HeaderView): (number: number) => Hash | undefined {
  const hashes: Hash[] = [hashHeader(parent)];
  let oldest = parent;
  return (number) => {
    const depth = parent.number - number;
    if (depth < 0 || depth >= MAX_ANCESTORS) return undefined;
    while (hashes.length <= depth && oldest.number > 0) {
      const hash = oldest.parentHash;
      const older = headers.get(hash);
      // Never an answer of zero instead: this node would then compute another state than everybody else.
      if (older === undefined) throw new StorageError('execution/header-missing', `The header ${hash} is not in the store.`, { hash });
      hashes.push(hash);
      oldest = older.header;
    }
    return hashes[depth];
  };
}
