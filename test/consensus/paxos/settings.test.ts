/** The settings of a Multi-Paxos network: defaults, relations, and what is refused by which code. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/base/types.ts';
import { parseSettings } from '../../../src/consensus/paxos/settings.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';

const NODES = [0, 1, 2, 3].map(placeId);

const parse = (settings: { readonly [name: string]: Json }) =>
  parseSettings({ members: membersOf(NODES.slice(0, 3), TAG_KEYS), ...settings }, TAG_KEYS.signatures);

describe('the settings of Multi-Paxos', () => {
  it('have defaults', () => {
    const { election, heartbeatMs, suspicionMs, maxSuspicionMs, window } = parse({});
    expect([election, heartbeatMs, suspicionMs, maxSuspicionMs, window]).toEqual(['bully', 100, 500, 2_000, 32]);
  });

  it('fit a slower heartbeat by themselves', () => {
    const { suspicionMs, maxSuspicionMs } = parse({ heartbeatMs: 400 });
    expect([suspicionMs, maxSuspicionMs]).toEqual([1_200, 4_800]);
  });

  it.each([
    [{ election: 'coin' }, 'genesis/paxos'],
    [{ heartbeatMs: 0 }, 'genesis/paxos'],
    [{ heartbeatMs: 100, suspicionMs: 299 }, 'genesis/paxos'],
    [{ suspicionMs: 1_000, maxSuspicionMs: 999 }, 'genesis/paxos'],
    [{ window: 0 }, 'genesis/paxos'],
    [{ window: 129 }, 'genesis/paxos'],
    [{ ballots: 1 }, 'genesis/paxos'],
    [{ members: membersOf(NODES, TAG_KEYS) }, 'members/even'],
    [{ members: membersOf(NODES.slice(0, 1), TAG_KEYS) }, 'members/too-few'],
  ])('are refused: %j', (settings, code) => {
    expect(() => parse(settings)).toThrow(expect.objectContaining({ code }));
  });
});
