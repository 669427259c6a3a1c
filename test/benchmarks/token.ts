/**
 * A token's `transfer(address,uint256)` and nothing else, written by hand for the benchmarks: two balances in a mapping
 * at slot 0's place, one Transfer event, the answer true. Balances wrap around, so that everybody can send at once.
 */
import { bigToFixed, concatBytes, fromHex } from '../../src/base/bytes.ts';
import { Address, type Hex } from '../../src/base/types.ts';
import type { Call } from './transfers.ts';

export const TOKEN = Address(`0x${'70'.repeat(20)}`);
const TRANSFER_EVENT = 'ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef';
const TRANSFER_SELECTOR = fromHex('0xa9059cbb');
const CALL_GAS = 100_000n;
const WORD_BYTES = 32;

export const TOKEN_CODE: Hex = `0x${[
  '602435', // the amount
  '335f5260205f20', // the sender's slot: keccak of its address
  '80548290039055', // load, subtract the amount, store
  '6004355f5260205f20', // the recipient's slot
  '805482019055', // load, add the amount, store
  '5f52', // the amount into memory
  `600435337f${TRANSFER_EVENT}60205fa3`, // log it with the sender and the recipient as topics
  '60015f5260205ff3', // return true
].join('')}`;

/** Moves one unit of the token. */
export function tokenTransfer(to: Address): Call {
  const words = [BigInt(to), 1n].map((value) => bigToFixed(value, WORD_BYTES));
  return { to: TOKEN, value: 0n, data: concatBytes(TRANSFER_SELECTOR, ...words), gasLimit: CALL_GAS };
}
