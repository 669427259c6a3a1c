/**
 * Accounts with money and the transfers between them that the benchmarks move. Signed by the native library, because
 * the JavaScript one would take longer to make the load than any node takes to carry it.
 */
import { createRequire } from 'node:module';
import { RLP } from '@ethereumjs/rlp';
import type * as Secp256k1 from 'secp256k1';
import { bigToBytes, concatBytes, EMPTY, fromHex, toHex } from '../../src/base/bytes.ts';
import { Address, type Json } from '../../src/base/types.ts';
import { builtInGenesis } from '../../src/cli/genesis.ts';
import { keccak256 } from '../../src/execution/keccak.ts';

const secp256k1 = createRequire(import.meta.url)('secp256k1') as typeof Secp256k1;

export const CHAIN_ID = 31_337;
/** Of every block: room for far more transfers than any of the runs has for one block. */
export const GAS_LIMIT = 1_000_000_000n;
const DYNAMIC_FEE = 2;
const TRANSFER_GAS = 21_000n;
const MAX_FEE_PER_GAS = 100n * 10n ** 9n;
const TIP_PER_GAS = 10n ** 9n;
const BALANCE = 10n ** 24n;

export interface Sender {
  readonly secret: Uint8Array;
  readonly address: Address;
}

export interface Call {
  readonly to: Address;
  readonly value?: bigint;
  readonly data?: Uint8Array;
  readonly gasLimit?: bigint;
}

/** Always the same ones. */
export function senders(count: number): Sender[] {
  return Array.from({ length: count }, (_, index) => {
    const secret = keccak256(Buffer.from(`benchmark sender ${index}`));
    const address = Address(toHex(keccak256(secp256k1.publicKeyCreate(secret, false).subarray(1)).subarray(12)));
    return { secret, address };
  });
}

/** An address that nobody used before, so that the state grows as it does in life. */
export function recipient(index: number): Address {
  return Address(toHex(keccak256(Buffer.from(`benchmark recipient ${index}`)).subarray(12)));
}

/** A transaction of type 2 (EIP-1559) in its encoding; without data and gas limit a plain transfer of 1 wei. */
export function signed({ secret }: Sender, nonce: number, { to, value = 1n, data = EMPTY, gasLimit = TRANSFER_GAS }: Call): Uint8Array {
  const integers = [BigInt(CHAIN_ID), BigInt(nonce), TIP_PER_GAS, MAX_FEE_PER_GAS, gasLimit];
  const fields = [...integers.map(bigToBytes), fromHex(to), bigToBytes(value), data, []];
  const type = Uint8Array.of(DYNAMIC_FEE);
  const { signature, recid } = secp256k1.ecdsaSign(keccak256(concatBytes(type, RLP.encode(fields))), secret);
  const proof = [recid, signature.subarray(0, 32), signature.subarray(32)].map(integer);
  return concatBytes(type, RLP.encode([...fields, ...proof]));
}

/** The development network's genesis with one-second blocks, room in them, and more money for each sender than it can spend. */
export function genesisDocument(
  rich: readonly Sender[],
  timestampSeconds: number,
  difficulty: number,
  code: { [address: Address]: Json } = {},
) {
  const document = builtInGenesis('pow') as { config: Record<string, Json>; alloc: Record<string, Json> };
  const money = { balance: BALANCE.toString() };
  return {
    ...document,
    config: { ...document.config, chainId: CHAIN_ID, engine: { name: 'pow', blockTimeSeconds: 1, minimumDifficulty: 1 } },
    timestamp: timestampSeconds,
    gasLimit: GAS_LIMIT.toString(),
    difficulty,
    alloc: { ...document.alloc, ...Object.fromEntries(rich.map(({ address }) => [address, money])), ...code },
  };
}

/** RLP's integers have no leading zeros. */
function integer(value: number | Uint8Array): Uint8Array {
  return bigToBytes(typeof value === 'number' ? BigInt(value) : BigInt(toHex(value)));
}
