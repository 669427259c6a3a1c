/** What a network was made of, read back, and refused where it is not whole. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { UsageError } from '../../src/base/errors.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { engineAccounts } from '../../src/node/genesis-accounts.ts';
import { createManifest, loadManifest, paths, type TestnetOptions } from '../../src/testnet/manifest.ts';
import { DEV_MNEMONIC } from '../../src/wallet/mnemonic.ts';
import { temporaryDirectories } from '../support/directory.ts';

const temporary = temporaryDirectories();
const NOW_MS = 1_700_000_000_999;
const OPTIONS: TestnetOptions = {
  nodes: 3,
  miners: 2,
  validators: 4,
  engine: 'pos',
  blockTimeSeconds: 1,
  chainId: 31_337,
  mnemonic: DEV_MNEMONIC,
  accounts: 2,
  balance: 100,
  hashRateLimit: 1_000,
};

type Fields = { [key: string]: unknown };

async function make(options: Partial<TestnetOptions> = {}): Promise<{ directory: string; genesis: Fields }> {
  const directory = temporary();
  const wanted = { ...OPTIONS, ...options };
  expect(await createManifest(directory, wanted, builtInGenesis(wanted.engine), NOW_MS)).toEqual(loadManifest(directory));
  return { directory, genesis: JSON.parse(readFileSync(paths.genesis(directory), 'utf8')) as Fields };
}

function refusal(directory: string): UsageError {
  try {
    loadManifest(directory);
  } catch (error) {
    return error as UsageError;
  }
  throw new Error('It should have been refused');
}

describe('the manifest of a test network', () => {
  it('is not there before there is a network', () => {
    expect(loadManifest(temporary())).toBeNull();
  });

  it('gives the validators to the nodes in turn, and the nodes time to come up', async () => {
    const { directory, genesis } = await make();
    expect(loadManifest(directory)?.nodes.map(({ mines, validators }) => [mines, validators])).toEqual([
      [false, [0, 3]],
      [false, [1]],
      [false, [2]],
    ]);
    expect(genesis).toMatchObject({ difficulty: '0x0', timestamp: `0x${(1_700_000_002).toString(16)}` });
    const { engine } = genesis.config as { engine: { slotSeconds: number; validators: Fields[] } };
    expect(engine.slotSeconds).toBe(1);
    const [first, second] = Object.keys(genesis.alloc as Fields).slice(-2);
    expect(engine.validators.map(({ depositor }) => depositor)).toEqual([first, second, first, second]);
    // Or its validators could not leave.
    expect(genesis.alloc).toMatchObject(engineAccounts(engine as never));
    expect(Object.keys(engineAccounts(engine as never))).toHaveLength(1);
  });

  it('spreads the miners', async () => {
    const { directory, genesis } = await make({ engine: 'pow', nodes: 4 });
    expect(loadManifest(directory)?.nodes.map(({ mines }) => mines)).toEqual([true, false, true, false]);
    expect(genesis.timestamp).toBe(`0x${(1_700_000_000).toString(16)}`);
  });

  it.each<[string, (manifest: Fields, options: Fields, node: Fields) => void]>([
    ['version', (manifest) => Object.assign(manifest, { version: 2 })],
    ['options', (manifest) => delete manifest.options],
    // As before proof-of-stake.
    ['options.validators', (_, options) => delete options.validators],
    ['options.nodes', (_, options) => Object.assign(options, { nodes: 'many' })],
    ['nodes', (manifest) => Object.assign(manifest, { nodes: [] })],
    ['nodes.0.validators', (_, _options, node) => delete node.validators],
    ['nodes.0.etherbase', (_, _options, node) => Object.assign(node, { etherbase: '0x12' })],
  ])('without a right %s is refused by name', async (field, damage) => {
    const { directory } = await make();
    const file = paths.manifest(directory);
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { options: Fields; nodes: Fields[] };
    damage(manifest, manifest.options, manifest.nodes[0] ?? {});
    writeFileSync(file, JSON.stringify(manifest));
    const error = refusal(directory);
    expect(error.code).toBe('testnet/manifest');
    expect(error.message).toContain(`(${field}: `);
  });

  it('that is no JSON is refused', async () => {
    const { directory } = await make();
    writeFileSync(paths.manifest(directory), 'no JSON');
    expect(refusal(directory).code).toBe('testnet/manifest');
  });
});
