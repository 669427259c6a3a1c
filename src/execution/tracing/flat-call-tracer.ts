/**
 * Calls as a flat list in Parity's form: geth's flatCallTracer (eth/tracers/native/call_flat.go), and with
 * `parity: true` what Parity's own `trace_` methods answer. They differ in the outermost frame, whose gas Parity counts
 * without the intrinsic part, in the errors' words, and in what stays of a frame that failed.
 */
import { toHex, toQuantity } from '../../base/bytes.ts';
import type { Address, Hex, Json } from '../../base/types.ts';
import type { Allowance } from './allowance.ts';
import { type FrameEnd, type FrameStart, REVERTED, type Tracer, type TransactionPlace, type TransactionStart } from './tracer.ts';

export interface FlatCallOptions {
  readonly convertParityErrors: boolean;
  readonly includePrecompiles: boolean;
  readonly parity: boolean;
}

/** A frame, in the order in which frames were entered. */
interface Entry {
  readonly start: Omit<FrameStart, 'input'>;
  readonly input: Hex;
  readonly traceAddress: readonly number[];
  gas: bigint;
  gasUsed: bigint;
  output: Hex;
  error: string | null;
  subtraces: number;
}

const FRAME_BYTES = 700;

export class FlatCallTracer implements Tracer {
  readonly #options: FlatCallOptions;
  readonly #allowance: Allowance;
  readonly #entries: Entry[] = [];
  readonly #open: Entry[] = [];
  #start: TransactionStart | null = null;

  constructor(options: FlatCallOptions, allowance: Allowance) {
    this.#options = options;
    this.#allowance = allowance;
  }

  begin(start: TransactionStart): void {
    this.#start = start;
  }

  enter(start: FrameStart): void {
    this.#allowance.spend(FRAME_BYTES + 2 * start.input.length);
    const parent = this.#open.at(-1);
    const traceAddress = parent === undefined ? [] : [...parent.traceAddress, parent.subtraces++];
    const isOutermost = parent === undefined && !this.#options.parity;
    const gas = isOutermost ? (this.#start?.gasLimit ?? start.gas) : start.gas;
    const entry: Entry = { start, input: toHex(start.input), traceAddress, gas, gasUsed: 0n, output: '0x', error: null, subtraces: 0 };
    this.#open.push(entry);
    this.#entries.push(entry);
  }

  exit({ output, gasUsed, error }: FrameEnd): void {
    const entry = this.#open.pop();
    if (entry === undefined) return;
    this.#allowance.spend(2 * output.length);
    Object.assign(entry, { output: toHex(output), gasUsed, error });
    const parent = this.#open.at(-1);
    if (parent === undefined || !this.#isHidden(entry)) return;
    // A precompile calls nothing, so it is the last that was entered.
    this.#entries.pop();
    parent.subtraces--;
  }

  end(gasUsed: bigint): void {
    const [outermost] = this.#entries;
    if (outermost !== undefined && !this.#options.parity) outermost.gasUsed = gasUsed;
  }

  /** Parity: calls to precompiles are no traces. */
  #isHidden({ start: { type, to } }: Entry): boolean {
    const called = type === 'CALL' || type === 'STATICCALL';
    return !this.#options.includePrecompiles && called && this.#start?.precompiles.has(to) === true;
  }

  result(): string {
    return JSON.stringify(this.#entries.map((entry) => this.#json(entry)));
  }

  #json(entry: Entry): Json {
    const { convertParityErrors, parity } = this.#options;
    const { start, subtraces, traceAddress, error } = entry;
    const keepsResult = error === null || (error === REVERTED && !parity);
    const result = keepsResult ? resultOf(entry) : null;
    return {
      action: actionOf(entry),
      ...placeOf(this.#start?.place, parity),
      ...(error !== null && { error: convertParityErrors ? parityError(error) : error }),
      ...((parity || result !== null) && { result }),
      subtraces,
      traceAddress: [...traceAddress],
      ...positionOf(this.#start?.place, parity),
      type: typeOf(start),
    };
  }
}

function typeOf({ type }: Pick<FrameStart, 'type'>): string {
  if (type === 'SELFDESTRUCT') return 'suicide';
  return type === 'CREATE' || type === 'CREATE2' ? 'create' : 'call';
}

function actionOf({ start: { type, from, to, value }, input, gas }: Entry): Json {
  const wei = toQuantity(value ?? 0n);
  if (type === 'SELFDESTRUCT') return { address: from, balance: wei, refundAddress: to };
  const common = { from, gas: toQuantity(gas), value: wei };
  if (type === 'CREATE' || type === 'CREATE2') return { creationMethod: type.toLowerCase(), ...common, init: input };
  return { callType: type.toLowerCase(), ...common, input, to };
}

/** Null for SELFDESTRUCT, which has none. */
function resultOf({ start: { type, to }, gasUsed, output, error }: Entry): Json {
  if (type === 'SELFDESTRUCT') return null;
  const used = toQuantity(gasUsed);
  if (type !== 'CREATE' && type !== 'CREATE2') return { gasUsed: used, output };
  const address: { address?: Address } = error === null ? { address: to } : {};
  return { ...address, code: output, gasUsed: used };
}

function placeOf(place: TransactionPlace | undefined, parity: boolean): { [key: string]: Json } {
  if (place === undefined) return parity ? {} : { blockHash: null, blockNumber: 0 };
  return { blockHash: place.blockHash, blockNumber: place.blockNumber };
}

function positionOf(place: TransactionPlace | undefined, parity: boolean): { [key: string]: Json } {
  if (place === undefined) return parity ? {} : { transactionHash: null, transactionPosition: 0 };
  return { transactionHash: place.transactionHash, transactionPosition: place.index };
}

const PARITY_ERRORS: ReadonlyMap<string, string> = new Map([
  ['contract creation code storage out of gas', 'Out of gas'],
  ['out of gas', 'Out of gas'],
  ['gas uint64 overflow', 'Out of gas'],
  ['max code size exceeded', 'Out of gas'],
  ['invalid jump destination', 'Bad jump destination'],
  [REVERTED, 'Reverted'],
  ['return data out of bounds', 'Out of bounds'],
  ['stack limit reached 1024 (1023)', 'Out of stack'],
  ['precompiled failed', 'Built-in failed'],
  ['invalid input length', 'Built-in failed'],
]);

const PARITY_BEGINNINGS: readonly (readonly [beginning: string, error: string])[] = [
  ['out of gas:', 'Out of gas'],
  ['max code size exceeded:', 'Out of gas'],
  ['invalid opcode:', 'Bad instruction'],
  ['stack underflow', 'Stack underflow'],
  ['stack limit reached', 'Out of stack'],
];

function parityError(error: string): string {
  return PARITY_ERRORS.get(error) ?? PARITY_BEGINNINGS.find(([beginning]) => error.startsWith(beginning))?.[1] ?? error;
}
