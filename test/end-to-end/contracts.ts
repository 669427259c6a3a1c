/** Contracts and payments for end-to-end tests: one that logs, by hand, and one that does more, from Solidity. */
import { createRequire } from 'node:module';
import { type Abi, createWalletClient, defineChain, type Hex, http, type PrivateKeyAccount } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { toHex } from '../../src/base/bytes.ts';
import { CHAIN_ID, dev } from './networks.ts';
import { ask } from './rpc.ts';

export const chain = defineChain({
  id: CHAIN_ID,
  name: 'synod test',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [] } },
});

/** The viem account of a development account. */
export function signer(index: number): PrivateKeyAccount {
  return privateKeyToAccount(toHex(dev(index).privateKey));
}

/** Signs with fees that are always enough, and sends; answers the transaction's hash. */
export async function send(url: string, from: number, fields: { to?: Hex; data?: Hex; value?: bigint; gas?: bigint }): Promise<Hex> {
  const wallet = createWalletClient({ account: signer(from), chain, transport: http(url) });
  return await wallet.sendTransaction({ gas: 21_000n, maxFeePerGas: 20n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n, ...fields });
}

/** Logs the first word of its calldata under the topic 0x2a. */
const LOGGER_CODE = '60003560005260' + '2a' + '60206000a100';
/** Copies what follows it into memory and returns it as the contract's code. */
const LOGGER_CREATION = `0x600e600c600039600e6000f3${LOGGER_CODE}` as const;
export const LOGGER_TOPIC = `0x${'2a'.padStart(64, '0')}` as const;

export function deployLogger(url: string, from: number): Promise<Hex> {
  return send(url, from, { data: LOGGER_CREATION, gas: 200_000n });
}

export function callLogger(url: string, from: number, to: string, word: bigint): Promise<Hex> {
  return send(url, from, { to: to as Hex, data: `0x${word.toString(16).padStart(64, '0')}`, gas: 60_000n });
}

/** What the node says of a transaction that it knows: null in `blockHash` while it waits in the pool. */
export function transactionOf(url: string, hash: string): Promise<{ readonly blockHash: string | null } | null> {
  return ask(url, 'eth_getTransactionByHash', hash);
}

const SOURCE = `
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;
contract Counter {
  uint256 public count;
  event Increased(address indexed by, uint256 count);
  error TooMuch(uint256 asked, uint256 allowed);
  function increase(uint256 by) external payable returns (uint256) {
    if (by > 10) revert TooMuch(by, 10);
    require(by > 0, "nothing to add");
    count += by;
    emit Increased(msg.sender, count);
    return count;
  }
}`;

export interface Compiled {
  readonly abi: Abi;
  readonly bytecode: Hex;
}

/** The Counter contract above. */
export function compileCounter(): Compiled {
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string };
  const outputSelection = { '*': { '*': ['abi', 'evm.bytecode.object'] } };
  const input = { language: 'Solidity', sources: { 'Counter.sol': { content: SOURCE } }, settings: { outputSelection } };
  const { contracts } = JSON.parse(solc.compile(JSON.stringify(input))) as {
    contracts: { 'Counter.sol': { Counter: { abi: Abi; evm: { bytecode: { object: string } } } } };
  };
  const { abi, evm } = contracts['Counter.sol'].Counter;
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}
