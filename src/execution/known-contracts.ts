/**
 * What the contracts of EIP-4788, 2935, 7002 and 7251 do when a block calls them, without the EVM: every block does, four
 * times, and it would take as long as a dozen transfers. Only where the code is the one that the EIPs give, and, of the queues
 * of requests, only while they are empty; anything else runs. A test holds it equal to the EVM.
 *
 * Each answers whether it has done what the call would do.
 */
import { bigToBytes, fromHex, toHex } from '../base/bytes.ts';
import { type Address, type Hash, ZERO_HASH } from '../base/types.ts';
import type { Frame } from './environment.ts';
import type { WorldState } from './state.ts';
import { BEACON_ROOTS, BLOCK_HASHES, CONSOLIDATION_REQUESTS, WITHDRAWAL_REQUESTS } from './system-contracts.ts';

/** Of the codes as the EIPs give them. */
const CODE_HASHES: ReadonlyMap<Address, string> = new Map([
  [BEACON_ROOTS, '0xf57acd40259872606d76197ef052f3d35588dadf919ee1f0e3cb9b62d3f4b02c'],
  [BLOCK_HASHES, '0x6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d'],
  [WITHDRAWAL_REQUESTS, '0x0345a365d2f4c5975b9f1599abe0a2ee76b7a3a731bc68781bd04c84e4858f50'],
  [CONSOLIDATION_REQUESTS, '0x78c6cb5202685228bbcbfb992b1c4e116c7ec5ef11e25b8e92716cfc628ddd60'],
]);
/** HISTORY_BUFFER_LENGTH of EIP-4788, HISTORY_SERVE_WINDOW of EIP-2935. */
const WINDOW = 8_191;
/** Of EIP-7002 and 7251: the excess, the count, the head and the tail of the queue. */
const QUEUE_SLOTS: readonly Hash[] = [0, 1, 2, 3].map(slotOf);

/** EIP-4788: the time, and the root, each at its place in a ring. */
export function keepBeaconRoot({ state, context }: Frame): boolean {
  if (!isKnown(state, BEACON_ROOTS)) return false;
  const at = context.timestamp % WINDOW;
  state.setSlot(BEACON_ROOTS, slotOf(at), bigToBytes(BigInt(context.timestamp)));
  state.setSlot(BEACON_ROOTS, slotOf(WINDOW + at), fromHex(context.parentBeaconBlockRoot ?? ZERO_HASH));
  return true;
}

/** EIP-2935: the parent's hash at its place in a ring. */
export function keepBlockHash({ state, context }: Frame): boolean {
  if (!isKnown(state, BLOCK_HASHES)) return false;
  state.setSlot(BLOCK_HASHES, slotOf((context.number - 1) % WINDOW), fromHex(context.parentHash));
  return true;
}

/** EIP-7002 and 7251: nobody has asked for anything, neither in this block nor in those before it, so nothing changes. */
export function hasNoRequests({ state }: Frame, contract: Address): boolean {
  return isKnown(state, contract) && QUEUE_SLOTS.every((slot) => state.slot(contract, slot).length === 0);
}

function isKnown(state: WorldState, contract: Address): boolean {
  const account = state.account(contract);
  return account !== null && toHex(account.codeHash) === CODE_HASHES.get(contract);
}

function slotOf(index: number): Hash {
  return `0x${index.toString(16).padStart(64, '0')}` as Hash;
}
