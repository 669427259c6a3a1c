/** geth's callTracer: the tree of calls, with logs where asked for (eth/tracers/native/call.go). */
import { toHex, toQuantity } from '../../base/bytes.ts';
import type { Address, Hash, Hex } from '../../base/types.ts';
import { revertReason } from '../revert-reason.ts';
import type { Allowance } from './allowance.ts';
import { type FrameEnd, type FrameStart, type FrameType, REVERTED, type TracedLog, type Tracer, type TransactionStart } from './tracer.ts';

export interface CallTracerOptions {
  readonly onlyTopCall: boolean;
  readonly withLog: boolean;
}

export interface CallLog {
  readonly address: Address;
  readonly topics: readonly Hash[];
  readonly data: Hex;
  readonly index: Hex;
  /** How many calls the frame had made before it. */
  readonly position: Hex;
}

/** In the order of geth's fields. */
export interface CallFrame {
  readonly from: Address;
  gas: Hex;
  gasUsed: Hex;
  to?: Address;
  readonly input: Hex;
  output?: Hex;
  error?: string;
  revertReason?: string;
  calls?: CallFrame[];
  logs?: CallLog[];
  readonly value?: Hex;
  readonly type: FrameType;
}

/** Roughly what a frame and a log weigh as text beside their data. */
const FRAME_BYTES = 300;
const LOG_BYTES = 250;

export class CallTracer implements Tracer {
  readonly #options: CallTracerOptions;
  readonly #allowance: Allowance;
  readonly #open: CallFrame[] = [];
  #top: CallFrame | null = null;
  /** Of the transaction itself, whatever is left out. */
  #depth = 0;
  #gasLimit = 0n;

  constructor(options: CallTracerOptions, allowance: Allowance) {
    this.#options = options;
    this.#allowance = allowance;
  }

  begin({ gasLimit }: TransactionStart): void {
    this.#gasLimit = gasLimit;
  }

  enter({ depth, type, from, to, input, gas, value }: FrameStart): void {
    this.#depth = depth;
    if (this.#options.onlyTopCall && depth > 0) return;
    this.#allowance.spend(FRAME_BYTES + 2 * input.length);
    const frame: CallFrame = {
      from,
      // geth gives the transaction's own limit, with the intrinsic gas.
      gas: toQuantity(depth === 0 ? this.#gasLimit : gas),
      gasUsed: '0x0',
      to,
      input: toHex(input),
      ...(value !== null && { value: toQuantity(value) }),
      type,
    };
    const parent = this.#open.at(-1);
    this.#open.push(frame);
    if (parent === undefined) this.#top = frame;
    else parent.calls = appended(parent.calls, frame);
  }

  exit(end: FrameEnd): void {
    this.#depth = end.depth - 1;
    if (this.#options.onlyTopCall && end.depth > 0) return;
    const frame = this.#open.pop();
    if (frame === undefined) return;
    frame.gasUsed = toQuantity(end.gasUsed);
    this.#allowance.spend(2 * end.output.length);
    settle(frame, end);
  }

  log({ address, topics, data, index }: TracedLog): void {
    const frame = this.#open.at(-1);
    if (!this.#options.withLog || frame === undefined || (this.#options.onlyTopCall && this.#depth > 0)) return;
    this.#allowance.spend(LOG_BYTES + 70 * topics.length + data.length);
    const position = toQuantity(frame.calls?.length ?? 0);
    frame.logs = appended(frame.logs, { address, topics, data, index: toQuantity(index), position });
  }

  end(gasUsed: bigint): void {
    if (this.#top === null) return;
    this.#top.gasUsed = toQuantity(gasUsed);
    if (this.#options.withLog) dropFailedLogs(this.#top);
  }

  /** Null when nothing was traced. */
  get top(): CallFrame | null {
    return this.#top;
  }

  result(): string {
    return JSON.stringify(this.#top, FIELDS);
  }
}

/** geth's order, which differs from the order in which the values become known. */
const FIELDS = [
  ...['from', 'gas', 'gasUsed', 'to', 'input', 'output', 'error', 'revertReason', 'calls', 'logs', 'value', 'type'],
  ...['address', 'topics', 'data', 'index', 'position'],
];

function settle(frame: CallFrame, { output, error }: FrameEnd): void {
  if (error !== null) {
    frame.error = error;
    if (frame.type === 'CREATE' || frame.type === 'CREATE2') delete frame.to;
    if (error !== REVERTED) return;
    const reason = revertReason(output);
    if (reason !== undefined) frame.revertReason = reason;
  }
  if (output.length > 0) frame.output = toHex(output);
}

/** The same list, made when its first item comes: geth leaves empty ones out. */
function appended<T>(list: T[] | undefined, item: T): T[] {
  const items = list ?? [];
  items.push(item);
  return items;
}

/** Logs of a frame that failed, and of all below it, were never made. A tree may be 1,024 deep: no recursion. */
function dropFailedLogs(top: CallFrame): void {
  const left: (readonly [frame: CallFrame, failed: boolean])[] = [[top, false]];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const [frame, parentFailed] = next;
    const failed = parentFailed || frame.error !== undefined;
    if (failed) delete frame.logs;
    for (const call of frame.calls ?? []) left.push([call, failed]);
  }
}
