/** Deposits and exits as they arrive at a node, and as they are printed for other wallets. */
import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bls12_381 } from '@noble/curves/bls12-381.js';
import { Transaction } from 'ethers';
import { type Abi, decodeFunctionData, encodeErrorResult } from 'viem';
import { beforeEach, describe, expect, test } from 'vitest';
import { bigToFixed, bytesToBig, concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import type { PublicKey } from '../../src/base/signatures.ts';
import type { Address, Hex } from '../../src/base/types.ts';
import { registerValidator } from '../../src/cli/validator.ts';
import { proofMessage, STAKING_ADDRESS } from '../../src/consensus/pos/contract.ts';
import { blsSignatures } from '../../src/wallet/bls.ts';
import { devAccounts } from '../../src/wallet/mnemonic.ts';
import { checksummed } from '../../src/wallet/private-key.ts';
import { createDevValidators } from '../../src/wallet/validator-dev.ts';
import { devValidatorKeys } from '../../src/wallet/validator-keys.ts';
import { temporaryDirectory } from '../wallet/support.ts';
import { runCommand } from './run-command.ts';
import { type Answers, fakeNode } from './wallet-support.ts';

const abi = JSON.parse(readFileSync(new URL('../../native/staking/abi.json', import.meta.url), 'utf8')) as Abi;
const ETHER = 10n ** 18n;
const CHAIN_ID = 31_337;
const [PAYER] = devAccounts(undefined, 1).map(({ address }) => address) as [Address];
const [FIRST, SECOND] = devValidatorKeys(2).map(({ publicKey }) => publicKey) as [PublicKey, PublicKey];
const STAKING = checksummed(STAKING_ADDRESS);
const MINIMUM_DEPOSIT = `0x${(32n * ETHER).toString(16).padStart(64, '0')}`;
const ANSWERS: Answers = {
  eth_chainId: '0x7a69',
  eth_getTransactionCount: '0x7',
  eth_maxPriorityFeePerGas: '0x3b9aca00',
  eth_getBlockByNumber: { number: '0x1', baseFeePerGas: '0xba43b7400' },
  eth_estimateGas: '0x493e0',
  eth_getStorageAt: MINIMUM_DEPOSIT,
  eth_sendRawTransaction: (raw: string) => Transaction.from(raw).hash,
};

let directory = '';
let validators: string[] = [];
beforeEach(async () => {
  directory = await temporaryDirectory();
  const { passwordFile } = await createDevValidators(directory, devValidatorKeys(2));
  validators = ['--datadir', directory, '--validators.password', passwordFile];
});

const validator = (...args: string[]) => runCommand(registerValidator, 'validator', ...args);

async function send(args: string[], answers: Answers = {}) {
  const { url, calls } = await fakeNode({ ...ANSWERS, ...answers });
  const outcome = await validator(...args, '--rpc', url);
  const transactions = calls
    .filter(({ method }) => method === 'eth_sendRawTransaction')
    .map(({ params }) => Transaction.from(String(params[0])));
  return { ...outcome, calls, transactions };
}

/** The compressed forms of what a call gives uncompressed, by a library that is not the wallet's. */
function depositIn(data: string): { publicKey: PublicKey; proof: Uint8Array } {
  const { functionName, args } = decodeFunctionData({ abi, data: data as Hex });
  expect(functionName).toBe('deposit');
  const [key, proof] = args as [Hex, Hex];
  const at = (hex: Hex, i: number) => {
    const element = fromHex(hex).subarray(64 * i, 64 * (i + 1));
    expect(toHex(element.subarray(0, 16))).toBe(`0x${'00'.repeat(16)}`);
    return bytesToBig(element);
  };
  const { G1, G2 } = bls12_381;
  const point = G1.Point.fromAffine({ x: at(key, 0), y: at(key, 1) });
  const signature = G2.Point.fromAffine({ x: { c0: at(proof, 0), c1: at(proof, 1) }, y: { c0: at(proof, 2), c1: at(proof, 3) } });
  return { publicKey: toHex(point.toBytes()), proof: signature.toBytes() };
}

function expectProof(data: string, publicKey: PublicKey, depositor: Address): void {
  const deposit = depositIn(data);
  expect(deposit.publicKey).toBe(publicKey);
  const message = proofMessage(CHAIN_ID, depositor, publicKey);
  expect(blsSignatures.verify({ publicKeys: [publicKey], message, signature: deposit.proof })).toBe(true);
}

describe('deposit', () => {
  test('pays the least that the network takes, with a proof for who pays', async () => {
    const { exitCode, stderr, transactions, calls } = await send(['deposit', FIRST, '--dev-account', '0', ...validators]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    const [transaction] = transactions;
    expect(transaction).toMatchObject({ to: STAKING, from: checksummed(PAYER), value: 32n * ETHER, nonce: 7, gasLimit: 300_000n });
    expectProof(transaction?.data ?? '', FIRST, PAYER);
    expect(calls.find(({ method }) => method === 'eth_getStorageAt')?.params[0]).toBe(STAKING_ADDRESS);
  });

  test('of several keys is as many transactions, one after the other', async () => {
    const { stdout, stderr, transactions } = await send(['deposit', FIRST, SECOND, '--amount', '40', '--dev-account', '0', ...validators]);
    expect(transactions.map(({ nonce, value }) => [nonce, value])).toEqual([
      [7, 40n * ETHER],
      [8, 40n * ETHER],
    ]);
    expectProof(transactions[1]?.data ?? '', SECOND, PAYER);
    for (const { hash } of transactions) {
      expect(stdout).toContain(hash);
      expect(stderr).toContain(hash);
    }
  });

  test('is printed for another wallet, whose key is not here, without a node', async () => {
    const from = `0x${'12'.repeat(20)}` as Address;
    const args = ['deposit', FIRST, '--amount', '32', '--from', from, '--chain-id', String(CHAIN_ID), '--print', '--json', ...validators];
    const { exitCode, stdout } = await validator(...args, '--rpc', 'http://127.0.0.1:9');
    expect(exitCode).toBe(0);
    const [printed, ...others] = JSON.parse(stdout);
    expect(others).toEqual([]);
    expect(printed).toMatchObject({ publicKey: FIRST, to: STAKING, value: String(32n * ETHER) });
    expectProof(printed.data, FIRST, from);
  });

  test('asks for nothing and sends nothing when it cannot be', async () => {
    const unknown = `0x${'ab'.repeat(48)}`;
    for (const [args, exitCode, code, answers = {}] of [
      [[unknown], 1, 'wallet/unknown-validator'],
      [['0x12'], 2, 'arguments/publicKey'],
      [[FIRST, FIRST], 2, 'arguments/publicKey'],
      [[FIRST, '--amount', 'much'], 2, 'arguments/amount'],
      [[FIRST, '--chain-id', '1'], 2, 'arguments/chain-id'],
      [[FIRST], 1, 'staking/no-contract', { eth_getStorageAt: `0x${'0'.repeat(64)}` }],
    ] as [string[], number, string, Answers?][]) {
      const outcome = await send(['deposit', ...args, '--dev-account', '0', ...validators], answers);
      expect(outcome).toMatchObject({ exitCode, transactions: [], stderr: expect.stringContaining(`[${code}]`) });
    }
  });

  test('stays undone with a wrong password', async () => {
    const wrong = join(directory, 'wrong');
    await writeFile(wrong, 'wrong\n');
    await chmod(wrong, 0o600);
    const outcome = await send(['deposit', FIRST, '--dev-account', '0', '--datadir', directory, '--validators.password', wrong]);
    expect(outcome).toMatchObject({ exitCode: 1, transactions: [], stderr: expect.stringContaining('[wallet/wrong-password]') });
    const { exitCode, stderr } = await send(['deposit', FIRST, '--dev-account', '0', '--datadir', directory]);
    expect(exitCode).toBe(1);
    expect(stderr).toContain('--validators.password');
  });
});

describe('the other calls', () => {
  test.each([
    ['top-up', 'topUp', ['--amount', '1.5'], (15n * ETHER) / 10n],
    ['exit', 'exit', [], 0n],
    ['withdraw', 'withdraw', [], 0n],
  ])('%s names the key', async (command, functionName, args, value) => {
    const { exitCode, transactions } = await send([command, FIRST, '--dev-account', '0', ...args]);
    expect(exitCode).toBe(0);
    expect(transactions).toHaveLength(1);
    expect(transactions[0]).toMatchObject({ to: STAKING, value });
    expect(decodeFunctionData({ abi, data: transactions[0]?.data as Hex })).toEqual({ functionName, args: [FIRST] });
  });

  test('top-up needs an amount', async () => {
    expect(await send(['top-up', FIRST, '--dev-account', '0'])).toMatchObject({ exitCode: 2, transactions: [] });
  });

  test('with --wait, what the block says decides', async () => {
    const receipt = { status: '0x1', blockNumber: '0x9', gasUsed: '0x5208', effectiveGasPrice: '0x1' };
    const good = await send(['exit', FIRST, '--dev-account', '0', '--wait', '--json'], { eth_getTransactionReceipt: receipt });
    expect(JSON.parse(good.stdout)).toMatchObject([{ publicKey: FIRST, receipt }]);
    const bad = await send(['exit', FIRST, '--dev-account', '0', '--wait'], { eth_getTransactionReceipt: { ...receipt, status: '0x0' } });
    expect(bad).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('[wallet/reverted]') });
  });
});

describe('what would surprise who sends it', () => {
  const known = (status: string, fields: object = {}) => ({
    synod_getValidators: [
      {
        index: 5,
        publicKey: FIRST,
        status,
        balance: '32000000000',
        effectiveBalance: '32000000000',
        slashed: false,
        activationEpoch: 9,
        exitEpoch: null,
        withdrawableEpoch: null,
        ...fields,
      },
    ],
  });

  test.each([
    ['exit', known('pending_queued'), 'not before epoch 9'],
    ['exit', known('exited_slashed', { exitEpoch: 12, slashed: true }), 'leaves, or has left, in epoch 12 already'],
    ['exit', known('active_exiting', { exitEpoch: 12 }), 'leaves, or has left, in epoch 12 already'],
    ['withdraw', known('active_ongoing'), 'only when it has left'],
    ['withdraw', known('active_exiting', { exitEpoch: 12, withdrawableEpoch: 76 }), 'not before epoch 76'],
    ['withdraw', known('withdrawal_possible', { balance: '0' }), 'has no stake'],
    ['top-up', known('exited_unslashed', { exitEpoch: 12, withdrawableEpoch: 76 }), 'leaves, or has left, in epoch 12'],
  ])('is said before %s, which is sent all the same', async (command, answers, says) => {
    const amount = command === 'top-up' ? ['--amount', '1'] : [];
    const { exitCode, stderr, transactions } = await send([command, FIRST, '--dev-account', '0', ...amount], answers);
    expect(exitCode).toBe(0);
    expect(stderr).toContain(says);
    expect(stderr).toContain(FIRST);
    expect(transactions).toHaveLength(1);
  });

  test.each([
    ['exit', known('active_ongoing')],
    ['withdraw', known('withdrawal_possible', { exitEpoch: 1, withdrawableEpoch: 65 })],
    ['exit', { synod_getValidators: [] }],
    ['exit', { synod_getValidators: 'nonsense' }],
  ])('nothing else is said before %s', async (command, answers) => {
    expect(await send([command, FIRST, '--dev-account', '0'], answers)).toMatchObject({ exitCode: 0, stderr: '' });
  });

  test('is said what is waited for', async () => {
    const receipt = { status: '0x1', blockNumber: '0x9', gasUsed: '0x5208', effectiveGasPrice: '0x1' };
    const { stderr, transactions } = await send(['deposit', FIRST, '--dev-account', '0', ...validators, '--wait'], {
      eth_getTransactionReceipt: receipt,
    });
    expect(stderr).toContain(`Sent ${transactions[0]?.hash} for ${FIRST}`);
    expect(stderr).toContain('Waiting for a block with it');
    expect(stderr).toContain('takes effect with the next block');
  });
});

describe('what the contract refuses', () => {
  const reverting = (data: string) => ({
    eth_estimateGas: () => {
      throw { code: 3, message: 'execution reverted', data };
    },
  });

  const REASONS: readonly [string, readonly unknown[], string, string][] = [
    ['BadPublicKey', [], 'staking/bad-key', ''],
    ['BadProof', [], 'staking/bad-proof', ''],
    ['TooLittle', [ETHER, 32n * ETHER], 'staking/too-little', 'at least 32 ETH'],
    ['NotWholeGwei', [1n], 'staking/not-whole-gwei', ''],
    ['TooMuch', [2n * ETHER, ETHER], 'staking/too-much', '1 ETH'],
    ['AlreadyDeposited', [PAYER], 'staking/already-deposited', checksummed(PAYER)],
    ['UnknownKey', [], 'staking/unknown-key', ''],
    ['NotTheDepositor', [PAYER], 'staking/not-the-depositor', checksummed(PAYER)],
    ['AlreadyExiting', [], 'staking/already-exiting', ''],
  ];

  test.each(REASONS)('is said in words: %s', async (errorName, args, code, says) => {
    const data = encodeErrorResult({ abi, errorName, args });
    const outcome = await send(['exit', FIRST, '--dev-account', '0'], reverting(data));
    expect(outcome).toMatchObject({ exitCode: 1, transactions: [] });
    expect(outcome.stderr).toContain(`[${code}]`);
    expect(outcome.stderr).toContain(says);
    expect(outcome.stderr).toContain(FIRST);
  });

  test('has words for every error of the contract but that of reports, which no command makes', () => {
    const names = abi.flatMap((item) => (item.type === 'error' && item.name !== 'BadReport' ? [item.name] : []));
    expect(REASONS.map(([name]) => name).sort()).toEqual(names.sort());
  });

  test.each(['0x', '0x12345678', 'nonsense'])('stays as the node says it where it is another: %s', async (data) => {
    const { stderr } = await send(['exit', FIRST, '--dev-account', '0'], reverting(data));
    expect(stderr).toContain('[rpc/refused]');
  });
});

test('points have the coordinates that another library finds', async () => {
  const { x, y } = bls12_381.G1.Point.fromBytes(fromHex(FIRST)).toAffine();
  const { stdout } = await validator(
    'deposit',
    FIRST,
    '--amount',
    '32',
    '--from',
    PAYER,
    '--chain-id',
    '1',
    '--print',
    '--json',
    ...validators,
  );
  const { args } = decodeFunctionData({ abi, data: JSON.parse(stdout)[0].data });
  expect(args?.[0]).toBe(toHex(concatBytes(bigToFixed(x, 64), bigToFixed(y, 64))));
});
