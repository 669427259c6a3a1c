/**
 * What Parity's trace_replay methods and trace_call answer: the output, and of the calls, the changes of state and the
 * steps whichever was asked for.
 */
import { toHex, toQuantity } from '../../base/bytes.ts';
import { type Address, type Hash, type Hex, type Json, ZERO_HASH } from '../../base/types.ts';
import type { Allowance } from './allowance.ts';
import { FlatCallTracer } from './flat-call-tracer.ts';
import { isNothing, type Snapshot, TouchedState } from './touched-state.ts';
import type { FrameEnd, FrameStart, Step, Tracer, TransactionStart } from './tracer.ts';
import { VmTracer } from './vm-tracer.ts';

export interface ReplayOptions {
  readonly trace: boolean;
  readonly stateDiff: boolean;
  readonly vmTrace: boolean;
}

export class ReplayTracer implements Tracer {
  readonly #options: ReplayOptions;
  readonly #allowance: Allowance;
  readonly #calls: FlatCallTracer | null;
  readonly #steps: VmTracer | null;
  #touched: TouchedState | null = null;
  #place: TransactionStart['place'];
  #output: Hex = '0x';
  #difference: Json = null;

  constructor(options: ReplayOptions, allowance: Allowance) {
    this.#options = options;
    this.#allowance = allowance;
    const flat = { convertParityErrors: true, includePrecompiles: false, parity: true };
    this.#calls = options.trace ? new FlatCallTracer(flat, allowance) : null;
    this.#steps = options.vmTrace ? new VmTracer(allowance) : null;
  }

  begin(start: TransactionStart): void {
    const { place, ...placeless } = start;
    this.#place = place;
    this.#calls?.begin(placeless);
    if (this.#options.stateDiff) {
      this.#touched = new TouchedState(start, { disableCode: false, disableStorage: false }, this.#allowance);
    }
    this.#steps?.begin(start);
  }

  step(step: Step): void {
    this.#touched?.step(step);
    this.#steps?.step(step);
  }

  enter(frame: FrameStart): void {
    this.#calls?.enter(frame);
    this.#steps?.enter(frame);
  }

  exit(end: FrameEnd): void {
    if (end.depth === 0) this.#output = toHex(end.output);
    this.#calls?.exit(end);
    this.#steps?.exit(end);
  }

  end(gasUsed: bigint): void {
    this.#calls?.end(gasUsed);
    if (this.#touched !== null) this.#difference = differenceOf(this.#touched);
  }

  result(): string {
    const place = this.#place === undefined ? '' : `,"transactionHash":"${this.#place.transactionHash}"`;
    const parts = `"output":"${this.#output}","stateDiff":${JSON.stringify(this.#difference)},"trace":${this.#calls?.result() ?? '[]'}`;
    return `{${parts},"vmTrace":${this.#steps?.result() ?? 'null'}${place}}`;
  }
}

type Change = '=' | { [kind: string]: Json };

/** Accounts that did not change are left out. */
function differenceOf(touched: TouchedState): Json {
  const changes = [...touched.before].map(([address, before]) => [address, accountChange(touched, address, before)] as const);
  return Object.fromEntries(changes.filter(([, change]) => change !== null));
}

function accountChange(touched: TouchedState, address: Address, before: Snapshot): Json {
  const after = touched.now(address);
  const born = isNothing(before);
  const died = isNothing(after);
  if (born && died) return null;
  const kind = born ? '+' : died ? '-' : '*';
  const storage = storageChanges(touched, address, before, kind);
  const change = (from: Hex, to: Hex) => changeBetween(kind, from, to);
  const fields: { readonly [name: string]: Change } = {
    balance: change(toQuantity(before.balance), toQuantity(after.balance)),
    code: change(toHex(before.code), toHex(after.code)),
    nonce: change(toQuantity(before.nonce), toQuantity(after.nonce)),
  };
  const isSame = Object.values(fields).every((value) => value === '=') && Object.keys(storage).length === 0;
  return isSame ? null : { ...fields, storage };
}

/** Of an account that died only the fields that everybody has are shown. */
function storageChanges(touched: TouchedState, address: Address, before: Snapshot, kind: string): { [slot: Hash]: Json } {
  if (kind === '-') return {};
  const slots = [...before.storage].map(([slot, old]) => [slot, old, touched.slot(address, slot)] as const);
  const changed = slots.filter(([, old, value]) => old !== value && !(kind === '+' && value === ZERO_HASH));
  return Object.fromEntries(changed.map(([slot, old, value]) => [slot, changeBetween(kind, old, value)]));
}

function changeBetween(kind: string, from: Hex, to: Hex): Change {
  if (kind === '+') return { '+': to };
  if (kind === '-') return { '-': from };
  return from === to ? '=' : { '*': { from, to } };
}
