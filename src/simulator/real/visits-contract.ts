/**
 * The contract of the real tier's clients. A call without data counts a visit, remembers what the block tells of itself
 * (so that a wrong environment changes the state root), logs the count, and answers it. A call with data does the same and
 * reverts.
 */
import { type Address, Hash, type Hex } from '../../base/types.ts';

/** First topic of its log; the second is the caller, the data the count. */
export const VISIT_TOPIC = Hash(`0x${'2a'.padStart(64, '0')}`);

const RUNTIME = [
  '600054600101', //       count = storage[0] + 1
  '80600055', //           storage[0] = count
  '80600052', //           memory[0] = count
  '44600155', //           storage[1] = PREVRANDAO
  '6001430340600255', //   storage[2] = BLOCKHASH(NUMBER - 1)
  '3355', //               storage[CALLER] = count
  '36602d57', //           with data: go to the end
  '33602a60206000a2', //   LOG2(memory[0..32], topic, CALLER)
  '60206000f3', //         return memory[0..32]
  '5b60006000fd', //       the end: revert
].join('');

const SIZE = (RUNTIME.length / 2).toString(16).padStart(2, '0');
/** PUSH1 size, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 size, PUSH1 0, RETURN: 12 bytes, and then the code. */
export const VISITS_DEPLOYMENT: Hex = `0x60${SIZE}600c60003960${SIZE}6000f3${RUNTIME}`;

export const DEPLOYMENT_GAS = 200_000n;
/** Says of a transaction that it is a visit, or one that is to fail. */
export const VISIT_GAS = 200_001n;
/** Of a visit that counts. */
export const VISIT_DATA: Hex = '0x';

/** Where its storage may have something: what it counts and remembers, and what it keeps of each caller. */
export function visitSlots(callers: readonly Address[]): Hash[] {
  return ['0', '1', '2', ...callers.map((caller) => caller.slice(2))].map((digits) => Hash(`0x${digits.padStart(64, '0')}`));
}
