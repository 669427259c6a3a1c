/**
 * Blocks in Ethereum's own RLP form, [header, [transactions], [uncles], [withdrawals]], in which geth exports and
 * imports chains (a file is such blocks one after the other). A block of synod whose engine adds a seal or a payload
 * carries these two as further items; without them the form is Ethereum's to the byte. Uncles and withdrawals occur only
 * in blocks that were made elsewhere (`foreign-body.ts`).
 */
import { EMPTY } from '../base/bytes.ts';
import { DecodeError } from '../base/errors.ts';
import { type Block, MAX_BLOCK_BYTES, MAX_BLOCK_TRANSACTIONS } from './block.ts';
import { encodeForeignBody, foreignBody, foreignBodyFrom, isForeign, uncleFields, withdrawalFields } from './foreign-body.ts';
import { type Header, headerFields, headerFromFields } from './header.ts';
import { bytesField, decodeRlp, encodeRlp, listField, type RlpValue } from './rlp.ts';

/** The first byte of an RLP list; a legacy transaction is a list, a typed one a byte string. */
const FIRST_LIST_BYTE = 0xc0;

export function encodeEthereumBlock(block: Block): Uint8Array {
  const transactions = block.transactions.map((bytes) =>
    (bytes[0] ?? 0) >= FIRST_LIST_BYTE ? (decodeRlp(bytes, 'transaction') as RlpValue) : bytes,
  );
  if (isForeign(block.header)) return encodeForeignBlock(block, transactions);
  const extra = block.seal.length === 0 && block.payload.length === 0 ? [] : [block.seal, block.payload];
  const withdrawals: RlpValue[] = block.header.withdrawalsRoot === undefined && extra.length === 0 ? [] : [[]];
  return encodeRlp([headerFields(block.header), transactions, [], ...withdrawals, ...extra]);
}

function encodeForeignBlock(block: Block, transactions: readonly RlpValue[]): Uint8Array {
  const { uncles, withdrawals } = foreignBody(block);
  const { withdrawalsRoot } = block.header;
  const last = withdrawalsRoot === undefined ? [] : [withdrawals.map(withdrawalFields)];
  return encodeRlp([headerFields(block.header), transactions, uncleFields(uncles), ...last]);
}

/**
 * Throws DecodeError. Uncles and withdrawals are refused by name, because synod's blocks have none, unless `foreign` says
 * that the block was made elsewhere: then they go into its payload.
 */
export function decodeEthereumBlock(bytes: Uint8Array, { foreign = false } = {}): Block {
  if (bytes.length > MAX_BLOCK_BYTES) {
    throw new DecodeError('decode/block-size', `The block has ${bytes.length} bytes; at most ${MAX_BLOCK_BYTES} are allowed.`, {
      bytes: bytes.length,
    });
  }
  const parts = listField(decodeRlp(bytes, 'block'), 'block', 6);
  if (parts.length < 3) throw new DecodeError('decode/block', `Expected 3 to 6 parts in a block, got ${parts.length}.`);
  const header: Header = headerFromFields(parts[0]);
  const transactions = listField(parts[1], 'transactions', MAX_BLOCK_TRANSACTIONS).map((item) =>
    Array.isArray(item) ? encodeRlp(item) : bytesField(item, 'a transaction'),
  );
  if (foreign) return { header, transactions, seal: EMPTY, payload: encodeForeignBody(foreignBodyFrom(parts[2], parts[3])) };
  refuseAny(parts[2], 'uncles', header);
  if (parts[3] !== undefined) refuseAny(parts[3], 'withdrawals', header);
  return {
    header,
    transactions,
    seal: parts[4] === undefined ? EMPTY : bytesField(parts[4], 'seal'),
    payload: parts[5] === undefined ? EMPTY : bytesField(parts[5], 'payload'),
  };
}

function refuseAny(list: unknown, what: string, header: Header): void {
  const { length } = listField(list, what, 1_000);
  if (length > 0) throw new DecodeError(`decode/${what}`, `Block ${header.number} has ${length} ${what}; blocks of synod have none.`);
}

/**
 * How long the RLP item is that begins with these bytes, header included; null when more bytes are needed to say.
 * Throws DecodeError unless it is a list of at most `maxBytes`.
 */
export function listLength(start: Uint8Array, maxBytes: number): number | null {
  const first = start[0];
  if (first === undefined) return null;
  if (first < FIRST_LIST_BYTE) throw new DecodeError('decode/rlp', `Expected an RLP list, got the byte 0x${first.toString(16)}.`);
  const lengthBytes = Math.max(0, first - 0xf7);
  if (start.length < 1 + lengthBytes) return null;
  let length = lengthBytes === 0 ? first - FIRST_LIST_BYTE : 0;
  for (const byte of start.subarray(1, 1 + lengthBytes)) length = length * 256 + byte;
  if (length > maxBytes)
    throw new DecodeError('decode/block-size', `An item of ${length} bytes; at most ${maxBytes} are allowed.`, { bytes: length });
  return 1 + lengthBytes + length;
}
