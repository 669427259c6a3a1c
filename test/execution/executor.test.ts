import { createRequire } from 'node:module';
import { type Abi, decodeEventLog, decodeFunctionResult, encodeFunctionData } from 'viem';
import { beforeAll, describe, expect, it } from 'vitest';
import { bytesToBig, fromHex, toHex } from '../../src/base/bytes.ts';
import type { Address, Hash, Hex } from '../../src/base/types.ts';
import type { Block } from '../../src/chain/block.ts';
import { EMPTY_TRIE_ROOT, type Header } from '../../src/chain/header.ts';
import { checkHeader } from '../../src/chain/rules.ts';
import { createdAddress } from '../../src/execution/block-run.ts';
import { transactionsRoot } from '../../src/execution/roots.ts';
import { StateReader } from '../../src/execution/state-reader.ts';
import {
  ALICE,
  BENEFICIARY,
  BOB,
  CAROL,
  deployment,
  ETHER,
  GWEI,
  genesisDocument,
  ListPool,
  RANDOMNESS,
  TestChain,
  transaction,
} from './support.ts';

const GAS = { gasLimit: 200_000n };

/** Returns the 32-byte word that the code leaves on the stack. */
const returning = (code: string): Hex => `0x${code}60005260206000f3`;

describe('building and executing', () => {
  it('executes on another store what was built here, to the same nodes', async () => {
    const chain = await TestChain.start();
    const twin = await TestChain.start();
    const contract = createdAddress(ALICE.address, 1n);
    // Stores the block number in slot 0 and logs it.
    const code = deployment('0x43600055436000526001602060 00a1'.replace(' ', '') as Hex);
    const { block, execution } = await chain.build([
      transaction(ALICE, 0, BOB.address, { value: ETHER }),
      transaction(ALICE, 1, null, { data: code, ...GAS }),
      transaction(BOB, 0, contract, GAS),
      transaction(BOB, 1, CAROL.address, { value: 1n }),
    ]);
    expect(block.transactions).toHaveLength(4);
    expect(execution.receipts.map(({ success }) => success)).toEqual([true, true, true, true]);
    checkHeader(block.header, chain.head, chain.params);
    const again = await twin.executor.execute(block, twin.head);
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
    expect(reader.account(chain.head, `0x${'99'.repeat(20)}` as Address)).toBeUndefined();
  });

  it('pays the tip to the beneficiary and burns the base fee', async () => {
    const chain = await TestChain.start();
    const reader = new StateReader(chain.state);
    await chain.mine(transaction(ALICE, 0, BOB.address, { value: 5n }));
    expect(reader.account(chain.head, BENEFICIARY)?.balance).toBe(21_000n * GWEI);
    const baseFee = chain.head.baseFeePerGas ?? 0n;
    expect(reader.account(chain.head, ALICE.address)?.balance).toBe(1_000n * ETHER - 5n - 21_000n * (baseFee + GWEI));
  });

  it('answers BLOCKHASH from the ancestors and PREVRANDAO from the engine', async () => {
    const chain = await TestChain.start();
    await chain.mine(
      transaction(ALICE, 0, null, { data: deployment(returning('600143034060005260 2060 2020'.replaceAll(' ', ''))), ...GAS }),
    );
    const contracts = [returning('60024303 40'.replace(' ', '')), returning('44')];
    await chain.mine(...contracts.map((code, i) => transaction(ALICE, i + 1, null, { data: deployment(code), ...GAS })));
    // Each stores what it read, so that the state shows it.
    const storing = (code: string) => deployment(`0x${code}60005500` as Hex);
    await chain.mine(
      transaction(ALICE, 3, null, { data: `0x6002430340600055`, ...GAS }),
      transaction(ALICE, 4, null, { data: `0x44600055`, ...GAS }),
      transaction(ALICE, 5, null, { data: storing('44'), ...GAS }),
    );
    const reader = new StateReader(chain.state);
    const grandparent = chain.blocks.at(-3)?.header;
    expect(grandparent?.number).toBe(1);
    expect(reader.storage(chain.head, createdAddress(ALICE.address, 3n), `0x${'00'.repeat(32)}` as Hash)).toBe(
      chain.blocks.at(-2)?.header.parentHash,
    );
    expect(reader.storage(chain.head, createdAddress(ALICE.address, 4n), `0x${'00'.repeat(32)}` as Hash)).toBe(RANDOMNESS);
  });
});
