/**
 * The call object that eth_call, eth_estimateGas and eth_createAccessList take, and the overrides that go with it, from
 * JSON to the backend's CallRequest. Names and rules are geth's (TransactionArgs).
 */
import { EMPTY, equalBytes } from '../base/bytes.ts';
import { ZERO_ADDRESS } from '../base/types.ts';
import type { Withdrawal } from '../chain/foreign-body.ts';
import type { Header } from '../chain/header.ts';
import type { AccountOverride, BlockOverrides, CallRequest } from '../execution/call-types.ts';
import type { AccessListEntry, Authorization } from '../execution/transaction-codec.ts';
import { address, type Codec, data, hash, isObject, list, mismatch, object, quantity, record, uint64, uint256 } from './codecs.ts';
import { invalidParams, refused } from './errors.ts';

const MAX_ACCESS_ENTRIES = 4_096;
const MAX_AUTHORIZATIONS = 1_024;
const MAX_BLOBS = 64;
const MAX_WITHDRAWALS = 1_024;
const MAX_OVERRIDDEN_ACCOUNTS = 1_024;
const MAX_OVERRIDDEN_SLOTS = 16_384;

const accessEntryFields = object('an access list entry', { address, storageKeys: list(hash, MAX_ACCESS_ENTRIES) });
const accessEntry: Codec<AccessListEntry> = {
  expected: accessEntryFields.expected,
  schema: accessEntryFields.schema,
  decode(value, place) {
    const entry = accessEntryFields.decode(value, place);
    if (entry.address === undefined) throw mismatch(place, accessEntryFields.expected, value);
    return { address: entry.address, storageKeys: entry.storageKeys ?? [] };
  },
};

const authorizationFields = object('an authorization (EIP-7702)', {
  chainId: uint256,
  address,
  nonce: uint64,
  yParity: quantity(8),
  r: uint256,
  s: uint256,
});
const authorization: Codec<Authorization> = {
  expected: authorizationFields.expected,
  schema: authorizationFields.schema,
  decode(value, place) {
    const { chainId, address: delegate, nonce, yParity, r, s } = authorizationFields.decode(value, place);
    if (delegate === undefined || chainId === undefined || nonce === undefined) throw mismatch(place, authorizationFields.expected, value);
    return { chainId, address: delegate, nonce, yParity: Number(yParity ?? 0n), r: r ?? 0n, s: s ?? 0n };
  },
};

const callFields = object('a call', {
  from: address,
  to: address,
  gas: uint64,
  gasPrice: uint256,
  maxFeePerGas: uint256,
  maxPriorityFeePerGas: uint256,
  value: uint256,
  nonce: uint64,
  data,
  input: data,
  chainId: uint256,
  accessList: list(accessEntry, MAX_ACCESS_ENTRIES),
  authorizationList: list(authorization, MAX_AUTHORIZATIONS),
  maxFeePerBlobGas: uint256,
  blobVersionedHashes: list(hash, MAX_BLOBS),
});

/** A call before it is known on which block it runs. */
export type CallArguments = Omit<CallRequest, 'header'> & { readonly chainId?: bigint };

export const callArguments: Codec<CallArguments> = {
  expected: callFields.expected,
  schema: callFields.schema,
  decode(value, place) {
    const {
      from,
      to,
      data: older,
      input,
      value: wei,
      maxFeePerBlobGas = 0n,
      blobVersionedHashes,
      ...rest
    } = callFields.decode(value, place);
    if (older !== undefined && input !== undefined && !equalBytes(older, input)) {
      throw invalidParams('both "data" and "input" are set and not equal. Please use "input" to pass transaction call data');
    }
    if (rest.gasPrice !== undefined && (rest.maxFeePerGas !== undefined || rest.maxPriorityFeePerGas !== undefined)) {
      throw invalidParams('both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified');
    }
    const versionedHashes = blobVersionedHashes ?? [];
    if (versionedHashes.length > 0 && to === undefined) throw invalidParams('missing "to" in blob transaction');
    const blobs = versionedHashes.length === 0 ? undefined : { maxFeePerBlobGas, versionedHashes };
    return {
      ...rest,
      ...(blobs !== undefined && { blobs }),
      from: from ?? ZERO_ADDRESS,
      to: to ?? null,
      data: input ?? older ?? EMPTY,
      value: wei ?? 0n,
    };
  },
};

const accountFields = object('an account override', {
  balance: uint256,
  nonce: uint64,
  code: data,
  state: record(hash, hash, MAX_OVERRIDDEN_SLOTS),
  stateDiff: record(hash, hash, MAX_OVERRIDDEN_SLOTS),
  movePrecompileToAddress: address,
});
const accountOverride: Codec<AccountOverride> = {
  expected: accountFields.expected,
  schema: accountFields.schema,
  decode(value, place) {
    const { movePrecompileToAddress, ...override } = accountFields.decode(value, place);
    if (override.state !== undefined && override.stateDiff !== undefined) {
      throw invalidParams(`invalid argument ${place.argument}: ${place.path} has both 'state' and 'stateDiff'`);
    }
    return { ...override, ...(movePrecompileToAddress !== undefined && { movePrecompileTo: movePrecompileToAddress }) };
  },
};

export const stateOverrides = record(address, accountOverride, MAX_OVERRIDDEN_ACCOUNTS);

/** What makes no difference to a call within a block. */
const WHOLE_BLOCKS_ONLY: readonly string[] = ['beaconRoot', 'withdrawals'];

const contextFields = {
  number: uint64,
  time: uint64,
  gasLimit: uint64,
  feeRecipient: address,
  prevRandao: hash,
  baseFeePerGas: uint256,
  blobBaseFee: uint256,
};

const blockFields = object('block overrides', contextFields);
export const blockOverrides: Codec<BlockOverrides> = {
  expected: blockFields.expected,
  schema: blockFields.schema,
  decode(value, place) {
    for (const name of WHOLE_BLOCKS_ONLY) {
      if (isObject(value) && (value[name] ?? null) !== null) {
        throw refused('call/override', `block override "${name}" is not supported for this RPC method`);
      }
    }
    return blockFields.decode(value, place);
  },
};

const withdrawalFields = object('a withdrawal', { index: uint64, validatorIndex: uint64, address, amount: uint64 });
const withdrawal: Codec<Withdrawal> = {
  expected: withdrawalFields.expected,
  schema: withdrawalFields.schema,
  decode(value, place) {
    const { index = 0n, validatorIndex = 0n, address: to, amount = 0n } = withdrawalFields.decode(value, place);
    if (to === undefined) throw mismatch(place, withdrawalFields.expected, value);
    return { index, validatorIndex, address: to, amountGwei: amount };
  },
};

export const withdrawals = list(withdrawal, MAX_WITHDRAWALS);

/** Of blocks that are made up whole. */
export const simulatedBlockOverrides: Codec<BlockOverrides> = object('block overrides', {
  ...contextFields,
  beaconRoot: hash,
  withdrawals,
});

/** Throws RpcError -32602 when the call is for another chain. */
export function toCallRequest(
  call: CallArguments,
  header: Header,
  chainId: number,
  overrides: Pick<CallRequest, 'stateOverrides' | 'blockOverrides'>,
): CallRequest {
  const { chainId: wanted, ...request } = call;
  if (wanted !== undefined && wanted !== BigInt(chainId)) {
    throw invalidParams(`chainId does not match node's (have=${wanted}, want=${chainId})`);
  }
  return { ...request, ...overrides, header };
}
