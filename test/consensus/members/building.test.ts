/** When the next block is due, and what its header says. */
import { describe, expect, it } from 'vitest';
import { ZERO_ADDRESS } from '../../../src/base/types.ts';
import { buildDelayMs, fieldsOf, roundOf } from '../../../src/consensus/members/building.ts';
import { Membership } from '../../../src/consensus/members/membership.ts';
import { placeId } from '../../../src/simulator/places.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { childOf, GENESIS_STORED, nodeOf } from '../../simulator/support.ts';

const membership = new Membership([{ node: placeId(0), publicKey: TAG_KEYS.signer(0, 0).publicKey }], 'crash');
const parent = GENESIS_STORED.node;
const draft = {
  parent,
  wallMs: 1_000 * (parent.header.timestamp + 7) + 999,
  beneficiary: ZERO_ADDRESS,
  membership,
  round: 5n,
  payload: new Uint8Array(0),
};

describe('the header of a block', () => {
  it('names the round, the members and the second', () => {
    const fields = fieldsOf(draft);
    expect(fields).toMatchObject({ timestamp: parent.header.timestamp + 7, difficulty: 0n, mixHash: membership.id });
    expect(roundOf(nodeOf(childOf(GENESIS_STORED.block, 0, { nonce: fields.nonce })))).toBe(5n);
  });

  it('is never before its parent, whatever the clock shows', () => {
    expect(fieldsOf({ ...draft, wallMs: 0 }).timestamp).toBe(parent.header.timestamp);
  });
});

describe('the next block', () => {
  it.each([
    [0, 0, true, 5, 0],
    [0, 0, false, 5, null],
    [100, 0, true, 30, 70],
    [100, 0, true, 130, 0],
    [0, 1_000, false, 400, 600],
    [0, 1_000, false, 1_400, 0],
    [500, 200, false, 100, 400],
  ])(
    'with an interval of %d ms, empty ones after %d ms, work: %s, %d ms after the last is due in %s',
    (blockIntervalMs, emptyBlockMs, hasWork, sinceMs, expected) => {
      expect(buildDelayMs({ blockIntervalMs, emptyBlockMs }, { hasWork, sinceMs })).toBe(expected);
    },
  );
});
