import { describe, expect, it } from 'vitest';
import { RuleError } from '../../../src/base/errors.ts';
import type { EngineSettings } from '../../../src/chain/params.ts';
import { checkChange, checkNext } from '../../../src/consensus/phases/approvals.ts';
import {
  approversOf,
  type Change,
  decodeEngine,
  encodeChange,
  engineBytes,
  isChange,
  membershipOf,
  statementOf,
} from '../../../src/consensus/phases/change.ts';
import type { Network } from '../../../src/consensus/phases/state.ts';
import { Timeline } from '../../../src/consensus/phases/timeline.ts';
import { TAG_KEYS } from '../../../src/simulator/tags.ts';
import { GENESIS } from '../../simulator/support.ts';
import { codeOf, create, engineOf } from './network.ts';

const { signatures } = TAG_KEYS;
const PBFT = engineOf('pbft', 4);
const NEXT = engineOf('raft', 3);

/** The first phase, and how its members approve. */
function phase(engine: EngineSettings, genesisHash = GENESIS.params.genesisHash) {
  const params = { ...GENESIS.params, genesisHash, engine };
  const node = { beneficiary: GENESIS.block.header.beneficiary, produce: false, signers: [] };
  const timeline = new Timeline(
    params,
    { first: engine, transitions: [] },
    (of) => create(of, node, signatures),
    () => null,
  );
  const network = { params, timeline, signatures, node } as unknown as Network;
  const electorate = approversOf(params, membershipOf(engine, timeline.last.engine.faults, signatures), signatures);
  /** The change as a block carries it, with approvals of these places for what they were shown. */
  const approved = (change: Change, places: readonly number[], shown: Change = change): Uint8Array => {
    const votes = places.map((place) => electorate.vote(place, TAG_KEYS.signer(place, 0), statementOf(shown)));
    const [first] = votes;
    if (first === undefined) throw new Error('nobody approves');
    const signature = signatures.aggregate(votes.map((vote) => vote.signature));
    return encodeChange(electorate, { ...change, votes: { ...first, members: places, signature } });
  };
  const check = (payload: Uint8Array) => checkChange(network, timeline.last, payload);
  return { network, phase: timeline.last, approved, check };
}

describe('an agreed change', () => {
  const change = { phase: 0, engine: NEXT };

  it('holds with a quorum of approvals where members may lie', () => {
    const { approved, check } = phase(PBFT);
    expect(check(approved(change, [0, 1, 3]))).toMatchObject(change);
    expect(codeOf(() => check(approved(change, [0, 1])))).toBe('phases/change-unapproved');
  });

  it('holds with one where they only crash', () => {
    const { approved, check } = phase(NEXT);
    expect(check(approved({ phase: 0, engine: PBFT }, [2]))).toMatchObject({ engine: PBFT });
  });

  it('is refused with approvals for something else', () => {
    const { approved, check } = phase(PBFT);
    const other = { phase: 0, engine: engineOf('raft', 5) };
    expect(codeOf(() => check(approved(change, [0, 1, 2], other)))).toBe('phases/change-unapproved');
    expect(codeOf(() => check(approved(change, [0, 1, 2], { ...change, phase: 1 })))).toBe('phases/change-unapproved');
  });

  it('is refused on another chain', () => {
    const { approved } = phase(PBFT);
    const { check } = phase(PBFT, `0x${'ab'.repeat(32)}` as typeof GENESIS.params.genesisHash);
    expect(codeOf(() => check(approved(change, [0, 1, 2])))).toBe('phases/change-unapproved');
  });

  it('is refused in another phase', () => {
    const { approved, check } = phase(PBFT);
    expect(codeOf(() => check(approved({ ...change, phase: 1 }, [0, 1, 2])))).toBe('phases/change-phase');
  });

  it('is refused with settings that make no sense', () => {
    const { approved, check } = phase(PBFT);
    for (const engine of [engineOf('raft', 2), engineOf('raft', 3, { heartbeatMs: -1 }), engineOf('pbft', 4, { pace: 1 })]) {
      expect(codeOf(() => check(approved({ phase: 0, engine }, [0, 1, 2])))).toBe('phases/change-settings');
    }
  });

  it('is refused when it is malformed', () => {
    const { approved, check } = phase(PBFT);
    const good = approved(change, [0, 1, 2]);
    for (const bytes of [good.subarray(0, 1), good.subarray(0, -1), Uint8Array.of(...good, 0), Uint8Array.of(0xff, 0xc0)]) {
      let thrown: unknown;
      try {
        check(bytes);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(RuleError);
    }
    expect(isChange(good)).toBe(true);
    expect(isChange(Uint8Array.of(0xc0))).toBe(false);
  });

  it('cannot lead to an engine without members', () => {
    const { network, phase: first } = phase(PBFT);
    expect(codeOf(() => checkNext(network, first, { name: 'pow', settings: {} }))).toBe('phases/engine');
  });
});

describe('the settings of a change', () => {
  it('have one encoding, whatever the order of their fields', () => {
    const one = { name: 'raft', settings: { a: 1, b: [{ c: 2, d: 3 }] } };
    const other = { name: 'raft', settings: { b: [{ d: 3, c: 2 }], a: 1 } };
    expect(engineBytes(one)).toEqual(engineBytes(other));
    expect(decodeEngine(engineBytes(one))).toEqual(one);
  });

  it.each(['', '[]', '{}', '{"name":7}', '{ "name":"raft"}', '{"name":"raft"', '"raft"'])('are refused as %j', (text) => {
    expect(codeOf(() => decodeEngine(new TextEncoder().encode(text)))).toBe('phases/change-encoding');
  });
});
