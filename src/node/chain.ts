/** A network's chain on disk, opened: what a node, `synod init`, `export` and `import` have in common. */
import type { Hash } from '../base/types.ts';
import type { ChainParams } from '../chain/params.ts';
import type { AnyEngine, NodeSettings } from '../consensus/engine.ts';
import { createEngine } from '../consensus/registry.ts';
import { buildGenesis, parseGenesis } from '../execution/genesis.ts';
import type { ChainStore } from '../storage/chain-store.ts';
import { type Datadir, openDatadir } from '../storage/datadir.ts';
import { blsSignatures } from '../wallet/bls.ts';
import { checkEngineAccounts, checkLaterAccounts } from './genesis-accounts.ts';
import { keepGenesis } from './genesis-file.ts';
import { removeKilledBackup } from './maintenance/backup.ts';

export interface OpenChain {
  readonly params: ChainParams;
  readonly genesisHash: Hash;
  readonly engine: AnyEngine;
  readonly datadir: Datadir;
  readonly store: ChainStore;
  close(): Promise<void>;
}

export interface OpenChainOptions {
  /** Sets a damaged chain aside and begins again from genesis; peers give it back. */
  readonly resync?: boolean;
  readonly node: NodeSettings;
}

/**
 * Opens the datadir of the network that `document` (a genesis file as JSON) describes, or makes it. Throws UsageError for
 * a document or datadir that does not fit, StorageError for one that is damaged or in use.
 */
export async function openChain(root: string, document: unknown, options: OpenChainOptions): Promise<OpenChain> {
  const genesis = parseGenesis(document);
  checkEngineAccounts(genesis);
  checkLaterAccounts(genesis);
  const { block, execution, params } = await buildGenesis(genesis);
  const engine = createEngine(params, options.node, blsSignatures);
  const { genesisHash, chainId } = params;
  const network = { genesisHash, chainId, engine: engine.name };
  const datadir = await openDatadir(root, network, { resync: options.resync === true });
  try {
    await removeKilledBackup(root);
    const store = await datadir.openStore({ block, execution, facts: engine.genesisFacts(block.header) });
    keepGenesis(root, document);
    const close = async () => {
      try {
        await store.close();
      } finally {
        // Also when the last writes failed: the lock must not outlive the node.
        await datadir.close();
      }
    };
    return { params, genesisHash, engine, datadir, store, close };
  } catch (error) {
    await datadir.close();
    throw error;
  }
}
