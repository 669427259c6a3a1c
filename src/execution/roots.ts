/**
 * What a header commits to besides the state: the roots over transactions and receipts, and the bloom over logs (Yellow
 * Paper 4.4.1 to 4.4.3, EIP-658, EIP-2718). Pure functions of their arguments.
 */
import { bigToBytes, concatBytes, fromHex, toHex } from '../base/bytes.ts';
import type { Hash, Hex } from '../base/types.ts';
import { type Withdrawal, withdrawalFields } from '../chain/foreign-body.ts';
import { encodeRlp } from '../chain/rlp.ts';
import { keccak256 } from './keccak.ts';
import { drain } from './pacer.ts';
import { LEGACY } from './transaction-codec.ts';
import { NO_NODES, Trie } from './trie.ts';
import type { Log, Receipt } from './types.ts';

const BLOOM_BYTES = 256;
const BLOOM_BITS_PER_ITEM = 3;
const BLOOM_MASK = 2047;

/** `transactions` in their EIP-2718 form. */
export function transactionsRoot(transactions: readonly Uint8Array[]): Hash {
  return drain(transactionsRootSteps(transactions));
}

export function receiptsRoot(receipts: readonly Receipt[]): Hash {
  return drain(receiptsRootSteps(receipts));
}

export function withdrawalsRoot(withdrawals: readonly Withdrawal[]): Hash {
  return drain(listRootSteps(withdrawals, (withdrawal) => encodeRlp(withdrawalFields(withdrawal))));
}

/** Of lists, which nobody changes once they are a block's: who receives a block asks, and who executes it asks again. */
const known = new WeakMap<readonly Uint8Array[], Hash>();

/** The same in small steps, for those who must not hold up the event loop: a full block takes 100 ms. */
export function* transactionsRootSteps(transactions: readonly Uint8Array[]): Generator<void, Hash> {
  const root = known.get(transactions) ?? (yield* listRootSteps(transactions, (bytes) => bytes));
  known.set(transactions, root);
  return root;
}

export function receiptsRootSteps(receipts: readonly Receipt[]): Generator<void, Hash> {
  return listRootSteps(receipts, encodeReceipt);
}

/** The form that the receipts root is made of, which includes the bloom that our own storage leaves out. */
export function encodeReceipt({ type, success, postState, cumulativeGasUsed, logs }: Receipt): Uint8Array {
  const outcome = postState === undefined ? bigToBytes(success ? 1n : 0n) : fromHex(postState);
  const fields = [outcome, bigToBytes(cumulativeGasUsed), bloomBytes(logs), logs.map(logFields)];
  const list = encodeRlp(fields);
  return type === LEGACY ? list : concatBytes(Uint8Array.of(type), list);
}

/** 2048 bits, three for each address and topic. */
export function logsBloom(receipts: readonly Receipt[]): Hex {
  const bloom = new Uint8Array(BLOOM_BYTES);
  for (const { logs } of receipts) addToBloom(bloom, logs);
  return toHex(bloom);
}

/** The root of a trie from the index of each item to its encoding. */
function* listRootSteps<Item>(items: readonly Item[], encode: (item: Item) => Uint8Array): Generator<void, Hash> {
  const trie = new Trie(NO_NODES);
  for (const [index, item] of items.entries()) {
    trie.put(encodeRlp(index), encode(item));
    yield;
  }
  return yield* trie.commitSteps();
}

function logFields({ address, topics, data }: Log) {
  return [fromHex(address), topics.map(fromHex), fromHex(data)];
}

function bloomBytes(logs: readonly Log[]): Uint8Array {
  const bloom = new Uint8Array(BLOOM_BYTES);
  addToBloom(bloom, logs);
  return bloom;
}

function addToBloom(bloom: Uint8Array, logs: readonly Log[]): void {
  for (const { address, topics } of logs) {
    for (const item of [address, ...topics]) {
      const digest = keccak256(fromHex(item));
      for (let i = 0; i < BLOOM_BITS_PER_ITEM; i++) {
        const bit = (((digest[2 * i] ?? 0) << 8) | (digest[2 * i + 1] ?? 0)) & BLOOM_MASK;
        const at = BLOOM_BYTES - 1 - (bit >> 3);
        bloom[at] = (bloom[at] ?? 0) | (1 << (bit & 7));
      }
    }
  }
}
