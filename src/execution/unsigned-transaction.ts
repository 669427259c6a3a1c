/** A call as the transaction that it would be, with a signature of zeros: what simulated blocks are made of, as in geth. */
import { RLP } from '@ethereumjs/rlp';
import { bigToBytes, concatBytes, EMPTY, fromHex } from '../base/bytes.ts';
import type { Address } from '../base/types.ts';
import { keccakHash } from './keccak.ts';
import type { Tx } from './transaction.ts';
import { ACCESS_LIST, BLOB, DYNAMIC_FEE, LEGACY, SET_CODE, type TransactionFields } from './transaction-codec.ts';

export type Unsigned = Omit<TransactionFields, 'type' | 'v' | 'yParity' | 'r' | 's'>;

type Rlp = Uint8Array | Rlp[];

/** The type is what its fields ask for; one that has no price at all is of type 2. */
export function asTransaction(unsigned: Unsigned, from: Address): Tx {
  const fields = { ...unsigned, type: typeOf(unsigned), v: 0n, yParity: 0 as const, r: 0n, s: 0n };
  const bytes = encode(fields);
  return { ...fields, hash: keccakHash(bytes), sender: from, bytes };
}

function typeOf({ gasPrice, blobs, authorizationList }: Unsigned): number {
  if (gasPrice !== null) return LEGACY;
  if (authorizationList.length > 0) return SET_CODE;
  return blobs === undefined ? DYNAMIC_FEE : BLOB;
}

function encode(tx: TransactionFields): Uint8Array {
  const signature = [EMPTY, EMPTY, EMPTY];
  const call = [bigToBytes(tx.gasLimit), tx.to === null ? EMPTY : fromHex(tx.to), bigToBytes(tx.value), tx.data];
  if (tx.type === LEGACY) return RLP.encode([bigToBytes(tx.nonce), bigToBytes(tx.maxFeePerGas), ...call, ...signature]);
  const accessList: Rlp = tx.accessList.map(({ address, storageKeys }) => [fromHex(address), storageKeys.map(fromHex)]);
  const head = [bigToBytes(tx.chainId ?? 0n), bigToBytes(tx.nonce)];
  const fees = tx.type === ACCESS_LIST ? [tx.maxFeePerGas] : [tx.maxPriorityFeePerGas, tx.maxFeePerGas];
  const body: Rlp = [...head, ...fees.map(bigToBytes), ...call, accessList, ...extras(tx), ...signature];
  return concatBytes(Uint8Array.of(tx.type), RLP.encode(body));
}

function extras({ type, blobs, authorizationList }: TransactionFields): Rlp[] {
  if (type === BLOB) return [bigToBytes(blobs?.maxFeePerBlobGas ?? 0n), (blobs?.versionedHashes ?? []).map(fromHex)];
  if (type !== SET_CODE) return [];
  const signed = authorizationList.map(({ chainId, address, nonce, yParity, r, s }) => [
    bigToBytes(chainId),
    fromHex(address),
    ...[nonce, BigInt(yParity), r, s].map(bigToBytes),
  ]);
  return [signed];
}
