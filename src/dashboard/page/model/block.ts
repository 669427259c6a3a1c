/** A block as lists, tree and charts need it: a tenth of what its header takes. */
import { bigOf, fieldsOf, isAddress, isHash, numberOf } from './decode.ts';

export interface Block {
  readonly hash: string;
  readonly parent: string;
  readonly number: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly gasUsed: number;
  readonly gasLimit: number;
  readonly miner: string;
  /** Expected number of hashes; 0 where nobody mines. */
  readonly difficulty: number;
  /** Wei for a unit of gas. */
  readonly baseFee: number;
  /** Null until somebody was asked. */
  readonly transactions: number | null;
}

/** Null for what is no header. */
export function parseHeader(value: unknown): Block | null {
  const header = fieldsOf(value);
  const { hash, parentHash, miner } = header;
  if (!isHash(hash) || !isHash(parentHash)) return null;
  const gasUsed = numberOf(header.gasUsed);
  return {
    hash: hash.toLowerCase(),
    parent: parentHash.toLowerCase(),
    number: numberOf(header.number),
    time: numberOf(header.timestamp),
    gasUsed,
    gasLimit: numberOf(header.gasLimit),
    miner: isAddress(miner) ? miner.toLowerCase() : '',
    difficulty: Number(bigOf(header.difficulty)),
    baseFee: Number(bigOf(header.baseFeePerGas)),
    // Every transaction uses gas.
    transactions: Array.isArray(header.transactions) ? header.transactions.length : gasUsed === 0 ? 0 : null,
  };
}
