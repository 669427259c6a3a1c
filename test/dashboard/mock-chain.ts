/** Blocks, transactions and accounts that nobody executed: what a network of the tests tells the dashboard. */
import { createHash } from 'node:crypto';

/** What no page may take for markup, and what would turn the direction of a line. */
export const HOSTILE = '<img src=x onerror=alert(1)><script>document.title="broken"</script>\u202edrawkcab';
export const SENDER = `0x${'a1'.repeat(20)}`;
export const CONTRACT = `0x${'c0'.repeat(20)}`;

export const quantity = (value: number | bigint) => `0x${value.toString(16)}`;
export const bytesOf = (text: string) => `0x${Buffer.from(text, 'utf8').toString('hex')}`;
const hashOf = (text: string) => `0x${createHash('sha256').update(text).digest('hex')}`;
const ZERO_HASH = `0x${'00'.repeat(32)}`;
/** In the past of every clock, and the same in every run. */
const GENESIS_TIME = 1_790_000_000;

export interface MockBlock {
  readonly number: number;
  readonly hash: string;
  readonly parent: MockBlock | null;
  readonly transactions: readonly string[];
  readonly header: Readonly<Record<string, unknown>>;
}

/** `salt` tells branches apart. */
export function mineOn(parent: MockBlock | null, salt: string, options: { transactions?: number; seconds?: number } = {}): MockBlock {
  const number = parent === null ? 0 : parent.number + 1;
  const hash = hashOf(`${parent?.hash ?? ''}${salt}${number}`);
  const time = parent === null ? GENESIS_TIME : Number(parent.header.timestamp) + (options.seconds ?? 1);
  const transactions = Array.from({ length: options.transactions ?? 0 }, (_, place) => hashOf(`${hash} ${place}`));
  const header = {
    number: quantity(number),
    hash,
    parentHash: parent?.hash ?? ZERO_HASH,
    miner: `0x${(number % 4).toString(16).padStart(40, '0')}`,
    timestamp: quantity(time),
    gasUsed: quantity(21_000 * transactions.length),
    gasLimit: quantity(30_000_000),
    baseFeePerGas: quantity(1_000_000_000),
    difficulty: '0x0',
    extraData: bytesOf(HOSTILE),
    nonce: '0x0000000000000000',
    mixHash: hash,
    stateRoot: hash,
    transactionsRoot: hash,
    receiptsRoot: hash,
    size: quantity(600),
  };
  return { number, hash, parent, transactions, header };
}

/** As eth_getBlockBy... gives it. */
export function blockJson(block: MockBlock, full: boolean): unknown {
  return { ...block.header, transactions: full ? block.transactions.map((hash) => transactionJson(hash, block)) : block.transactions };
}

export function transactionJson(hash: string, block: MockBlock | null): unknown {
  return {
    hash,
    type: '0x2',
    from: SENDER,
    to: CONTRACT,
    value: quantity(1_500_000_000_000_000_000n),
    nonce: '0x0',
    gas: quantity(21_000),
    maxFeePerGas: quantity(2_000_000_000),
    maxPriorityFeePerGas: quantity(1),
    input: bytesOf(HOSTILE),
    blockNumber: block === null ? null : quantity(block.number),
    blockHash: block?.hash ?? null,
  };
}

/** It failed, with words of a hostile contract. */
export function receiptJson(hash: string, block: MockBlock): unknown {
  return {
    transactionHash: hash,
    status: '0x0',
    blockNumber: quantity(block.number),
    blockHash: block.hash,
    transactionIndex: '0x0',
    gasUsed: quantity(21_000),
    effectiveGasPrice: quantity(1_000_000_000),
    contractAddress: null,
    logs: [{ address: CONTRACT, topics: [block.hash], data: bytesOf(HOSTILE), logIndex: '0x0' }],
  };
}

/** Error(string), as Solidity encodes it. */
export function revertData(words: string): string {
  const text = Buffer.from(words, 'utf8');
  const word = (value: number) => value.toString(16).padStart(64, '0');
  const padded = Buffer.concat([text, Buffer.alloc((32 - (text.length % 32)) % 32)]);
  return `0x08c379a0${word(32)}${word(text.length)}${padded.toString('hex')}`;
}
