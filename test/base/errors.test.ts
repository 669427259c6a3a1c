import { describe, expect, it } from 'vitest';
import { assert, present } from '../../src/base/assert.ts';
import { DecodeError, explain, InternalError, RuleError, SynodError, UsageError } from '../../src/base/errors.ts';

describe('base/errors', () => {
  it('says whose fault it is by its class and what it is by its code', () => {
    const error = new DecodeError('decode/hex', 'not hex', { length: 3 });
    expect(error).toBeInstanceOf(RuleError);
    expect(error).toBeInstanceOf(SynodError);
    expect(error).toMatchObject({ name: 'DecodeError', code: 'decode/hex', fields: { length: 3 }, blame: true });
    expect(new UsageError('cli/argument', 'no').name).toBe('UsageError');
  });

  it('blames nobody for what may become valid later', () => {
    expect(new RuleError('header/future', 'early', {}, { blame: false }).blame).toBe(false);
  });

  it('explains an error with its causes in one line', () => {
    const cause = new RangeError('disk full');
    expect(explain(new InternalError('storage/write', 'Could not write', {}, cause))).toBe('Could not write: disk full');
    expect(explain('plain')).toBe('plain');
  });

  it('stops at a broken invariant', () => {
    expect(() => assert(false, 'one is two')).toThrow(expect.objectContaining({ code: 'internal/assertion' }));
    expect(() => present(undefined, 'the thing')).toThrow(InternalError);
    expect(present(0, 'zero')).toBe(0);
  });
});
