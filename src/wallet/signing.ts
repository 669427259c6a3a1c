/**
 * Signatures of transactions (legacy with EIP-155, EIP-2930, EIP-1559) and of messages (EIP-191).
 *
 * The nonce of every signature follows RFC 6979: the same key and content give the same bytes. Whether the
 * transaction is affordable, or its gas enough, is for the node to say.
 */
import { createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common';
import { createTx, type TypedTxData } from '@ethereumjs/tx';
import { hashPersonalMessage } from '@ethereumjs/util';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { hashOf, toHex } from '../base/bytes.ts';
import { UsageError } from '../base/errors.ts';
import type { Address, Hash, Hex } from '../base/types.ts';
import { checkPrivateKey } from './private-key.ts';

export interface AccessListEntry {
  readonly address: Address;
  readonly storageKeys: readonly Hash[];
}

interface CommonFields {
  readonly chainId: bigint;
  readonly nonce: bigint;
  readonly gasLimit: bigint;
  /** Null creates a contract. */
  readonly to: Address | null;
  /** Wei. */
  readonly value: bigint;
  readonly data: Hex;
}

/** Prices are in wei for each unit of gas. */
export type TransactionFields = CommonFields &
  (
    | { readonly type: 'legacy'; readonly gasPrice: bigint }
    | { readonly type: 'eip2930'; readonly gasPrice: bigint; readonly accessList: readonly AccessListEntry[] }
    | {
        readonly type: 'eip1559';
        readonly maxFeePerGas: bigint;
        readonly maxPriorityFeePerGas: bigint;
        readonly accessList: readonly AccessListEntry[];
      }
  );

export interface SignedTransaction {
  /** What eth_sendRawTransaction takes. */
  readonly raw: Hex;
  readonly hash: Hash;
}

const TYPE_NUMBERS = { legacy: 0, eip2930: 1, eip1559: 2 } as const;

/** Throws `wallet/bad-transaction` when the fields make no transaction, `wallet/bad-key` for a bad key. */
export function signTransaction(fields: TransactionFields, privateKey: Uint8Array): SignedTransaction {
  checkPrivateKey(privateKey);
  try {
    const common = createCustomCommon({ chainId: fields.chainId.toString() }, Mainnet, { hardfork: Hardfork.Prague });
    const transaction = createTx(dataOf(fields), { common }).sign(privateKey);
    return { raw: toHex(transaction.serialize()), hash: hashOf(transaction.hash()) };
  } catch (error) {
    throw new UsageError('wallet/bad-transaction', 'These fields do not make a transaction', { type: fields.type }, error);
  }
}

function dataOf(fields: TransactionFields): TypedTxData {
  const { chainId, nonce, gasLimit, value, data } = fields;
  const shared = { type: TYPE_NUMBERS[fields.type], nonce, gasLimit, value, data, ...(fields.to === null ? {} : { to: fields.to }) };
  if (fields.type === 'legacy') return { ...shared, gasPrice: fields.gasPrice };
  const accessList = fields.accessList.map(({ address, storageKeys }) => ({ address, storageKeys: [...storageKeys] }));
  if (fields.type === 'eip2930') return { ...shared, chainId, accessList, gasPrice: fields.gasPrice };
  const { maxFeePerGas, maxPriorityFeePerGas } = fields;
  return { ...shared, chainId, accessList, maxFeePerGas, maxPriorityFeePerGas };
}

/** EIP-191 version 0x45, as `personal_sign` and wallets do it: r, s and v (27 or 28), 65 bytes. */
export function signMessage(message: Uint8Array, privateKey: Uint8Array): Hex {
  checkPrivateKey(privateKey);
  const hash = hashPersonalMessage(message);
  const signature = secp256k1.Signature.fromBytes(secp256k1.sign(hash, privateKey, { prehash: false, format: 'recovered' }), 'recovered');
  const out = new Uint8Array(65);
  out.set(signature.toBytes('compact'));
  out[64] = 27 + (signature.recovery ?? 0);
  return toHex(out);
}
