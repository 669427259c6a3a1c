/** The checker of histories: by examples that can be checked by hand, and by published ones whose answer is known. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { checkLinearizable, type Model, type Operation } from '../../src/simulator/linearizability.ts';

type Input =
  | { readonly type: 'read' }
  | { readonly type: 'write'; readonly value: number }
  | { readonly type: 'set'; readonly from: number; readonly to: number };
/** What was read (null: nothing), or whether a compare-and-set went through. */
type Output = number | null | boolean;

const register: Model<number | null, Input, Output> = {
  initial: null,
  keyOf: String,
  step(state, input, output) {
    switch (input.type) {
      case 'read':
        return output === undefined || output === state ? (state ?? NOTHING) : null;
      case 'write':
        return input.value;
      case 'set': {
        const applies = input.from === state;
        if (output !== undefined && output !== applies) return null;
        return applies ? input.to : (state ?? NOTHING);
      }
    }
  },
};
/** A state of its own, since null means that an operation was impossible. */
const NOTHING = -1;
const model: Model<number, Input, Output> = {
  ...register,
  initial: NOTHING,
  step: (state, input, output) => register.step(state, input, output === null ? NOTHING : output),
};

const INFINITY = Number.POSITIVE_INFINITY;
const write = (client: number, value: number, callMs: number, returnMs: number): Operation<Input, Output> => ({
  client,
  input: { type: 'write', value },
  output: true,
  callMs,
  returnMs,
});
const read = (client: number, output: number | null | undefined, callMs: number, returnMs: number): Operation<Input, Output> => ({
  client,
  input: { type: 'read' },
  output,
  callMs,
  returnMs,
});
const verdict = (history: readonly Operation<Input, Output>[]) => checkLinearizable(model, history).result;

describe('linearizability, by hand', () => {
  it('takes an empty history', () => expect(verdict([])).toBe('linearizable'));

  it('lets concurrent operations take effect in either order', () => {
    expect(verdict([write(0, 1, 0, 10), read(1, 1, 2, 4), read(2, null, 1, 3)])).toBe('linearizable');
    expect(verdict([write(0, 1, 0, 10), read(1, null, 2, 4), read(2, 1, 1, 3)])).toBe('linearizable');
  });

  it('does not let a read go back in time', () => {
    expect(verdict([write(0, 1, 0, 10), read(1, 1, 2, 4), read(2, null, 5, 6)])).toBe('illegal');
    expect(verdict([write(0, 1, 0, 1), read(1, null, 2, 3)])).toBe('illegal');
  });

  it('lets a write without an answer happen late, or as good as never', () => {
    expect(verdict([write(0, 1, 0, INFINITY), read(1, null, 5, 6), read(1, 1, 50, 60)])).toBe('linearizable');
    expect(verdict([write(0, 1, 0, INFINITY), read(1, null, 5, 6)])).toBe('linearizable');
    expect(verdict([write(0, 1, 0, INFINITY), read(1, 1, 5, 6), read(1, null, 7, 8)])).toBe('illegal');
  });

  it('does not let it happen before its call', () => {
    expect(verdict([read(1, 1, 0, 1), write(0, 1, 5, INFINITY)])).toBe('illegal');
  });

  it('shows the part without an order, and how far it came', () => {
    const history = [write(0, 1, 0, 1), write(0, 2, 2, 3), read(1, 1, 4, 5)];
    const found = checkLinearizable(model, history);
    expect(found).toMatchObject({ result: 'illegal', prefix: [{ input: { value: 1 } }, { input: { value: 2 } }] });
  });

  it('gives up when it is told to', () => {
    const history = Array.from({ length: 12 }, (_, i) => write(i, i, 0, 100)).concat(read(20, 99, 200, 300));
    expect(checkLinearizable(model, history, 1_000).result).toBe('unknown');
  });

  it('looks at parts one by one where the model says that it may', () => {
    const split: Model<number, Input, Output> = {
      ...model,
      partition: (history) => [0, 1].map((n) => history.filter(({ client }) => client === n)),
    };
    expect(checkLinearizable(split, [write(0, 1, 0, 1), read(1, null, 2, 3)]).result).toBe('linearizable');
    expect(checkLinearizable(split, [write(0, 1, 0, 1), read(0, null, 2, 3), read(1, null, 2, 3)]).result).toBe('illegal');
  });
});

describe('linearizability, by construction', () => {
  /** Takes effect somewhere between call and return, so the history is linearizable by the way it was made. */
  function historyOf(random: Random, operations: number): Operation<Input, Output>[] {
    let value: number | null = null;
    return Array.from({ length: operations }, (_, i) => {
      const effectMs = 10 * i + 5;
      const callMs = effectMs - random.float() * 30;
      const returnMs = random.chance(0.05) ? INFINITY : effectMs + random.float() * 30;
      if (random.chance(0.5)) return read(i, value, callMs, returnMs);
      value = random.below(5);
      return write(i, value, callMs, returnMs);
    });
  }

  it('finds an order for every history that has one', () => {
    const random = new Random('histories');
    for (let i = 0; i < 50; i++) expect(verdict(historyOf(random, 60))).toBe('linearizable');
  });

  it('finds none when a value is read that nobody wrote', () => {
    const random = new Random('forged');
    for (let i = 0; i < 20; i++) {
      const history = historyOf(random, 30);
      const at = history.findIndex(({ input, returnMs }) => input.type === 'read' && returnMs < INFINITY);
      const forged = history.with(at, { ...(history[at] ?? read(0, 0, 0, 0)), output: 77 });
      expect(verdict(forged)).toBe('illegal');
    }
  });
});

describe('linearizability, published histories of etcd', () => {
  const lines = readFileSync(join(import.meta.dirname, 'histories/etcd.txt'), 'utf8')
    .split('\n')
    .filter((line) => /^\d/.test(line));

  it('has them all', () => expect(lines).toHaveLength(102));

  it.each(lines.map((line) => line.split(' ')))('%s is %s', (_number, expected, ...events) => {
    expect(verdict(parse(events))).toBe(expected === 'ok' ? 'linearizable' : 'illegal');
  });

  function parse(events: readonly string[]): Operation<Input, Output>[] {
    const open = new Map<string, number>();
    const operations: Operation<Input, Output>[] = [];
    for (const [atMs, event] of events.entries()) {
      const [process = '', what = ''] = event.split(/[?!]/);
      if (event.includes('?')) {
        open.set(process, operations.length);
        operations.push({ client: Number(process), input: inputOf(what), output: undefined, callMs: atMs, returnMs: INFINITY });
        continue;
      }
      const index = open.get(process) ?? -1;
      const operation = operations[index];
      open.delete(process);
      if (operation !== undefined) operations[index] = { ...operation, output: outputOf(what), returnMs: atMs };
    }
    return operations;
  }

  function inputOf(what: string): Input {
    const [first = 0, second = 0] = what.slice(1).split(',').map(Number);
    if (what.startsWith('r')) return { type: 'read' };
    return what.startsWith('w') ? { type: 'write', value: first } : { type: 'set', from: first, to: second };
  }

  function outputOf(what: string): Output | undefined {
    if (what === 'x') return undefined;
    if (what.startsWith('c')) return what === 'c1';
    return what === 'w' ? true : what === 'rn' ? null : Number(what.slice(1));
  }
});
