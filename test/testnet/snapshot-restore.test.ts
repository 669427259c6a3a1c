/** A snapshot is restored again where a restore was interrupted before its network came to its place. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { heightOf } from '../../src/node/datadir-copy.ts';
import { openDatadir } from '../../src/storage/datadir.ts';
import { createManifest, paths } from '../../src/testnet/manifest.ts';
import { finishRestore, stageRestore } from '../../src/testnet/snapshots/restore.ts';
import { takeStopped } from '../../src/testnet/snapshots/stopped.ts';
import { DEV_MNEMONIC } from '../../src/wallet/mnemonic.ts';
import { buildGenesis } from '../support/chain.ts';
import { temporaryDirectories } from '../support/directory.ts';

const temporary = temporaryDirectories();
const OPTIONS = { nodes: 1, miners: 1, validators: 0, engine: 'pow', blockTimeSeconds: 1, chainId: 31_337, mnemonic: DEV_MNEMONIC };

it('builds the network anew, and leaves nothing of what there was', async () => {
  const directory = temporary();
  const manifest = await createManifest(directory, { ...OPTIONS, accounts: 1, balance: 1, hashRateLimit: 1_000 }, builtInGenesis('pow'), 0);
  const genesis = buildGenesis();
  const root = paths.datadir(directory, 0);
  const datadir = await openDatadir(root, { genesisHash: genesis.hash, chainId: 31_337, engine: 'pow' });
  const store = await datadir.openStore(genesis);
  await datadir.openLog(() => undefined);
  await store.close();
  await datadir.close();
  await takeStopped(directory, manifest, 'one');
  await stageRestore(directory, 'one');
  const staged = paths.datadir(join(directory, 'restored'), 0);
  writeFileSync(join(staged, 'from-before'), '');
  await stageRestore(directory, 'one');
  expect(existsSync(join(staged, 'from-before'))).toBe(false);
  rmSync(root, { recursive: true });
  expect(finishRestore(directory)).toBe(true);
  expect(await heightOf(root)).toBe(0);
  expect(existsSync(join(directory, 'restored.old'))).toBe(false);
});
