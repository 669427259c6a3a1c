/**
 * Whether a history of concurrent operations could have happened one after another: each operation takes effect at one
 * moment between its call and its return, and the results are those of a sequential model.
 *
 * Source: Wing and Gong, "Testing and Verifying Concurrent Objects" (1993), with Lowe's memory of configurations ("Testing
 * for linearizability", 2016) and the partitioning of Horn and Kroening (2015): the method that Porcupine made known.
 * An operation without a return may have taken effect at any time after its call, or not at all.
 */
import { assert } from '../base/assert.ts';

export interface Operation<Input, Output> {
  readonly client: number;
  readonly input: Input;
  /** Undefined when the client never learned it: any result is possible then. */
  readonly output: Output | undefined;
  readonly callMs: number;
  /** Infinity when it never returned. */
  readonly returnMs: number;
}

export interface Model<State, Input, Output> {
  readonly initial: State;
  /** The state after the operation, or null when it could not have had this result in this state. */
  step(state: State, input: Input, output: Output | undefined): State | null;
  /** Equal for equal states. */
  keyOf(state: State): string;
  /** Parts that cannot affect each other (one for each key of a store); absent where there are none. */
  partition?(history: readonly Operation<Input, Output>[]): readonly (readonly Operation<Input, Output>[])[];
}

export type Verdict<Input, Output> =
  | { readonly result: 'linearizable' }
  /** `prefix`: the longest order that was found; `part` is the history that has none. */
  | {
      readonly result: 'illegal';
      readonly part: readonly Operation<Input, Output>[];
      readonly prefix: readonly Operation<Input, Output>[];
    }
  /** The search was given up. */
  | { readonly result: 'unknown' };

/** Steps of the model; the problem is NP-complete, so a bound there must be. */
export const MAX_SEARCH_STEPS = 5_000_000;
const NEVER = Number.POSITIVE_INFINITY;

export function checkLinearizable<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  maxSteps = MAX_SEARCH_STEPS,
): Verdict<Input, Output> {
  let unknown = false;
  for (const part of model.partition?.(history) ?? [history]) {
    const verdict = new Search(model, part, maxSteps).run();
    if (verdict.result === 'illegal') return verdict;
    unknown ||= verdict.result === 'unknown';
  }
  return unknown ? { result: 'unknown' } : { result: 'linearizable' };
}

/** A call or a return, in a list by time from which operations are lifted out as they are put in order. */
interface Entry {
  /** Of the operation. */
  readonly index: number;
  /** The return of a call; null for a return. */
  match: Entry | null;
  previous: Entry | null;
  next: Entry | null;
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #part: readonly Operation<Input, Output>[];
  readonly #maxSteps: number;
  readonly #head: Entry;
  readonly #done: Uint32Array;
  readonly #seen = new Set<string>();
  readonly #stack: { readonly entry: Entry; readonly state: State }[] = [];
  /** Operations that returned and have no place yet. The others need none: they may never have happened. */
  #open: number;
  #longest: number[] = [];

  constructor(model: Model<State, Input, Output>, part: readonly Operation<Input, Output>[], maxSteps: number) {
    this.#model = model;
    this.#part = part;
    this.#maxSteps = maxSteps;
    this.#head = entriesOf(part);
    this.#done = new Uint32Array(Math.ceil(part.length / 32));
    this.#open = part.filter(({ returnMs }) => returnMs !== NEVER).length;
  }

  run(): Verdict<Input, Output> {
    let state = this.#model.initial;
    let entry = this.#head.next;
    for (let steps = 0; this.#open > 0; steps++) {
      if (steps >= this.#maxSteps) return { result: 'unknown' };
      const after = entry !== null && entry.match !== null ? this.#tryNext(state, entry) : null;
      if (entry !== null && after !== null) {
        this.#stack.push({ entry, state });
        state = after;
        lift(entry);
        entry = this.#head.next;
      } else if (entry !== null && entry.match !== null) {
        entry = entry.next;
      } else {
        // Somebody's return: what was called before it had to come first, so an earlier choice was wrong.
        this.#remember();
        const last = this.#stack.pop();
        if (last === undefined) return this.#illegal();
        state = last.state;
        this.#mark(last.entry.index, false);
        putBack(last.entry);
        entry = last.entry.next;
      }
    }
    return { result: 'linearizable' };
  }

  /** The state after this operation, unless it is impossible, or this was tried before in another order. */
  #tryNext(state: State, { index }: Entry): State | null {
    const operation = this.#part[index];
    if (operation === undefined) return null;
    const after = this.#model.step(state, operation.input, operation.output);
    if (after === null) return null;
    this.#mark(index, true);
    const configuration = `${this.#done.join()}|${this.#model.keyOf(after)}`;
    if (this.#seen.has(configuration)) {
      this.#mark(index, false);
      return null;
    }
    this.#seen.add(configuration);
    return after;
  }

  #mark(index: number, done: boolean): void {
    const word = index >> 5;
    const bit = 1 << (index & 31);
    const old = this.#done[word] ?? 0;
    this.#done[word] = done ? old | bit : old & ~bit;
    if (this.#part[index]?.returnMs !== NEVER) this.#open += done ? -1 : 1;
  }

  #remember(): void {
    if (this.#stack.length > this.#longest.length) this.#longest = this.#stack.map(({ entry }) => entry.index);
  }

  #illegal(): Verdict<Input, Output> {
    const prefix = this.#longest.flatMap((index) => this.#part[index] ?? []);
    return { result: 'illegal', part: this.#part, prefix };
  }
}

/** The list's head; its entries are in the order of time, and of two at once the call comes first. */
function entriesOf<Input, Output>(part: readonly Operation<Input, Output>[]): Entry {
  const timed = part.flatMap(({ callMs, returnMs }, index) => {
    assert(callMs <= returnMs, `an operation returns (${returnMs} ms) after its call (${callMs} ms)`);
    const end: Entry = { index, match: null, previous: null, next: null };
    const call: Entry = { index, match: end, previous: null, next: null };
    return [
      { atMs: callMs, isReturn: 0, entry: call },
      { atMs: returnMs, isReturn: 1, entry: end },
    ];
  });
  timed.sort((a, b) => (a.atMs === b.atMs ? a.isReturn - b.isReturn : a.atMs - b.atMs));
  const head: Entry = { index: -1, match: null, previous: null, next: null };
  let last = head;
  for (const { entry } of timed) {
    last.next = entry;
    entry.previous = last;
    last = entry;
  }
  return head;
}

/** Takes a call and its return out of the list. */
function lift(call: Entry): void {
  unlink(call);
  if (call.match !== null) unlink(call.match);
}

/** The opposite, in the opposite order: each entry still knows its neighbours. */
function putBack(call: Entry): void {
  if (call.match !== null) relink(call.match);
  relink(call);
}

function unlink(entry: Entry): void {
  if (entry.previous !== null) entry.previous.next = entry.next;
  if (entry.next !== null) entry.next.previous = entry.previous;
}

function relink(entry: Entry): void {
  if (entry.previous !== null) entry.previous.next = entry;
  if (entry.next !== null) entry.next.previous = entry;
}
