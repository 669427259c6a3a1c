/** A token as people write them, from source to events: compiled by solc, deployed, called, reverted, proved. */
import { createRequire } from 'node:module';
import { verifyMerkleProof } from '@ethereumjs/mpt';
import { RLP } from '@ethereumjs/rlp';
import {
  type Abi,
  decodeErrorResult,
  decodeEventLog,
  decodeFunctionResult,
  encodeAbiParameters,
  encodeFunctionData,
  keccak256 as viemKeccak,
} from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { Address, type Hash, type Hex } from '../../src/base/types.ts';
import { createdAddress } from '../../src/execution/block-run.ts';
import { EvmPool } from '../../src/execution/evm-pool.ts';
import { keccak256 } from '../../src/execution/keccak.ts';
import { logsBloom } from '../../src/execution/roots.ts';
import { StateReader } from '../../src/execution/state-reader.ts';
import { ALICE, BOB, CAROL, RANDOMNESS, TestChain, transaction } from './support.ts';

const SOURCE = `
  // SPDX-License-Identifier: MIT
  pragma solidity ^0.8.0;
  contract Token {
    event Transfer(address indexed from, address indexed to, uint256 value);
    error Insufficient(uint256 have, uint256 want);
    mapping(address => uint256) public balanceOf;
    uint256 public immutable totalSupply;
    constructor(uint256 supply) { totalSupply = supply; balanceOf[msg.sender] = supply; emit Transfer(address(0), msg.sender, supply); }
    function transfer(address to, uint256 value) external returns (bool) {
      if (balanceOf[msg.sender] < value) revert Insufficient(balanceOf[msg.sender], value);
      balanceOf[msg.sender] -= value;
      balanceOf[to] += value;
      emit Transfer(msg.sender, to, value);
      return true;
    }
    function fail(string calldata why) external pure { revert(why); }
    function check(bytes32 hash, uint8 v, bytes32 r, bytes32 s) external pure returns (address) { return ecrecover(hash, v, r, s); }
    function hashes(bytes calldata data) external pure returns (bytes32, bytes32) { return (keccak256(data), sha256(data)); }
  }`;

interface Compiled {
  readonly abi: Abi;
  readonly evm: { readonly bytecode: { readonly object: string } };
}

function compile(): { abi: Abi; bytecode: Hex } {
  const solc: { compile(input: string): string } = createRequire(import.meta.url)('solc');
  const settings = { evmVersion: 'prague', outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } };
  const output = JSON.parse(
    solc.compile(JSON.stringify({ language: 'Solidity', sources: { 'Token.sol': { content: SOURCE } }, settings })),
  );
  const { abi, evm }: Compiled = output.contracts['Token.sol'].Token;
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}

const SUPPLY = 1_000_000n;
const TOKEN = createdAddress(ALICE.address, 0n);
const GAS = { gasLimit: 1_000_000n };
const { abi, bytecode } = compile();
const call = (functionName: string, ...args: unknown[]): Hex => encodeFunctionData({ abi, functionName, args });

let chain: TestChain;
let pool: EvmPool;

beforeAll(async () => {
  chain = await TestChain.start();
  pool = new EvmPool({ params: chain.params, state: chain.state, headers: chain, randomness: () => RANDOMNESS, workers: 1 });
  const supply = encodeAbiParameters([{ type: 'uint256' }], [SUPPLY]);
  const { receipts } = await chain.mine(transaction(ALICE, 0, null, { data: `${bytecode}${supply.slice(2)}`, ...GAS }));
  expect(receipts[0]).toMatchObject({ success: true, contractAddress: TOKEN });
  await chain.mine(transaction(ALICE, 1, TOKEN, { data: call('transfer', BOB.address, 600n), ...GAS }));
});

afterAll(() => pool.close());

async function view(functionName: string, ...args: unknown[]) {
  const request = { header: chain.head, from: CAROL.address, to: TOKEN, data: fromHex(call(functionName, ...args)), value: 0n };
  return pool.call(request);
}

async function read(functionName: string, ...args: unknown[]): Promise<unknown> {
  const { returnData } = await view(functionName, ...args);
  return decodeFunctionResult({ abi, functionName, data: toHex(returnData) });
}

describe('a token', () => {
  it('moves balances', async () => {
    expect(await read('totalSupply')).toBe(SUPPLY);
    expect(await read('balanceOf', ALICE.address)).toBe(SUPPLY - 600n);
    expect(await read('balanceOf', BOB.address)).toBe(600n);
  });

  it('logs its events, in the bloom as well', () => {
    const receipts = chain.executions.at(-1)?.receipts ?? [];
    const [log] = receipts[0]?.logs ?? [];
    expect(log?.address).toBe(TOKEN);
    const [signature = '0x' as Hash, ...indexed] = log?.topics ?? [];
    const event = decodeEventLog({ abi, topics: [signature, ...indexed], data: log?.data ?? '0x' });
    expect(event).toMatchObject({ eventName: 'Transfer', args: { value: 600n } });
    expect(chain.head.logsBloom).toBe(logsBloom(receipts));
    expect(BigInt(chain.head.logsBloom)).not.toBe(0n);
  });

  it('reverts with its reason, and the transaction with a receipt', async () => {
    const { failure, returnData } = await view('transfer', BOB.address, 1n);
    expect(failure?.reverted).toBe(true);
    expect(decodeErrorResult({ abi, data: toHex(returnData) })).toMatchObject({ errorName: 'Insufficient', args: [0n, 1n] });
    expect(decodeErrorResult({ abi, data: toHex((await view('fail', 'no luck')).returnData) })).toMatchObject({ args: ['no luck'] });
    const { receipts } = await chain.mine(transaction(CAROL, 0, TOKEN, { data: call('transfer', BOB.address, 1n), ...GAS }));
    expect(receipts[0]).toMatchObject({ success: false, logs: [] });
    expect(receipts[0]?.gasUsed).toBeLessThan(100_000n);
  });

  it('can be proved to hold what it holds', async () => {
    const slot = viemKeccak(encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [BOB.address, 0n])) as Hash;
    const absent = `0x${'99'.repeat(32)}` as Hash;
    const { account, accountProof, storage } = new StateReader(chain.state).proof(chain.head, TOKEN, [slot, absent]);
    expect(toHex(keccak256(accountProof[0] ?? new Uint8Array(0)))).toBe(chain.head.stateRoot);
    const leaf = await verifyMerkleProof(keccak256(fromHex(TOKEN)), [...accountProof]);
    expect(RLP.decode(leaf)).toEqual([Uint8Array.of(1), new Uint8Array(0), fromHex(account.storageRoot), fromHex(account.codeHash)]);
    expect(storage.map(({ value }) => value)).toEqual([600n, 0n]);
    expect(toHex(keccak256(storage[0]?.proof[0] ?? new Uint8Array(0)))).toBe(account.storageRoot);
    expect(await verifyMerkleProof(keccak256(fromHex(slot)), [...(storage[0]?.proof ?? [])])).toEqual(RLP.encode(600n));
    expect(await verifyMerkleProof(keccak256(fromHex(absent)), [...(storage[1]?.proof ?? [])])).toBeNull();
  });

  it('reaches the precompiles that run on other libraries here', async () => {
    const data = new Uint8Array(300).fill(7);
    expect(await read('hashes', toHex(data))).toEqual([viemKeccak(data), await sha256Hex(data)]);
    const transactionBytes = transaction(BOB, 9, CAROL.address);
    const { r, s, yParity } = chain.decode(transactionBytes);
    const unsigned = RLP.encode((RLP.decode(transactionBytes.subarray(1)) as Uint8Array[]).slice(0, -3));
    const hash = viemKeccak(Uint8Array.of(2, ...unsigned));
    const word = (value: bigint) => `0x${value.toString(16).padStart(64, '0')}`;
    expect(Address(String(await read('check', hash, 27 + yParity, word(r), word(s))))).toBe(BOB.address);
    expect(await read('check', hash, 29, word(r), word(s))).toBe(`0x${'00'.repeat(20)}`);
    expect(await read('check', hash, 27, word(0n), word(s))).toBe(`0x${'00'.repeat(20)}`);
  });
});

async function sha256Hex(data: Uint8Array<ArrayBuffer>): Promise<Hex> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', data)));
}
