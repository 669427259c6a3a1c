/**
 * The light ledger's whole economy: accounts that send each other amounts. A transfer is 14 bytes, and those that an
 * engine's contract would log (`says`) if the receiver were that contract; a state is an array of numbers, a state root two words over it; nothing is signed, because the simulator's clients cannot be impersonated.
 * It keeps what consensus can get wrong: a nonce is used once, nothing is spent twice, no money comes from nowhere.
 */
import { fromHex, toHex } from '../base/bytes.ts';
import { DecodeError, RuleError } from '../base/errors.ts';
import type { Address, Hash } from '../base/types.ts';
import { EMPTY_TRIE_ROOT } from '../chain/header.ts';
import type { Output } from '../chain/tree.ts';
import { Digest } from './digest.ts';

export interface Transfer {
  /** Numbers of accounts. */
  readonly from: number;
  readonly to: number;
  /** The sender's transfers count from 0. */
  readonly nonce: number;
  readonly amount: number;
  /** What the contract says because of it, to the engine. */
  readonly says?: Output;
}

export const TRANSFER_BYTES = 14;
const CHECKSUM_AT = 12;
const MAX_TRANSFER_BYTES = 4_096;
export const MAX_ACCOUNTS = 256;
const NOTHING = new Uint8Array(0);
const TOPIC_BYTES = 32;
const MAX_TOPICS = 4;
const ROOT_PREFIX = `0x${'0'.repeat(48)}`;

const decoded = new WeakMap<Uint8Array, Transfer>();

export function encodeTransfer(transfer: Transfer): Uint8Array {
  const said = transfer.says === undefined ? NOTHING : encodeOutput(transfer.says);
  const bytes = new Uint8Array(TRANSFER_BYTES + said.length);
  bytes.set(said, TRANSFER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, transfer.from);
  view.setUint16(2, transfer.to);
  view.setUint32(4, transfer.nonce);
  view.setUint32(8, transfer.amount);
  view.setUint16(CHECKSUM_AT, checksum(bytes));
  decoded.set(bytes, transfer);
  return bytes;
}

/** Throws DecodeError. */
export function decodeTransfer(bytes: Uint8Array): Transfer {
  const known = decoded.get(bytes);
  if (known !== undefined) return known;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < TRANSFER_BYTES || bytes.length > MAX_TRANSFER_BYTES || view.getUint16(12) !== checksum(bytes)) {
    throw new DecodeError('decode/transfer', `Not a transfer of the light ledger (${bytes.length} bytes).`, { bytes: bytes.length });
  }
  const transfer = {
    from: view.getUint16(0),
    to: view.getUint16(2),
    nonce: view.getUint32(4),
    amount: view.getUint32(8),
    ...(bytes.length > TRANSFER_BYTES && { says: decodeOutput(bytes.subarray(TRANSFER_BYTES)) }),
  };
  if (transfer.from >= MAX_ACCOUNTS || transfer.to >= MAX_ACCOUNTS) {
    throw new DecodeError('decode/transfer', `A transfer names an account that is none of the ${MAX_ACCOUNTS}.`);
  }
  decoded.set(bytes, transfer);
  return transfer;
}

/** What the contract said in these transfers, in order. */
export function outputsOf(transactions: readonly Uint8Array[]): readonly Output[] {
  return transactions.flatMap((bytes) => decodeTransfer(bytes).says ?? []);
}

function encodeOutput({ topics, data }: Output): Uint8Array {
  return Uint8Array.from([topics.length, ...topics.flatMap((topic) => [...fromHex(topic)]), ...fromHex(data)]);
}

function decodeOutput(bytes: Uint8Array): Output {
  const count = bytes[0] ?? 0;
  const end = 1 + count * TOPIC_BYTES;
  if (count > MAX_TOPICS || bytes.length < end) throw new DecodeError('decode/transfer', `A contract cannot say ${bytes.length} bytes so.`);
  const topics = Array.from({ length: count }, (_, i) => toHex(bytes.subarray(1 + i * TOPIC_BYTES, 1 + (i + 1) * TOPIC_BYTES)) as Hash);
  return { topics, data: toHex(bytes.subarray(end)) };
}

/** Names a transfer: two that differ in anything have different names. */
export function transferId({ from, nonce, to, amount, says }: Transfer): string {
  return `${from}/${nonce}>${to}:${amount}${says === undefined ? '' : `!${says.topics.join()}:${says.data}`}`;
}

/**
 * Balances and nonces, two numbers for each account. Never changed once it is somebody's state. A plain array, which V8
 * copies faster than a typed one and keeps in its young generation.
 */
export type Balances = number[];

export function newBalances(accounts: number, balance: number): Balances {
  return Array.from({ length: 2 * accounts }, (_, index) => (index % 2 === 0 ? balance : 0));
}

export function balanceOf(balances: Balances, account: number): number {
  return balances[2 * account] ?? 0;
}

export function nonceOf(balances: Balances, account: number): number {
  return balances[2 * account + 1] ?? 0;
}

/** Changes the balances in place. Throws RuleError `transfer/...`, with nothing changed. */
export function applyTransfer(balances: Balances, { from, to, nonce, amount }: Transfer): void {
  if (2 * Math.max(from, to) >= balances.length) throw new RuleError('transfer/account', `Account ${from} or ${to} does not exist.`);
  const expected = nonceOf(balances, from);
  if (nonce !== expected) throw new RuleError('transfer/nonce', `Account ${from} uses nonce ${nonce}; expected ${expected}.`);
  const balance = balanceOf(balances, from);
  if (amount > balance) throw new RuleError('transfer/funds', `Account ${from} spends ${amount} and has ${balance}.`);
  balances[2 * from] = balance - amount;
  balances[2 * from + 1] = nonce + 1;
  balances[2 * to] = balanceOf(balances, to) + amount;
}

export function mint(balances: Balances, account: number, amount: number): void {
  balances[2 * account] = balanceOf(balances, account) + amount;
}

/** Account `n` has this address, so that an engine's rewards find their way. */
export function addressOfAccount(account: number): Address {
  return `0x${(0xacc0_0000 + account).toString(16).padStart(40, '0')}` as Address;
}

const accountsByAddress = new Map(Array.from({ length: MAX_ACCOUNTS }, (_, account) => [addressOfAccount(account), account]));

export function accountOfAddress(address: Address): number | null {
  return accountsByAddress.get(address) ?? null;
}

export function balancesRoot(balances: Balances): Hash {
  const digest = new Digest();
  // By index: an iterator would put each number into an object of its own.
  for (let i = 0; i < balances.length; i++) {
    const value = balances[i] ?? 0;
    digest.add(value);
    digest.add(value < 0x1_0000_0000 ? 0 : Math.floor(value / 0x1_0000_0000));
  }
  return rootOf(digest);
}

const roots = new WeakMap<readonly Uint8Array[], Hash>();

export function transfersRoot(transactions: readonly Uint8Array[]): Hash {
  if (transactions.length === 0) return EMPTY_TRIE_ROOT;
  const known = roots.get(transactions);
  if (known !== undefined) return known;
  const digest = new Digest();
  for (const bytes of transactions) {
    digest.add(bytes.length);
    for (let at = 0; at < bytes.length; at += 4) digest.add(wordAt(bytes, at));
  }
  const root = rootOf(digest);
  roots.set(transactions, root);
  return root;
}

/** Four bytes; what is beyond the end counts as zero. */
function wordAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

function rootOf(digest: Digest): Hash {
  return `${ROOT_PREFIX}${digest.hex()}` as Hash;
}

function checksum(bytes: Uint8Array): number {
  let sum = 0x5a5a;
  for (let i = 0; i < bytes.length; i++) {
    if (i !== CHECKSUM_AT && i !== CHECKSUM_AT + 1) sum = (Math.imul(sum, 31) + (bytes[i] ?? 0)) & 0xffff;
  }
  return sum;
}
