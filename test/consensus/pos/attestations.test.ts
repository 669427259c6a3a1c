/** Which votes a block may carry, and what they count for. */
import { describe, expect, it } from 'vitest';
import { present } from '../../../src/base/assert.ts';
import { includeAttestation } from '../../../src/consensus/pos/attestations.ts';
import { baseRewardPerEther } from '../../../src/consensus/pos/rewards.ts';
import {
  type Attestation,
  type AttestationData,
  type StakeState,
  TIMELY_HEAD,
  TIMELY_SOURCE,
  TIMELY_TARGET,
} from '../../../src/consensus/pos/types.ts';
import { codeOf, ETHER, StakeChain, someHash } from './stake-chain.ts';

const chain = new StakeChain(8, { slotsPerEpoch: 8 });
chain.run(33, { attestations: [] });
const { settings, params } = chain.rules;
const ALL = TIMELY_SOURCE | TIMELY_TARGET | TIMELY_HEAD;

/** Of the committee of slot 33, in epoch 4. */
function vote(changes: Partial<AttestationData> = {}): Attestation {
  return present(chain.votesFor(chain.state, 33, () => true, changes)[0], 'a vote');
}

function include(attestation: Attestation, slot: number): StakeState {
  return includeAttestation(settings, params, chain.at(slot), attestation, 0).state;
}

const voter = present(chain.votesFor(chain.state, 33, () => true)[0], 'a vote').bits;

describe('consensus/pos attestations', () => {
  it.each<[string, number, Partial<AttestationData>, number]>([
    ['told at once', 34, {}, ALL],
    ['two slots late', 35, {}, TIMELY_SOURCE | TIMELY_TARGET],
    ['later than the root of an epoch', 36, {}, TIMELY_TARGET],
    ['in the next epoch', 41, {}, TIMELY_TARGET],
    ['for another head', 34, { head: someHash(1) }, TIMELY_SOURCE | TIMELY_TARGET],
  ])('counts a vote %s', (_, slot, changes, flags) => {
    const state = include(vote(changes), slot);
    const participation = slot < 40 ? state.currentParticipation : state.previousParticipation;
    expect(new Set(participation)).toEqual(new Set([0, flags]));
    expect(participation.filter((each) => each !== 0)).toHaveLength(voter.length);
  });

  it.each<[string, number, Partial<AttestationData>]>([
    ['pos/attestation-slot', 33, {}],
    ['pos/attestation-source', 34, { source: { epoch: 1, root: chain.genesis.parentHash } }],
    ['pos/attestation-source', 34, { source: { epoch: 0, root: someHash(1) } }],
    ['pos/attestation-target', 34, { target: { epoch: 4, root: someHash(1) } }],
    ['pos/attestation-epoch', 48, {}],
    ['pos/attestation-epoch', 34, { target: { epoch: 3, root: someHash(1) } }],
    ['pos/attestation-committee', 34, { committee: 1 }],
  ])('%s in slot %i', (code, slot, changes) => {
    expect(codeOf(() => include(vote(changes), slot))).toBe(code);
  });

  it('takes a vote for the next epoch from nobody', () => {
    const next = chain.votesFor(chain.at(40), 40, () => true)[0] as Attestation;
    expect(codeOf(() => include(next, 34))).toBe('pos/attestation-slot');
  });

  it('pays the proposer for what is new, and only once', () => {
    const perEther = baseRewardPerEther(settings, 256n * ETHER);
    const paid = (state: StakeState): bigint => (state.balances[0] ?? 0n) - (chain.state.balances[0] ?? 0n);
    const late = vote({ head: someHash(1) });
    const first = include(late, 34);
    expect(paid(first)).toBe((32n * perEther * 40n) / 448n);
    const again = includeAttestation(settings, params, first, late, 0).state;
    expect(again.balances).toEqual(first.balances);
    const better = includeAttestation(settings, params, first, vote(), 0).state;
    expect(paid(better)).toBe((32n * perEther * 40n) / 448n + (32n * perEther * 14n) / 448n);
    expect(Math.max(...better.currentParticipation)).toBe(ALL);
  });

  it('leaves the signature to be verified', () => {
    const { statement } = includeAttestation(settings, params, chain.at(34), vote(), 0);
    expect(chain.rules.signatures.verify(statement)).toBe(true);
    const forged = includeAttestation(settings, params, chain.at(34), { ...vote(), signature: new Uint8Array(96) }, 0);
    expect(chain.rules.signatures.verify(forged.statement)).toBe(false);
  });
});
