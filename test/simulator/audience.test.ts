import { describe, expect, it } from 'vitest';
import { Audience } from '../../src/simulator/audience.ts';
import type { Observation } from '../../src/simulator/observations.ts';

const STOPPED: Observation = { type: 'stopped', node: 1, error: null };
const SUBMITTED: Observation = { type: 'submitted', node: 1, transaction: new Uint8Array(0) };

function watching(seen: string[], name: string, sees?: readonly Observation['type'][]) {
  return { ...(sees && { sees }), observe: ({ type }: Observation) => void seen.push(`${name} ${type}`) };
}

describe('an audience', () => {
  it('shows each observer what it looks at, in the order in which they came', () => {
    const audience = new Audience();
    const seen: string[] = [];
    audience.add(watching(seen, 'b', ['stopped']));
    audience.add(watching(seen, 'a'));
    audience.add(watching(seen, 'c', ['submitted', 'stopped']));
    audience.show(STOPPED);
    audience.show(SUBMITTED);
    expect(seen).toEqual(['b stopped', 'a stopped', 'c stopped', 'a submitted', 'c submitted']);
  });

  it('shows later observers what comes after them', () => {
    const audience = new Audience();
    const seen: string[] = [];
    audience.add(watching(seen, 'a', ['stopped']));
    audience.show(STOPPED);
    audience.add(watching(seen, 'b', ['stopped']));
    audience.show(STOPPED);
    expect(seen).toEqual(['a stopped', 'a stopped', 'b stopped']);
  });
});
