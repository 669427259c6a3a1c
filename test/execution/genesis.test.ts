import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HDKey } from '@scure/bip32';
import { mnemonicToSeedSync } from '@scure/bip39';
import { getCreate2Address } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/bytes.ts';
import { Address, type Hash } from '../../src/base/types.ts';
import { EMPTY_TRIE_ROOT, hashHeader } from '../../src/chain/header.ts';
import { FORKS, forkAt } from '../../src/chain/params.ts';
import { buildGenesis, EMPTY_REQUESTS_HASH, parseGenesis } from '../../src/execution/genesis.ts';
import { keccakHash } from '../../src/execution/keccak.ts';
import { StateReader } from '../../src/execution/state-reader.ts';
import { BEACON_ROOTS, BLOCK_HASHES, CONSOLIDATION_REQUESTS, WITHDRAWAL_REQUESTS } from '../../src/execution/system-contracts.ts';
import { ALICE, deployment, ETHER, genesisDocument, MemoryState, TestChain, transaction } from './support.ts';

const shipped: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../../genesis/pow.json'), 'utf8'));
const MNEMONIC = 'test test test test test test test test test test test junk';
const SLOT = `0x${'00'.repeat(31)}05`;
const FACTORY = Address('0x4e59b44847b379578588920ca78fbf26c0b4956c');
const account = `0x${'ab'.repeat(20)}`;

describe('the shipped proof-of-work network', () => {
  it('has the newest rules, their system contracts and a genesis with every field', async () => {
    const genesis = parseGenesis(shipped);
    expect(genesis.chainId).toBe(31_337);
    expect(genesis.engine).toMatchObject({ name: 'pow', settings: { blockTimeSeconds: 2, pauseAfterSeconds: 40 } });
    expect(forkAt(genesis.forks, 0, 0)).toBe(FORKS.at(-1));
    const { block, execution, params } = await buildGenesis(genesis);
    expect(params.genesisHash).toBe(hashHeader(block.header));
    expect(block.header).toMatchObject({ baseFeePerGas: 10n ** 9n, requestsHash: EMPTY_REQUESTS_HASH, withdrawalsRoot: EMPTY_TRIE_ROOT });
    const state = new MemoryState();
    state.write(execution);
    const reader = new StateReader(state);
    for (const contract of [BEACON_ROOTS, BLOCK_HASHES, WITHDRAWAL_REQUESTS, CONSOLIDATION_REQUESTS]) {
      expect(reader.code(block.header, contract).length).toBeGreaterThan(50);
    }
  });

  it("gives ten thousand ether to each of anvil's ten accounts", async () => {
    const { block, execution } = await buildGenesis(parseGenesis(shipped));
    const state = new MemoryState();
    state.write(execution);
    const root = HDKey.fromMasterSeed(mnemonicToSeedSync(MNEMONIC));
    for (let i = 0; i < 10; i++) {
      const { privateKey } = root.derive(`m/44'/60'/0'/0/${i}`);
      const { address } = privateKeyToAccount(toHex(privateKey ?? new Uint8Array(0)));
      expect(new StateReader(state).account(block.header, Address(address))?.balance).toBe(10_000n * ETHER);
    }
  });

  it('writes its parents into the history contract and answers no requests', async () => {
    const chain = await TestChain.start(shipped);
    await chain.mine();
    await chain.mine();
    expect(chain.head.requestsHash).toBe(EMPTY_REQUESTS_HASH);
    const slot = `0x${'1'.padStart(64, '0')}` as Hash;
    expect(new StateReader(chain.state).storage(chain.head, BLOCK_HASHES, slot)).toBe(chain.head.parentHash);
  });
});

describe('the CREATE2 factory of the shipped network', () => {
  it('puts a contract where its salt and code say', async () => {
    const chain = await TestChain.start({
      ...(shipped as object),
      alloc: { ...(shipped as { alloc: object }).alloc, ...genesisDocument().alloc },
    });
    const initcode = deployment('0x6001');
    const salt = `0x${'5a'.repeat(32)}` as const;
    const { receipts } = await chain.mine(transaction(ALICE, 0, FACTORY, { data: `${salt}${initcode.slice(2)}`, gasLimit: 200_000n }));
    expect(receipts[0]?.success).toBe(true);
    const expected = getCreate2Address({ from: FACTORY, salt, bytecode: initcode });
    expect(toHex(new StateReader(chain.state).code(chain.head, Address(expected)))).toBe('0x6001');
  });
});

describe('parseGenesis', () => {
  it('reads numbers in every form that geth writes', () => {
    const genesis = parseGenesis({
      ...genesisDocument({ [account.slice(2).toUpperCase()]: { balance: '0x10', nonce: 7, storage: { '0x5': '0x01' } } }),
      gasLimit: 5_000_000,
      difficulty: '0x20000',
      timestamp: '12',
      nonce: '0x42',
      extraData: '0xabcd',
    });
    expect(genesis).toMatchObject({
      gasLimit: 5_000_000n,
      difficulty: 131_072n,
      timestamp: 12,
      nonce: '0x0000000000000042',
      extraData: '0xabcd',
    });
    expect(genesis.alloc.get(Address(account))).toEqual({
      balance: 16n,
      nonce: 7n,
      code: '0x',
      storage: { [SLOT]: `0x${'00'.repeat(31)}01` },
    });
  });

  it('takes a config without forks as the newest, and reads a schedule by blocks and times', () => {
    expect(forkAt(parseGenesis(genesisDocument()).forks, 0, 0)).toBe('osaka');
    const { forks } = parseGenesis(
      genesisDocument(
        {},
        {
          homesteadBlock: 0,
          byzantiumBlock: 2,
          londonBlock: 4,
          terminalTotalDifficulty: 0,
          shanghaiTime: 100,
          cancunTime: 200,
          bpo1Time: 300,
        },
      ),
    );
    expect([0, 2, 4].map((number) => forkAt(forks, number, 0))).toEqual(['homestead', 'byzantium', 'paris']);
    expect([99, 100, 200].map((time) => forkAt(forks, 9, time))).toEqual(['paris', 'shanghai', 'cancun']);
  });

  const config = (changes: Record<string, unknown>) => ({ ...genesisDocument(), config: { ...genesisDocument().config, ...changes } });
  const top = (changes: Record<string, unknown>) => ({ ...genesisDocument(), ...changes });
  const alloc = (entry: unknown, key = account) => top({ alloc: { [key]: entry } });
  let deep: unknown = 1;
  for (let i = 0; i < 100; i++) deep = [deep];

  it.each<[string, unknown]>([
    ['genesis/document', null],
    ['genesis/document', []],
    ['genesis/document', 'genesis'],
    ['genesis/config', top({ config: undefined })],
    ['genesis/chainId', config({ chainId: undefined })],
    ['genesis/chainId', config({ chainId: 0 })],
    ['genesis/chainId', config({ chainId: -1 })],
    ['genesis/chainId', config({ chainId: 1.5 })],
    ['genesis/chainId', config({ chainId: '0x1fffffffffffff1' })],
    ['genesis/engine', config({ engine: undefined })],
    ['genesis/engine', config({ engine: 'pow' })],
    ['genesis/engine', config({ engine: { name: '../pow' } })],
    ['genesis/engine', config({ engine: { name: 'pow', deep } })],
    ['genesis/engine', config({ engine: { name: 'pow', strange: 1n } })],
    ['genesis/amsterdamTime', config({ amsterdamTime: 0 })],
    ['genesis/londonBlock', config({ londonBlock: 'soon' })],
    ['genesis/forks', config({ byzantiumBlock: 5, londonBlock: 4 })],
    ['genesis/forks', config({ byzantiumBlock: 0, londonBlock: 0, shanghaiTime: 9, cancunTime: 8 })],
    ['genesis/forks', config({ byzantiumBlock: 0, londonBlock: 0, shanghaiTime: 0, pragueTime: 0 })],
    ['genesis/gasLimit', top({ gasLimit: undefined })],
    ['genesis/gasLimit', top({ gasLimit: 4_999 })],
    ['genesis/gasLimit', top({ gasLimit: '99999999999999' })],
    ['genesis/difficulty', top({ difficulty: {} })],
    ['genesis/extraData', top({ extraData: `0x${'00'.repeat(33)}` })],
    ['genesis/extraData', top({ extraData: '0x0' })],
    ['genesis/nonce', top({ nonce: `0x${'11'.repeat(9)}` })],
    ['genesis/mixHash', top({ mixHash: '0x00' })],
    ['genesis/coinbase', top({ coinbase: 'miner' })],
    ['genesis/timestamp', top({ timestamp: -5 })],
    ['genesis/alloc', top({ alloc: [] })],
    ['genesis/alloc', alloc({}, '0x1234')],
    ['genesis/alloc', alloc(null)],
    ['genesis/alloc', alloc({ balance: 'much' })],
    ['genesis/alloc', alloc({ balance: `0x1${'00'.repeat(32)}` })],
    ['genesis/alloc', alloc({ code: '0xzz' })],
    ['genesis/alloc', alloc({ storage: { '0x1': `0x${'11'.repeat(33)}` } })],
    ['genesis/alloc', top({ alloc: { [account]: {}, [account.slice(2)]: {} } })],
  ])('refuses with %s', (code, document) => {
    expect(() => parseGenesis(document)).toThrow(expect.objectContaining({ name: 'UsageError', code }));
  });
});

describe('buildGenesis', () => {
  it('refuses rules that are older than its receipts', async () => {
    const genesis = parseGenesis(genesisDocument({}, { homesteadBlock: 0, byzantiumBlock: 9 }));
    await expect(buildGenesis(genesis)).rejects.toMatchObject({ name: 'UsageError', code: 'genesis/forks' });
  });

  it('has the trailing fields of the fork at its own time', async () => {
    const { block } = await buildGenesis(parseGenesis(genesisDocument({}, { byzantiumBlock: 0, londonBlock: 0, shanghaiTime: 9 })));
    expect(block.header.baseFeePerGas).toBe(10n ** 9n);
    expect(block.header.withdrawalsRoot).toBeUndefined();
  });

  it('puts code and storage where the allocation says', async () => {
    const chain = await TestChain.start(
      genesisDocument({ [account]: { balance: '1', code: '0x6001', storage: { [SLOT]: '0x2a', '0x06': '0x00' } } }),
    );
    const reader = new StateReader(chain.state);
    expect(toHex(reader.code(chain.head, Address(account)))).toBe('0x6001');
    expect(reader.storage(chain.head, Address(account), SLOT as Hash)).toBe(`0x${'00'.repeat(31)}2a`);
    for (const [hash, bytes] of chain.state.nodes) expect(keccakHash(bytes)).toBe(hash);
  });
});
