/**
 * Transfers of ether as logs, in their place among the others: what eth_simulateV1 calls traceTransfers. A frame that
 * fails takes its logs along, but not their numbers: so counts geth.
 */
import { Address, type Hash, type Hex } from '../base/types.ts';
import type { FrameEnd, FrameStart, TracedLog, Tracer } from './tracing/tracer.ts';
import type { Log } from './types.ts';

/** Nobody has this address: it stands for ether. */
const ETHER = Address(`0x${'ee'.repeat(20)}`);
/** keccak of Transfer(address,address,uint256). */
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef' as Hash;

export class TransferLogs implements Tracer {
  readonly logs: (Log & { readonly index: number })[] = [];
  /** The index of the next log in the block. */
  next: number;
  /** How many logs there were when each open frame began. */
  readonly #marks: number[] = [];

  constructor(first: number) {
    this.next = first;
  }

  enter({ type, from, to, value }: FrameStart): void {
    this.#marks.push(this.logs.length);
    if (type === 'DELEGATECALL' || value === null || value === 0n) return;
    this.#add({ address: ETHER, topics: [TRANSFER, word(from), word(to)], data: `0x${value.toString(16).padStart(64, '0')}` });
  }

  exit({ error }: FrameEnd): void {
    const mark = this.#marks.pop() ?? 0;
    if (error !== null) this.logs.length = mark;
  }

  log({ address, topics, data }: TracedLog): void {
    this.#add({ address, topics, data });
  }

  result(): string {
    return JSON.stringify(this.logs);
  }

  #add(log: Log): void {
    this.logs.push({ ...log, index: this.next++ });
  }
}

function word(address: Address): Hash {
  return `0x${address.slice(2).padStart(64, '0')}` as Hex as Hash;
}
