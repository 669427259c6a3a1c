/**
 * What Ethereum's blocks have and synod's do not: uncles (Yellow Paper 11.1) and withdrawals (EIP-4895). Blocks that were
 * made elsewhere and are replayed here keep both in their payload, as RLP of [[uncle header], [withdrawal]], and commit
 * to them by unclesHash and withdrawalsRoot instead of extraData. The payload is empty where a block has neither.
 */
import { addressOf, bigToBytes, EMPTY, fromHex, hashOf } from '../base/bytes.ts';
import { RuleError } from '../base/errors.ts';
import { keccak256 } from '../base/keccak.ts';
import type { Address } from '../base/types.ts';
import { EMPTY_TRIE_ROOT, EMPTY_UNCLES_HASH, type Header, headerFields, headerFromFields } from './header.ts';
import { bytesField, decodeRlp, encodeRlp, integer, listField, type RlpValue } from './rlp.ts';

export interface Withdrawal {
  readonly index: bigint;
  readonly validatorIndex: bigint;
  readonly address: Address;
  readonly amountGwei: bigint;
}

export interface ForeignBody {
  readonly uncles: readonly Header[];
  readonly withdrawals: readonly Withdrawal[];
}

/** Ethereum's own limit for uncles, and more withdrawals than a block has (EIP-4895: 16). */
const MAX_UNCLES = 2;
const MAX_WITHDRAWALS = 1_024;
const UINT64_BYTES = 8;
const NOTHING: ForeignBody = { uncles: [], withdrawals: [] };

/** Whether the header commits to uncles or withdrawals: no block of synod's own engines does. */
export function isForeign({ unclesHash, withdrawalsRoot }: Header): boolean {
  return unclesHash !== EMPTY_UNCLES_HASH || (withdrawalsRoot !== undefined && withdrawalsRoot !== EMPTY_TRIE_ROOT);
}

/** Nothing for a block that commits to nothing. Throws DecodeError for a payload of another form. */
export function foreignBody({ header, payload }: { readonly header: Header; readonly payload: Uint8Array }): ForeignBody {
  if (!isForeign(header)) return NOTHING;
  const [uncles, withdrawals] = listField(decodeRlp(payload, 'body of a foreign block'), 'body of a foreign block', 2);
  return foreignBodyFrom(uncles, withdrawals);
}

/** From the third and fourth item of a block in Ethereum's form; there are no withdrawals before shanghai. */
export function foreignBodyFrom(uncles: unknown, withdrawals: unknown): ForeignBody {
  return {
    uncles: listField(uncles, 'uncles', MAX_UNCLES).map(headerFromFields),
    withdrawals: listField(withdrawals ?? [], 'withdrawals', MAX_WITHDRAWALS).map(withdrawalFrom),
  };
}

export function encodeForeignBody({ uncles, withdrawals }: ForeignBody): Uint8Array {
  if (uncles.length === 0 && withdrawals.length === 0) return EMPTY;
  return encodeRlp([uncleFields(uncles), withdrawals.map(withdrawalFields)]);
}

export function uncleFields(uncles: readonly Header[]): RlpValue[] {
  return uncles.map(headerFields);
}

export function withdrawalFields({ index, validatorIndex, address, amountGwei }: Withdrawal): Uint8Array[] {
  return [bigToBytes(index), bigToBytes(validatorIndex), fromHex(address), bigToBytes(amountGwei)];
}

/** Throws RuleError `block/unclesHash`. */
export function checkUnclesHash(header: Header, uncles: readonly Header[]): void {
  const hash = hashOf(keccak256(encodeRlp(uncleFields(uncles))));
  if (hash !== header.unclesHash) {
    throw new RuleError('block/unclesHash', `The uncles of block ${header.number} hash to ${hash}; the header says ${header.unclesHash}.`);
  }
}

function withdrawalFrom(value: unknown): Withdrawal {
  const fields = listField(value, 'a withdrawal', 4);
  const at = (place: number) => bytesField(fields[place], 'withdrawal field');
  return {
    index: integer(at(0), UINT64_BYTES, 'withdrawal index'),
    validatorIndex: integer(at(1), UINT64_BYTES, 'validator index'),
    address: addressOf(at(2)),
    amountGwei: integer(at(3), UINT64_BYTES, 'withdrawal amount'),
  };
}
