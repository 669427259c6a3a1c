/** Which evidence proves an offence, as a truth table, and what a slashing costs and brings. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkOffence, convictedBy, correlationEpoch, isSlashable, slash } from '../../../src/consensus/pos/offences.ts';
import { withBalance } from '../../../src/consensus/pos/registry.ts';
import { SLASHING_EPOCHS } from '../../../src/consensus/pos/settings.ts';
import { firstSlot } from '../../../src/consensus/pos/time.ts';
import { type AttestationData, FAR_FUTURE_EPOCH, type Offence, type StakeState } from '../../../src/consensus/pos/types.ts';
import { codeOf, ETHER, StakeChain, someHash } from './stake-chain.ts';

const chain = new StakeChain();
chain.run(41);

/** A link, with a head of its own where `head` says so. */
function link(source: number, target: number, head = 0): AttestationData {
  return {
    slot: target * 4,
    committee: 0,
    head: someHash(head),
    source: { epoch: source, root: someHash(source) },
    target: { epoch: target, root: someHash(target) },
  };
}

function votes(first: AttestationData, second: AttestationData, firstIndices = [1, 2, 3], secondIndices = [2, 3, 4]): Offence {
  return { type: 'votes', first: chain.indexed(first, firstIndices), second: chain.indexed(second, secondIndices) };
}

function proposals(first = someHash(1), second = someHash(2), slot = 40): Offence {
  return { type: 'proposals', first: chain.proposal(5, slot, first), second: chain.proposal(5, slot, second) };
}

function verdict(offence: Offence, state: StakeState = chain.state): readonly number[] | string | undefined {
  let guilty: readonly number[] = [];
  return (
    codeOf(() => {
      guilty = checkOffence(chain.rules, state, offence);
    }) ?? guilty
  );
}

describe('consensus/pos offences', () => {
  it.each<[string, AttestationData, AttestationData, readonly number[] | string]>([
    ['the same vote twice', link(3, 5), link(3, 5), 'pos/offence-votes'],
    ['one target, another head', link(3, 5, 1), link(3, 5, 2), [2, 3]],
    ['one target, another source', link(2, 5), link(3, 5), [2, 3]],
    ['one target epoch, another checkpoint', { ...link(3, 5), target: { epoch: 5, root: someHash(9) } }, link(3, 5), [2, 3]],
    ['the first surrounds the second', link(2, 7), link(3, 5), [2, 3]],
    ['the second surrounds the first', link(3, 5), link(2, 7), 'pos/offence-votes'],
    ['nested, with one source', link(3, 7), link(3, 5), 'pos/offence-votes'],
    ['one after the other', link(3, 4), link(4, 5), 'pos/offence-votes'],
    ['overlapping, not nested', link(3, 6), link(5, 7), 'pos/offence-votes'],
    ['far apart', link(1, 2), link(7, 8), 'pos/offence-votes'],
  ])('%s', (_, first, second, expected) => {
    expect(verdict(votes(first, second))).toEqual(expected);
  });

  it('agrees with the slashing conditions for all small links', () => {
    const epoch = fc.integer({ min: 0, max: 5 });
    fc.assert(
      fc.property(epoch, epoch, epoch, epoch, (s1, t1, s2, t2) => {
        const isDouble = t1 === t2 && s1 !== s2;
        const isSurround = s1 < s2 && t2 < t1;
        expect(verdict(votes(link(s1, t1), link(s2, t2)))).toEqual(isDouble || isSurround ? [2, 3] : 'pos/offence-votes');
      }),
    );
  });

  it('finds two blocks of one slot', () => {
    expect(verdict(proposals())).toEqual([5]);
    expect(convictedBy(proposals())).toEqual([5]);
  });

  it.each<[string, Offence, string]>([
    ['the same block twice', proposals(someHash(1), someHash(1)), 'pos/offence-same'],
    ['other slots', { ...proposals(), second: chain.proposal(5, 39, someHash(2)) } as Offence, 'pos/offence-slots'],
    ['other proposers', { ...proposals(), second: chain.proposal(6, 40, someHash(2)) } as Offence, 'pos/offence-slots'],
    [
      'a proposer that does not exist',
      {
        type: 'proposals',
        first: { ...chain.proposal(5, 40, someHash(1)), proposer: 99 },
        second: { ...chain.proposal(5, 40, someHash(2)), proposer: 99 },
      },
      'pos/offence-indices',
    ],
    [
      'a forged signature',
      { ...proposals(), second: { ...chain.proposal(5, 40, someHash(2)), signature: new Uint8Array(96) } } as Offence,
      'pos/offence-signature',
    ],
    ['nobody in both votes', votes(link(2, 7), link(3, 5), [1], [2]), 'pos/offence-known'],
  ])('refuses %s', (_, offence, code) => {
    expect(verdict(offence)).toBe(code);
  });

  it.each<[string, readonly number[]]>([
    ['unsorted', [3, 2]],
    ['repeated', [2, 2]],
    ['none', []],
    ['of nobody', [2, 8]],
  ])('refuses indices that are %s', (_, indices) => {
    const good = votes(link(2, 7), link(3, 5)) as Extract<Offence, { type: 'votes' }>;
    expect(verdict({ ...good, first: { ...good.first, indices } })).toBe('pos/offence-indices');
    expect(verdict({ ...good, second: { ...good.second, indices } })).toBe('pos/offence-indices');
  });

  it('refuses votes that somebody else signed, or that were signed for another chain', () => {
    const good = votes(link(2, 7), link(3, 5)) as Extract<Offence, { type: 'votes' }>;
    const { signature } = chain.indexed(link(2, 7), [1, 2]);
    expect(verdict({ ...good, first: { ...good.first, signature } })).toBe('pos/offence-signature');
    const elsewhere = { ...chain.rules, params: { ...chain.rules.params, chainId: 1 } };
    expect(codeOf(() => checkOffence(elsewhere, chain.state, good))).toBe('pos/offence-signature');
  });

  it('takes evidence that is younger than the unbonding period, by the later vote', () => {
    const { settings } = chain.rules;
    const young = chain.at(firstSlot(settings, 7 + settings.unbondingEpochs - 1));
    const old = chain.at(firstSlot(settings, 7 + settings.unbondingEpochs));
    expect(verdict(votes(link(2, 7), link(3, 5)), young)).toEqual([2, 3]);
    expect(verdict(votes(link(2, 7), link(3, 5)), old)).toBe('pos/offence-stale');
  });

  it('does not slash twice, nor before activation, nor after withdrawal', () => {
    const { settings } = chain.rules;
    const once = slash(settings, chain.state, 2, 0, false).state;
    expect(verdict(votes(link(2, 7), link(3, 5)), once)).toEqual([3]);
    const twice = slash(settings, once, 3, 0, false).state;
    expect(verdict(votes(link(2, 7), link(3, 5)), twice)).toBe('pos/offence-known');
    const validator = { ...chain.state.validators[0], slashed: false, activationEpoch: 5, exitEpoch: 9, withdrawableEpoch: 20 } as never;
    expect([4, 5, 9, 19, 20].map((epoch) => isSlashable(validator, epoch))).toEqual([false, true, true, true, false]);
  });

  it('takes 1/32 at once and gives 1/512 to whoever told', () => {
    const { settings } = chain.rules;
    const { balances } = chain.state;
    const own = slash(settings, chain.state, 2, 6, false);
    expect(own.reporterReward).toBe(0n);
    expect((balances[2] ?? 0n) - (own.state.balances[2] ?? 0n)).toBe(1n * ETHER);
    expect((own.state.balances[6] ?? 0n) - (balances[6] ?? 0n)).toBe((32n * ETHER) / 512n);
    const reported = slash(settings, chain.state, 2, 6, true);
    expect((reported.state.balances[6] ?? 0n) - (balances[6] ?? 0n)).toBe((32n * ETHER) / 512n / 8n);
    expect(reported.reporterReward).toBe((((32n * ETHER) / 512n) * 7n) / 8n);
  });

  it('never takes more than there is', () => {
    const poor = withBalance(chain.state, 2, 5n);
    expect(slash(chain.rules.settings, poor, 2, 6, false).state.balances[2]).toBe(0n);
  });

  it('ejects in two epochs, and keeps the stake for the unbonding period', () => {
    const { settings } = chain.rules;
    const { validators } = slash(settings, chain.state, 2, 6, false).state;
    expect(validators[2]).toMatchObject({
      slashed: true,
      exitEpoch: chain.epoch + 2,
      withdrawableEpoch: chain.epoch + settings.unbondingEpochs,
    });
    expect(chain.state.validators[2]?.exitEpoch).toBe(FAR_FUTURE_EPOCH);
    expect(correlationEpoch(settings, validators[2] as never)).toBe(chain.epoch + SLASHING_EPOCHS / 2);
  });

  it('takes everything from a third that offends within one window', () => {
    const big = new StakeChain(9);
    big.run(9);
    const { settings } = big.rules;
    let { state } = big;
    for (const index of [1, 2, 3]) state = slash(settings, state, index, 0, false).state;
    big.state = state;
    const due = correlationEpoch(settings, state.validators[1] as never);
    const after = big.at(firstSlot(settings, due + 1));
    // What is left is below the ether that weighed.
    for (const index of [1, 2, 3]) expect(after.balances[index]).toBeLessThan(ETHER);
    expect(after.balances[4]).toBeGreaterThan(31n * ETHER);
  });
});
