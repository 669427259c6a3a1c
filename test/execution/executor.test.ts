import { eoaCode7702SignAuthorization } from '@ethereumjs/util';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { RuleError } from '../../src/base/errors.ts';
import { Address, type Hash } from '../../src/base/types.ts';
import { type Block, checkPayload, decodeBlock, encodeBlock } from '../../src/chain/block.ts';
import type { Header } from '../../src/chain/header.ts';
import { checkHeader } from '../../src/chain/rules.ts';
import { createdAddress } from '../../src/execution/block-run.ts';
import { transactionsRoot } from '../../src/execution/roots.ts';
import { StateReader } from '../../src/execution/state-reader.ts';
import {
  ALICE,
  BENEFICIARY,
  BOB,
  buildFields,
  CAROL,
  deployment,
  ETHER,
  GWEI,
  genesisDocument,
  keyOf,
  ListPool,
  MemoryState,
  RANDOMNESS,
  TestChain,
  transaction,
} from './support.ts';

const GAS = { gasLimit: 200_000n };
const SLOT_0 = `0x${'00'.repeat(32)}` as Hash;
/** Stores the block number in slot 0 and logs a word with one topic. */
const LOGGER = '0x43600055600160206000a100';
/** JUMPDEST, PUSH1 0, JUMP. */
const LOOP = '0x5b600056';

/** A contract in genesis. */
const placed = (digit: string) => Address(`0x${digit.repeat(40)}`);

describe('building and executing', () => {
  it('executes on another store what was built here, to the same nodes', async () => {
    const chain = await TestChain.start();
    const twin = await TestChain.start();
    const contract = createdAddress(ALICE.address, 1n);
    const { block, execution } = await chain.build([
      transaction(ALICE, 0, BOB.address, { value: ETHER }),
      transaction(ALICE, 1, null, { data: deployment(LOGGER), ...GAS }),
      transaction(BOB, 0, contract, GAS),
      transaction(BOB, 1, CAROL.address, { value: 1n }),
    ]);
    expect(execution.receipts.map(({ success }) => success)).toEqual([true, true, true, true]);
    expect(execution.receipts.map(({ logs }) => logs.length)).toEqual([0, 0, 1, 0]);
    expect(execution.receipts.map(({ contractAddress }) => contractAddress)).toEqual([null, contract, null, null]);
    checkHeader(block.header, chain.head, chain.params);
    checkPayload(block);
    const again = await twin.executor.execute(decodeBlock(encodeBlock(block)), twin.head);
    expect(again.receipts).toEqual(execution.receipts);
    expect([...again.nodes.keys()].sort()).toEqual([...execution.nodes.keys()].sort());
    expect([...again.codes.keys()]).toEqual([...execution.codes.keys()]);
  });

  it('keeps every earlier state readable', async () => {
    const chain = await TestChain.start();
    const reader = new StateReader(chain.state);
    for (let nonce = 0; nonce < 5; nonce++) await chain.mine(transaction(ALICE, nonce, CAROL.address, { value: ETHER }));
    const balances = chain.blocks.map(({ header }) => reader.account(header, CAROL.address)?.balance);
    expect(balances).toEqual([1000n, 1001n, 1002n, 1003n, 1004n, 1005n].map((ether) => ether * ETHER));
  });

  it('pays the tip to the beneficiary, burns the base fee and mints what the engine says', async () => {
    const chain = await TestChain.start(genesisDocument(), ({ header }) => [{ to: header.beneficiary, amount: 2n * ETHER }]);
    const reader = new StateReader(chain.state);
    await chain.mine(transaction(ALICE, 0, BOB.address, { value: 5n }));
    expect(reader.account(chain.head, BENEFICIARY)?.balance).toBe(2n * ETHER + 21_000n * GWEI);
    const baseFee = chain.head.baseFeePerGas ?? 0n;
    expect(reader.account(chain.head, ALICE.address)?.balance).toBe(1_000n * ETHER - 5n - 21_000n * (baseFee + GWEI));
  });

  it('commits to the payload in extraData', async () => {
    const chain = await TestChain.start();
    const { block } = await chain.build([], { fields: { payload: Uint8Array.of(1, 2, 3) } });
    checkPayload(block);
    expect(block.header.extraData).toHaveLength(66);
    await chain.executor.execute(block, chain.head);
  });

  it('answers BLOCKHASH from the ancestors and PREVRANDAO from the engine', async () => {
    const chain = await TestChain.start();
    await chain.mine();
    await chain.mine();
    // Constructors that store BLOCKHASH(NUMBER - 2) and PREVRANDAO.
    await chain.mine(
      transaction(ALICE, 0, null, { data: '0x6002430340600055', ...GAS }),
      transaction(ALICE, 1, null, { data: '0x44600055', ...GAS }),
    );
    const reader = new StateReader(chain.state);
    expect(reader.storage(chain.head, createdAddress(ALICE.address, 0n), SLOT_0)).toBe(chain.blocks[2]?.header.parentHash);
    expect(reader.storage(chain.head, createdAddress(ALICE.address, 1n), SLOT_0)).toBe(RANDOMNESS);
  });

  it('stops rather than answer BLOCKHASH from a gap in the headers', async () => {
    const chain = await TestChain.start();
    for (let i = 0; i < 3; i++) await chain.mine();
    chain.blocks.splice(1, 1);
    const build = chain.build([transaction(ALICE, 0, null, { data: '0x6004430340600055', ...GAS })]);
    await expect(build).rejects.toMatchObject({ name: 'StorageError', code: 'execution/header-missing' });
  });

  it('applies EIP-7702 authorizations', async () => {
    const logger = placed('7');
    const chain = await TestChain.start(genesisDocument({ [logger]: { balance: '0', code: LOGGER } }));
    const signed = eoaCode7702SignAuthorization({ chainId: '0x7a69', address: logger, nonce: '0x0' }, BOB.secret).map(toHex);
    const [chainId, address, nonce, yParity, r, s] = signed;
    const authorizationList = [{ chainId, address, nonce, yParity, r, s }];
    const { receipts } = await chain.mine(
      transaction(ALICE, 0, BOB.address, { type: 4, authorizationList, gasLimit: 150_000n } as never),
      transaction(ALICE, 1, BOB.address, GAS),
      // An account that delegates may still send.
      transaction(BOB, 1, CAROL.address, { value: 1n }),
    );
    expect(receipts.map(({ success }) => success)).toEqual([true, true, true]);
    expect(receipts[1]?.logs[0]?.address).toBe(BOB.address);
    expect(toHex(new StateReader(chain.state).code(chain.head, BOB.address))).toBe(`0xef0100${logger.slice(2)}`);
  });

  it('gives failed transactions a receipt and keeps nothing else of them', async () => {
    const chain = await TestChain.start(
      genesisDocument({ [placed('7')]: { balance: '0', code: '0x60016000556000 6000fd'.replace(' ', '') } }),
    );
    const { receipts } = await chain.mine(
      transaction(ALICE, 0, placed('7'), { ...GAS, value: 5n }),
      transaction(ALICE, 1, null, { data: '0xfe', ...GAS }),
    );
    expect(receipts.map(({ success, logs }) => ({ success, logs }))).toEqual([
      { success: false, logs: [] },
      { success: false, logs: [] },
    ]);
    expect(receipts[1]?.gasUsed).toBe(200_000n);
    const reader = new StateReader(chain.state);
    expect(reader.storage(chain.head, placed('7'), SLOT_0)).toBe(SLOT_0);
    expect(reader.account(chain.head, placed('7'))?.balance).toBe(0n);
  });

  it('lets the event loop run during a transaction that loops', async () => {
    const chain = await TestChain.start(genesisDocument({ [placed('7')]: { balance: '0', code: LOOP } }));
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    try {
      const { receipts } = await chain.mine(transaction(ALICE, 0, placed('7'), { gasLimit: 3_000_000n }));
      expect(receipts[0]).toMatchObject({ success: false, gasUsed: 3_000_000n });
    } finally {
      clearInterval(timer);
    }
    expect(turns).toBeGreaterThan(1);
  });
});

describe('building', () => {
  it('drops what cannot be executed, with the reason, and goes on', async () => {
    const chain = await TestChain.start();
    const poor = keyOf('poor');
    const pool = new ListPool(
      [
        transaction(ALICE, 1, BOB.address),
        transaction(poor, 0, BOB.address),
        transaction(ALICE, 0, BOB.address),
        transaction(ALICE, 0, CAROL.address),
        transaction(BOB, 0, CAROL.address, { maxFeePerGas: 1n, maxPriorityFeePerGas: 0n }),
        transaction(ALICE, 1, BOB.address),
      ].map((bytes) => chain.decode(bytes)),
    );
    const { block } = await chain.build([], { pool });
    expect(pool.dropped.map(({ error }) => error?.code)).toEqual([
      'tx/nonce-too-high',
      'tx/insufficient-funds',
      'tx/nonce-too-low',
      'tx/fee-below-base',
    ]);
    expect(pool.taken.map(({ sender, nonce }) => [sender, nonce])).toEqual([
      [ALICE.address, 0n],
      [ALICE.address, 1n],
    ]);
    await chain.executor.execute(block, chain.head);
  });

  it('leaves out a transfer whose type the fork does not know yet, as other nodes would refuse the block', async () => {
    const forks = { homesteadBlock: 0, eip150Block: 0, eip155Block: 0, eip158Block: 0, byzantiumBlock: 0, berlinBlock: 5, londonBlock: 5 };
    const chain = await TestChain.start(genesisDocument({}, forks));
    const pool = new ListPool([chain.decode(transaction(ALICE, 0, BOB.address, { value: 1n }))]);
    const { block } = await chain.build([], { pool });
    expect(block.transactions).toEqual([]);
    expect(pool.dropped.map(({ error }) => error?.code)).toEqual(['tx/type-unsupported']);
  });

  it('leaves out what does not fit, without blaming it', async () => {
    const chain = await TestChain.start(genesisDocument({}, {}, '50000'));
    const pool = new ListPool(
      [
        transaction(ALICE, 0, BOB.address),
        transaction(BOB, 0, CAROL.address, { gasLimit: 40_000n }),
        transaction(CAROL, 0, ALICE.address),
        transaction(ALICE, 1, BOB.address),
      ].map((bytes) => chain.decode(bytes)),
    );
    const { block } = await chain.build([], { pool });
    expect(block.transactions).toHaveLength(2);
    expect(pool.dropped.map(({ tx, error }) => [tx.sender, error])).toEqual([[BOB.address, null]]);
    expect(block.header.gasUsed).toBe(42_000n);
  });

  it('moves the gas limit towards the wanted one, as far as the rules let it', async () => {
    const chain = await TestChain.start();
    const { block } = await chain.build([], { gasLimit: 90_000_000n });
    expect(block.header.gasLimit).toBeGreaterThan(60_000_000n);
    checkHeader(block.header, chain.head, chain.params);
  });

  it('stops collecting at its deadline', async () => {
    const chain = await TestChain.start();
    const pool = new ListPool([chain.decode(transaction(ALICE, 0, BOB.address))]);
    const { block } = await chain.executor.build(chain.head, buildFields(chain.head), pool, { gasLimit: 60_000_000n, buildTimeMs: 0 });
    expect(block.transactions).toHaveLength(0);
    expect(pool.dropped).toHaveLength(0);
  });
});

describe('executing a block of others', () => {
  const word = `0x${'77'.repeat(32)}` as Hash;

  async function made(): Promise<{ chain: TestChain; block: Block }> {
    const chain = await TestChain.start();
    const { block } = await chain.build([
      transaction(ALICE, 0, null, { data: deployment(LOGGER), ...GAS }),
      transaction(BOB, 0, createdAddress(ALICE.address, 0n), GAS),
      transaction(ALICE, 1, CAROL.address, { value: 1n }),
    ]);
    return { chain, block };
  }

  it.each<[string, Partial<Header>]>([
    ['block/transactionsRoot', { transactionsRoot: word }],
    ['block/receiptsRoot', { receiptsRoot: word }],
    ['block/logsBloom', { logsBloom: `0x${'77'.repeat(256)}` }],
    ['block/gasUsed', { gasUsed: 21_000n }],
    ['block/stateRoot', { stateRoot: word }],
    ['block/requestsHash', { requestsHash: word }],
    // Fields that execution reads: another value gives another result, or none.
    ['block/stateRoot', { beneficiary: CAROL.address }],
    ['block/stateRoot', { number: 2 }],
    ['tx/block-gas', { gasLimit: 100_000n }],
    ['tx/fee-below-base', { baseFeePerGas: 10n ** 12n }],
  ])('refuses with %s when %o', async (code, changes) => {
    const { chain, block } = await made();
    const wrong = { ...block, header: { ...block.header, ...changes } };
    await expect(chain.executor.execute(wrong, chain.head)).rejects.toMatchObject({ name: 'RuleError', code });
    // Nothing of it stays: the right one executes.
    await chain.executor.execute(block, chain.head);
  });

  it.each<[string, (transactions: readonly Uint8Array[]) => Uint8Array[]]>([
    ['block/duplicate-transaction', ([a = new Uint8Array(0), b = a]) => [a, b, b]],
    ['tx/nonce-too-low', ([a = new Uint8Array(0)]) => [a, transaction(ALICE, 0, BOB.address)]],
    ['tx/nonce-too-high', () => [transaction(ALICE, 5, BOB.address)]],
    ['tx/insufficient-funds', () => [transaction(ALICE, 0, BOB.address, { value: 10_000n * ETHER })]],
    ['tx/insufficient-funds', () => [transaction(keyOf('nobody'), 0, BOB.address)]],
    ['tx/block-gas', () => Array.from({ length: 4 }, (_, i) => transaction(ALICE, i, BOB.address, { gasLimit: 16_000_000n - BigInt(i) }))],
    ['tx/intrinsic-gas', () => [transaction(ALICE, 0, BOB.address, { gasLimit: 20_000n })]],
    ['tx/malformed', () => [Uint8Array.of(0xc1, 0x80)]],
    ['tx/type-unsupported', () => [Uint8Array.of(3, 0xc0)]],
    ['tx/wrong-chain', () => [fromHex(EIP155_EXAMPLE)]],
  ])('refuses with %s the transactions', async (code, change) => {
    const { chain, block } = await made();
    // A tight block, so that gas runs out before funds do.
    const transactions = change(block.transactions);
    const gasLimit = code === 'tx/block-gas' ? 16_020_000n : block.header.gasLimit;
    const header = { ...block.header, gasLimit, transactionsRoot: transactionsRoot(transactions) };
    await expect(chain.executor.execute({ ...block, header, transactions }, chain.head)).rejects.toMatchObject({ name: 'RuleError', code });
  });

  it('says which transaction is at fault', async () => {
    const { chain, block } = await made();
    const transactions = [...block.transactions, transaction(ALICE, 7, BOB.address)];
    const header = { ...block.header, transactionsRoot: transactionsRoot(transactions) };
    await expect(chain.executor.execute({ ...block, header, transactions }, chain.head)).rejects.toThrow(
      /^Transaction 3 of block 1: nonce too high/,
    );
  });

  it('refuses a sender that has code', async () => {
    const chain = await TestChain.start(genesisDocument({ [ALICE.address]: { balance: (5n * ETHER).toString(), code: '0x00' } }));
    const pool = new ListPool([chain.decode(transaction(ALICE, 0, BOB.address))]);
    await chain.build([], { pool });
    expect(pool.dropped[0]?.error?.code).toBe('tx/sender-has-code');
  });

  it('makes what only the library refuses a fault of the transaction', async () => {
    const chain = await TestChain.start();
    // An access list entry for which our decoder vouches and the library has other bytes.
    const tx = { ...chain.decode(transaction(ALICE, 0, null, { data: '0x00', ...GAS })), bytes: Uint8Array.of(2, 0xc0) };
    const pool = new ListPool([tx]);
    const { block } = await chain.build([], { pool });
    expect(block.transactions).toHaveLength(0);
    expect(pool.dropped[0]?.error).toBeInstanceOf(RuleError);
    expect(pool.dropped[0]?.error?.code).toBe('tx/not-executable');
  });

  it('stops when the state of the parent is not in the store', async () => {
    const { chain, block } = await made();
    chain.state.nodes.delete(chain.head.stateRoot);
    await expect(chain.executor.execute(block, chain.head)).rejects.toMatchObject({
      name: 'StorageError',
      code: 'execution/state-missing',
    });
  });

  it('refuses a block whose request contract fails', async () => {
    // INVALID at the address of EIP-7002.
    const chain = await TestChain.start(genesisDocument({ '0x00000961ef480eb55e80d19ad83579a64c007002': { balance: '0', code: '0xfe' } }));
    await expect(chain.build([])).rejects.toMatchObject({ name: 'RuleError', code: 'block/requests' });
  });
});

describe('StateReader', () => {
  it('tells a state that is not kept from a broken store', async () => {
    const chain = await TestChain.start();
    const header = { stateRoot: `0x${'ab'.repeat(32)}` as Hash };
    const reader = new StateReader(chain.state);
    expect(() => reader.account(header, ALICE.address)).toThrow(expect.objectContaining({ name: 'RuleError', code: 'state/missing' }));
    const partial = new MemoryState();
    const root = chain.state.node(chain.head.stateRoot);
    partial.nodes.set(chain.head.stateRoot, root ?? new Uint8Array(0));
    expect(() => new StateReader(partial).account(chain.head, ALICE.address)).toThrow(
      expect.objectContaining({ name: 'StorageError', code: 'execution/state-missing' }),
    );
  });

  it('knows what is not there', async () => {
    const chain = await TestChain.start();
    const reader = new StateReader(chain.state);
    const nobody = keyOf('nobody').address;
    expect(reader.account(chain.head, nobody)).toBeUndefined();
    expect(reader.storage(chain.head, nobody, SLOT_0)).toBe(SLOT_0);
    expect(reader.code(chain.head, nobody)).toHaveLength(0);
    expect(reader.proof(chain.head, nobody, [SLOT_0])).toMatchObject({
      account: { balance: 0n, nonce: 0n },
      storage: [{ value: 0n, proof: [] }],
    });
  });
});

const EIP155_EXAMPLE =
  '0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003' +
  'e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83';
