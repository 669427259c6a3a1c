/**
 * Clients that stake: what the staking contract of a simulated network says to the engine, now and then, because of a transfer. Most
 * of it is sensible, some has no effect (a deposit without a proof, a stranger's exit, evidence that is none), as anybody can call a
 * contract. Events are encoded as `native/staking/Staking.sol` does (Solidity's "Contract ABI Specification").
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bigToFixed, concatBytes, fromHex, toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { Address, Hash, Hex } from '../../base/types.ts';
import type { Output } from '../../chain/tree.ts';
import { proofMessage } from '../../consensus/pos/contract.ts';
import type { Among, Subject } from '../subject.ts';

/** Of each node; the key after these is deposited by a client. */
export const KEYS_AT_GENESIS = 4;

const SAY_CHANCE = 0.15;
const WEI_PER_ETHER = 10n ** 18n;
const DEPOSIT = 32n * WEI_PER_ETHER;
/** Small: all nodes must keep about the same stake. */
const TOP_UP = WEI_PER_ETHER / 10n;
/** Of a node's keys, the only one that leaves: the one with the least stake. */
const LEAVING_KEY = 0;
const WORD_BYTES = 32;
/** No account of the light ledger, whose numbers are too small for stakes. */
const FIRST_DEPOSITOR = 0xde90_0000;
const STRANGER = depositorOf(0xffff);
const GARBAGE_BYTES = 40;

/** To whom the stake of a node's keys belongs. */
export function depositorOf(identity: number): Address {
  return `0x${(FIRST_DEPOSITOR + identity).toString(16).padStart(40, '0')}` as Address;
}

export const saysToStaking: NonNullable<Subject['says']> = ({ nodes, chainId, keys }) => {
  /** Nodes whose last key has been deposited: a second deposit would only add to its stake. */
  const deposited = new Set<number>();
  return (random) => (random.chance(SAY_CHANCE) ? callOf(random, { nodes, chainId, keys }, deposited) : null);
};

function callOf(random: Random, { nodes, chainId, keys }: Among, deposited: Set<number>): Output | null {
  const identity = random.below(nodes);
  const owner = depositorOf(identity);
  const key = (index: number) => keys.signer(identity, index).publicKey;
  switch (random.below(8)) {
    case 0:
    case 1: {
      if (deposited.has(identity)) return null;
      deposited.add(identity);
      const signer = keys.signer(identity, KEYS_AT_GENESIS);
      return deposit(signer.publicKey, owner, signer.sign(proofMessage(chainId, owner, signer.publicKey)));
    }
    case 2:
      return deposit(key(KEYS_AT_GENESIS), STRANGER, keys.signer(identity, 0).sign(proofMessage(chainId, STRANGER, key(0))));
    case 3:
      return event('TopUp(bytes,address,uint256)', owner, [fromHex(key(random.below(KEYS_AT_GENESIS))), TOP_UP]);
    case 4:
      return event('Exit(bytes,address)', owner, [fromHex(key(LEAVING_KEY))]);
    case 5:
      return event('Exit(bytes,address)', STRANGER, [fromHex(key(random.below(KEYS_AT_GENESIS)))]);
    case 6:
      return event('Withdraw(bytes,address)', random.chance(0.5) ? owner : STRANGER, [fromHex(key(LEAVING_KEY))]);
    default:
      return event('Report(bytes,address)', STRANGER, [randomBytes(random)]);
  }
}

export function deposit(publicKey: Hex, depositor: Address, proof: Uint8Array, amount = DEPOSIT): Output {
  return event('Deposit(bytes,address,uint256,bytes)', depositor, [fromHex(publicKey), amount, proof]);
}

/** An event whose address is indexed and whose other values are these, in order. */
export function event(signature: string, sender: Address, values: readonly (Uint8Array | bigint)[]): Output {
  const heads: Uint8Array[] = [];
  const tails: Uint8Array[] = [];
  let offset = BigInt(values.length * WORD_BYTES);
  for (const value of values) {
    heads.push(word(typeof value === 'bigint' ? value : offset));
    if (typeof value === 'bigint') continue;
    const padded = new Uint8Array(Math.ceil(value.length / WORD_BYTES) * WORD_BYTES);
    padded.set(value);
    tails.push(word(BigInt(value.length)), padded);
    offset += BigInt(WORD_BYTES + padded.length);
  }
  const selector = toHex(keccak_256(new TextEncoder().encode(signature))) as Hash;
  return { topics: [selector, toHex(word(BigInt(sender))) as Hash], data: toHex(concatBytes(...heads, ...tails)) };
}

function word(value: bigint): Uint8Array {
  return bigToFixed(value, WORD_BYTES);
}

function randomBytes(random: Random): Uint8Array {
  return Uint8Array.from({ length: random.below(GARBAGE_BYTES) }, () => random.below(256));
}
