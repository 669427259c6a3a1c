/** The settings of a Raft network: defaults, relations, and what is refused by which code. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/base/types.ts';
import { parseSettings } from '../../../src/consensus/raft/settings.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { NODES } from '../members/world.ts';

const parse = (settings: { readonly [name: string]: Json }) =>
  parseSettings({ members: membersOf(NODES, TAG_KEYS), ...settings }, TAG_KEYS.signatures);

describe('the settings of Raft', () => {
  it('have defaults', () => {
    const { heartbeatMs, electionMinMs, electionMaxMs, blockIntervalMs, emptyBlockMs } = parse({});
    expect([heartbeatMs, electionMinMs, electionMaxMs, blockIntervalMs, emptyBlockMs]).toEqual([75, 750, 1_500, 0, 0]);
  });

  it('fit a slower heartbeat by themselves', () => {
    const { electionMinMs, electionMaxMs } = parse({ heartbeatMs: 500 });
    expect([electionMinMs, electionMaxMs]).toEqual([2_500, 5_000]);
  });

  it.each([
    [{ heartbeatMs: 0 }, 'genesis/raft'],
    [{ heartbeatMs: 'often' }, 'genesis/raft'],
    [{ heartbeatMs: 100, electionMinMs: 499 }, 'genesis/raft'],
    [{ electionMinMs: 1_000, electionMaxMs: 1_000 }, 'genesis/raft'],
    [{ electionTimeoutMs: 1_000 }, 'genesis/raft'],
    [{ members: membersOf(NODES.slice(0, 4), TAG_KEYS) }, 'members/even'],
    [{ members: membersOf(NODES.slice(0, 1), TAG_KEYS) }, 'members/too-few'],
  ])('are refused: %j', (settings, code) => {
    expect(() => parse(settings)).toThrow(expect.objectContaining({ code }));
  });
});
