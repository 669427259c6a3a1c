/** The members in a genesis file: each mistake is refused by its own code. */
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/base/bytes.ts';
import type { Json, NodeId } from '../../../src/base/types.ts';
import type { Faults } from '../../../src/consensus/members/membership.ts';
import { possessionMessage } from '../../../src/consensus/members/possession.ts';
import { COMMON_SETTINGS, readCommonSettings } from '../../../src/consensus/members/settings.ts';
import { SettingsReader } from '../../../src/consensus/settings-reader.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';

type MemberJson = { node: NodeId | string; publicKey: string; proofOfPossession: string };

function member(i: number): MemberJson {
  const { publicKey, sign } = TAG_KEYS.signer(i, 0);
  return { node: `n${i}`, publicKey, proofOfPossession: toHex(sign(possessionMessage(publicKey))) };
}

const members = (count: number): MemberJson[] => Array.from({ length: count }, (_, i) => member(i));

function read(list: readonly Json[], faults: Faults = 'crash', more: { readonly [name: string]: Json } = {}) {
  const reader = new SettingsReader('test', { members: list, ...more }, COMMON_SETTINGS);
  return readCommonSettings(reader, faults, TAG_KEYS.signatures);
}

const without = (field: keyof MemberJson, list = members(4)): Json[] =>
  list.map((each, i) => (i === 1 ? Object.fromEntries(Object.entries(each).filter(([name]) => name !== field)) : each));

describe('the members of a genesis file', () => {
  it('are read in their order, with the pace of blocks', () => {
    const { membership, blockIntervalMs, emptyBlockMs } = read(members(5), 'crash', { blockIntervalMs: 50, emptyBlockMs: 1_000 });
    expect(membership.members.map(({ node }) => node)).toEqual(['n0', 'n1', 'n2', 'n3', 'n4']);
    expect([blockIntervalMs, emptyBlockMs]).toEqual([50, 1_000]);
    expect(read(members(3))).toMatchObject({ blockIntervalMs: 0, emptyBlockMs: 0 });
  });

  it('need not show that keys are their own where members only crash', () => {
    expect(read(without('proofOfPossession', members(3))).membership.size).toBe(3);
  });

  it.each<[string, readonly Json[], Faults, string]>([
    ['too few for a crash', members(1), 'crash', 'members/too-few'],
    ['too few for a lie', members(3), 'byzantine', 'members/too-few'],
    ['an even number', members(4), 'crash', 'members/even'],
    ['a node twice', [...members(2), { ...member(2), node: 'n0' }], 'crash', 'members/duplicate'],
    ['a key twice', [...members(2), { ...member(1), node: 'n9' }], 'crash', 'members/duplicate'],
    ['a key that is none', [...members(2), { ...member(2), publicKey: `0x${'00'.repeat(48)}` }], 'crash', 'members/key'],
    ['a key that is too short', [...members(2), { ...member(2), publicKey: '0xa0' }], 'crash', 'genesis/test'],
    ['no key', without('publicKey'), 'byzantine', 'genesis/test'],
    ['no proof where members may lie', without('proofOfPossession'), 'byzantine', 'genesis/test'],
    [
      'the proof of another key',
      [...members(3), { ...member(3), proofOfPossession: member(1).proofOfPossession }],
      'byzantine',
      'members/possession',
    ],
    [
      'a wrong proof where none is needed',
      [...members(2), { ...member(2), proofOfPossession: member(1).proofOfPossession }],
      'crash',
      'members/possession',
    ],
    ['no name', [...members(2), { ...member(2), node: '' }], 'crash', 'genesis/test'],
    ['a name that is too long', [...members(2), { ...member(2), node: 'n'.repeat(129) }], 'crash', 'genesis/test'],
    ['a field that nobody knows', [...members(2), { ...member(2), weight: 3 }], 'crash', 'genesis/test'],
    ['something that is no object', [...members(2), 'n2'], 'crash', 'genesis/test'],
    ['more than can vote', Array(256).fill(member(0)), 'crash', 'genesis/test'],
  ])('with %s are refused', (_what, list, faults, code) => {
    expect(() => read(list, faults)).toThrow(expect.objectContaining({ code }));
  });

  it.each([{ blockIntervalMs: -1 }, { blockIntervalMs: 3_600_001 }, { emptyBlockMs: 0.5 }, { emptyBlockMs: 'never' }])(
    'with %j are refused',
    (more) => {
      expect(() => read(members(3), 'crash', more)).toThrow(expect.objectContaining({ code: 'genesis/test' }));
    },
  );

  it('are a list', () => {
    const reader = new SettingsReader('test', {}, COMMON_SETTINGS);
    expect(() => readCommonSettings(reader, 'crash', TAG_KEYS.signatures)).toThrow(expect.objectContaining({ code: 'genesis/test' }));
  });
});
