/**
 * The staking contract as the engine and its users see it: where it is, what it says in its events, and how it is called
 * (`native/staking/Staking.sol`; the ABI is Solidity's, "Contract ABI Specification", formal encoding).
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { addressOf, bigToFixed, bytesToBig, concatBytes, fromHex, toHex } from '../../base/bytes.ts';
import { DecodeError } from '../../base/errors.ts';
import type { PublicKey } from '../../base/signatures.ts';
import { Address, type Hash, type Hex } from '../../base/types.ts';
import type { Output } from '../../chain/tree.ts';
import { STAKING_CODE } from './contract-code.ts';
import type { PosSettings } from './settings.ts';
import type { Gwei, Request } from './types.ts';

export const STAKING_ADDRESS = Address('0x000000000000000000000000000000000057a4e0');
/** Where the contract keeps the least first deposit, in wei. */
export const MINIMUM_DEPOSIT_SLOT: Hash = `0x${'0'.repeat(64)}` as Hash;
/** Of the mapping of stakes (Solidity, "Layout of State Variables in Storage"). */
const STAKES_SLOT = 1n;

const WEI_PER_GWEI = 1_000_000_000n;
const WORD_BYTES = 32;
const ADDRESS_BYTES = 20;
/** The contract takes no longer report, and everything else it says is shorter. */
const MAX_BYTES = 65_536;

/** An account as a genesis file has it. */
export interface GenesisAccount {
  readonly balance: Hex;
  readonly code: Hex;
  readonly storage: { readonly [slot: Hash]: Hash };
}

/**
 * The contract as the genesis file of a network must have it: it knows the least deposit, and who deposited for the validators of the
 * start, who could not leave otherwise.
 */
export function stakingAccount({ minimumDeposit, validators }: Pick<PosSettings, 'minimumDeposit' | 'validators'>): GenesisAccount {
  const storage: { [slot: Hash]: Hash } = { [MINIMUM_DEPOSIT_SLOT]: toHex(word(minimumDeposit * WEI_PER_GWEI)) as Hash };
  for (const { publicKey, depositor } of validators) storage[stakeSlot(publicKey)] = toHex(word(BigInt(depositor))) as Hash;
  const staked = validators.reduce((sum, { stake }) => sum + stake, 0n);
  return { balance: `0x${(staked * WEI_PER_GWEI).toString(16)}`, code: STAKING_CODE, storage };
}

function stakeSlot(publicKey: PublicKey): Hash {
  return toHex(keccak_256(concatBytes(keccak_256(fromHex(publicKey)), word(STAKES_SLOT)))) as Hash;
}

type Decode = (sender: Address, data: AbiReader) => Request;

/** By the hash of the event's signature. The sender is indexed, so it is a topic. */
const EVENTS: ReadonlyMap<Hash, Decode> = new Map<Hash, Decode>([
  [
    selector('Deposit(bytes,address,uint256,bytes)'),
    (depositor, data) => ({
      type: 'deposit',
      publicKey: toHex(data.bytes(0)),
      depositor,
      amount: gwei(data.integer(1)),
      signature: data.bytes(2),
    }),
  ],
  [
    selector('TopUp(bytes,address,uint256)'),
    (_, data) => ({ type: 'topUp', publicKey: toHex(data.bytes(0)), amount: gwei(data.integer(1)) }),
  ],
  [selector('Exit(bytes,address)'), (sender, data) => ({ type: 'exit', publicKey: toHex(data.bytes(0)), sender })],
  [selector('Withdraw(bytes,address)'), (sender, data) => ({ type: 'withdraw', publicKey: toHex(data.bytes(0)), sender })],
  [selector('Report(bytes,address)'), (reporter, data) => ({ type: 'report', evidence: data.bytes(0), reporter })],
]);

/** What the contract said in a block, in order. Throws DecodeError for what this contract cannot have said. */
export function requestsOf(outputs: readonly Output[]): Request[] {
  return outputs.map(({ topics, data }) => {
    const [event, sender] = topics;
    const decode = event === undefined ? undefined : EVENTS.get(event);
    if (decode === undefined || sender === undefined) {
      throw new DecodeError(
        'pos/contract-event',
        `The staking contract said something unknown (${event}); is its code that of the genesis file?`,
      );
    }
    return decode(addressOf(fromHex(sender).subarray(WORD_BYTES - ADDRESS_BYTES)), new AbiReader(fromHex(data)));
  });
}

/**
 * What a key signs to prove that its owner agrees to this depositor; the contract computes the same. It names the chain
 * by its id alone, since a contract cannot know the hash of its genesis.
 */
export function proofMessage(chainId: number, depositor: Address, publicKey: PublicKey): Uint8Array {
  const text = new TextEncoder().encode('synod/pos/deposit');
  return keccak_256(concatBytes(text, word(BigInt(chainId)), fromHex(depositor), fromHex(publicKey)));
}

/** Both points uncompressed, in the form of EIP-2537: 128 and 256 bytes. */
export function depositCall(publicKey: Uint8Array, proof: Uint8Array): Uint8Array {
  return call('deposit(bytes,bytes)', publicKey, proof);
}

export function topUpCall(publicKey: PublicKey): Uint8Array {
  return call('topUp(bytes)', fromHex(publicKey));
}

export function exitCall(publicKey: PublicKey): Uint8Array {
  return call('exit(bytes)', fromHex(publicKey));
}

export function withdrawCall(publicKey: PublicKey): Uint8Array {
  return call('withdraw(bytes)', fromHex(publicKey));
}

export function reportCall(evidence: Uint8Array): Uint8Array {
  return call('report(bytes)', evidence);
}

/** A function whose parameters are all `bytes`: offsets first, then each with its length, padded to whole words. */
function call(signature: string, ...parameters: readonly Uint8Array[]): Uint8Array {
  const heads: Uint8Array[] = [];
  const tails: Uint8Array[] = [];
  let offset = parameters.length * WORD_BYTES;
  for (const parameter of parameters) {
    const padded = new Uint8Array(Math.ceil(parameter.length / WORD_BYTES) * WORD_BYTES);
    padded.set(parameter);
    heads.push(word(BigInt(offset)));
    tails.push(word(BigInt(parameter.length)), padded);
    offset += WORD_BYTES + padded.length;
  }
  return concatBytes(fromHex(selector(signature)).subarray(0, 4), ...heads, ...tails);
}

/** Reads the words of an ABI tuple. Throws DecodeError for lengths that lead outside. */
class AbiReader {
  readonly #data: Uint8Array;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  integer(index: number): bigint {
    return bytesToBig(this.#slice(index * WORD_BYTES, WORD_BYTES));
  }

  bytes(index: number): Uint8Array {
    const offset = this.#small(index * WORD_BYTES);
    return this.#slice(offset + WORD_BYTES, this.#small(offset));
  }

  #small(offset: number): number {
    const value = bytesToBig(this.#slice(offset, WORD_BYTES));
    if (value > BigInt(MAX_BYTES)) throw malformed(`a length of ${value}`);
    return Number(value);
  }

  #slice(offset: number, length: number): Uint8Array {
    if (offset + length > this.#data.length) throw malformed(`${this.#data.length} bytes, and a reference behind them`);
    return this.#data.slice(offset, offset + length);
  }
}

function malformed(what: string): DecodeError {
  return new DecodeError('pos/contract-event', `An event of the staking contract is malformed: it has ${what}.`);
}

function gwei(wei: bigint): Gwei {
  return wei / WEI_PER_GWEI;
}

function selector(signature: string): Hash {
  return toHex(keccak_256(new TextEncoder().encode(signature))) as Hash;
}

function word(value: bigint): Uint8Array {
  return bigToFixed(value, WORD_BYTES);
}
