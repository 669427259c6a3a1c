/**
 * What a datadir's validators have signed, in its consensus log (`consensus/pos/records.ts`), read and added to while no
 * node runs in it.
 */
import { UsageError } from '../base/errors.ts';
import type { PublicKey } from '../base/signatures.ts';
import { type Hash, Lsn, ZERO_ADDRESS } from '../base/types.ts';
import { type History, noteSigned, type Signed, signedBy } from '../consensus/pos/protection.ts';
import { decodeRecord, encodeRecord, noteRecord } from '../consensus/pos/records.ts';
import { parseGenesis } from '../execution/genesis-document.ts';

export interface SigningHistory {
  readonly network: Hash;
  readonly signed: ReadonlyMap<PublicKey, Signed>;
  /** Adds what others have signed, and returns once it is on disk: how many keys may sign less than before. */
  raise(more: ReadonlyMap<PublicKey, Signed>): Promise<number>;
  close(): Promise<void>;
}

/**
 * Makes the datadir when there is none. Throws UsageError `arguments/engine` for another engine's network, StorageError
 * `storage/locked` while a node runs, and what else opening a chain throws.
 */
export async function openHistory(datadir: string, genesis: unknown): Promise<SigningHistory> {
  const { engine } = parseGenesis(genesis);
  if (engine.name !== 'pos')
    throw new UsageError('arguments/engine', `The network in ${datadir} has the engine ${engine.name}, which has no slashing.`);
  const { openChain } = await import('../node/chain.ts');
  const chain = await openChain(datadir, genesis, { node: { beneficiary: ZERO_ADDRESS, produce: false, signers: [] } });
  try {
    const failed = Promise.withResolvers<never>();
    // Only `raise` waits for it.
    failed.promise.catch(() => undefined);
    const { log, records, lsn } = await chain.datadir.openLog(failed.reject);
    const signed = historyOf(records);
    let last = lsn;
    const raise = async (more: ReadonlyMap<PublicKey, Signed>): Promise<number> => {
      const added = [...more].filter(([key, each]) => isMore(each, signedBy(signed, key)));
      if (added.length === 0) return 0;
      last = Lsn(last + added.length);
      const encoded = added.map(([key, each]) => encodeRecord({ type: 'signed', key, signed: each }));
      await Promise.race([new Promise<void>((done) => log.append(last, encoded, undefined, done)), failed.promise]);
      for (const [key, each] of added) noteSigned(signed, key, each);
      return added.length;
    };
    return { network: chain.genesisHash, signed, raise, close: () => chain.close() };
  } catch (error) {
    await chain.close();
    throw error;
  }
}

/** As the engine reads it after a start. */
function historyOf(records: readonly Uint8Array[]): History {
  const history: History = new Map();
  for (const bytes of records) noteRecord(history, decodeRecord(bytes));
  return history;
}

function isMore(more: Signed, known: Signed): boolean {
  return more.slot > known.slot || more.source > known.source || more.target > known.target;
}
