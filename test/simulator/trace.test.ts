/** The trace: its hash sees whatever differs, its lines say it, and errors are told in one line with their place. */
import { describe, expect, it } from 'vitest';
import { InternalError, UsageError } from '../../src/base/errors.ts';
import { describe as tell } from '../../src/simulator/describe.ts';
import { KINDS, type Kind, Trace, type TraceEntry, traceLine } from '../../src/simulator/trace.ts';

type Note = Parameters<Trace['note']>;
const NOTE: Note = [1_000, 'send', 1, 2, 3, 'block'];

const hashOf = (...notes: readonly Note[]) => {
  const trace = new Trace();
  for (const note of notes) trace.note(...note);
  return trace.hash;
};

describe('the hash of a trace', () => {
  it('is 64 bits in hex, and the same for the same lines', () => {
    expect(hashOf()).toMatch(/^[0-9a-f]{16}$/);
    expect(hashOf(NOTE, NOTE)).toMatch(/^[0-9a-f]{16}$/);
    expect(hashOf(NOTE, NOTE)).toBe(hashOf([...NOTE], [...NOTE]));
  });

  it('sees every field, the order, and every line', () => {
    const others: Note[] = [
      [1_001, 'send', 1, 2, 3, 'block'],
      [1_000, 'receive', 1, 2, 3, 'block'],
      [1_000, 'send', 0, 2, 3, 'block'],
      [1_000, 'send', 1, 0, 3, 'block'],
      [1_000, 'send', 1, -1, 3, 'block'],
      [1_000, 'send', 1, 2, 4, 'block'],
      [1_000, 'send', 1, 2, 3, 'blocks'],
      [1_000, 'send', 1, 2, 3, ''],
    ];
    const second = others[0] ?? NOTE;
    const all = [[], [NOTE], ...others.map((note) => [note]), [NOTE, NOTE], [NOTE, second], [second, NOTE]].map((notes) =>
      hashOf(...notes),
    );
    expect(new Set(all).size).toBe(all.length);
  });

  it('sees every byte of what is said', () => {
    const said = [[], [0], [0, 0], [1], [1, 2], [2, 1]].map((bytes) => {
      const trace = new Trace();
      trace.content(Uint8Array.from(bytes));
      return trace.hash;
    });
    expect(new Set([...said, hashOf()]).size).toBe(said.length + 1);
  });

  it('tells all kinds apart', () => {
    expect(new Set(KINDS.map((kind: Kind) => hashOf([0, kind, 0]))).size).toBe(KINDS.length);
  });

  it('does not depend on who reads', () => {
    const entries: TraceEntry[] = [];
    const read = new Trace((entry) => entries.push(entry));
    read.note(1_000, 'send', 1, 2, 3, 'block', { more: 'than others see' });
    read.detail(1_000, 'insert', 1, 0, 'more');
    expect(read.hash).toBe(hashOf(NOTE));
    expect(entries.map(({ kind }) => kind)).toEqual(['send', 'insert']);
    expect([read.isRead, new Trace().isRead]).toEqual([true, false]);
  });
});

describe('a line of a trace', () => {
  const entry: TraceEntry = { atUs: 1_500, kind: 'send', node: 0, peer: 1, id: 7, what: 'block', data: { deep: [1] } };

  it('is JSON with what there is', () => {
    expect(JSON.parse(traceLine(entry))).toEqual({ ms: 1.5, kind: 'send', node: 0, peer: 1, id: 7, what: 'block', data: { deep: [1] } });
    const bare = { ...entry, node: -1, peer: -1, id: 0, what: '', data: null };
    expect(JSON.parse(traceLine(bare))).toEqual({ ms: 1.5, kind: 'send' });
    expect(traceLine({ ...entry, what: 'two\nlines' })).not.toContain('\n');
  });
});

describe('an error in one line', () => {
  const own = new UsageError('test/own', 'It was said on purpose.');

  it('has its message, and no place when it was thrown on purpose', () => {
    expect(tell(own)).toBe('It was said on purpose.');
    expect(tell(new InternalError('test/outer', 'It failed', {}, own))).toBe('It failed: It was said on purpose.');
  });

  it('has the place of the innermost error that nobody meant to throw', () => {
    const inner = new TypeError('no such thing');
    const told = tell(new InternalError('test/outer', 'It failed', {}, new Error('while at work', { cause: inner })));
    expect(told).toMatch(/^It failed: while at work: no such thing \(at .*trace\.test\.ts:\d+/);
    expect(told.split('\n')).toHaveLength(1);
  });

  it('finds the place below a message of several lines', () => {
    expect(tell(new TypeError('one\ntwo'))).toMatch(/\(at .*trace\.test\.ts:\d+/);
  });

  it('takes whatever is thrown', () => {
    expect(tell('a text')).toBe('a text');
    expect(tell(undefined)).toBe('undefined');
    const bare = new Error('no stack');
    delete bare.stack;
    expect(tell(bare)).toBe('no stack');
  });
});
