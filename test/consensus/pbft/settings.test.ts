/** What a genesis file may say of PBFT. */
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/base/types.ts';
import { parseSettings } from '../../../src/consensus/pbft/settings.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { membersOf } from '../../../src/simulator/subjects/member-list.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';

const membersFor = (nodes: number) =>
  membersOf(
    Array.from({ length: nodes }, (_, place) => placeId(place)),
    TAG_KEYS,
  );
const parse = (changes: { readonly [name: string]: Json } = {}, nodes = 4) =>
  parseSettings({ members: membersFor(nodes), ...changes }, TAG_KEYS.signatures);
const refused = (code: string) => expect.objectContaining({ code });

describe('settings', () => {
  it('have defaults', () => {
    const { viewTimeoutMs, maxViewTimeoutMs, checkpointEvery, windowBlocks } = parse();
    expect({ viewTimeoutMs, maxViewTimeoutMs, checkpointEvery, windowBlocks }).toEqual({
      viewTimeoutMs: 2_000,
      maxViewTimeoutMs: 32_000,
      checkpointEvery: 16,
      windowBlocks: 32,
    });
  });

  it('make a quorum of any number of members from four on', () => {
    const quorums = [4, 5, 6, 7, 10].map((nodes) => [nodes, parse({}, nodes).membership.quorum, parse({}, nodes).membership.faulty]);
    expect(quorums).toEqual([
      [4, 3, 1],
      [5, 4, 1],
      [6, 4, 1],
      [7, 5, 2],
      [10, 7, 3],
    ]);
  });

  it('are refused by name', () => {
    expect(() => parse({}, 3)).toThrow(refused('members/too-few'));
    expect(() => parse({ viewTimeoutMs: 1 })).toThrow(refused('genesis/pbft'));
    expect(() => parse({ viewTimeoutMs: 2_000, maxViewTimeoutMs: 1_000 })).toThrow(refused('genesis/pbft'));
    expect(() => parse({ checkpointEvery: 0 })).toThrow(refused('genesis/pbft'));
    expect(() => parse({ blockTime: 1 })).toThrow(refused('genesis/pbft'));
    const [first, ...others] = membersFor(4);
    expect(() => parse({ members: [{ ...first, proofOfPossession: `0x${'00'.repeat(96)}` }, ...others] })).toThrow(
      refused('members/possession'),
    );
    expect(() => parse({ members: [...membersFor(4), ...membersFor(1)] })).toThrow(refused('members/duplicate'));
  });
});
