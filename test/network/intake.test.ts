/** Whose fault an error inside a handler is: a peer's rule violations never stop the node, our own failures are told to it. */
import { describe, expect, it } from 'vitest';
import { InternalError, RuleError } from '../../src/base/errors.ts';
import { Hash, NodeId } from '../../src/base/types.ts';
import { Intake } from '../../src/network/intake.ts';
import type { NetworkHandlers } from '../../src/network/interface.ts';

const peer = NodeId('peer');
const rule = new RuleError('test/rule', 'the peer did it');
const bug = new InternalError('test/bug', 'we did it');

function intake(error: Error) {
  const failures: unknown[] = [];
  const offences: string[] = [];
  const fail = () => {
    throw error;
  };
  const handlers = { onDirect: fail, serveHeaders: fail, onBlock: fail, onFailure: (failure: unknown) => failures.push(failure) };
  const made = new Intake(
    handlers as unknown as NetworkHandlers,
    Hash(`0x${'11'.repeat(32)}`),
    () => true,
    () => undefined,
    (from, { code }) => offences.push(`${from} ${code}`),
  );
  return { made, failures, offences };
}

describe('network/intake', () => {
  it("throws an asker's rule violation on, so that the request ends and is held against it", () => {
    const { made, failures } = intake(rule);
    expect(() => made.served(() => []).serveHeaders({ from: 0, limit: 1 })).toThrow(rule);
    expect(failures).toEqual([]);
  });

  it('counts a rule violation in a direct message against its sender', () => {
    const { made, failures, offences } = intake(rule);
    made.direct(new Uint8Array(1), peer);
    expect(offences).toEqual(['peer test/rule']);
    expect(failures).toEqual([]);
  });

  it('tells the node of its own failures, and answers nothing', async () => {
    const { made, failures, offences } = intake(bug);
    made.direct(new Uint8Array(1), peer);
    expect(made.served(() => []).serveHeaders({ from: 0, limit: 1 })).toEqual([]);
    expect(await made.validate('blocks', new Uint8Array(1), peer)).toBe('ignore');
    expect(failures).toEqual([bug, bug, bug]);
    expect(offences).toEqual([]);
  });
});
