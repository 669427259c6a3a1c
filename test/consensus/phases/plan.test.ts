import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/base/types.ts';
import { planOf } from '../../../src/consensus/phases/plan.ts';
import { codeOf } from './network.ts';

const RAFT = { name: 'raft', settings: { heartbeatMs: 50 } };
const plan = (transitions: Json) => planOf({ ...RAFT, transitions });

describe('the transitions of a genesis file', () => {
  it('are none where it has none', () => {
    expect(planOf(RAFT)).toEqual({ first: RAFT, transitions: [] });
  });

  it('have heights and engines', () => {
    const read = plan([
      { height: 5, engine: { name: 'pbft', viewTimeoutMs: 1 } },
      { height: 9, engine: { name: 'zab' } },
    ]);
    expect(read.transitions).toEqual([
      { height: 5, engine: { name: 'pbft', settings: { viewTimeoutMs: 1 } } },
      { height: 9, engine: { name: 'zab', settings: {} } },
    ]);
  });

  it.each<[string, Json]>([
    ['no list', { height: 5 }],
    ['no object', [7]],
    ['no height', [{ engine: { name: 'pbft' } }]],
    ['genesis as the last block', [{ height: 0, engine: { name: 'pbft' } }]],
    ['half a block', [{ height: 1.5, engine: { name: 'pbft' } }]],
    ['an unknown field', [{ height: 5, at: 7, engine: { name: 'pbft' } }]],
    ['no engine', [{ height: 5 }]],
    ['an engine without a name', [{ height: 5, engine: {} }]],
    ['transitions inside', [{ height: 5, engine: { name: 'pbft', transitions: [] } }]],
    [
      'two of one height',
      [
        { height: 5, engine: { name: 'pbft' } },
        { height: 5, engine: { name: 'zab' } },
      ],
    ],
    ['too many', Array.from({ length: 65 }, (_, i) => ({ height: i + 1, engine: { name: 'zab' } }))],
  ])('are refused: %s', (_what, transitions) => {
    expect(codeOf(() => plan(transitions))).toBe('genesis/transitions');
  });
});
