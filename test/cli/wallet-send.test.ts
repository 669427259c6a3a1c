import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transaction } from 'ethers';
import { beforeEach, describe, expect, test } from 'vitest';
import { storeKey } from '../../src/wallet/keystore-directory.ts';
import { devAccounts } from '../../src/wallet/mnemonic.ts';
import { checksummed } from '../../src/wallet/private-key.ts';
import { temporaryDirectory } from '../wallet/support.ts';
import { type Answers, fakeNode, wallet } from './wallet-support.ts';

const GWEI = 10n ** 9n;
const [PAYER, PAYEE] = devAccounts(undefined, 2).map(({ address }) => checksummed(address)) as [string, string];
const ANSWERS: Answers = {
  eth_chainId: '0x7a69',
  eth_getTransactionCount: '0x7',
  eth_maxPriorityFeePerGas: '0x3b9aca00',
  eth_gasPrice: '0x77359400',
  eth_getBlockByNumber: { number: '0x1', baseFeePerGas: '0xba43b7400' },
  eth_estimateGas: '0x5208',
  eth_sendRawTransaction: (raw: string) => Transaction.from(raw).hash,
};

/** Sends through a fake node; the transaction that arrived there, if one did, comes back with the outcome. */
async function send(args: string[], answers: Answers = {}) {
  const { url, calls } = await fakeNode({ ...ANSWERS, ...answers });
  const outcome = await wallet('send', '--rpc', url, ...args);
  const raw = calls.find(({ method }) => method === 'eth_sendRawTransaction')?.params[0];
  return { ...outcome, calls, transaction: typeof raw === 'string' ? Transaction.from(raw) : undefined };
}

const fromDev = (...args: string[]) => ['--dev-account', '0', '--to', PAYEE, ...args];

describe('the transaction', () => {
  test('asks the node for what is not said, and is signed here', async () => {
    const { exitCode, stdout, stderr, transaction, calls } = await send(fromDev('--value', '1.5'));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toBe(`${transaction?.hash}\n`);
    expect(transaction).toMatchObject({
      type: 2,
      from: PAYER,
      to: PAYEE,
      value: 15n * 10n ** 17n,
      chainId: 31337n,
      nonce: 7,
      gasLimit: 21_000n,
      maxFeePerGas: 101n * GWEI,
      maxPriorityFeePerGas: GWEI,
      data: '0x',
    });
    const asked = Object.fromEntries(calls.map(({ method, params }) => [method, params]));
    expect(asked.eth_getTransactionCount).toEqual([PAYER.toLowerCase(), 'pending']);
    expect(asked.eth_estimateGas).toEqual([
      { from: PAYER.toLowerCase(), to: PAYEE.toLowerCase(), value: '0x14d1120d7b160000', data: '0x' },
    ]);
  });

  test('takes everything that is said', async () => {
    const fees = ['--nonce', '3', '--gas', '50000', '--max-fee', '5', '--priority-fee', '100mwei', '--data', '0xABcd'];
    const { transaction, calls } = await send(fromDev('--value', '10wei', ...fees));
    expect(transaction).toMatchObject({
      nonce: 3,
      gasLimit: 50_000n,
      maxFeePerGas: 5n * GWEI,
      maxPriorityFeePerGas: GWEI / 10n,
      value: 10n,
      data: '0xabcd',
    });
    expect(calls.map(({ method }) => method)).toEqual(['eth_chainId', 'eth_sendRawTransaction']);
  });

  test('is of the old type with --legacy, and with --gas-price', async () => {
    expect((await send(fromDev('--legacy'))).transaction).toMatchObject({ type: 0, gasPrice: 2n * GWEI, chainId: 31337n });
    expect((await send(fromDev('--gas-price', '3'))).transaction).toMatchObject({ type: 0, gasPrice: 3n * GWEI });
  });

  test('creates a contract when nobody receives', async () => {
    const { transaction, calls } = await send(['--dev-account', '0', '--data', '0x6001']);
    expect(transaction).toMatchObject({ to: null, data: '0x6001', value: 0n });
    expect(calls.find(({ method }) => method === 'eth_estimateGas')?.params).toEqual([
      expect.not.objectContaining({ to: expect.anything() }),
    ]);
  });

  test('never tips more than the whole fee that was said', async () => {
    expect((await send(fromDev('--max-fee', '100wei'))).transaction).toMatchObject({ maxFeePerGas: 100n, maxPriorityFeePerGas: 100n });
  });

  test('with --json, describes itself', async () => {
    const { stdout, transaction } = await send(fromDev('--value', '1', '--json'));
    expect(JSON.parse(stdout)).toEqual({
      hash: transaction?.hash,
      from: PAYER,
      to: PAYEE,
      value: '1000000000000000000',
      nonce: 7,
      gas: 21_000,
      chainId: 31337,
    });
  });
});

describe('a key file', () => {
  let directory = '';
  let keys: string[] = [];
  beforeEach(async () => {
    directory = await temporaryDirectory();
    const keystore = join(directory, 'keystore');
    for (const { privateKey } of devAccounts(undefined, 2)) await storeKey(keystore, privateKey, 'secret', { cost: { n: 2, r: 1, p: 1 } });
    await writeFile(join(directory, 'password'), 'secret\n');
    await chmod(join(directory, 'password'), 0o600);
    keys = ['--datadir', directory, '--password', join(directory, 'password')];
  });

  test('pays for the account that is named', async () => {
    const { exitCode, transaction } = await send([...keys, '--from', PAYEE, '--to', PAYER, '--value', '1']);
    expect(exitCode).toBe(0);
    expect(transaction).toMatchObject({ from: PAYEE, to: PAYER });
  });

  test('is not chosen among several', async () => {
    const { exitCode, stderr, calls } = await send([...keys, '--to', PAYER]);
    expect({ exitCode, calls }).toEqual({ exitCode: 2, calls: [] });
    expect(stderr).toContain('There are 2 accounts');
  });

  test('that is the only one needs no name', async () => {
    const keystore = join(directory, 'single');
    const [account] = devAccounts(undefined, 1);
    await storeKey(keystore, account?.privateKey ?? new Uint8Array(), 'secret', { cost: { n: 2, r: 1, p: 1 } });
    expect((await send([...keys, '--keystore', keystore, '--to', PAYEE])).transaction).toMatchObject({ from: PAYER });
  });

  test('stays shut with a wrong password, and nothing is sent', async () => {
    await writeFile(join(directory, 'password'), 'wrong\n');
    const { exitCode, stderr, transaction } = await send([...keys, '--from', PAYER, '--to', PAYEE]);
    expect({ exitCode, transaction }).toEqual({ exitCode: 1, transaction: undefined });
    expect(stderr).toContain('[wallet/wrong-password]');
  });

  test('that is not there is an error before the node is asked', async () => {
    const { exitCode, stderr, calls } = await send([...keys, '--from', `0x${'11'.repeat(20)}`, '--to', PAYEE]);
    expect({ exitCode, calls }).toEqual({ exitCode: 1, calls: [] });
    expect(stderr).toContain('[wallet/unknown-account]');
  });
});

describe('--wait', () => {
  const receipt = { status: '0x1', blockNumber: '0x10', gasUsed: '0x5208', effectiveGasPrice: '0x3b9aca00', contractAddress: null };

  test('prints the receipt once a block includes the transaction', async () => {
    const replies = [null, receipt];
    const { exitCode, stdout, stderr, transaction } = await send(fromDev('--wait'), { eth_getTransactionReceipt: () => replies.shift() });
    expect(exitCode).toBe(0);
    expect(stdout).toContain(
      `Transaction  ${transaction?.hash}\nStatus       success\nBlock        16\nGas used     21000\nFee          0.000021 ETH\n`,
    );
    expect(stderr).toBe(`Sent ${transaction?.hash}; waiting for a block.\n`);
  });

  test('names the contract that was created', async () => {
    const { stdout } = await send(['--dev-account', '0', '--data', '0x6001', '--wait'], {
      eth_getTransactionReceipt: { ...receipt, contractAddress: PAYEE.toLowerCase() },
    });
    expect(stdout).toContain(`\nContract     ${PAYEE}\n`);
  });

  test('fails when the execution failed, with the receipt all the same', async () => {
    const { exitCode, stdout, stderr } = await send(fromDev('--wait', '--json'), {
      eth_getTransactionReceipt: { ...receipt, status: '0x0' },
    });
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout).receipt.status).toBe('0x0');
    expect(stderr).toContain('[wallet/reverted]');
  });

  test('gives up after the time that was said', async () => {
    const { exitCode, stdout, stderr, transaction } = await send(fromDev('--wait', '--timeout', '1'), { eth_getTransactionReceipt: null });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(`No block included ${transaction?.hash} within 1 seconds.`);
  });
});

test('a development account outside of test networks brings a warning', async () => {
  expect((await send(fromDev(), { eth_chainId: '0x1' })).stderr).toMatch(/^Warning: The chain id is 1, .* everybody knows the key/);
});

test("the node's refusal is passed on", async () => {
  const refuse = () => {
    throw { code: -32000, message: 'insufficient funds for gas * price + value' };
  };
  const { exitCode, stdout, stderr } = await send(fromDev('--value', '1'), { eth_sendRawTransaction: refuse });
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toBe(
    'Fatal: The node refused eth_sendRawTransaction: insufficient funds for gas * price + value (-32000) [rpc/refused]\n',
  );
});

test.each([
  ['a chain before EIP-1559', { eth_getBlockByNumber: { number: '0x1' } }, 'wallet/no-base-fee'],
  ['a chain id that is no quantity', { eth_chainId: 'one' }, 'rpc/bad-reply'],
  ['a gas estimate beyond what Ethereum can count', { eth_estimateGas: `0x${'f'.repeat(64)}` }, 'wallet/bad-transaction'],
])('a node with %s gets no transaction', async (_name, answers, code) => {
  const { exitCode, stderr, transaction } = await send(fromDev(), answers);
  expect({ exitCode, transaction }).toEqual({ exitCode: 1, transaction: undefined });
  expect(stderr).toContain(`[${code}]`);
});

test.each([
  [['--dev-account', '0'], 'Say who receives'],
  [['--dev-account', '0', '--to', '0x12'], '--to: An address is'],
  [['--dev-account', '0', '--to', PAYEE.replace('C', 'c')], 'checksum'],
  [['--dev-account', '-1', '--to', PAYEE], '--dev-account expects an integer'],
  [['--dev-account', '0', '--from', PAYER, '--to', PAYEE], 'cannot be used with'],
  [fromDev('--value', '1.0000000000000000001'), 'finer than one wei'],
  [fromDev('--value', 'much'), '--value: Expected an amount'],
  [fromDev('--data', '0xabc'), '--data: Expected 0x and an even number'],
  [fromDev('--nonce', '1e3'), '--nonce expects an integer'],
  [fromDev('--gas', '0'), '--gas expects an integer'],
  [fromDev('--max-fee', '1', '--priority-fee', '2'), 'cannot be more'],
  [fromDev('--legacy', '--max-fee', '1'), 'cannot be used with'],
  [fromDev('--gas-price', '1', '--max-fee', '1'), 'cannot be used with'],
])('wrong arguments: %j', async (args, message) => {
  const { exitCode, stdout, stderr, transaction } = await send(args);
  expect({ exitCode, stdout, transaction }).toEqual({ exitCode: 2, stdout: '', transaction: undefined });
  expect(stderr).toContain(message);
});
