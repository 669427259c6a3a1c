/** The lists of voters that blocks commit to. */
import { describe, expect, it } from 'vitest';
import { DecodeError } from '../../../src/base/errors.ts';
import { decodeRlp, encodeRlp, type RlpValue } from '../../../src/chain/rlp.ts';
import { slash } from '../../../src/consensus/pos/offences.ts';
import { hashVoters, voterHashes, votersFields, votersFrom, votersOf, votersRoot } from '../../../src/consensus/pos/voters.ts';
import { ETHER, StakeChain } from './stake-chain.ts';

const chain = new StakeChain(6);
chain.run(9);
chain.extend(10, { said: [chain.deposit(20, 32)] });
chain.run(14);
const { settings } = chain.rules;

describe('consensus/pos voters', () => {
  it('lists who is active in an epoch, with key and weight', () => {
    const { epoch, voters } = votersOf(settings, chain.state, 3);
    expect([epoch, voters.length]).toEqual([3, 6]);
    expect(voters[2]).toEqual({ index: 2, publicKey: chain.state.validators[2]?.publicKey, effectiveBalance: 32n * ETHER });
    expect(votersOf(settings, chain.at(16), 4).voters.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('commits to the lists of this epoch and of the one before', () => {
    const hashes = voterHashes(settings, chain.state);
    expect(hashes).toEqual({
      previous: hashVoters(votersOf(settings, chain.state, 2)),
      current: hashVoters(votersOf(settings, chain.state, 3)),
    });
    expect(votersRoot(hashes)).not.toBe(votersRoot({ previous: hashes.current, current: hashes.previous }));
  });

  it('is the same in all states of an epoch, also when somebody is slashed', () => {
    const hashes = voterHashes(settings, chain.state);
    expect(voterHashes(settings, chain.at(15))).toEqual(hashes);
    expect(voterHashes(settings, slash(settings, chain.state, 2, 0, false).state)).toEqual(hashes);
    expect(voterHashes(settings, chain.at(16))).not.toEqual(hashes);
  });

  it('comes back from its encoding', () => {
    const voters = votersOf(settings, chain.state, 3);
    expect(votersFrom(decodeRlp(encodeRlp(votersFields(voters)), 'voters'))).toEqual(voters);
  });

  it.each<[string, (voters: readonly RlpValue[]) => RlpValue]>([
    ['another order', (voters) => voters.toReversed()],
    ['a voter twice', (voters) => [voters[0] ?? [], ...voters]],
    ['a voter without weight', (voters) => voters.with(0, (voters[0] as RlpValue[]).slice(0, 2))],
    ['no list', () => new Uint8Array(3)],
  ])('refuses %s', (_, change) => {
    const [epoch, voters] = votersFields(votersOf(settings, chain.state, 3));
    const encoded = encodeRlp([epoch ?? 0, change(voters as readonly RlpValue[])]);
    expect(() => votersFrom(decodeRlp(encoded, 'voters'))).toThrow(DecodeError);
  });
});
